"""A place in the text as it comes, and what has been made of it so far.

Every character that was sent is kept (it is spoken), replaced, or dropped, once and in order. Rules look at `text` from
`at` on and say by one of these methods what becomes of it. What is kept in a row is one piece, however many rules it
took: signs that turn out to be text, and line ends inside a block, cost little more than letters.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from enum import Enum

from engine.text.origin import TextPiece

CLOSERS = "\"'”’)]»」』）】》〉"
SENTENCE_ENDS = ".!?…。！？؟۔।॥"
_MARKS = SENTENCE_ENDS + ",;:،؛，；：、—"
_BLANKS = " \t\r"
_TAIL = 8  # characters that tell how a block ends, at most


class Dropped(Enum):
    """What was sent and is not spoken; (reason, message) of the warning that says so."""

    CONTROLS = "CONTROL_CHARACTERS_DROPPED", "control characters are not spoken"
    ESCAPES = "ESCAPE_SEQUENCES_DROPPED", "escape sequences of a terminal are not spoken"
    CODE = "CODE_DROPPED", "blocks of code are not spoken; code_blocks can change that"
    ADDRESSES = "ADDRESSES_DROPPED", "addresses of links and images are not spoken, of long ones only the host is"
    TAGS = "TAGS_DROPPED", "HTML tags are not spoken"
    SSML = "SSML_IGNORED", "some SSML elements do nothing here"
    EMOJI = "EMOJI_DROPPED", "names of emoji are not spoken"
    STRUCK = "STRUCK_TEXT_DROPPED", "what is struck out or deleted is not spoken"
    THOUGHTS = "REASONING_DROPPED", "a model's reasoning is not spoken"
    NOTES = "NOTE_MARKS_DROPPED", "marks of footnotes and citations are not spoken"

    @property
    def reason(self) -> str:
        return self.value[0]

    @property
    def message(self) -> str:
        return self.value[1]


@dataclass(slots=True)
class Window:
    """What a rule may look at: its limit from the cursor on. All that it says follows from this text."""

    text: str  # indices are those of the cursor's text
    grows: bool  # more of it may come

    def lacks(self, end: int) -> bool:
        """Whether what is behind `end` is not there yet."""
        return self.grows and end >= len(self.text)


@dataclass(slots=True)
class Line:
    """What is known about the line and the block that are being read."""

    begins: bool = True  # nothing of it was read but markers
    ends_block: bool = False  # as headings and rows of tables do
    is_heading: bool = False
    is_row: bool = False  # of a table
    is_item: bool = False  # of a list
    was_item: bool = False  # the line before
    is_quoted: bool = False
    was_quoted: bool = False  # the line before
    was_row: bool = False
    is_plain: bool = True  # no marker, and no line before, says how it is read

    def end(self) -> None:
        """The next line begins."""
        self.was_quoted, self.was_row, self.was_item = self.is_quoted, self.is_row, self.is_item
        self.begins = True
        self.is_plain = not (self.is_quoted or self.is_row or self.is_item)
        self.ends_block = self.is_heading = self.is_row = self.is_item = self.is_quoted = False


@dataclass(slots=True)
class Cursor:
    text: str = ""  # as it was sent, from a little before `at` on
    at: int = 0
    base: int = 0  # index of the first character of `text` in all text sent
    whole: Window = field(default_factory=lambda: Window("", True))  # all of `text`
    before: str = ""  # the character that was sent before `at`
    line: Line = field(default_factory=Line)
    emphasis: list[str] = field(default_factory=list)  # the signs that are open
    code: int = 0  # backticks that opened a span of code; 0: none is open
    link_ends: dict[int, int | None] = field(default_factory=dict)  # "]" in all text sent -> where what follows it ends
    note_end: int | None = None  # where the last mark of a note ended, in all text sent
    in_table: bool = False  # whose rows have no bars at their ends
    numbers: dict[int, int] = field(default_factory=dict)  # of ordered lists: indent -> the number that comes next
    rest: Callable[[Cursor], bool] | None = None  # reads on in what has no bound, such as a block of code
    pieces: list[TextPiece] = field(default_factory=list)
    dropped: dict[Dropped, str] = field(default_factory=dict)  # the first of each kind
    _kept: int = 0  # [_kept, _kept_end) of `text` was kept in a row, and is no piece yet
    _kept_end: int = 0
    _break: int | None = None  # a line end behind all that, perhaps of a block; in all text sent
    _blanks: list[TextPiece] = field(default_factory=list)  # behind a word; none before a block's mark
    _tail: str = ""  # how the block ends so far, but for white space: the last that closes nothing, and what closes
    _read: int = 0  # up to where something was spoken, in all text sent

    def feed(self, text: str) -> None:
        self.text = self.text[self.at :] + text
        self.base += self.at
        self.at = self._kept = self._kept_end = 0
        self.whole = Window(self.text, True)

    @property
    def final(self) -> bool:
        """Whether nothing follows for now."""
        return not self.whole.grows

    def end(self, final: bool) -> None:
        """Whether the text ends here."""
        self.whole = Window(self.text, not final)

    def take_pieces(self) -> list[TextPiece]:
        self._close()
        pieces, self.pieces = self.pieces, []
        return pieces

    # ------------------------------------------------------------------------------------- what becomes of the text

    def keep(self, end: int) -> None:
        """Up to `end`, as it was sent."""
        at = self.at
        if end <= at:
            return
        if self._break is None:
            if at != self._kept_end:
                if self._kept < self._kept_end:
                    self._close()
                self._kept = at
        elif at == self._kept_end + 1 and self._break == self.base + self._kept_end:
            self._break = None  # a line end between what is kept is kept with it
        else:
            self.pass_on()
            self._kept = at
        self._kept_end = self.at = end
        self.before = self.text[end - 1]

    def put(self, text: str, end: int) -> None:
        """`text` in place of what was sent up to `end`."""
        if text:
            if self._break is not None:
                self.pass_on()
            elif self._kept < self._kept_end:
                self._close()
            self._speak(text, self.base + self.at, self.base + end, False)
        if end > self.at:
            self.before = self.text[end - 1]
            self.at = end

    def separate(self, end: int) -> None:
        """A comma behind the last word."""
        self._close()
        self._blanks.clear()
        self.put(", ", end)

    def drop(self, end: int, kind: Dropped | None = None) -> None:
        if kind is not None:
            self.note(kind, self.text[self.at : end])
        if end > self.at:
            self.before = self.text[end - 1]
            self.at = end

    def note(self, kind: Dropped, what: str) -> None:
        self.dropped.setdefault(kind, what)

    def insert(self, text: str) -> None:
        """What nothing was sent for."""
        self.pass_on() if self._break is not None else self._close()
        self._speak(text, self._read, self._read, False)

    def _close(self) -> None:
        """What was kept in a row becomes a piece. Blanks behind a word wait."""
        if self._kept == self._kept_end:
            return
        text, begin = self.text[self._kept : self._kept_end], self.base + self._kept
        self._kept = self._kept_end
        if text[-1] in _BLANKS:
            words = text.rstrip(_BLANKS)
            if (words.rstrip() or self._tail)[-1:].isalnum():
                stop = begin + len(words)
                if words:
                    self._speak(words, begin, stop, True)
                self._blanks.append((text[len(words) :], stop, begin + len(text), True, 0.0))
                return
        self._speak(text, begin, begin + len(text), True)

    def _speak(self, text: str, begin: int, end: int, verbatim: bool) -> None:
        if self._blanks:
            self.pieces += self._blanks
            self._blanks.clear()
        self.pieces.append((text, begin, end, verbatim, 0.0))
        self._read = end
        last = text[-1]
        if last in CLOSERS or last.isspace():
            self._tail = (self._tail + "".join(text.split()))[-_TAIL:]
        else:
            self._tail = last

    @property
    def waits(self) -> bool:
        """Whether anything is held because a block may end there."""
        return self._break is not None or bool(self._blanks)

    def pass_on(self) -> None:
        """What is held because a block may end there."""
        self._close()
        if self._break is not None:
            self._blanks.append(("\n", self._break, self._break + 1, True, 0.0))
            self._break = None
        if self._blanks:
            self.pieces += self._blanks
            self._read = self._blanks[-1][2]
            self._blanks.clear()

    # ------------------------------------------------------------------------------------------------ lines, blocks

    @property
    def is_block_empty(self) -> bool:
        self._close()
        return not self._tail

    @property
    def ends_sentence(self) -> bool:
        end = self._end
        return not end or end in SENTENCE_ENDS

    @property
    def _end(self) -> str:
        """The last character that is spoken, but closing marks."""
        if self._kept < self._kept_end:
            last = self.text[self._kept_end - 1]
            if last not in CLOSERS and not last.isspace():
                return last
            self._close()
        return self._last

    @property
    def _last(self) -> str:
        """The same of the pieces."""
        return (self._tail.rstrip(CLOSERS) or self._tail)[-1:]

    def break_line(self, end: int, soft: str) -> None:
        """Reads a line end. What is behind a sentence's end goes at once: it shows that the sentence is over."""
        line = self.line
        if line.ends_block:
            is_row = line.is_row
            self.end_block()
            line.is_row = is_row
            self.drop(end)
        elif self._break is not None:
            self.drop(end)
        elif self.ends_sentence:
            self.put(soft, end) if soft != "\n" else self.keep(end)
        else:
            self._break = self.base + self.at
            self.drop(end)
        line.end()

    @property
    def ends_item(self) -> bool:
        """Whether the last that was read is an item of a list with its line end."""
        return self.line.begins and self.line.was_item and self._break is not None

    @property
    def in_paragraph(self) -> bool:
        """Whether line ends that come stand between text: no marker tells how lines are read, and none is held."""
        return self.line.is_plain and not self.in_table and (self._break is None or self.text[self.at] != "\n")

    @property
    def follows_text(self) -> bool:
        """Whether the line before belongs to the same block."""
        return self._break is not None

    def end_block(self, stop: str = ".", pause_s: float = 0.0) -> None:
        """What comes is no part of the sentence before, which gets a mark if it has none, and a pause behind it."""
        if self._kept < self._kept_end:
            self._close()
        line = self.line
        line.ends_block = line.is_heading = line.is_row = False
        self._break = None
        self.code = 0
        if self._blanks:
            self._blanks.clear()
        if self.emphasis:
            self.emphasis.clear()
        if self._tail or pause_s:
            mark = stop if self._tail and self._last not in _MARKS else ""
            self.pieces.append((mark + "\n\n", self._read, self._read, False, pause_s))
            self._tail = ""
