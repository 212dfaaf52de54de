"""Normalised text -> text tokens: a Hugging Face `tokenizers` file. str -> list of ids, without T3's start and stop."""

from __future__ import annotations

from pathlib import Path

from tokenizers import Tokenizer

from engine.errors import EmptyText, ModelError


class TextTokenizer:
    """Reads tokenizer.json once. T3 itself frames the text with the start and stop tokens its configuration names."""

    def __init__(self, path: str | Path) -> None:
        if not Path(path).is_file():
            raise ModelError(f"{path} is missing: not a model directory")
        try:
            self._tokenizer = Tokenizer.from_file(str(path))
        except Exception as error:  # the Rust library raises nothing more exact
            raise ModelError(f"{path}: not a tokenizers file: {error}") from error

    @property
    def vocab_size(self) -> int:
        return int(self._tokenizer.get_vocab_size())

    def id_of(self, token: str) -> int | None:
        """The id of a token such as [START]; None where the vocabulary lacks it."""
        number = self._tokenizer.token_to_id(token)
        return None if number is None else int(number)

    def encode(self, text: str) -> list[int]:
        """Ids of normalised text. Raises EmptyText when there are none."""
        ids = self._tokenizer.encode(text, add_special_tokens=False).ids
        if not ids:
            raise EmptyText
        return list(ids)
