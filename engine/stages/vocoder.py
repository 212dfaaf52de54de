"""Mel -> audio: the vocoder, pauses between segments, the fade-in of an utterance, its mark.

The vocoder starts anew with every segment, and its speech ends with it: nothing is held back for a sentence that is yet
to come.
"""

from __future__ import annotations

import math
from collections.abc import Hashable, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray

from engine.device.device import Device
from engine.errors import NotFinite
from engine.model import Model, Voice
from engine.networks import noise
from engine.networks.pulse.timbre import Timbre
from engine.networks.vocoder_state import VocoderState
from engine.networks.vocoders import begun
from engine.scheduling.jobs import VocoderWork
from engine.stages.watermark import Watermark, WatermarkState


@dataclass(frozen=True)
class SoundState:
    """One utterance between two pieces of mel."""

    seed: int
    timbre: Timbre
    vocoder: VocoderState | None = None  # None: its segment has had none
    spoken: int = 0  # samples of speech so far
    owed_pause: int = 0  # samples of silence that come before the next segment
    mark: WatermarkState | None = None  # None: audio is not marked


class VocoderStage:
    def __init__(self, model: Model, watermark: Watermark | None = None) -> None:
        self._model = model
        self._watermark = watermark
        text, tail = model.config.text, model.config.tail
        self._pauses = {True: model.samples(text.sentence_pause_ms), False: model.samples(text.clause_pause_ms)}
        self._fade = _fade_in(model.samples(tail.muted_ms), model.samples(tail.fade_in_ms))

    def open(self, voice: Voice, seed: int) -> SoundState:
        return SoundState(seed, voice.timbre, mark=self._watermark.init_state() if self._watermark else None)

    def pause(self, state: SoundState, work: VocoderWork) -> int:
        """How many samples of silence the audio of this mel begins with; none where nothing was spoken before."""
        if state.vocoder is not None or not state.spoken:
            return state.owed_pause
        return max(state.owed_pause, round(work.pause_s * self._model.config.sample_rate))

    def alike(self, state: SoundState, work: VocoderWork) -> Hashable:
        key = ("new", state.timbre) if state.vocoder is None else state.vocoder.batch_key
        return key, work.mel.shape[-1], work.final

    @torch.inference_mode()
    def run(
        self, states: Sequence[SoundState], works: Sequence[VocoderWork]
    ) -> list[tuple[NDArray[np.float32], SoundState]]:
        """[N] float32 audio of each mel and the state that follows; all of them alike.

        Raises NotFinite."""
        vocoder, pairs = self._model.vocoder, list(zip(states, works, strict=True))
        before = [
            state.vocoder or begun(vocoder, noise.fold(state.seed, work.segment), state.timbre) for state, work in pairs
        ]
        mels = works[0].mel if len(works) == 1 else torch.cat([work.mel for work in works])
        wavs, after = vocoder(mels, VocoderState.joined(before), final=works[0].final)
        states_after = after.parted()
        wavs, total = Device.of(self._model.device).download(wavs.float(), mels.sum())  # the one wait of a window
        if not math.isfinite(total):  # a number unless one of the mels is none
            raise NotFinite("the mel")
        if not math.isfinite(wavs.sum()):
            raise NotFinite("the vocoder's audio")
        return [
            self._finish(state, work, wav, following)
            for (state, work), wav, following in zip(pairs, wavs, states_after, strict=True)
        ]

    def _finish(
        self, state: SoundState, work: VocoderWork, wav: NDArray[np.float32], vocoder: VocoderState
    ) -> tuple[NDArray[np.float32], SoundState]:
        """Returns an utterance's audio: the speech of its mel with its pause, its fade-in and its watermark."""
        if work.final and self._model.config.tail.drop_last_token:
            wav = wav[: -self._model.samples_per_token]  # not before the vocoder: without its mel the end would be of 0
        speech = self._faded(wav, state.spoken)
        audio = np.concatenate([np.zeros(self.pause(state, work), np.float32), speech])
        mark = state.mark
        if self._watermark is not None and mark is not None:
            audio, mark = self._watermark(audio, mark)
        following = replace(state, vocoder=vocoder, spoken=state.spoken + len(speech), owed_pause=0, mark=mark)
        if work.final:
            following = replace(following, vocoder=None, owed_pause=self._pauses[work.ends_sentence])
        return audio, following

    def _faded(self, speech: NDArray[np.float32], begin: int) -> NDArray[np.float32]:
        """Applies the fade-in of the utterance's start to speech that begins at its sample `begin`."""
        gain = self._fade[begin : begin + len(speech)]
        return np.concatenate([speech[: len(gain)] * gain, speech[len(gain) :]]) if len(gain) else speech


def _fade_in(muted: int, rising: int) -> NDArray[np.float32]:
    """The gain of an utterance's first samples: zeros, then a raised cosine."""
    curve = (1 - np.cos(np.linspace(0, np.pi, rising))) / 2
    return np.concatenate([np.zeros(muted), curve]).astype(np.float32)
