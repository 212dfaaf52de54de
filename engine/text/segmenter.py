"""Text as it is written -> segments (sentences and clauses), each as soon as it is complete.

Where text is cut depends on the text alone, never on how it was split into pieces or when they came, so the same text
and seed give the same audio. The exceptions are asked for: a flush, and the longest wait, after which what is there is
spoken up to its last complete word.

A cut falls behind
  * the end of a sentence (. ! ? and closing quotes, then white space), unless the dot belongs to an abbreviation;
  * a line end that is followed by an empty line or a list item;
  * a clause mark (, ; : or a dash) once the segment is long enough: early in an utterance, since its listener waits;
  * the last space that fits, when a sentence is longer than a segment may be.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

_SENTENCE_END = re.compile(r"[.!?…。！？]+[\"'”’)\]]*(?=\s)")
_LINE_END = re.compile(r"\n(?=[ \t]*(?:\n|[-*•] |\d+[.)] ))")
_CLAUSE_END = re.compile(r"[,;:][\"'”’)\]]*(?=\s)|\s[-–—]+(?=\s)|—")
_LAST_WORD = re.compile(r"(\S+)$")
_ABBREVIATION = re.compile(
    r"^[\"'“‘(\[]*(?:(?:mr|mrs|ms|dr|prof|st|sr|jr|vs|etc|no|vol|fig|approx|dept|est|inc|ltd|co|corp|gen|col|lt|sgt|capt"
    r"|rev|hon|jan|feb|mar|apr|jun|jul|aug|sep|sept|oct|nov|dec|mon|tue|wed|thu|fri|sat|sun|e\.g|i\.e|a\.m|p\.m)"
    r"|[a-z](?:\.[a-z])*)\.$",  # initials and dotted acronyms
    re.IGNORECASE,
)
_ENDS_ANYWAY = re.compile(r"^(?:etc|a\.m|p\.m|inc|ltd|co|corp|jr|sr|[a-z]\.[a-z])\.$", re.IGNORECASE)


@dataclass(frozen=True, kw_only=True)
class SegmenterConfig:
    """Lengths in characters of the text as it was sent."""

    max_chars: int = 90  # a segment is never longer; leaves room for what the normaliser spells out
    first_clause_chars: int = 24  # a clause of the first segment may stand alone from here on
    clause_chars: int = 60  # and of later ones from here on

    def __post_init__(self) -> None:
        if not 0 < self.first_clause_chars <= self.clause_chars < self.max_chars:
            raise ValueError("0 < first_clause_chars <= clause_chars < max_chars must hold")


@dataclass(frozen=True, kw_only=True)
class TextSegment:
    text: str  # verbatim, with its surrounding white space
    begin: int  # index of its first character in all text sent
    received_ns: int  # when the text that completed it arrived
    cut_ns: int  # when it was cut


class Segmenter:
    """One utterance's text. Instants are passed in; `deadline_ns` says when `take` may have something new."""

    def __init__(self, config: SegmenterConfig, max_delay_ns: int) -> None:
        self._config = config
        self._max_delay_ns = max_delay_ns
        self._buffer = ""
        self._begin = 0  # index of the buffer's first character
        self._received_ns = 0
        self._waiting_since_ns: int | None = None
        self._cut_count = 0

    @property
    def deadline_ns(self) -> int | None:
        """When the longest wait is over; None while nothing speakable waits."""
        return None if self._waiting_since_ns is None else self._waiting_since_ns + self._max_delay_ns

    def push(self, text: str, now_ns: int) -> list[TextSegment]:
        """Appends text; returns the segments that it completes."""
        self._buffer += text
        self._received_ns = now_ns
        segments = []
        while (end := self._complete_end(self._buffer)) is not None:
            segments += self._cut(end, now_ns)
        self._note_waiting(now_ns)
        return segments

    def flush(self, now_ns: int) -> list[TextSegment]:
        """Returns all that waits, cut where it would be if the text ended here."""
        segments = []
        while self._buffer:
            end = self._complete_end(self._buffer + "\n")
            segments += self._cut(len(self._buffer) if end is None else end, now_ns)
        return segments

    def overdue(self, now_ns: int) -> list[TextSegment]:
        """After the longest wait: what waits, up to its last complete word."""
        if self.deadline_ns is None or now_ns < self.deadline_ns:
            return []
        return self._cut(self._last_space(len(self._buffer)) or 0, now_ns)

    def _complete_end(self, text: str) -> int | None:
        """Where the first complete segment of `text` ends, or None. Looks at no more than it needs."""
        config = self._config
        clause_from = config.clause_chars if self._cut_count else config.first_clause_chars
        window = text[: config.max_chars + 1]
        ends = [match.end() for match in _SENTENCE_END.finditer(window) if _ends_sentence(window, match)]
        ends += [match.end() for match in _LINE_END.finditer(window) if window[: match.end()].strip()]
        ends += [match.end() for match in _CLAUSE_END.finditer(window) if match.end() >= clause_from]
        ends = [end for end in ends if end <= config.max_chars]
        if ends:
            return min(ends)
        if len(text) > config.max_chars:
            return self._last_space(config.max_chars) or config.max_chars
        return None

    def _last_space(self, limit: int) -> int | None:
        """Index behind the last complete word of the first `limit` characters."""
        head = self._buffer[:limit]
        end = max((index + 1 for index, char in enumerate(head) if char.isspace()), default=0)
        return end if head[:end].strip() else None

    def _cut(self, end: int, now_ns: int) -> list[TextSegment]:
        """Takes the first `end` characters out of the buffer; nothing comes of white space alone."""
        text, self._buffer = self._buffer[:end], self._buffer[end:]
        begin, self._begin = self._begin, self._begin + end
        self._waiting_since_ns = None
        self._note_waiting(now_ns)
        if not text.strip():
            return []
        self._cut_count += 1
        return [TextSegment(text=text, begin=begin, received_ns=self._received_ns, cut_ns=now_ns)]

    def _note_waiting(self, now_ns: int) -> None:
        """Remembers since when a complete word waits."""
        if self._waiting_since_ns is None and self._last_space(len(self._buffer)) is not None:
            self._waiting_since_ns = now_ns


def split_long(text: str, max_chars: int) -> list[str]:
    """Normalised text -> pieces of at most `max_chars` characters, cut behind a comma or else between words."""
    pieces = []
    while len(text) > max_chars:
        head = text[:max_chars]
        end = max(head.rfind(", ") + 1, head.rfind(" ") if head.rfind(", ") < max_chars // 2 else 0) or max_chars
        pieces.append(text[:end].strip())
        text = text[end:].strip()
    return [*pieces, text] if text else pieces


def _ends_sentence(text: str, match: re.Match[str]) -> bool:
    """False for the dot of an abbreviation, unless it may end a sentence and a capital follows."""
    if "." not in match.group():
        return True
    word = _LAST_WORD.search(text[: match.end()])
    if word is None or not _ABBREVIATION.match(word.group(1)):
        return True
    following = text[match.end() :].lstrip()
    return bool(_ENDS_ANYWAY.match(word.group(1)) and following[:1].isupper())
