"""One utterance for programs without an event loop: text in by `push`, audio out by iteration, from any threads."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from types import TracebackType
from typing import TypeVar

from .._transport.loop_thread import LoopThread
from ..record import Recorded
from ..types import Chunk, Event
from ..utterance import Utterance as AsyncUtterance

T = TypeVar("T")


class Utterance(Recorded):
    """Made by `Client.utterance`, used inside `with`; leaving the block cancels what still runs."""

    def __init__(self, thread: LoopThread, utterance: AsyncUtterance) -> None:
        super().__init__(utterance.record)
        self._thread = thread
        self._utterance = utterance

    def push(self, text: str, *, flush: bool = False) -> None:
        """Sends a piece of text, verbatim. `flush`: speak what has arrived, without waiting for a sentence's end."""
        self._thread.call(self._utterance.push(text, flush=flush))

    def flush(self) -> int:
        """Speak what has arrived. Returns the id that its FlushDone event will carry."""
        return self._thread.call(self._utterance.flush())

    def end(self) -> None:
        """No more text will come. Idempotent."""
        self._thread.call(self._utterance.end())

    def __iter__(self) -> Iterator[Chunk]:
        """The audio, as it comes."""
        return self._all(aiter(self._utterance))

    def events(self) -> Iterator[Event]:
        """Everything that the server says, in order. Ends after `Finished` or a cancel; an error is raised here."""
        return self._all(self._utterance.events())

    def report_playback(
        self,
        *,
        played_samples: int,
        buffered_samples: int,
        underruns: int = 0,
        underrun_s: float = 0.0,
        output_latency_s: float = 0.0,
        stopped: bool = False,
    ) -> None:
        """Tells the server where the listener is. `stopped`: he stopped listening, the utterance ends."""
        report = self._utterance.report_playback(
            played_samples=played_samples,
            buffered_samples=buffered_samples,
            underruns=underruns,
            underrun_s=underrun_s,
            output_latency_s=output_latency_s,
            stopped=stopped,
        )
        self._thread.call(report)

    def cancel(self) -> None:
        """Barge-in: the server stops at once, iteration ends, what waits is dropped. Idempotent."""
        self._thread.call(self._utterance.cancel())

    def note_span(self, name: str, start_ns: int, end_ns: int) -> None:
        """Adds something that the caller measured to this utterance's trace."""
        self._utterance.note_span(name, start_ns, end_ns)

    def __enter__(self) -> Utterance:
        self._thread.call(self._utterance.__aenter__())
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._thread.call(self._utterance.__aexit__(kind, error, trace))

    def _all(self, source: AsyncIterator[T]) -> Iterator[T]:
        async def next_one() -> T | None:
            return await anext(source, None)

        while (item := self._thread.call(next_one())) is not None:
            yield item
