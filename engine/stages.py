"""The two stages that the workers own: text -> speech tokens (`T3Stage`), speech tokens -> audio (`FlowStage`).

They join networks, voices and addressed randomness; they know no thread and no queue. `FlowStage.window` is functional:
it returns the state that follows and leaves the one given as it was.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import torch
from numpy.typing import NDArray

from engine import noise
from engine.clock import now_ns
from engine.jobs import AudioWindow, SegmentJob
from engine.model import Model, Voice
from engine.models.flow import FlowState
from engine.models.hift import HiFTState
from engine.models.t3 import T3Cache, combine_guidance
from engine.sampling import Sampler, SamplingParams
from engine.text.normalize import normalize
from engine.text.segmenter import split_long


@dataclass
class Row:
    """One segment in T3."""

    cache: T3Cache
    logits: torch.Tensor  # [1 or 2, V] for the next token, once `token` is None
    params: SamplingParams
    key: tuple[int, int]  # (seed, segment)
    max_tokens: int
    tokens: list[int] = field(default_factory=list)
    pending: bool = False  # the last token has not been run through T3 yet
    warning: str = ""


class T3Stage:
    """Owns the caches of T3: one per row, allocated once, so that memory is known at start."""

    def __init__(self, model: Model, max_rows: int) -> None:
        self._model = model
        self._t3 = model.t3
        self._sampler = Sampler(model.t3.config)
        self._cache_rows = 2 if model.t3.config.guidance else 1
        self._free = [model.t3.init_cache(self._cache_rows) for _ in range(max_rows)]

    def speakable(self, text: str) -> list[str]:
        return split_long(normalize(text), self._model.config.text.max_chars)

    def prefill(self, job: SegmentJob) -> Row:
        params = self._model.sampling(job.sampling)
        voice = self._model.voices[job.voice]
        text = self._model.encode(job.text)
        cache = self._free.pop()
        try:
            guided = self._cache_rows == 2 and params.cfg_weight > 0
            logits = self._t3.prefill(voice.t3, text, cache, guided=guided)
        except BaseException:
            self._free.append(cache)
            raise
        guard = self._model.config.text
        budget = min(guard.base_tokens + round(guard.tokens_per_char * len(job.text)), guard.max_tokens)
        return Row(cache=cache, logits=logits, params=params, key=(job.seed, job.segment), max_tokens=budget)

    def step(self, row: Row) -> int | None:
        if len(row.tokens) >= row.max_tokens:
            row.warning = f"speech was cut after {len(row.tokens)} tokens: more than the text can need"
            return None
        if row.pending:
            last = torch.full((row.logits.shape[0],), row.tokens[-1])
            row.logits = self._t3.step(last, row.cache)
        logits = row.logits if row.logits.shape[0] == 1 else combine_guidance(row.logits, row.params.cfg_weight)
        token = self._sampler.sample(logits[0], row.tokens, row.params, row.key)
        if token == self._t3.config.stop_speech:
            return None
        row.tokens.append(token)
        row.pending = True
        return token

    def release(self, row: Row) -> None:
        for index in range(row.cache.rows):
            row.cache.clear(index)
        self._free.append(row.cache)


def _no_samples() -> NDArray[np.float32]:
    return np.zeros(0, np.float32)


@dataclass(frozen=True)
class AudioState:
    """One utterance between two windows: the vocoder runs on through it, the flow starts anew with every segment."""

    voice: Voice
    seed: int
    vocoder: HiFTState
    flow: FlowState | None = None
    owed_pause: int = 0  # frames of the pause that come before the next segment
    early_pause: NDArray[np.float32] = field(default_factory=_no_samples)  # samples of it made already


class FlowStage:
    """Flow and vocoder. Silence is a mel at its floor: a pause keeps the vocoder's state running."""

    def __init__(self, model: Model) -> None:
        self._model = model
        pause = model.config.text
        self._pauses = {True: model.frames(pause.sentence_pause_ms), False: model.frames(pause.clause_pause_ms)}
        self._hold_back = model.hift.hold_back_frames
        self._early = self._hold_back * model.config.hift.hop - model.hift.hold_back_samples
        if min(self._pauses.values()) < self._hold_back:
            raise ValueError(f"pauses must cover the {self._hold_back} frames that the vocoder holds back")

    def open(self, voice: str, seed: int) -> AudioState:
        return AudioState(self._model.voices[voice], seed, self._model.hift.init_state(seed))

    @torch.inference_mode()
    def window(self, state: AudioState, work: AudioWindow) -> tuple[NDArray[np.float32], AudioState, int]:
        """[N] float32 audio, the state that follows, and when the mel was complete.

        At the end of a segment the vocoder is given as much of the pause as it holds back, so that no speech waits for
        the next segment, which the rest of the pause is owed to: an utterance ends with its speech."""
        flow = state.flow
        if work.first or flow is None:
            flow = self._model.flow.init_state(state.voice.flow, noise.fold(state.seed, work.segment))
        tokens = torch.tensor([work.tokens], dtype=torch.int64)
        mel, flow = self._model.flow.window(tokens, work.n_new, flow, final=work.final)
        mel_done = now_ns()
        before = state.owed_pause if work.first else 0
        after = self._hold_back if work.final else 0
        wav, vocoder = self._model.hift(self._with_silence(mel, before, after), state.vocoder)
        audio = np.concatenate([state.early_pause, wav[0].float().numpy()])
        if not work.final:
            return audio, AudioState(state.voice, state.seed, vocoder, flow), mel_done
        owed = self._pauses[work.ends_sentence] - after
        end = len(audio) - self._early
        return audio[:end], AudioState(state.voice, state.seed, vocoder, None, owed, audio[end:]), mel_done

    def _with_silence(self, mel: torch.Tensor, before: int, after: int) -> torch.Tensor:
        if not before and not after:
            return mel
        floor = mel.new_full((1, mel.shape[1], max(before, after)), self._model.config.mel_floor)
        return torch.cat([floor[:, :, :before], mel, floor[:, :, :after]], 2)
