"""An utterance outlives its connection and its server: every sample is heard once, and the program learns of it."""

from __future__ import annotations

import asyncio
import contextlib
import os
import random
import signal
from collections.abc import AsyncIterator
from dataclasses import dataclass
from multiprocessing.connection import Connection

import grpc
import numpy as np
import pytest
from numpy.typing import NDArray

from benchmarks.support.child_process import child_process
from benchmarks.support.child_service import serve
from client import Client, Encoding, InvalidArgument, Resumed, ServerFailed, ServerUnreachable
from client import sync as client_sync
from client.attribution.hops import Hop
from client.attribution.monitor import Monitor
from client.attribution.verdict import analyse
from client.report.text import Heard, table
from client.types import Event
from client.utterance import Utterance
from gapless.tts.v1 import tts_pb2 as pb
from service.rpc.resume import ResumeTokens
from tests.client.cable import Cable, cable
from tests.client.fake_server import FakeServer, Requests, Responses, abort, started, tone
from tests.client.fake_server import Voice as FakeVoice
from tests.fakes import Script, ScriptedEngine, speech_of_text
from tests.service.conftest import Served, serve_scripted

TEXT = "Whoever listens hears all of it once, whatever becomes of the line and of whoever speaks at its other end."
VOICES = {"anna": Script(token_s=0.001, window_tokens=3)}
KEY = b"k" * 32
UNBROKEN = speech_of_text(TEXT, seed=3, voice="anna")


@dataclass(frozen=True)
class Two:
    """Two servers that share a key, each at the end of a cable."""

    served: list[Served]
    cables: list[Cable]

    @property
    def addresses(self) -> list[str]:
        return [one.address for one in self.cables]

    async def until_idle(self) -> None:
        async with asyncio.timeout(5):
            while any(one.engine.stats().slots_in_use for one in self.served):
                await asyncio.sleep(0.01)


@pytest.fixture
async def two() -> AsyncIterator[Two]:
    async with contextlib.AsyncExitStack() as stack:
        served = [
            await stack.enter_async_context(
                serve_scripted(voices=VOICES, resume_tokens=ResumeTokens([KEY]), has_alignment=True, channel_s=60)
            )
            for _ in range(2)
        ]
        yield Two(served, [await stack.enter_async_context(cable(one.address)) for one in served])


async def push_in_pieces(utterance: Utterance, text: str = TEXT, pause_s: float = 0.004) -> None:
    for word in text.split(" "):
        await utterance.push(word if word == text.split(" ")[-1] else word + " ")
        await asyncio.sleep(pause_s)
    await utterance.end()


async def cut_while_it_speaks(utterance: Utterance, *cables: Cable) -> None:
    async for _ in utterance:
        for one in cables:
            one.cut()


def heard(events: list[Event]) -> NDArray[np.float32]:
    chunks = [event for event in events if hasattr(event, "samples")]
    return np.concatenate([np.zeros(0, np.float32), *[chunk.samples for chunk in chunks]])


async def test_killed_at_any_moment_every_sample_is_heard_once(two: Two) -> None:
    """Twenty times, at random: while text is written, while audio comes, before the first and after the last."""
    dice, resumed = random.Random(7), 0
    for number in range(20):
        first, rest = two.cables[number % 2], two.addresses[(number + 1) % 2]
        async with Client([first.address, rest]) as client:
            async with client.utterance(voice="anna", seed=3, encoding=Encoding.F32, max_lead=0) as utterance:
                pushing = asyncio.create_task(push_in_pieces(utterance))
                killing = asyncio.get_running_loop().call_later(dice.uniform(0.0, 0.25), first.cut)
                async with asyncio.timeout(10):
                    events = [event async for event in utterance.events()]
                await pushing
                killing.cancel()
            np.testing.assert_array_equal(heard(events), UNBROKEN)
            record = utterance.record
            assert [receipt.seq for receipt in record.receipts] == list(range(len(record.receipts)))
            assert record.finished
            assert record.finished.usage.samples == len(UNBROKEN)
            assert [one.address for one in record.resumed] == [rest] * len(record.resumed)
            resumed += len(record.resumed)
        first.mend()
    assert resumed >= 10
    await two.until_idle()


@pytest.mark.parametrize(
    ("encoding", "rate"), [(Encoding.OPUS, 24_000), (Encoding.OPUS, 48_000), (Encoding.S16, 8_000), (Encoding.MULAW, 0)]
)
async def test_every_format_goes_on_as_if_nothing_had_been(two: Two, encoding: Encoding, rate: int) -> None:
    options = {"voice": "anna", "seed": 3, "encoding": encoding, "sample_rate": rate or None, "max_lead": 0.0}
    async with Client(two.addresses) as client:
        unbroken = b"".join([chunk.data async for chunk in client.say(TEXT, **options)])  # type: ignore[arg-type]
        for cut_after in (1, 7, 14):
            data, count = b"", 0
            async with client.utterance(**options) as utterance:  # type: ignore[arg-type]
                await utterance.push(TEXT)
                await utterance.end()
                async for chunk in utterance:
                    data, count = data + chunk.data, count + 1
                    if count == cut_after:
                        for one in two.cables:
                            one.drop()
            assert data == unbroken
            assert utterance.record.resumed


async def test_the_program_is_told_in_order_and_of_nothing_twice(two: Two) -> None:
    async with (
        Client(two.addresses[:1]) as client,
        client.utterance(voice="anna", seed=3, want_alignment=True, max_lead=0) as utterance,
    ):
        await utterance.push(TEXT[:38], flush=True)
        await utterance.push(TEXT[38:], flush=True)
        await utterance.end()
        events: list[Event] = []
        async for event in utterance.events():
            events.append(event)
            if len(events) in (6, 20, 40):
                two.cables[0].drop()
    kinds = [type(event).__name__ for event in events]
    assert kinds.count("Started") == 1
    assert kinds.count("FlushDone") == 2
    resumed = [event for event in events if isinstance(event, Resumed)]
    assert resumed == utterance.record.resumed
    assert {one.address for one in resumed} == set(two.addresses[:1])
    assert 1 <= len(resumed) <= 3
    assert all(0 < one.after_ms < 5_000 and one.tries >= 1 for one in resumed)
    words = [word.word for word in utterance.words]
    assert words == TEXT.split()
    assert [word.text_begin for word in utterance.words] == sorted({word.text_begin for word in utterance.words})


async def test_the_verdict_and_the_report_name_the_loss(two: Two) -> None:
    line = two.cables[0]
    async with Client(line.address) as client, Monitor(client) as monitor:
        clock = await client.probe_clock()
        async with client.utterance(voice="anna", seed=3, max_lead=0.3) as utterance:
            await utterance.push(TEXT)
            await utterance.end()
            async for chunk in utterance:
                if chunk.seq == 4:
                    line.cut()
                    asyncio.get_running_loop().call_later(0.6, line.mend)
    record = utterance.record
    verdict = analyse(record, clock, monitor.observations()).verdict
    assert (verdict.hop, verdict.audible) == (Hop.RECONNECT, True), verdict.sentence
    assert verdict.ms >= 500
    assert f"resumed once after a lost connection: after {record.resumed[0].after_ms:.0f} ms, on {line.address}" in (
        table(record, clock, Heard(first_audible=0, device=False))
    )


async def test_a_lost_server_is_not_asked_first_again(two: Two) -> None:
    async with Client(two.addresses) as client:
        assert client.address == two.addresses[0]
        two.cables[0].cut()
        for _ in range(2):
            chunks = [chunk async for chunk in client.say("Hello.", voice="anna", seed=3)]
            assert chunks
        assert client.address == two.addresses[1]
        assert await client.voices()


async def test_the_first_server_that_answers_will_do(two: Two) -> None:
    two.cables[0].cut()
    async with Client(two.addresses) as client:
        assert client.address == two.addresses[1]
    two.cables[1].cut()
    with pytest.raises(ServerUnreachable):
        async with Client(two.addresses):
            pass


async def test_many_at_once_find_the_server_that_answers(two: Two) -> None:
    """Each of two that failed at the first server went one on, and the second one came back to it."""
    async with Client(two.addresses) as client:
        two.cables[0].cut()
        for voices in await asyncio.gather(*(client.voices() for _ in range(4))):
            assert voices
        assert client.address == two.addresses[1]


async def test_a_full_server_sends_the_first_call_on(two: Two) -> None:
    async with Client(two.addresses[:1]) as busy, contextlib.AsyncExitStack() as stack:
        for _ in range(4):
            taken = await stack.enter_async_context(busy.utterance(voice="anna"))
            await anext(taken.events())
        async with Client(two.addresses) as client:
            assert [chunk async for chunk in client.say("Hello.", voice="anna")]
            assert client.address == two.addresses[1]


async def test_without_a_loss_the_wish_for_tokens_is_not_noticed(two: Two) -> None:
    async with Client(two.addresses[:1]) as client, client.utterance(voice="anna", seed=3) as utterance:
        await utterance.push(TEXT)
        await utterance.end()
        kinds = {type(event).__name__ async for event in utterance.events()}
    assert kinds == {"Started", "Chunk", "Finished"}
    assert two.served[0].engine.submitted[-1].want_tokens


async def test_who_does_not_want_it_is_told_of_the_loss(two: Two) -> None:
    async with Client(two.addresses, resume_s=0) as client, client.utterance(voice="anna", seed=3) as utterance:
        await utterance.push(TEXT)
        with pytest.raises((ServerUnreachable, ServerFailed)):
            await cut_while_it_speaks(utterance, two.cables[0])
    assert not two.served[0].engine.submitted[-1].want_tokens


async def test_after_a_while_it_gives_up_and_says_what_it_tried(two: Two) -> None:
    async with Client(two.addresses, resume_s=0.5) as client, client.utterance(voice="anna", seed=3) as utterance:
        await utterance.push(TEXT)
        began = asyncio.get_running_loop().time()
        with pytest.raises((ServerUnreachable, ServerFailed), match="could not go on"):
            await cut_while_it_speaks(utterance, *two.cables)
        assert 0.2 < asyncio.get_running_loop().time() - began < 3
        with pytest.raises((ServerUnreachable, ServerFailed)):
            await utterance.push("more")


async def test_a_barge_in_ends_the_attempts(two: Two) -> None:
    async with Client(two.addresses) as client, client.utterance(voice="anna", seed=3) as utterance:
        await utterance.push(TEXT)
        await anext(aiter(utterance))
        for one in two.cables:
            one.cut()
        await asyncio.sleep(0.1)
        async with asyncio.timeout(1):
            await utterance.cancel()


async def test_servers_with_other_keys_do_not_go_on(two: Two) -> None:
    async with (
        serve_scripted(voices=VOICES) as stranger,
        Client([two.addresses[0], stranger.address], resume_s=1) as client,
        client.utterance(voice="anna", seed=3) as utterance,
    ):
        await utterance.push(TEXT)
        with pytest.raises((ServerUnreachable, ServerFailed), match=r"could not go on.*share a key"):
            await cut_while_it_speaks(utterance, two.cables[0])


async def test_what_the_server_itself_says_is_not_tried_again() -> None:
    async with serve_scripted() as served, Client(served.address) as client:
        for options, error in (({"voice": "nobody"}, InvalidArgument), ({"voice": "broken"}, ServerFailed)):
            before = len(served.engine.submitted)
            with pytest.raises(error):
                _ = [chunk async for chunk in client.say(TEXT, **options)]  # type: ignore[arg-type]
            assert len(served.engine.submitted) <= before + 1


async def test_what_was_not_heard_at_all_is_begun_anew_of_an_old_server(server: FakeServer) -> None:
    """One without tokens: the seed is what keeps the voice."""

    def once_lost(requests: Requests, context: grpc.ServicerContext) -> Responses:
        config = next(requests).config
        yield started(config, FakeVoice(config))
        text = next(requests).text.text
        if len([event for event in server.events() if event == "config"]) == 1:
            abort(context, grpc.StatusCode.UNAVAILABLE, "gone")
        yield from FakeVoice(config).speak(text)
        yield pb.SynthesizeResponse(finished=pb.Finished(reason=pb.FINISH_REASON_COMPLETED))

    server.script = once_lost
    async with Client(server.address) as client:
        chunks = [chunk async for chunk in client.say("Hi.")]
    rate = chunks[0].sample_rate
    audio = np.concatenate([chunk.samples for chunk in chunks])
    np.testing.assert_allclose(audio, tone(len(audio), 0, rate), atol=1e-3)
    configs = [request.config for request in server.requests if request.HasField("config")]
    assert [config.sampling.seed for config in configs] == [0, 7]
    assert configs[0].streaming.want_resume_tokens


async def test_programs_without_a_loop_go_on_at_another_server_too(two: Two) -> None:
    loop = asyncio.get_running_loop()

    def listen() -> NDArray[np.float32]:
        with client_sync.Client(two.addresses) as client:
            speech = client.say(TEXT, voice="anna", seed=3, encoding=Encoding.F32)
            for _ in speech:
                loop.call_soon_threadsafe(two.cables[0].cut)
                break
            samples = speech.samples
            assert [one.address for one in speech.record.resumed] == two.addresses[1:]
            assert client.address == two.addresses[1]
            return samples

    np.testing.assert_array_equal(await asyncio.to_thread(listen), UNBROKEN)


def _speak(commands: Connection) -> None:
    """A server of its own process, for SIGKILL."""
    asyncio.run(serve(ScriptedEngine(VOICES), commands, resume_tokens=ResumeTokens([KEY])))


async def test_a_killed_server_is_one_that_is_gone() -> None:
    with child_process(_speak) as one, child_process(_speak) as other:
        async with Client([one.address, other.address]) as client:
            options = {"voice": "anna", "seed": 3, "encoding": Encoding.F32, "max_lead": 0.0}
            async with client.utterance(**options) as utterance:  # type: ignore[arg-type]
                await utterance.push(TEXT)
                samples: list[NDArray[np.float32]] = []
                async for chunk in utterance:
                    samples.append(chunk.samples)
                    if len(samples) == 5:
                        os.kill(one.pid, signal.SIGKILL)
                        await utterance.end()
    np.testing.assert_array_equal(np.concatenate(samples), UNBROKEN)
    (resumed,) = utterance.record.resumed
    assert resumed.address == other.address
