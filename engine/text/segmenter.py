"""Text as it is written -> segments (sentences and clauses), each as soon as it is complete.

Where text is cut depends on the text alone, never on how it was split into pieces or when they came, so the same text
and seed give the same audio. The exceptions are asked for: a flush, and the longest wait, after which what is there is
spoken up to its last complete word.

A cut falls behind
  * the end of a sentence (. ! ? and closing quotes, then white space; 。 ！ ？ ؟ ۔ । need none), unless the dot belongs
    to an abbreviation or to a number in the middle of a sentence;
  * a line end that is followed by an empty line or a list item;
  * a clause mark (, ; : 、 ، or a dash) once the segment is long enough: early in an utterance, since someone waits;
  * the last space or East Asian mark that fits, when a sentence is longer than a segment may be;
and never inside a tag such as [clear throat].
"""

from __future__ import annotations

import re
from dataclasses import dataclass

_CLOSERS = "\"'”’)\\]»」』）】》〉"
_STOPS = "。！？｡؟۔।॥"  # end a sentence by themselves
_SENTENCE_END = re.compile(
    rf"[.!?…\u037e]+[{_CLOSERS}]*(?=\s)|[.!?…]*[{_STOPS}][{_STOPS}.!?…]*[{_CLOSERS}]*(?=[^{_STOPS}.!?…{_CLOSERS}])"
)
_LINE_END = re.compile(r"\n(?=[ \t]*(?:\n|[-*•] |\d+[.)] ))")
_CLAUSE_END = re.compile(
    rf"[,;:،؛][{_CLOSERS}]*(?=\s)|\s[-–—]+(?=\s)|—|[，、；：]+[{_CLOSERS}]*(?=[^，、；：{_STOPS}{_CLOSERS}])"
)
_WIDE_MARK = re.compile("[，、；：。！？｡][」』）】》〉]*")
_LAST_WORD = re.compile(r"(\S+)$")
_ABBREVIATION = re.compile(
    r"^[\"'“‘(\[]*(?:(?:mr|mrs|ms|dr|prof|st|sr|jr|vs|etc|no|vol|fig|approx|dept|est|inc|ltd|co|corp|gen|col|lt|sgt|capt"
    r"|rev|hon|jan|feb|mar|apr|jun|jul|aug|sep|sept|oct|nov|dec|mon|tue|wed|thu|fri|sat|sun|e\.g|i\.e|a\.m|p\.m"
    r"|bzw|usw|ca|nr|str|evtl|vgl|sra|srta|uds?|p\.ej|mme|mlle|dott|sig|bijv|enz|osv|dvs|t\.ex|f\.eks|bl\.a|np|itd|тыс|млн)"
    r"|[^\W\d_](?:\.[^\W\d_])*)\.$",  # initials and dotted acronyms
    re.IGNORECASE,
)
_ENDS_ANYWAY = re.compile(
    r"^(?:etc|usw|enz|osv|itd|a\.m|p\.m|inc|ltd|co|corp|jr|sr|[^\W\d_]\.[^\W\d_])\.$", re.IGNORECASE
)
_ORDINAL = re.compile(r"^\d{1,2}\.$")  # as many languages write it: 'den 3. juli'
_TAG = re.compile(r"\[[a-z]{1,16}(?: [a-z]{0,16}){0,2}(?:\]|$)", re.IGNORECASE)  # or the beginning of one
_WIDE = re.compile("[\u1100-\u11ff\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af\uf900-\ufaff\U00020000-\U0003ffff]")
_WIDE_CHARS = 3  # what a Chinese, Japanese or Korean character counts for: it is a syllable, a letter a third of one


@dataclass(frozen=True, kw_only=True)
class SegmenterConfig:
    """Lengths in characters of the text as it was sent; an East Asian syllable counts for three of them."""

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

    @property
    def end(self) -> int:
        """Index behind its last character in all text sent."""
        return self.begin + len(self.text)


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
        fit = _fitting(text, config.max_chars)
        window = _masked(text[: fit + 1])
        ends = [match.end() for match in _SENTENCE_END.finditer(window) if _ends_sentence(window, match)]
        ends += [match.end() for match in _LINE_END.finditer(window) if window[: match.end()].strip()]
        clauses = (match.end() for match in _CLAUSE_END.finditer(window))
        ends += [end for end in clauses if _length(window[:end]) >= clause_from]
        ends = [end for end in ends if end <= fit]
        if ends:
            return min(ends)
        return _whole(window, self._last_space(fit) or 0, fit) if len(text) > fit else None

    def _last_space(self, limit: int) -> int | None:
        """Index behind the last complete word of the first `limit` characters."""
        head = _masked(self._buffer[:limit])
        end = max((index + 1 for index, char in enumerate(head) if char.isspace()), default=0)
        end = max(end, _last_wide_mark(head))
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
    """Prepared text -> pieces of at most `max_chars` characters, cut behind a comma or else between words."""
    pieces = []
    while len(text) > (fit := _fitting(text, max_chars)):
        masked = _masked(text)
        head = masked[:fit]
        mark = max(head.rfind(", ") + 1, _last_wide_mark(head))
        end = _whole(masked, max(mark, head.rfind(" ") if mark <= fit // 2 else 0), fit)
        pieces.append(text[:end].strip())
        text = text[end:].strip()
    return [*pieces, text] if text else pieces


def _length(text: str) -> int:
    return len(text) + (_WIDE_CHARS - 1) * len(_WIDE.findall(text))


def _fitting(text: str, max_chars: int) -> int:
    """How many of the first characters are at most `max_chars` long; at least one."""
    head = text[:max_chars]
    if not _WIDE.search(head):
        return len(head)
    length = 0
    for index, char in enumerate(head):
        length += _length(char)
        if length > max_chars:
            return max(index, 1)
    return len(head)


def _masked(text: str) -> str:
    """The same length, without white space or marks inside tags."""
    return _TAG.sub(lambda match: "[" * len(match[0]), text)


def _last_wide_mark(text: str) -> int:
    return max((match.end() for match in _WIDE_MARK.finditer(text)), default=0)


def _whole(masked: str, end: int, fit: int) -> int:
    """Where overlong text is cut: at `end`, or at `fit` where no word ends or only one far back in East Asian text."""
    if end and not (end < fit // 2 and _WIDE.search(masked[end:fit])):
        return end
    before_tag = len(masked[:fit].rstrip("["))
    return before_tag if before_tag and masked[fit : fit + 1] == "[" else fit


def _ends_sentence(text: str, match: re.Match[str]) -> bool:
    """False for the dot of an abbreviation or ordinal, unless it may end a sentence and what follows begins one."""
    if "." not in match.group():
        return True
    word = _LAST_WORD.search(text[: match.end()])
    following = text[match.end() :]
    if word is None or re.match(r"\s*?\n[ \t]*\n", following):
        return True
    following = following.lstrip()
    if _ORDINAL.match(word.group(1)):
        return following != "" and not following[0].islower()
    if not _ABBREVIATION.match(word.group(1)):
        return True
    return bool(_ENDS_ANYWAY.match(word.group(1)) and following[:1].isupper())
