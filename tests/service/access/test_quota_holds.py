"""One token with two places beside another: whatever it does, it has two, and the other one notices nothing."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import grpc
import pytest
from google.rpc.error_details_pb2 import ErrorInfo

from gapless.tts.v1 import tts_pb2 as pb
from gapless.tts.v1 import tts_pb2_grpc
from service.access import tokens
from service.access.access import Access, AccessConfig
from service.access.caller import Caller
from tests.service.conftest import Serve, Served
from tests.service.talk import config, detail, end, say, text

PLACES = 2
ROOM = 4  # in the engine: two are left for the other token
GREEDY_VOICE = "slow"  # by which its utterances are known in the engine
RIVALS = 12  # tasks of the greedy token at once
ATTEMPTS = 20  # of each


@dataclass
class Outcomes:
    refused: int = 0
    spoken: int = 0
    other: list[str] = field(default_factory=list)


class Greedy:
    """Takes what it can get with one token, over connections of its own."""

    def __init__(self, address: str, token: str, seed: int) -> None:
        self._address = address
        self._metadata = [("authorization", f"Bearer {token}")]
        self._random = random.Random(seed)
        self.outcomes = Outcomes()

    async def run(self) -> None:
        ways: list[Callable[[tts_pb2_grpc.TextToSpeechServiceStub], Awaitable[None]]] = [
            self._holds_and_cancels,
            self._speaks_a_whole_text,
            self._leaves_with_the_connection,
            self._ends_at_once,
            self._opens_many,
        ]
        for _ in range(ATTEMPTS):
            async with grpc.aio.insecure_channel(self._address, [("grpc.use_local_subchannel_pool", 1)]) as channel:
                try:
                    await self._random.choice(ways)(tts_pb2_grpc.TextToSpeechServiceStub(channel))
                    self.outcomes.spoken += 1
                except grpc.aio.AioRpcError as error:
                    self._count(error)

    def _count(self, error: grpc.aio.AioRpcError) -> None:
        info = detail(error, ErrorInfo)
        if info and info.reason == "QUOTA_EXCEEDED":
            self.outcomes.refused += 1
        else:
            self.outcomes.other.append(f"{error.code().name}: {error.details()}")

    async def _opened(self, stub: tts_pb2_grpc.TextToSpeechServiceStub) -> Any:
        call = stub.Synthesize(metadata=self._metadata)
        await call.write(config(voice=GREEDY_VOICE))
        await call.read()
        if call.done() and await call.code() is not grpc.StatusCode.OK:
            raise grpc.aio.AioRpcError(
                await call.code(), await call.initial_metadata(), await call.trailing_metadata(), await call.details()
            )
        return call

    async def _holds_and_cancels(self, stub: tts_pb2_grpc.TextToSpeechServiceStub) -> None:
        call = await self._opened(stub)
        await call.write(text("Hello there."))
        await asyncio.sleep(self._random.uniform(0, 0.05))
        call.cancel()

    async def _speaks_a_whole_text(self, stub: tts_pb2_grpc.TextToSpeechServiceStub) -> None:
        request = pb.SynthesizeTextRequest(config=pb.SynthesisConfig(voice=GREEDY_VOICE), text="Hi.")
        async for _ in stub.SynthesizeText(request, metadata=self._metadata):
            pass

    async def _leaves_with_the_connection(self, stub: tts_pb2_grpc.TextToSpeechServiceStub) -> None:
        await self._opened(stub)
        await asyncio.sleep(self._random.uniform(0, 0.02))

    async def _ends_at_once(self, stub: tts_pb2_grpc.TextToSpeechServiceStub) -> None:
        call = await self._opened(stub)
        await call.write(text("Hi."))
        await call.write(end())
        while await call.read() is not grpc.aio.EOF:
            pass

    async def _opens_many(self, stub: tts_pb2_grpc.TextToSpeechServiceStub) -> None:
        results = await asyncio.gather(*(self._opened(stub) for _ in range(4)), return_exceptions=True)
        await asyncio.sleep(self._random.uniform(0, 0.02))
        for result in results:
            if isinstance(result, grpc.aio.AioRpcError):
                self._count(result)
            elif isinstance(result, BaseException):
                raise result
            else:
                result.cancel()


async def held(served: Served, until: asyncio.Event) -> int:
    """The most places that the greedy token had in the engine at once."""
    most = 0
    while not until.is_set():
        running = list(served.engine._running.values())
        most = max(most, sum(one.utterance.voice == GREEDY_VOICE and not one.cancelled for one in running))
        await asyncio.sleep(0.0005)
    return most


@pytest.mark.parametrize("seed", [1, 2, 3])
async def test_two_places_stay_two_whatever_the_token_does(serve: Serve, tmp_path: Path, seed: int) -> None:
    path = tmp_path / "tokens.toml"
    greedy = tokens.create(path, Caller(name="greedy", max_utterances=PLACES))
    other = [("authorization", f"Bearer {tokens.create(path, Caller(name='other', max_utterances=PLACES))}")]
    access = Access.of(AccessConfig(token_file=path), "127.0.0.1:0")
    async with serve(access=access, max_utterances=ROOM) as served:
        over = asyncio.Event()
        watching = asyncio.create_task(held(served, over))
        rivals = [Greedy(served.address, greedy, 100 * seed + number) for number in range(RIVALS)]
        greed = asyncio.gather(*(rival.run() for rival in rivals))
        heard = 0
        while not greed.done():  # the other token is never refused, and hears all of it
            spoken = await say(served.stub, [config(voice="anna"), text("Hello."), end()], metadata=other)
            assert spoken.finished.usage.samples > 0
            heard += 1
        await greed
        over.set()
        assert await watching == PLACES
        assert heard > 0
        outcomes = [rival.outcomes for rival in rivals]
        assert [said for one in outcomes for said in one.other] == []
        assert sum(one.refused for one in outcomes) > RIVALS
        assert sum(one.spoken for one in outcomes) > RIVALS
        await nothing_left(served)
        for _ in range(PLACES):  # and nothing of its two places was lost
            call = served.stub.Synthesize(metadata=[("authorization", f"Bearer {greedy}")])
            await call.write(config(voice=GREEDY_VOICE))
            assert (await call.read()).HasField("started")


async def nothing_left(served: Served) -> None:
    async with asyncio.timeout(5):
        while served.engine._running:
            await asyncio.sleep(0.01)
    await asyncio.sleep(0.1)  # the handler's end follows the engine's
