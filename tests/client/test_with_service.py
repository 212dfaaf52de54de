"""The client and the real service, over a scripted engine and a real socket."""

from __future__ import annotations

import asyncio

import numpy as np
import pytest

from client import Client, Encoding, InvalidArgument, ServerFailed
from client.report.metrics import hops, ttfa_ms
from tests.fakes import speech_of_text
from tests.service.conftest import serve_scripted

TEXT = "What was said is what is heard. It is said in pieces."


async def test_what_is_heard_is_what_the_engine_spoke() -> None:
    async with serve_scripted() as served, Client(served.address) as client:
        clock = await client.probe_clock()
        async with client.utterance(voice="anna", seed=3, encoding=Encoding.F32) as utterance:
            for word in TEXT.split(" "):
                await utterance.push(word + " ")
            await utterance.end()
            heard = np.concatenate([chunk.samples async for chunk in utterance])
    np.testing.assert_array_equal(heard, speech_of_text(TEXT, seed=3, voice="anna"))
    assert utterance.started
    assert utterance.started.utterance_id
    assert utterance.finished
    assert utterance.finished.usage.samples == len(heard)
    split = hops(utterance.record, clock)
    assert sum(split.values()) == pytest.approx(ttfa_ms(utterance.record, clock))
    assert all(ms >= -2 * clock.error_ns / 1e6 for ms in split.values()), split


@pytest.mark.parametrize("encoding", list(Encoding))
async def test_every_encoding_and_rate_is_decoded(encoding: Encoding) -> None:
    async with serve_scripted() as served, Client(served.address) as client:
        chunks = [chunk async for chunk in client.say("Hello.", encoding=encoding, sample_rate=8000)]
    samples = np.concatenate([chunk.samples for chunk in chunks])
    assert {chunk.encoding for chunk in chunks} == {Encoding.S16 if encoding is Encoding.OPUS else encoding}
    assert {chunk.sample_rate for chunk in chunks} == {8000}
    assert 0.2 < np.abs(samples).max() <= 0.5


async def test_refusals_and_failures_are_told() -> None:
    async with serve_scripted() as served, Client(served.address) as client:
        for options, words in (({"voice": "bob"}, "bob"), ({"sample_rate": 12345}, "12345")):
            with pytest.raises(InvalidArgument, match=words):
                _ = [chunk async for chunk in client.say(TEXT, **options)]
        with pytest.raises(ServerFailed):
            _ = [chunk async for chunk in client.say(TEXT, voice="broken")]


async def test_a_cancelled_utterance_leaves_nothing_on_the_server() -> None:
    async with serve_scripted() as served, Client(served.address) as client:
        async with client.utterance(voice="slow") as utterance:
            await utterance.push(TEXT * 5)
            async for _ in utterance:
                break
            await utterance.cancel()
        for _ in range(100):
            if served.engine.stats().utterances == 0:
                break
            await asyncio.sleep(0.02)
        assert served.engine.stats().utterances == 0
