"""How much throughput and processor time does tracing cost?

One service speaks with every utterance sampled and exported over OTLP, and without tracing, in turns.

    python -m benchmarks.attribution.tracing_cost --pairs 20 --streams 4

One service, which samples what its client samples, and two clients: one that samples everything, one without tracing.
It is one service because two processes of the same program differ by more than tracing costs. A receiver, in a process
of its own on the same machine, takes what both sides export, as bytes that it does not look into before the end. Each
pair of runs speaks the same utterances, as fast as it goes, in turns with which comes first. Both export what they have
once a second, and a run begins when nothing of the one before it is left to export. Throughput is seconds of audio for
each second of the run; the ratio is taken within each pair.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import os
import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent import futures
from dataclasses import asdict, dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import grpc
from opentelemetry.proto.collector.trace.v1 import trace_service_pb2

from benchmarks.support import service_process
from benchmarks.support.child_process import child_process, obey
from benchmarks.support.machine import describe, machine
from benchmarks.support.sample_statistics import ratio
from benchmarks.support.texts import TEXTS
from client import Client
from client.cli import telemetry

MOST_COST = 0.02
TRACED, PLAIN = "traced", "plain"
EXPORT = "opentelemetry.proto.collector.trace.v1.TraceService"
EXPORTED_EVERY_S = 1.0  # five times as often as the SDK does by itself
_TICKS_PER_S = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True, kw_only=True)
class Run:
    """One round of a case."""

    audio_s: float
    wall_s: float
    cpu_s: float  # of the service's process and the client's

    @property
    def throughput(self) -> float:
        return self.audio_s / self.wall_s


# ------------------------------------------------------------------------------------------------ receiver


@contextlib.contextmanager
def receiver() -> Iterator[tuple[str, Connection]]:
    """Its address, and a connection that answers "count" with spans by name."""
    with child_process(_receive) as child:
        yield f"http://{child.address}", child.commands


def _receive(commands: Connection) -> None:
    exported: list[bytes] = []

    def export(request: bytes, context: grpc.ServicerContext) -> bytes:
        exported.append(request)
        return b""  # ExportTraceServiceResponse: everything was taken

    listener = grpc.server(futures.ThreadPoolExecutor(2))
    method: grpc.RpcMethodHandler[bytes, bytes] = grpc.unary_unary_rpc_method_handler(export)
    listener.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(EXPORT, {"Export": method}),))
    commands.send(listener.add_insecure_port("127.0.0.1:0"))
    listener.start()
    asyncio.run(obey(commands, lambda _: commands.send(_spans(exported))))
    listener.stop(0).wait()


def _spans(exported: Sequence[bytes]) -> dict[str, int]:
    counted: dict[str, int] = {}
    for request in exported:
        for resource in trace_service_pb2.ExportTraceServiceRequest.FromString(request).resource_spans:
            for span in (span for scope in resource.scope_spans for span in scope.spans):
                counted[span.name] = counted.get(span.name, 0) + 1
    return counted


# ------------------------------------------------------------------------------------------------ clients


@contextlib.contextmanager
def _environment(changes: Mapping[str, str]) -> Iterator[None]:
    """For the processes that are started inside: OTEL_* as given, and nothing else of it."""
    before = dict(os.environ)
    for name in [name for name in os.environ if name.startswith("OTEL_")]:
        del os.environ[name]
    os.environ.update(changes)
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)


def _speak(commands: Connection, address: str) -> None:
    flush = telemetry.configure(os.environ)
    asyncio.run(_obey(commands, address))
    flush()


async def _obey(commands: Connection, address: str) -> None:
    async with Client(address) as client:
        commands.send("ready")
        with contextlib.suppress(EOFError):
            while True:
                streams, utterances, seed = await asyncio.to_thread(commands.recv)
                began_s = time.monotonic()
                streaming = (_stream(client, seed + stream, utterances) for stream in range(streams))
                commands.send((sum(await asyncio.gather(*streaming)), time.monotonic() - began_s))


async def _stream(client: Client, seed: int, utterances: int) -> float:
    """Seconds of audio."""
    audio_s = 0.0
    for index in range(utterances):
        async for chunk in client.say(TEXTS[(seed * utterances + index) % len(TEXTS)], seed=seed, max_lead=0.0):
            audio_s += chunk.duration_s
    return audio_s


# ------------------------------------------------------------------------------------------------ measuring


def measure(pairs: int, streams: int, utterances: int) -> tuple[dict[str, list[Run]], dict[str, int]]:
    """The runs of both cases, pair by pair, and how many spans came by name."""
    with contextlib.ExitStack() as stack:
        endpoint, received = stack.enter_context(receiver())
        interval_ms = str(round(EXPORTED_EVERY_S * 1000))
        exported = {"OTEL_EXPORTER_OTLP_ENDPOINT": endpoint, "OTEL_BSP_SCHEDULE_DELAY": interval_ms}
        with _environment(exported | {"OTEL_TRACES_SAMPLER": "parentbased_always_off"}):
            address, service = stack.enter_context(service_process.process())
        sides = {}
        for name, environment in ((TRACED, exported | {"OTEL_TRACES_SAMPLER": "always_on"}), (PLAIN, {})):
            with _environment(environment):
                child = stack.enter_context(child_process(_speak, address))
            sides[name] = (child.commands, [service.pid, child.pid])
        runs: dict[str, list[Run]] = {TRACED: [], PLAIN: []}
        for name in sides:
            _run(*sides[name], (streams, 1, 0))  # warm
        for pair in range(pairs):
            for name in (TRACED, PLAIN) if pair % 2 else (PLAIN, TRACED):
                runs[name].append(_run(*sides[name], (streams, utterances, pair * streams)))
        received.send("count")
        return runs, received.recv()


def _run(commands: Connection, pids: Sequence[int], command: tuple[int, int, int]) -> Run:
    before_s = cpu_s(pids)
    commands.send(command)
    audio_s, wall_s = commands.recv()
    time.sleep(1.5 * EXPORTED_EVERY_S)
    return Run(audio_s=audio_s, wall_s=wall_s, cpu_s=cpu_s(pids) - before_s)


def cpu_s(pids: Sequence[int]) -> float:
    """User and system time of the processes so far (Linux)."""
    fields = [Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split() for pid in pids]
    return sum(int(field[11]) + int(field[12]) for field in fields) / _TICKS_PER_S


def figures(runs: Mapping[str, Sequence[Run]]) -> dict[str, Any]:
    traced, plain = runs[TRACED], runs[PLAIN]
    slower = ratio([run.throughput for run in traced], [run.throughput for run in plain])
    cpu = ratio([run.cpu_s / run.audio_s for run in traced], [run.cpu_s / run.audio_s for run in plain])
    return {
        "throughput_ratio": dict(zip(("median", "low", "high"), slower, strict=True)),
        "cpu_ratio": dict(zip(("median", "low", "high"), cpu, strict=True)),
        "audio_s_per_s": {
            name: sum(run.audio_s for run in of) / sum(run.wall_s for run in of) for name, of in runs.items()
        },
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n\n")[0])
    parser.add_argument("--pairs", type=int, default=20)
    parser.add_argument("--streams", type=int, default=4)
    parser.add_argument("--utterances", type=int, default=4, help="of each stream in a run")
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    runs, spans = measure(arguments.pairs, arguments.streams, arguments.utterances)
    found = figures(runs)
    print(
        f"{arguments.pairs} pairs of {arguments.streams} streams x {arguments.utterances} utterances, on {describe()}"
    )
    for name, value in found["audio_s_per_s"].items():
        print(f"  {name}: {value:.2f} s of audio a second")
    for what in ("throughput_ratio", "cpu_ratio"):
        print(f"  {what}, traced / plain: {{median:.4f}} ({{low:.4f}} to {{high:.4f}})".format(**found[what]))
    print(
        f"  {sum(spans.values())} spans came: " + ", ".join(f"{name} {count}" for name, count in sorted(spans.items()))
    )
    met = found["throughput_ratio"]["median"] >= 1 - MOST_COST
    print(f"  at most {MOST_COST:.0%} of throughput: {'met' if met else 'MISSED'}")
    if arguments.json:
        facts = {
            "machine": machine(),
            "spans": spans,
            "runs": {name: [asdict(run) for run in of] for name, of in runs.items()},
        }
        arguments.json.write_text(json.dumps(found | facts, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
