"""Scheduler and workers with scripted stages: order, isolation, bounds, speculation."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from engine.clock import now_ns
from engine.messages import AudioChunk, Event, Finished, FlushDone
from engine.pipeline.flow import FlowRunner
from engine.pipeline.t3 import T3Runner
from engine.pipeline.worker import Worker
from engine.scheduling import running as changes
from engine.scheduling.config import SchedulerConfig
from engine.scheduling.ledger import SegmentTokens
from engine.scheduling.running import RunningUtterance
from engine.scheduling.scheduler import Scheduler
from engine.scheduling.windows import LadderConfig
from engine.text.origin import Origin
from engine.text.pronunciations import NONE, Pronunciations
from engine.text.segmenter import TextSegment
from tests.engine.scripted import SAMPLES_PER_TOKEN, TOKENS_PER_CHAR, ScriptedMel, ScriptedRow, ScriptedTokens
from tests.engine.scripted_pipeline import CONFIG, Caller, Pipeline, nothing, spoken


def test_audio_comes_in_order_and_ends_with_finished(pipeline: Pipeline) -> None:
    caller = Caller(pipeline.scheduler, "a")
    caller.say("Hello there. How are you?")
    events = caller.all()
    assert spoken(events) == "Hello there.How are you?"
    chunks = [event for event in events if isinstance(event, AudioChunk)]
    assert [chunk.seq for chunk in chunks] == list(range(len(chunks)))
    assert [chunk.first_sample for chunk in chunks] == [
        sum(c.num_samples for c in chunks[:i]) for i in range(len(chunks))
    ]
    assert [chunk.segment for chunk in chunks if chunk.end_of_segment] == [0, 1]
    assert {(chunk.segment, chunk.text_begin, chunk.text_end) for chunk in chunks} == {(0, 0, 12), (1, 13, 25)}
    finished = events[-1]
    assert isinstance(finished, Finished)
    assert finished.usage.samples == sum(chunk.num_samples for chunk in chunks)
    assert finished.usage.speech_tokens == TOKENS_PER_CHAR * len("Hello there.How are you?")
    assert (finished.usage.segments, finished.usage.input_characters) == (2, 25)
    assert pipeline.settles()


@pytest.mark.parametrize("by_deadline", [False, True])
@pytest.mark.parametrize("rate", [0.5, 2.0])
def test_other_speaking_rates_are_heard_in_order_and_counted(rate: float, by_deadline: bool) -> None:
    """In a channel that holds little more than a window."""
    config = replace(CONFIG, channel_samples=24, by_deadline=by_deadline, speculate=by_deadline)
    pipeline = Pipeline(ScriptedTokens(), ScriptedMel(), config)
    try:
        slow, plain = (Caller(pipeline.scheduler, name, rate=each) for name, each in (("a", rate), ("b", 1.0)))
        for caller in (slow, plain):
            caller.update(changes.push_text, "One two three four.")
            caller.update(changes.flush, 7)
            caller.update(changes.end_input)
        events = slow.all()
        per_char = round(TOKENS_PER_CHAR * SAMPLES_PER_TOKEN / rate)
        samples = [int(sample) for event in events if isinstance(event, AudioChunk) for sample in event.samples]
        assert "".join(map(chr, samples[::per_char])) == "One two three four." == spoken(plain.all())
        assert FlushDone(flush_id=7, end_sample=len(samples)) in events
        assert pipeline.settles()
    finally:
        pipeline.close()


def test_windows_follow_the_ladder_with_full_lookahead(pipeline: Pipeline) -> None:
    caller = Caller(pipeline.scheduler, "a")
    caller.say("abcdefgh")
    caller.all()
    assert pipeline.mel.windows == [(3, 2, False), (5, 2, False), (5, 2, False), (3, 0, True)]


def test_stamps_follow_the_way_of_a_window(pipeline: Pipeline) -> None:
    caller = Caller(pipeline.scheduler, "a")
    caller.say("abcdefgh")
    for event in caller.all():
        if isinstance(event, AudioChunk):
            t = event.timings
            way = [t.text_received_ns, t.t3_start_ns, t.t3_first_token_ns, t.t3_last_token_ns, t.flow_start_ns]
            way += [t.flow_end_ns, t.vocoder_start_ns, t.vocoder_end_ns]
            assert way == sorted(way)
            assert min(way) > 0


def test_text_is_spoken_before_the_input_ends(pipeline: Pipeline) -> None:
    caller = Caller(pipeline.scheduler, "a")
    caller.update(changes.push_text, "One. Tw")
    assert isinstance(caller.next(), AudioChunk)


def test_a_flush_speaks_what_is_there_and_is_answered_in_order(pipeline: Pipeline) -> None:
    caller = Caller(pipeline.scheduler, "a")
    caller.update(changes.push_text, "no end yet")
    caller.update(changes.flush, 7)
    caller.update(changes.push_text, " and more.")
    caller.update(changes.end_input)
    events = caller.all()
    (mark,) = [index for index, event in enumerate(events) if isinstance(event, FlushDone)]
    assert spoken(events[:mark]) == "no end yet"
    assert events[mark] == FlushDone(flush_id=7, end_sample=len("no end yet") * TOKENS_PER_CHAR * SAMPLES_PER_TOKEN)
    assert spoken(events[mark:]) == "and more."


def test_a_flush_of_nothing_is_answered_too(pipeline: Pipeline) -> None:
    caller = Caller(pipeline.scheduler, "a")
    caller.update(changes.flush, 1)
    assert caller.next() == FlushDone(flush_id=1, end_sample=0)


def test_after_the_longest_wait_words_are_spoken_without_an_end(pipeline: Pipeline) -> None:
    caller = Caller(pipeline.scheduler, "a")
    caller.update(changes.push_text, "two words wai")
    events: list[Event] = []
    while spoken(events) != "two words":
        events.append(caller.next(timeout_s=2))


def test_text_that_is_being_made_speakable_is_not_forgotten(pipeline: Pipeline) -> None:
    """T3 took a text, made it speakable without the lock, and put the pieces back; the flow thread, awake for
    another utterance at that moment, found nothing waiting and ended the utterance as empty."""
    entered, gate = threading.Event(), threading.Event()
    plain = pipeline.tokens.speakable

    def slow(text: str, language: str, pronunciations: Pronunciations = NONE) -> list[str]:
        entered.set()
        assert gate.wait(5)
        return plain(text, language, pronunciations)

    pipeline.tokens.speakable = slow  # type: ignore[method-assign]
    caller = Caller(pipeline.scheduler, "a")
    caller.say("Hello there.")
    assert entered.wait(5)
    with pipeline.scheduler.lock:
        pipeline.scheduler.wakeups.wake_all()
    assert caller.nothing_more()
    gate.set()
    assert spoken(caller.all()) == "Hello there."


def test_utterances_interleave_and_give_what_each_gives_alone(pipeline: Pipeline) -> None:
    texts = {name: f"Utterance {name} speaks {name * 5}. It has two sentences." for name in "wxyz"}
    callers = {name: Caller(pipeline.scheduler, name) for name in texts}
    for name, caller in callers.items():
        caller.say(texts[name])
    for name, caller in callers.items():
        assert spoken(caller.all()) == texts[name].replace(". ", ".")


def test_who_does_not_read_stops_only_himself(pipeline: Pipeline) -> None:
    stalled, good = Caller(pipeline.scheduler, "stalled", reads=False), Caller(pipeline.scheduler, "good")
    stalled.say("x" * 80 + ".")
    good.say("This one is read. To its very end.")
    assert spoken(good.all()) == "This one is read.To its very end."
    time.sleep(0.1)
    stats = pipeline.scheduler.stats()
    assert stats.samples_unreleased <= CONFIG.channel_samples
    assert stats.tokens_waiting <= CONFIG.ledger_tokens
    steps = pipeline.tokens.steps
    time.sleep(0.05)
    assert pipeline.tokens.steps == steps, "T3 must rest while the ledger is full"
    stalled.reads = True
    while not stalled.arrived.empty():
        stalled.next()
    events = stalled.all()
    assert isinstance(events[-1], Finished)


def test_a_ledger_too_small_for_a_window_is_refused_at_start() -> None:
    """T3 and flow would wait for each other for ever."""
    with pytest.raises(ValueError, match="the largest window needs 7"):
        Scheduler(SchedulerConfig(**{**vars(CONFIG), "ledger_tokens": 6}))


@pytest.mark.parametrize(("tokens_per_char", "drops"), [(TOKENS_PER_CHAR, False), (0.5, True)])
def test_a_proposed_end_is_committed_or_dropped_and_counted(tokens_per_char: float, drops: bool) -> None:
    """With a good guess of the length few windows are run in vain, with a bad one many; what is heard is the same."""
    config = replace(CONFIG, speculate=True)
    pipeline = Pipeline(ScriptedTokens(step_s=0.02), ScriptedMel(), config)
    try:
        pipeline.scheduler.estimates.tokens_per_char.add(tokens_per_char)
        caller = Caller(pipeline.scheduler, "a")
        caller.say("abcdefgh")
        events = caller.all()
        assert spoken(events) == "abcdefgh"
        *_, last, finished = events
        assert isinstance(last, AudioChunk)
        assert isinstance(finished, Finished)
        assert last.timings.speculative
        assert last.end_of_segment
        assert (finished.usage.windows_discarded > 4) == drops
        assert finished.usage.windows == 4
    finally:
        pipeline.close()


def test_a_sequential_board_never_does_two_things_at_once() -> None:
    """The baseline of the benchmarks: T3 rests while the flow works."""
    tokens, mel = ScriptedTokens(step_s=0.002), ScriptedMel(window_s=0.005)
    busy: list[str] = []
    overlaps: list[str] = []

    def alone(name: str, work: Callable[..., Any]) -> Callable[..., Any]:
        def run(*args: Any) -> Any:
            overlaps.extend(busy)
            busy.append(name)
            try:
                return work(*args)
            finally:
                busy.remove(name)

        return run

    tokens.step = alone("t3", tokens.step)  # type: ignore[method-assign]
    mel.run = alone("flow", mel.run)  # type: ignore[method-assign]
    pipeline = Pipeline(tokens, mel, replace(CONFIG, sequential=True))
    pipeline.sound.window_s = 0.005
    pipeline.sound.run = alone("vocoder", pipeline.sound.run)  # type: ignore[method-assign]
    try:
        caller = Caller(pipeline.scheduler, "a")
        caller.say("One sentence. And another one.")
        assert spoken(caller.all()) == "One sentence.And another one."
        assert not overlaps
    finally:
        pipeline.close()


def test_what_a_segment_takes_to_begin_is_no_time_of_a_token(pipeline: Pipeline) -> None:
    """The way from a stop token over the next prefill counted as a token's time, beside `begin_s`: a first window was
    planned for a T3 many times as slow as it was."""
    plain = pipeline.tokens.feed

    def slow(row: Any) -> bool:
        time.sleep(1.0)
        return plain(row)

    pipeline.tokens.feed = slow  # type: ignore[method-assign]
    caller = Caller(pipeline.scheduler, "a")
    caller.say("One. Two.")
    caller.all()
    estimates = pipeline.scheduler.estimates
    assert estimates.begin_s.value > 0.9
    assert estimates.token_s.value < 0.03


def test_sequential_workers_do_not_wait_for_each_other_for_ever() -> None:
    """T3 rested, since a window could be run; when the flow came to it, the listener had run out, and a window was to
    wait for more tokens. Both waited."""
    config = replace(
        CONFIG,
        sequential=True,
        by_deadline=True,
        ladder=LadderConfig(sizes=(30,)),
        timing=replace(CONFIG.timing, largest=30),
        ledger_tokens=100,
    )
    scheduler, tokens = Scheduler(config), ScriptedTokens()
    scheduler.estimates.token_s.add(0.1)
    t3 = Worker("t3", scheduler, [T3Runner(scheduler, tokens)], nothing)
    flow = Worker("flow", scheduler, [FlowRunner(scheduler, ScriptedMel())], nothing)
    Caller(scheduler, "a")
    text = TextSegment(text="x" * 60, origin=Origin.verbatim(0, len("x" * 60)), received_ns=1, cut_ns=1)
    segment = SegmentTokens(index=0, text=text, spoken=text.text, t3_start_ns=1, prefill_end_ns=1)
    for _ in range(8):
        segment.append(ord("x"), 1)

    def decoding(running: RunningUtterance) -> None:
        running.row, running.decoding, running.segment_windows = ScriptedRow([ord("x")] * 40, False, 0), segment, 1
        running.ledger.entries.append(segment)
        running.first_chunk_ns, running.runs_out_ns = 1, now_ns() + 30_000_000

    scheduler.update("a", decoding)
    t3.start()
    time.sleep(0.1)
    assert not tokens.steps, "there was a window to run"
    flow.start()
    time.sleep(0.2)
    scheduler.close()
    t3.join()
    flow.join()
    assert tokens.steps
