"""Random sequences of what one call can do: whatever comes, a canonical answer, and nothing is left behind.

Some hundred sequences here; `GAPLESS_SEQUENCES=100000` runs so many against the scripted engine and a fiftieth of them
against the embedded voice (`make sequences`).
"""

from __future__ import annotations

import asyncio
import contextlib
import gc
import os
import resource
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import grpc
import pytest
from google.protobuf.message import Message
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from opentelemetry import trace

from client._transport.reader import OVER, hand_to_grpc
from engine.loading import load
from engine.messages import Engine
from engine.options import EngineOptions
from gapless.tts.v1 import tts_pb2 as pb
from gapless.tts.v1 import tts_pb2_grpc
from service.config import ServiceConfig
from service.rpc.session import Dependencies
from service.server import Server
from tests.fakes import Script, ScriptedEngine
from tests.service.talk import Request, end

COUNT = int(os.environ.get("GAPLESS_SEQUENCES", "300"))
FINE = {
    grpc.StatusCode.OK,
    grpc.StatusCode.INVALID_ARGUMENT,
    grpc.StatusCode.UNIMPLEMENTED,
    grpc.StatusCode.RESOURCE_EXHAUSTED,
    grpc.StatusCode.CANCELLED,
    grpc.StatusCode.ABORTED,
}
MEMORY_GROWTH_MIB = 64
READ_S = 0.2  # a reader that waits longer gives the call up: the server may have nothing to say

LETTERS = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
PIECES = LETTERS | st.sampled_from(["Hello there. ", "One ", "two.", " ", "\n\n", "...", "3.14", "\U0001f600", "\x00"])
NUMBERS = st.integers(0, 2**64 - 1) | st.integers(0, 5000)
CONFIGS = st.builds(
    pb.SynthesisConfig,
    voice=st.sampled_from(["", "", "anna", "karl", "nobody"]),
    language_code=st.sampled_from(["", "", "en-US", "tlh"]),
    audio_format=st.builds(
        pb.AudioFormat, encoding=st.integers(0, 6), sample_rate_hertz=st.sampled_from([0, 0, 8000, 24_000, 7])
    ),
    streaming=st.builds(pb.StreamingConfig, want_alignment=st.booleans(), want_resume_tokens=st.booleans()),
    speaking_rate=st.sampled_from([None, None, 1.0, 1.5]),
    text_format=st.sampled_from([0, 0, 2, 3, 9]),
)
MESSAGES = st.one_of(
    st.builds(lambda piece: Request(text=pb.Text(text=piece)), PIECES),
    st.builds(lambda number: Request(flush=pb.Flush(flush_id=number)), NUMBERS),
    st.builds(
        lambda played, stopped: Request(playback=pb.PlaybackReport(played_samples=played, stopped=stopped)),
        st.just(0) | NUMBERS,
        st.booleans(),
    ),
    st.builds(lambda config: Request(config=config), CONFIGS),
    st.sampled_from([end(), Request(), Request.FromString(b"\xa2\x06\x00")]),
)
ACTIONS = MESSAGES | st.sampled_from(["read", "read", "wait", "half-close", "cancel"])
ACCEPTED = st.builds(
    lambda voice: Request(config=pb.SynthesisConfig(voice=voice)), st.sampled_from(["", "anna", "karl"])
)
FIRST = ACCEPTED | ACCEPTED | st.builds(lambda config: Request(config=config), CONFIGS) | MESSAGES
SEQUENCES = st.tuples(FIRST, st.lists(ACTIONS, max_size=12))


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


async def play(stub: tts_pb2_grpc.TextToSpeechServiceStub, first: Request, actions: list[Message | str]) -> None:
    """One call; what is left of it is heard out. Fails if its status is none that a caller may get."""
    call = stub.Synthesize()
    with contextlib.suppress(*OVER, grpc.RpcError, asyncio.CancelledError, TimeoutError):
        for action in (first, *actions):
            await _act(call, action)
        await call.done_writing()
    with contextlib.suppress(grpc.RpcError, asyncio.CancelledError, *OVER):
        async with asyncio.timeout(30):
            while await call.read() is not grpc.aio.EOF:
                pass
    code, details = await call.code(), await call.details()
    assert code in FINE, f"{code} {details}"


@asynccontextmanager
async def serving(engine: Engine) -> AsyncIterator[tts_pb2_grpc.TextToSpeechServiceStub]:
    config = ServiceConfig(address="127.0.0.1:0", version="test", max_lead_s=0.0)
    server = Server(config, None)
    await server.start(Dependencies(engine=engine, config=config, tracer=trace.NoOpTracer()))
    at_once = asyncio.Event()
    at_once.set()
    try:
        async with grpc.aio.insecure_channel(f"127.0.0.1:{server.port}") as channel:
            yield tts_pb2_grpc.TextToSpeechServiceStub(channel)
    finally:
        await server.stop(at_once)


def _memory_mib() -> float:
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    return pages * resource.getpagesize() / 2**20


def _held(engine: Engine) -> tuple[int, int, int]:
    """Utterances and slots of the engine, open files of the process."""
    stats = engine.stats()
    return stats.utterances, stats.slots_in_use, len(os.listdir("/proc/self/fd"))


async def _settled(engine: Engine, tasks: int) -> None:
    async with asyncio.timeout(10):
        while engine.stats().utterances or len(asyncio.all_tasks()) > tasks:
            await asyncio.sleep(0.01)


def run_sequences(engine: Engine, count: int) -> None:
    """`count` sequences, one after the other, on one server. Fails at the first that leaves something behind."""
    with asyncio.Runner() as runner:
        service = serving(engine)
        stub = runner.run(service.__aenter__())

        async def warm_up() -> int:
            for _ in range(20):
                await play(stub, Request(config=pb.SynthesisConfig()), [Request(text=pb.Text(text="Hello."))])
            await asyncio.sleep(0.1)
            return len(asyncio.all_tasks())

        tasks = runner.run(warm_up())
        before, memory_mib = _held(engine), _memory_mib()

        @settings(
            max_examples=count,
            deadline=None,
            database=None,
            derandomize=count <= 1000,
            suppress_health_check=list(HealthCheck),
        )
        @given(SEQUENCES)
        def one(sequence: tuple[Request, list[Message | str]]) -> None:
            runner.run(play(stub, *sequence))
            runner.run(_settled(engine, tasks))

        try:
            one()
            gc.collect()
            assert _held(engine)[:2] == before[:2] == (0, 0)
            assert _held(engine)[2] <= before[2] + 2
            grown_mib = _memory_mib() - memory_mib
            print(f"{count} sequences, memory grew by {grown_mib:.1f} MiB")  # noqa: T201
            assert grown_mib < MEMORY_GROWTH_MIB
        finally:
            runner.run(service.__aexit__(None, None, None))


@pytest.mark.timeout(0 if COUNT > 1000 else 120)
def test_any_sequence_ends_canonically_and_leaves_nothing_behind() -> None:
    voices = {"anna": Script(), "karl": Script(window_tokens=3)}
    engine = ScriptedEngine(voices, max_utterances=4, has_alignment=True)
    try:
        run_sequences(engine, COUNT)
    finally:
        engine.close()


@pytest.mark.slow
@pytest.mark.timeout(0 if COUNT > 1000 else 300)
def test_any_sequence_ends_well_with_the_embedded_voice() -> None:
    engine = load("embedded", EngineOptions(max_utterances=4))
    try:
        run_sequences(engine, max(20, COUNT // 50))
    finally:
        engine.close()
