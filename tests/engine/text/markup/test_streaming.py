"""However a text is cut into pieces, the same is read; all of it says where it was sent; the work is linear."""

from __future__ import annotations

import random
import sys
from itertools import product
from types import FrameType

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.text.markup import MarkupReader
from engine.text.markup.blocks import _RULES
from engine.text.markup.rules import words
from engine.text.normalize import traced
from engine.text.segmenter import FlushPoint, Segmenter, SegmenterConfig, TextSegment
from engine.text.traced import Span
from engine.text.words import as_sent, written_words
from tests.engine.text.markup.reading import read, read_pieces, style
from tests.engine.text.markup.test_markdown import CODE, HEADINGS, LINKS, LISTS, TABLES_AND_REST

FORMATS = ("auto", "markdown", "ssml", "plain")
SIGNS = (
    *words(
        "* ** _ ~~ ` ``` [ ] ( ) ]( ! ![ < > <b> </b> <break/> </sub> &amp; & $ $$ \\( \\) \\[ \\] \\ | - --- 1. 2. # "
        "> = == b5 May word 5 . : :tada: http:// https://x.y/z www.a.b \x1b \x1b[1m \x07 [^1] [^1]: [x]: <!-- --> { } "
        "\x9b </say-as> <script> </script> <https://a.b> ^ frac $x$ é 天 , ; + Hello. there, I 3.5 e.g. p.m."
    ),
    *words(
        "&#x1F600; &#x27; &#X41; &#65; &#x; &#12345678; &hellip; &bogus; &# <bob@site.org> <mailto:bob@x.org> "
        "<https://www.a.org/b?c=1> <a.b+c@d> <h1> <http <mail <think> </think> <answer> </answer> <del> </del> ## ++ "
        "~~gone~~ a.m. tsp. fl. oz. No. no. no Eq. U.S. It Eastern n! 2.5 0. www. Acme.com. al. $\\$5$ 10\\%"
    ),
    *("![](c)", "https:///which-is-longer-than-a-path-may-be"),
    *("<sub alias='x'>", "<say-as interpret-as='characters'>"),
    *(" ", "\n", "\n\n", "- ", "1. ", "# ", "| ", "\t", "\r\n"),
)
TEXTS = st.lists(st.sampled_from(SIGNS), max_size=40).map("".join)
CHARACTERS = st.text(alphabet="&#xX27a;<>@./:hmb~*_ \n-+1$\\", max_size=40)
CUTS = st.lists(st.integers(1, 12), min_size=1, max_size=40)


def shattered(text: str, lengths: list[int]) -> list[str]:
    pieces: list[str] = []
    at = 0
    while at < len(text):
        length = lengths[len(pieces) % len(lengths)]
        pieces.append(text[at : at + length])
        at += length
    return pieces


@settings(max_examples=300, deadline=None)
@given(TEXTS | CHARACTERS, CUTS, st.sampled_from(FORMATS), st.sampled_from(["announce", "skip", "speak"]))
def test_any_cutting_of_any_text_gives_the_same(text: str, lengths: list[int], text_format: str, code: str) -> None:
    how = style(text_format, code)
    whole, parts = read_pieces([text], how), read_pieces(shattered(text, lengths), how)
    assert parts.characters == whole.characters
    assert parts.dropped == whole.dropped


@pytest.mark.parametrize(("text", "text_format"), [("word." + " " * 70 + ")\n# A", "auto"), ("a\n <p>b", "ssml")])
def test_white_space_does_not_hide_how_a_block_ends(text: str, text_format: str) -> None:
    """Of what was kept at once, sixteen characters told how its block ends, and all of them may be white space; and the
    space behind a line end was held only where it came alone. So marks and spaces depended on the pieces of a text."""
    whole = read_pieces([text], style(text_format, "skip"))
    for length in (1, 2, 7):
        assert read_pieces(shattered(text, [length]), style(text_format, "skip")).characters == whole.characters


@pytest.mark.parametrize("sign", sorted(_RULES))
def test_a_line_behind_text_may_begin_with_any_marker(sign: str) -> None:
    """Where all of the text is there, a line end that no marker may follow is no sign: as text comes character by
    character, each of them is."""
    signs = [sign, 2 * sign, 6 * sign]
    behind = ["", " ", "\t", "\n", "\r\n", "x", "=", "| -", ": |-", "-|-", ". x", ")\n", ". May", *signs]
    for before, follows in product(("a", "a.", "*a*", "a\n"), behind):
        text = f"{before}\n{sign}{follows}\n{sign}{follows} b\n  {sign} {sign}{follows} c"
        assert cut([text], "auto") == cut(list(text), "auto"), text


@settings(max_examples=200, deadline=None)
@given(TEXTS | CHARACTERS, CUTS, st.sampled_from(FORMATS))
def test_any_cutting_of_any_text_gives_the_same_segments_and_words(
    text: str, lengths: list[int], text_format: str
) -> None:
    assert cut(shattered(text, lengths), text_format) == cut([text], text_format)


def cut(pieces: list[str], text_format: str) -> list[tuple[str, int, int, list[Span]]]:
    """Of each segment: its text, its range, and those of its words."""
    segmenter = Segmenter(SegmenterConfig(), 10**9, style(text_format))
    for piece in pieces:
        segmenter.push(piece, 0)
    segmenter.end(0)
    segments = [one for one in segmenter.take_all(0) if not isinstance(one, FlushPoint)]
    return [(one.text, one.begin, one.end, word_spans(one)) for one in segments]


def word_spans(segment: TextSegment) -> list[Span]:

    words = as_sent(written_words(segment.text, traced(segment.text)), segment.origin)
    return [segment.origin.span(word.text_begin, word.text_end) for word in words]


@settings(max_examples=300, deadline=None)
@given(TEXTS, st.sampled_from(FORMATS))
def test_places_are_in_order_and_inside_the_text(text: str, text_format: str) -> None:
    last: Span = (0, 0)
    for char, begin, end in read(text, text_format).characters:
        assert 0 <= begin <= end <= len(text)
        assert begin >= last[1] or (begin, end) == last
        last = (begin, end)
        if end == begin + 1 and char.isascii() and char.isalnum() and "&" not in text and "alias" not in text:
            assert text[begin].upper() == char.upper()


def test_words_point_at_what_was_sent() -> None:
    text = "# Setup\n\nSee [the **guide**](/a), R&amp;D says &lt;ok&gt; to `get_name` and $x^2$. Ann paid $5.\n"
    segments = cut([text], "auto")
    spoken = [text[begin:end] for _, _, _, words in segments for begin, end in words]
    assert " ".join(spoken) == "Setup See the guide R&amp;D says ok to get name and $x^2$ Ann paid $5"
    assert next(text[begin:end] for _, begin, end, _ in segments) == "Setup"


def test_pieces_of_one_character_over_whole_documents() -> None:
    rng, documents = (
        random.Random(0),
        [text for group in (HEADINGS, LISTS, LINKS, CODE, TABLES_AND_REST) for text in group],
    )
    for _ in range(20):
        text = "\n\n".join(rng.sample(documents, 5))
        assert cut(list(text), "auto") == cut([text], "auto")


@pytest.mark.parametrize("construct", [sign for sign in SIGNS if len(sign) > 1])
@pytest.mark.parametrize("text_format", FORMATS)
def test_each_construct_is_read_the_same_character_by_character(construct: str, text_format: str) -> None:
    for text in (
        f"Say {construct} and x{construct}y.\n{construct} {construct}.",
        f"a\n{construct}\n\nb\n{construct}<p>c",
    ):
        assert cut(list(text), text_format) == cut([text], text_format)


OPEN = {
    "bracket": "[", "link": "[a](", "bold": "**a", "tag": "<b ", "entity": "&am", "formula": "$x", "display": "\\[",
    "fence": "```\n", "code": "`a", "bar": "\n| a ", "dashes": "\n---", "address": "https://a.", "emoji": " :ab",
    "escape": "\x1b[1", "number": "\n1. a", "quote": "\n> ", "comment": "<!-- ", "dollars": "$", "hashes": "\n#",
    "underline": "a\n==", "note": "[^a", "sub": "<sub alias='b'>", "words": "hello there ", "spaces": " ",
    "lines": "\n",    "delimiters": "\n-|", "equals": "\n=", "backslash": "\\", "stars": "*", "mixed": "[<*`$&",
}  # fmt: skip


def calls(unit: str, length: int, piece: int) -> tuple[int, int]:
    """Calls of functions, and the longest text that was looked at, for a text of about this length."""
    text = (unit * (length // len(unit) + 1))[:length]
    reader, count, longest = MarkupReader(style()), 0, 0

    def profile(frame: FrameType, event: str, argument: object) -> None:
        nonlocal count
        count += event in ("call", "c_call")

    sys.setprofile(profile)
    try:
        for at in range(0, len(text), piece):
            reader.read(text[at : at + piece])
            longest = max(longest, len(reader.held))
        reader.settle()
    finally:
        sys.setprofile(None)
    return count, longest


@pytest.mark.parametrize("unit", OPEN.values(), ids=OPEN)
@pytest.mark.parametrize("piece", [7, 500])
def test_the_work_is_linear_and_what_is_held_is_bounded(unit: str, piece: int) -> None:
    """Each call looks at no more than is held and the piece that came."""
    few, held = calls(unit, 3_000, piece)
    many, held_of_many = calls(unit, 12_000, piece)
    assert many < 4.6 * few + 200
    assert max(held, held_of_many) <= 1_000 + piece


def test_nothing_is_held_for_ever() -> None:
    """An open bracket is text once it is certain that it is no link."""
    reader = MarkupReader(style())
    text = "[" + "a word " * 100
    given = "".join(said for word in text.split(" ") for said, *_ in reader.read(word + " "))
    assert given.startswith("[a word")
    assert len(given) > 200
