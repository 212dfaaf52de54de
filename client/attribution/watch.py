"""Looks at what could delay an utterance while it runs: the way to the server, the program's loop, the reader's loop.

    async with Watch(client) as watch:
        async with client.utterance() as utterance: ...
        analyse(utterance.record, observations=watch.observations())

Questions to the server's clock go out of a thread of their own, over a connection of their own: they stay quick while
only the audio's reader stalls, and become slow with the network. That costs some 40 short calls
a second, about 6 % of a core.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from types import TracebackType

from .._clock import Span, now_ns
from .._transport.clock_probe import PROBE_INTERVAL_S, ClockProber
from ..client import Client
from ..errors import ClientClosed
from ..record import DeviceLog
from .observations import Observations

TICK_S = 0.01  # of the loops' timers
LATE_S = 0.005  # a timer that is so late is noted
CONNECT_LIMIT_S = 5.0
PATIENCE_S = 2.0  # for the last answer
MAX_NOTED = 10_000  # blocks: an utterance of minutes


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


class Watch:
    """`async with`; on the loop of the program that speaks."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._prober = ClockProber(client.target)
        self._unanswered: Span | None = None

    async def __aenter__(self) -> Watch:
        await asyncio.to_thread(self._prober.start, CONNECT_LIMIT_S)
        self._loop_watch = LoopWatch()
        self._reader_watch = await self._client.run_on_reader(_watch_this_loop())
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._loop_watch.stop()
        with contextlib.suppress(ClientClosed):
            await self._client.run_on_reader(_stop(self._reader_watch))
        self._unanswered = self._prober.unanswered
        await asyncio.to_thread(self._prober.stop, 0.0 if kind else PATIENCE_S)
        if not self._prober.unanswered:
            self._unanswered = None

    def observations(self, device: DeviceLog | None = None) -> Observations:
        """What was seen so far; complete after the block."""
        return Observations(
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
