"""Our client against a server of a later v1: events, fields and enum values that this client does not know."""

from __future__ import annotations

import grpc
import pytest

from client import Client, Unsupported
from gapless.tts.v1 import tts_pb2 as pb
from tests.client.fake_server import FakeServer, Requests, Responses, server_info, speak

UNKNOWN_FIELD = b"\xa2\x06\x03new"  # field 100, length-delimited
LATER_ENCODING = 77


def speak_later(requests: Requests, context: grpc.ServicerContext) -> Responses:
    """As `speak`, each response with a field, and between two of them an event, that came later."""
    for response in speak(requests, context):
        kind = response.WhichOneof("event")
        assert kind is not None
        getattr(response, kind).MergeFromString(UNKNOWN_FIELD)
        if kind == "finished":
            response.finished.reason = 99  # type: ignore[assignment]
        yield pb.SynthesizeResponse.FromString(UNKNOWN_FIELD)
        yield response


def later_server() -> FakeServer:
    server = FakeServer(speak_later)
    server.info = server_info()
    server.info.encodings.append(LATER_ENCODING)  # type: ignore[arg-type]
    server.info.text_formats.append(88)  # type: ignore[arg-type]
    server.info.features.MergeFromString(b"\xa0\x06\x01")
    return server


async def test_the_client_connects_and_hears_everything() -> None:
    with later_server() as server:
        async with Client(server.address) as client, client.utterance() as utterance:
            assert [encoding.value for encoding in client.server.encodings] == ["pcm_s16le", "pcm_f32le"]
            await utterance.push("Hello.")
            await utterance.end()
            samples = sum([chunk.num_samples async for chunk in utterance])
        assert utterance.finished
        assert samples == utterance.finished.usage.samples > 0
        assert not utterance.finished.stopped


async def test_audio_that_it_cannot_read_is_said_to_be_so() -> None:
    """Only a server that breaks the contract sends what was not asked for: it must not end in a KeyError."""

    def other_encoding(requests: Requests, context: grpc.ServicerContext) -> Responses:
        next(requests)
        audio_format = pb.AudioFormat(encoding=LATER_ENCODING, sample_rate_hertz=24_000)  # type: ignore[arg-type]
        yield pb.SynthesizeResponse(started=pb.Started(audio_format=audio_format))

    with FakeServer(other_encoding) as server:
        async with Client(server.address) as client, client.utterance() as utterance:
            with pytest.raises(Unsupported, match="encoding 77"):
                _ = [chunk async for chunk in utterance]
