"""How near are the embedded voice's word times to those of its teacher?

    python -m benchmarks.attribution.word_times --json

Both say the same phonemes of the held-out sentences (`training.teachers`, which needs the packages of the extra
`voice`). The teacher tells when each phoneme is over. karl's words come when anna's do. The two recordings are laid
over each other by dynamic time warping of their mel spectrograms, which carries the teacher's times over into our
recording; there they are compared with the times that the engine gave. As a control the same is done with words that
are spread evenly over the recording by their letters. Resolution: tokens of 40 ms, frames of 10 ms. What word times
cost T3 is measured before.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from numpy.typing import NDArray

from benchmarks.support.machine import machine
from engine.engine import LocalEngine
from engine.loading import load
from engine.messages import Aligned, AudioChunk, Finished, Utterance, Word
from engine.model import EMBEDDED
from engine.options import EngineOptions
from engine.speak import events
from engine.text.normalize import traced
from engine.text.phonemes import English
from engine.text.words import WrittenWord, written_words
from training import corpus, features
from training.teachers import Heart, Teacher, phoneme_ids

Floats = NDArray[np.float64]

RATE = features.SAMPLE_RATE
HOP = 240  # 10 ms
QUIET = -9.0  # ln mel below this is silence, whatever it is
TIMEOUT_S = 60.0
NEAR_MS = 80.0
COST_SENTENCES = 20


@dataclass(frozen=True, kw_only=True)
class Placed:
    """A word's beginning and end in our recording, in ms: ours and the control's, less the teacher's."""

    sentence: str
    word: str
    start: float
    end: float
    control_start: float


def mel(wav: NDArray[np.float32]) -> Floats:
    """[N] -> [N / 240, 80] ln mel, quiet parts all alike."""
    side = (features.N_FFT - HOP) // 2
    padded = np.pad(wav[: len(wav) // HOP * HOP], (side, side))
    frames = np.lib.stride_tricks.sliding_window_view(padded, features.N_FFT)[::HOP]
    energy = np.abs(np.fft.rfft(frames * np.hanning(features.N_FFT), axis=-1)) @ features.mel_filters()
    return np.asarray(np.maximum(np.log(np.maximum(energy, 1e-9)), QUIET))


def warping_path(one: Floats, other: Floats) -> NDArray[np.int64]:
    """[K, 2] pairs of frames that belong together: the cheapest monotone path."""
    cost = np.sqrt(np.square(one[:, None] - other[None]).mean(-1))
    total = np.full((len(one) + 1, len(other) + 1), np.inf)
    total[0, 0] = 0.0
    for i in range(len(one)):
        # total[i + 1, j + 1] = cost[i, j] + min(total[i, j], total[i, j + 1], total[i + 1, j]), for all j at once
        along = np.concatenate([[0.0], np.cumsum(cost[i])])
        reached = np.minimum(total[i, :-1], total[i, 1:])
        total[i + 1, 1:] = along[1:] + np.minimum.accumulate(reached - along[:-1])
    path, i, j = [(len(one) - 1, len(other) - 1)], len(one), len(other)
    while i > 1 or j > 1:
        i, j = min(((i - 1, j - 1), (i - 1, j), (i, j - 1)), key=lambda cell: float(total[cell]))
        path.append((i - 1, j - 1))
    return np.array(path[::-1])


def carried(path: NDArray[np.int64], sample: int) -> float:
    """A sample of the second recording -> the sample of the first that belongs to it."""
    frame = min(sample // HOP, int(path[-1, 1]))
    return float(path[path[:, 1] == frame, 0].mean() * HOP + sample % HOP)


def teacher_times(
    teacher: Teacher, ids_of: Mapping[str, int], spoken: str, words: Sequence[WrittenWord]
) -> tuple[NDArray[np.float32], dict[int, tuple[int, int]]]:
    """The teacher's recording, and of each word, by its first phoneme, the first and the last sample."""
    ids = np.array([[0, *(ids_of[symbol] for symbol in spoken), 0]], np.int64)
    wav, ends, _ = teacher.say(spoken, ids)
    # ends[0] is that of the silence before the first phoneme.
    return wav, {word.begin: (int(ends[word.begin]), int(ends[word.end])) for word in words}


def ours(engine: LocalEngine, text: str, index: int) -> tuple[NDArray[np.float32], list[Word]]:
    request = Utterance(id=f"anna-{index}", voice="anna", seed=index, want_alignment=True)
    arrived = events(engine, request, text, TIMEOUT_S)
    audio = np.concatenate([event.samples for event in arrived if isinstance(event, AudioChunk)])
    return audio, [word for event in arrived if isinstance(event, Aligned) for word in event.words]


def compared(
    engine: LocalEngine, teacher: Teacher, english: English, ids_of: Mapping[str, int], texts: Sequence[str]
) -> Iterator[Placed]:
    for index, text in enumerate(texts):
        audio, words = ours(engine, text, index)
        by_place = {word.text_begin: word for word in words}
        spoken = english.phonemes(traced(text), text)
        written_ones = written_words(text, spoken)
        recording, times = teacher_times(teacher, ids_of, spoken.text, written_ones)
        path = warping_path(mel(audio), mel(recording))
        letters = len(spoken.text)
        for written in written_ones:
            word, (begin, end) = by_place.get(written.text_begin), times[written.begin]
            if word is None:
                continue
            start = carried(path, begin)
            yield Placed(
                sentence=text,
                word=word.word,
                start=_ms(word.start_sample - start),
                end=_ms(word.end_sample - carried(path, end)),
                control_start=_ms(written.begin / letters * len(audio) - start),
            )


def _ms(samples: float) -> float:
    return 1e3 * samples / RATE


def cost(engine: LocalEngine, texts: Sequence[str]) -> dict[str, float]:
    """T3's time a token, alone, with and without word times: medians, the two in turns."""
    spent: dict[bool, list[float]] = {True: [], False: []}
    for index, text in enumerate(texts):
        for wanted in (True, False) if index % 2 else (False, True):
            request = Utterance(id=f"cost-{index}", seed=index, want_alignment=wanted)
            finished = events(engine, request, text, TIMEOUT_S)[-1]
            assert isinstance(finished, Finished)
            spent[wanted].append(finished.usage.t3_ns / finished.usage.speech_tokens / 1e6)
    extra = np.median(np.subtract(spent[True], spent[False]))
    return {"t3_ms_a_token": round(float(np.median(spent[False])), 3), "more_with_words_ms": round(float(extra), 3)}


def figures(differences: Sequence[float]) -> dict[str, float]:
    """Of differences in ms; positive: ours is later."""
    sizes = np.abs(differences)
    return {
        "median_ms": round(float(np.median(sizes)), 1),
        "p90_ms": round(float(np.percentile(sizes, 90)), 1),
        "largest_ms": round(float(sizes.max()), 1),
        "bias_ms": round(float(np.median(differences)), 1),
        "within_80_ms": round(float(np.mean(sizes <= NEAR_MS)), 4),
    }


def summary(placed: Sequence[Placed]) -> dict[str, object]:
    return {
        "words": len(placed),
        "starts": figures([word.start for word in placed]),
        "ends": figures([word.end for word in placed]),
        "control_starts": figures([word.control_start for word in placed]),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sentences", type=int, default=60, help="of the held-out ones")
    parser.add_argument("--worst", type=int, default=0, help="list so many words whose beginnings differ most")
    parser.add_argument("--json", action="store_true", help="one JSON object on the last line")
    options = parser.parse_args()
    texts = corpus.held_out("sentences")[: options.sentences]
    english = English.read(EMBEDDED)
    engine = load(options=EngineOptions(max_utterances=1, deterministic=True))
    with TemporaryDirectory() as folder:
        teacher = Heart(Path(folder), seed=0)
    try:
        t3 = cost(engine, texts[:COST_SENTENCES])
        placed = list(compared(engine, teacher, english, phoneme_ids(), texts))
    finally:
        engine.close()
    written = sum(len(written_words(text, english.phonemes(traced(text), text))) for text in texts)
    result = {
        "machine": machine(),
        "sentences": len(texts),
        "words_written": written,
        "cost": t3,
        "all": summary(placed),
    }
    for word in sorted(placed, key=lambda word: -abs(word.start))[: options.worst]:
        print(f"{word.start:8.0f} ms  {word.word!r} in {word.sentence!r}")
    for name, values in result.items():
        print(name, values)
    if options.json:
        print(json.dumps(result))


if __name__ == "__main__":
    main()
