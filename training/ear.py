"""A coarse recogniser for the tests: pocketsphinx, its language restricted to some sentences. 24 kHz audio -> words.

The acoustic model (US English) and its dictionary come with the `pocketsphinx` package. `judge.py` has better ears.
"""

from __future__ import annotations

import math
import re
import tempfile
from collections import Counter, defaultdict
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pocketsphinx
import soxr

Wav = npt.NDArray[np.float32]

RATE = 16_000  # Hz, what the acoustic model hears
SOURCE_RATE = 24_000
PADDING = 0.3  # seconds of room before and after, as the recogniser expects
ROOM = 30  # amplitude of the room's noise in 16-bit steps, about -66 dBFS: over digital silence the recogniser's
# cepstral mean is useless
DISCOUNT = 0.5  # absolute discount of bigram counts, left to the unigrams
START, END = "<s>", "</s>"


def words_of(text: str) -> list[str]:
    return re.sub(r"[^a-z' ]", " ", text).split()


class Ear:
    """Hears one waveform at a time; built by `for_sentences`."""

    def __init__(self, decoder: pocketsphinx.Decoder, noise: int = ROOM) -> None:
        self._decoder = decoder
        self._noise = noise

    @classmethod
    def for_sentences(cls, sentences: Iterable[str], noise: int = ROOM) -> Ear:
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "bigram.arpa"
            path.write_text(bigram_arpa([words_of(sentence) for sentence in sentences]))
            return cls(pocketsphinx.Decoder(lm=str(path), loglevel="FATAL"), noise)

    def hear(self, wav: Wav, dither: int) -> list[str]:
        """The words heard in 24 kHz audio, with room noise seeded by `dither` added."""
        slow = soxr.resample(np.pad(wav, round(PADDING * SOURCE_RATE)), SOURCE_RATE, RATE, quality="HQ")
        noise = np.random.default_rng(dither).integers(-self._noise, self._noise + 1, len(slow))
        pcm = np.clip(np.round(slow * 32767.0) + noise, -32768, 32767).astype(np.int16)
        self._decoder.start_utt()
        self._decoder.process_raw(pcm.tobytes(), no_search=False, full_utt=True)
        self._decoder.end_utt()
        hypothesis = self._decoder.hyp()
        return [] if hypothesis is None else str(hypothesis.hypstr).split()


def bigram_arpa(sentences: list[list[str]]) -> str:
    """A backed-off bigram model with absolute discounting, in ARPA format."""
    bigrams: dict[str, Counter[str]] = defaultdict(Counter)
    unigrams: Counter[str] = Counter()
    for sentence in sentences:
        following = [*sentence, END]
        unigrams.update(following)
        for left, right in zip([START, *sentence], following, strict=True):
            bigrams[left][right] += 1
    total = sum(unigrams.values())
    share = {word: count / total for word, count in unigrams.items()}
    lines = ["\\data\\", f"ngram 1={len(share) + 1}", f"ngram 2={sum(map(len, bigrams.values()))}", "", "\\1-grams:"]
    for word in [START, *sorted(share)]:
        probability = -99.0 if word == START else math.log10(share[word])
        lines.append(f"{probability:.4f} {word} {_backoff(bigrams.get(word), share):.4f}")
    lines += ["", "\\2-grams:"]
    for left in sorted(bigrams):
        count = sum(bigrams[left].values())
        lines += [
            f"{math.log10((n - DISCOUNT) / count):.4f} {left} {right}" for right, n in sorted(bigrams[left].items())
        ]
    return "\n".join([*lines, "", "\\end\\", ""])


def _backoff(followers: Counter[str] | None, share: dict[str, float]) -> float:
    """log10 of the weight with which unseen followers fall back to their unigram shares."""
    if not followers:
        return 0.0
    left_over = DISCOUNT * len(followers) / sum(followers.values())
    unseen = max(1e-6, 1.0 - sum(share[word] for word in followers))
    return math.log10(left_over / unseen)
