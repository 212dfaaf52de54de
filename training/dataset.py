"""The rendered teacher data, memory-mapped: one array file per kind, concatenated over utterances.

Written by training/codes.py, read by the trainers. In a data set directory:

    meta.jsonl        one object per utterance, see `Utterance`
    mel.f16.npy       [F_total, 80]  ln mel, 50 frames a second
    f0.f32.npy        [F_total]      Hz, 0 where unvoiced
    tokens.i16.npy    [K_total]      speech tokens, 25 a second: frames = 2 * tokens
    align.i16.npy     [K_total]      index of the symbol of the text that each token says
    codebook.f32.npy  [codes, D]     the k-means centres behind the tokens (for near codes; not needed at run time)
    stats.json        voices, normalisation, figures      prompts.json   voice name -> utterance id
"""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float32]
Ints = npt.NDArray[np.int64]
Split = Literal["train", "valid"]

HOP = 480  # samples per mel frame, 20 ms
FRAMES_PER_TOKEN = 2  # a token lasts 40 ms
LEAST_SHARE, MOST_REPEATS = 0.35, 5  # of a voice in the utterances that are trained on


@dataclass(frozen=True, kw_only=True)
class Utterance:
    id: str
    voice: int  # 0 or 1, the index into stats["voices"]
    text: str  # normalised: a-z ' . , ? ! and space
    split: Split  # a text is in one split only
    n_tokens: int
    frame_start: int
    token_start: int

    @property
    def n_frames(self) -> int:
        return FRAMES_PER_TOKEN * self.n_tokens

    @property
    def frames(self) -> slice:
        return slice(self.frame_start, self.frame_start + self.n_frames)

    @property
    def token_range(self) -> slice:
        return slice(self.token_start, self.token_start + self.n_tokens)


def balanced(utterances: list[Utterance]) -> list[Utterance]:
    """Those of voices of which there is little are repeated, up to MOST_REPEATS times, so that each has its share."""
    counts = Counter(u.voice for u in utterances)
    wanted = LEAST_SHARE * len(utterances)
    repeats = {voice: min(MOST_REPEATS, max(1, round(wanted / count))) for voice, count in counts.items()}
    return [u for u in utterances for _ in range(repeats[u.voice])]


class Dataset:
    """`Dataset(path)`; the accessors copy one utterance's piece out of files that are mapped when first needed."""

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        with (self.path / "meta.jsonl").open() as lines:
            self.utterances = [Utterance(**json.loads(line)) for line in lines]
        self.stats: dict[str, Any] = json.loads((self.path / "stats.json").read_text())
        self.prompts: dict[str, str] = json.loads((self.path / "prompts.json").read_text())
        self._by_id = {utterance.id: utterance for utterance in self.utterances}

    @cached_property
    def _mel(self) -> npt.NDArray[Any]:
        return self._map("mel.f16")

    @cached_property
    def _f0(self) -> npt.NDArray[Any]:
        return self._map("f0.f32")

    @cached_property
    def _tokens(self) -> npt.NDArray[Any]:
        return self._map("tokens.i16")

    @cached_property
    def _align(self) -> npt.NDArray[Any]:
        return self._map("align.i16")

    @property
    def voices(self) -> list[str]:
        return [voice["name"] for voice in self.stats["voices"]]

    def split(self, name: Split) -> list[Utterance]:
        return [u for u in self.utterances if u.split == name]

    def find(self, utterance_id: str) -> Utterance:
        return self._by_id[utterance_id]

    def prompt(self, voice: str) -> Utterance:
        """The teacher sentence (1.5-2 s, trailing silence included) that is the voice's prompt."""
        return self.find(self.prompts[voice])

    def mel(self, utterance: Utterance) -> Floats:
        """[F, 80] ln mel."""
        return self._mel[utterance.frames].astype(np.float32)

    def f0(self, utterance: Utterance) -> Floats:
        """[F] Hz, 0 where unvoiced."""
        return self._f0[utterance.frames].astype(np.float32)

    def tokens(self, utterance: Utterance) -> Ints:
        """[K] speech tokens."""
        return self._tokens[utterance.token_range].astype(np.int64)

    def align(self, utterance: Utterance) -> Ints:
        """[K] index of the character spoken at each token, never falling."""
        return self._align[utterance.token_range].astype(np.int64)

    def text(self, utterance: Utterance) -> str:
        return utterance.text

    def voice(self, utterance: Utterance) -> int:
        return utterance.voice

    def codebook(self) -> Floats:
        """[codes, D] centres of the speech tokens in feature space."""
        return np.asarray(np.load(self.path / "codebook.f32.npy"), dtype=np.float32)

    def _map(self, name: str) -> npt.NDArray[Any]:
        return np.load(self.path / f"{name}.npy", mmap_mode="r")  # type: ignore[no-any-return]
