"""Phonemes and marks -> ids of the embedded voice."""

from __future__ import annotations

from pathlib import Path

import pytest

from engine.errors import EmptyText, ModelError
from engine.model import EMBEDDED
from engine.text.tokenizer import TextTokenizer
from training.t3_batches import VOCABULARY


@pytest.fixture(scope="module")
def tokenizer() -> TextTokenizer:
    return TextTokenizer(EMBEDDED / "tokenizer.json")


def test_one_id_a_symbol_in_the_order_of_the_trainer(tokenizer: TextTokenizer) -> None:
    symbols = "".join(VOCABULARY)
    assert tokenizer.encode(symbols) == list(range(3, 3 + len(symbols)))
    assert tokenizer.vocab_size == 3 + len(symbols)


def test_special_tokens(tokenizer: TextTokenizer) -> None:
    assert [tokenizer.id_of(name) for name in ("[STOP]", "[START]", "[UNK]", "[NONE]")] == [0, 1, 2, None]
    assert tokenizer.encode("a7a")[1] == tokenizer.id_of("[UNK]")


def test_spaces_are_kept(tokenizer: TextTokenizer) -> None:
    space = VOCABULARY[" "]
    assert tokenizer.encode(" i  b ") == [space, VOCABULARY["i"], space, space, VOCABULARY["b"], space]


def test_empty_text_is_an_error(tokenizer: TextTokenizer) -> None:
    with pytest.raises(EmptyText):
        tokenizer.encode("")


def test_a_missing_or_broken_file_is_a_model_error(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="missing"):
        TextTokenizer(tmp_path / "tokenizer.json")
    (tmp_path / "broken.json").write_text("{}")
    with pytest.raises(ModelError, match="not a tokenizers file"):
        TextTokenizer(tmp_path / "broken.json")
