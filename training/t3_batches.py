"""Teacher data -> batches for T3: a row is one causal stream [speaker, text, speech start, speech], padded at its end.

The pieces of a row index one joint embedding table (text ids, then speech ids) and one joint position table, so a row
needs no padding inside. All arrays int64 [B, T] unless said otherwise.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, fields

import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as F
from torch import Tensor

from engine.networks import noise
from engine.networks.t3.t3 import T3Config
from engine.text.phonemes.unknown import SYMBOLS
from training.dataset import Dataset, Utterance

Ints = npt.NDArray[np.int64]

MARKS = " ,.?!"
SPECIALS = ("[STOP]", "[START]", "[UNK]")
STOP_TEXT, START_TEXT = 0, 1
VOCABULARY = {symbol: len(SPECIALS) + index for index, symbol in enumerate(MARKS + SYMBOLS)}

NEAR_SHARE = 0.08  # of the input tokens become one of their nearest codes, as sampling will do
RANDOM_SHARE = 0.024  # become any code
NEAREST = 12
SHORT = 14  # symbols: about one or two words
SHORT_SHARE = 0.06  # of the utterances of an epoch, at least
LENGTH_GRAIN = 16  # batch lengths are multiples of this
SPEAKER_SEED = 1


def speaker_vectors(n_voices: int, width: int) -> Tensor:
    """[n_voices, width] fixed unit vectors, one a voice; they are stored in the voice files."""
    vectors = noise.normal(noise.fold(SPEAKER_SEED), 0, n_voices * width).view(n_voices, width)
    return F.normalize(vectors, dim=1)


@dataclass(frozen=True)
class Batch:
    ids: Tensor  # joint ids of positions 1.., position 0 is the speaker
    places: Tensor  # joint positions of the same
    voice: Tensor  # [B]
    target: Tensor  # [B, T] speech token after this position, -100 where none
    focus: Tensor  # [B, T] position in the stream of the character that target belongs to; 0 where none
    text_end: Tensor  # [B] first position after the text

    def to(self, device: str) -> Batch:
        return Batch(*(getattr(self, part.name).to(device) for part in fields(self)))


class Corpus:
    """One split in memory: framed text, codes and alignment of every utterance, and how to batch them."""

    def __init__(self, dataset: Dataset, utterances: list[Utterance], config: T3Config) -> None:
        self.config = config
        self.near = nearest_codes(dataset.codebook())
        self.text, self.codes, self.align = list[Ints](), list[Ints](), list[Ints]()
        self.voice, self.chars, self.length = (np.zeros(0, np.int64) for _ in range(3))
        self.add(dataset, utterances)

    def add(self, dataset: Dataset, utterances: list[Utterance]) -> None:
        """More utterances, coded with the same codebook."""
        self.text += [np.array([START_TEXT, *(VOCABULARY[c] for c in u.text), STOP_TEXT]) for u in utterances]
        self.codes += [dataset.tokens(u) for u in utterances]
        self.align += [dataset.align(u) for u in utterances]
        self.voice = np.append(self.voice, np.array([u.voice for u in utterances], np.int64))
        self.chars = np.append(self.chars, np.array([len(u.text) for u in utterances], np.int64))
        self.length = np.array([2 + len(t) + len(k) for t, k in zip(self.text, self.codes, strict=True)])

    def __len__(self) -> int:
        return len(self.length)

    def epoch(self, positions: int, generator: np.random.Generator) -> Iterator[Batch]:
        """Batches of about `positions`, rows of like length; short items are drawn again until they are enough."""
        order = np.arange(len(self))
        short = np.flatnonzero(self.chars <= SHORT)
        missing = int(SHORT_SHARE * len(self)) - len(short)
        if len(short) and missing > 0:
            order = np.concatenate([order, generator.choice(short, missing)])
        # Sorting by a blurred length keeps the company of a row changing from epoch to epoch.
        order = order[np.argsort(self.length[order] + generator.uniform(0, LENGTH_GRAIN, len(order)))]
        for rows in self._shuffled(list(self._cut(order, positions)), generator):
            yield self.batch(rows, generator)

    def undisturbed(self, rows: Ints, positions: int) -> list[Batch]:
        """These rows, as they are."""
        return [self.batch(part) for part in self._cut(rows[np.argsort(self.length[rows])], positions)]

    def _cut(self, order: Ints, positions: int) -> Iterator[Ints]:
        first = 0
        while first < len(order):
            last = first + 1
            while last < len(order) and (last + 1 - first) * self._padded(order[first : last + 1]) <= positions:
                last += 1
            yield order[first:last]
            first = last

    def _shuffled(self, batches: list[Ints], generator: np.random.Generator) -> list[Ints]:
        return [batches[index] for index in generator.permutation(len(batches))]

    def _padded(self, rows: Ints) -> int:
        return int(-(-self.length[rows].max() // LENGTH_GRAIN) * LENGTH_GRAIN)

    def batch(self, rows: Ints, generator: np.random.Generator | None = None) -> Batch:
        """With a generator the input tokens are disturbed."""
        config, shape = self.config, (len(rows), self._padded(rows))
        ids, places, focus = (np.zeros(shape, np.int64) for _ in range(3))
        target = np.full(shape, -100)
        text_end = np.zeros(len(rows), np.int64)
        for r, index in enumerate(rows):
            text, codes, align = self.text[index], self.codes[index], self.align[index]
            start = 1 + len(text)  # position of the speech start
            end = start + 1 + len(codes)
            spoken = codes if generator is None else self._disturbed(codes, generator)
            ids[r, 1:start] = text
            ids[r, start] = config.text_vocab + config.start_speech
            ids[r, start + 1 : end] = config.text_vocab + spoken
            places[r, 1:start] = np.arange(len(text))
            places[r, start:end] = config.max_text + np.arange(len(codes) + 1)
            target[r, start : end - 1] = codes
            target[r, end - 1] = config.stop_speech
            focus[r, start : end - 1] = 2 + align  # the speaker and [START] stand before the first character
            focus[r, end - 1] = start - 1  # the stop belongs to [STOP]
            text_end[r] = start
        arrays = (ids[:, 1:], places[:, 1:], self.voice[rows], target, focus, text_end)
        return Batch(*(torch.from_numpy(np.ascontiguousarray(array)) for array in arrays))

    def _disturbed(self, codes: Ints, generator: np.random.Generator) -> Ints:
        draw = generator.random(len(codes))
        near = self.near[codes, generator.integers(0, NEAREST, len(codes))]
        anything = generator.integers(0, self.config.codes, len(codes))
        return np.where(draw < NEAR_SHARE, near, np.where(draw < NEAR_SHARE + RANDOM_SHARE, anything, codes))


def nearest_codes(codebook: npt.NDArray[np.float32]) -> Ints:
    """[V, D] -> [V, NEAREST] the codes next to each, itself left out."""
    centres = torch.from_numpy(codebook)
    return torch.cdist(centres, centres).topk(NEAREST + 1, largest=False).indices[:, 1:].numpy()
