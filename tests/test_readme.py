"""README.md is short, and explains its terms before it uses them."""

from __future__ import annotations

from pathlib import Path

import pytest

README = Path(__file__).parents[1] / "README.md"
MOST_WORDS = 900
TERMS = ("T3", "flow", "vocoder", "TTFA", "RTF", "C50", "C100", "barge-in", "pre-buffer")
MORE_TERMS = ("utterance", "window", "chunk", "hop")  # words that say something else elsewhere


def test_the_readme_has_at_most_900_words() -> None:
    """Everything counts: code, tables, addresses of links."""
    assert len(README.read_text(encoding="utf-8").split()) <= MOST_WORDS


@pytest.mark.parametrize("term", TERMS)
def test_a_term_is_explained_where_it_first_appears(term: str) -> None:
    """The first line that has it is a row of the glossary."""
    lines = README.read_text(encoding="utf-8").splitlines()
    first = next(line for line in lines if term in line)
    glossary = [line for line in lines[: lines.index("<picture>")] if line.startswith("| ")]
    assert first in glossary


def test_a_row_of_the_glossary_explains_one_term() -> None:
    """C50 and C100 are one measure at two lengths."""
    lines = README.read_text(encoding="utf-8").split("<picture>")[0].splitlines()
    terms = [line.split("|")[1].strip() for line in lines if line.startswith("| ")][1:]  # without its head
    assert set(terms) >= {*TERMS, "C50, C100", *MORE_TERMS} - {"C50", "C100"}
    assert [term for term in terms if "," in term] == ["C50, C100"]
