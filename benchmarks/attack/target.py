"""The server under attack, as one attacker sees it: a connection, and how what it tried ended."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

import grpc
from google.protobuf.message import Message

from client._transport.reader import OVER, hand_to_grpc
from gapless.tts.v1 import tts_pb2 as pb
from gapless.tts.v1 import tts_pb2_grpc

Request = pb.SynthesizeRequest
Outcomes = Counter[str]
Round = Callable[["Target"], Awaitable[Outcomes]]
"""One round of an attack; it is repeated until the attacker's time is over."""

_OWN_CONNECTION = ("grpc.use_local_subchannel_pool", 1)
_ANY_SIZE = [("grpc.max_send_message_length", -1), ("grpc.max_receive_message_length", -1), _OWN_CONNECTION]
CONFIG = Request(config=pb.SynthesisConfig())
GIVEN_UP_S = 0.3  # after its last message an attacker hears so long what comes, and cancels


@dataclass
class Target:
    """Made inside a running event loop."""

    address: str
    channel: grpc.aio.Channel = field(init=False)

    def __post_init__(self) -> None:
        self.channel = self.another_channel()

    @property
    def stub(self) -> tts_pb2_grpc.TextToSpeechServiceStub:
        return tts_pb2_grpc.TextToSpeechServiceStub(self.channel)

    def another_channel(self) -> grpc.aio.Channel:
        """Over a connection of its own."""
        return grpc.aio.insecure_channel(self.address, options=_ANY_SIZE)

    def socket(self) -> socket.socket:
        host, _, port = self.address.rpartition(":")
        return socket.create_connection((host, int(port)), timeout=5)


async def utterance(target: Target, messages: Iterable[Message], call: Any = None) -> Outcomes:
    """A call that sends all messages as fast as it is let, hears meanwhile what comes, and gives up soon after."""
    call = target.stub.Synthesize() if call is None else call
    with contextlib.suppress(*OVER, asyncio.CancelledError):
        async with _hearing(call):
            for message in messages:
                await hand_to_grpc(call, message)
            await asyncio.wait([asyncio.ensure_future(call.code())], timeout=GIVEN_UP_S)
    return await outcome(call)


@contextlib.asynccontextmanager
async def _hearing(call: Any) -> AsyncIterator[None]:
    async def hear() -> None:
        with contextlib.suppress(grpc.RpcError, *OVER):
            while await call.read() is not grpc.aio.EOF:
                pass

    hearing = asyncio.create_task(hear())
    try:
        yield
    finally:
        hearing.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await hearing


async def outcome(call: Any) -> Outcomes:
    """The code that the call has ended with; "given up" if its caller ended it."""
    call.cancel()
    code = await call.code()
    return Outcomes(["given up" if code is grpc.StatusCode.CANCELLED else code.name])


async def together(rounds: Iterable[Awaitable[Outcomes]]) -> Outcomes:
    return sum(await asyncio.gather(*rounds), Outcomes())


async def answers(calls: Iterable[Any]) -> Outcomes:
    """Unary calls under way -> how they ended."""

    async def one(call: Any) -> Outcomes:
        with contextlib.suppress(grpc.RpcError, asyncio.CancelledError):
            await call
        return Outcomes([(await call.code()).name])

    return await together(one(call) for call in calls)
