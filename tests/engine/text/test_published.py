"""Text of the published models: punctuation, pieces, tokens."""

from __future__ import annotations

import json
import random
from pathlib import Path

import pytest

from engine.errors import EmptyText, InvalidConfig, InvalidRequest, ModelError
from engine.text.build import build
from engine.text.frontend import TextFrontEnd
from engine.text.published import MultilingualText
from tests.engine.text.files import TAGS, config, write_english, write_gpt2, write_multilingual
from tests.engine.text.sentences import PUNCTUATED, SENTENCES

KINDS = {"english": write_english, "multilingual": write_multilingual, "gpt2": write_gpt2}
FILES = {"english": "tokenizer.json", "multilingual": "grapheme_mtl_merged_expanded_v1.json"}


@pytest.fixture(scope="module")
def directory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("tokenizers")
    for write in KINDS.values():
        write(place)
    return place


@pytest.fixture(params=KINDS)
def front_end(request: pytest.FixtureRequest, directory: Path) -> TextFrontEnd:
    return build(config(request.param), directory)


def special(path: Path) -> dict[str, int]:
    return {token["content"]: token["id"] for token in json.loads(path.read_text())["added_tokens"]}


def spoken(text: str, kind: str, directory: Path, **changes: object) -> list[str]:
    return build(config(kind, **changes), directory).pieces(text, "en")


@pytest.mark.parametrize("text", ["", " \n\t", "...", "-- !? :;", "🙂🙂", "🙂.", "👍🏽👨‍👩‍👧", "\u200b"])
def test_nothing_speakable_gives_no_pieces(front_end: TextFrontEnd, text: str) -> None:
    assert front_end.pieces(text, "en") == []


@pytest.mark.parametrize("kind", ["english", "multilingual"])
def test_letters_that_the_vocabulary_lacks_are_nothing_to_speak(kind: str, directory: Path) -> None:
    assert spoken("ᐃᓄᒃᑎᑐᑦ", kind, directory) == []
    assert spoken("ᐃᓄᒃ or so", kind, directory) == ["ᐃᓄᒃ or so."]


@pytest.mark.parametrize("kind", ["english", "multilingual"])
def test_what_no_token_stands_for_is_unknown(kind: str, directory: Path) -> None:
    front_end = build(config(kind), directory)
    assert special(directory / FILES[kind])["[UNK]"] in front_end.encode("a ᐃ.", "en")


@pytest.mark.parametrize(
    ("written", "prepared"),
    {
        "hello": "Hello.",
        " hello ": "Hello.",
        "done!": "Done!",
        "He said: “yes”…": 'He said, "yes",',
        "stop - now; go": "Stop, now,  go.",
        "one — two – three": "One - two - three.",
        "Hello 🙂.": "Hello.",
        "Hi 🙂 there👍🏽!": "Hi there!",
        "3 cats": "Three cats.",
        "[STOP] it [start]": "STOP it start.",
    }.items(),
)
def test_punctuation_of_the_base_model(written: str, prepared: str, directory: Path) -> None:
    assert spoken(written, "english", directory) == [prepared]


def test_punctuation_of_turbo_keeps_dots_dashes_and_semicolons(directory: Path) -> None:
    assert spoken("stop... now - or; never…", "gpt2", directory) == ["Stop... now - or; never,"]


def test_an_east_asian_full_stop_is_an_end_for_the_multilingual_model_only(directory: Path) -> None:
    assert spoken("ok。", "multilingual", directory) == ["Ok。"]
    assert spoken("ok。", "english", directory) == ["Ok。."]


def test_numbers_are_written_out_in_english_only_and_only_when_asked(directory: Path) -> None:
    text = "Dr. Lee has 21 cats"
    assert spoken(text, "english", directory) == ["Doctor Lee has twenty one cats."]
    assert spoken(text, "english", directory, normalize=False) == ["Dr. Lee has 21 cats."]
    multilingual = build(config("multilingual"), directory)
    assert multilingual.pieces(text, "de") == ["Dr. Lee has 21 cats."]
    assert multilingual.pieces(text, "en") == ["Doctor Lee has twenty one cats."]


@pytest.mark.parametrize("tag", TAGS)
def test_a_tag_is_one_token_wherever_it_stands(tag: str, directory: Path) -> None:
    front_end = build(config("gpt2"), directory)
    number = json.loads((directory / "added_tokens.json").read_text())[tag]
    for text in (f"So {tag} I paid $5.", f"{tag}", f"no{tag}space, {tag}"):
        (piece,) = front_end.pieces(text, "en")
        assert front_end.encode(piece, "en").count(number) == text.count(tag)


def test_brackets_that_are_no_tag_are_text(directory: Path) -> None:
    (piece,) = spoken("[see note 5]", "gpt2", directory)
    assert piece == "[see note five]."


def test_long_text_is_cut_into_texts_of_their_own(directory: Path) -> None:
    text = "the one, the two and the three " * 30
    pieces = spoken(text, "english", directory)
    assert max(map(len, pieces)) <= 301
    assert all(piece[0].isupper() for piece in pieces)
    assert pieces[-1].endswith(".")
    assert all(piece.endswith(",") for piece in pieces[:-1])
    assert _letters("".join(pieces)) == _letters(text)


@pytest.mark.parametrize("kind", KINDS)
def test_pieces_are_cut_again_where_they_take_too_many_tokens(kind: str, directory: Path) -> None:
    front_end = build(config(kind, max_text_tokens=40), directory)
    rng = random.Random(0)
    for text in (*PUNCTUATED, *SENTENCES.values(), "x" * 500, "".join(rng.choices("ab é,ж 我", k=400))):
        pieces = front_end.pieces(text, "es")
        assert all(len(front_end.encode(piece, "es")) <= 40 for piece in pieces)
        if kind == "gpt2":  # the others drop pieces that their small vocabularies cannot spell
            assert _letters("".join(pieces)) == _letters(text)


def test_a_tag_is_never_cut(directory: Path) -> None:
    front_end = build(config("gpt2", max_text_tokens=10, max_chars=20), directory)
    pieces = front_end.pieces("well [clear throat] then " * 10 + "xxxxxxxx[clear throat]" * 5, "en")
    assert sum(piece.count("[clear throat]") for piece in pieces) == 15


@pytest.mark.parametrize("code", sorted(set(SENTENCES) - {"ja", "zh"}))
def test_every_language_is_tagged_and_known(code: str, directory: Path) -> None:
    front_end = build(config("multilingual"), directory)
    ids = special(directory / FILES["multilingual"])
    (piece,) = front_end.pieces(SENTENCES[code], code)
    tokens = front_end.encode(piece, code)
    assert tokens[0] == ids[f"[{code}]"]
    assert ids["[UNK]"] not in tokens[:-1]


def test_a_text_cannot_switch_the_language(directory: Path) -> None:
    front_end = build(config("multilingual"), directory)
    (piece,) = front_end.pieces("[de] hello [DE][cj_a]", "en")
    ids = special(directory / FILES["multilingual"])
    assert not {ids["[de]"], ids["[cj_a]"]} & set(front_end.encode(piece, "en"))


def test_languages_are_found_by_code_region_or_default(directory: Path) -> None:
    front_end = build(config("multilingual"), directory)
    assert front_end.language("pt-BR") == "pt"
    assert front_end.language("DE") == "de"
    assert front_end.language("") == front_end.languages[0]
    with pytest.raises(InvalidRequest, match=r"config.language_code: unknown language 'tlh'; possible: ar, da, "):
        front_end.language("tlh")


def test_every_id_is_below_the_size_of_the_vocabulary(front_end: TextFrontEnd) -> None:
    texts = [*PUNCTUATED, *TAGS]
    ids = [
        number for text in texts for piece in front_end.pieces(text, "en") for number in front_end.encode(piece, "en")
    ]
    assert max(ids) < front_end.vocab_size


def test_the_older_name_of_the_multilingual_tokenizer_is_taken(tmp_path: Path) -> None:
    (write_multilingual(tmp_path) / "grapheme_mtl_merged_expanded_v1.json").rename(tmp_path / "mtl_tokenizer.json")
    assert isinstance(build(config("multilingual"), tmp_path), MultilingualText)


def test_missing_and_broken_files_are_model_errors(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"tokenizer\.json is missing"):
        build(config("english"), tmp_path)
    with pytest.raises(ModelError, match=r"grapheme_mtl_merged_expanded_v1\.json is missing"):
        build(config("multilingual"), tmp_path)
    with pytest.raises(ModelError, match=r"vocab.json, merges.txt, added_tokens.json missing"):
        build(config("gpt2"), tmp_path)
    (write_gpt2(tmp_path) / "added_tokens.json").write_text('{"[laugh]": 9999}')
    with pytest.raises(ModelError, match=r"ids do not continue .*\[laugh\]"):
        build(config("gpt2"), tmp_path)
    (tmp_path / "merges.txt").write_text("broken")
    with pytest.raises(ModelError, match="not a GPT-2 tokenizer's files"):
        build(config("gpt2"), tmp_path)


def test_a_language_without_a_token_is_a_model_error(directory: Path) -> None:
    with pytest.raises(ModelError, match=r"no tokens for the languages \['xx'\]"):
        build(config("multilingual", languages=("en", "xx")), directory)


def test_an_unknown_front_end_is_a_configuration_error(tmp_path: Path) -> None:
    with pytest.raises(InvalidConfig, match="'runes' is none of phonemes, spelled, english, multilingual, gpt2"):
        build(config("runes"), tmp_path)


def test_encoding_nothing_is_an_error(directory: Path) -> None:
    with pytest.raises(EmptyText):
        build(config("english"), directory).encode("", "en")


def _letters(text: str) -> str:
    return "".join(filter(str.isalnum, text)).lower()
