"""Many listeners at once, each in real time: over gRPC (`OverWire`) or at the engine's own seam (`Direct`).

A listener follows the server's hints, reports where he is as a player does, and is served no more than MAX_LEAD_S
ahead. `generate_load` lets N callers speak utterance after utterance at random times: the first ones are a Poisson
process, and between two utterances a caller is silent for an exponentially distributed while.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
import time
from collections.abc import AsyncIterator, Coroutine, Sequence
from dataclasses import dataclass, field
from itertools import count
from typing import Protocol

from benchmarks.support.local_utterance import arrival
from benchmarks.support.remote_utterance import collect
from benchmarks.support.simulated_listener import Arrival, audio_s, listen, played_s
from client import Client
from client._clock import now_ns as client_now_ns
from client.errors import ClientError, ServerBusy
from client.playback.player import REPORT_INTERVAL_S
from engine.clock import now_ns
from engine.engine import LocalEngine
from engine.errors import Overloaded
from engine.messages import AudioChunk, Event, Failed, Finished, Playback, Usage, Utterance

MAX_LEAD_S = 10.0
SILENCE_S = 0.5  # of a caller between two utterances, on average
USUAL_S = 6.0  # an utterance, about: the first ones of all callers are spread over it
RETRY_S = 1.0  # where a refusal does not say when


class Refused(Exception):
    """No room; the server says when to try again."""

    def __init__(self, retry_after_s: float | None) -> None:
        super().__init__(f"no room, retry after {retry_after_s} s")
        self.retry_after_s = retry_after_s


@dataclass(kw_only=True)
class Spoken:
    arrivals: list[Arrival] = field(default_factory=list)
    t3_s: float = 0.0  # of the engine's work, this utterance's share
    flow_s: float = 0.0
    windows: int = 0
    discarded: int = 0


class Speaker(Protocol):
    async def speak(self, text: str, seed: int) -> Spoken:
        """Returns when the last chunk came. Raises Refused."""
        ...


@dataclass
class OverWire:
    client: Client
    voice: str = ""

    async def speak(self, text: str, seed: int) -> Spoken:
        spoken = Spoken()
        arrivals = spoken.arrivals
        try:
            async with self.client.utterance(voice=self.voice, seed=seed, max_lead=MAX_LEAD_S) as utterance:
                await utterance.push(text)
                await utterance.end()
                began_ns = utterance.record.text_complete_ns or client_now_ns()

                async def report() -> None:
                    with contextlib.suppress(ClientError):
                        while True:
                            await asyncio.sleep(REPORT_INTERVAL_S)
                            played = int(_heard_s(arrivals, began_ns) * self.client.server.native_sample_rate)
                            await utterance.report_playback(played_samples=played, buffered_samples=0)

                async with _beside(report()):
                    await collect(utterance, began_ns, arrivals)
                if utterance.finished:
                    usage = utterance.finished.usage
                    spoken.t3_s, spoken.flow_s = usage.t3_s, usage.flow_s
                    spoken.windows, spoken.discarded = usage.windows, usage.windows_discarded
        except ServerBusy as busy:
            raise Refused(busy.retry_after_s) from None
        return spoken


@dataclass
class Direct:
    """What the service does around an engine, less the network: events cross to the loop, room is given back."""

    engine: LocalEngine
    voice: str = ""
    _names: count[int] = field(default_factory=count)

    async def speak(self, text: str, seed: int) -> Spoken:
        loop, name, began_ns = asyncio.get_running_loop(), f"caller-{next(self._names)}", now_ns()
        arrived: asyncio.Queue[tuple[int, Event]] = asyncio.Queue()
        spoken = Spoken()

        def take(event: Event) -> None:
            loop.call_soon_threadsafe(arrived.put_nowait, (now_ns(), event))

        try:
            self.engine.submit(Utterance(id=name, voice=self.voice, seed=seed), take)
            self.engine.push_text(name, text)
            self.engine.end_input(name)
            async with _beside(self._report(name, spoken.arrivals, began_ns)):
                usage = await self._hear(name, arrived, spoken.arrivals, began_ns)
        except Overloaded as error:
            raise Refused(error.retry_after_s) from None
        finally:
            self.engine.cancel(name)
        spoken.t3_s, spoken.flow_s = usage.t3_ns / 1e9, usage.flow_ns / 1e9
        spoken.windows, spoken.discarded = usage.windows, usage.windows_discarded
        return spoken

    async def _hear(
        self, name: str, arrived: asyncio.Queue[tuple[int, Event]], arrivals: list[Arrival], began_ns: int
    ) -> Usage:
        rate, ends_segment = self.engine.info().sample_rate, False
        while True:
            ready_ns, event = await arrived.get()
            if isinstance(event, AudioChunk):
                arrivals.append(arrival(event, ready_ns, began_ns, rate, ends_segment))
                ends_segment = event.end_of_segment
                while audio_s(arrivals) - _heard_s(arrivals, began_ns) > MAX_LEAD_S:
                    await asyncio.sleep(REPORT_INTERVAL_S)
                self.engine.release(name, event.num_samples)
            elif isinstance(event, Failed):
                raise event.error
            elif isinstance(event, Finished):
                return event.usage

    async def _report(self, name: str, arrivals: Sequence[Arrival], began_ns: int) -> None:
        rate = self.engine.info().sample_rate
        while True:
            await asyncio.sleep(REPORT_INTERVAL_S)
            self.engine.playback(name, Playback(played_samples=int(_heard_s(arrivals, began_ns) * rate)))


@dataclass(kw_only=True)
class Call:
    """One utterance of a caller's; instants are seconds since the load began."""

    caller: int
    text: str
    seed: int
    began_s: float
    spoken: Spoken = field(default_factory=Spoken)
    retry_after_s: float | None = None  # of a refused one
    refused: bool = False

    @property
    def arrivals(self) -> list[Arrival]:
        return self.spoken.arrivals

    @property
    def ended_s(self) -> float:
        """When its playback was over."""
        if not self.arrivals:
            return self.began_s
        heard = listen(self.arrivals, follow_hints=True)
        return self.began_s + heard.start_s + audio_s(self.arrivals) + heard.missing_s


async def generate_load(speaker: Speaker, streams: int, seconds: float, texts: Sequence[str], seed: int) -> list[Call]:
    """All calls of `streams` callers who begin no new one after `seconds`."""
    began_s, gaps, starts = time.monotonic(), random.Random(f"{seed}"), 0.0
    calls: list[Call] = []
    async with asyncio.TaskGroup() as group:
        for caller in range(streams):
            group.create_task(_caller(speaker, caller, starts, began_s, seconds, texts, seed, calls))
            starts += gaps.expovariate(streams / USUAL_S)
    return calls


async def _caller(
    speaker: Speaker,
    caller: int,
    starts_s: float,
    began_s: float,
    seconds: float,
    texts: Sequence[str],
    seed: int,
    calls: list[Call],
) -> None:
    chance = random.Random(f"{seed}-{caller}")

    def elapsed_s() -> float:
        return time.monotonic() - began_s

    await asyncio.sleep(starts_s)
    while elapsed_s() < seconds:
        call = Call(caller=caller, text=chance.choice(texts), seed=chance.getrandbits(32), began_s=elapsed_s())
        calls.append(call)
        try:
            call.spoken = await speaker.speak(call.text, call.seed)
            await asyncio.sleep(max(0.0, call.ended_s - elapsed_s()) + chance.expovariate(1 / SILENCE_S))
        except Refused as refusal:
            call.refused, call.retry_after_s = True, refusal.retry_after_s
            await asyncio.sleep((refusal.retry_after_s or RETRY_S) * chance.uniform(1.0, 1.5))


def _heard_s(arrivals: Sequence[Arrival], began_ns: int) -> float:
    """How much was played by now. The engine's clock and the client's are the same one here."""
    return played_s(arrivals, (now_ns() - began_ns) / 1e9) if arrivals else 0.0


@contextlib.asynccontextmanager
async def _beside(work: Coroutine[None, None, None]) -> AsyncIterator[None]:
    """Runs a coroutine beside the block, and ends it with the block."""
    task = asyncio.ensure_future(work)
    try:
        yield
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task
