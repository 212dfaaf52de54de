"""An engine server that is slow to answer, or falls silent while somebody waits for its answer."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import grpc
import pytest

from engine.clock import now_ns
from engine.errors import EngineClosed, Unsupported
from engine.messages import NewVoice
from gapless.engine.v1 import engine_pb2 as pb
from gapless.engine.v1 import engine_pb2_grpc
from service.config import ServiceConfig
from service.engine_server import EngineServer
from service.engines.in_process import InProcess
from service.engines.pool import Pool
from service.engines.remote import SILENCE_S, Remote
from service.engines.servicer import EngineServicer
from tests.fakes import Script, ScriptedEngine
from tests.recordings import recording
from tests.service.engines.servers import VOICES, Listener, Stage, check_whole, pool_over

Context = grpc.aio.ServicerContext[Any, Any]


class Hanging(EngineServicer):
    """Makes and gives no voice, and no heartbeat once it is to be silent."""

    def __init__(self, engine: ScriptedEngine) -> None:
        super().__init__(InProcess(engine), "test")
        self.asked, self.silent = asyncio.Event(), asyncio.Event()

    async def Watch(self, request: pb.WatchRequest, context: Context) -> None:  # noqa: N802
        beating = asyncio.create_task(super().Watch(request, context))
        await self.silent.wait()
        beating.cancel()
        await asyncio.Event().wait()

    async def GetVoice(self, request: pb.GetVoiceRequest, context: Context) -> pb.GetVoiceResponse:  # noqa: N802
        self.asked.set()
        await asyncio.Event().wait()
        raise AssertionError

    async def CreateVoice(self, request: pb.CreateVoiceRequest, context: Context) -> pb.CreateVoiceResponse:  # noqa: N802
        self.asked.set()
        await asyncio.Event().wait()
        raise AssertionError


@contextlib.asynccontextmanager
async def served(servicer: EngineServicer) -> AsyncIterator[str]:
    server = grpc.aio.server()
    engine_pb2_grpc.add_EngineServiceServicer_to_server(servicer, server)
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    try:
        yield f"127.0.0.1:{port}"
    finally:
        await server.stop(0.0)


async def test_who_waits_for_a_voice_of_an_engine_that_is_lost_serves_without_it() -> None:
    """Closing the connection cancelled the call of whoever waited, which ended his own connection for good; and the
    second voice was asked of an engine that had no connection."""
    engine = ScriptedEngine(VOICES, has_alignment=True)
    for name in ("guest", "host"):
        engine.create_voice(NewVoice(name=name, audio=recording()))
    servicer, stage = Hanging(engine), Stage()
    async with served(servicer) as address:
        stage.addresses.add(address)
        pool = Pool(stage.find, version="test")
        try:
            async with asyncio.timeout(10):
                await pool.ready()
                other = await stage.add()
                await servicer.asked.wait()
                servicer.silent.set()
                while other not in pool.engines or not pool.engines[other].serves:
                    await asyncio.sleep(0.01)
                check_whole(await Listener(pool, "one").speak())
        finally:
            await pool.close()
            await stage.close()


async def test_who_makes_a_voice_is_told_that_the_engine_was_lost_and_not_where_it_was() -> None:
    """The call was cancelled without a word, or the answer named the engine's address."""
    servicer, stage = Hanging(ScriptedEngine(VOICES, has_alignment=True)), Stage()
    async with served(servicer) as address:
        stage.addresses.add(address)
        pool = Pool(stage.find, version="test")
        try:
            async with asyncio.timeout(10):
                await pool.ready()
                making = asyncio.create_task(pool.create_voice(NewVoice(name="guest", audio=recording())))
                await servicer.asked.wait()
                servicer.silent.set()
                with pytest.raises(EngineClosed) as lost:
                    await making
            assert str(lost.value) == "the engine that made the voice was lost"
        finally:
            await pool.close()


class TakesNoFile(EngineServicer):
    """Its heart beats, and it never stores a voice: a disk that hangs."""

    def __init__(self, engine: ScriptedEngine) -> None:
        super().__init__(InProcess(engine), "test")
        self.asked = asyncio.Event()

    async def PutVoice(self, request: pb.PutVoiceRequest, context: Context) -> pb.PutVoiceResponse:  # noqa: N802
        self.asked.set()
        await asyncio.Event().wait()
        raise AssertionError


class HangsWhileItJoins(TakesNoFile):
    """Takes no voice, and has no heartbeat either from then on."""

    async def Watch(self, request: pb.WatchRequest, context: Context) -> None:  # noqa: N802
        beating = asyncio.create_task(super().Watch(request, context))
        await self.asked.wait()
        beating.cancel()
        await asyncio.Event().wait()


async def test_an_engine_that_hangs_while_it_joins_keeps_nobody_else_out() -> None:
    """Its heartbeat was not read before it had joined: who joined or made a voice meanwhile waited for a minute."""
    stage, hanging = Stage(), HangsWhileItJoins(ScriptedEngine(VOICES, has_alignment=True))
    first = await stage.add()
    stage.engines[first].create_voice(NewVoice(name="guest", audio=recording()))
    async with served(hanging) as address, pool_over(stage) as pool:
        stage.addresses.add(address)
        async with asyncio.timeout(10):
            await hanging.asked.wait()
            late = await stage.add()
            while late not in pool.engines or not pool.engines[late].serves:
                await asyncio.sleep(0.01)
        assert "guest" in pool.engines[late].voices
        assert not pool.engines[address].serves


class Left:
    """The context of a call whose caller is gone."""

    async def read(self) -> object:
        return grpc.aio.EOF

    async def abort(self, code: grpc.StatusCode, details: str) -> None:
        raise AssertionError(f"{code}: {details}")  # gRPC raises an error of its own, which was logged as internal


async def test_a_gateway_that_is_gone_before_it_has_asked_for_anything_is_no_error() -> None:
    engine = ScriptedEngine(VOICES)
    servicer = EngineServicer(InProcess(engine), "test")
    await servicer.Speak(None, Left())  # type: ignore[arg-type]
    assert not engine.submitted


class Slow(EngineServicer):
    """Lists its voices in more time than a heart may stand still."""

    async def ListVoices(self, request: pb.ListVoicesRequest, context: Context) -> pb.ListVoicesResponse:  # noqa: N802
        await asyncio.sleep(2 * SILENCE_S)
        return await super().ListVoices(request, context)


async def test_an_engine_that_lists_its_voices_slowly_is_not_lost() -> None:
    """Heartbeats were not read while the list was awaited, and all that ran there was moved."""
    engine, stage = ScriptedEngine(VOICES, has_alignment=True), Stage()
    async with served(Slow(InProcess(engine), "test")) as address:
        stage.addresses.add(address)
        pool = Pool(stage.find, version="test")
        try:
            async with asyncio.timeout(10):
                await pool.ready()
                engine.create_voice(NewVoice(name="guest", audio=recording()))
                while "guest" not in pool.engines[address].voices:
                    await asyncio.sleep(0.01)
            assert pool.engines[address].losses == 0
        finally:
            await pool.close()


class ClockAhead(EngineServicer):
    """Its clock is ahead of ours."""

    ahead_ns = 0

    async def ProbeClock(self, request: pb.ProbeClockRequest, context: Context) -> pb.ProbeClockResponse:  # noqa: N802
        return pb.ProbeClockResponse(now_ns=now_ns() + self.ahead_ns)


async def test_a_clock_that_drifts_is_followed(monkeypatch: pytest.MonkeyPatch) -> None:
    """It was looked at when the connection was made, and never again: after a day of two clocks that differ by 20 parts
    in a million, chunks were under way for two seconds, as far as their stamps told."""
    monkeypatch.setattr("service.engines.remote.CLOCK_EVERY_S", 0.05)
    servicer, stage = ClockAhead(InProcess(ScriptedEngine(VOICES)), "test"), Stage()
    async with served(servicer) as address, pool_over(stage, 0) as pool:
        stage.addresses.add(address)
        async with asyncio.timeout(10):
            await pool.ready()
            engine = pool.engines[address]
            servicer.ahead_ns = 1_000_000_000
            while abs(engine._clock_offset_ns + servicer.ahead_ns) > 100_000_000:
                await asyncio.sleep(0.01)
        assert engine.losses == 0


async def test_an_engine_that_takes_no_voice_keeps_nobody_else_out_though_its_heart_beats() -> None:
    """Who joined, or made a voice, waited a minute for it."""
    stage, hanging = Stage(), TakesNoFile(ScriptedEngine(VOICES, has_alignment=True))
    first = await stage.add()
    stage.engines[first].create_voice(NewVoice(name="guest", audio=recording()))
    async with served(hanging) as address, pool_over(stage) as pool:
        stage.addresses.add(address)
        async with asyncio.timeout(8):
            await hanging.asked.wait()
            await pool.create_voice(NewVoice(name="other", audio=recording()))
            late = await stage.add()
            while late not in pool.engines or not pool.engines[late].serves:
                await asyncio.sleep(0.01)
            await pool.delete_voice("other")
        assert "guest" in pool.engines[late].voices
        assert "other" not in [voice.name for voice in stage.engines[late].voices()]
        assert not pool.engines[address].serves


async def test_a_voice_made_by_one_engine_while_another_hangs_is_there_for_all_others(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """And the engine that did not store it in time is not lost, but not asked to speak with it either."""
    monkeypatch.setattr("service.engines.shared_voices.FILE_S", 0.5)
    stage, hanging = Stage(), TakesNoFile(ScriptedEngine(VOICES, has_alignment=True, max_utterances=1))
    await stage.add()
    await stage.add()
    async with served(hanging) as address, pool_over(stage) as pool:
        stage.addresses.add(address)
        async with asyncio.timeout(8):
            while address not in pool.engines or not pool.engines[address].serves:
                await asyncio.sleep(0.01)
            pool.engines[address].stats = replace(pool.engines[address].stats, utterances=9)  # another one makes it
            await pool.create_voice(NewVoice(name="guest", audio=recording()))
        has = {engine.address for engine in pool.engines.values() if "guest" in engine.voices}
        assert has == set(stage.servers)
        assert pool.engines[address].losses == 0


async def test_a_voice_of_the_model_is_not_deleted() -> None:
    stage = Stage()
    await stage.add()
    async with pool_over(stage) as pool:
        with pytest.raises(Unsupported, match="part of the model"):
            await pool.delete_voice("anna")
        check_whole(await Listener(pool, "one").speak())


async def test_another_engine_that_has_the_address_of_one_that_is_gone_is_asked_what_it_is(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """What the first one had told was taken for what the second one is: it spoke with another model."""
    stage = Stage()
    address = await stage.add()
    list_voices, swaps = Remote.list_voices, list[asyncio.Task[None]]()

    async def swap() -> None:
        await stage.cut(address)
        stage.engines[address] = engine = ScriptedEngine({"anna": Script(), "other": Script()}, has_alignment=True)
        stage.servers[address] = server = EngineServer(ServiceConfig(address=address, version="test"))
        await server.start(InProcess(engine))

    async def then_another_comes(remote: Remote) -> None:
        await list_voices(remote)
        if not swaps:
            swaps.append(asyncio.create_task(swap()))
            await asyncio.shield(swaps[0])

    monkeypatch.setattr(Remote, "list_voices", then_another_comes)
    async with pool_over(stage, 1) as pool, asyncio.timeout(5):
        while [voice.name for voice in pool.voices()] != ["anna", "other"]:  # the first one may have joined before
            await asyncio.sleep(0.01)
        assert pool.engines[address].info == stage.engines[address].info()
