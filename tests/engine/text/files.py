"""Small tokenizers in the layout of the published checkpoints, trained on the spot."""

from __future__ import annotations

import json
import string
import unicodedata
from pathlib import Path

from tokenizers import ByteLevelBPETokenizer, Tokenizer, models, pre_tokenizers, trainers

from engine.text.frontend import TextConfig
from tests.engine.text.sentences import PUNCTUATED, SENTENCES

SPECIAL = ["[STOP]", "[UNK]", "[SPACE]", "[PAD]", "[SEP]", "[CLS]", "[MASK]", "[START]"]
TAGS = ["[angry]", "[clear throat]", "[sigh]", "[laugh]"]
CANGJIE = {"明": "ab", "天": "mk", "气": "omn", "你": "onf", "好": "vnd", "今": "oin", "們": "onf", "我": "hqi"}


def config(front_end: str, **changes: object) -> TextConfig:
    values: dict[str, object] = {
        "front_end": front_end,
        "max_chars": 300,
        "max_text_tokens": 400,
        "base_tokens": 75,
        "tokens_per_text_token": 8.0,
        "max_tokens": 1000,
        "sentence_pause_ms": 100,
        "clause_pause_ms": 40,
        "languages": tuple(SENTENCES) if front_end == "multilingual" else ("en",),
    }
    return TextConfig(**(values | changes))  # type: ignore[arg-type]


def write_english(directory: Path) -> Path:
    english = [SENTENCES["en"], *(text for text in PUNCTUATED if text.isascii())]
    _train([" ".join(english)] * 3, SPECIAL, directory / "tokenizer.json", vocab_size=150)
    return directory


def write_multilingual(directory: Path) -> Path:
    texts = [unicodedata.normalize("NFKD", text.lower()) for text in SENTENCES.values()]
    keys = [f"[cj_{key}]" for key in "abcdefghijklmnopqrstuvwxyz0123456789."]
    special = [*SPECIAL, *(f"[{code}]" for code in SENTENCES), *keys, "[laughter]"]
    _train(texts, special, directory / "grapheme_mtl_merged_expanded_v1.json", vocab_size=1_000)
    entries = [f"{glyph}\t{keys}\tmore" for glyph, keys in CANGJIE.items()]
    (directory / "Cangjie5_TC.json").write_text(json.dumps(entries), encoding="utf-8")
    return directory


def write_gpt2(directory: Path) -> Path:
    tokenizer = ByteLevelBPETokenizer()
    tokenizer.train_from_iterator([*PUNCTUATED, SENTENCES["en"]] * 3, 350, special_tokens=["<|endoftext|>"])
    tokenizer.save_model(str(directory))
    first = tokenizer.get_vocab_size()
    added = {tag: first + index for index, tag in enumerate(TAGS)}
    (directory / "added_tokens.json").write_text(json.dumps(added))
    settings = {"tokenizer_class": "GPT2Tokenizer", "add_prefix_space": False, "eos_token": "<|endoftext|>"}
    settings |= {"bos_token": "<|endoftext|>", "unk_token": "<|endoftext|>"}
    (directory / "tokenizer_config.json").write_text(json.dumps(settings))
    return directory


def _train(texts: list[str], special: list[str], path: Path, vocab_size: int) -> None:
    tokenizer = Tokenizer(models.BPE(unk_token="[UNK]"))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    trainer = trainers.BpeTrainer(
        vocab_size=vocab_size,
        special_tokens=special,
        initial_alphabet=list(string.ascii_letters + string.digits + "'.,!?-"),
        show_progress=False,
    )
    tokenizer.train_from_iterator(texts, trainer)
    tokenizer.save(str(path))
