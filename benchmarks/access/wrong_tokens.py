"""What does a wrong token cost its sender, and what does a flood of them cost a neighbour?

    python -m benchmarks.access.wrong_tokens
    python -m benchmarks.access.wrong_tokens --seconds 10 --rounds 4

A service with TLS and tokens. First: how long a refusal takes on an open connection, for a unary call and for a stream
whose sender writes its config at once, one after the other; a clock probe with the right token stands beside it. Then a
neighbour with the right token speaks one text after the other, in turns with and without a flood: another process, of
the lowest priority, sends wrong tokens over several connections, as many at once as it likes.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import cycle

import grpc

from benchmarks.access.secured_service import Secured, secured_service
from benchmarks.support.machine import describe, machine
from benchmarks.support.remote_utterance import collect
from benchmarks.support.sample_statistics import percentile
from benchmarks.support.simulated_listener import Arrival, listen, ttfa_s
from benchmarks.support.texts import TEXTS
from client import Client
from gapless.tts.v1 import tts_pb2 as pb
from gapless.tts.v1.tts_pb2_grpc import TextToSpeechServiceStub

WRONG = [("authorization", "Bearer gapless_" + "A" * 43)]
REPETITIONS = 60
CALL_PAUSE_S = 0.08  # more than ten wrong tokens a second would have to wait
LEAD_S = 0.3  # of audio ahead of the neighbour: little, so that a delay is a gap soon
HEAD_START_S = 1.0  # of the flood, whose process has to start
TARGET_MS = 5.0  # of a refusal, at the median


@dataclass(kw_only=True)
class Heard:
    ttfa_ms: list[float] = field(default_factory=list)
    gaps_ms: list[float] = field(default_factory=list)  # the worst of each utterance


def refusals_ms(secured: Secured) -> dict[str, list[float]]:
    """Milliseconds of each kind of call; the kinds take turns."""
    right = [("authorization", f"Bearer {secured.token}")]
    with secured.channel() as channel:
        stub = TextToSpeechServiceStub(channel)
        first = pb.SynthesizeRequest(config=pb.SynthesisConfig())
        kinds: dict[str, Callable[[], object]] = {
            "clock probe, right token": lambda: stub.ProbeClock(pb.ProbeClockRequest(), metadata=right),
            "clock probe, wrong token": lambda: stub.ProbeClock(pb.ProbeClockRequest(), metadata=WRONG),
            "stream, wrong token": lambda: list(stub.Synthesize(iter([first]), metadata=WRONG)),
        }
        took: dict[str, list[float]] = {name: [] for name in kinds}
        for _ in range(REPETITIONS):
            for name, call in kinds.items():
                began = time.perf_counter()
                refused = was_refused(call)
                took[name].append(1e3 * (time.perf_counter() - began))
                assert refused is ("wrong" in name), name
                time.sleep(CALL_PAUSE_S)
    return took


def was_refused(call: Callable[[], object]) -> bool:
    try:
        call()
    except grpc.RpcError as error:
        if error.code() is not grpc.StatusCode.UNAUTHENTICATED:
            raise
        return True
    return False


async def neighbour(client: Client, seconds: float) -> Heard:
    heard, ends = Heard(), time.monotonic() + seconds
    for text in cycle(TEXTS):
        if time.monotonic() >= ends:
            return heard
        arrivals: list[Arrival] = []
        async with client.utterance(max_lead=LEAD_S) as utterance:
            await utterance.push(text)
            await utterance.end()
            began_ns = utterance.record.text_complete_ns or 0
            await collect(utterance, began_ns, arrivals)
        heard.ttfa_ms.append(1e3 * ttfa_s(arrivals))
        heard.gaps_ms.append(1e3 * listen(arrivals, follow_hints=True).worst_s)
    return heard


async def in_turns(secured: Secured, rounds: int, seconds: float) -> tuple[dict[str, Heard], Counter[str]]:
    """What the neighbour heard without and with a flood, and how the flood's calls ended."""
    heard = {"nobody else": Heard(), "a flood of wrong tokens": Heard()}
    outcomes: Counter[str] = Counter()
    async with secured.client() as client:
        await neighbour(client, 2.0)  # warms up
        for _ in range(rounds):
            add(heard["nobody else"], await neighbour(client, seconds))
            flood = await asyncio.create_subprocess_exec(
                *(sys.executable, "-m", "benchmarks.access.flood", secured.address, str(secured.ca)),
                str(seconds + HEAD_START_S),
                stdout=subprocess.PIPE,
            )
            await asyncio.sleep(HEAD_START_S)
            add(heard["a flood of wrong tokens"], await neighbour(client, seconds))
            said, _ = await flood.communicate()
            outcomes.update(json.loads(said))
    return heard, outcomes


def add(heard: Heard, more: Heard) -> None:
    heard.ttfa_ms += more.ttfa_ms
    heard.gaps_ms += more.gaps_ms


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n\n")[0])
    parser.add_argument("--seconds", type=float, default=8.0, help="of each turn of the neighbour")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    arguments = parser.parse_args()
    with secured_service() as secured:
        took = refusals_ms(secured)
        heard, outcomes = asyncio.run(in_turns(secured, arguments.rounds, arguments.seconds))
    per_s = outcomes.total() / (arguments.rounds * (arguments.seconds + HEAD_START_S))
    if arguments.json:
        report = {"machine": machine(), "took_ms": took, "heard": {name: vars(one) for name, one in heard.items()}}
        print(json.dumps({**report, "flood": outcomes, "flood_per_s": per_s}))
    else:
        print(f"on {describe()}")
        for name, values in took.items():
            print(f"{name:26} p50 {percentile(values, 50):6.2f} ms  p95 {percentile(values, 95):6.2f} ms")
        for name, one in heard.items():
            print(
                f"{name:26} TTFA p50 {percentile(one.ttfa_ms, 50):4.0f} ms  p95 {percentile(one.ttfa_ms, 95):4.0f} ms  "
                f"worst gap {max(one.gaps_ms):4.0f} ms, of {len(one.ttfa_ms)} utterances"
            )
        print(f"the flood: {per_s:.0f} calls a second, {dict(outcomes)}")
    return 0 if all(percentile(values, 50) <= TARGET_MS for name, values in took.items() if "wrong" in name) else 1


if __name__ == "__main__":
    sys.exit(main())
