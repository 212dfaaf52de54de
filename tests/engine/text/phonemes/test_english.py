"""English as it is written -> phonemes, with the embedded voice's lexicon and networks."""

from __future__ import annotations

import time
from itertools import pairwise
from pathlib import Path

import pytest

from engine.errors import ModelError
from engine.model import EMBEDDED
from engine.text.build import build
from engine.text.frontend import TextConfig
from engine.text.normalize import traced
from engine.text.phonemes import English
from engine.text.phonemes.stress import begins_with_vowel, emphasised, lightly_stressed, spelled_out
from engine.text.phonemes.tagger import OUTSIDE, RARE, Tagger
from engine.text.phonemes.unknown import SYMBOLS, read_out
from training.corpus import held_out


@pytest.fixture(scope="module")
def english() -> English:
    return English.read(EMBEDDED)


def said(english: English, text: str, **pronunciations: str) -> str:
    return english.phonemes(traced(text), text, pronunciations).text


@pytest.mark.parametrize(
    ("text", "phonemes"),
    [
        ("hello there.", "həlˈO ðˈɛɹ."),
        ("the end of the road", "ði ˈɛnd ʌv ðə ɹˈOd"),
        ("to eat, to go, where to?", "tʊ ˈit, tə ɡˌO, wˌɛɹ tu?"),
        ("a cat and an owl", "ɐ kˈæt ænd ɐn ˈWl"),
        ("I am here.", "ˌI ɐm hˈɪɹ."),
        ("Here I am.", "hˈɪɹ ˌI æm."),
        ("She used to sing.", "ʃˌi jˈust tə sˈɪŋ."),
        ("a used car", "ɐ jˈuzd kˈɑɹ"),
        ("waiting for the buses", "wˈATɪŋ fɔɹ ðə bˈʌsᵻz"),
    ],
)
def test_what_is_said_depends_on_what_follows(english: English, text: str, phonemes: str) -> None:
    assert said(english, text) == phonemes


@pytest.mark.parametrize(
    ("one", "other", "word"),
    [
        ("I live here.", "a live show", "live"),
        ("to record it", "a new record", "record"),
        ("He read it yesterday.", "to read a book", "read"),
        ("Please close the door.", "too close to the fire", "close"),
        ("a present for you", "to present the plan", "present"),
    ],
)
def test_words_that_are_written_alike_are_told_apart(english: English, one: str, other: str, word: str) -> None:
    spoken = [said(english, text).split()[text.split().index(word)] for text in (one, other)]
    assert spoken[0] != spoken[1]


def test_a_capital_gives_a_light_stress_and_capitals_a_full_one(english: English) -> None:
    assert said(english, "and we go") == "ænd wi ɡˌO"
    assert said(english, "And we go").startswith("ˌænd ")
    assert "ˈænd" in said(english, "this AND that")


def test_letters_that_were_written_as_one_word_are_said_as_one(english: English) -> None:
    assert said(english, "the FBI") == "ði ˌɛfbˌiˈI"
    assert said(english, "plan b c") == "plˈæn bˈi sˈi"


def test_a_pronunciation_of_the_request_comes_before_all_others(english: English) -> None:
    assert said(english, "the nginx server", nginx="ˈɛnʤɪn ˈɛks") == "ði ˈɛnʤɪn ˈɛks sˈɜɹvəɹ"
    assert said(english, "tomato", tomato="təmˈɑTO") == "təmˈɑTO"


def test_words_that_no_lexicon_has_are_said_all_the_same(english: English) -> None:
    for word in ("blorptastic", "zzyzx", "xq", "qu'appelle", "supercalifragilisticexpialidocious"):
        phonemes = said(english, word)
        assert phonemes
        assert set(phonemes) <= set(SYMBOLS) | {" "}


def test_marks_stay_and_every_symbol_has_a_token(english: English) -> None:
    for text in held_out("sentences") + held_out("short"):
        spoken = traced(text)
        phonemes = english.phonemes(spoken, text).text
        assert [char for char in phonemes if char in ",.?!"] == [char for char in spoken.text if char in ",.?!"]
        assert set(phonemes) <= set(SYMBOLS) | set(" ,.?!")


def test_every_phoneme_knows_where_its_word_was_written(english: English) -> None:
    text = "On March 3rd, the FBI paid $12.50 (don't ask)."
    phonemes = english.phonemes(traced(text), text)
    assert all(before[0] <= after[0] for before, after in pairwise(phonemes.spans))
    for word, written in (("mˈɑɹʧ", "March"), ("θˈɜɹd", "3rd"), ("ˌɛfbˌiˈI", "FBI"), ("dˈOnt", "don't")):
        begin = phonemes.text.index(word)
        assert text[slice(*phonemes.span(begin, begin + len(word)))] == written


def test_a_sentence_takes_about_a_millisecond(english: English) -> None:
    texts = held_out("sentences")
    spelled = [traced(text) for text in texts]
    for _ in range(2):  # the first time words are met that the network has to say
        started = time.perf_counter()
        for text, spoken in zip(texts, spelled, strict=True):
            english.phonemes(spoken, text)
        each = (time.perf_counter() - started) / len(texts)
    assert each < 0.01, "ten times what it takes on a quiet machine"


def test_the_front_end_has_one_token_a_symbol_and_words_for_each_piece() -> None:
    config = TextConfig(
        front_end="phonemes", max_chars=40, max_text_tokens=40, base_tokens=1, tokens_per_text_token=1.0,
        max_tokens=9, sentence_pause_ms=0, clause_pause_ms=0, languages=("en-US",),
    )  # fmt: skip
    front_end = build(config, EMBEDDED)
    text = "Prof. Jones, aged 63, met the U.S. team."
    pieces, words = front_end.pieces(text, "en-US"), front_end.words(text, "en-US")
    assert front_end.knows_words
    assert max(map(len, pieces)) <= 40
    written = [text[word.text_begin : word.text_end] for its in words for word in its]
    assert written == ["Prof.", "Jones", "aged", "63", "met", "the", "U.S.", "team"]
    assert front_end.pieces("☕ …", "en-US") == []


def test_a_directory_without_networks_is_a_model_error(tmp_path: Path) -> None:
    (tmp_path / "pronunciation.safetensors").write_bytes(b"no")
    with pytest.raises(ModelError, match=r"pronunciation\.safetensors"):
        English.read(tmp_path)


def test_stress_is_added_weakened_and_moved() -> None:
    assert lightly_stressed("ænd") == "ˌænd"
    assert lightly_stressed("hˈɪɹ") == "hˈɪɹ"
    assert lightly_stressed("m") == "m"
    assert emphasised("hˌu") == "hˈu"
    assert emphasised("fɔɹ") == "fˈɔɹ"
    assert spelled_out(["jˈu", "ˈɛs"]) == "jˌuˈɛs"


def test_the_article_is_passed_over_by_what_looks_for_the_next_sound() -> None:
    assert begins_with_vowel("ˈApᵊl") is True
    assert begins_with_vowel("ɹˈOd") is False
    assert begins_with_vowel("ɐ") is None


def test_the_tagger_knows_rare_words_by_their_endings() -> None:
    tagger = Tagger([OUTSIDE, RARE, "-ing", "dog"])
    known = tagger.vocabulary
    row = tagger.features(["dog", "barking", "zzz"], 1)
    assert row == [known[OUTSIDE]] * 2 + [known["dog"], known["-ing"], known[RARE]] + [known[OUTSIDE]] * 2 + [
        known["-ing"]
    ]


def test_slots_of_the_same_symbol_are_one() -> None:
    a, b = 1 + SYMBOLS.index("a"), 1 + SYMBOLS.index("b")
    assert read_out([0, a, a, 0, a, b, 0]) == "aab"
