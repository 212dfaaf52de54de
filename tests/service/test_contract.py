"""The contract beyond audio: what does not act is refused, voices come in pages, chunks know their text."""

from __future__ import annotations

import grpc
import pytest
from google.rpc import error_details_pb2

from gapless.tts.v1 import tts_pb2 as pb
from tests.service.conftest import Serve, Served
from tests.service.talk import Request, config, detail, end, say, seeded, text
from tests.service.test_synthesize import SENTENCE

UNKNOWN_EVENT = Request.FromString(b"\xa2\x06\x00")  # field 100, which no contract of today has
RESPELLED = pb.Pronunciation(word="Nevada", respelling="nuh-VAH-duh")
NOT_ACTING = [
    (config(speaking_rate=1.5), "config.speaking_rate"),
    (
        config(pronunciations=[pb.Pronunciation(word="Nevada", phonemes="nəˈvɑːdə")]),
        "config.pronunciations[0].phonemes",
    ),
]
INVALID = [
    (config(speaking_rate=float("nan")), "config.speaking_rate"),
    (config(speaking_rate=3.0), "config.speaking_rate"),
    (config(text_format=99), "config.text_format"),
    (config(code_blocks=99), "config.code_blocks"),
    (config(pronunciations=[pb.Pronunciation(word="two words", respelling="x")]), "config.pronunciations[0].word"),
    (config(pronunciations=[RESPELLED, pb.Pronunciation(word="x")]), "config.pronunciations[1].spoken"),
    (config(pronunciations=[pb.Pronunciation(word="x", respelling="?!")]), "config.pronunciations[0].respelling"),
    (config(pronunciations=[RESPELLED] * 101), "config.pronunciations"),
]


async def refused(served: Served, requests: list[Request], code: grpc.StatusCode) -> str:
    """The field that the refusal names."""
    with pytest.raises(grpc.aio.AioRpcError) as failure:
        await say(served.stub, requests)
    assert failure.value.code() is code
    bad_request = detail(failure.value, error_details_pb2.BadRequest)
    assert bad_request is not None
    return str(bad_request.field_violations[0].field)


@pytest.mark.parametrize(("first", "field"), NOT_ACTING)
async def test_a_field_that_does_not_act_is_refused_by_name(served: Served, first: Request, field: str) -> None:
    assert await refused(served, [first, text("Hello."), end()], grpc.StatusCode.UNIMPLEMENTED) == field


@pytest.mark.parametrize(("first", "field"), INVALID)
async def test_values_that_no_server_takes_are_invalid(served: Served, first: Request, field: str) -> None:
    assert await refused(served, [first, text("Hello."), end()], grpc.StatusCode.INVALID_ARGUMENT) == field


async def test_a_speaking_rate_reaches_an_engine_that_has_it(serve: Serve) -> None:
    async with serve(has_speaking_rate=True) as served:
        assert (await served.stub.GetServerInfo(pb.GetServerInfoRequest())).features.speaking_rate
        for first in (config(), config(speaking_rate=1.5), config(speaking_rate=0.5)):
            assert (await say(served.stub, [first, text("Hello."), end()])).kinds[-1] == "finished"
        assert [utterance.speaking_rate for utterance in served.engine.submitted] == [1.0, 1.5, 0.5]
        assert await refused(served, [config(speaking_rate=2.1), end()], grpc.StatusCode.INVALID_ARGUMENT)


async def test_values_that_say_what_happens_anyway_are_taken(served: Served) -> None:
    first = config(speaking_rate=1.0, text_format=pb.TEXT_FORMAT_PLAIN, pronunciations=[RESPELLED] * 100)
    heard = await say(served.stub, [first, text("Hello."), end()])
    assert heard.kinds[-1] == "finished"


async def test_every_text_format_reaches_the_engine(served: Served) -> None:
    info = await served.stub.GetServerInfo(pb.GetServerInfoRequest())
    assert info.text_formats[0] == pb.TEXT_FORMAT_AUTO
    for value in (pb.TEXT_FORMAT_UNSPECIFIED, *info.text_formats):
        await say(served.stub, [config(text_format=value, code_blocks=pb.CODE_BLOCKS_SKIP), text("Hello."), end()])
    formats = [utterance.text_format for utterance in served.engine.submitted]
    assert formats == ["auto", "auto", "plain", "markdown", "ssml"]
    assert {utterance.code_blocks for utterance in served.engine.submitted} == {"skip"}


async def test_an_event_of_a_newer_client_is_told_from_an_empty_one(served: Served) -> None:
    assert await refused(served, [config(), UNKNOWN_EVENT, end()], grpc.StatusCode.UNIMPLEMENTED) == "event"


async def test_the_server_says_what_does_not_act(served: Served) -> None:
    info = await served.stub.GetServerInfo(pb.GetServerInfoRequest())
    features = info.features
    assert not any([features.speaking_rate, features.phonemes])
    assert features.pronunciations
    assert features.resume


async def test_every_chunk_tells_the_text_of_its_segment(served: Served) -> None:
    heard = await say(served.stub, [seeded(), text(SENTENCE), end()])
    ranges = sorted({(chunk.segment, chunk.text_begin, chunk.text_end) for chunk in heard.chunks})
    assert [SENTENCE[begin:stop] for _, begin, stop in ranges] == SENTENCE.split()


async def test_voices_come_in_pages(served: Served) -> None:
    everything = await served.stub.ListVoices(pb.ListVoicesRequest())
    names, token = [], ""
    while True:
        page = await served.stub.ListVoices(pb.ListVoicesRequest(page_size=1, page_token=token))
        assert len(page.voices) == 1
        names.append(page.voices[0].name)
        token = page.next_page_token
        if not token:
            break
    assert names == [voice.name for voice in everything.voices] == sorted(names)
    assert len(names) > 1
    assert not everything.next_page_token


@pytest.mark.parametrize(
    ("request_", "field"),
    [
        (pb.ListVoicesRequest(page_size=-1), "page_size"),
        (pb.ListVoicesRequest(page_token="x"), "page_token"),
        (pb.ListVoicesRequest(page_token="%%"), "page_token"),
    ],
)
async def test_a_page_that_cannot_be_is_refused(served: Served, request_: pb.ListVoicesRequest, field: str) -> None:
    with pytest.raises(grpc.aio.AioRpcError) as failure:
        await served.stub.ListVoices(request_)
    assert failure.value.code() is grpc.StatusCode.INVALID_ARGUMENT
    bad_request = detail(failure.value, error_details_pb2.BadRequest)
    assert bad_request is not None
    assert bad_request.field_violations[0].field == field
