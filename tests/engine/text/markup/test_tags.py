"""Tags and entities of HTML, a subset of SSML, and what is meant for terminals."""

from __future__ import annotations

import pytest

from tests.engine.text.markup.reading import read, said

HTML = {
    "Tom &amp; Ann said it&#39;s 5 km&nbsp;away": "Tom & Ann said it's 5 km away",
    "&lt;b&gt; &#x41; &eacute; &notit; &hellip;": "<b> A é &notit; …",
    "<b>bold</b> <i>x</i><br/>y": "bold x y",
    "<p>One</p><p>Two</p>": "One. Two.",
    "<ul><li>a</li><li>b</li></ul>": "a. b.",
    "<table><tr><td>a</td><td>b</td></tr></table>": "a, b.",
    '<a href="http://x.y/z">link</a> on': "link on",
    "<!-- hidden -->shown": "shown",
    "<script>if (a < b) alert(1)</script>ok": "ok",
    '<img src=x alt="a dog">': "a dog",
    "<!DOCTYPE html><html><body><h1>T</h1>B</body></html>": "T. B.",
    "x<sup>2</sup>": "x^2",
    "<B>Loud</B>": "Loud",
    "<span\nclass='a b'>t</span>": "t",
}
SSML = {
    '<speak>Hi <break time="500ms"/>there</speak>': "Hi, there",
    'Wait <break strength="weak"/>here': "Wait, here",
    'No <break time="0s"/>pause': "No pause",
    "<speak><p>One</p><s>Two</s> three</speak>": "One. Two. three",
    '<say-as interpret-as="characters">API</say-as> ok': "A P I ok",
    '<say-as interpret-as="digits">482</say-as>.': "4 8 2.",
    '<say-as interpret-as="ordinal">3</say-as> and <say-as interpret-as="ordinal">12</say-as>': "3rd and 12th",
    '<say-as interpret-as="date">2024-05-01</say-as>': "2024-05-01",
    '<sub alias="World Wide Web">WWW</sub> ok': "World Wide Web ok",
    '<phoneme alphabet="ipa" ph="x">tomato</phoneme>': "tomato",
    '<emphasis level="strong">now</emphasis>': "now",
    '<prosody rate="slow">slow</prosody> <voice name="x">v</voice>': "slow v",
    "a &lt; b &amp; c": "a < b & c",
    "<![CDATA[a < b]]> c": "a < b c",
    "**not** _markdown_ # here": "**not** _markdown_ # here",
    "1 < 2": "1 < 2",
}
TERMINAL = {
    "\x1b[1;31mred\x1b[0m ok": ("red ok", "ESCAPES"),
    "\x9b31mred": ("red", "ESCAPES"),
    "\x1b]0;title\x07text": ("text", "ESCAPES"),
    "\x1b]8;;http://x\x1b\\link\x1b]8;;\x1b\\": ("link", "ESCAPES"),
    "\x1b(Btext": ("text", "ESCAPES"),
    "a\x07b\x00c": ("abc", "CONTROLS"),
    "a\x1b": ("a", "CONTROLS"),
    "a\ufffdb": ("ab", "CONTROLS"),
    f"a{chr(0xD83D)}b": ("ab", "CONTROLS"),
    "&#7;x": ("x", "CONTROLS"),
}


@pytest.mark.parametrize(("text", "spoken"), HTML.items(), ids=repr)
def test_html_is_read_without_its_tags(text: str, spoken: str) -> None:
    assert said(text) == spoken


@pytest.mark.parametrize(("text", "spoken"), SSML.items(), ids=repr)
def test_ssml_acts_where_it_can(text: str, spoken: str) -> None:
    assert said(text, "ssml") == spoken


@pytest.mark.parametrize(
    ("text", "dropped"),
    {
        '<break time="1s"/><sub alias="b">a</sub>': [],
        "<emphasis>x</emphasis>": ["SSML"],
        '<phoneme ph="x">y</phoneme>': ["SSML"],
        '<say-as interpret-as="expletive">y</say-as>': ["SSML"],
        "<custom>x</custom>": ["SSML"],
    }.items(),
)
def test_what_does_nothing_is_told(text: str, dropped: list[str]) -> None:
    assert read(text, "ssml").dropped == dropped


def test_a_break_acts_in_ordinary_text_too() -> None:
    assert said('One <break time="500ms"/>two') == "One, two"


FORMATS = ["auto", "plain", "markdown", "ssml"]


@pytest.mark.parametrize(
    ("text", "text_format"),
    [(text, form) for text in TERMINAL for form in FORMATS if not (text.startswith("&") and form == "plain")],
)
def test_terminals_and_control_characters_are_dropped_in_every_format(text: str, text_format: str) -> None:
    """But for entities, which plain text does not have."""
    expected = TERMINAL[text]
    reading = read(text, text_format)
    assert (reading.text, reading.dropped) == (expected[0], [expected[1]])
