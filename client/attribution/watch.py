"""Looks at what could delay an utterance while it runs: the way to the server, the program's loop, the reader's loop.

    async with client.attribution.watch() as watch:
        async with client.utterance() as utterance: ...
        analyse(utterance.record, signs=watch.signs())

Questions to the server's clock go out of a thread of their own, over a connection of their own: they stay quick while
only the audio's reader stalls, and become slow with the network. That costs some 40 short calls
a second, about 6 % of a core.
"""

from __future__ import annotations

import asyncio
import contextlib
import threading
import time
from types import TracebackType

import grpc

from gapless.tts.v1 import tts_pb2 as pb
from gapless.tts.v1.tts_pb2_grpc import TextToSpeechServiceStub

from .._clock import now_ns
from .._transport.reader import Reader
from ..errors import ClientClosed
from .observations import DeviceLog, Exchange, Signs, Span

PROBE_INTERVAL_S = 0.02
TICK_S = 0.01  # of the loops' timers
LATE_S = 0.005  # a timer that is so late is noted
ANSWER_LIMIT_S = 10.0
CONNECT_LIMIT_S = 5.0
PATIENCE_S = 2.0  # for the last answer
MAX_NOTED = 10_000  # exchanges, blocks: an utterance of minutes

_OWN_CONNECTION = ("grpc.use_local_subchannel_pool", 1)  # else gRPC shares one connection among equal channels


class LoopWatch:
    """Notes when an event loop was kept from running: a timer that knows when it should have fired. On the loop's own
    thread."""

    def __init__(self) -> None:
        self.blocks: list[Span] = []
        self._loop = asyncio.get_running_loop()
        self._schedule()

    def stop(self) -> None:
        self._timer.cancel()
        self._note()

    def _tick(self) -> None:
        self._note()
        self._schedule()

    def _note(self) -> None:
        late_s = time.monotonic() - self._due_s
        if late_s > LATE_S and len(self.blocks) < MAX_NOTED:
            ended_ns = now_ns()
            self.blocks.append(Span(ended_ns - round(late_s * 1e9), ended_ns))

    def _schedule(self) -> None:
        self._due_s = time.monotonic() + TICK_S
        self._timer = self._loop.call_later(TICK_S, self._tick)


class Prober:
    """Asks the server's clock again and again, in a thread of its own, until it is stopped."""

    def __init__(self, address: str) -> None:
        self.exchanges: list[Exchange] = []
        self._address = address
        self._connected = threading.Event()
        self._stopping = threading.Event()
        self._asking: grpc.Future[pb.ProbeClockResponse] | None = None
        self._asked_ns = 0  # 0: every question was answered
        self._thread = threading.Thread(target=self._run, name="gapless-prober", daemon=True)

    def start(self, limit_s: float) -> None:
        """Returns when the first answer is there, or after `limit_s`. Blocks."""
        self._thread.start()
        self._connected.wait(limit_s)

    def stop(self, patience_s: float) -> None:
        """Blocks. An answer that is late is worth waiting for: it tells how late; then the question is given up."""
        self._stopping.set()
        self._thread.join(patience_s)
        if self._asking:
            self._asking.cancel()
        self._thread.join()

    @property
    def unanswered(self) -> Span | None:
        asked_ns = self._asked_ns
        return Span(asked_ns, now_ns()) if asked_ns and self.exchanges else None

    def _run(self) -> None:
        with grpc.insecure_channel(self._address, options=[_OWN_CONNECTION]) as channel:
            stub = TextToSpeechServiceStub(channel)
            with contextlib.suppress(grpc.RpcError, grpc.FutureCancelledError):  # who speaks learns what is wrong
                self._ask(stub)  # connects
                self._connected.set()
                while not self._stopping.wait(PROBE_INTERVAL_S) and len(self.exchanges) < MAX_NOTED:
                    self.exchanges.append(self._ask(stub))
        self._connected.set()

    def _ask(self, stub: TextToSpeechServiceStub) -> Exchange:
        """Raises what gRPC raises; `unanswered` then tells since when."""
        self._asked_ns = sent_ns = now_ns()
        self._asking = stub.ProbeClock.future(
            pb.ProbeClockRequest(client_send_unix_nanos=sent_ns), timeout=ANSWER_LIMIT_S
        )
        answer = exchange(sent_ns, self._asking.result(), now_ns())
        self._asked_ns = 0
        return answer


def exchange(sent_ns: int, reply: pb.ProbeClockResponse, received_ns: int) -> Exchange:
    from_ns, lag_ns = reply.loop_lag_from_unix_nanos, reply.loop_lag_max.ToNanoseconds()
    return Exchange(
        sent_ns=sent_ns,
        server_received_ns=reply.server_receive_unix_nanos,
        server_sent_ns=reply.server_send_unix_nanos,
        received_ns=received_ns,
        server_blocked=Span(from_ns, from_ns + lag_ns) if lag_ns else None,
    )


class Watch:
    """`async with`; on the loop of the program that speaks."""

    def __init__(self, address: str, reader: Reader) -> None:
        self._reader = reader
        self._prober = Prober(address)
        self._unanswered: Span | None = None

    async def __aenter__(self) -> Watch:
        await asyncio.to_thread(self._prober.start, CONNECT_LIMIT_S)
        self._loop_watch = LoopWatch()
        self._reader_watch = await self._reader.run(_watch_this_loop())
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._loop_watch.stop()
        with contextlib.suppress(ClientClosed):
            await self._reader.run(_stop(self._reader_watch))
        self._unanswered = self._prober.unanswered
        await asyncio.to_thread(self._prober.stop, 0.0 if kind else PATIENCE_S)
        if not self._prober.unanswered:
            self._unanswered = None

    def signs(self, device: DeviceLog | None = None) -> Signs:
        """What was seen so far; complete after the block."""
        return Signs(
            exchanges=tuple(self._prober.exchanges),
            unanswered=self._unanswered,
            loop_blocks=tuple(self._loop_watch.blocks),
            reader_blocks=tuple(self._reader_watch.blocks),
            device=device,
            probe_interval_s=PROBE_INTERVAL_S,
            tick_s=TICK_S,
        )


async def _watch_this_loop() -> LoopWatch:
    return LoopWatch()


async def _stop(watch: LoopWatch) -> None:
    watch.stop()
