"""Writes the embedded voice's tokenizer.json: one token a symbol. `python -m training.tokenizer [PATH]`

Ids: 0 [STOP], 1 [START], 2 [UNK], then the marks and phonemes in the order of training/t3_batches.py.
"""

from __future__ import annotations

import sys
from pathlib import Path

from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers

from training.t3_batches import SPECIALS, VOCABULARY

EMBEDDED = Path(__file__).parents[1] / "engine" / "assets" / "embedded" / "tokenizer.json"


def symbol_tokenizer() -> Tokenizer:
    vocabulary = {special: number for number, special in enumerate(SPECIALS)} | VOCABULARY
    tokenizer = Tokenizer(models.WordLevel(vocabulary, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = pre_tokenizers.Split(Regex(r"[\s\S]"), behavior="isolated")
    tokenizer.decoder = decoders.Fuse()
    tokenizer.add_special_tokens(list(SPECIALS))
    return tokenizer


if __name__ == "__main__":
    symbol_tokenizer().save(sys.argv[1] if len(sys.argv) > 1 else str(EMBEDDED))
