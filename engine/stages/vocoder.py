"""Mel -> audio: the tempo, the vocoder, pauses between segments, the fade-in of an utterance, its mark.

The vocoder starts anew with every segment, and its speech ends with it: nothing is held back for a sentence that is yet
to come.
"""

from __future__ import annotations

import math
from collections.abc import Hashable, Sequence
from dataclasses import dataclass, replace
from typing import cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from engine.device.device import Device
from engine.errors import NotFinite
from engine.model import Model, Voice
from engine.networks import noise
from engine.networks.pulse.timbre import Timbre
from engine.networks.vocoder_state import VocoderState
from engine.networks.vocoders import begun
from engine.scheduling.jobs import VocoderWork
from engine.stages.tempo import BEGUN, Tempo, TempoState
from engine.stages.vocoder_graphs import PlacedState, SilentState, VocoderGraphs
from engine.stages.watermark import Watermark, WatermarkState

NOTHING = np.zeros((1, 0), np.float32)  # samples


@dataclass(frozen=True)
class SoundState:
    """One utterance between two pieces of mel."""

    seed: int
    timbre: Timbre
    rate: float = 1.0  # of speech
    tempo: TempoState = BEGUN  # of its segment; not used at rate 1
    vocoder: VocoderState | PlacedState | SilentState | None = None  # None: its segment has had none
    spoken: int = 0  # samples of speech so far
    owed_pause: int = 0  # samples of silence that come before the next segment
    mark: WatermarkState | None = None  # None: audio is not marked


class VocoderStage:
    def __init__(
        self, model: Model, watermark: Watermark | None = None, *, graphs: VocoderGraphs | None = None
    ) -> None:
        """`graphs`: of the model's vocoder; None: its operations are launched one by one."""
        self._model = model
        self._watermark = watermark
        self._graphs = graphs
        self._tempo = Tempo(model.flow.ratio)
        text, tail = model.config.text, model.config.tail
        self._pauses = {True: model.samples(text.sentence_pause_ms), False: model.samples(text.clause_pause_ms)}
        self._fade = _fade_in(model.samples(tail.muted_ms), model.samples(tail.fade_in_ms))

    def open(self, voice: Voice, seed: int, rate: float = 1.0, spoken: int = 0, owed_pause: int = 0) -> SoundState:
        mark = self._watermark.init_state() if self._watermark else None
        return SoundState(seed, voice.timbre, rate, spoken=spoken, owed_pause=owed_pause, mark=mark)

    def pause(self, state: SoundState, work: VocoderWork) -> int:
        """How many samples of silence the audio of this mel begins with; none where nothing was spoken before."""
        if state.vocoder is not None or not state.spoken:
            return state.owed_pause
        return max(state.owed_pause, round(work.pause_s * self._model.config.sample_rate))

    def alike(self, state: SoundState, work: VocoderWork) -> Hashable:
        key = ("new", state.timbre) if state.vocoder is None else state.vocoder.batch_key
        frames = work.mel.shape[-1]
        if state.rate != 1.0:
            frames = self._tempo.frames(frames, state.tempo, state.rate, work.final)
        return key, frames, work.final

    @torch.inference_mode()
    def run(
        self, states: Sequence[SoundState], works: Sequence[VocoderWork]
    ) -> list[tuple[NDArray[np.float32], SoundState]]:
        """[N] float32 audio of each mel and the state that follows; all of them alike.

        Raises NotFinite."""
        at_rate = [self._at_rate(state, work) for state, work in zip(states, works, strict=True)]
        states, works = [state for state, _ in at_rate], [work for _, work in at_rate]
        pairs = [_with_what_waits(state.vocoder, work.mel) for state, work in zip(states, works, strict=True)]
        before, mels, final = [state for state, _ in pairs], [mel for _, mel in pairs], works[0].final
        seeds = [noise.fold(state.seed, work.segment) for state, work in zip(states, works, strict=True)]
        first, frames = before[0], mels[0].shape[-1]
        after: Sequence[VocoderState | PlacedState | SilentState | None]
        placed = None if isinstance(first, VocoderState) else self._graphs
        if not (frames or final) or (placed and placed.is_silent(cast(PlacedState | None, first), frames, final=final)):
            wavs, sums = NOTHING.repeat(len(mels), 0), NOTHING[:, :0]
            after = [state or SilentState(mel) for state, mel in zip(before, mels, strict=True)]
        elif placed and placed.covers(cast(PlacedState | None, first), frames, len(works)):
            wavs, sums, after = placed.run(mels, seeds, cast(list[PlacedState | None], before), final=final)
        else:
            wavs, sums, after = self._launch(mels, seeds, before, states[0].timbre, final=final)
        if not math.isfinite(sums.sum()):  # a number unless one of the mels is none
            raise NotFinite("the mel")
        if not math.isfinite(wavs.sum()):
            raise NotFinite("the vocoder's audio")
        return [
            self._finish(state, work, wav, following)
            for state, work, wav, following in zip(states, works, wavs, after, strict=True)
        ]

    def _at_rate(self, state: SoundState, work: VocoderWork) -> tuple[SoundState, VocoderWork]:
        """The mel as it is to be spoken, and the state behind it."""
        if state.rate == 1.0:
            return state, work
        mel, tempo = self._tempo(work.mel, state.tempo, state.rate, work.final)
        return replace(state, tempo=tempo), replace(work, mel=mel)

    def _launch(
        self,
        mels: Sequence[Tensor],
        seeds: Sequence[int],
        before: Sequence[VocoderState | PlacedState | None],
        timbre: Timbre,
        *,
        final: bool,
    ) -> tuple[NDArray[np.float32], NDArray[np.float32], Sequence[VocoderState]]:
        """Samples [R, N], the sum of the mels, and the states that follow."""
        vocoder, states = self._model.vocoder, []
        for state, seed in zip(before, seeds, strict=True):
            if isinstance(state, PlacedState):
                assert self._graphs is not None
                state = self._graphs.eager(state)
            states.append(state or begun(vocoder, seed, timbre))
        mel = mels[0] if len(mels) == 1 else torch.cat(list(mels))
        wavs, after = vocoder(mel, VocoderState.joined(states), final=final)
        following = after.parted()
        wav, total = Device.of(self._model.device).download(wavs.float(), mel.sum())  # the one wait of a window
        return wav, total, following

    def _finish(
        self,
        state: SoundState,
        work: VocoderWork,
        wav: NDArray[np.float32],
        vocoder: VocoderState | PlacedState | SilentState | None,
    ) -> tuple[NDArray[np.float32], SoundState]:
        """Returns an utterance's audio: the speech of its mel with its pause, its fade-in and its watermark."""
        if work.final and self._model.config.tail.drop_last_token:
            # Not before the vocoder: without its mel the end would be of 0.
            wav = wav[: len(wav) - self._last_token(state)]
        speech = self._faded(wav, state.spoken)
        audio = np.concatenate([np.zeros(self.pause(state, work), np.float32), speech])
        mark = state.mark
        if self._watermark is not None and mark is not None:
            audio, mark = self._watermark(audio, mark)
        following = replace(state, vocoder=vocoder, spoken=state.spoken + len(speech), owed_pause=0, mark=mark)
        if work.final:
            following = replace(following, vocoder=None, tempo=BEGUN, owed_pause=self._pauses[work.ends_sentence])
        return audio, following

    def _last_token(self, state: SoundState) -> int:
        """Samples of the last token of a segment that is complete."""
        if state.rate == 1.0:
            return self._model.samples_per_token
        return self._tempo.beyond(state.tempo, state.rate, 1) * self._model.vocoder.samples_per_frame

    def _faded(self, speech: NDArray[np.float32], begin: int) -> NDArray[np.float32]:
        """Applies the fade-in of the utterance's start to speech that begins at its sample `begin`."""
        gain = self._fade[begin : begin + len(speech)]
        return np.concatenate([speech[: len(gain)] * gain, speech[len(gain) :]]) if len(gain) else speech


def _with_what_waits(
    state: VocoderState | PlacedState | SilentState | None, mel: Tensor
) -> tuple[VocoderState | PlacedState | None, Tensor]:
    if isinstance(state, SilentState):
        return None, torch.cat((state.mel, mel), 2)
    return state, mel


def _fade_in(muted: int, rising: int) -> NDArray[np.float32]:
    """The gain of an utterance's first samples: zeros, then a raised cosine."""
    curve = (1 - np.cos(np.linspace(0, np.pi, rising))) / 2
    return np.concatenate([np.zeros(muted), curve]).astype(np.float32)
