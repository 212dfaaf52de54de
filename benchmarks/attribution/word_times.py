"""How near are the embedded voice's word times to those of its teacher, espeak-ng?

    python -m benchmarks.attribution.word_times --json

Both say the same held-out sentences in the same voice. The teacher, espeak-ng, tells when each of its words begins; a
word ends with the last sound before the next one. The two recordings are laid over each other by dynamic time warping
of their mel spectrograms, which carries the teacher's times over into our recording; there they are compared with the
times that the engine gave. As a control the same is done with words that are spread evenly over the recording by their
letters. Resolution: tokens of 40 ms, frames of 10 ms. What word times cost T3 is measured before.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from benchmarks.support.machine import machine
from engine.engine import LocalEngine
from engine.loading import load
from engine.messages import Aligned, AudioChunk, Finished, Utterance, Word
from engine.options import EngineOptions
from engine.speak import events
from engine.text.normalize import traced
from engine.text.words import WrittenWord, written_words
from training import corpus, features, render
from training.espeak import Espeak, Voice

Floats = NDArray[np.float64]

RATE = features.SAMPLE_RATE
HOP = 240  # 10 ms
QUIET = -9.0  # ln mel below this is silence, whatever it is
LOUD = 1e-3  # -60 dBFS
TIMEOUT_S = 60.0
NEAR_MS = 80.0
COST_SENTENCES = 20


@dataclass(frozen=True, kw_only=True)
class Placed:
    """A word's beginning and end in our recording, in ms: ours and the control's, less the teacher's."""

    voice: str
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


def teacher_times(teacher: Espeak, spoken: str, voice: Voice) -> tuple[NDArray[np.float32], dict[int, tuple[int, int]]]:
    """The teacher's recording, and of each of its words, by its first character, the first and the last sample."""
    rendering = teacher.render(spoken, voice)
    loud = np.flatnonzero(np.abs(rendering.wav) > LOUD)
    starts = [word.start for word in rendering.words]
    times = {}
    for word, following in zip(rendering.words, [*starts[1:], len(rendering.wav)], strict=True):
        before = loud[loud < following]
        times[word.character] = word.start, int(before[-1]) + 1 if len(before) else following
    return rendering.wav, times


def ours(engine: LocalEngine, text: str, voice: str, index: int) -> tuple[NDArray[np.float32], list[Word]]:
    request = Utterance(id=f"{voice}-{index}", voice=voice, seed=index, want_alignment=True)
    arrived = events(engine, request, text, TIMEOUT_S)
    audio = np.concatenate([event.samples for event in arrived if isinstance(event, AudioChunk)])
    return audio, [word for event in arrived if isinstance(event, Aligned) for word in event.words]


def compared(engine: LocalEngine, teacher: Espeak, texts: Sequence[str], voice: Voice) -> Iterator[Placed]:
    for index, text in enumerate(texts):
        audio, words = ours(engine, text, voice.name, index)
        by_place = {word.text_begin: word for word in words}
        spoken = traced(text)
        recording, times = teacher_times(teacher, spoken.text, voice)
        path = warping_path(mel(audio), mel(recording))
        letters = len(spoken.text)
        for written in written_words(text, spoken):
            word, end = by_place.get(written.text_begin), _end(written, times)
            if word is None or end is None:  # the teacher has no event of its own for some short words
                continue
            start = carried(path, times[written.begin][0])
            yield Placed(
                voice=voice.name,
                sentence=text,
                word=word.word,
                start=_ms(word.start_sample - start),
                end=_ms(word.end_sample - carried(path, end)),
                control_start=_ms(written.begin / letters * len(audio) - start),
            )


def _end(written: WrittenWord, times: dict[int, tuple[int, int]]) -> int | None:
    """The last sample of the last of the teacher's words that were said for it."""
    ends = [end for character, (_, end) in times.items() if written.begin <= character < written.end]
    return ends[-1] if written.begin in times else None


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
    parser.add_argument("--sentences", type=int, default=60, help="of the held-out ones, each by both voices")
    parser.add_argument("--worst", type=int, default=0, help="list so many words whose beginnings differ most")
    parser.add_argument("--json", action="store_true", help="one JSON object on the last line")
    options = parser.parse_args()
    texts = corpus.held_out("sentences")[: options.sentences]
    engine, teacher = load(options=EngineOptions(max_utterances=1, deterministic=True)), Espeak()
    try:
        t3 = cost(engine, texts[:COST_SENTENCES])
        placed = [word for voice in render.VOICES for word in compared(engine, teacher, texts, voice)]
    finally:
        engine.close()
    written = len(render.VOICES) * sum(len(written_words(text, traced(text))) for text in texts)
    result = {
        "machine": machine(),
        "sentences": len(texts),
        "words_written": written,
        "cost": t3,
        "all": summary(placed),
    }
    result |= {voice.name: summary([word for word in placed if word.voice == voice.name]) for voice in render.VOICES}
    for word in sorted(placed, key=lambda word: -abs(word.start))[: options.worst]:
        print(f"{word.start:8.0f} ms  {word.voice}  {word.word!r} in {word.sentence!r}")
    for name, values in result.items():
        print(name, values)
    if options.json:
        print(json.dumps(result))


if __name__ == "__main__":
    main()
