"""The judge's arithmetic; what the recogniser itself hears is not tested here."""

from __future__ import annotations

from typing import cast

import numpy as np
import pytest

from training import evaluate
from training.ear import Ear, bigram_arpa, distractors, words_of
from training.evaluate import Wav, word_errors


class ScriptedEar:
    """Hears the words it was told, and loses the last one at odd dithers."""

    def __init__(self, heard: list[list[str]]) -> None:
        self._heard = heard
        self._calls = 0

    def hear(self, wav: Wav, dither: int) -> list[str]:
        words = self._heard[self._calls // 2]
        self._calls += 1
        return words[:-1] if dither % 2 else words


@pytest.mark.parametrize(
    ("heard", "errors"),
    [("a b c", 0), ("a c", 1), ("a x c", 1), ("a b b c", 1), ("", 3), ("c b a", 2), ("x a b c y z", 3)],
)
def test_word_errors(heard: str, errors: int) -> None:
    assert word_errors(["a", "b", "c"], heard.split()) == errors


def speech(seconds: float) -> Wav:
    wav = np.random.default_rng(0).normal(0, 0.1, round(seconds * 24_000)).astype(np.float32)
    wav[-4_800:] = 0.0
    return wav


def test_report_counts_over_dithers() -> None:
    ear = cast(Ear, ScriptedEar([["hello", "there"], ["five", "cats"]]))
    report = evaluate.judge([("Hello there!", speech(1.0)), ("5 dogs", speech(0.5))], ear, dithers=2)
    assert [v.errors for v in report.verdicts] == [[0, 1], [1, 1]]
    assert report.wer == pytest.approx(3 / 8)
    assert report.wrong == pytest.approx(1.5)
    assert [v.seconds for v in report.verdicts] == [1.0, 0.5]


def test_silent_and_cut_off() -> None:
    assert evaluate.is_silent(np.zeros(24_000, np.float32))
    assert evaluate.is_silent(np.zeros(0, np.float32))
    assert not evaluate.is_silent(speech(1.0))
    assert not evaluate.is_cut_off(speech(1.0))
    assert evaluate.is_cut_off(speech(1.0)[:-4_800])


def test_cepstral_distance_ignores_loudness_and_timing() -> None:
    time = np.arange(19_200) / 24_000
    buzz = (0.1 * np.sign(np.sin(2 * np.pi * 120 * time))).astype(np.float32)
    assert evaluate.cepstral_distance(buzz, buzz) == pytest.approx(0.0, abs=1e-6)
    assert evaluate.cepstral_distance(0.5 * buzz, buzz[:14_400]) < 1.0
    assert evaluate.cepstral_distance(speech(0.8), buzz) > 3.0


def test_bigram_model_adds_up() -> None:
    arpa = bigram_arpa([["the", "cat"], ["the", "dog"], ["a", "cat"]])
    unigrams = arpa.split("\\1-grams:\n")[1].split("\n\n")[0].splitlines()
    assert sum(10 ** float(line.split()[0]) for line in unigrams) == pytest.approx(1.0, abs=1e-3)
    backoff = {line.split()[1]: 10 ** float(line.split()[2]) for line in unigrams}
    share = {line.split()[1]: 10 ** float(line.split()[0]) for line in unigrams}
    after_the = [
        line for line in arpa.splitlines() if " the " in line and len(line.split()) == 3 and line.split()[1] == "the"
    ]
    seen = {line.split()[2]: 10 ** float(line.split()[0]) for line in after_the if line.split()[2] in share}
    unseen = sum(share[word] * backoff["the"] for word in share if word not in seen and word != "<s>")
    assert sum(seen.values()) + unseen == pytest.approx(1.0, abs=1e-3)


def test_distractors_use_known_words_up_to_the_vocabulary() -> None:
    sentences = [f"one two three {word}." for word in ("four", "five", "xyzzy", "six", "seven")]
    known = frozenset(["one", "two", "three", "four", "five", "six", "seven"])
    chosen = distractors(sentences, known, vocabulary=5)
    assert len(chosen) == 2
    assert known.issuperset(word for sentence in chosen for word in words_of(sentence))
