"""Part of speech of a word, from the word, three words before and three behind it.

Marks count as words. A word that is not in the vocabulary is known by its last three letters.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

TAGS = ("NN", "NNS", "NNP", "VB", "VBD", "VBG", "VBN", "VBP", "VBZ", "JJ", "RB", "IN", "DT", "OTHER")
REACH = 3  # words on either side
OUTSIDE = "<>"  # before the first word and behind the last
RARE = "-"  # an ending that is not in the vocabulary


class Tagger(nn.Module):
    def __init__(self, vocabulary: Sequence[str], width: int = 32, hidden: int = 128) -> None:
        """`vocabulary`: words, endings as '-ing', marks, OUTSIDE and RARE."""
        super().__init__()
        self.settings = {"vocabulary": list(vocabulary), "width": width, "hidden": hidden}
        self.vocabulary = {name: index for index, name in enumerate(vocabulary)}
        self.embedding = nn.Embedding(len(vocabulary), width)
        self.hidden = nn.Linear((2 * REACH + 2) * width, hidden)
        self.output = nn.Linear(hidden, len(TAGS))

    def forward(self, ids: Tensor) -> Tensor:
        """[N, 2 * REACH + 2] -> scores [N, tags]"""
        return self.output(self.hidden(self.embedding(ids).flatten(1)).relu())  # type: ignore[no-any-return]

    @torch.inference_mode()
    def tags(self, words: Sequence[str], places: Sequence[int]) -> list[str]:
        """Of the words at these places."""
        if not places:
            return []
        rows = torch.tensor([self.features(words, place) for place in places])
        return [TAGS[index] for index in self(rows).argmax(1).tolist()]

    def features(self, words: Sequence[str], place: int) -> list[int]:
        """The word and its neighbours, and the word's ending."""
        around = range(place - REACH, place + REACH + 1)
        names = [words[at] if 0 <= at < len(words) else OUTSIDE for at in around]
        return [*map(self._known, names), self._ending(words[place])]

    def _known(self, word: str) -> int:
        index = self.vocabulary.get(word)
        return self._ending(word) if index is None else index

    def _ending(self, word: str) -> int:
        return self.vocabulary.get("-" + word[-3:], self.vocabulary[RARE])
