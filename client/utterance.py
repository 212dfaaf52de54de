"""One utterance from the user's side: text in by `push`, audio out by iteration, in any order and from any tasks."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator
from types import TracebackType

from opentelemetry.trace import Tracer

from ._clock import now_ns
from ._telemetry import UtteranceTrace
from ._transport.handover import HandoverClosed
from ._transport.loop_thread import LoopThread
from ._transport.resuming import ResumingCall
from ._wire import Decoder, Request, end_to, flush_to, playback_to, text_to
from .errors import ClientClosed, UtteranceClosed
from .record import Record, Recorded, Sent
from .types import Chunk, Event


class Utterance(Recorded):
    """Made by `Client.utterance`, used inside `async with`; leaving the block cancels what still runs."""

    def __init__(self, reader: LoopThread, call: ResumingCall, opening: Request, tracer: Tracer) -> None:
        super().__init__(Record())
        self._reader = reader
        self._call = call
        self._opening = opening
        self._tracer = tracer
        self._decode = Decoder()
        self._flushes = 0
        self._input_ended = False
        self._over = False

    # Text in

    async def push(self, text: str, *, flush: bool = False) -> None:
        """Sends a piece of text, verbatim. `flush`: speak what has arrived, without waiting for a sentence's end."""
        if self._input_ended:
            raise UtteranceClosed("text after end(); open another utterance")
        if text:
            await self._send(text_to(text), characters=len(text))
        if flush:
            await self.flush()

    async def flush(self) -> int:
        """Speak what has arrived. Returns the id that its FlushDone event will carry."""
        if self._input_ended:
            raise UtteranceClosed("flush after end(); the end speaks everything anyway")
        self._flushes += 1
        await self._send(flush_to(self._flushes))
        return self._flushes

    async def end(self) -> None:
        """No more text will come. Idempotent."""
        if not self._input_ended:
            self._input_ended = True
            try:
                await self._send(end_to())
            except BaseException:
                self._input_ended = False
                raise

    async def _send(self, request: Request, characters: int = 0) -> None:
        asked_ns = now_ns()
        sent_ns = await self._reader.run(self._call.write(request))
        self.record.sent.append(Sent(sent_ns=sent_ns, characters=characters, asked_ns=asked_ns))

    # Audio out

    def __aiter__(self) -> AsyncIterator[Chunk]:
        """The audio; everything else that comes is in `record`, and in `events` for those who want it in order."""
        return self._chunks()

    async def _chunks(self) -> AsyncIterator[Chunk]:
        async for event in self.events():
            if isinstance(event, Chunk):
                yield event

    async def events(self) -> AsyncIterator[Event]:
        """Everything that the server says, in order. Ends after `Finished` or a cancel; an error is raised here."""
        while not self._over:
            try:
                buffered_ns, arrival = await self._call.incoming.get()
            except HandoverClosed:
                self._over = True
                return
            event = arrival.resumed or self._decode(arrival.response, arrival.received_ns)
            if event is None:
                continue
            self.record.note(event, now_ns(), arrival.awaited_ns, buffered_ns)
            if isinstance(event, Chunk):
                self._trace.chunk(self.record.receipts[-1], buffered_ns)
            yield event

    # The listener

    async def report_playback(
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
        report = playback_to(
            played_samples=played_samples,
            buffered_samples=buffered_samples,
            underruns=underruns,
            underrun_s=underrun_s,
            output_latency_s=output_latency_s,
            stopped=stopped,
        )
        await self._reader.run(self._call.write(report))

    async def cancel(self) -> None:
        """Barge-in: the server stops at once, iteration ends, what waits is dropped. Idempotent."""
        self._over = True
        await self._reader.run(self._call.cancel())

    def note_span(self, name: str, start_ns: int, end_ns: int) -> None:
        """Adds something that the caller measured to this utterance's trace."""
        self._trace.child(name, start_ns, end_ns)

    async def __aenter__(self) -> Utterance:
        self.record.opened_ns = now_ns()
        self._trace = UtteranceTrace(self._tracer, self._call.target.address, self.record.opened_ns)
        try:
            await self._reader.run(self._call.open(self._opening, self._trace.metadata))
        except BaseException as error:
            # A cancel may arrive after the call has opened and before this task has heard of it.
            with contextlib.suppress(ClientClosed):
                await self._reader.run(self._call.cancel())
            self._trace.end(self.record, now_ns(), error)
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            await self.cancel()
        finally:
            self._trace.end(self.record, now_ns(), error)
