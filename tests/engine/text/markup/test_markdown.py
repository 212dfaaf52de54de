"""Markdown as language models write it, read as a person would read it aloud."""

from __future__ import annotations

import pytest
from markdown_it import MarkdownIt

from tests.engine.text.markup.reading import read, said

HEADINGS = {
    "# Setup\nRead on.": "Setup. Read on.",
    "## Setup ##\nText": "Setup. Text",
    "###### Six\nx": "Six. x",
    "####### Seven": "####### Seven",
    "##Setup\n###Next\nText": "Setup. Next. Text",
    "##": "",
    "#hashtag is fine": "#hashtag is fine",
    "# Is it?\nYes": "Is it? Yes",
    "Title\n=====\nText": "Title. Text",
    "Title\r\n=====\r\nText": "Title. Text",
    "# A\n## B\nC": "A. B. C",
    "# **Bold** `code`\nx": "Bold code. x",
}
LISTS = {
    "- one\n- two\n\nthree": "one. two. three",
    "* one\n* two": "one. two",
    "* one\n+ two\n- three": "one. two. three",
    "1. Preheat it.\n2. Wait": "1, Preheat it. 2, Wait",
    "1) a\n2) b": "1, a. 2, b",
    "- a\n  - b\n    - c": "a. b. c",
    "1. One\n   - sub\n2. Two": "1, One. sub. 2, Two",
    "- [ ] buy milk\n- [x] call Ann": "buy milk. done, call Ann",
    "We need:\n- eggs,\n- milk; and\n- salt.": "We need: eggs, milk; and. salt.",
    "* **Bold item**: text": "Bold item: text",
    "1. **Step**: do it\n2. **Next**: rest": "1, Step: do it. 2, Next: rest",
    "• one\n• two": "one. two",
}
LINKS = {
    "See [the guide](/a).": "See the guide.",
    "[a [b] c](x.y)": "a [b] c",
    '[**bold** link](/u "title (x)") on': "bold link on",
    "![a cat](c.png)": "a cat",
    "[![badge](a.svg)](http://x) next": "badge next",
    "[ref][1] ok\n\n[1]: http://x.y": "ref ok.",
    "Done.[^1] More.\n\n[^1]: The note.": "Done. More. The note.",
    "<https://a.b/c>": "a.b/c",
    "<ann@b.org>": "ann@b.org",
    "Read https://en.wikipedia.org/wiki/Text_to_speech?x=1#y, then": "Read en.wikipedia.org, then",
    "(see https://a.b/c).": "(see a.b/c).",
    "Go to www.example.com!": "Go to example.com!",
    "As shown.[1][2] Next.": "As shown. Next.",
    "https://example.com/" + "x" * 500 + " ok": "example.com ok",
}
CODE = {
    "Use `ls -la` now": "Use ls -la now",
    "call `get_user_name()` or `a*b*c`": "call get user name or a*b*c",
    "``a ` b`` c": "a b c",
    "```python\nprint(1)\n```\nAfter": "Code block. After",
    "Before:\n~~~\nx\n\ny\n~~~\nAfter": "Before: Code block. After",
    "````md\n```\nx\n```\n````\nend": "Code block. end",
    "- item\n  ```sh\n  ls\n  ```\n- next": "item. Code block. next",
    "Inline ```code``` here": "Inline code here",
    "```\nnever closed": "Code block.",
}
TABLES_AND_REST = {
    "| Name | Age |\n|------|----:|\n| Ann | 5 |\n| Bob | -7 |\n\nEnd": "Name, Age. Ann, 5. Bob, -7. End",
    "| a | b |\n|---|---|\n|c||\n\nx": "a, b. c. x",
    "Room | Price\n--- | :-:\nOak | 85\nElm | 90\n\nx": "Room | Price. Oak, 85. Elm, 90. x",
    "==marked== a == b": "marked a == b",
    "one\n\n---\n\ntwo": "one. two",
    "* * *\nText": "Text",
    "> quote\n> two\n\nend": "quote two. end",
    "> > - item": "item",
    "**bold** __bold__ *it* _it_ ***x*** ~~gone~~": "bold bold it it x",
    '**a *b* c** (**d**) "*e*"': 'a b c (d) "e"',
    "**Note:** read. **Done**.": "Note: read. Done.",
    "这是**重点**内容": "这是重点内容",
    "\\*not\\* \\# \\_x\\_ \\$5": "*not* # _x_ $5",
    "a\\\nb": "a b",
    ":tada: Great :+1: at 10:30:45": "Great at 10:30:45",
}


@pytest.mark.parametrize("text_format", ["auto", "markdown"])
@pytest.mark.parametrize(
    ("text", "spoken"), {**HEADINGS, **LISTS, **LINKS, **CODE, **TABLES_AND_REST}.items(), ids=repr
)
def test_markdown_is_read_aloud(text: str, spoken: str, text_format: str) -> None:
    assert said(text, text_format) == spoken


@pytest.mark.parametrize(
    ("how", "spoken"), {"announce": "Hi. Code block. Bye", "skip": "Hi. Bye", "speak": "Hi. x = 1. Bye"}.items()
)
def test_a_block_of_code_is_announced_skipped_or_spoken(how: str, spoken: str) -> None:
    reading = read("Hi\n```\nx = 1\n```\nBye", code_blocks=how)
    assert " ".join(reading.text.split()) == spoken
    assert reading.dropped == ([] if how == "speak" else ["CODE"])


def test_no_english_words_are_put_into_other_languages() -> None:
    assert said("- [x] Hallo\n```\nx\n```\n$a \\leq b$", is_english=False) == "Hallo. a b"


def test_plain_text_has_no_markup() -> None:
    text = "# a\n- **b** [c](d) `e` &amp; <b> $x$ https://f.g/h"
    assert read(text, "plain").text == text
    assert read(text, "plain").dropped == []


def test_each_kind_that_was_dropped_is_told_once() -> None:
    text = "[a](b.c) [d](e.f) <b>x</b> <i>y</i>\n```\n1\n```\n```\n2\n```\n"
    assert read(text).dropped == ["ADDRESSES", "CODE", "TAGS"]


def test_a_table_is_read_cell_by_cell_while_it_comes() -> None:
    reading = read("| a | b")
    assert reading.text == "a, b"


ORACLE = [text for group in (HEADINGS, LINKS, CODE, TABLES_AND_REST) for text in group if "重" not in text]


@pytest.mark.parametrize("text", ORACLE, ids=repr)
def test_an_independent_parser_finds_the_same_words(text: str) -> None:
    """markdown-it-py, which needs the whole text: every word that it finds in text and inline code is spoken."""
    tokens = MarkdownIt("commonmark").enable(["table", "strikethrough"]).parse(text)
    inline = [child for token in tokens for child in token.children or []]
    found = [child.content for child in inline if child.type == "text"]
    words = {word for part in found for word in "".join(c if c.isalnum() else " " for c in part).split()}
    ours = set("".join(char if char.isalnum() else " " for char in said(text, "markdown")).split())
    extensions = {"gone", "https", "http", "www", "org", "wiki", "tada", "x", "1", "2", "y", "Text", "to", "speech"}
    unknown = {word for word in words - ours if len(word) < 100}
    assert unknown <= extensions, "struck text, bare addresses, notes and emoji, which are read otherwise"


@pytest.mark.parametrize(
    ("text", "spoken"),
    {
        "Take ~~20~~ 25 mg.": "Take 25 mg.",
        "~~Take 10 mg~~ Take 5 mg": "Take 5 mg",
        "- ~~eggs~~ flour\n- ~~milk~~": "flour.",
        "a **~~b~~ c** d": "a c d",
        "$~~9.99~~ 5": "$ 5",
        "<del>20</del> <ins>25</ins> mg": "25 mg",
        "Pay <strike>9</strike> 5 <DEL>x</DEL> now": "Pay 5 now",
        "~~never closed": "never closed",
        "a ~~ b ~~ c": "a ~~ b ~~ c",
        "~5 and ~6": "~5 and ~6",
        "<del>never closed": "never closed",
    }.items(),
)
def test_what_is_struck_out_is_not_spoken(text: str, spoken: str) -> None:
    assert said(text) == spoken
    assert ("STRUCK" in read(text).dropped) == any(sign in text for sign in ("~~ ", "</", "k~~")) - ("a ~~ b" in text)


@pytest.mark.parametrize("text_format", ["auto", "markdown", "ssml"])
@pytest.mark.parametrize(
    ("text", "spoken"),
    {
        "<thinking>Is it 4? Yes.</thinking>It is four.": "It is four.",
        "<think>\nHm, 2 < 3.\n\n- a\n</think>\n\nHello.": "Hello.",
        "<reasoning>x</reasoning> Yes": "Yes",
        "<think>never closed": "",
        "Yes.</think> No": "Yes. No",
        "<answer>It is four.</answer>": "It is four.",
        "<tool_call>now</tool_call> then": "now then",
    }.items(),
)
def test_reasoning_is_dropped_and_the_frame_of_an_answer(text: str, spoken: str, text_format: str) -> None:
    assert said(text, text_format) == spoken
    assert ("THOUGHTS" in read(text, text_format).dropped) == ("<think" in text or "<reasoning" in text)
