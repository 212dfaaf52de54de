"""Word times over the wire: in output samples, in order, only where they were asked for."""

from __future__ import annotations

import pytest

from gapless.tts.v1 import tts_pb2 as pb
from tests.fakes import SAMPLE_RATE, TOKEN_SAMPLES, ScriptedEngine
from tests.service.conftest import Serve
from tests.service.talk import Heard, config, end, say, text

SENTENCE = "Hello big world."


async def spoken(serve: Serve, rate: int, *, wanted: bool = True) -> Heard:
    wishes = config(
        voice="karl",
        streaming=pb.StreamingConfig(want_alignment=wanted),
        audio_format=pb.AudioFormat(sample_rate_hertz=rate),
    )
    async with serve(has_alignment=True) as served:
        return await say(served.stub, [wishes, text(SENTENCE), end()])


def words_of(heard: Heard) -> list[pb.Word]:
    return [word for event in heard.events for word in event.alignment.words]


@pytest.mark.parametrize("rate", [8_000, 24_000, 44_100])
async def test_words_count_in_output_samples(serve: Serve, rate: int) -> None:
    heard = await spoken(serve, rate)
    assert heard.started.streaming.want_alignment
    assert heard.warnings == []
    starts = [0, 6, 10]  # tokens: one a letter and one of rest
    lengths = [5, 3, 6]
    for word, start, length in zip(words_of(heard), starts, lengths, strict=True):
        assert word.start_sample == round(start * TOKEN_SAMPLES * rate / SAMPLE_RATE)
        assert word.end_sample == round((start + length) * TOKEN_SAMPLES * rate / SAMPLE_RATE)
        assert SENTENCE[word.text_begin : word.text_end] == word.word
    assert heard.kinds[-1] == "finished"


async def test_words_nobody_asked_for_are_not_sent(serve: Serve) -> None:
    heard = await spoken(serve, 24_000, wanted=False)
    assert not words_of(heard)
    assert not heard.started.streaming.want_alignment


async def test_the_server_says_whether_it_knows(serve: Serve) -> None:
    for knows in (True, False):
        async with serve(has_alignment=knows) as served:
            assert isinstance(served.engine, ScriptedEngine)
            info = await served.stub.GetServerInfo(pb.GetServerInfoRequest())
            assert info.features.alignment is knows
