"""The two stages that the workers own: text -> speech tokens (`T3Stage`), speech tokens -> audio (`FlowStage`).

They join networks, voices and addressed randomness; they know no thread and no queue. `FlowStage.window` is functional:
it returns the state that follows and leaves the one given as it was.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import torch
from numpy.typing import NDArray

from engine import noise
from engine.clock import now_ns
from engine.jobs import AudioWindow, SegmentJob
from engine.model import Model, Voice
from engine.models.flow_state import FlowState
from engine.models.hift import HiFTState
from engine.models.t3 import combine_guidance
from engine.sampling import Sampler, SamplingParams
from engine.watermark import Watermark, WatermarkState

FRAMING = 2  # T3's start and stop around the text
FIRST_FEED = 16  # positions of a text that are run at once beside other rows, until it is known what they cost


@dataclass(eq=False)
class Row:
    """One segment in T3."""

    params: SamplingParams
    key: tuple[int, int]  # (seed, segment)
    max_tokens: int
    slots: list[int]  # of the cache: with text and, where guidance acts, without
    to_feed: torch.Tensor  # [1 or 2, N, C] what is left of the conditioned text
    logits: torch.Tensor | None = None  # [1 or 2, V] for the next token; None: the last token was not yet run
    tokens: list[int] = field(default_factory=list)
    warning: str = ""
    error: Exception | None = None


class T3Stage:
    """Owns the cache of T3, allocated once, so that memory is bounded at start. Slots in use are the first ones.

    All rows step together: a step costs little more for ten than for one. A row that stands still is computed and not
    advanced, so that nobody is copied; `fixed_batch` steps all slots, used or not, and makes a row's numbers
    independent of how many others there are."""

    def __init__(self, model: Model, max_rows: int, *, fixed_batch: bool = False) -> None:
        self._model = model
        self._t3 = model.t3
        self._sampler = Sampler(model.t3.config, model.device)
        config, text = model.t3.config, model.config.text
        positions = config.prefix_len + FRAMING + text.max_text_tokens + config.start_count + text.max_tokens
        self._cache = model.t3.init_cache(max_rows * (2 if config.guidance else 1), positions)
        self._owners: list[Row] = []  # of each slot in use
        self._fixed_batch = fixed_batch
        self._feed = FIRST_FEED  # positions that take about as long as a step
        self._step_s = 0.0

    def speakable(self, text: str, language: str) -> list[str]:
        return self._model.text.pieces(text, language)

    def begin(self, job: SegmentJob) -> Row:
        params = self._model.sampling(job.sampling)
        ids = self._model.text.encode(job.text, job.language)
        text = self._t3.frame_text(torch.tensor([ids], device=self._model.device))
        guided = self._t3.config.guidance and params.cfg_weight > 0
        slots = [len(self._owners) + part for part in range(2 if guided else 1)]
        x = self._t3.begin(job.voice.t3, text, self._cache, slots[0], guided=guided, emotion=params.exaggeration)
        guard = self._model.config.text
        budget = min(guard.base_tokens + round(guard.tokens_per_text_token * len(ids)), guard.max_tokens)
        row = Row(params=params, key=(job.seed, job.segment), max_tokens=budget, slots=slots, to_feed=x)
        self._owners += [row] * len(slots)
        return row

    def feed(self, row: Row) -> bool:
        """Alone on the machine a text is run at once; beside others in pieces that cost about as much as a step."""
        alone = len(self._owners) == len(row.slots)
        count = row.to_feed.shape[1] if alone else self._feed
        started = now_ns()
        logits = self._t3.feed(row.to_feed[:, :count], self._cache, row.slots)
        seconds = (now_ns() - started) / 1e9
        if not alone and self._step_s:
            longer = seconds < self._step_s
            self._feed = max(FIRST_FEED, 2 * self._feed if longer else self._feed // 2)
        row.to_feed = row.to_feed[:, count:]
        row.logits = logits
        return not row.to_feed.shape[1]

    def step(self, rows: Sequence[Row]) -> list[int | None]:
        running = [row for row in rows if not self._is_over(row)]
        stale = [row for row in running if row.logits is None]
        if stale:
            self._run(stale)
        drawn = self._draw(running)
        return [drawn.get(row) for row in rows]

    def release(self, row: Row) -> None:
        """The last slots take the place of those that become free, so that those in use stay the first ones."""
        for slot in sorted(row.slots, reverse=True):
            last = len(self._owners) - 1
            owner = self._owners[last]
            if slot != last:
                self._cache.move(last, slot)
                self._owners[slot] = owner
                owner.slots[owner.slots.index(last)] = slot
            else:
                self._cache.clear(slot)
            self._owners.pop()

    def _is_over(self, row: Row) -> bool:
        if len(row.tokens) < row.max_tokens:
            return False
        row.warning = f"speech was cut after {len(row.tokens)} tokens: more than the text can need"
        return True

    def _run(self, rows: Sequence[Row]) -> None:
        """The last token of `rows` through T3; everyone else's slots stand still."""
        started = now_ns()
        count = self._cache.rows if self._fixed_batch else len(self._owners)
        tokens, still = [0] * count, [True] * count
        for row in rows:
            for slot in row.slots:
                tokens[slot], still[slot] = row.tokens[-1], False
        logits = self._t3.step(torch.tensor(tokens, device=self._model.device), self._cache)
        self._cache.take_back([slot for slot in range(count) if still[slot]])
        for row in rows:
            row.logits = logits[row.slots]
        self._step_s = (now_ns() - started) / 1e9

    def _draw(self, rows: Sequence[Row]) -> dict[Row, int]:
        """The next token of each row that goes on."""
        if not rows:
            return {}
        logits = torch.cat([self._guided(row) for row in rows])
        histories, params, keys = [row.tokens for row in rows], [row.params for row in rows], [row.key for row in rows]
        drawn = {}
        for row, token in zip(rows, self._sampler.sample_rows(logits, histories, params, keys), strict=True):
            if token != self._t3.config.stop_speech:
                drawn[row] = token
                row.tokens.append(token)
                row.logits = None
        return drawn

    def _guided(self, row: Row) -> torch.Tensor:
        assert row.logits is not None
        return row.logits if len(row.slots) == 1 else combine_guidance(row.logits, row.params.cfg_weight)


@dataclass(frozen=True)
class AudioState:
    """One utterance between two windows. Flow and vocoder start anew with every segment."""

    voice: Voice
    seed: int
    flow: FlowState | None = None
    vocoder: HiFTState | None = None
    spoken: int = 0  # samples of speech so far
    owed_pause: int = 0  # samples of silence that come before the next segment
    mark: WatermarkState | None = None  # None: audio is not marked


class FlowStage:
    """Flow and vocoder. A segment's speech ends with it: nothing is held back for a sentence that is yet to come."""

    def __init__(self, model: Model, watermark: Watermark | None = None) -> None:
        self._model = model
        self._watermark = watermark
        text, tail = model.config.text, model.config.tail
        self._pauses = {True: model.samples(text.sentence_pause_ms), False: model.samples(text.clause_pause_ms)}
        self._closing = () if tail.silence_token is None else (tail.silence_token,) * tail.silence_tokens
        self._fade = _fade_in(model.samples(tail.muted_ms), model.samples(tail.fade_in_ms))

    def open(self, voice: Voice, seed: int) -> AudioState:
        return AudioState(voice, seed, mark=self._watermark.init_state() if self._watermark else None)

    @torch.inference_mode()
    def window(self, state: AudioState, work: AudioWindow) -> tuple[NDArray[np.float32], AudioState, int]:
        """[N] float32 audio, the state that follows, and when the mel was complete."""
        model, flow, vocoder = self._model, state.flow, state.vocoder
        if flow is None or vocoder is None:
            seed = noise.fold(state.seed, work.segment)
            flow, vocoder = model.flow.init_state(state.voice.flow, seed), model.hift.init_state(seed)
        closing = self._closing if work.final else ()
        tokens = torch.tensor([[*work.tokens, *closing]], dtype=torch.int64, device=model.device)
        mel, flow = model.flow.window(tokens, work.n_new + len(closing), flow, final=work.final)
        mel_done = now_ns()
        wav, vocoder = model.hift(mel, vocoder, final=work.final)
        if work.final and model.config.tail.drop_last_token:  # of the wave: without its mel the end would be mel of 0
            wav = wav[:, : -model.samples_per_token]
        speech = self._faded(wav[0].float().cpu().numpy(), state.spoken)
        audio = np.concatenate([np.zeros(state.owed_pause, np.float32), speech])
        mark = state.mark
        if self._watermark is not None and mark is not None:
            audio, mark = self._watermark(audio, mark)
        following = replace(state, spoken=state.spoken + len(speech), mark=mark)
        if not work.final:
            return audio, replace(following, flow=flow, vocoder=vocoder, owed_pause=0), mel_done
        pause = self._pauses[work.ends_sentence]
        return audio, replace(following, flow=None, vocoder=None, owed_pause=pause), mel_done

    def _faded(self, speech: NDArray[np.float32], begin: int) -> NDArray[np.float32]:
        """Speech that begins at sample `begin` of the utterance's, under the fade-in of the utterance's start."""
        gain = self._fade[begin : begin + len(speech)]
        return np.concatenate([speech[: len(gain)] * gain, speech[len(gain) :]]) if len(gain) else speech


def _fade_in(muted: int, rising: int) -> NDArray[np.float32]:
    """Gain of an utterance's first samples: nothing, then a raised cosine."""
    curve = (1 - np.cos(np.linspace(0, np.pi, rising))) / 2
    return np.concatenate([np.zeros(muted), curve]).astype(np.float32)
