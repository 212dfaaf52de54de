"""Many engines as one: who is placed where, and what a listener hears when engines come, refuse and go."""

from __future__ import annotations

import asyncio
import gc
import weakref
from dataclasses import replace

import pytest
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from engine.clock import now_ns
from engine.errors import Overloaded, UnknownVoice, UtteranceFailed
from engine.messages import AudioChunk, NewVoice, Playback, Usage
from service.engines.errors import NoEngine
from service.engines.remote import Remote
from service.engines.shared_voices import MOST_DELETED, SharedVoices
from service.engines.spans import EngineSpans
from service.engines.timings import GatewayTimings
from service.engines.work_done import MOST_GONE
from tests.fakes import SAMPLE_RATE, Script
from tests.recordings import recording
from tests.service.engines.servers import TEXT, Heard, Line, Listener, Stage, check_whole, pool_over

CLOCK_NS = 2_000_000  # that one process may be mistaken about another's clock


def gateway_timings(chunk: AudioChunk) -> GatewayTimings:
    assert isinstance(chunk.timings, GatewayTimings)
    return chunk.timings


async def all_free(stage: Stage) -> None:
    async with asyncio.timeout(3):
        while any(stage.engines[address].stats().slots_in_use for address in stage.servers):
            await asyncio.sleep(0.01)


async def begun(listener: Listener, chunks: int = 3) -> None:
    async with asyncio.timeout(5):
        while len(listener.heard.chunks) < chunks:
            await asyncio.sleep(0.001)


async def test_an_utterance_is_spoken_as_by_an_engine_of_this_process() -> None:
    stage = Stage()
    await stage.add()
    async with pool_over(stage) as pool:
        check_whole(await Listener(pool, "one").speak())
        assert pool.moves == 0
        await all_free(stage)


async def test_two_engines_share_the_utterances() -> None:
    stage = Stage()
    one, other = await stage.add(), await stage.add()
    async with pool_over(stage, spare=0.0) as pool:
        for heard in await asyncio.gather(*(Listener(pool, f"{n}", voice="karl").speak() for n in range(8))):
            check_whole(heard, voice="karl")
        assert [len(stage.engines[address].submitted) for address in (one, other)] == [4, 4]


@pytest.mark.parametrize("how", ["cut", "drain"])
async def test_sixteen_listeners_hear_every_sample_once_when_an_engine_goes(how: str) -> None:
    stage = Stage()
    one, other = await stage.add(), await stage.add()
    async with pool_over(stage) as pool:
        listeners = [Listener(pool, f"{n}", voice="karl") for n in range(16)]
        speaking = [asyncio.create_task(listener.speak()) for listener in listeners]
        for listener in listeners:
            await begun(listener, 1)
        gone = {listener.name for listener in listeners if listener.name in stage.engines[one]._running}
        await (stage.cut(one) if how == "cut" else stage.drain(one))
        for heard in await asyncio.gather(*speaking):
            check_whole(heard, voice="karl")
        assert pool.moves == len(gone) > 4
        moved = {utterance.id.partition(".")[0] for utterance in stage.engines[other].submitted if utterance.resume}
        assert moved == gone
        await all_free(stage)


async def test_listeners_of_an_engine_whose_network_is_cut_hear_on_and_it_serves_again_when_that_is_mended() -> None:
    stage, line = Stage(), Line()
    far, near = await stage.add(), await stage.add()
    stage.addresses.discard(far)
    stage.addresses.add(through := await line.to(far))
    async with pool_over(stage, 2) as pool:
        listeners = [Listener(pool, f"{n}", voice="karl") for n in range(8)]
        speaking = [asyncio.create_task(listener.speak()) for listener in listeners]
        for listener in listeners:
            await begun(listener, 2)
        line.cut()
        cut_ns = now_ns()
        for heard in await asyncio.gather(*speaking):
            check_whole(heard, voice="karl")
        assert pool.moves == 4
        moves = [
            one for listener in listeners for one in map(gateway_timings, listener.heard.chunks) if one.move_end_ns
        ]
        for one in moves:  # from the last sign of the engine that was cut off
            assert cut_ns - 150_000_000 < one.move_start_ns < cut_ns + 50_000_000
            assert one.move_end_ns - one.move_start_ns >= 250_000_000
        line.mend()
        async with asyncio.timeout(5):
            while not pool.engines[through].serves:
                await asyncio.sleep(0.01)
        assert pool.engines[through].losses == 1
        await all_free(stage)
        assert len(stage.engines[near].submitted) == 8
    await line.close()


async def test_a_move_begins_at_the_segment_that_was_open() -> None:
    stage = Stage()
    one, other = await stage.add(), await stage.add()
    async with pool_over(stage) as pool:
        listener = Listener(pool, "one", voice="karl")
        speaking = asyncio.create_task(listener.speak())
        await begun(listener, 9)
        pool.playback("one", Playback(played_samples=960))
        speaker = one if stage.engines[one].submitted else other
        await asyncio.sleep(0.02)
        await stage.cut(speaker)
        check_whole(await speaking, voice="karl")
        (order,) = stage.engines[other if speaker == one else one].submitted
        assert order.resume is not None
        assert order.resume.place.segment > 0
        assert stage.engines[other if speaker == one else one].playbacks == [Playback(played_samples=960)]


async def test_who_reads_nothing_is_moved_with_what_he_has_not_read() -> None:
    """Samples that the lost engine had sent are released later: the next engine must not take that for room."""
    stage = Stage()
    one, other = await stage.add(channel_s=1.0), await stage.add(channel_s=1.0)
    async with pool_over(stage) as pool:
        listener = Listener(pool, "one", release=False)
        speaking = asyncio.create_task(listener.speak())
        await begun(listener, 3)
        await asyncio.sleep(0.1)
        before = len(listener.heard.samples)
        speaker = one if stage.engines[one].submitted else other
        await stage.cut(speaker)
        await asyncio.sleep(0.3)
        engine = stage.engines[other if speaker == one else one]
        assert 0 < len(listener.heard.samples) - before <= 24_000
        pool.release("one", before)
        await asyncio.sleep(0.1)
        assert engine.stats().samples_unreleased == len(listener.heard.samples) - before
        listener._release = True
        pool.release("one", len(listener.heard.samples) - before)
        check_whole(await speaking)


async def test_an_utterance_that_is_over_leaves_nothing_to_the_garbage_collector() -> None:
    """Python looks for cycles of old objects seldom: a gateway held 130 MB of utterances that were over."""
    stage = Stage()
    await stage.add()
    async with pool_over(stage) as pool:
        gc.collect()
        gc.disable()
        try:
            await Listener(pool, "one").submit()
            held: list[weakref.ref[object]] = [weakref.ref(pool._placed["one"]), weakref.ref(pool._placed["one"]._call)]
            pool.push_text("one", TEXT)
            pool.end_input("one")
            async with asyncio.timeout(10):
                while any(one() for one in held):
                    await asyncio.sleep(0.01)
        finally:
            gc.enable()


async def test_releases_that_come_at_once_are_told_together(monkeypatch: pytest.MonkeyPatch) -> None:
    stage = Stage()
    engine = stage.engines[await stage.add()]
    told: list[int] = []
    monkeypatch.setattr(engine, "release", lambda utterance_id, num_samples: told.append(num_samples))
    async with pool_over(stage) as pool:
        await Listener(pool, "one", voice="stuck").submit()
        for _ in range(3):
            pool.release("one", 10)
        async with asyncio.timeout(3):
            while not told:
                await asyncio.sleep(0.01)
        assert told == [30]


async def test_an_engine_with_a_small_channel_hears_of_room_soon_enough() -> None:
    """Releases waited a quarter of a second for others: with `--channel 0.2` audio came slower than it is heard."""
    stage = Stage()
    await stage.add(channel_s=0.2)
    async with pool_over(stage) as pool:
        began_s = asyncio.get_running_loop().time()
        heard = await Listener(pool, "one").speak()
        took_s = asyncio.get_running_loop().time() - began_s
        check_whole(heard)
    assert took_s < 0.6 * len(heard.samples) / SAMPLE_RATE


async def test_an_engine_that_is_lost_again_and_again_is_not_tried_for_ever() -> None:
    stage = Stage()
    for _ in range(4):
        await stage.add()
    async with pool_over(stage) as pool:
        listener = Listener(pool, "one", voice="stuck")
        speaking = asyncio.create_task(listener.speak())
        for count in (1, 2, 3):
            async with asyncio.timeout(3):
                while sum(len(engine.submitted) for engine in stage.engines.values()) < count:
                    await asyncio.sleep(0.01)
                for call in [call for engine in pool.engines.values() for call in engine.calls]:
                    await call.accepted()  # one that was not is tried elsewhere, and does not count
            speaker = next(a for a in stage.servers if stage.engines[a].submitted)
            await stage.cut(speaker)
        heard = await speaking
        assert isinstance(heard.error, NoEngine)
        assert pool.moves == 3


async def test_without_any_engine_it_waits_a_while_and_then_fails() -> None:
    stage = Stage()
    one = await stage.add()
    async with pool_over(stage, move_within_s=0.2) as pool:
        listener = Listener(pool, "one", voice="stuck")
        speaking = asyncio.create_task(listener.speak())
        await begun(listener, 1)
        await stage.cut(one)
        assert isinstance((await speaking).error, NoEngine)
        with pytest.raises(NoEngine):
            await Listener(pool, "two").speak()


async def test_an_engine_that_comes_back_in_time_goes_on() -> None:
    stage = Stage()
    one = await stage.add()
    tells: list[bool] = []
    async with pool_over(stage) as pool:
        pool.on_serving(tells.append)
        listener = Listener(pool, "one", voice="karl")
        speaking = asyncio.create_task(listener.speak())
        await begun(listener)
        await stage.cut(one)
        await stage.add()
        check_whole(await speaking, voice="karl")
        assert tells == [True, False, True]


async def test_an_engine_whose_watch_broke_is_watched_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    bring_in_line, tries = SharedVoices.bring_in_line, list[Remote]()

    async def breaks_once(voices: SharedVoices, engine: Remote) -> None:
        tries.append(engine)
        if len(tries) == 1:
            raise KeyError("nobody foresaw this")
        await bring_in_line(voices, engine)

    monkeypatch.setattr(SharedVoices, "bring_in_line", breaks_once)
    stage = Stage()
    await stage.add()
    async with pool_over(stage) as pool:
        check_whole(await Listener(pool, "one").speak())
    assert len(tries) == 2


async def test_a_refusal_tries_the_next() -> None:
    stage = Stage()
    small, large = await stage.add(max_utterances=1), await stage.add(max_utterances=2)
    async with pool_over(stage, spare=0.0) as pool:
        pool.engines[small].stats = pool.engines[large].stats  # it is thought to have room
        stuck = [Listener(pool, f"{n}", voice="stuck") for n in range(3)]
        for listener in stuck:
            await listener.submit()
        with pytest.raises(Overloaded) as refusal:
            await Listener(pool, "4").speak()
        assert refusal.value.retry_after_s > 0
        assert [len(stage.engines[address].submitted) for address in (small, large)] == [1, 2]
        for listener in stuck:
            assert await pool.cancel(listener.name) is not None
        await all_free(stage)


async def test_places_of_one_engine_are_kept_for_those_that_move() -> None:
    stage = Stage()
    one, _ = await stage.add(max_utterances=2), await stage.add(max_utterances=2)
    async with pool_over(stage) as pool:
        listeners = [Listener(pool, f"{n}", voice="stuck") for n in range(2)]
        for listener in listeners:
            await listener.submit()
        with pytest.raises(Overloaded, match="that move"):
            await Listener(pool, "3").speak()
        assert pool.stats().places == 2
        await stage.cut(one)
        await asyncio.sleep(0.1)
        assert sum(len(stage.engines[address].submitted) for address in stage.servers) == 2


async def test_an_engine_without_the_voice_is_never_used() -> None:
    stage = Stage()
    plain, more = (
        await stage.add({"anna": Script()}),
        await stage.add({"anna": Script(), "extra": Script(token_s=0.001)}),
    )
    async with pool_over(stage, spare=0.0) as pool:
        for heard in await asyncio.gather(*(Listener(pool, f"{n}", voice="extra").speak() for n in range(6))):
            check_whole(heard, voice="extra")
        assert not stage.engines[plain].submitted
        await stage.cut(more)
        await asyncio.sleep(0.05)
        with pytest.raises(UnknownVoice, match="available: anna"):
            await Listener(pool, "late", voice="extra").speak()


async def test_the_voice_of_the_utterance_decides_between_engines_that_are_equally_free() -> None:
    """`bytes_held`: it is prepared there."""
    stage = Stage()
    one, other = await stage.add(), await stage.add()
    async with pool_over(stage) as pool:
        for address in (one, other):
            voices = pool.engines[address].voices
            held = 1 if address == other else 0
            pool.engines[address].voices = {name: replace(voice, bytes_held=held) for name, voice in voices.items()}
        await Listener(pool, "one").speak()
        assert len(stage.engines[other].submitted) == 1


async def test_an_engine_whose_listener_runs_out_of_audio_gets_nobody_while_another_has_room() -> None:
    stage = Stage()
    short, other = await stage.add(max_utterances=9), await stage.add(max_utterances=2)
    stage.engines[short].least_lead_s = 0.01
    async with pool_over(stage, spare=0.0) as pool:
        stuck = [Listener(pool, f"{n}", voice="stuck") for n in range(4)]
        for listener in stuck[:2]:
            await listener.submit()
        assert [len(stage.engines[address].submitted) for address in (short, other)] == [0, 2]
        for listener in stuck[2:]:  # the other one is full
            await listener.submit()
        assert [len(stage.engines[address].submitted) for address in (short, other)] == [2, 2]
        assert pool.stats().least_lead_s == 0.01


async def test_what_processes_did_stays_counted_when_they_are_long_gone() -> None:
    stage = Stage()
    address = await stage.add()
    async with pool_over(stage) as pool:
        remote = pool.engines[address]
        for number in range(3 * MOST_GONE):
            remote.instance = f"process {number}"
            remote.stats = replace(remote.stats, done=Usage(samples=10))
            assert pool.stats().done.samples == 10 * (number + 1)
        assert len(pool._work_done) == 1 + MOST_GONE
        remote.instance, remote.stats = "process 190", replace(remote.stats, done=Usage(samples=30))
        assert pool.stats().done.samples == 30 * MOST_GONE + 20  # it was only cut off


async def test_a_voice_that_was_cloned_once_is_on_all_engines_and_on_those_that_join_later() -> None:
    stage = Stage()
    await stage.add()
    await stage.add()
    async with pool_over(stage, spare=0.0) as pool:
        created = await pool.create_voice(NewVoice(name="mary", audio=recording(), owner="me"))
        assert (created.voice.name, created.voice.owner) == ("mary", "me")
        late = await stage.add()
        async with asyncio.timeout(5):
            while len(pool.engines) < 3 or not all(engine.serves for engine in pool.engines.values()):
                await asyncio.sleep(0.02)
        assert sum(len(engine.cloned) for engine in stage.engines.values()) == 1
        for engine in stage.engines.values():
            (mary,) = [voice for voice in engine.voices() if voice.name == "mary"]
            assert mary.owner == "me"
        assert "mary" in pool.engines[late].voices
        await pool.delete_voice("mary")
        assert all("mary" not in [voice.name for voice in engine.voices()] for engine in stage.engines.values())
        with pytest.raises(UnknownVoice):
            await pool.delete_voice("mary")


async def test_voices_that_a_thread_reads_do_not_change_under_it() -> None:
    """Lists are made on threads of their own: one failed where a voice came or went meanwhile."""
    stage = Stage()
    address = await stage.add()
    async with pool_over(stage) as pool:
        before = iter(pool.engines[address].voices.values())
        next(before)
        await pool.create_voice(NewVoice(name="mary", audio=recording()))
        next(before)
        between = iter(pool.engines[address].voices.values())
        next(between)
        await pool.delete_voice("mary")
        assert "mary" in [voice.name for voice in between]


async def test_a_voice_that_an_engine_has_already_is_used_there_at_once() -> None:
    """As where two engines share a folder: whoever got it there was taken for one that did not take it."""
    stage = Stage()
    await stage.add()
    await stage.add()
    async with pool_over(stage) as pool:
        first, second = pool.engines
        stage.engines[second].create_voice(NewVoice(name="mary", audio=recording()))
        await pool.create_voice(NewVoice(name="mary", audio=recording()))
        assert "mary" in pool.engines[first].voices
        assert "mary" in pool.engines[second].voices


async def test_a_voice_that_another_gateway_made_anew_is_not_deleted_again() -> None:
    """Who had deleted a voice of that name deleted the new one when an engine came back."""
    stage = Stage()
    address = await stage.add()
    async with pool_over(stage) as pool:
        await pool.create_voice(NewVoice(name="mary", audio=recording()))
        await pool.delete_voice("mary")
        stage.engines[address].create_voice(NewVoice(name="mary", audio=recording()))
        engine = pool.engines[address]
        async with asyncio.timeout(5):
            while "mary" not in engine.voices:
                await asyncio.sleep(0.02)
            pool._members._running[address].cancel()
            await asyncio.gather(pool._members._running[address], return_exceptions=True)
            pool._members._running[address] = asyncio.create_task(engine.run())
            await pool.ready()
        assert "mary" in [voice.name for voice in stage.engines[address].voices()]


async def test_of_voices_that_were_deleted_the_last_ones_are_remembered() -> None:
    stage = Stage()
    await stage.add()
    async with pool_over(stage) as pool:
        pool._voices._deleted = {f"{number}": None for number in range(MOST_DELETED)}
        await pool.create_voice(NewVoice(name="mary", audio=recording()))
        await pool.delete_voice("mary")
        assert len(pool._voices._deleted) == MOST_DELETED
        assert list(pool._voices._deleted)[-1] == "mary"


async def test_an_engine_that_is_another_is_not_used() -> None:
    stage = Stage()
    await stage.add()
    async with pool_over(stage) as pool:
        strange = await stage.add({"other": Script()})  # another default voice
        async with asyncio.timeout(5):
            while strange not in pool.engines or not pool.engines[strange].reason:
                await asyncio.sleep(0.02)
        assert "default_voice" in pool.engines[strange].reason
        assert not pool.engines[strange].serves


async def test_a_cancel_frees_the_engine_and_tells_what_was_done() -> None:
    stage = Stage()
    await stage.add()
    async with pool_over(stage) as pool:
        listener = Listener(pool, "one", voice="stuck")
        await listener.submit()
        pool.push_text("one", TEXT)
        await begun(listener, 1)
        usage = await pool.cancel("one")
        assert usage is not None
        assert usage.speech_tokens > 0
        await all_free(stage)
        assert await pool.cancel("one") is None
        dropped = Listener(pool, "two", voice="stuck")
        await dropped.submit()
        pool.drop("two")
        await all_free(stage)


async def test_who_leaves_while_the_engine_that_took_him_is_lost_runs_nowhere() -> None:
    """He was moved all the same, and nobody could end what ran for him then."""
    stage = Stage()
    await stage.add()
    await stage.add()
    async with pool_over(stage) as pool:
        submitting = asyncio.create_task(Listener(pool, "one").submit())
        async with asyncio.timeout(3):
            while not (taken := [c for one in pool.engines.values() for c in one.calls if c._accepted.done()]):
                await asyncio.sleep(0)
        assert not submitting.done()
        taken[0].lost("gone")
        submitting.cancel()
        await asyncio.gather(submitting, return_exceptions=True)
        assert submitting.cancelled()
        await asyncio.sleep(0.1)
        await all_free(stage)


async def test_empty_text_is_not_kept() -> None:
    stage = Stage()
    await stage.add()
    async with pool_over(stage) as pool:
        await Listener(pool, "one").submit()
        for text in ("", "", "Hello.", ""):
            pool.push_text("one", text)
        assert [request.text for request in pool._placed["one"].record.inputs] == ["Hello."]


async def test_what_is_the_utterances_own_fault_is_not_moved() -> None:
    stage = Stage()
    for _ in range(2):
        await stage.add({"anna": Script(), "broken": Script(fail_at_chunk=1)})
    async with pool_over(stage) as pool:
        heard = await Listener(pool, "one", voice="broken").speak()
        assert isinstance(heard.error, UtteranceFailed)
        assert pool.moves == 0


async def test_three_engines_join_and_leave_while_many_speak() -> None:
    stage = Stage()
    await stage.add(max_utterances=40)
    async with pool_over(stage) as pool:

        async def speak(number: int) -> Heard:
            await asyncio.sleep(number * 0.03)
            return await Listener(pool, f"{number}", voice="karl").speak()

        speaking = [asyncio.create_task(speak(number)) for number in range(30)]
        for _ in range(2):
            await stage.add(max_utterances=40)
            async with asyncio.timeout(5):
                while sum(engine.serves for engine in pool.engines.values()) < 2:
                    await asyncio.sleep(0.01)
            await stage.cut(next(iter(stage.servers)))
        for heard in await asyncio.gather(*speaking):
            check_whole(heard, voice="karl")
        await all_free(stage)


async def test_a_pool_that_is_closed_leaves_nothing() -> None:
    stage = Stage()
    await stage.add()
    async with pool_over(stage) as pool:
        await Listener(pool, "one", voice="stuck").submit()
        await pool.close()
        await all_free(stage)


async def test_the_way_of_each_chunk_and_a_move_are_spans_of_the_utterances_trace() -> None:
    exporter = InMemorySpanExporter()
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    stage = Stage()
    await stage.add()
    await stage.add()
    async with pool_over(stage) as pool:
        pool._spans = EngineSpans(provider.get_tracer("test"))
        trace_id = "4bf92f3577b34da6a3ce929d0e0e4736"
        listener = Listener(pool, "one", voice="karl")
        await listener.submit(traceparent=f"00-{trace_id}-00f067aa0ba902b7-01")
        pool.push_text("one", TEXT)
        pool.end_input("one")
        await begun(listener)
        await stage.cut(next(a for a in stage.servers if stage.engines[a].submitted))
        async with asyncio.timeout(10):
            await listener.end.wait()
        spans = exporter.get_finished_spans()
        assert {f"{span.context.trace_id:032x}" for span in spans if span.context} == {trace_id}
        (move,) = [span for span in spans if span.name == "engine.move"]
        assert move.attributes is not None
        (told,) = [one for chunk in listener.heard.chunks if (one := gateway_timings(chunk)).move_start_ns]
        assert (move.start_time, move.end_time) == (told.move_start_ns, told.move_end_ns)
        for one in map(gateway_timings, listener.heard.chunks):
            assert one.vocoder_end_ns - CLOCK_NS < one.engine_sent_ns <= one.gateway_received_ns
        assert move.attributes["tts.move.samples"]
        ways = [span for span in spans if span.name == "engine.way"]
        assert len(ways) >= len(listener.heard.chunks)
        assert all(span.end_time >= span.start_time for span in ways if span.end_time and span.start_time)


async def test_places_of_utterances_that_ended_at_once_are_free_before_a_heartbeat_says_so() -> None:
    """Each counted until the next heartbeat: after four texts without a word in a tenth of a second, of one caller, all
    others were told that every place was taken."""
    stage = Stage()
    await stage.add(max_utterances=2)
    await stage.add(max_utterances=2)
    async with pool_over(stage, 2) as pool:
        for number in range(20):
            listener = Listener(pool, f"{number}")
            await listener.submit()
            pool.end_input(listener.name)
            async with asyncio.timeout(3):
                await listener.end.wait()
