"""Which words of the text as it was written are where in what is spoken for it. Both in characters.

A word is what is written together and spoken: "42", "Dr.", "don't", "well-known". Marks around it do not belong to it.
What was rewritten as one cannot be told apart and counts as one word: "$5 million" is "five million dollars".
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

from engine.text.origin import Origin
from engine.text.traced import Traced

_SPOKEN_WORD = re.compile("[^ ,.?!]+")  # spelled or as phonemes
_JOINING = ("", "-", "‐", "‑")


@dataclass(frozen=True, kw_only=True)
class WrittenWord:
    """[begin, end) of a piece that T3 is given, [text_begin, text_end) of the text that it was made from."""

    begin: int
    end: int
    text_begin: int
    text_end: int


def written_words(text: str, spoken: Traced) -> list[WrittenWord]:
    """`spoken` was made from `text`."""
    words: list[WrittenWord] = []
    for match in _SPOKEN_WORD.finditer(spoken.text):
        begin, end = spoken.span(*match.span())
        if words and (begin < words[-1].text_end or text[words[-1].text_end : begin] in _JOINING):
            words[-1] = replace(words[-1], end=match.end(), text_end=max(end, words[-1].text_end))
        else:
            words.append(WrittenWord(begin=match.start(), end=match.end(), text_begin=begin, text_end=end))
    return words


def as_sent(words: Iterable[WrittenWord], origin: Origin) -> tuple[WrittenWord, ...]:
    """Words of a text that was rewritten before: those that stand for the same of what was sent are one."""
    joined: list[WrittenWord] = []
    end = 0  # in all text sent
    for word in words:
        begin, stop = origin.span(word.text_begin, word.text_end)
        if joined and begin < end:
            joined[-1] = replace(joined[-1], end=word.end, text_end=word.text_end)
        else:
            joined.append(word)
        end = max(end, stop)
    return tuple(joined)


def per_piece(words: Iterable[WrittenWord], spoken: str, pieces: Iterable[str]) -> Iterator[tuple[WrittenWord, ...]]:
    """The words of each piece, counted from its first character; a word that was cut is in both. The pieces are parts
    of `spoken`, in order."""
    words, done = list(words), 0
    for piece in pieces:
        first = spoken.index(piece, done)
        done = first + len(piece)
        yield tuple(
            replace(word, begin=max(word.begin, first) - first, end=min(word.end, done) - first)
            for word in words
            if word.begin < done and first < word.end
        )
