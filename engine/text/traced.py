"""Text that is being rewritten and remembers what it was: each character knows the span of the original it came from.

str -> str like its plain counterparts, so that a rule needs not know that it is traced. Spans are [begin, end) in
characters of the original. They never go back: a rewriting replaces, drops and adds, but does not reorder.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from itertools import takewhile
from re import Match
from typing import Literal

Replacement = str | Callable[[Match[str]], str]
Span = tuple[int, int]


@dataclass(frozen=True)
class Traced:
    text: str
    spans: list[Span]  # of each character

    @classmethod
    def of(cls, text: str) -> Traced:
        return cls(text, [(index, index + 1) for index in range(len(text))])

    def each(self, change: Callable[[str], str]) -> Traced:
        """Every character changed by itself."""
        return self._joined([change(char) for char in self.text], self.spans)

    def normalized(self, form: Literal["NFKC", "NFKD"]) -> Traced:
        """As `unicodedata.normalize`; a letter and its combining marks are one."""
        if unicodedata.is_normalized(form, self.text):
            return self
        starts = [index for index, char in enumerate(self.text) if not index or not unicodedata.combining(char)]
        parts = list(zip(starts, [*starts[1:], len(self.text)], strict=True))
        texts = [unicodedata.normalize(form, self.text[begin:end]) for begin, end in parts]
        return self._joined(texts, [self.span(begin, end) for begin, end in parts])

    def sub(self, pattern: re.Pattern[str], replacement: Replacement) -> Traced:
        """As `pattern.sub`. Letters and spaces that stand at both ends of match and replacement stay what they were;
        what is between came from all that was between."""
        texts: list[str] = []
        spans: list[Span] = []
        done = 0
        for match in pattern.finditer(self.text):
            begin, end = match.span()
            new = match.expand(replacement) if isinstance(replacement, str) else replacement(match)
            texts += self.text[done:begin], new
            spans += self.spans[done:begin]
            spans += _replaced(match[0], self.spans[begin:end], new, spans[-1] if spans else (0, 0))
            done = end
        if not texts:
            return self
        return Traced("".join([*texts, self.text[done:]]), spans + self.spans[done:])

    def replaced(self, parts: Iterable[tuple[int, int, str]]) -> Traced:
        """Each text [begin, end) replaced by another one that came from all of it. The parts are in order."""
        texts: list[str] = []
        spans: list[Span] = []
        done = 0
        for begin, end, new in parts:
            texts += self.text[done:begin], new
            spans += self.spans[done:begin] + [self.span(begin, end)] * len(new)
            done = end
        return Traced("".join([*texts, self.text[done:]]), spans + self.spans[done:])

    def cut(self, begin: int, end: int) -> Traced:
        return Traced(self.text[begin:end], self.spans[begin:end])

    def span(self, begin: int, end: int) -> Span:
        """Of the original, what these characters came from."""
        spans = self.spans[begin:end]
        return min(span[0] for span in spans), max(span[1] for span in spans)

    @staticmethod
    def _joined(texts: list[str], spans: list[Span]) -> Traced:
        return Traced("".join(texts), [span for text, span in zip(texts, spans, strict=True) for _ in text])


def _replaced(old: str, spans: list[Span], new: str, before: Span) -> list[Span]:
    """The spans of `new`, which takes the place of `old`. What came from nothing came from the character before it."""
    head = _alike(old, new)
    tail = _alike(old[head:][::-1], new[head:][::-1])
    stop = len(old) - tail
    sources = [span for char, span in zip(old[head:stop], spans[head:stop], strict=True) if not char.isspace()]
    source = (sources[0][0], max(end for _, end in sources)) if sources else [before, *spans[:head]][-1]
    return spans[:head] + [source] * (len(new) - head - tail) + spans[stop:]


def _alike(one: str, other: str) -> int:
    """How many letters, digits and spaces both begin with, whatever their case."""
    pairs = zip(one.lower(), other.lower(), strict=False)
    return len(list(takewhile(lambda pair: pair[0] == pair[1] and (pair[0].isalnum() or pair[0] == " "), pairs)))
