"""What looks like markup and is none: `auto` leaves it as it is."""

from __future__ import annotations

import pytest

from engine.text.markup import MarkupReader
from tests.engine.text.markup.reading import read, style

UNTOUCHED = [
    "5 * 3 * 2", "2*3*4 and 2**8", "snake_case_name", "a < b", "a<b and c>d", "#1 fan", "R&D", "AT&T", "x*y", "C#",
    "1. May", "1. mai ist frei", "$5 and $6", "It costs $5, or 6$.", "$5.50, $6", "$5 - $10", "$5-$10", "US$5",
    "$5 + $6 = $11", "$5 million", "$HOME is set and $PATH too", "3. It was late.", "2024. Then it rained.",
    "-5 degrees", "5 > 3", ">= 5", "#hashtag", "a ` alone", "*.txt files", "C* and D*", "5 *3 = 15", "10:30:45",
    "std::vector a:b:c", "ratio 3:2", "[laugh] ok", "[not a link] (really)", "a[i](b.c)", "x[0][1]", "f(x)[y]",
    "see [1] and [2]", "I <3 you", "<- arrow ->", "a <b and c> d", "<unknown>t</unknown>", "&copy 2020",
    "&bogus; x", "C:\\Users\\x", "and/or 50% @home", "~5 km", "a ~ b", "|x| < 3", "cat a | grep b", "+ one",
    "un*frigging*believable", "it's 'quoted' \"so\"", "e.g. this; that: these", "well -- maybe - no", "wow!!! [",
    "text [open. And on. And on.", "(a) first, (b) second", "= 5", "a == b", "100% of $100", "hello ht", "www",
    "https", "!important", "Hello!", "No! [Yes]", "1.5 and 2.5", "v1.2.3", "the 1) and 2)", "x_1 and y_2",
]  # fmt: skip


@pytest.mark.parametrize("text", UNTOUCHED, ids=repr)
def test_ordinary_text_is_left_alone(text: str) -> None:
    reading = read(text)
    assert reading.text == text
    assert reading.dropped == []


@pytest.mark.parametrize(
    ("text", "spoken"),
    {
        "_underlined_ here": "underlined here",
        "*Terms apply.": "Terms apply.",
        "**Is this open": "Is this open",
        "f(*args, **kwargs)": "f(args, kwargs)",
        "__init__": "init",
    }.items(),
)
def test_signs_that_are_silent_anyway_may_go(text: str, spoken: str) -> None:
    assert read(text).text == spoken


@pytest.mark.parametrize("text", [text for text in UNTOUCHED if text[-1] not in "[$!:"], ids=repr)
def test_ordinary_text_passes_at_once(text: str) -> None:
    """What follows shows at the latest with the next word that nothing is held."""

    reader = MarkupReader(style())
    given = "".join(said for said, *_ in reader.read(f"{text} word. "))
    assert given.rstrip() == f"{text} word." or "[open" in text
