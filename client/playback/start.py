"""When playback may begin: so long after the first chunk that nothing will be missing later. Pure; seconds.

hint      as the server says, who knows how fast it makes sound and how much is to come
MS        a fixed time after the first chunk
adaptive  the server's hint, or what this utterance would have needed so far, and on top what the network was seen to
          add: how much longer a chunk was under way than the fastest one, at most, of the last 64
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import Protocol

REMEMBERED = 64  # chunks, of earlier utterances too
UNKNOWN_JITTER_S = 0.1  # while too few chunks came to tell


@dataclass(frozen=True, kw_only=True)
class Arrived:
    """A chunk."""

    received_ns: int
    sent_ns: int  # on the server's clock; 0: not known
    audio_s: float
    hint_s: float | None  # what the server says with it: pre-buffer, counted from the first chunk


class StartRule(Protocol):
    """One rule may serve one utterance after the other."""

    def begin(self) -> None:
        """Another utterance."""
        ...

    def prebuffer_s(self, chunk: Arrived) -> float:
        """With each chunk, in order: how long after the first one playback may begin, as far as one knows now."""
        ...


class ByHint:
    def begin(self) -> None:
        self._hint_s = 0.0

    def prebuffer_s(self, chunk: Arrived) -> float:
        if chunk.hint_s is not None:
            self._hint_s = chunk.hint_s
        return self._hint_s


@dataclass(frozen=True)
class Fixed:
    wait_s: float

    def begin(self) -> None:
        pass

    def prebuffer_s(self, chunk: Arrived) -> float:
        return self.wait_s


class Adaptive:
    def __init__(self) -> None:
        self._under_way_ns: deque[int] = deque(maxlen=REMEMBERED)  # and the clocks' offset, the same for all

    def begin(self) -> None:
        self._by_hint = ByHint()
        self._by_hint.begin()
        self._first_ns: int | None = None
        self._audio_s = 0.0  # before the chunk at hand
        self._needed_s = 0.0

    def prebuffer_s(self, chunk: Arrived) -> float:
        if self._first_ns is None:
            self._first_ns = chunk.received_ns
        if chunk.sent_ns:
            self._under_way_ns.append(chunk.received_ns - chunk.sent_ns)
        waited_s = (chunk.received_ns - self._first_ns) / 1e9
        self._needed_s = max(self._needed_s, waited_s - self._audio_s)
        self._audio_s += chunk.audio_s
        return max(self._by_hint.prebuffer_s(chunk), self._needed_s) + self._jitter_s()

    def _jitter_s(self) -> float:
        if len(self._under_way_ns) < 2:
            return UNKNOWN_JITTER_S
        return (max(self._under_way_ns) - min(self._under_way_ns)) / 1e9


def start_rule(text: str) -> StartRule:
    """`hint`, `adaptive` or milliseconds, as on a command line. Raises ValueError."""
    match text:
        case "hint":
            return ByHint()
        case "adaptive":
            return Adaptive()
    wait_ms = float(text)
    if not 0 <= wait_ms <= 60_000:
        raise ValueError(f"{text} ms is out of range; allowed: 0 to 60000")
    return Fixed(wait_ms / 1e3)
