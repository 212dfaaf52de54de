"""Texts -> tokens, by the reference's punctuation and tokenizers on a directory's files.

Of the packages that prepare languages only the results are given: the words of Chinese, and what pykakasi says.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from itertools import chain
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from unittest import mock

import torch
from torch import Tensor

from tests.parity.reference import stubs
from tests.parity.reference.serve import serve

stubs.install()
from chatterbox import mtl_tts, tts, tts_turbo  # noqa: E402
from chatterbox.models.tokenizers import EnTokenizer, MTLTokenizer, tokenizer  # noqa: E402
from transformers import AutoTokenizer  # noqa: E402

Encode = Callable[[str], list[int]]


def _english(directory: Path, options: Mapping[str, Any]) -> Encode:
    encoder = EnTokenizer(str(directory / "tokenizer.json"))
    return lambda text: list(encoder.encode(tts.punc_norm(text)))


def _multilingual(directory: Path, options: Mapping[str, Any]) -> Encode:
    with mock.patch.object(tokenizer, "hf_hub_download", return_value=str(directory / "Cangjie5_TC.json")):
        encoder = MTLTokenizer(str(directory / "grapheme_mtl_merged_expanded_v1.json"))
    encoder.cangjie_converter.segmenter = SimpleNamespace(cut=options["words"].__getitem__)
    tokenizer._kakasi = SimpleNamespace(convert=options["readings"].__getitem__)
    return lambda text: list(encoder.encode(mtl_tts.punc_norm(text), language_id=options["language"]))


def _gpt2(directory: Path, options: Mapping[str, Any]) -> Encode:
    encoder = AutoTokenizer.from_pretrained(str(directory))
    return lambda text: list(encoder(tts_turbo.punc_norm(text)).input_ids)


KINDS = {"english": _english, "multilingual": _multilingual, "gpt2": _gpt2}


def run(options: Mapping[str, Any], tensors: Mapping[str, Tensor]) -> Mapping[str, Tensor]:
    """ids: all texts' ids, one after the other; lengths: how many each has."""
    encode = KINDS[options["kind"]](Path(options["directory"]), options)
    ids = [encode(text) for text in options["texts"]]
    return {"ids": torch.tensor(list(chain(*ids))), "lengths": torch.tensor([len(text) for text in ids])}


if __name__ == "__main__":
    serve(run)
