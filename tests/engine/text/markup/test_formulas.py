"""Formulas are read aloud; money is none."""

from __future__ import annotations

import pytest

from engine.text.markup import MarkupReader
from engine.text.markup.formulas import spoken
from tests.engine.text.markup.reading import read, style

FORMULAS = {
    "$x^2 + \\frac{1}{2} \\leq 3$": "x squared plus one half is less than or equal to 3",
    "$x$ and $y_1$": "x and y sub 1",
    "$$\\int_0^1 x^2 dx$$": "the integral from 0 to 1 of x squared d x",
    "\\(\\alpha + \\beta\\)": "alpha plus beta",
    "\\[ E = mc^2 \\]": "E equals m c squared",
    "\\[\n\\sum_{i=1}^{n} i\n\\]": "the sum from i equals 1 to n of i",
    "$2x + 3 = 7$": "2 x plus 3 equals 7",
    "$\\sqrt{16} = 4$": "the square root of 16 equals 4",
    "$\\sqrt[3]{8}$": "the cube root of 8",
    "$a_{ij} \\times \\vec{b}$": "a sub i j times b vector",
    "$3 \\times 4$": "3 times 4",
    "$\\frac{a+b}{c}$": "a plus b over c",
    "$O(n \\log n)$": "O n log n",
    "$n$-th": "n-th",
    "$e^{i\\pi} + 1 = 0$": "e to the power of i pi plus 1 equals 0",
    "$90^\\circ$": "90 degrees",
    "$\\text{speed} = 5$": "speed equals 5",
    "$x \\in \\mathbb{R}$": "x in R",
    "$\\binom{n}{k}$": "n choose k",
    "$10\\%$ of $\\$50$": "10 percent of $50",
    "\\(\\$1{,}250.50 + \\pounds 3\\)": "$1,250.50 plus £3",
    "$\\$x + 1$": "dollars x plus 1",
    "$n! \\approx 120$": "n factorial is approximately 120",
}


@pytest.mark.parametrize(("text", "said"), FORMULAS.items(), ids=repr)
def test_formulas_are_spoken(text: str, said: str) -> None:
    assert read(text).text.strip() == said


@pytest.mark.parametrize("formula", ["{" * 200 + "x" + "}" * 200, "\\frac" * 50, "^" * 50, "\\sqrt[", "}{", "_"])
def test_no_formula_is_too_odd(formula: str) -> None:
    assert isinstance(spoken(formula, in_words=True), str)


def test_a_dollar_holds_no_prose_back() -> None:
    """After '$5 and' it is money, and what was said before it can be spoken."""

    reader = MarkupReader(style())
    assert "".join(text for text, *_ in reader.read("It is $5 and")) == "It is $5 and"
