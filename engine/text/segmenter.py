"""Text as it is written -> segments (sentences and clauses), each as soon as it is complete.

    push, flush, end   only append, and cost what is appended; for any thread
    take               does a bounded part of the work that waits and returns what it cut; for one thread at a time
    has_input          whether `take` has text to look at; if so it is worth to be called again at once
    deadline_ns        when, if nothing more comes, `take` has something to return because of the pause

All takes together cost time in proportion to the text: each character is looked at a bounded number of times.

Where text is cut depends on the text alone, never on how it was split into pieces or when they came, so the same text
and seed give the same audio. The exceptions are asked for: a flush, and a pause (`engine.text.pauses`). Each segment
says what they did (`Cut`), so that another segmenter can go on from there and cuts the same segments out of the text.

A cut falls behind
  * the end of a sentence (. ! ? and closing quotes, then white space, or a capital that begins a word; 。 ！ ？ ؟ ۔ ।
    need none), unless the dot belongs to an abbreviation (`engine.text.dots`), to a number in the middle of a sentence,
    to a host or file;
  * a line end that is followed by an empty line or a list item;
  * a clause mark (, ; : 、 ، or a dash) once the segment is long enough: early in an utterance, since someone waits;
  * the last clause mark, space or East Asian mark that fits, when a sentence is longer than a segment may be;
and never inside a tag such as [clear throat]. White space between segments belongs to none of them.

What is cut is the text that `engine.text.markup` has left. What may be markup is held back until that is decided; after
the longest wait it is read as if nothing followed if it ends a sentence, and otherwise after six times that wait.
"""

from __future__ import annotations

import re
from collections import deque
from dataclasses import dataclass
from itertools import takewhile
from typing import NamedTuple

from engine.errors import InvalidRequest
from engine.messages import CodeBlocks, Place, TextFormat
from engine.text.lengths import WIDE_CHARS, fitting, overlong_end, reaches
from engine.text.markup import Dropped, MarkupReader, Style
from engine.text.origin import Origin, TextPiece
from engine.text.pauses import PATIENCE, Writer
from engine.text.sentences import MARK, RUN, SENTENCE_MARKS, ends, ends_well

TURN_CHARS = 2_000  # that one `take` looks at
MOST_SETTLED = 10_000  # flushes within markup: each is told with every chunk that comes behind it
_FLUSH_COST = 100  # characters that a flush counts for

_BLANKS = re.compile(r"\s*")


@dataclass(frozen=True, kw_only=True)
class SegmenterConfig:
    """Lengths in characters of the text as it was sent; an East Asian syllable counts for three of them."""

    max_chars: int = 90  # a segment is never longer; leaves room for what the normaliser spells out
    first_clause_chars: int = 24  # a clause of the first segment may stand alone from here on
    clause_chars: int = 60  # and of later ones from here on

    def __post_init__(self) -> None:
        if not 0 < self.first_clause_chars <= self.clause_chars < self.max_chars:
            raise ValueError("0 < first_clause_chars <= clause_chars < max_chars must hold")


class Cut(NamedTuple):
    """How a segment was cut out of what markup has left of the text: what another segmenter needs to do the same."""

    begin: int = 0
    end: int = 0
    settled: tuple[int, ...] = ()  # places in all text sent where markup was read as if nothing followed, until then
    pause_s: float = 0.0  # that its text asks for behind it


UNCUT = Cut()


class TextSegment(NamedTuple):
    text: str  # without markup, and without the white space round it
    origin: Origin  # where its characters were sent
    received_ns: int  # when the text that completed it arrived
    cut_ns: int  # when it was cut
    pause_s: float = 0.0  # that is asked for before it; the voice's own may be longer
    cut: Cut = UNCUT

    @property
    def begin(self) -> int:
        """Index of its first character in all text sent."""
        return self.origin.span(0, 1)[0]

    @property
    def end(self) -> int:
        """Index behind its last character in all text sent."""
        return self.origin.span(len(self.text) - 1, len(self.text))[1]


@dataclass(frozen=True, slots=True)
class FlushPoint:
    """All text before it has been cut."""

    flush_id: int | None  # None: the end of the input


PLAIN = Style(text_format=TextFormat.PLAIN, code_blocks=CodeBlocks.SPEAK, is_english=True)


class Segmenter:
    """One utterance's text. Instants are passed in."""

    def __init__(
        self, config: SegmenterConfig, max_delay_ns: int, style: Style = PLAIN, place: Place | None = None
    ) -> None:
        """`place`: where to go on with a text that another segmenter began, and that is pushed again as a whole."""
        self._config = config
        self._markup = MarkupReader(style)
        self._origin = Origin()
        self._writer = Writer(max_delay_ns)
        self._input: deque[tuple[str, int] | tuple[FlushPoint, int]] = deque()  # with the instant of its arrival
        self._used = 0  # characters of the first of them that are in the buffer
        self._pushed = self._taken = 0  # characters in all; each is counted by one thread
        self._buffer = ""  # what markup has left of the text
        self._offset = 0  # index of the buffer's first character in all that markup has left
        self._begin = 0  # where the next segment begins, in the buffer
        self._pauses: deque[tuple[int, float]] = deque()  # (index in all that markup has left, seconds) asked for
        self._scanned = 0  # up to where no mark of it can end it any more
        self._cut_count = int(place is not None and place.text_begin > 0)
        self._place = place  # until it is reached
        self._settled = place.settled if place else ()
        self._to_settle = deque(self._settled)
        self._settled_at: int | None = None  # the last of these places
        self._pause: tuple[int, int] | None = None  # (instant, where in the buffer to cut then)

    @property
    def has_input(self) -> bool:
        return bool(self._input)

    @property
    def chars_waiting(self) -> int:
        """That `take` has not looked at yet."""
        return self._pushed - self._taken

    @property
    def deadline_ns(self) -> int | None:
        """None while there is nothing that a pause would make speakable. Of the text that `take` has seen."""
        return None if self._pause is None else self._pause[0]

    def push(self, text: str, now_ns: int) -> None:
        if text:
            self._pushed += len(text)
            self._input.append((text, now_ns))

    def flush(self, flush_id: int | None, now_ns: int) -> None:
        """What was pushed is cut as if the text ended here; `take` then returns a FlushPoint."""
        self._input.append((FlushPoint(flush_id), now_ns))

    def end(self, now_ns: int) -> None:
        self.flush(None, now_ns)

    def take(self, now_ns: int, max_chars: int = TURN_CHARS) -> list[TextSegment | FlushPoint]:
        """The next segments, in order, of at most about `max_chars` characters of the input."""
        taken: list[TextSegment | FlushPoint] = []
        if not self._input:
            if self._pause is not None and now_ns >= self._pause[0]:
                self._act_on_pause(self._pause[1], now_ns, taken)
            return taken
        while self._input and max_chars > 0:
            item, received_ns = self._input[0]
            if isinstance(item, FlushPoint):
                if self._taken != self._settled_at:
                    self._settle()
                self._cut_complete(now_ns, taken, final=True)
                if item.flush_id is None and self._place is not None:
                    raise InvalidRequest("config.resume.place", "the text ends before it; send all of it again")
                taken.append(item)
                max_chars -= _FLUSH_COST
                self._input.popleft()
                continue
            part = item[self._used : self._used + self._readable(max_chars)]
            max_chars -= len(part)
            if self._used == 0:
                self._writer.hear(received_ns)
            self._append(self._markup.read(part))
            self._used += len(part)
            self._taken += len(part)
            self._settle_again()
            self._cut_complete(now_ns, taken, final=False)
            if self._used == len(item):
                self._input.popleft()
                self._used = 0
        self._note_pause()
        return taken

    def take_all(self, now_ns: int) -> list[TextSegment | FlushPoint]:
        """`take` until no input waits."""
        taken = self.take(now_ns)
        while self._input:
            taken += self.take(now_ns)
        return taken

    def take_dropped(self) -> list[tuple[Dropped, str]]:
        """Kinds of what was dropped, each with the first that was written; each kind is told once."""
        return self._markup.take_dropped()

    def _append(self, pieces: list[TextPiece]) -> None:
        """What has been cut leaves the buffer, which so stays short."""
        self._offset += self._begin
        self._scanned -= self._begin
        self._buffer = self._buffer[self._begin :] + "".join([piece[0] for piece in pieces])
        self._begin = 0
        self._origin.forget(self._offset)
        starts = self._origin.extend(pieces)
        self._pauses += [(at, piece[4]) for at, piece in zip(starts, pieces, strict=True) if piece[4]]

    def _readable(self, max_chars: int) -> int:
        """How much may be read at once: no further than where another segmenter settled."""
        return max(1, min(max_chars, self._to_settle[0] - self._taken)) if self._to_settle else max_chars

    def _settle_again(self) -> None:
        while self._to_settle and self._to_settle[0] <= self._taken:
            self._settled_at = self._to_settle.popleft()
            self._append(self._markup.settle())

    def _settle(self) -> None:
        """What markup holds is read as if the text ended here, which a segmenter that goes on elsewhere must do too."""
        if self._markup.waits:
            if len(self._settled) >= MOST_SETTLED:
                raise InvalidRequest("text", f"was flushed within markup {MOST_SETTLED} times, which is too often")
            self._settled_at = self._taken
            self._settled = (*self._settled, self._taken)
        self._append(self._markup.settle())

    def _reach(self, place: Place, now_ns: int, taken: list[TextSegment | FlushPoint]) -> None:
        """Drops what was spoken elsewhere, and cuts the first segment as it was cut there, if all of it has come."""
        known = self._offset + len(self._buffer)
        self._begin = self._scanned = min(place.text_begin, known) - self._offset
        if known < (place.text_begin if place.text_end is None else place.text_end):
            return
        while self._pauses and self._pauses[0][0] < place.text_begin:
            self._pauses.popleft()
        self._place = None
        if place.text_end is not None:
            self._cut(place.text_end - self._offset, now_ns, taken)

    def _act_on_pause(self, end: int, now_ns: int, taken: list[TextSegment | FlushPoint]) -> None:
        """Cuts at `end`; where there is nothing to cut, what markup holds is read as it is."""
        if end > self._begin:
            self._cut(end, now_ns, taken)
        else:
            self._settle()
            self._cut_complete(now_ns, taken, final=False)
        self._note_pause()

    def _cut_complete(self, now_ns: int, taken: list[TextSegment | FlushPoint], final: bool) -> None:
        if self._place is not None:
            self._reach(self._place, now_ns, taken)
        while self._place is None and (end := self._complete_end(final)) is not None:
            self._cut(end, now_ns, taken)

    def _cut(self, end: int, now_ns: int, taken: list[TextSegment | FlushPoint]) -> None:
        text = self._buffer[self._begin : end].rstrip()
        begin, stop = self._offset + self._begin, self._offset + end
        pause_s, behind_s = self._take_pauses(begin, stop) if self._pauses else (0.0, 0.0)
        self._begin = self._scanned = end
        self._cut_count += 1
        cut = Cut(begin, stop, self._settled, behind_s)
        received_ns = self._writer.heard_ns or now_ns
        taken.append(TextSegment(text, self._origin.part(begin), received_ns, now_ns, pause_s, cut))

    def _take_pauses(self, begin: int, stop: int) -> tuple[float, float]:
        """The longest that is asked for before the segment, and in it, which is behind its text."""
        pause_s = 0.0
        while self._pauses and self._pauses[0][0] <= begin:
            pause_s = max(pause_s, self._pauses.popleft()[1])
        inside = takewhile(lambda pause: pause[0] < stop, self._pauses)
        return pause_s, max((wait_s for _, wait_s in inside), default=0.0)

    def _complete_end(self, final: bool) -> int | None:
        """Where the first complete segment of the buffer ends, or None. It begins at `_begin`, behind white space."""
        text, config = self._buffer, self._config
        begin = self._begin
        if text[begin : begin + 1].isspace():
            begin = self._begin = _BLANKS.match(text, begin).end()  # type: ignore[union-attr]
        if begin == len(text):
            return None
        clause_from = config.clause_chars if self._cut_count else config.first_clause_chars
        surely, fit = begin + config.max_chars // WIDE_CHARS, None
        position, stop = max(self._scanned, begin), begin + config.max_chars + 2 * RUN
        while mark := MARK.search(text, position, stop):
            end = mark.end()
            if end > surely:
                fit = begin + fitting(text[begin : begin + config.max_chars], config.max_chars) if fit is None else fit
                if end > fit:
                    break
            long_enough = mark.lastgroup in SENTENCE_MARKS or reaches(text, begin, end, clause_from)
            verdict = long_enough and ends(text, begin, mark, final)
            if verdict:
                return end
            if verdict is None:
                self._scanned = mark.start()
                return None
            position = end
        else:
            self._scanned = min(len(text), stop)
            if len(text) > surely:
                fit = begin + fitting(text[begin : begin + config.max_chars], config.max_chars)
        if fit is not None and len(text) > fit:
            return begin + overlong_end(text[begin : fit + 1], fit - begin)
        return len(text) if final and mark is None else None

    def _note_pause(self) -> None:
        """When a pause decides, and where."""
        self._pause = None
        heard_ns = self._writer.heard_ns
        if heard_ns is None or self._place is not None:
            return
        pauses = [self._writer.pause_of(self._buffer, self._begin), self._pause_of_markup()]
        if waits := [pause for pause in pauses if pause is not None]:
            wait_ns, end = min(waits)
            self._pause = heard_ns + wait_ns, end

    def _pause_of_markup(self) -> tuple[int, int] | None:
        """What is held is text if it ends a sentence; a construct that a writer has begun gets the longest wait."""
        if self._markup.ends_item:
            return self._writer.moment_ns, self._begin
        held = self._markup.held
        if not held:
            return None
        patience = 1 if ends_well(self._buffer + held, self._begin) else PATIENCE
        return patience * self._writer.max_delay_ns, self._begin
