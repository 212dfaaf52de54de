"""Who is not to notice anything: a client that listens, one that asks for first sounds, and one that asks the clock."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from itertools import cycle

from benchmarks.attack.beside import beside
from benchmarks.attack.prober import Told
from benchmarks.attack.standstill import Stood
from benchmarks.support.remote_utterance import collect
from benchmarks.support.simulated_listener import HEARD_S, Arrival, listen
from benchmarks.support.texts import TEXTS
from client import Client
from client._clock import Span
from client.errors import ClientError, ServerBusy
from client.record import Record

LEAD_S = 0.3  # of audio ahead of the listener: little, so that a delay of the server is a gap soon
BETWEEN_S = 0.2  # two utterances
LONGEST_RETRY_S = 1.0
PROBER = "benchmarks.attack.prober"
STANDSTILL = "benchmarks.attack.standstill"


@dataclass(kw_only=True)
class Heard:
    """What it noticed in some seconds."""

    gaps_s: list[float] = field(default_factory=list)  # the worst of each utterance
    ttfa_s: list[float] = field(default_factory=list)
    first_sounds: list[Record] = field(default_factory=list)  # what tells where that time went
    probes_s: list[float] = field(default_factory=list)  # round trips,
    running_s: list[float] = field(default_factory=list)  # and how much of each the machine did not stand still
    loop_s: float = 0.0  # longest delay of the server's event loop, as it says itself
    refused: int = 0
    failed: list[str] = field(default_factory=list)  # what went wrong


async def hear(address: str, seconds: float) -> Heard:
    """Returns after `seconds`, and what then was begun is heard to its end."""
    heard = Heard()
    async with (
        beside(STANDSTILL) as seen,
        Client(address) as listening,
        Client(address) as asking,
        beside(PROBER, address) as said,
    ):
        ends_s = time.monotonic() + seconds
        async with asyncio.TaskGroup() as group:
            group.create_task(_again(ends_s, heard, lambda text: _listen(listening, text, heard)))
            group.create_task(_again(ends_s, heard, lambda text: _ask(asking, text, heard)))
    told = Told(**said)
    stood, asked = Stood(**seen), [Span(*times) for times in told.asked]
    heard.probes_s = [span.length_ns / 1e9 for span in asked]
    heard.running_s = [(span.length_ns - stood.within(span)) / 1e9 for span in asked]
    heard.loop_s = told.loop_s
    return heard


async def _again(ends_s: float, heard: Heard, speak: Callable[[str], Awaitable[None]]) -> None:
    for text in cycle(sorted(TEXTS, key=len)):
        if time.monotonic() >= ends_s:
            return
        pause_s = BETWEEN_S
        try:
            await speak(text)
        except ServerBusy as busy:
            heard.refused += 1
            pause_s = min(busy.retry_after_s or BETWEEN_S, LONGEST_RETRY_S)
        except ClientError as error:
            heard.failed.append(str(error))
        await asyncio.sleep(pause_s)


async def _listen(client: Client, text: str, heard: Heard) -> None:
    """One utterance, played as it comes."""
    arrivals: list[Arrival] = []
    async with client.utterance(max_lead=LEAD_S) as utterance:
        await utterance.push(text)
        await utterance.end()
        began_ns = utterance.record.text_complete_ns or 0
        await collect(utterance, began_ns, arrivals)
    heard.gaps_s.append(listen(arrivals, follow_hints=True).worst_s)


async def _ask(client: Client, text: str, heard: Heard) -> None:
    """From the text to the first 40 ms of sound; then it is given up."""
    async with client.utterance(max_lead=LEAD_S) as utterance:
        await utterance.push(text)
        await utterance.end()
        began_ns, audio_s = utterance.record.text_complete_ns or 0, 0.0
        async for chunk in utterance:
            audio_s += chunk.duration_s
            if audio_s >= HEARD_S:
                heard.ttfa_s.append((chunk.received_ns - began_ns) / 1e9)
                heard.first_sounds.append(utterance.record)
                return
