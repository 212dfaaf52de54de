"""Text files of a random checkpoint: tokenizers of the published kinds, sizes and special tokens, with our own entries.

Entries that a few texts do not yield are fillers that no text meets.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from tokenizers import ByteLevelBPETokenizer

from benchmarks.support.texts import TEXTS
from engine.checkpoints.variants import LANGUAGES, Variant

GPT2_VOCAB = 50257  # the last one ends a text
END_OF_TEXT = "<|endoftext|>"
LEARNED = 2000  # entries of the byte-level tokenizer that are more than one byte
EVENTS = (
    "[angry] [fear] [surprised] [whispering] [advertisement] [dramatic] [narration] [crying] [happy] [sarcastic] "
    "[clear_throat] [sigh] [shush] [cough] [groan] [sniff] [gasp] [chuckle] [laugh]"
)
TAGS = tuple(tag.replace("_", " ") for tag in EVENTS.split())

STOP, UNKNOWN, SPACE, START, START_ID = "[STOP]", "[UNK]", "[SPACE]", "[START]", 255
SPECIALS = (STOP, UNKNOWN, SPACE)  # from 0 on
MORE_SPECIALS = ("[PAD]", "[SEP]", "[CLS]", "[MASK]")
ENGLISH = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789!?.,'\"-:;()&%$"
PAIRS = (("t", "h"), ("th", "e"), ("i", "n"), ("a", "n"), ("e", "r"), ("o", "u"), ("in", "g"), ("an", "d"))
RANGES = (  # letters and combining marks after NFKD
    (0x300, 0x345), (0x370, 0x3FF), (0x400, 0x45F), (0x5B0, 0x5EA), (0x60C, 0x65F), (0x900, 0x94D), (0x1100, 0x1112),
    (0x1161, 0x1175), (0x11A8, 0x11C2), (0x3041, 0x3096), (0x30A1, 0x30F6), (0x3001, 0x3002), (0xFF01, 0xFF1F),
)  # fmt: skip
CANGJIE = ("你\tonf", "好\tvnd", "世\tpt", "界\twll", "中\tl", "文\tyk", "天\tmk", "氣\tonfd", "很\thoav")


def write_text_files(variant: Variant, directory: Path, size: int) -> None:
    if variant.config.text.front_end == "gpt2":
        _write_gpt2(directory, size)
        return
    many = variant.config.text.front_end == "multilingual"
    specials = [f"[{code}]" for code in LANGUAGES] + [f"[cj_{letter}]" for letter in "abcdefghijklmnopqrstuvwxyz."]
    letters = [*ENGLISH, *(chr(code) for first, last in RANGES for code in range(first, last + 1))] if many else ENGLISH
    tokenizer = _graphemes(letters, [*MORE_SPECIALS, *(specials if many else ())], size)
    _write(directory / variant.text[0], tokenizer)
    if many:
        _write(directory / "Cangjie5_TC.json", list(CANGJIE))


def _graphemes(letters: Iterable[str], specials: Iterable[str], size: int) -> dict[str, Any]:
    """A `tokenizers` file of `size` entries: letters and a few pairs of them; published ids of the first specials."""
    entries = [*SPECIALS, *specials, *letters, *(left + right for left, right in PAIRS)]
    entries.insert(START_ID, START) if len(entries) > START_ID else None
    entries += [f"filler{index}" for index in range(size - len(entries))]
    if START not in entries:
        entries[START_ID] = START
    special = [entry for entry in entries if entry.startswith("[") and len(entry) > 1]
    added = [
        {"id": entries.index(entry), "content": entry, "special": True}
        | {"single_word": False, "lstrip": False, "rstrip": False, "normalized": False}
        for entry in special
    ]
    model = {
        "type": "BPE",
        "dropout": None,
        "unk_token": UNKNOWN,
        "continuing_subword_prefix": None,
        "end_of_word_suffix": None,
        "fuse_unk": False,
        "vocab": {entry: index for index, entry in enumerate(entries)},
        "merges": [" ".join(pair) for pair in PAIRS],
    }
    empty = {"truncation": None, "padding": None, "normalizer": None, "post_processor": None, "decoder": None}
    return {"version": "1.0", **empty, "added_tokens": added, "pre_tokenizer": {"type": "Whitespace"}, "model": model}


def _write_gpt2(directory: Path, size: int) -> None:
    tokenizer = ByteLevelBPETokenizer()
    tokenizer.train_from_iterator(TEXTS, vocab_size=256 + LEARNED, min_frequency=1, show_progress=False)
    tokenizer.save_model(str(directory))  # vocab.json, merges.txt
    entries = json.loads((directory / "vocab.json").read_text(encoding="utf-8"))
    entries |= {f"filler{index}": index for index in range(len(entries), GPT2_VOCAB - 1)}
    entries[END_OF_TEXT] = GPT2_VOCAB - 1
    _write(directory / "vocab.json", entries)
    added = {tag: GPT2_VOCAB + index for index, tag in enumerate(TAGS[: size - GPT2_VOCAB])}
    _write(directory / "added_tokens.json", added)
    names = {f"{kind}_token": END_OF_TEXT for kind in ("bos", "eos", "unk")}
    _write(directory / "special_tokens_map.json", names)
    _write(directory / "tokenizer_config.json", {"tokenizer_class": "GPT2Tokenizer", "model_max_length": 1024, **names})


def _write(path: Path, content: Any) -> None:
    path.write_text(json.dumps(content, ensure_ascii=False) + "\n", encoding="utf-8")
