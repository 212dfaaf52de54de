"""The sizes of windows that are decided by the listener's deadline: few, so that windows are alike.

Windows that are alike run together, and one captured graph serves all of them. Only what is left of a segment, its
final window, has any size.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from functools import cache

# Tokens; a step costs a fifth or a quarter.
SIZES = (1, 2, 3, 4, 5, 6, 7, 8, 10, 12, 16, 20, 25, 32, 40, 50, 64, 80, 100)


@cache
def sizes(largest: int) -> tuple[int, ...]:
    """Those that windows of at most `largest` tokens have; `largest` is one of them."""
    return (*(size for size in SIZES if size < largest), largest)


def at_most(tokens: int, largest: int) -> int:
    """The largest size that so many tokens are enough for; 0 where they are none."""
    known = sizes(largest)
    place = bisect_right(known, tokens)
    return known[place - 1] if place else 0


def at_least(tokens: int, largest: int) -> int:
    """The smallest size that is enough for so many tokens; else the largest."""
    known = sizes(largest)
    return known[min(bisect_left(known, tokens), len(known) - 1)]
