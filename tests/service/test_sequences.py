"""Random sequences of what calls can do: whatever comes, a canonical answer, and nothing is left behind.

A scene is a few calls of any method at once, each with random messages, readings, waits, half-closes and cancels. Some
hundred calls here; `GAPLESS_SEQUENCES=100000` plays so many against the scripted engine and a fiftieth of them against
the embedded voice (`make sequences`).
"""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import gc
import os
import resource
import threading
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import grpc
import pytest
from google.protobuf.message import Message
from hypothesis import HealthCheck, Phase, given, seed, settings
from opentelemetry import trace

from client._transport.reader import OVER, hand_to_grpc
from engine.loading import load
from engine.messages import Engine
from engine.options import EngineOptions
from gapless.tts.v1 import tts_pb2 as pb
from gapless.tts.v1 import tts_pb2_grpc
from service.config import ServiceConfig
from service.engines.in_process import InProcess
from service.rpc.session import Dependencies
from service.server import Server
from tests.fakes import Script, ScriptedEngine
from tests.service.sequences import SCENES, Call

COUNT = int(os.environ.get("GAPLESS_SEQUENCES", "300"))
LONG = COUNT > 1000
FINE = {
    grpc.StatusCode.OK,
    grpc.StatusCode.INVALID_ARGUMENT,
    grpc.StatusCode.UNIMPLEMENTED,
    grpc.StatusCode.RESOURCE_EXHAUSTED,
    grpc.StatusCode.CANCELLED,
    grpc.StatusCode.ABORTED,
    grpc.StatusCode.NOT_FOUND,
    grpc.StatusCode.ALREADY_EXISTS,
    grpc.StatusCode.FAILED_PRECONDITION,
}
READ_S = 0.1  # a reader that waits longer gives the call up: the server may have nothing to say
HANGS_S = 600.0 if LONG else 30.0  # a long run may be stopped for minutes while something is measured
BATCH = 500  # scenes of one seed; between two of them memory is looked at, and hypothesis forgets what it tried
WARM_BATCHES = 3  # until caches are full; memory counts from then on
_WARM_UP = 1_000_000  # seed of a batch before all of them: networks take memory for what they compute the first time
MEMORY_GROWTH_MIB = 32  # the client is in this process, and grpc.aio keeps some 150 bytes of a call that it gave up
POOL_THREADS = 1 + min(32, (os.cpu_count() or 1) + 4)  # of CreateVoice, and of asyncio.to_thread: started when needed

Stub = tts_pb2_grpc.TextToSpeechServiceStub


async def _act(call: Any, action: Message | str) -> None:
    match action:
        case "read":
            await asyncio.wait_for(call.read(), READ_S)
        case "wait":
            await asyncio.sleep(0.002)
        case "half-close":
            await call.done_writing()
        case "cancel":
            call.cancel()
        case Message():
            await hand_to_grpc(call, action)


async def play(stub: Stub, call: Call) -> None:
    """One call; what is left of it is heard out. Fails if its status is none that a caller may get."""
    method = getattr(stub, call.method)
    rpc = method() if call.request is None else method(call.request)
    with contextlib.suppress(*OVER, grpc.RpcError, asyncio.CancelledError, TimeoutError):
        for action in call.actions:
            await _act(rpc, action)
        if call.request is None:
            await rpc.done_writing()
    with contextlib.suppress(grpc.RpcError, asyncio.CancelledError, *OVER):
        async with asyncio.timeout(HANGS_S):
            await _hear_out(rpc)
    code, details = await rpc.code(), await rpc.details()
    assert code in FINE, f"{call.method}: {code} {details}"


async def _hear_out(rpc: Any) -> None:
    if not hasattr(rpc, "read"):
        await rpc
        return
    while await rpc.read() is not grpc.aio.EOF:
        pass


@asynccontextmanager
async def serving(engine: Engine) -> AsyncIterator[Stub]:
    config = ServiceConfig(address="127.0.0.1:0", version="test", max_lead_s=0.0, calls_per_s=1e6)
    server = Server(config, None)
    await server.start(Dependencies(engine=InProcess(engine), config=config, tracer=trace.NoOpTracer()))
    at_once = asyncio.Event()
    at_once.set()
    try:
        async with grpc.aio.insecure_channel(f"127.0.0.1:{server.port}") as channel:
            yield Stub(channel)
    finally:
        await server.stop(at_once)


class Held:
    """What the process and the engine hold now."""

    def __init__(self, engine: Engine) -> None:
        gc.collect()
        if hasattr(libc := ctypes.CDLL(None), "malloc_trim"):
            # What gRPC freed, of calls that were given up above all, stays with glibc otherwise, and looks like a leak.
            libc.malloc_trim(0)
        stats = engine.stats()
        pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
        self.in_engine = stats.utterances, stats.slots_in_use
        self.descriptors = len(os.listdir("/proc/self/fd"))
        self.threads = threading.active_count()
        self.memory_mib = pages * resource.getpagesize() / 2**20

    def check_no_more_than(self, before: Held) -> None:
        assert self.in_engine == (0, 0)
        assert self.descriptors <= before.descriptors + 2
        assert self.threads <= before.threads + POOL_THREADS
        assert self.memory_mib < before.memory_mib + MEMORY_GROWTH_MIB


async def _settled(engine: Engine, tasks: int) -> None:
    async with asyncio.timeout(HANGS_S):
        while engine.stats().utterances or len(asyncio.all_tasks()) > tasks:
            await asyncio.sleep(0.001)


async def _warm_up(stub: Stub) -> int:
    """The tasks that a server at rest has."""
    hello = pb.SynthesizeTextRequest(text="Hello.")
    for _ in range(20):
        await play(stub, Call("SynthesizeText", hello, []))
    await asyncio.sleep(0.1)
    return len(asyncio.all_tasks())


def run_sequences(engine: Engine, count: int, forget: Callable[[], None] = lambda: None) -> None:
    """At least `count` calls, scene after scene, on one server. Fails at the first that leaves something behind."""
    played = batch = 0
    with asyncio.Runner() as runner:
        service = serving(engine)
        stub = runner.run(service.__aenter__())
        try:
            tasks = runner.run(_warm_up(stub))
            if LONG:
                _batch(runner, engine, stub, tasks, _WARM_UP, BATCH)
                forget()
            before = Held(engine)
            while played < count:
                played += _batch(runner, engine, stub, tasks, batch, count - played)
                batch += 1
                forget()
                now = Held(engine)
                print(f"{played} calls, {batch} batches, {now.memory_mib:.1f} MiB", flush=True)  # noqa: T201
                now.check_no_more_than(before)
                if batch <= WARM_BATCHES:
                    before.memory_mib = now.memory_mib
        finally:
            runner.run(service.__aexit__(None, None, None))


def _batch(runner: asyncio.Runner, engine: Engine, stub: Stub, tasks: int, number: int, most: int) -> int:
    """How many calls it played."""
    played = 0

    async def at_once(calls: list[Call]) -> None:
        async with asyncio.TaskGroup() as group:
            for call in calls:
                group.create_task(play(stub, call))

    @settings(
        max_examples=min(BATCH, most),
        deadline=None,
        database=None,
        phases=[Phase.generate, Phase.shrink],
        suppress_health_check=list(HealthCheck),
    )
    @seed(number)
    @given(SCENES)
    def scene(calls: list[Call]) -> None:
        nonlocal played
        if played >= most:
            return
        runner.run(at_once(calls))
        runner.run(_settled(engine, tasks))
        played += len(calls)

    scene()
    return played


@pytest.mark.timeout(0 if LONG else 120)
def test_any_sequence_ends_canonically_and_leaves_nothing_behind() -> None:
    voices = {"anna": Script(), "karl": Script(window_tokens=3)}
    engine = ScriptedEngine(voices, max_utterances=3, has_alignment=True)

    def forget() -> None:
        for asked in (engine.submitted, engine.playbacks, engine.cloned, engine.deleted):
            asked.clear()

    try:
        run_sequences(engine, COUNT, forget)
    finally:
        engine.close()


@pytest.mark.slow
@pytest.mark.timeout(0 if LONG else 300)
def test_any_sequence_ends_well_with_the_embedded_voice() -> None:
    engine = load("embedded", EngineOptions(max_utterances=3))
    try:
        run_sequences(engine, max(20, COUNT // 50))
    finally:
        engine.close()
