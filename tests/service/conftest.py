"""A service over a scripted engine on a loopback port of its own, and its stub."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass

import grpc
import pytest
from opentelemetry import trace

from gapless.tts.v1 import tts_pb2_grpc
from service.access.access import Access
from service.config import ServiceConfig
from service.engines.in_process import InProcess
from service.observability.metrics import Metrics
from service.rpc.resume import ResumeTokens
from service.rpc.session import Dependencies
from service.server import Server
from tests.fakes import Script, ScriptedEngine
from tests.recordings import CLONING, Cloning

VOICES = {
    "anna": Script(),
    "karl": Script(window_tokens=3),
    "slow": Script(token_s=0.02, window_tokens=2),
    "broken": Script(fail_at_chunk=1),
    "stuck": Script(hang_at_chunk=1),
}


@dataclass(frozen=True)
class Served:
    engine: ScriptedEngine
    server: Server
    address: str
    channel: grpc.aio.Channel
    stub: tts_pb2_grpc.TextToSpeechServiceStub
    metrics: Metrics


Serve = Callable[..., AbstractAsyncContextManager[Served]]


@asynccontextmanager
async def serve_scripted(
    *,
    voices: Mapping[str, Script] = VOICES,
    max_utterances: int = 4,
    channel_s: float = 2.0,
    cloning: Cloning | None = CLONING,
    has_alignment: bool = False,
    has_resume: bool = True,
    has_speaking_rate: bool = False,
    resume_tokens: ResumeTokens | None = None,
    tracer: trace.Tracer | None = None,
    access: Access | None = None,
    credentials: grpc.ChannelCredentials | None = None,
    **config: float,
) -> AsyncIterator[Served]:
    engine = ScriptedEngine(
        voices,
        max_utterances=max_utterances,
        channel_s=channel_s,
        cloning=cloning,
        has_alignment=has_alignment,
        has_resume=has_resume,
        has_speaking_rate=has_speaking_rate,
    )
    settings = ServiceConfig(address="127.0.0.1:0", version="test", **config)  # type: ignore[arg-type]
    server = Server(settings, access)
    tracer = tracer or trace.NoOpTracer()
    metrics = Metrics()
    dependencies = Dependencies(
        engine=InProcess(engine),
        config=settings,
        tracer=tracer,
        metrics=metrics,
        resume_tokens=resume_tokens or ResumeTokens(),
    )
    await server.start(dependencies)
    address = f"127.0.0.1:{server.port}"
    at_once = asyncio.Event()
    at_once.set()
    try:
        async with _channel(address, credentials) as channel:
            yield Served(engine, server, address, channel, tts_pb2_grpc.TextToSpeechServiceStub(channel), metrics)
    finally:
        await server.stop(at_once)
        engine.close()


def _channel(address: str, credentials: grpc.ChannelCredentials | None) -> grpc.aio.Channel:
    return grpc.aio.secure_channel(address, credentials) if credentials else grpc.aio.insecure_channel(address)


@pytest.fixture
async def served() -> AsyncIterator[Served]:
    async with serve_scripted() as served:
        yield served


@pytest.fixture
def serve() -> Serve:
    return serve_scripted
