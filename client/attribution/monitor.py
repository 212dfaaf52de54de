"""Observes what could delay an utterance while it runs: the network, the program's event loop, the reader's event loop.

    async with Monitor(client) as monitor:
        async with client.utterance() as utterance: ...
        analyse(utterance.record, observations=monitor.observations())

A thread of its own probes the server's clock, over a connection of its own: the probes stay quick while only the
audio's reader stalls, and become slow with the network. That costs some 40 short calls a second, about 6 % of a core.
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
LAST_ANSWER_S = 2.0  # that the end waits for it
MAX_NOTED = 10_000  # blocks: an utterance of minutes


class LoopMonitor:
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


class Monitor:
    """`async with`; on the loop of the program that speaks."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._prober = ClockProber(client.target)
        self._unanswered: Span | None = None

    async def __aenter__(self) -> Monitor:
        await asyncio.to_thread(self._prober.start, CONNECT_LIMIT_S)
        self._loop_monitor = LoopMonitor()
        self._reader_monitor = await self._client.run_on_reader(_monitor_this_loop())
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._loop_monitor.stop()
        with contextlib.suppress(ClientClosed):
            await self._client.run_on_reader(_stop(self._reader_monitor))
        self._unanswered = self._prober.unanswered
        await asyncio.to_thread(self._prober.stop, 0.0 if kind else LAST_ANSWER_S)
        if not self._prober.unanswered:
            self._unanswered = None

    def observations(self, device: DeviceLog | None = None) -> Observations:
        """What was seen so far; complete after the block."""
        return Observations(
            exchanges=tuple(self._prober.exchanges),
            unanswered=self._unanswered,
            loop_blocks=tuple(self._loop_monitor.blocks),
            reader_blocks=tuple(self._reader_monitor.blocks),
            device=device,
            probe_interval_s=PROBE_INTERVAL_S,
            tick_s=TICK_S,
        )


async def _monitor_this_loop() -> LoopMonitor:
    return LoopMonitor()


async def _stop(monitor: LoopMonitor) -> None:
    monitor.stop()
