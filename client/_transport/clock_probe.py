"""Asks the server's clock, on a connection of its own: beside audio an answer would wait for the audio."""

from __future__ import annotations

import contextlib
import threading
from typing import cast

import grpc

from .._clock import ClockOffset, Exchange, Span, now_ns
from .._wire import ProbeAnswer, Rpcs, exchange_from, probe_to
from .channels import Target, blocking_channel

PROBE_INTERVAL_S = 0.02
ANSWER_LIMIT_S = 10.0
MAX_EXCHANGES = 10_000  # an utterance of minutes


def measure_clock(target: Target, count: int, timeout_s: float) -> ClockOffset:
    """The best of `count` exchanges: the one with the shortest round trip. Blocks. Raises ClientError."""
    with blocking_channel(target) as channel:
        rpcs = Rpcs(channel)
        try:
            _ask(rpcs, target, timeout_s)  # connects
            offsets = [ClockOffset.of(_ask(rpcs, target, timeout_s)) for _ in range(count)]
        except grpc.RpcError as error:
            raise target.translate(error) from None
    return min(offsets, key=lambda offset: offset.error_ns)


def _ask(rpcs: Rpcs, target: Target, timeout_s: float) -> Exchange:
    sent_ns = now_ns()
    answer = rpcs.ProbeClock(probe_to(sent_ns), timeout=timeout_s, metadata=target.metadata)
    return exchange_from(sent_ns, answer, now_ns())


class ClockProber:
    """Asks the server's clock again and again, in a thread of its own, until it is stopped."""

    def __init__(self, target: Target) -> None:
        self.exchanges: list[Exchange] = []
        self._target = target
        self._connected = threading.Event()
        self._stopping = threading.Event()
        self._question: grpc.Future[ProbeAnswer] | None = None
        self._asked_ns = 0  # 0: every question was answered
        self._thread = threading.Thread(target=self._run, name="gapless-prober", daemon=True)

    def start(self, limit_s: float) -> None:
        """Returns when the first answer is there, or after `limit_s`. Blocks."""
        self._thread.start()
        self._connected.wait(limit_s)

    def stop(self, patience_s: float) -> None:
        """Blocks. Waits for a late answer, because it tells how late; after a limit the probe is given up."""
        self._stopping.set()
        self._thread.join(patience_s)
        if self._question:
            self._question.cancel()
        self._thread.join()

    @property
    def unanswered(self) -> Span | None:
        asked_ns = self._asked_ns
        return Span(asked_ns, now_ns()) if asked_ns and self.exchanges else None

    def _run(self) -> None:
        with blocking_channel(self._target) as channel:
            rpcs = Rpcs(channel)
            # The utterance itself tells the user what is wrong with the server.
            with contextlib.suppress(grpc.RpcError, grpc.FutureCancelledError):
                self._ask(rpcs)  # connects
                self._connected.set()
                while not self._stopping.wait(PROBE_INTERVAL_S) and len(self.exchanges) < MAX_EXCHANGES:
                    self.exchanges.append(self._ask(rpcs))
        self._connected.set()

    def _ask(self, rpcs: Rpcs) -> Exchange:
        """Raises what gRPC raises; `unanswered` then tells since when, unless nobody is there any more."""
        self._asked_ns = sent_ns = now_ns()
        question = rpcs.ProbeClock.future(probe_to(sent_ns), timeout=ANSWER_LIMIT_S, metadata=self._target.metadata)
        self._question = cast("grpc.Future[ProbeAnswer]", question)
        try:
            exchange = exchange_from(sent_ns, self._question.result(), now_ns())
        except grpc.RpcError as error:
            if error.code() is grpc.StatusCode.UNAVAILABLE:
                self._asked_ns = 0
            raise
        self._asked_ns = 0
        return exchange
