"""Who is not to notice anything: a client that listens, one that asks for first sounds, and one that asks the clock."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from itertools import cycle

from benchmarks.support.remote_utterance import collect
from benchmarks.support.simulated_listener import HEARD_S, Arrival, listen
from benchmarks.support.texts import TEXTS
from client import Client
from client._transport.channels import Target
from client._transport.clock_probe import ClockProber
from client.errors import ClientError, ServerBusy

LEAD_S = 0.3  # of audio ahead of the listener: little, so that a delay of the server is a gap soon
BETWEEN_S = 0.2  # two utterances
LONGEST_RETRY_S = 1.0
PROBE_START_S = 5.0
PROBE_PATIENCE_S = 20.0


@dataclass(kw_only=True)
class Heard:
    """What it noticed in some seconds."""

    gaps_s: list[float] = field(default_factory=list)  # the worst of each utterance
    ttfa_s: list[float] = field(default_factory=list)
    probes_s: list[float] = field(default_factory=list)  # round trips
    loop_s: float = 0.0  # longest delay of the server's event loop, as it says itself
    refused: int = 0
    failed: list[str] = field(default_factory=list)  # what went wrong


async def hear(address: str, seconds: float) -> Heard:
    """Returns after `seconds`, and what then was begun is heard to its end."""
    heard, ends_s = Heard(), time.monotonic() + seconds
    prober = ClockProber(Target(address=address))
    async with Client(address) as listening, Client(address) as asking:
        await asyncio.to_thread(prober.start, PROBE_START_S)
        async with asyncio.TaskGroup() as group:
            group.create_task(_again(ends_s, heard, lambda text: _listen(listening, text, heard)))
            group.create_task(_again(ends_s, heard, lambda text: _ask(asking, text, heard)))
        if (unanswered := prober.unanswered) is not None:
            heard.probes_s.append(unanswered.length_ns / 1e9)
        await asyncio.to_thread(prober.stop, PROBE_PATIENCE_S)
    blocked = [exchange.server_blocked for exchange in prober.exchanges if exchange.server_blocked]
    heard.loop_s = max((span.length_ns / 1e9 for span in blocked), default=0.0)
    heard.probes_s += [(exchange.received_ns - exchange.sent_ns) / 1e9 for exchange in prober.exchanges]
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
                return
