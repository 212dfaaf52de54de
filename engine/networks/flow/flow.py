"""Flow: speech tokens at 25 Hz -> mel [B, F, T] at 50 Hz (24 kHz, hop 480, ln), by solving an ODE from noise.

mu = projection of the encoder's hidden frames; then `steps` Euler steps of x' = velocity(x, mu, speaker, known mel, t)
from addressed noise, with classifier-free guidance in a second row, or as mean-flow, or plain, as the config says.

Streaming: a window is a function of new tokens and `FlowState`, and returns the following state; nothing is mutated,
so a proposal can be dropped. What is run in front of the new tokens, and what is remembered, is the form:

    form         prompt                run in front of the new tokens              remembered by the layers
    cached       prepared once         the prompt's rest, first window only        keys of `history_tokens`, tails
    windowed     prepared once         its rest, then `history_tokens` of speech   nothing; their mel is given
    cumulative   run in every window   the whole prompt, then all of the speech    nothing; the prompt's mel is given

`cached` is for weights trained with block masks, the others for weights trained with full attention. The rest are the
last `lookahead` tokens of the prompt, whose own lookahead is the segment. A window may be committed with less lookahead
than `lookahead`: what is missing is silence, as at a true end. Seed, tokens and the record of (end, lookahead seen)
replay to the same mel. Offline is one final window; in `cumulative` that is the reference implementation's run.

Structure of S3Gen's flow (CosyVoice 2, arXiv 2412.10117); engine/checkpoints/names.py maps the released names to these.
"""

from __future__ import annotations

import math
from collections.abc import Hashable, Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from engine.device.device import Device
from engine.errors import ModelError
from engine.networks import noise
from engine.networks.flow.attention import Commit, Extent, Plan, Sight
from engine.networks.flow.conformer import EncoderConfig, EncoderState, UpsampleConformerEncoder
from engine.networks.flow.estimator import Estimator, EstimatorConfig, EstimatorState
from engine.networks.flow.keys import joined
from engine.networks.flow.state import Context, FlowPrompt, FlowState, Memory, Shifts
from engine.networks.linears import pack

SCHEDULES = ("cosine", "linear")
PREDICTIONS = ("velocity", "mel")
FORMS = ("cached", "windowed", "cumulative")


@dataclass(frozen=True, kw_only=True)
class FlowConfig:
    vocab: int
    mel_bins: int
    speaker_width: int
    encoder: EncoderConfig
    estimator: EstimatorConfig
    steps: int  # Euler steps
    schedule: str  # spacing of the steps over 0..1: cosine (dense at the noise) or linear
    guidance: float  # v = (1 + g) v(conditions) - g v(nothing); 0 saves the second row
    temperature: float  # standard deviation of the noise
    mel_mean: float  # ln mel is normalised by these inside the flow
    mel_std: float
    history_tokens: int  # that a window sees before its first token, besides the prompt
    # What the estimator's output is: the velocity itself (published), or the clean mel less mu. A velocity holds all of
    # the noise, which a narrow estimator cannot carry through; the way to a predicted mel is a division.
    prediction: str = "velocity"
    form: str = "cached"

    def __post_init__(self) -> None:
        if self.form not in FORMS:
            raise ValueError(f"form = {self.form!r}; possible: {', '.join(FORMS)}")
        if self.prediction not in PREDICTIONS:
            raise ValueError(f"prediction = {self.prediction!r}; possible: {', '.join(PREDICTIONS)}")
        if self.schedule not in SCHEDULES:
            raise ValueError(f"schedule = {self.schedule!r}; possible: {', '.join(SCHEDULES)}")
        if self.steps < 1 or self.history_tokens < 1:
            raise ValueError(f"steps = {self.steps}, history_tokens = {self.history_tokens}: both must be at least 1")


# Of attention and feed-forward, which are nearly all of the products.
_MATRICES = ("to_qkv", "to_out", "ff_in", "ff_out", "linear_qkv", "linear_out", "w_1", "w_2")


class Flow(nn.Module):
    def __init__(self, config: FlowConfig) -> None:
        super().__init__()
        self.config = config
        width = config.encoder.width
        self.input_embedding = nn.Embedding(config.vocab, width)
        self.spk_embed_affine_layer = nn.Linear(config.speaker_width, config.mel_bins)
        self.encoder = UpsampleConformerEncoder(config.encoder)
        self.encoder_proj = nn.Linear(width, config.mel_bins)
        self.estimator = Estimator(config.estimator, config.mel_bins)

    def arrange(self) -> None:
        """Makes the network ready to run, with the matrices of its layers where this machine's products want them."""
        pack(self, _MATRICES)

    @property
    def lookahead(self) -> int:
        """How many tokens after its last one a window wants to know."""
        return self.config.encoder.lookahead

    @property
    def ratio(self) -> int:
        """Frames per token."""
        return self.config.encoder.ratio

    @property
    def dtype(self) -> torch.dtype:
        """The arithmetic of the networks. Noise, mel and the solver's state are float32 in every case."""
        return self.encoder_proj.weight.dtype

    # --- streaming ---

    @torch.inference_mode()
    def prepare_prompt(self, token: Tensor, feat: Tensor, embedding: Tensor, seed: int = 0) -> FlowPrompt:
        """token [1, P], feat [1, 2P, F] ln mel, embedding [1, S]; `seed` is the voice's."""
        n_tokens, frames = token.shape[1], self.ratio * token.shape[1]
        if feat.shape[1] != frames:
            raise ModelError(f"a prompt of {n_tokens} tokens has {frames} mel frames, not {feat.shape[1]}")
        values = self._noise([noise.fold(seed, noise.Stream.PROMPT)], [0], frames, feat.device)
        whole = Context(token.long(), values, self.normalise(feat.float()))
        block = 0 if self.config.form == "cumulative" else max(0, n_tokens - self.lookahead)
        speaker = self.speaker(embedding.to(self.dtype))
        shifts = self.shifts(speaker)
        memory = self.no_memory(speaker)
        if block:
            known = whole.mel[:, : self.ratio * block]
            mu, encoder = self._mu(whole.tokens, block, memory.encoder, memory.encoder, None)
            static = self._conditions(mu, speaker, known)
            _, solver = self._solve(values[:, : known.shape[1]], static, shifts, memory.solver, memory.solver, None)
            memory = Memory(encoder, solver)
        return FlowPrompt(whole, block, speaker, shifts, memory, memory.without_history(), seed)

    def init_state(self, prompt: FlowPrompt, seed: int) -> FlowState:
        return FlowState(prompt, seed, 0, prompt.rest, prompt.start)

    def window(self, tokens: Tensor, n_new: int, state: FlowState, final: bool = False) -> tuple[Tensor, FlowState]:
        """tokens [1, n_new + lookahead seen] -> mel [1, F, 2 * n_new] and the following state; `state` is unchanged.

        `final` says that the segment ends here, so that nothing may have been left as lookahead."""
        mel, following = self.windows(tokens, n_new, [state], final)
        return mel, following[0]

    def batch_key(self, state: FlowState, n_new: int, seen: int, final: bool) -> Hashable:
        """Windows whose keys are equal may run together: all their tensors have the same shapes, so nothing is padded.

        Voices may differ; their prepared prompts are then as long as one another."""
        return (*state.lengths, n_new, seen, final)

    @torch.inference_mode()
    def windows(
        self, tokens: Tensor, n_new: int, states: Sequence[FlowState], final: bool = False
    ) -> tuple[Tensor, list[FlowState]]:
        """Windows of several segments whose `batch_key` is the same: tokens [B, n_new + lookahead seen] -> mel
        [B, F, 2 * n_new] and the following states. Each segment gets what it would get alone, but for rounding."""
        seen = tokens.shape[1] - n_new
        if n_new < 0 or not 0 <= seen <= (0 if final else self.lookahead):
            raise ValueError(f"{tokens.shape[1]} tokens for a window of {n_new}, final = {final}")
        if any(state.lengths != states[0].lengths for state in states) or len(states) != len(tokens):
            raise ValueError(f"{len(tokens)} rows of tokens for {len(states)} states, or states of several batch keys")
        prompts = [state.prompt for state in states]
        context = Context.joined([state.context for state in states])
        if n_new == 0:
            return self.spectrogram(context.mel[:, :0]), list(states)
        prompt, memory = Memory.joined([one.memory for one in prompts]), Memory.joined([one.memory for one in states])
        own = self.own_noise(states, n_new, tokens.device)
        run = torch.cat((context.tokens, tokens), 1)
        keep = self.config.history_tokens if self.config.form == "cached" else 0
        mu, encoder = self._mu(run, run.shape[1] - seen, memory.encoder, prompt.encoder, keep)
        static = self._conditions(mu, joined([one.speaker for one in prompts], 0), context.mel)
        x = torch.cat((context.noise, own), 1)
        x, solver = self._solve(x, static, prompts[0].shifts, memory.solver, prompt.solver, self.ratio * keep)
        mel = x[:, context.noise.shape[1] :]
        contexts = self._following(context, prompts[0].n_rest, Context(tokens[:, :n_new], own, mel)).parted(len(states))
        memories = [state.memory for state in states]
        if self.config.form == "cached":
            memories = Memory(encoder, solver).parted(len(states))
        return self.spectrogram(mel), [
            replace(state, position=state.position + n_new, context=context, memory=memory)
            for state, context, memory in zip(states, contexts, memories, strict=True)
        ]

    def on_grid(
        self, tokens: Tensor, x: Tensor, known: Tensor, speaker: Tensor, shifts: Shifts, prompt: Memory, extent: Extent
    ) -> Tensor:
        """Windows that need not keep anything, of several lengths, with room for T tokens each: tokens [B, T], noise
        and known mel [B, 2T, F], speakers [B, F], the prompts' memory of B rows -> normalised mel [B, 2T, F].

        They are run after their prompt blocks' tails. What `extent` calls real is what each would get alone, but for
        rounding; the rest means nothing."""
        start = prompt.without_history()
        mu, _ = self._mu(tokens, tokens.shape[1], start.encoder, prompt.encoder, 0, extent=extent)
        rows = extent.times(self.ratio).repeated(1 + self.is_guided)
        static = self._conditions(mu, speaker, known)
        mel, _ = self._solve(x, static, shifts, start.solver, prompt.solver, 0, extent=rows)
        return mel

    def _following(self, context: Context, n_rest: int, new: Context) -> Context:
        """Returns what the next window runs in front of its new tokens, after one that made the mel of `new` behind
        `context`, which began with `n_rest` tokens of the prompt."""
        if self.config.form == "cached":
            return new.since(new.tokens.shape[1])
        if self.config.form == "cumulative":  # only the prompt's mel is given; the segment's is made anew
            return context.then(replace(new, mel=new.mel[:, :0]))
        spoken = context.since(n_rest).then(new)
        return context.until(n_rest).then(spoken.since(max(0, spoken.tokens.shape[1] - self.config.history_tokens)))

    def offline(self, tokens: Tensor, prompt: FlowPrompt, seed: int) -> Tensor:
        """Runs a whole segment [1, T] -> [1, F, 2T] as one final window."""
        mel, _ = self.window(tokens, tokens.shape[1], self.init_state(prompt, seed), final=True)
        return mel

    # --- whole sequences under a mask: replay and training ---

    @torch.inference_mode()
    def replay(self, tokens: Tensor, record: Sequence[Commit], prompt: FlowPrompt, seed: int) -> Tensor:
        """Repeats windows that were committed as `record`, for tokens [1, T], in one masked run -> [1, F, 2T]."""
        if self.config.form != "cached" and len(record) > 1:
            raise ValueError(f"windows of form {self.config.form!r} are runs of their own, not parts of one")
        whole, ratio = prompt.whole, self.ratio
        n_prompt = whole.tokens.shape[1]
        sequence = torch.cat((whole.tokens, tokens), 1)
        commits = [Commit(n_prompt + commit.end, commit.seen) for commit in record]
        plan = Plan.of([prompt.block], [commits], self.config.history_tokens, sequence.shape[1], tokens.device)
        own = self._noise([noise.fold(seed, noise.Stream.FLOW)], [0], ratio * tokens.shape[1], tokens.device)
        x = torch.cat((whole.noise, own), 1)
        static = self._conditions(self.masked_mu(sequence, plan), prompt.speaker, whole.mel)
        empty = (self.estimator.init_state(static),) * self.config.steps
        x, _ = self._solve(x, static, prompt.shifts, empty, empty, 0, plan.sight(ratio))
        return self.spectrogram(x[:, ratio * n_prompt :])

    def masked_mu(self, tokens: Tensor, plan: Plan) -> Tensor:
        """[B, T] -> mu [B, 2T, F], normalised, under the plan's masks."""
        empty = self.encoder.init_state(self.input_embedding(tokens[:, :1]))
        mu, _ = self._mu(tokens, tokens.shape[1], empty, empty, 0, plan)
        return mu

    def masked_estimate(self, x: Tensor, static: Tensor, time: Tensor, end: Tensor, sight: Sight) -> Tensor:
        """x [B, 2T, F] at times [B] (mean-flow: to `end` [B]), conditions [B, 2T, 3F] -> the estimator's output."""
        empty = self.estimator.init_state(x)
        shifts = self.estimator.shifts(time, end)
        velocity, _ = self.estimator(torch.cat((x, static), 2), shifts, empty, empty, 0, sight)
        return velocity  # type: ignore[no-any-return]

    # --- parts ---

    def normalise(self, mel: Tensor) -> Tensor:
        """ln mel [B, T, F] -> the flow's own scale."""
        return (mel - self.config.mel_mean) / self.config.mel_std

    def spectrogram(self, x: Tensor) -> Tensor:
        """[B, T, F] in the flow's own scale -> ln mel [B, F, T]."""
        return (x * self.config.mel_std + self.config.mel_mean).transpose(1, 2)

    def speaker(self, embedding: Tensor) -> Tensor:
        """[B, S] of any length -> [B, F]."""
        return self.spk_embed_affine_layer(F.normalize(embedding, dim=1))  # type: ignore[no-any-return]

    def conditions(self, mu: Tensor, speaker: Tensor, known: Tensor) -> Tensor:
        """mu [B, T, F], speaker [B, F], known mel [B, <= T, F] -> [B, T, 3F] in the estimator's order."""
        known = F.pad(known.to(mu.dtype), (0, 0, 0, mu.shape[1] - known.shape[1]))
        return torch.cat((mu, speaker[:, None].expand_as(mu), known), 2)

    @property
    def is_guided(self) -> bool:
        return self.config.guidance != 0.0

    def _mu(
        self,
        tokens: Tensor,
        count: int,
        state: EncoderState,
        prompt: EncoderState,
        keep: int | None,
        plan: Plan | None = None,
        extent: Extent | None = None,
    ) -> tuple[Tensor, EncoderState]:
        hidden, state = self.encoder(self.input_embedding(tokens), count, state, prompt, keep, plan, extent)
        return self.encoder_proj(hidden), state

    def _conditions(self, mu: Tensor, speaker: Tensor, known: Tensor) -> Tensor:
        """Adds, with guidance, a second row for each utterance in which every condition is zero."""
        static = self.conditions(mu, speaker, known)
        return torch.stack((static, torch.zeros_like(static)), 1).flatten(0, 1) if self.is_guided else static

    def times(self) -> list[float]:
        """The solver's grid, steps + 1 times from 0 to 1."""
        grid = [step / self.config.steps for step in range(self.config.steps + 1)]
        return grid if self.config.schedule == "linear" else [1.0 - math.cos(0.5 * math.pi * t) for t in grid]

    def shifts(self, like: Tensor) -> Shifts:
        """What the time of each solver step adds in each stage, [1, 1, C] each, where `like` is."""
        grid = Device.of(like.device).upload(self.times())
        stages = self.estimator.shifts(grid[:-1], grid[1:])
        return tuple(tuple(stage[step : step + 1] for stage in stages) for step in range(self.config.steps))

    def _solve(
        self,
        x: Tensor,
        static: Tensor,
        shifts: Shifts,
        states: tuple[EstimatorState, ...],
        prompts: tuple[EstimatorState, ...],
        keep: int | None,
        sight: Sight | None = None,
        extent: Extent | None = None,
    ) -> tuple[Tensor, tuple[EstimatorState, ...]]:
        """Euler steps from noise x [B, T, F] to the normalised mel; one state per step."""
        times, following = self.times(), []
        mu = static[..., : self.config.mel_bins].float()
        for step, (shift, state, prompt) in enumerate(zip(shifts, states, prompts, strict=True)):
            noisy = x.repeat_interleave(2, 0) if self.is_guided else x
            rows = torch.cat((noisy.to(static.dtype), static), 2)
            output, after = self.estimator(rows, shift, state, prompt, keep, sight, extent)
            velocity = self._velocity(output.float(), noisy, mu, times[step])
            if self.is_guided:
                given, nothing = velocity.unflatten(0, (-1, 2)).unbind(1)
                velocity = torch.lerp(nothing, given, 1.0 + self.config.guidance)
            x = torch.add(x, velocity, alpha=times[step + 1] - times[step])
            following.append(after)
        return x, tuple(following)

    def _velocity(self, output: Tensor, x: Tensor, mu: Tensor, time: float) -> Tensor:
        """The estimator's output [R, T, F] for x [R, T, F] at `time`, with mu [R, T, F] -> velocity [R, T, F]."""
        return output if self.config.prediction == "velocity" else (mu + output - x) / (1.0 - time)

    def own_noise(self, states: Sequence[FlowState], n_new: int, device: torch.device) -> Tensor:
        """[B, 2 * n_new, F] of each segment, from its next token on."""
        keys = [noise.fold(state.seed, noise.Stream.FLOW) for state in states]
        return self._noise(keys, [self.ratio * state.position for state in states], self.ratio * n_new, device)

    def _noise(self, keys: Sequence[int], starts: Sequence[int], frames: int, device: torch.device) -> Tensor:
        """[B, frames, F] float32, addressed by (key, frame, bin)."""
        bins = self.config.mel_bins
        values = noise.normals(keys, [start * bins for start in starts], frames * bins, device)
        return self.config.temperature * values.view(len(keys), frames, bins)

    def no_memory(self, speaker: Tensor) -> Memory:
        """Of no tokens; `speaker` [1, F] gives dtype and device."""
        rows = speaker.expand(1 + self.is_guided, -1)
        return Memory(self.encoder.init_state(speaker), (self.estimator.init_state(rows),) * self.config.steps)
