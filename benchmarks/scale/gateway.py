"""What does the way through a gateway cost?

A gateway over scripted engines in processes of their own, and a service that speaks itself, in turns; one process of
callers. First as it is in production: engines speak a little faster than listeners hear, callers come at random times.
From "made" to "received", the first sound, and processor time for each chunk. Then as fast as it goes: chunks a second.

    python -m benchmarks.scale.gateway
    python -m benchmarks.scale.gateway --streams 32 --engines 4 --turns 5

The first sound counts from the call, less what the engine took to make it. Both services do all that a service does:
admission, pacing, encoding, resume tokens. The processor time of the one without a gateway has its engine's own work.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import random
import statistics
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import grpc
from google.protobuf.duration_pb2 import Duration

from benchmarks.support.engine_process import Served
from benchmarks.support.machine import describe
from benchmarks.support.scripted_service import ScriptedService, scripted_service
from engine.clock import now_ns
from gapless.tts.v1 import tts_pb2 as pb
from gapless.tts.v1 import tts_pb2_grpc
from tests.fakes import TOKEN_SAMPLES

SENTENCE = "Every chunk of this text goes from one process to another and is counted when it arrives there. "
TOKEN_S = 0.036  # that a token of 40 ms takes
SPREAD_S = 4.0  # over which the callers of a turn come
FAST_SENTENCES = 8
_NO_PACING = Duration()
_WARM = 4  # callers, before anything counts


@dataclass
class Cost:
    name: str
    way_ms: list[float] = field(default_factory=list)  # from the end of the vocoder to the caller
    first_ms: list[float] = field(default_factory=list)
    chunks: int = 0
    took_s: float = 0.0
    processor_s: float = 0.0

    @property
    def way(self) -> float:
        return statistics.median(self.way_ms)

    @property
    def first(self) -> float:
        return statistics.median(self.first_ms)

    @property
    def processor_ms(self) -> float:
        return self.processor_s / self.chunks * 1000

    @property
    def per_second(self) -> float:
        return self.chunks / self.took_s

    def line(self) -> str:
        late = statistics.quantiles(self.way_ms, n=20)[-1]
        return (
            f"{self.name}: {self.chunks} chunks; made to received {self.way:.2f} ms (p50), {late:.2f} (p95); first "
            f"sound {self.first:.2f} ms (p50) beside the engine's work; {self.processor_ms:.2f} ms of the service's "
            f"processor time a chunk; {self.per_second:.0f} chunks a second"
        )


async def speak(stub: Any, text: str, seed: int, ahead_s: float, cost: Cost) -> None:
    """`ahead_s`: what the service takes off its engine's clock."""
    began_ns = now_ns()
    call = stub.Synthesize()
    config = pb.SynthesisConfig(sampling=pb.SamplingConfig(seed=seed))
    config.streaming.max_lead.CopyFrom(_NO_PACING)
    await call.write(pb.SynthesizeRequest(config=config))
    await call.write(pb.SynthesizeRequest(text=pb.Text(text=text)))
    await call.write(pb.SynthesizeRequest(end_of_input=pb.EndOfInput()))
    is_first = True
    while isinstance(response := await call.read(), pb.SynthesizeResponse):
        if response.HasField("audio"):
            received_ns, timings = now_ns(), response.audio.timings
            cost.way_ms.append((received_ns - timings.vocoder_end_unix_nanos) / 1e6 - ahead_s * 1000)
            if is_first:
                worked_ns = timings.vocoder_end_unix_nanos - timings.t3_start_unix_nanos
                cost.first_ms.append((received_ns - began_ns - worked_ns) / 1e6)
                is_first = False
            cost.chunks += 1


async def turn(service: ScriptedService, streams: int, sentences: int, spread_s: float, cost: Cost) -> None:
    """Each caller has a connection of his own, as callers have; it is there before he speaks."""
    async with contextlib.AsyncExitStack() as stack:
        channels = [
            await stack.enter_async_context(
                grpc.aio.insecure_channel(service.address, [("grpc.use_local_subchannel_pool", 1)])
            )
            for _ in range(streams)
        ]
        await asyncio.gather(*(channel.channel_ready() for channel in channels))
        stubs = [tts_pb2_grpc.TextToSpeechServiceStub(channel) for channel in channels]
        text, before, began_s = SENTENCE * sentences, service.ask(), time.monotonic()

        async def come(seed: int, stub: Any) -> None:
            await asyncio.sleep(random.uniform(0.0, spread_s))
            await speak(stub, text, seed, before.ahead_s, cost)

        await asyncio.gather(*(come(seed, stub) for seed, stub in enumerate(stubs)))
        cost.took_s += time.monotonic() - began_s
        cost.processor_s += service.ask().processor_s - before.processor_s


async def run(
    streams: int, engines: int, turns: int, token_s: float, sentences: int, spread_s: float
) -> tuple[Cost, Cost]:
    """Through a gateway, and without."""
    served = Served(places=max(streams, _WARM), token_s=token_s)
    through, alone = Cost("through a gateway"), Cost("without")
    with scripted_service(served, engines) as gateway, scripted_service(served, 0) as service:
        sides: Sequence[tuple[ScriptedService, Cost]] = ((gateway, through), (service, alone))
        for one, _ in sides:
            await turn(one, _WARM, 1, 0.0, Cost("warm"))
        for _ in range(turns):
            for one, cost in sides:
                await turn(one, streams, sentences, spread_s, cost)
    return through, alone


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--streams", type=int, default=16)
    parser.add_argument("--engines", type=int, default=2)
    parser.add_argument("--turns", type=int, default=3, help="of each side in real time")
    given = parser.parse_args()
    print(describe(), flush=True)
    through, alone = asyncio.run(run(given.streams, given.engines, given.turns, TOKEN_S, 1, SPREAD_S))
    print(f"{given.streams} listeners in real time, chunks of up to {5 * TOKEN_SAMPLES / 24:.0f} ms")
    print(through.line(), alone.line(), sep="\n")
    print(
        f"the gateway costs {through.way - alone.way:+.2f} ms from made to received and "
        f"{through.first - alone.first:+.2f} ms of the first sound",
        flush=True,
    )
    through, alone = asyncio.run(run(given.streams, given.engines, 1, 0.0, FAST_SENTENCES, 0.0))
    print("as fast as it goes, callers and engines on the same cores")
    print(through.line(), alone.line(), sep="\n")


if __name__ == "__main__":
    main()
