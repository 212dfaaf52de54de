"""Letters of a word that no lexicon has -> phonemes. Convolutions over letters, read out as in CTC.

Each letter has SLOTS outputs, each a symbol or nothing; neighbouring equal symbols are one.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

LETTERS = "'abcdefghijklmnopqrstuvwxyz"
SYMBOLS = "ˈˌAIOTWYabdfhijklmnpstuvwzæðŋɐɑɔəɛɜɡɪɹʃʊʌʒʤʧθᵊᵻ"
SLOTS = 3  # outputs a letter: "u" may be j, a stress mark and a vowel
NOTHING = 0  # of the output; of the input it is padding


class _Block(nn.Module):
    def __init__(self, width: int, reach: int) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(width)
        self.spread = nn.Conv1d(width, width, 2 * reach + 1, padding=reach, groups=4)
        self.mix = nn.Linear(width, width)

    def forward(self, x: Tensor, known: Tensor) -> Tensor:
        spread = self.spread((self.norm(x) * known).mT).mT
        return x + self.mix(nn.functional.gelu(spread))  # type: ignore[no-any-return]


class Letters(nn.Module):
    def __init__(self, width: int = 160, blocks: int = 6, reach: int = 3) -> None:
        super().__init__()
        self.settings = {"width": width, "blocks": blocks, "reach": reach}
        self.embedding = nn.Embedding(1 + len(LETTERS), width)
        self.blocks = nn.ModuleList([_Block(width, reach) for _ in range(blocks)])
        self.norm = nn.LayerNorm(width)
        self.output = nn.Linear(width, SLOTS * (1 + len(SYMBOLS)))

    def forward(self, letters: Tensor) -> Tensor:
        """[B, L] -> scores [B, SLOTS * L, 1 + symbols]"""
        known = (letters != NOTHING)[..., None]
        x = self.embedding(letters)
        for block in self.blocks:
            x = block(x, known)
        return self.output(self.norm(x)).unflatten(2, (SLOTS, -1)).flatten(1, 2)  # type: ignore[no-any-return]

    @torch.inference_mode()
    def said(self, word: str) -> str:
        ids = torch.tensor([[1 + LETTERS.index(letter) for letter in word]])
        return read_out(self(ids)[0].argmax(1).tolist())


def read_out(slots: list[int]) -> str:
    pairs = zip([NOTHING, *slots], slots, strict=False)
    return "".join(SYMBOLS[now - 1] for before, now in pairs if now not in (before, NOTHING))
