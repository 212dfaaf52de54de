"""An audio context of pipecat: the turn that speaks it, and its words until their sentence has been announced.

Where pipecat takes text token by token, it announces a sentence when it has all of it, and keeps words that come
before; later words may overtake those then, and the conversation remembers them in the wrong order. So words wait here.
One that sounds while it waits is said at its time, so that an interruption finds it in the conversation; pipecat's own
frame of it, which comes with its sentence, is one too many then. So is the frame by which pipecat takes text without
words for spoken, when the turn broke.
"""

from __future__ import annotations

import asyncio
import math
from collections import deque
from dataclasses import dataclass, field

from pipecat.frames.frames import AggregatedTextProgressFrame, TTSTextFrame

from gapless.client import TimedText
from gapless.doors.agents import Turn

_MARKS = ".,;:!?…\"'”’)]"  # behind a word


@dataclass
class Word:
    word: str
    text: str  # as it was written, with its marks
    at_s: float  # of the turn
    end: int  # in the text of the turn, in characters without white space
    is_said: bool = False  # before its sentence was announced


@dataclass
class Context:
    turn: Turn
    task: asyncio.Task[None] | None = None  # speaks the turn
    ahead: asyncio.Task[None] | None = None  # says words that sound before their sentence is announced
    is_over: bool = False
    is_broken: bool = False
    sounded_s: float = 0.0  # of the whole turn
    reopened_s: float = 0.0  # so much had sounded when pipecat began to count anew
    begun_s: float | None = None  # when it did, by its clock
    adding: asyncio.Lock = field(default_factory=asyncio.Lock)  # words, in order
    _waiting: deque[Word] = field(default_factory=deque)
    _announced: float = 0  # characters of text, without white space
    _length: int = 0  # of the text that has words, likewise
    _given: deque[Word] = field(default_factory=deque)  # to pipecat, whose frames of them are to come
    _unspoken: set[int] = field(default_factory=set)  # segments of pipecat whose rest nobody has heard

    def announce(self, sentence: str | None) -> None:
        """None: all that may still come."""
        self._announced = math.inf if sentence is None else self._announced + _length(sentence)

    def say(self, piece: TimedText) -> None:
        """What was rewritten as one, such as "3:45 p.m.", is several words to pipecat."""
        end = self._length + _length(piece.text.rstrip(_MARKS))
        self._length += _length(piece.text)
        words, texts = piece.word.split(), piece.text.split()
        for number, word in enumerate(words):
            text = texts[number] if len(texts) == len(words) else word
            at_s = piece.start_s + (piece.end_s - piece.start_s) * number / len(words)
            self._waiting.append(Word(word, text, at_s, end))

    def due(self) -> list[Word]:
        """Words whose sentence has been announced; each is given once."""
        words: list[Word] = []
        while self._waiting and self._waiting[0].end <= self._announced:
            words.append(self._waiting.popleft())
        self._given += words
        return words

    def next_unannounced(self) -> Word | None:
        """The first word that waits and was not said."""
        return next((word for word in self._waiting if not word.is_said), None)

    def fail(self) -> None:
        """The turn broke. What waits will not sound."""
        self.is_broken = True
        self._waiting.clear()

    def is_too_much(self, frame: TTSTextFrame | AggregatedTextProgressFrame) -> bool:
        """Asked once for each of pipecat's frames."""
        if isinstance(frame, AggregatedTextProgressFrame):
            return frame.segment_id in self._unspoken
        if frame.segment_id is None:
            return False
        letters = _letters(frame.text)
        if not any(_letters(word.word) == letters for word in self._given):
            if self.is_broken:
                self._unspoken.add(frame.segment_id)
            return self.is_broken
        while _letters((word := self._given.popleft()).word) != letters:
            pass  # pipecat did not find it in its text
        return word.is_said


def _length(text: str) -> int:
    return len("".join(text.split()))


def _letters(text: str) -> str:
    return "".join(filter(str.isalnum, text))
