"""Prepared text -> text tokens. str -> list of ids, without T3's start and stop.

Reads a Hugging Face `tokenizers` file, or the files of a GPT-2 tokenizer: byte-level BPE of vocab.json and merges.txt,
to which added_tokens.json adds tokens that are never taken apart, such as [laugh].
"""

from __future__ import annotations

import json
import re
from functools import cached_property
from pathlib import Path
from typing import Any

from tokenizers import AddedToken, Tokenizer, models, pre_tokenizers

from engine.errors import EmptyText, ModelError

UNKNOWN, SPACE = "[UNK]", "[SPACE]"
_TAG = re.compile(r"\[(?!cj_)[A-Za-z][A-Za-z _-]*\]")


class TextTokenizer:
    """Read once. T3 itself frames the text with the start and stop tokens its configuration names."""

    def __init__(self, path: str | Path) -> None:
        """`path` is a tokenizers file, or a directory with a GPT-2 tokenizer's files."""
        self._tokenizer = _read_gpt2(Path(path)) if Path(path).is_dir() else _read(Path(path))

    @property
    def vocab_size(self) -> int:
        """Every id is below it. Not the number of tokens: a vocabulary may have holes."""
        return 1 + max(self._vocab.values())

    @cached_property
    def tags(self) -> frozenset[str]:
        """Tokens such as [laugh] that stand for more than letters. [START], [zh] and the like are among them."""
        return frozenset(token for token in self._vocab if _TAG.fullmatch(token))

    @cached_property
    def mute(self) -> frozenset[int]:
        """Ids of marks and of [UNK], [SPACE], [zh] and the like: tokens without a letter or digit, and all tags."""
        return frozenset(
            number
            for token, number in self._vocab.items()
            if token in self.tags or not any(map(str.isalnum, token.removeprefix("[cj_")))
        )

    def id_of(self, token: str) -> int | None:
        """The id of a token such as [START]; None where the vocabulary lacks it."""
        number = self._tokenizer.token_to_id(token)
        return None if number is None else int(number)

    def encode(self, text: str) -> list[int]:
        """Ids of prepared text. Raises EmptyText when there are none."""
        ids = self._tokenizer.encode(text).ids
        if not ids:
            raise EmptyText
        return list(ids)

    @cached_property
    def _vocab(self) -> dict[str, int]:
        return dict(self._tokenizer.get_vocab(with_added_tokens=True))


def _read(path: Path) -> Tokenizer:
    if not path.is_file():
        raise ModelError(f"{path} is missing: not a model directory")
    try:
        return Tokenizer.from_file(str(path))
    except Exception as error:  # the Rust library raises nothing more exact
        raise ModelError(f"{path}: not a tokenizers file: {error}") from error


def _read_gpt2(directory: Path) -> Tokenizer:
    names = ("vocab.json", "merges.txt", "added_tokens.json")
    if missing := [name for name in names if not (directory / name).is_file()]:
        raise ModelError(f"{directory}: {', '.join(missing)} missing")
    vocab, merges, added = (directory / name for name in names)
    settings = directory / "tokenizer_config.json"
    try:
        tokenizer = Tokenizer(models.BPE.from_file(str(vocab), str(merges)))
        extra = sorted(json.loads(added.read_text(encoding="utf-8")).items(), key=lambda item: item[1])
        config = json.loads(settings.read_text(encoding="utf-8")) if settings.is_file() else {}
    except Exception as error:  # the Rust library raises nothing more exact
        raise ModelError(f"{directory}: not a GPT-2 tokenizer's files: {error}") from error
    prefix_space = bool(config.get("add_prefix_space", False))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=prefix_space)
    tokenizer.add_tokens([_added(token, config.get("added_tokens_decoder", {}).get(str(n), {})) for token, n in extra])
    if wrong := [token for token, number in extra if tokenizer.token_to_id(token) != number]:
        raise ModelError(f"{added}: the ids do not continue those of {vocab.name}: {wrong}")
    return tokenizer


def _added(token: str, described: dict[str, Any]) -> AddedToken:
    """Whether white space beside it belongs to the token is written in tokenizer_config.json, if anywhere."""
    flags = {name: bool(described.get(name, False)) for name in ("single_word", "lstrip", "rstrip")}
    return AddedToken(token, normalized=False, **flags)
