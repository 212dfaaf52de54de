"""What does the way through a gateway cost?

Scripted engines in processes of their own behind one gateway, and the same engine in the gateway's process; callers
read as fast as audio comes. From "made" to "received", the first sound, processor time for each chunk, chunks a second.

    python -m benchmarks.scale.gateway
    python -m benchmarks.scale.gateway --streams 64 --engines 4

At the pool, without the service's own stream to the client, which is the same in both cases.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import statistics
import time
from collections.abc import Sequence
from dataclasses import dataclass, field

from benchmarks.support.engine_process import VERSION, Served, engine_process
from benchmarks.support.machine import describe
from engine.clock import now_ns
from engine.messages import AudioChunk, Event, Failed, Finished, Utterance
from service.engines.engine import AsyncEngine
from service.engines.in_process import InProcess
from service.engines.pool import Pool
from tests.fakes import Script, ScriptedEngine

TEXT = "Every chunk of this text goes from one process to another and is counted when it arrives there. " * 4


@dataclass
class Cost:
    way_ms: list[float] = field(default_factory=list)  # from the end of the vocoder to the listener
    first_ms: list[float] = field(default_factory=list)
    chunks: int = 0
    took_s: float = 0.0
    cpu_s: float = 0.0

    def line(self, name: str) -> str:
        return (
            f"{name}: made to received {statistics.median(self.way_ms):.2f} ms (p50), first sound "
            f"{statistics.median(self.first_ms):.1f} ms (p50), {self.cpu_s / self.chunks * 1000:.2f} ms of the "
            f"gateway's processor time a chunk, {self.chunks / self.took_s:.0f} chunks a second"
        )


async def speak(engine: AsyncEngine, name: str, cost: Cost) -> None:
    done, began_ns = asyncio.Event(), now_ns()
    heard = 0

    def hear(event: Event) -> None:
        nonlocal heard
        if isinstance(event, AudioChunk):
            cost.way_ms.append((now_ns() - event.timings.vocoder_end_ns) / 1e6)
            if not heard:
                cost.first_ms.append((now_ns() - began_ns) / 1e6)
            heard += 1
            engine.release(name, event.num_samples)
        if isinstance(event, Finished | Failed):
            done.set()

    await engine.submit(Utterance(id=name, seed=1), hear)
    engine.push_text(name, TEXT)
    engine.end_input(name)
    await done.wait()
    cost.chunks += heard


async def measure(engine: AsyncEngine, streams: int) -> Cost:
    cost = Cost()
    began_s, began_cpu_s = time.monotonic(), time.process_time()
    await asyncio.gather(*(speak(engine, f"stream-{number}", cost) for number in range(streams)))
    cost.took_s, cost.cpu_s = time.monotonic() - began_s, time.process_time() - began_cpu_s
    return cost


async def run(streams: int, engines: int, token_s: float) -> tuple[Cost, Cost]:
    """Of a gateway, and of an engine in this process, whose own work is in its processor time."""
    with contextlib.ExitStack() as stack:
        children = [
            stack.enter_context(engine_process(Served(places=streams, token_s=token_s))) for _ in range(engines)
        ]

        async def find() -> Sequence[str]:
            return [child.address for child in children]

        pool = Pool(find, version=VERSION, spare=0.0)
        while sum(engine.serves for engine in pool.engines.values()) < engines:
            await asyncio.sleep(0.02)
        through = await measure(pool, streams)
        await pool.close()
    engine = ScriptedEngine({"anna": Script(token_s=token_s)}, max_utterances=streams)
    try:
        return through, await measure(InProcess(engine), streams)
    finally:
        engine.close()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--streams", type=int, default=16)
    parser.add_argument("--engines", type=int, default=2)
    parser.add_argument("--token-time", type=float, default=0.004, help="seconds that a token takes; 0: none")
    given = parser.parse_args()
    through, inside = asyncio.run(run(given.streams, given.engines, given.token_time))
    print(describe())
    print(through.line("through a gateway"))
    print(inside.line("in one process"))


if __name__ == "__main__":
    main()
