"""The teacher: espeak-ng through ctypes. Normalised text -> 24 kHz PCM and the time of every word.

Debian packages: espeak-ng-data, libespeak-ng1. One library instance per process, so rendering uses processes.
"""

from __future__ import annotations

import ctypes
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import soxr

Pcm = npt.NDArray[np.float32]

SAMPLE_RATE = 24_000
_SYNCHRONOUS = 2  # espeak_AUDIO_OUTPUT: the call returns when the audio is complete
_BUFFER_MS = 200
_POS_CHARACTER = 1
_UTF8_WITH_END_PAUSE = 0x1 | 0x1000
_RATE, _PITCH, _RANGE = 1, 3, 4  # espeak_PARAMETER
_EVENT_LIST_END, _EVENT_WORD = 0, 1


@dataclass(frozen=True, kw_only=True)
class Voice:
    """A teacher voice: an espeak-ng voice with its variant, speed in words a minute, pitch and range 0..100."""

    name: str
    espeak: str
    rate: int = 170
    pitch: int = 50
    range: int = 50


@dataclass(frozen=True)
class Word:
    start: int  # sample at 24 kHz where the word begins
    character: int  # index of its first character in the text


@dataclass(frozen=True)
class Rendering:
    wav: Pcm  # [N] 24 kHz
    words: list[Word]


class _Event(ctypes.Structure):
    _fields_ = (
        ("type", ctypes.c_int),
        ("unique_identifier", ctypes.c_uint),
        ("text_position", ctypes.c_int),
        ("length", ctypes.c_int),
        ("audio_position", ctypes.c_int),
        ("sample", ctypes.c_int),
        ("user_data", ctypes.c_void_p),
        ("id", ctypes.c_char * 8),
    )


_CALLBACK = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.POINTER(ctypes.c_short), ctypes.c_int, ctypes.POINTER(_Event))


class Espeak:
    """One espeak-ng library; `render` is not reentrant."""

    def __init__(self) -> None:
        self._library: Any = ctypes.CDLL("libespeak-ng.so.1")
        self.rate = int(self._library.espeak_Initialize(_SYNCHRONOUS, _BUFFER_MS, None, 0))
        if self.rate <= 0:
            raise RuntimeError("espeak-ng did not initialise: is the package espeak-ng-data installed?")
        self._blocks: list[npt.NDArray[np.int16]] = []
        self._words: list[tuple[int, int]] = []  # (milliseconds, character)
        self._callback = _CALLBACK(self._receive)
        self._library.espeak_SetSynthCallback(self._callback)
        self._voice: Voice | None = None

    def render(self, text: str, voice: Voice) -> Rendering:
        self._select(voice)
        self._blocks, self._words = [], []
        data = text.encode() + b"\0"
        status = self._library.espeak_Synth(
            data, ctypes.c_size_t(len(data)), 0, _POS_CHARACTER, 0, _UTF8_WITH_END_PAUSE, None, None
        )
        if status != 0 or not self._blocks:
            raise RuntimeError(f"espeak-ng said nothing for {text!r} (status {status})")
        pcm = np.concatenate(self._blocks).astype(np.float32) / 32768.0
        wav = soxr.resample(pcm, self.rate, SAMPLE_RATE, quality="HQ").astype(np.float32)
        return Rendering(wav, [Word(ms * SAMPLE_RATE // 1000, character) for ms, character in self._words])

    def _select(self, voice: Voice) -> None:
        if voice == self._voice:
            return
        if self._library.espeak_SetVoiceByName(voice.espeak.encode()) != 0:
            raise ValueError(f"espeak-ng has no voice {voice.espeak!r}")
        for parameter, value in ((_RATE, voice.rate), (_PITCH, voice.pitch), (_RANGE, voice.range)):
            self._library.espeak_SetParameter(parameter, value, 0)
        self._voice = voice

    def _receive(self, wav: Any, count: int, events: Any) -> int:
        if wav and count > 0:
            self._blocks.append(np.ctypeslib.as_array(wav, (count,)).copy())
        index = 0
        while events[index].type != _EVENT_LIST_END:
            event = events[index]
            if event.type == _EVENT_WORD:
                self._words.append((event.audio_position, event.text_position - 1))
            index += 1
        return 0
