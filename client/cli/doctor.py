"""`python -m client doctor`: is everything there that speaking needs, is it quick enough, and what to do if not.

Checks from the server to the ears: the server answers, it is ready, the way to it and its clock, event loops on both
sides, the audio device and how long it takes to open. One line each; the exit status says whether all is well.
"""

from __future__ import annotations

import asyncio
import json
import statistics
import sys
from collections.abc import AsyncIterator
from dataclasses import asdict, dataclass
from enum import StrEnum

import grpc

from .._clock import Span
from .._transport.channels import Target
from .._transport.health import is_serving
from ..attribution.clock_bounds import clock_bounds
from ..attribution.monitor import Monitor
from ..attribution.observations import Observations
from ..client import Client
from ..errors import ClientError, PlaybackUnavailable
from ..playback.device import device_rate
from ..playback.player import Player
from ..record import Record

LISTEN_S = 1.5  # so long the way and the loops are watched
FAR_MS = 60.0  # there and back: the conversation partner notices
UNSTEADY_MS = 40.0  # between the usual and the slowest answer
BLOCKED_MS = 20.0  # that a loop may stand still
SLOW_OPENING_MS = 500.0
LATE_DEVICE_MS = 150.0
_LIMIT_S = 5.0


class Mark(StrEnum):
    FINE = "ok"
    POOR = "slow"  # works, and will be heard
    BAD = "bad"  # does not work


@dataclass(frozen=True, kw_only=True)
class Check:
    mark: Mark
    what: str
    said: str
    advice: str = ""


async def doctor(client: Client, *, as_json: bool) -> bool:
    """Prints the checks; True if nothing is bad."""
    checks = []
    async for check in examine(client):
        checks.append(check)
        if not as_json:
            sys.stdout.write(line(check) + "\n")
            sys.stdout.flush()
    well = all(check.mark is not Mark.BAD for check in checks)
    if as_json:
        sys.stdout.write(json.dumps({"well": well, "findings": [asdict(check) for check in checks]}) + "\n")
    return well


def line(check: Check) -> str:
    advice = f"\n{'':22}-> {check.advice}" if check.advice else ""
    return f"{check.mark:<6}{check.what:<16}{check.said}{advice}"


async def examine(client: Client) -> AsyncIterator[Check]:
    try:
        async with client:
            info = client.server
            said = f"{client.target.description}: version {info.version}, model {info.model} on {info.device}"
            yield Check(mark=Mark.FINE, what="server", said=said)
            yield await asyncio.to_thread(health, client.target)
            yield load(info.active_utterances, info.limits.max_utterances)
            async with Monitor(client) as monitor:
                await asyncio.sleep(LISTEN_S)
            for check in (*network(monitor.observations()), *loops(monitor.observations())):
                yield check
            rates = info.native_sample_rate, info.sample_rates
    except ClientError as error:
        advice = "start the server, or give its address with --address HOST:PORT"
        if client.target.proxy:
            advice += "; if the proxy is not wanted, add the host to no_proxy"
        yield Check(mark=Mark.BAD, what="server", said=_one_line(error), advice=advice)
        rates = 24_000, (24_000, 48_000)
    yield await device(*rates)


def health(target: Target) -> Check:
    """As an orchestrator would ask. Blocks."""
    try:
        serving = is_serving(target, _LIMIT_S)
    except grpc.RpcError as error:
        said = f"the health service does not answer: {error.code().name}"
        return Check(mark=Mark.POOR, what="health", said=said)
    if serving:
        return Check(mark=Mark.FINE, what="health", said="serving")
    advice = "it loads its model or shuts down: wait, or look at its log"
    return Check(mark=Mark.BAD, what="health", said="the server is not serving", advice=advice)


def load(active: int, most: int) -> Check:
    said = f"{active} of {most} utterances are running"
    if active < most:
        return Check(mark=Mark.FINE, what="load", said=said)
    return Check(mark=Mark.BAD, what="load", said=said, advice="wait, or start the server with --max-utterances")


def network(observations: Observations) -> list[Check]:
    """The network and the server's clock."""
    bounds = clock_bounds(Record(), None, observations.exchanges)
    if bounds is None or bounds.round_trip_ns is None:
        return [Check(mark=Mark.BAD, what="network", said="no question was answered", advice="look at the connection")]
    times = [exchange.round_trip_ns / 1e6 for exchange in observations.exchanges]
    usual, slowest = statistics.median(times), max(times)
    said = f"there and back {usual:.1f} ms, {slowest:.1f} ms at most of {len(times)}"
    mark, advice = Mark.FINE, ""
    if usual > FAR_MS:
        mark, advice = Mark.POOR, "every sound comes so much later: take a server that is nearer"
    elif slowest - usual > UNSTEADY_MS:
        mark, advice = Mark.POOR, "the way is unsteady: a pre-buffer of that size keeps the sound from breaking"
    clock = f"server's {bounds.offset_ns / 1e6:+.3f} ms from ours, known to {bounds.round_trip_ns / 2e6:.3f} ms"
    return [
        Check(mark=mark, what="network", said=said, advice=advice),
        Check(mark=Mark.FINE, what="clock", said=clock),
    ]


def loops(observations: Observations) -> list[Check]:
    server = [exchange.server_blocked for exchange in observations.exchanges if exchange.server_blocked]
    return [
        _loop("server loop", server, "something blocks the server's event loop, or its machine is too busy"),
        _loop("client loop", observations.loop_blocks, "this machine is too busy for steady playback"),
        _loop("client reader", observations.reader_blocks, "this machine is too busy for steady playback"),
    ]


def _loop(name: str, blocks: list[Span] | tuple[Span, ...], advice: str) -> Check:
    longest_ms = max((block.length_ns for block in blocks), default=0) / 1e6
    if longest_ms <= BLOCKED_MS:
        return Check(mark=Mark.FINE, what=name, said=f"late by {longest_ms:.1f} ms at most")
    return Check(mark=Mark.POOR, what=name, said=f"stood still for {longest_ms:.0f} ms", advice=advice)


async def device(native_rate: int, rates: tuple[int, ...]) -> Check:
    """Opens the default audio device, plays nothing, closes it."""
    try:
        rate = await asyncio.to_thread(device_rate, native_rate, rates)
        async with Player(rate) as player:
            log = player.log()
    except PlaybackUnavailable as error:
        advice = "sound can still go into a file: say --out FILE.wav"
        return Check(mark=Mark.BAD, what="audio device", said=_one_line(error), advice=advice)
    opening_ms, latency_ms = log.opening.length_ns / 1e6, log.latency_s * 1e3
    said = f"{rate} Hz, opens in {opening_ms:.0f} ms, sounds {latency_ms:.0f} ms after it is given a sample"
    if opening_ms > SLOW_OPENING_MS:
        advice = "open it before the first request, as `say` does, and keep it open"
        return Check(mark=Mark.POOR, what="audio device", said=said, advice=advice)
    if latency_ms > LATE_DEVICE_MS:
        advice = "every sound comes so much later: another device, or a smaller buffer in the sound system"
        return Check(mark=Mark.POOR, what="audio device", said=said, advice=advice)
    return Check(mark=Mark.FINE, what="audio device", said=said)


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split())
