"""The text of an utterance with times, piece by piece as it is spoken: for captions, and for what was heard of it.

Pieces are verbatim: all of them and `rest`, put together, are the text that was sent. Their times are those of
`alignment` events. A model that cannot tell where words are still tells which text a segment speaks: there the words of
a segment are spread over it by their letters, and are known when the segment ends.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from .types import Alignment, Chunk, ChunkInfo, Event, ServerWarning, Started, Word

UNKNOWN_WORDS = "ALIGNMENT_UNAVAILABLE"  # the reason of the server's warning
_BEHIND_A_WORD = re.compile(r"[^\w\s]*")  # marks that follow it


@dataclass(frozen=True, kw_only=True)
class TimedText:
    """A piece of the text. Times count from the utterance's first sample."""

    text: str  # verbatim, white space in front and marks behind included
    word: str  # without them
    start_s: float
    end_s: float


class Transcript:
    """Of one utterance that was opened with `want_alignment`: is told what was sent and what came."""

    def __init__(self) -> None:
        self._text = ""
        self._given = 0  # characters that pieces have covered
        self._sample_rate = 0  # Hz
        self._is_estimated = False
        self._segment: ChunkInfo | None = None  # the first chunk of the segment that comes
        self._end_s = 0.0

    def push(self, text: str) -> None:
        """`text` is sent now."""
        self._text += text

    def note(self, event: Event) -> list[TimedText]:
        """What `event` tells, in order."""
        match event:
            case Started():
                self._sample_rate = event.sample_rate
            case ServerWarning():
                self._is_estimated |= event.reason == UNKNOWN_WORDS
            case Alignment():
                return self._timed(event.words)
            case Chunk() if self._is_estimated:
                return self._timed(self._estimated(event))
        return []

    def rest(self) -> TimedText:
        """What no piece has covered. After the end of the utterance: nothing of it sounds, or nobody knows where."""
        text, self._given = self._text[self._given :], len(self._text)
        return TimedText(text=text, word=text.strip(), start_s=self._end_s, end_s=self._end_s)

    def _timed(self, words: tuple[Word, ...]) -> list[TimedText]:
        return [self._piece(word) for word in words if word.text_end > self._given]

    def _piece(self, word: Word) -> TimedText:
        marks = _BEHIND_A_WORD.match(self._text, word.text_end)
        end = marks.end() if marks else word.text_end
        text, self._given = self._text[self._given : end], end
        self._end_s = word.end_sample / self._sample_rate
        return TimedText(text=text, word=word.word, start_s=word.start_sample / self._sample_rate, end_s=self._end_s)

    def _estimated(self, chunk: Chunk) -> tuple[Word, ...]:
        self._segment = self._segment or chunk
        if not chunk.end_of_segment:
            return ()
        first, self._segment = self._segment, None
        end_sample = chunk.first_sample + chunk.num_samples
        return tuple(_spread(self._text, chunk.text_begin, chunk.text_end, first.first_sample, end_sample))


def _spread(text: str, begin: int, end: int, start_sample: int, end_sample: int) -> Iterator[Word]:
    """The words of text[begin:end], each as long as its letters are many."""
    found = list(re.finditer(r"\S+", text[begin:end]))
    letters = sum(len(match[0]) for match in found)
    before = 0
    for match in found:
        after = before + len(match[0])
        first, last = (start_sample + (end_sample - start_sample) * n // letters for n in (before, after))
        place = {"text_begin": begin + match.start(), "text_end": begin + match.end()}
        yield Word(word=match[0].strip(".,;:!?\"'()"), start_sample=first, end_sample=last, **place)
        before = after
