"""Words, their regular forms, and the file they come from."""

from __future__ import annotations

import lzma
from pathlib import Path

import pytest

from engine.errors import ModelError
from engine.text.phonemes.lexicon import AT_END, Entry, Lexicon

WORDS = {
    "walk": Entry("wˈɔk"),
    "wait": Entry("wˈAt"),
    "box": Entry("bˈɑks"),
    "baby": Entry("bˈAbi"),
    "plan": Entry("plˈæn"),
    "make": Entry("mˈAk"),
    "record": Entry("ɹˈɛkəɹd", {"VERB": "ɹəkˈɔɹd"}),
    "this": Entry("ðɪs", {AT_END: "ðˈɪs"}),
    "Polish": Entry("pˈOlɪʃ"),
}


@pytest.mark.parametrize(
    ("word", "phonemes"),
    [
        ("walks", "wˈɔks"),
        ("walk's", "wˈɔks"),
        ("walked", "wˈɔkt"),
        ("boxes", "bˈɑksᵻz"),
        ("babies", "bˈAbiz"),
        ("babies'", "bˈAbiz"),
        ("waited", "wˈATᵻd"),
        ("waiting", "wˈATɪŋ"),
        ("planning", "plˈænɪŋ"),
        ("making", "mˈAkɪŋ"),
    ],
)
def test_regular_forms_need_no_entry(word: str, phonemes: str) -> None:
    entry = Lexicon(WORDS).entry(word)
    assert entry is not None
    assert entry.phonemes == phonemes


@pytest.mark.parametrize("word", ["thing", "pass", "red", "s", "unheard", "walkss"])
def test_what_only_looks_like_a_form_is_unknown(word: str) -> None:
    assert Lexicon(WORDS).entry(word) is None


def test_the_part_of_speech_chooses_the_way_a_word_and_its_forms_are_said() -> None:
    lexicon = Lexicon(WORDS)
    record, records = lexicon.entry("record"), lexicon.entry("records")
    assert record is not None
    assert records is not None
    assert [record.said(tag, at_end=False) for tag in ("NN", "VB", "VBD", "")] == [
        "ɹˈɛkəɹd", "ɹəkˈɔɹd", "ɹəkˈɔɹd", "ɹˈɛkəɹd",
    ]  # fmt: skip
    assert records.said("VBZ", at_end=False) == "ɹəkˈɔɹdz"
    assert lexicon.ambiguous == {"record"}


def test_some_words_are_said_in_their_own_way_before_a_mark() -> None:
    assert WORDS["this"].said("DT", at_end=True) == "ðˈɪs"
    assert WORDS["this"].said("DT", at_end=False) == "ðɪs"
    assert WORDS["walk"].said("NN", at_end=True) == "wˈɔk"


def test_the_file_gives_back_what_was_written(tmp_path: Path) -> None:
    Lexicon(WORDS).write(tmp_path / "lexicon.xz")
    again = Lexicon.read(tmp_path / "lexicon.xz")
    assert len(again) == len(WORDS)
    assert {word: again.entry(word) for word in WORDS} == WORDS


@pytest.mark.parametrize("content", [b"walk", lzma.compress(b"walk\twork"), lzma.compress(b"0walk")])
def test_a_file_of_another_kind_is_a_model_error(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "lexicon.xz").write_bytes(content)
    with pytest.raises(ModelError, match=r"lexicon\.xz"):
        Lexicon.read(tmp_path / "lexicon.xz")
