"""An audio context of pipecat: the turn that speaks it, and its words until their sentence has been announced.

Where pipecat takes text token by token, it announces a sentence when it has all of it, and keeps words that come
before; later words may overtake those then, and the conversation remembers them in the wrong order. So words wait here.
"""

from __future__ import annotations

import asyncio
import math
from collections import deque
from dataclasses import dataclass, field

from gapless.client import TimedText
from gapless.doors.agents import Turn

_MARKS = ".,;:!?…\"'”’)]"  # behind a word


@dataclass
class Context:
    turn: Turn
    task: asyncio.Task[None] | None = None  # speaks the turn
    is_over: bool = False
    sounded_s: float = 0.0  # of the whole turn
    reopened_s: float = 0.0  # so much had sounded when pipecat began to count anew
    adding: asyncio.Lock = field(default_factory=asyncio.Lock)  # words, in order
    _waiting: deque[TimedText] = field(default_factory=deque)
    _announced: float = 0  # characters of text, without white space
    _given: int = 0

    def announce(self, sentence: str | None) -> None:
        """None: all that may still come."""
        self._announced = math.inf if sentence is None else self._announced + _length(sentence)

    def say(self, piece: TimedText) -> None:
        self._waiting.append(piece)

    def due(self) -> list[tuple[str, float]]:
        """Words whose sentence has been announced, with seconds since pipecat began to count; each is given once.

        What was rewritten as one, such as "3:45 p.m.", is several words to pipecat."""
        words: list[tuple[str, float]] = []
        while self._waiting and self._given + _length(self._waiting[0].text.rstrip(_MARKS)) <= self._announced:
            piece = self._waiting.popleft()
            self._given += _length(piece.text)
            parts = piece.word.split()
            for number, part in enumerate(parts):
                at_s = piece.start_s + (piece.end_s - piece.start_s) * number / len(parts)
                words.append((part, at_s - self.reopened_s))
        return words


def _length(text: str) -> int:
    return len("".join(text.split()))
