"""When the words of a segment are spoken: attention [N] of each speech token (25 a second) over T3's text -> `Word`s.

The words of a segment and the gaps between them (spaces, marks, specials) are the states of a left-to-right path
through the speech tokens. A word lasts one token at least, a gap may be passed over. A token's attention says how much
of it belongs to each state; the likeliest path tells where each word begins and ends, to one token (40 ms).

Incremental: the path is extended with every token, and states that fell far behind the best are given up. A word is
settled when all paths that are left agree on it and have left it; it cannot move any more, whatever follows.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from engine.messages import Word
from engine.text.segmenter import TextSegment
from engine.text.words import WrittenWord

Floats = NDArray[np.float64]

LEAST_SHARE = 1e-3  # of a token that any state may have: attention is sharp and now and then wrong
GIVEN_UP = 12.0  # ln of how much less likely than the best a path may be: two tokens that are sure of another state


class SegmentAlignment:
    """`append` and `close` are for the thread that draws the tokens, `words` for the one that gives out the audio."""

    def __init__(self, words: Sequence[WrittenWord], text: TextSegment, samples_per_token: float) -> None:
        """`words` lie in T3's text, specials included, and in `text`."""
        self._words = words
        self._text = text
        self._samples_per_token = samples_per_token
        self._rows: deque[NDArray[np.float32] | None] = deque()  # not yet taken into the path
        self._complete = True
        self._closed = False  # no row follows
        self._decided = False  # no row followed: one path is left
        self.first_sample: int | None = None  # of the segment's speech in the utterance; given with its first audio
        self._given = 0  # words
        self._tokens = 0  # taken into the path
        edges = [0, *(edge for word in words for edge in (word.begin, word.end))]
        self._edges = np.array(edges)  # where each state begins: gap, word, gap, ... , gap
        self._scores = np.where(np.arange(len(edges)) < 2, 0.0, -math.inf)  # [S] of the likeliest path to each state
        self._begins = np.zeros((len(edges), len(words)), np.int64)  # [S, W] token where that path enters each word
        self._ends = np.zeros_like(self._begins)  # and where it leaves it

    def append(self, attention: NDArray[np.float32] | None) -> None:
        """How a token is spread over T3's text; None where that is not known."""
        self._rows.append(attention)

    def close(self, *, complete: bool) -> None:
        """No token follows. `complete`: T3 stopped by itself, so all words are spoken; else it was cut off."""
        self._complete = complete
        self._closed = True

    def words(self, until: int, final: bool) -> tuple[Word, ...]:
        """The next words, in order, as far as they are settled and end by the utterance's sample `until`.

        `final`: the segment's audio ends there; what has not been given comes now, less what was never spoken."""
        closed = self._closed  # asked before the rows are taken: none comes after it
        while self._rows:
            self._extend(self._rows.popleft())
        if closed and self._tokens and not self._decided:
            self._decide()
        best = int(self._scores.argmax())
        words = [self._word(index, best) for index in range(self._given, self._settled())]
        if final:  # the end of a segment may have been cut off
            words = [replace(word, end_sample=min(word.end_sample, until)) for word in words]
        ready = tuple(word for word in words if word.start_sample < word.end_sample <= until)
        self._given += len(ready)
        return ready

    def _extend(self, attention: NDArray[np.float32] | None) -> None:
        """One token further: every state is reached from itself, from the one before, or past a gap."""
        came_from = np.full((3, len(self._scores)), -math.inf)
        came_from[0] = self._scores
        if self._tokens:
            came_from[1, 1:] = self._scores[:-1]
            came_from[2, 3::2] = self._scores[1:-2:2]
        step = came_from.argmax(0)
        states = np.arange(len(step))
        sources = states - step
        self._scores = came_from[step, states] + self._evidence(attention)
        self._begins, self._ends = self._begins[sources], self._ends[sources]
        entered = (states % 2 == 1) & ((step > 0) | (self._tokens == 0))
        self._begins[states[entered], states[entered] // 2] = self._tokens
        left = (sources % 2 == 1) & (step > 0)
        self._ends[states[left], sources[left] // 2] = self._tokens
        self._tokens += 1
        self._scores[self._scores < self._scores.max() - GIVEN_UP] = -math.inf

    def _evidence(self, attention: NDArray[np.float32] | None) -> Floats:
        """[S] ln of each state's share of a token."""
        if attention is None:
            return np.zeros(len(self._edges))
        total = np.concatenate([[0.0], np.cumsum(attention, dtype=np.float64)])
        shares = np.diff(total[self._edges], append=total[-1])
        return np.asarray(np.log(np.maximum(shares, 0.0) + LEAST_SHARE))

    def _decide(self) -> None:
        """Of the paths that are left, the likeliest; of a complete segment the likeliest that came to its end, if one
        did."""
        self._decided = True
        at_end = self._scores.copy()
        at_end[:-2] = -math.inf
        best = int((at_end if self._complete and at_end.max() > -math.inf else self._scores).argmax())
        self._scores[np.arange(len(self._scores)) != best] = -math.inf
        if best % 2:
            self._ends[best, best // 2] = self._tokens

    def _settled(self) -> int:
        """How many words have been left by all paths that are left, at the same times."""
        alive = np.flatnonzero(self._scores > -math.inf)
        over = (int(alive[0]) + self._decided) // 2
        agreed = (self._begins[alive] == self._begins[alive[0]]) & (self._ends[alive] == self._ends[alive[0]])
        disputed = np.flatnonzero(~agreed[:, :over].all(0))
        return int(disputed[0]) if len(disputed) else over

    def _word(self, index: int, state: int) -> Word:
        word, text = self._words[index], self._text
        text_begin, text_end = text.origin.span(word.text_begin, word.text_end)
        return Word(
            word=text.text[word.text_begin : word.text_end],
            start_sample=self._sample(self._begins[state, index]),
            end_sample=self._sample(self._ends[state, index]),
            text_begin=text_begin,
            text_end=text_end,
        )

    def _sample(self, token: np.int64) -> int:
        return (self.first_sample or 0) + round(int(token) * self._samples_per_token)
