"""Markup that is left, symbols, and punctuation that has no sound of its own."""

from __future__ import annotations

import re

from engine.text.normalize.rule import Rule, rule
from engine.text.normalize.tables.signs import SYMBOLS

LINKS: tuple[Rule, ...] = (rule(r"\[([^\[\]\n]{1,200})\]\([^()\s]{0,500}\)", r"\1", style="cased"),)
MARKUP: tuple[Rule, ...] = (
    rule(r"(?m)^[ \t]*(?:#{1,6}|[-*•])[ \t]+", "", style="cased"),
    rule(r"(?<![*_`^\\<>])[*_`^\\<>]++(?=\w)|~+(?=[^\W\d])|(?<=\w)[*_`^\\<>~]+(?=\s|$|[.,!?])", " "),
)
LONG_DASHES: tuple[Rule, ...] = (rule(r"–", " - ", style="spelled"),)
SIGNS: tuple[Rule, ...] = (
    rule(r"(?<=[^\W\d_]{2})\.(?=[^\W\d_]{2})", " dot "),
    rule(r"<=", "≤"),
    rule(r">=", "≥"),
    rule(r"(?<=\w)\s?/\s?(?=\w)", " slash "),
    rule(r"(?<!\.)\.{2,}+(?=\s*[a-z])", ", ", exact=True, style="spelled"),
    rule(r"[;:()\[\]{}\n]+|\s-+\s|--+|(?<=\w)\s?-+$", ", ", style="spelled"),
    rule(f"[{re.escape(''.join(SYMBOLS))}]", lambda m: SYMBOLS[m[0]]),
)
