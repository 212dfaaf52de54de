"""SynthesizeText: the whole text in one message, with the responses, checks and border of Synthesize."""

from __future__ import annotations

import asyncio

import grpc
import pytest
from google.rpc import error_details_pb2

from gapless.tts.v1 import tts_pb2 as pb
from tests.service.conftest import Served
from tests.service.talk import Heard, detail, end, say, seeded, text
from tests.service.test_synthesize import SENTENCE, expected_pcm


async def say_text(served: Served, sentence: str, config: pb.SynthesisConfig | None = None) -> Heard:
    call = served.stub.SynthesizeText(pb.SynthesizeTextRequest(config=config, text=sentence))
    return Heard([event async for event in call])


async def test_it_sounds_as_synthesize_does(served: Served) -> None:
    config = seeded().config
    heard = await say_text(served, SENTENCE, config)
    streamed = await say(served.stub, [seeded(), text(SENTENCE), end()])
    assert heard.pcm == streamed.pcm == expected_pcm(SENTENCE)
    assert (heard.kinds[0], heard.kinds[-1]) == ("started", "finished")
    assert heard.finished.usage.input_characters == len(SENTENCE)


async def test_a_request_needs_no_config(served: Served) -> None:
    heard = await say_text(served, "One.")
    assert heard.pcm == expected_pcm("One.", seed=heard.started.seed)


@pytest.mark.parametrize(
    ("sentence", "config", "field"),
    [
        ("", pb.SynthesisConfig(), "text"),
        ("Hello. " * 10_000, pb.SynthesisConfig(), "text"),
        ("Hello.", pb.SynthesisConfig(voice="ana"), "config.voice"),
    ],
)
async def test_the_checks_are_those_of_synthesize(
    served: Served, sentence: str, config: pb.SynthesisConfig, field: str
) -> None:
    with pytest.raises(grpc.aio.AioRpcError) as failure:
        await say_text(served, sentence, config)
    assert failure.value.code() is grpc.StatusCode.INVALID_ARGUMENT
    bad_request = detail(failure.value, error_details_pb2.BadRequest)
    assert bad_request is not None
    assert bad_request.field_violations[0].field == field


async def test_a_cancelled_call_frees_the_engine(served: Served) -> None:
    call = served.stub.SynthesizeText(pb.SynthesizeTextRequest(config=seeded("slow").config, text=SENTENCE))
    await call.read()
    call.cancel()
    async with asyncio.timeout(5):
        while served.engine.stats().utterances:
            await asyncio.sleep(0.01)
