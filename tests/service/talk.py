"""Talking to the service through the raw stub: one whole utterance, collected."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar, cast

import grpc
from google.protobuf.message import Message
from grpc_status import rpc_status

from client._transport.reader import OVER, hand_to_grpc
from gapless.tts.v1 import tts_pb2 as pb
from gapless.tts.v1 import tts_pb2_grpc

Request = pb.SynthesizeRequest


def config(**fields: object) -> Request:
    return Request(config=pb.SynthesisConfig(**fields))  # type: ignore[arg-type]


def text(piece: str) -> Request:
    return Request(text=pb.Text(text=piece))


def end() -> Request:
    return Request(end_of_input=pb.EndOfInput())


def playback(played: int = 0, **fields: object) -> Request:
    return Request(playback=pb.PlaybackReport(played_samples=played, **fields))  # type: ignore[arg-type]


def seeded(voice: str = "anna", seed: int = 7, **fields: object) -> Request:
    return config(voice=voice, sampling=pb.SamplingConfig(seed=seed), **fields)


Detail = TypeVar("Detail", bound=Message)


def detail(error: grpc.RpcError, kind: type[Detail]) -> Detail | None:
    """The google.rpc detail of this kind, if the error has one."""
    found = kind()
    status = rpc_status.from_call(cast(grpc.Call, error))
    return found if status and any(packed.Unpack(found) for packed in status.details) else None


@dataclass(frozen=True)
class Heard:
    """All events of one utterance, in order."""

    events: list[pb.SynthesizeResponse]

    @property
    def kinds(self) -> list[str]:
        return [str(event.WhichOneof("event")) for event in self.events]

    @property
    def started(self) -> pb.Started:
        return self.events[0].started

    @property
    def chunks(self) -> list[pb.Audio]:
        return [event.audio for event in self.events if event.HasField("audio")]

    @property
    def pcm(self) -> bytes:
        return b"".join(chunk.data for chunk in self.chunks)

    @property
    def warnings(self) -> list[str]:
        return [str(event.warning.reason) for event in self.events if event.HasField("warning")]  # type: ignore[attr-defined]

    @property
    def finished(self) -> pb.Finished:
        return self.events[-1].finished


async def write_all(call: Any, requests: Iterable[Message] | AsyncIterator[Message]) -> None:
    """As our client writes: an iterator given to grpc.aio may lose the status of a server that refuses meanwhile."""
    with contextlib.suppress(*OVER):
        if isinstance(requests, AsyncIterator):
            async for request in requests:
                await hand_to_grpc(call, request)
        else:
            for request in requests:
                await hand_to_grpc(call, request)
        await call.done_writing()


@contextlib.asynccontextmanager
async def writing(call: Any, requests: Iterable[Message] | AsyncIterator[Message]) -> AsyncIterator[None]:
    """Writes meanwhile; no longer than the block lasts."""
    task = asyncio.create_task(write_all(call, requests))
    try:
        yield
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


async def say(
    stub: tts_pb2_grpc.TextToSpeechServiceStub,
    requests: Iterable[Request] | AsyncIterator[Request],
    metadata: Sequence[tuple[str, str]] = (),
) -> Heard:
    call = stub.Synthesize(metadata=metadata)
    async with writing(call, requests):
        return Heard([event async for event in call])
