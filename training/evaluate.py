"""How well is it understood? Systems speak the held-out texts, an independent recogniser writes down what it heard.

`python -m training.evaluate --work DIR --systems teacher,vocoder,flow,full` prints one line per system and voice: word
error rate on sentences (mean over dithers), wrong short items, duration against the teacher's, mel-cepstral distance to
the teacher (DTW), and how many were silent, cut off, or longer than 1.5 times the teacher's.

The systems are those of training/systems.py; `module:function` names one elsewhere.
"""

from __future__ import annotations

import argparse
import importlib
import json
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path
from statistics import fmean
from typing import Any

import numpy as np
import numpy.typing as npt
import scipy.fft
import torch

from engine.model import EMBEDDED
from engine.text.normalize import normalize
from training import corpus, features, phrases, systems
from training.ear import ROOM, Ear, dictionary, distractors, words_of
from training.render import TOKEN, VOICES
from training.systems import Synthesise

Wav = npt.NDArray[np.float32]

DITHERS = 5
VOCABULARY = 2_000  # words of the sentence recogniser
SILENT = 10 ** (-50 / 20)  # RMS below -50 dBFS
CUT_OFF = 0.1  # RMS of the last 20 ms over the RMS of the whole
TOO_LONG = 1.5  # times the teacher's duration
CEPSTRA = 24


@dataclass(frozen=True)
class Verdict:
    """One text: what was heard at each dither, and word errors per dither."""

    text: str
    heard: list[str]
    errors: list[int]
    words: int
    seconds: float
    silent: bool
    cut_off: bool


@dataclass(frozen=True)
class Report:
    verdicts: list[Verdict]

    @property
    def wer(self) -> float:
        """Word errors over words, all dithers together."""
        return sum(sum(v.errors) for v in self.verdicts) / sum(v.words * len(v.errors) for v in self.verdicts)

    @property
    def wrong(self) -> float:
        """Items not understood exactly, mean over dithers."""
        return fmean(sum(v.errors[d] > 0 for v in self.verdicts) for d in range(len(self.verdicts[0].errors)))


def word_errors(spoken: Sequence[str], heard: Sequence[str]) -> int:
    """Edit distance: substitutions, deletions and insertions."""
    row = list(range(len(heard) + 1))
    for i, word in enumerate(spoken, start=1):
        diagonal, row[0] = row[0], i
        for j, other in enumerate(heard, start=1):
            diagonal, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, diagonal + (word != other))
    return row[-1]


@cache
def sentence_ear(extra: tuple[str, ...] = (), noise: int = ROOM) -> Ear:
    """Knows the held-out sentences, `extra` ones, and distractors up to VOCABULARY words."""
    sentences = [*map(normalize, corpus.held_out("sentences")), *extra]
    return Ear.for_sentences([*sentences, *distractors(corpus.prose(), dictionary(), VOCABULARY)], noise)


@cache
def item_ear(extra: tuple[str, ...] = (), noise: int = ROOM) -> Ear:
    """Knows the held-out short items, `extra` ones, and the short phrases of the corpus."""
    items = [*map(normalize, corpus.held_out("short")), *extra, *phrases.short_items()]
    known = dictionary()
    understood = [item for item in items if words_of(item) and known.issuperset(words_of(item))]
    return Ear.for_items(understood, noise)


def judge(items: list[tuple[str, Wav]], ear: Ear | None = None, dithers: int = DITHERS) -> Report:
    """Each (text as written, waveform at 24 kHz) against what `ear` hears; without one, an ear for these sentences."""
    spoken = [normalize(text) for text, _ in items]
    ear = ear or sentence_ear(tuple(spoken))
    verdicts = []
    for text, (_, wav) in zip(spoken, items, strict=True):
        heard = [ear.hear(wav, dither) for dither in range(dithers)]
        words = words_of(text)
        errors = [word_errors(words, hypothesis) for hypothesis in heard]
        seconds = len(wav) / features.SAMPLE_RATE
        verdicts.append(
            Verdict(text, [" ".join(h) for h in heard], errors, len(words), seconds, is_silent(wav), is_cut_off(wav))
        )
    return Report(verdicts)


def is_silent(wav: Wav) -> bool:
    return len(wav) == 0 or float(np.sqrt(np.mean(np.square(wav)))) < SILENT


def is_cut_off(wav: Wav) -> bool:
    """Speech goes on to the very end instead of dying away."""
    tail = wav[-features.HOP :]
    return len(wav) > 0 and float(np.sqrt(np.mean(tail**2))) > CUT_OFF * float(np.sqrt(np.mean(wav**2)) + 1e-9)


def cepstral_distance(wav: Wav, reference: Wav) -> float:
    """Mel-cepstral distance in dB along the best alignment of the two, energy left out."""
    a, b = (_cepstra(signal) for signal in (wav, reference))
    cost = np.sqrt(2.0 * np.square(a[:, None] - b[None]).sum(-1)) * 10.0 / np.log(10.0)
    total = np.full((len(a) + 1, len(b) + 1), np.inf)
    steps = np.zeros_like(total)
    total[0, 0] = 0.0
    for i, line in enumerate(cost):
        for j, value in enumerate(line):
            best = min(((i, j), (i, j + 1), (i + 1, j)), key=lambda cell: float(total[cell]))
            total[i + 1, j + 1] = total[best] + value
            steps[i + 1, j + 1] = steps[best] + 1
    return float(total[-1, -1] / steps[-1, -1])


def _cepstra(wav: Wav) -> Wav:
    whole = wav[: len(wav) // TOKEN * TOKEN]
    mel = np.maximum(features.mel_spectrogram(whole), features.SILENCE)
    # Orthonormal coefficients of 80 bins, brought to the scale of cepstra.
    return np.asarray(scipy.fft.dct(mel, norm="ortho")[:, 1 : CEPSTRA + 1] / np.sqrt(2.0 * features.MELS), np.float32)


def system(name: str, work: Path, model: Path) -> Synthesise:
    """A system of training/systems.py, or `module:function`."""
    module, _, function = name.rpartition(":")
    made: Synthesise = getattr(importlib.import_module(module or "training.systems"), function)(work, model)
    return made


def evaluate(
    synthesise: Synthesise, voice: str, sentences: list[str], short: list[str], dithers: int, noise: int
) -> dict[str, Any]:
    """All figures of one system with one voice."""
    reference = systems.teacher(Path(), Path())
    began = time.monotonic()
    spoken = [(text, synthesise(text, voice)) for text in sentences]
    items = [(text, synthesise(text, voice)) for text in short]
    wall = time.monotonic() - began
    ears = sentence_ear(tuple(map(normalize, sentences)), noise), item_ear(tuple(map(normalize, short)), noise)
    report, short_report = judge(spoken, ears[0], dithers), judge(items, ears[1], dithers)
    ratios = [len(wav) / len(reference(text, voice)) for text, wav in spoken + items]
    verdicts = report.verdicts + short_report.verdicts
    return {
        "voice": voice,
        "wer": report.wer,
        "short_wrong": short_report.wrong,
        "short_items": len(short),
        "duration_ratio": fmean(ratios),
        "duration_ratio_max": max(ratios),
        "cepstral_distance_db": fmean(cepstral_distance(wav, reference(text, voice)) for text, wav in spoken),
        "silent": sum(v.silent for v in verdicts),
        "cut_off": sum(v.cut_off for v in verdicts),
        "too_long": sum(ratio > TOO_LONG for ratio in ratios),
        "synthesis_rtf": wall / sum(v.seconds for v in verdicts),
        "worst": [asdict(v) for v in sorted(verdicts, key=lambda v: -sum(v.errors))[:8]],
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--work", type=Path, default=Path("out/training"), help="work directory (default: %(default)s)")
    parser.add_argument("--model", type=Path, default=EMBEDDED, help="model directory (default: the embedded voice's)")
    parser.add_argument("--systems", default="teacher", help="comma separated names (default: %(default)s)")
    parser.add_argument("--voices", default=",".join(voice.name for voice in VOICES))
    parser.add_argument("--dithers", type=int, default=DITHERS)
    parser.add_argument("--noise", type=int, default=ROOM, help="of the room, in 16-bit steps (default: %(default)s)")
    parser.add_argument("--limit", type=int, help="only so many sentences and short items")
    parser.add_argument("--texts", type=Path, help="sentences, one a line, instead of the held-out ones")
    parser.add_argument("--json", action="store_true", help="one JSON object on the last line, worst items included")
    options = parser.parse_args()
    torch.set_num_threads(1)
    sentences = options.texts.read_text().splitlines() if options.texts else corpus.held_out("sentences")
    short = corpus.held_out("short")
    results: dict[str, list[dict[str, Any]]] = {}
    for name in options.systems.split(","):
        synthesise = system(name, options.work, options.model)
        for voice in options.voices.split(","):
            figures = evaluate(
                synthesise, voice, sentences[: options.limit], short[: options.limit], options.dithers, options.noise
            )
            results.setdefault(name, []).append(figures)
            shown = (f"{key} {value:.3f}" for key, value in figures.items() if isinstance(value, float | int))
            print(f"{name:8s} {voice:5s}", *shown, sep="  ", flush=True)
    if options.json:
        print(json.dumps(results))


if __name__ == "__main__":
    main()
