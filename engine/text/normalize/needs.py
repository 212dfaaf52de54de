"""What a pattern cannot match without. Most rules of the normaliser speak of numbers, and most sentences hold none."""

from __future__ import annotations

import re
from re import _constants as ops  # type: ignore[attr-defined]
from re import _parser as parser  # type: ignore[attr-defined]
from typing import Any

DIGIT = re.compile(r"\d")
_REPEATS = (ops.MAX_REPEAT, ops.MIN_REPEAT, ops.POSSESSIVE_REPEAT)


def needs_digit(pattern: re.Pattern[str]) -> bool:
    """Whether no text without a digit has a match of `pattern`. False where that cannot be told."""
    return _any_needs(parser.parse(pattern.pattern, pattern.flags))


def _any_needs(parts: Any) -> bool:
    return any(_needs(part, arguments) for part, arguments in parts)


def _needs(part: Any, arguments: Any) -> bool:
    if part is ops.LITERAL:
        return _is_digit(arguments)
    if part is ops.IN:
        return all(_holds_digits(*one) for one in arguments)
    if part is ops.BRANCH:
        return all(map(_any_needs, arguments[1]))
    if part in _REPEATS:
        least, _, inside = arguments
        return least > 0 and _any_needs(inside)
    if part is ops.ASSERT:
        return _any_needs(arguments[1])
    if part is ops.ATOMIC_GROUP:
        return _any_needs(arguments)
    return part is ops.SUBPATTERN and _any_needs(arguments[3])


def _holds_digits(kind: Any, arguments: Any) -> bool:
    if kind is ops.RANGE:
        return all(map(_is_digit, range(arguments[0], arguments[1] + 1)))
    return arguments is ops.CATEGORY_DIGIT if kind is ops.CATEGORY else kind is ops.LITERAL and _is_digit(arguments)


def _is_digit(code: int) -> bool:
    return DIGIT.match(chr(code)) is not None
