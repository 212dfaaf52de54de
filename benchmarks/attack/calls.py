"""Floods of calls: silent ones, short ones, ones that are given up, and the other methods."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from typing import Any

from google.protobuf import duration_pb2

from benchmarks.attack.target import CONFIG, Outcomes, Round, Target, answers, outcome, together
from client._transport.reader import OVER, hand_to_grpc
from gapless.tts.v1 import tts_pb2 as pb
from gapless.tts.v1 import tts_pb2_grpc

AT_ONCE = 200
_HELD_S = 1.0


def silent(calls: int) -> Round:
    """Calls that are opened and say nothing."""

    async def attack(target: Target) -> Outcomes:
        opened = [target.stub.Synthesize() for _ in range(calls)]
        await asyncio.sleep(_HELD_S)
        return await together(outcome(call) for call in opened)

    return attack


def only_config(calls: int) -> Round:
    """Calls that send their config, and then nothing."""

    async def attack(target: Target) -> Outcomes:
        opened = [target.stub.Synthesize() for _ in range(calls)]
        for call in opened:
            with contextlib.suppress(*OVER, asyncio.CancelledError):
                await hand_to_grpc(call, CONFIG)
        await asyncio.sleep(_HELD_S)
        return await together(outcome(call) for call in opened)

    return attack


async def given_up_at_once(target: Target) -> Outcomes:
    """Opens and cancels, as fast as it can."""
    for _ in range(AT_ONCE):
        call = target.stub.Synthesize()
        with contextlib.suppress(*OVER, asyncio.CancelledError):
            await hand_to_grpc(call, CONFIG)
        call.cancel()
    return Outcomes({"given up": AT_ONCE})


def unary(start: Callable[[Any], Any]) -> Round:
    """Short calls, so many at once, again and again. `start` gets the stub."""

    async def attack(target: Target) -> Outcomes:
        return await answers(start(target.stub) for _ in range(AT_ONCE))

    return attack


def whole_texts(text: str, calls: int) -> Round:
    """SynthesizeText, heard for a while."""

    async def attack(target: Target) -> Outcomes:
        opened = [target.stub.SynthesizeText(pb.SynthesizeTextRequest(text=text)) for _ in range(calls)]
        await asyncio.sleep(_HELD_S)
        return await together(outcome(call) for call in opened)

    return attack


def upload(piece: bytes, pieces: int, distance_s: float) -> Round:
    """CreateVoice, with a recording in so many pieces."""

    async def one(target: Target) -> Outcomes:
        call = target.stub.CreateVoice()
        with contextlib.suppress(*OVER, asyncio.CancelledError):
            await hand_to_grpc(call, pb.CreateVoiceRequest(config=pb.NewVoice(name="attack")))
            for _ in range(pieces):
                await hand_to_grpc(call, pb.CreateVoiceRequest(audio=piece))
                await asyncio.sleep(distance_s)
        return await outcome(call)

    async def attack(target: Target) -> Outcomes:
        return await together(one(target) for _ in range(20))

    return attack


UNPACED = pb.StreamingConfig(max_lead=duration_pb2.Duration())


async def never_reads(target: Target) -> Outcomes:
    """Utterances whose audio nobody reads."""
    config = pb.SynthesizeRequest(config=pb.SynthesisConfig(streaming=UNPACED))
    text = pb.SynthesizeRequest(text=pb.Text(text="This is a sentence that nobody hears. " * 100))
    opened = [target.stub.Synthesize() for _ in range(3)]
    for call in opened:
        with contextlib.suppress(*OVER, asyncio.CancelledError):
            await hand_to_grpc(call, config)
            await hand_to_grpc(call, text)
    await asyncio.sleep(_HELD_S)
    return await together(outcome(call) for call in opened)


async def one_call_each(target: Target) -> Outcomes:
    """Many connections, one call on each."""

    async def one() -> Outcomes:
        async with target.another_channel() as channel:
            stub = tts_pb2_grpc.TextToSpeechServiceStub(channel)
            return await answers([stub.GetServerInfo(pb.GetServerInfoRequest())])

    return await together(one() for _ in range(100))


def one_utterance_each(text: str, connections: int) -> Round:
    """A short utterance on each of many connections: to the server each of them is another caller."""

    async def one(target: Target) -> Outcomes:
        async with target.another_channel() as channel:
            stub = tts_pb2_grpc.TextToSpeechServiceStub(channel)
            call = stub.SynthesizeText(pb.SynthesizeTextRequest(text=text))
            await asyncio.sleep(_HELD_S)
            return await outcome(call)

    async def attack(target: Target) -> Outcomes:
        return await together(one(target) for _ in range(connections))

    return attack


def without_limits(method: str) -> Round:
    """Calls of a method that is not of our service, or not of any: no limit of ours holds them back."""

    async def attack(target: Target) -> Outcomes:
        call: Any = target.channel.unary_unary(method)
        return await answers(call(b"") for _ in range(AT_ONCE))

    return attack


async def much_metadata(target: Target) -> Outcomes:
    """Calls with as much metadata as gRPC lets through."""
    metadata = [(f"x-{index}", "v" * 200) for index in range(30)]
    request = pb.GetServerInfoRequest()
    return await answers(target.stub.GetServerInfo(request, metadata=metadata) for _ in range(AT_ONCE))
