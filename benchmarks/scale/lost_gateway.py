"""One gateway of two is killed under clients that know both: the kind `gateway` of `benchmarks.scale.kill`."""

from __future__ import annotations

import asyncio
import contextlib
import os
import random
import secrets
import signal
from collections.abc import Sequence

from benchmarks.scale.rounds import SETTLES_S, Moved, Round
from benchmarks.support.child_process import Child
from benchmarks.support.engine_process import VERSION, Served, engine_process
from benchmarks.support.gateway_process import gateway_process
from benchmarks.support.pool_listener import LIMIT_S, MAX_LEAD_S, in_hand_s, worst_gap_s
from client import Chunk, Client, ClientError, Resumed, now_ns
from service.engines.addresses import addresses_of
from service.engines.pool import Pool

KIND = "gateway"

_Gateway = tuple[Child, contextlib.ExitStack]  # and what ends it


class Caller:
    """Plays in real time what comes, from either gateway."""

    def __init__(self, addresses: Sequence[str]) -> None:
        self.first = addresses[0]
        self.arrivals: list[tuple[float, int]] = []
        self.data, self.error = b"", ""
        self.resumed: list[Resumed] = []
        self.rate = 24_000
        self._addresses = addresses

    async def speak(self, text: str, seed: int) -> None:
        try:
            async with (
                asyncio.timeout(LIMIT_S),
                Client(self._addresses) as client,
                client.utterance(seed=seed, max_lead=MAX_LEAD_S) as utterance,
            ):
                await utterance.push(text)
                await utterance.end()
                async for event in utterance.events():
                    self._take(event)
        except (ClientError, TimeoutError) as error:
            self.error = f"{type(error).__name__}: {error}"

    def _take(self, event: object) -> None:
        match event:
            case Chunk():
                self.arrivals.append((now_ns() / 1e9, event.num_samples))
                self.data += event.data
                self.rate = event.sample_rate
            case Resumed():
                self.resumed.append(event)

    def wrong(self, whole: bytes) -> str:
        if self.error:
            return self.error
        if len(self.data) != len(whole):
            return f"{len(self.data)} bytes, not {len(whole)}"
        return "" if self.data == whole else "other samples"


async def run(served: Served, rounds: int, count: int, text: str) -> list[Round]:
    key = secrets.token_bytes(32)
    with contextlib.ExitStack() as stack:
        engines = [stack.enter_context(engine_process(served)) for _ in range(2)]
        addresses = [engine.address for engine in engines]
        gateways = [await asyncio.to_thread(_start, addresses, key) for _ in range(2)]
        stack.callback(_end_all, gateways)
        whole = [Caller([gateways[seed % 2][0].address]) for seed in range(count)]
        await asyncio.gather(*(one.speak(text, seed) for seed, one in enumerate(whole)))
        watch, played = Pool(addresses_of(",".join(addresses)), version=VERSION), []
        for _ in range(rounds):
            victim = random.randrange(2)
            played.append(await play([gateway for gateway, _ in gateways], victim, count, text, whole))
            await asyncio.sleep(SETTLES_S)
            played[-1].places_left = watch.stats().slots_in_use
            await asyncio.to_thread(gateways[victim][1].close)
            gateways[victim] = await asyncio.to_thread(_start, addresses, key)
        await watch.close()
        return played


def _start(engines: Sequence[str], key: bytes) -> _Gateway:
    with contextlib.ExitStack() as stack:
        return stack.enter_context(gateway_process(engines, key)), stack.pop_all()


def _end_all(gateways: Sequence[_Gateway]) -> None:
    for _, processes in gateways:
        processes.close()


async def play(gateways: Sequence[Child], victim: int, count: int, text: str, whole: Sequence[Caller]) -> Round:
    addresses, result = [gateway.address for gateway in gateways], Round(KIND)
    callers = [Caller(addresses[number % 2 :] + addresses[: number % 2]) for number in range(count)]
    speaking = [asyncio.create_task(one.speak(text, seed)) for seed, one in enumerate(callers)]
    await asyncio.sleep(random.uniform(0.8, 2.5))
    at = now_ns() / 1e9
    os.kill(gateways[victim].pid, signal.SIGKILL)
    await asyncio.gather(*speaking)
    seen_s = []
    for seed, one in enumerate(callers):
        if what := one.wrong(whole[seed].data):
            result.wrong.append(what)
        result.moves += len(one.resumed)
        result.struck += (struck := one.first == addresses[victim])
        gap_s = worst_gap_s(one.arrivals, one.rate)
        if one.resumed:
            lost = one.resumed[0].lost_ns / 1e9
            seen_s.append(lost - at)
            again = next((when for when, _ in one.arrivals if when > lost), lost)
            result.moved.append(Moved(in_hand_s(one.arrivals, one.rate, at), again - at, gap_s))
        elif not struck:
            result.others_gaps_s.append(gap_s)
    result.seen_s = max(seen_s, default=0.0)
    return result
