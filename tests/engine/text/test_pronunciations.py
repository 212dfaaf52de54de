"""Words that are said as a request or the server's lexicon wants them."""

from __future__ import annotations

import time
from itertools import product
from pathlib import Path

import pytest

from engine.errors import InvalidConfig, InvalidRequest, Unsupported
from engine.messages import Pronunciation
from engine.model import EMBEDDED
from engine.text.build import build
from engine.text.frontend import TextConfig, TextFrontEnd
from engine.text.lexicon import load_lexicon
from engine.text.pronunciations import FIRST_PLACE, NONE, Pronunciations, Unfinished
from tests.engine.text.files import config, write_english, write_gpt2, write_multilingual

NEVADA = Pronunciation(word="Nevada", respelling="nuh-VAH-duh")
NGINX = Pronunciation(word="nginx", respelling="engine x")
CPP = Pronunciation(word="C++", respelling="see plus plus")
NET = Pronunciation(word=".NET", respelling="dot net")
GOETHE = Pronunciation(word="Goethe", phonemes="ˈɡɜːrtə")
TEXTS = TextConfig(
    front_end="phonemes", max_chars=110, max_text_tokens=110, base_tokens=1, tokens_per_text_token=1.0, max_tokens=9,
    sentence_pause_ms=0, clause_pause_ms=0, languages=("en-US",),
)  # fmt: skip


@pytest.fixture(scope="module")
def embedded() -> TextFrontEnd:
    return build(TEXTS, EMBEDDED)


def said(front_end: TextFrontEnd, text: str, *pronunciations: Pronunciation) -> str:
    return " ".join(front_end.pieces(text, front_end.languages[0], Pronunciations(pronunciations)))


def found(text: str, *pronunciations: Pronunciation) -> list[str]:
    """The words in whose place something else is said."""
    traced = Pronunciations(pronunciations).placed(text).text
    places = [index for index, char in enumerate(traced.text) if char >= FIRST_PLACE]
    return [text[slice(*traced.span(place, place + 1))] for place in places]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("Nevada, NEVADA and nevada's", ["Nevada", "NEVADA", "nevada"]),
        ("Nevadan Nevada2 xNevada", []),
        ("New-Nevada (Nevada).", ["Nevada", "Nevada"]),
        ("C++ or C, not C+ or AC++", ["C++"]),
        (".NET asp.net .network", [".NET"]),
        ("", []),
    ],
)
def test_a_word_is_matched_as_a_whole_and_in_any_case(text: str, words: list[str]) -> None:
    assert found(text, NEVADA, CPP, NET) == words


def test_the_longer_word_and_the_later_and_the_request_win() -> None:
    server = Pronunciations([Pronunciation(word="SQL", respelling="sequel"), NEVADA])
    asked = Pronunciations([Pronunciation(word="sql", respelling=how) for how in ("squeal", "s q l")], server)
    placed = asked.placed("SQL in Nevada").said
    assert [pronunciation.respelling for pronunciation in placed.values()] == ["s q l", "nuh-VAH-duh"]
    node = Pronunciations([Pronunciation(word="node", respelling="a"), Pronunciation(word="node.js", respelling="b")])
    assert [each.respelling for each in node.placed("Node.JS node").said.values()] == ["b", "a"]


def test_the_embedded_voice_says_respellings_and_phonemes(embedded: TextFrontEnd) -> None:
    assert said(embedded, "Nevada.", NEVADA) == "nʌvˈɑdʌ."
    assert said(embedded, "I use nginx, see?", NGINX) == "ˌI jˈuz ˈɛnʤən ˈɛks, sˈi?"
    assert said(embedded, "Goethe's Faust", GOETHE).startswith("ɡˈɜɹtəz ")
    assert said(embedded, "Gen. Goethe", GOETHE) == "ʤˈɛnəɹəl ɡˈɜɹtə", "rules see a name in the word's place"
    assert said(embedded, "a Goethe", GOETHE) == "ɐ ɡˈɜɹtə"


def test_many_new_respellings_are_worked_out_a_part_at_a_time(embedded: TextFrontEnd) -> None:
    """A sentence of words with respellings of fifty words each was half a second of work in one piece."""
    syllables = ["".join(letters) for letters in product("bdk", "aou", "lnz")]
    listed = [Pronunciation(word=word, respelling=" ".join(word + one for one in syllables)) for word in "bdfgk"]
    in_parts, parts = Pronunciations(listed, at_once_s=0.001), 0
    while True:
        try:
            pieces = embedded.pieces("b d f g k.", "en-US", in_parts)
        except Unfinished:
            parts += 1
        else:
            break
    assert 2 < parts < len(listed) * len(syllables)
    assert pieces == embedded.pieces("b d f g k.", "en-US", Pronunciations(listed))


def test_word_times_point_at_the_written_word(embedded: TextFrontEnd) -> None:
    text = "In C++, Nevada's 42 cats"
    (words,) = embedded.words(text, "en-US", Pronunciations([NEVADA, CPP]))
    (piece,) = embedded.pieces(text, "en-US", Pronunciations([NEVADA, CPP]))
    assert [text[word.text_begin : word.text_end] for word in words] == ["In", "C++", "Nevada's", "42", "cats"]
    assert piece[words[2].begin : words[2].end] == "nʌvˈɑdʌz"


def test_the_spelled_voice_says_respellings(tmp_path: Path) -> None:
    front_end = build(TextConfig(**{**vars(TEXTS), "front_end": "spelled"}), EMBEDDED)
    assert said(front_end, "Nevada's 5 cats", NEVADA) == "nuhvahduh's five cats"


@pytest.mark.parametrize(
    ("kind", "write"), [("english", write_english), ("multilingual", write_multilingual), ("gpt2", write_gpt2)]
)
def test_published_models_read_the_respelling_as_it_is_written(kind: str, write: object, tmp_path: Path) -> None:
    front_end = build(config(kind), write(tmp_path))  # type: ignore[operator]
    (piece,) = front_end.pieces("Dr. Smith uses C++ in Nevada.", "en", Pronunciations([NEVADA, CPP]))
    assert piece == "Doctor Smith uses see plus plus in nuh-VAH-duh."
    with pytest.raises(Unsupported, match=r"config\.pronunciations\[1\]\.phonemes"):
        front_end.check([NEVADA, GOETHE], "config.pronunciations")


@pytest.mark.parametrize(
    ("pronunciation", "field"),
    [
        (Pronunciation(word="", respelling="x"), r"p\[0\]\.word"),
        (Pronunciation(word="New York", respelling="x"), r"p\[0\]\.word"),
        (Pronunciation(word="x" * 65, respelling="x"), r"p\[0\]\.word"),
        (Pronunciation(word="++", respelling="x"), r"p\[0\]\.word"),
        (Pronunciation(word="x"), r"p\[0\]\.spoken"),
        (Pronunciation(word="x", respelling="x", phonemes="x"), r"p\[0\]\.spoken"),
        (Pronunciation(word="x", respelling="y" * 201), r"p\[0\]\.respelling"),
        (Pronunciation(word="x", respelling="..."), r"p\[0\]\.respelling"),
        (Pronunciation(word="x", respelling="Привет"), r"p\[0\]\.respelling"),
        (Pronunciation(word="x", phonemes="kǃa"), r"p\[0\]\.phonemes.*ǃ"),
        (Pronunciation(word="x", phonemes="kt"), r"p\[0\]\.phonemes.*vowel"),
    ],
)
def test_what_cannot_be_said_is_refused_by_name(
    embedded: TextFrontEnd, pronunciation: Pronunciation, field: str
) -> None:
    with pytest.raises(InvalidRequest, match=field):
        embedded.check([pronunciation], "p")


def test_a_text_cannot_name_the_places(embedded: TextFrontEnd) -> None:
    assert said(embedded, f"Hello {FIRST_PLACE} Nevada", NEVADA) == said(embedded, "Hello Nevada", NEVADA)
    assert said(embedded, f"Hello {FIRST_PLACE}.") == said(embedded, "Hello.")


def test_a_large_lexicon_and_a_long_text_take_time_in_proportion() -> None:
    lexicon = Pronunciations([Pronunciation(word=f"word{index}", respelling="x") for index in range(10_000)])
    began = time.process_time()
    placed = lexicon.placed("word17 other " * 2_000)
    assert len(placed.said) == 1
    assert time.process_time() - began < 1.0


def test_what_was_worked_out_once_is_not_again(embedded: TextFrontEnd) -> None:
    """A sentence of 36 words with respellings of a hundred syllables took a second, each time that it came."""
    listed = Pronunciations([Pronunciation(word=word, respelling="ma-" * 66) for word in "abcdefghijklmnopqr"])
    seconds = []
    for _ in range(2):
        began_s = time.thread_time()
        embedded.pieces("a b c d e f g h i j k l m n o p q r.", "en-US", listed)
        seconds.append(time.thread_time() - began_s)
    assert max(seconds) < 0.1, "0.005 s on a quiet core; 0.36 if each syllable is worked out anew"


def test_a_lexicon_is_read_from_a_file(embedded: TextFrontEnd, tmp_path: Path) -> None:
    path = tmp_path / "words.tsv"
    path.write_text("# words of ours\nNevada\tnuh-VAH-duh\n\nGoethe\t/ˈɡɜːrtə/\nC#\tsee sharp\n", encoding="utf-8")
    lexicon = load_lexicon(path, embedded)
    assert embedded.pieces("Goethe", "en-US", lexicon) == ["ɡˈɜɹtə"]
    assert load_lexicon(None, embedded) is NONE


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        ("Nevada nuh-VAH-duh\n", "line 1: not 'word, tab"),
        ("x\ty\nNew York\tx\n", "line 2: 'New York' is no word"),
        ("x\t/kǃa/\n", r"x.*no sounds of this voice: ǃ"),
        ("".join(f"w{index}\tx\n" for index in range(10_001)), "10001 pronunciations; at most 10000"),
    ],
)
def test_a_lexicon_that_cannot_be_used_names_the_line(
    embedded: TextFrontEnd, tmp_path: Path, lines: str, message: str
) -> None:
    path = tmp_path / "words.tsv"
    path.write_text(lines, encoding="utf-8")
    with pytest.raises(InvalidConfig, match=message):
        load_lexicon(path, embedded)


def test_a_lexicon_that_is_not_there_is_named(embedded: TextFrontEnd, tmp_path: Path) -> None:
    with pytest.raises(InvalidConfig, match=r"none\.tsv cannot be read"):
        load_lexicon(tmp_path / "none.tsv", embedded)
