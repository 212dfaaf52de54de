"""Flow: speech tokens at 25 Hz -> mel [B, F, T] at 50 Hz (24 kHz, hop 480, ln), by solving an ODE from noise.

mu = projection of the encoder's hidden frames; then `steps` Euler steps of x' = velocity(x, mu, speaker, known mel, t)
from addressed noise, with classifier-free guidance in a second row, or as mean-flow, or plain, as the config says.

Streaming: form `cached` of the design. The voice's prompt (less its last `lookahead` tokens, whose own lookahead is the
utterance) is encoded and solved once, `FlowPrompt`, and shared read-only. A window is a function of tokens and
`FlowState`, and returns the following state; nothing is mutated, so a proposal can be dropped. The prompt's remaining
tokens are run again in front of the first window. A window may be committed with less lookahead than `lookahead`: what
is missing is silence, as at a true end. Seed, tokens and the record of (end, lookahead seen) replay to the same mel.
Offline is one final window; with an empty prompt state it is also the reference implementation's one-shot run, with
`prompt_block=False` (prompt tokens then run in front of the only window, under full attention).

Structure of S3Gen's flow (CosyVoice 2, arXiv 2412.10117); flow_weights.py maps the released names to these.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from engine import noise
from engine.errors import ModelError
from engine.models.conformer import EncoderConfig, EncoderState, UpsampleConformerEncoder
from engine.models.estimator import Estimator, EstimatorConfig, EstimatorState
from engine.models.windows import Commit, Plan, Sight, nbytes

SCHEDULES = ("cosine", "linear")
PREDICTIONS = ("velocity", "mel")


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
    history_tokens: int  # before a window's first token, besides the prompt
    # What the estimator's output is: the velocity itself (published), or the clean mel less mu. A velocity holds all of
    # the noise, which a narrow estimator cannot carry through; the way to a predicted mel is a division.
    prediction: str = "velocity"

    def __post_init__(self) -> None:
        if self.prediction not in PREDICTIONS:
            raise ValueError(f"prediction = {self.prediction!r}; possible: {', '.join(PREDICTIONS)}")
        if self.schedule not in SCHEDULES:
            raise ValueError(f"schedule = {self.schedule!r}; possible: {', '.join(SCHEDULES)}")
        if self.steps < 1 or self.history_tokens < 1:
            raise ValueError(f"steps = {self.steps}, history_tokens = {self.history_tokens}: both must be at least 1")


@dataclass(frozen=True)
class FlowPrompt:
    """A voice, prepared: everything a window needs that does not depend on the utterance. Shared, never changed."""

    tokens: Tensor  # [1, P]
    mel: Tensor  # [1, 2P, F] normalised
    speaker: Tensor  # [1, F] projected
    noise: Tensor  # [1, 2P, F]
    block: int  # tokens of the prompt that are prepared; the rest runs in front of the first window
    shifts: tuple[tuple[Tensor, ...], ...]  # per solver step, per stage [1, 1, C]: what its time adds
    encoder: EncoderState
    solver: tuple[EstimatorState, ...]  # per solver step

    @property
    def nbytes(self) -> int:
        own = [self.tokens, self.mel, self.speaker, self.noise, *(t for step in self.shifts for t in step)]
        return nbytes([*own, *_tensors(self.encoder, self.solver)])


@dataclass(frozen=True)
class FlowState:
    """One segment, after some windows."""

    prompt: FlowPrompt
    seed: int
    position: int  # tokens committed
    encoder: EncoderState
    solver: tuple[EstimatorState, ...]  # per solver step

    @property
    def nbytes(self) -> int:
        """Of this segment alone, without the shared prompt."""
        return nbytes(_tensors(self.encoder, self.solver))


def _tensors(encoder: EncoderState, solver: Sequence[EstimatorState]) -> list[Tensor]:
    return [*encoder.tensors(), *(tensor for step in solver for tensor in step.tensors())]


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

    @property
    def lookahead(self) -> int:
        """Tokens after a window's last one that it wants to know."""
        return self.config.encoder.lookahead

    @property
    def ratio(self) -> int:
        """Frames per token."""
        return self.config.encoder.ratio

    # --- streaming ---

    @torch.inference_mode()
    def prepare_prompt(
        self, token: Tensor, feat: Tensor, embedding: Tensor, seed: int = 0, *, prompt_block: bool = True
    ) -> FlowPrompt:
        """token [1, P], feat [1, 2P, F] ln mel, embedding [1, S]; `seed` is the voice's."""
        n_tokens, frames = token.shape[1], self.ratio * token.shape[1]
        if feat.shape[1] != frames:
            raise ModelError(f"a prompt of {n_tokens} tokens has {frames} mel frames, not {feat.shape[1]}")
        speaker = self.speaker(embedding)
        rows = speaker.expand(1 + self._guided, -1)
        encoder, solver = self.encoder.init_state(speaker), (self.estimator.init_state(rows),) * self.config.steps
        block = max(0, n_tokens - self.lookahead) if prompt_block else 0
        token, mel = token.long(), self.normalise(feat.to(speaker))
        x = self._noise(noise.fold(seed, noise.Stream.PROMPT), 0, frames, speaker)
        shifts = self._shifts(speaker)
        if block:
            mu, encoder = self._mu(token, block, encoder, encoder, None)
            known = self.ratio * block
            static = self._conditions(mu, speaker, mel[:, :known])
            _, solver = self._solve(x[:, :known], static, shifts, solver, solver, None)
        return FlowPrompt(token, mel, speaker, x, block, shifts, encoder, solver)

    def init_state(self, prompt: FlowPrompt, seed: int) -> FlowState:
        solver = tuple(step.without_history() for step in prompt.solver)
        return FlowState(prompt, seed, 0, prompt.encoder.without_history(), solver)

    @torch.inference_mode()
    def window(self, tokens: Tensor, n_new: int, state: FlowState, final: bool = False) -> tuple[Tensor, FlowState]:
        """tokens [1, n_new + lookahead seen] -> mel [1, F, 2 * n_new] and the following state; `state` is unchanged.

        `final` says that the segment ends here, so that nothing may have been left as lookahead."""
        seen = tokens.shape[1] - n_new
        if n_new < 0 or not 0 <= seen <= (0 if final else self.lookahead):
            raise ValueError(f"{tokens.shape[1]} tokens for a window of {n_new}, final = {final}")
        if n_new == 0:
            return self.spectrogram(state.prompt.mel[:, :0]), state
        prompt, ratio = state.prompt, self.ratio
        x = self._noise(noise.fold(state.seed, noise.Stream.FLOW), ratio * state.position, ratio * n_new, prompt.mel)
        known = prompt.mel[:, :0]
        if state.position == 0:  # the prompt's last tokens come first
            tokens = torch.cat((prompt.tokens[:, prompt.block :], tokens), 1)
            known = prompt.mel[:, ratio * prompt.block :]
            x = torch.cat((prompt.noise[:, ratio * prompt.block :], x), 1)
        keep = self.config.history_tokens
        mu, encoder = self._mu(tokens, tokens.shape[1] - seen, state.encoder, prompt.encoder, keep)
        static = self._conditions(mu, prompt.speaker, known)
        x, solver = self._solve(x, static, prompt.shifts, state.solver, prompt.solver, ratio * keep)
        mel = self.spectrogram(x[:, known.shape[1] :])
        return mel, FlowState(prompt, state.seed, state.position + n_new, encoder, solver)

    def offline(self, tokens: Tensor, prompt: FlowPrompt, seed: int) -> Tensor:
        """A whole segment [1, T] -> [1, F, 2T]: one final window."""
        mel, _ = self.window(tokens, tokens.shape[1], self.init_state(prompt, seed), final=True)
        return mel

    # --- whole sequences under a mask: replay and training ---

    @torch.inference_mode()
    def replay(self, tokens: Tensor, record: Sequence[Commit], prompt: FlowPrompt, seed: int) -> Tensor:
        """What windows committed as `record` gave for tokens [1, T], in one masked run -> [1, F, 2T]."""
        n_prompt, ratio = prompt.tokens.shape[1], self.ratio
        sequence = torch.cat((prompt.tokens, tokens), 1)
        commits = [Commit(n_prompt + commit.end, commit.seen) for commit in record]
        plan = Plan.of([prompt.block], [commits], self.config.history_tokens, sequence.shape[1], tokens.device)
        own = self._noise(noise.fold(seed, noise.Stream.FLOW), 0, ratio * tokens.shape[1], prompt.mel)
        x = torch.cat((prompt.noise, own), 1)
        static = self._conditions(self.masked_mu(sequence, plan), prompt.speaker, prompt.mel)
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
        known = F.pad(known, (0, 0, 0, mu.shape[1] - known.shape[1]))
        return torch.cat((mu, speaker[:, None].expand_as(mu), known), 2)

    @property
    def _guided(self) -> bool:
        return self.config.guidance != 0.0

    def _mu(
        self,
        tokens: Tensor,
        count: int,
        state: EncoderState,
        prompt: EncoderState,
        keep: int | None,
        plan: Plan | None = None,
    ) -> tuple[Tensor, EncoderState]:
        hidden, state = self.encoder(self.input_embedding(tokens), count, state, prompt, keep, plan)
        return self.encoder_proj(hidden), state

    def _conditions(self, mu: Tensor, speaker: Tensor, known: Tensor) -> Tensor:
        """With guidance, a second row in which every condition is zero."""
        static = self.conditions(mu, speaker, known)
        return torch.cat((static, torch.zeros_like(static))) if self._guided else static

    def times(self) -> list[float]:
        """The solver's grid, steps + 1 times from 0 to 1."""
        grid = [step / self.config.steps for step in range(self.config.steps + 1)]
        return grid if self.config.schedule == "linear" else [1.0 - math.cos(0.5 * math.pi * t) for t in grid]

    def _shifts(self, like: Tensor) -> tuple[tuple[Tensor, ...], ...]:
        grid = like.new_tensor(self.times())
        stages = self.estimator.shifts(grid[:-1], grid[1:])
        return tuple(tuple(stage[step : step + 1] for stage in stages) for step in range(self.config.steps))

    def _solve(
        self,
        x: Tensor,
        static: Tensor,
        shifts: tuple[tuple[Tensor, ...], ...],
        states: tuple[EstimatorState, ...],
        prompts: tuple[EstimatorState, ...],
        keep: int | None,
        sight: Sight | None = None,
    ) -> tuple[Tensor, tuple[EstimatorState, ...]]:
        """Euler steps from noise x [B, T, F] to the normalised mel; one state per step."""
        times, following = self.times(), []
        for step, (shift, state, prompt) in enumerate(zip(shifts, states, prompts, strict=True)):
            rows = torch.cat((x.repeat(1 + self._guided, 1, 1), static), 2)
            output, after = self.estimator(rows, shift, state, prompt, keep, sight)
            velocity = self._velocity(output, rows, times[step])
            if self._guided:
                given, nothing = velocity.chunk(2)
                velocity = (1.0 + self.config.guidance) * given - self.config.guidance * nothing
            x = x + (times[step + 1] - times[step]) * velocity
            following.append(after)
        return x, tuple(following)

    def _velocity(self, output: Tensor, rows: Tensor, time: float) -> Tensor:
        """The estimator's output at `time` for its input rows [R, T, 4F] -> velocity [R, T, F]."""
        if self.config.prediction == "velocity":
            return output
        x, mu = rows.split(self.config.mel_bins, 2)[:2]
        return (mu + output - x) / (1.0 - time)  # type: ignore[no-any-return]

    def _noise(self, key: int, start: int, frames: int, like: Tensor) -> Tensor:
        """[1, frames, F] addressed by (key, frame, bin)."""
        bins = self.config.mel_bins
        values = noise.normal(key, start * bins, frames * bins, like.device)
        return self.config.temperature * values.view(1, frames, bins).to(like.dtype)
