"""The whole service in front of engine servers: what clients, probes and tokens see."""

from __future__ import annotations

import asyncio
import contextlib
import io
import socket
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import grpc
import pytest
from google.rpc import error_details_pb2
from grpc_health.v1 import health_pb2, health_pb2_grpc
from opentelemetry import trace

from engine.messages import Accepted, Sink, Utterance
from gapless.tts.v1 import tts_pb2 as pb
from gapless.tts.v1 import tts_pb2_grpc
from service import engines_command
from service.access import tokens
from service.access.access import Access, AccessConfig
from service.access.caller import Caller
from service.config import ServiceConfig
from service.engine_server import EngineServer
from service.engines.addresses import addresses_of
from service.engines.config import EnginesConfig
from service.engines.dial import Dial
from service.engines.in_process import InProcess
from service.engines.metrics import PoolCollector
from service.engines.pool import Pool
from service.observability.metrics import Metrics
from service.rpc.session import Dependencies
from service.server import Server
from tests.fakes import ScriptedEngine
from tests.service.engines.servers import Listener, Stage, pool_over
from tests.service.talk import detail, end, say, seeded, text
from tests.service.test_synthesize import SENTENCE, expected_pcm

Status = health_pb2.HealthCheckResponse


@dataclass
class Gateway:
    address: str
    stub: tts_pb2_grpc.TextToSpeechServiceStub
    channel: grpc.aio.Channel
    metrics: Metrics


@contextlib.asynccontextmanager
async def gateway(pool: Pool) -> AsyncIterator[Gateway]:
    config, metrics, at_once = ServiceConfig(address="127.0.0.1:0", version="test"), Metrics(), asyncio.Event()
    server = Server(config)
    metrics.registry.register(PoolCollector(pool))
    await server.start(Dependencies(engine=pool, config=config, tracer=trace.NoOpTracer(), metrics=metrics))
    at_once.set()
    try:
        address = f"127.0.0.1:{server.port}"
        async with grpc.aio.insecure_channel(address) as channel:
            yield Gateway(address, tts_pb2_grpc.TextToSpeechServiceStub(channel), channel, metrics)
    finally:
        await server.stop(at_once)


async def test_a_client_hears_what_one_process_would_say() -> None:
    stage = Stage()
    await stage.add()
    await stage.add()
    async with pool_over(stage, spare=0.5) as pool, gateway(pool) as served:
        heard = await say(served.stub, [seeded(), text(SENTENCE), end()])
        assert heard.pcm == expected_pcm(SENTENCE)
        for chunk in heard.chunks:
            told = chunk.timings
            assert 0 < told.engine_sent_unix_nanos <= told.gateway_received_unix_nanos <= told.taken_unix_nanos
            assert told.move_start_unix_nanos == told.move_end_unix_nanos == 0
        info = await served.stub.GetServerInfo(pb.GetServerInfoRequest())
        assert info.limits.max_utterances == 24
        assert info.max_utterances_reason.startswith("2 of 2 engines serve; 8 places")
        voices = await served.stub.ListVoices(pb.ListVoicesRequest())
        assert [voice.name for voice in voices.voices] == ["anna", "karl", "stuck"]
        value = served.metrics.registry.get_sample_value
        assert value("gapless_utterances_limit") == 24
        assert value("gapless_engine_moves_total") == 0
        assert [value("gapless_engine_serves", {"engine": address}) for address in stage.engines] == [1, 1]


class TakesTextFirst:
    """A pool that answers a request to speak when text has come for it."""

    def __init__(self, pool: Pool) -> None:
        self._pool, self._text = pool, asyncio.Event()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._pool, name)

    async def submit(self, utterance: Utterance, sink: Sink) -> Accepted:
        accepted = await self._pool.submit(utterance, sink)
        await self._text.wait()
        return accepted

    def push_text(self, utterance_id: str, text: str) -> None:
        self._pool.push_text(utterance_id, text)
        self._text.set()


async def test_text_goes_to_an_engine_before_that_has_answered() -> None:
    """It waited for the answer, which cost each first sound a way there and back."""
    stage = Stage()
    await stage.add()
    async with pool_over(stage) as pool, gateway(cast(Pool, TakesTextFirst(pool))) as served, asyncio.timeout(5):
        heard = await say(served.stub, [seeded(), text(SENTENCE), end()])
        assert heard.kinds[0] == "started"
        assert heard.pcm == expected_pcm(SENTENCE)


async def test_who_is_refused_while_he_writes_on_is_told_so() -> None:
    stage = Stage()
    await stage.add(max_utterances=1)
    async with pool_over(stage) as pool, gateway(pool) as served:
        await Listener(pool, "one", voice="stuck").submit()
        for _ in range(20):
            with pytest.raises(grpc.aio.AioRpcError) as failure:
                await say(served.stub, [seeded(), *[text("Hello. ") for _ in range(50)], end()])
            assert failure.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED


async def test_without_engines_health_and_calls_say_so_and_are_well_again_with_one() -> None:
    stage = Stage()
    one = await stage.add()
    async with pool_over(stage) as pool, gateway(pool) as served:
        watch = health_pb2_grpc.HealthStub(served.channel).Watch(health_pb2.HealthCheckRequest())
        assert (await watch.read()).status == Status.SERVING
        await stage.cut(one)
        async with asyncio.timeout(3):
            assert (await watch.read()).status == Status.NOT_SERVING
        with pytest.raises(grpc.aio.AioRpcError) as failure:
            await say(served.stub, [seeded(), text("Hello."), end()])
        assert failure.value.code() is grpc.StatusCode.UNAVAILABLE
        info = detail(failure.value, error_details_pb2.ErrorInfo)
        assert info is not None
        assert info.reason == "NO_ENGINE"
        assert detail(failure.value, error_details_pb2.RetryInfo) is not None
        await stage.add()
        async with asyncio.timeout(5):
            assert (await watch.read()).status == Status.SERVING
        assert (await say(served.stub, [seeded(), text(SENTENCE), end()])).pcm == expected_pcm(SENTENCE)
        watch.cancel()


async def test_an_engine_server_asks_for_its_token(tmp_path: Path) -> None:
    token = tokens.create(tmp_path / "tokens.toml", Caller(name="gateway"))
    (tmp_path / "token").write_text(token + "\n")
    access = Access.of(AccessConfig(token_file=tmp_path / "tokens.toml"), "127.0.0.1:0")
    server = EngineServer(ServiceConfig(address="127.0.0.1:0", version="test"), access)
    await server.start(InProcess(ScriptedEngine()))
    address = f"127.0.0.1:{server.port}"
    knows = Pool(addresses_of(address), dial=Dial.of(address, None, tmp_path / "token"), version="test")
    stranger = Pool(addresses_of(address), version="test")
    try:
        async with asyncio.timeout(5):
            await knows.ready()
            while not stranger.engines or "no token" not in stranger.engines[address].reason:
                await asyncio.sleep(0.02)
        assert not stranger.engines[address].serves
    finally:
        await knows.close()
        await stranger.close()
        await server.stop(0.0)


async def test_engines_are_shown_with_their_places() -> None:
    stage = Stage()
    one = await stage.add()
    async with pool_over(stage):
        out = io.StringIO()
        assert await engines_command.run(EnginesConfig(engines=one), "test", out, io.StringIO()) == 0
        title, line = out.getvalue().splitlines()
        assert title.split()[:3] == ["engine", "state", "version"]
        assert line.split() == [one, "serving", "test", "scripted", "16", "0", "-", "3", "cpu"]
        assert await engines_command.run(EnginesConfig(engines="127.0.0.1:1"), "test", out, io.StringIO()) == 1


async def test_an_engine_that_does_not_fit_is_shown_with_the_reason() -> None:
    """It was shown as serving, and the exit status was 0, while a gateway left it out."""
    stage = Stage()
    one = await stage.add()
    async with pool_over(stage):
        out = io.StringIO()
        assert await engines_command.run(EnginesConfig(engines=one), "2.0", out, io.StringIO()) == 1
        line = out.getvalue().splitlines()[1]
        assert line.split()[:3] == [one, "unfit", "test"]
        assert line.endswith("it is of version test; this gateway is of 2.0")


async def test_an_engine_that_gives_no_answer_is_shown_with_that() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        address = f"127.0.0.1:{silent.getsockname()[1]}"
        out = io.StringIO()
        assert await engines_command.run(EnginesConfig(engines=address), "test", out, io.StringIO()) == 1
        assert "no answer within" in out.getvalue().splitlines()[1]


async def test_the_log_says_once_why_an_engine_does_not_serve(caplog: pytest.LogCaptureFixture) -> None:
    """A gateway with a wrong token, or another version, waited for ever without a word."""
    stage = Stage()
    one = await stage.add()
    other = Pool(stage.find, version="2.0")
    try:
        async with asyncio.timeout(5):
            for _ in range(3):  # attempts
                await other._members.changed()
    finally:
        await other.close()
        await stage.close()
    said = [record.getMessage() for record in caplog.records if record.name == "service.engines.remote"]
    assert said == [f"engine {one}: not used: it is of version test; this gateway is of 2.0"]


async def test_a_gateway_that_leaves_has_lost_nobody(caplog: pytest.LogCaptureFixture) -> None:
    stage = Stage()
    one = await stage.add()
    async with pool_over(stage) as pool:
        engine = pool.engines[one]
    assert engine.losses == 0
    assert "lost" not in caplog.text
