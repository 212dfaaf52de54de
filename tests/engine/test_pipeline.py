"""Board and workers with scripted stages: order, isolation, bounds, cancel, ends."""

from __future__ import annotations

import queue
import random
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from engine import running as changes
from engine.board import Board, BoardConfig
from engine.clock import now_ns
from engine.deadlines import Timing
from engine.errors import EmptyText, EngineClosed, Overloaded, UtteranceFailed
from engine.ladder import LadderConfig, Window
from engine.ledger import Ledger, SegmentTokens
from engine.messages import Accepted, AudioChunk, EngineStats, Event, Failed, Finished, FlushDone, Utterance
from engine.pipeline import FlowDuty, T3Duty, VocoderDuty, Worker
from engine.pipeline.worker import Duty
from engine.running import Running
from engine.text.segmenter import Segmenter, SegmenterConfig, TextSegment
from engine.tracing import UtteranceTrace
from tests.engine.scripted import (
    SAMPLES_PER_TOKEN,
    TOKENS_PER_CHAR,
    ScriptedMel,
    ScriptedRow,
    ScriptedSound,
    ScriptedTokens,
)

CONFIG = BoardConfig(
    max_utterances=4,
    ladder=LadderConfig(sizes=(3, 5)),
    timing=Timing(sample_rate=1000, samples_per_token=SAMPLES_PER_TOKEN, lookahead=2, largest=5),
    ledger_tokens=10,
    channel_samples=60,
)
NOTHING = EngineStats(utterances=0, tokens_waiting=0, samples_unreleased=0, slots_in_use=0)


class Caller:
    """One utterance as the service would drive it; releases audio as it arrives unless told not to."""

    def __init__(self, board: Board, name: str, reads: bool = True) -> None:
        self.name, self.board, self.reads = name, board, reads
        self.arrived: queue.SimpleQueue[Event] = queue.SimpleQueue()
        self.left = threading.Event()
        accepted = Accepted(voice="v", language="en", seed=1, sampling={}, max_text_delay_s=0.05)
        running = Running(
            request=Utterance(id=name),
            accepted=accepted,
            sink=self.arrived.put,
            trace=UtteranceTrace(""),
            segmenter=Segmenter(SegmenterConfig(), 50_000_000),
            ledger=Ledger(board.config.ledger_tokens),
            on_leave=self.left.set,
            voice=object(),
        )
        self.board.add(running)

    def update(self, change: Callable[..., None], *args: Any) -> None:
        self.board.update(self.name, lambda running: change(running, *args))

    def say(self, text: str) -> None:
        self.update(changes.push_text, text)
        self.update(changes.end_input)

    def next(self, timeout_s: float = 5) -> Event:
        event = self.arrived.get(timeout=timeout_s)
        if self.reads and isinstance(event, AudioChunk):
            self.update(changes.release, event.num_samples)
        return event

    def all(self) -> list[Event]:
        events = [self.next()]
        while not isinstance(events[-1], Finished | Failed):
            events.append(self.next())
        return events

    def wait_until(self, holds: Callable[[Running], bool]) -> None:
        seen = threading.Event()
        until_s = time.monotonic() + 5
        while not seen.is_set():
            assert time.monotonic() < until_s
            self.board.update(self.name, lambda running: seen.set() if holds(running) else None)
            time.sleep(0.002)

    def nothing_more(self, for_s: float = 0.05) -> bool:
        time.sleep(for_s)
        return self.arrived.empty()


class Pipeline:
    def __init__(
        self, tokens: ScriptedTokens, mel: ScriptedMel, config: BoardConfig = CONFIG, together: bool = False
    ) -> None:
        self.tokens, self.mel, self.sound = tokens, mel, ScriptedSound()
        self.board = Board(config)
        t3, flow = T3Duty(self.board, tokens), FlowDuty(self.board, mel)
        vocoder = VocoderDuty(self.board, self.sound)
        arranged: dict[str, list[Duty]] = {"t3": [t3], "flow": [vocoder, flow]}
        if not together:
            arranged = {"t3": [t3], "flow": [flow], "vocoder": [vocoder]}
        self.workers = [Worker(name, self.board, duties, _nothing) for name, duties in arranged.items()]
        for worker in self.workers:
            worker.start()

    def close(self) -> None:
        self.board.close()
        for worker in self.workers:
            worker.join()

    def settles(self) -> bool:
        end = time.monotonic() + 5
        while time.monotonic() < end:
            if self.board.stats() == NOTHING and self.tokens.held == 0:
                return True
            time.sleep(0.005)
        return False


def _nothing() -> None:
    pass


@pytest.fixture(params=[False, True], ids=["three threads", "flow and vocoder on one"])
def pipeline(request: pytest.FixtureRequest) -> Iterator[Pipeline]:
    running = Pipeline(ScriptedTokens(), ScriptedMel(), together=request.param)
    yield running
    if running.tokens.gate is not None:
        running.tokens.gate.set()
    running.close()
    assert not {thread.name for thread in threading.enumerate()} & {"t3", "flow", "vocoder"}


def spoken(events: list[Event]) -> str:
    """The text that the audio stands for."""
    chunks = [event for event in events if isinstance(event, AudioChunk)]
    samples = np.concatenate([chunk.samples for chunk in chunks]) if chunks else np.zeros(0)
    return "".join(chr(int(sample)) for sample in samples[:: SAMPLES_PER_TOKEN * TOKENS_PER_CHAR])


def test_audio_comes_in_order_and_ends_with_finished(pipeline: Pipeline) -> None:
    caller = Caller(pipeline.board, "a")
    caller.say("Hello there. How are you?")
    events = caller.all()
    assert spoken(events) == "Hello there.How are you?"
    chunks = [event for event in events if isinstance(event, AudioChunk)]
    assert [chunk.seq for chunk in chunks] == list(range(len(chunks)))
    assert [chunk.first_sample for chunk in chunks] == [
        sum(c.num_samples for c in chunks[:i]) for i in range(len(chunks))
    ]
    assert [chunk.segment for chunk in chunks if chunk.end_of_segment] == [0, 1]
    finished = events[-1]
    assert isinstance(finished, Finished)
    assert finished.usage.samples == sum(chunk.num_samples for chunk in chunks)
    assert finished.usage.speech_tokens == TOKENS_PER_CHAR * len("Hello there.How are you?")
    assert (finished.usage.segments, finished.usage.input_characters) == (2, 25)
    assert pipeline.settles()


def test_windows_follow_the_ladder_with_full_lookahead(pipeline: Pipeline) -> None:
    caller = Caller(pipeline.board, "a")
    caller.say("abcdefgh")
    caller.all()
    assert pipeline.mel.windows == [(3, 2, False), (5, 2, False), (5, 2, False), (3, 0, True)]


def test_stamps_follow_the_way_of_a_window(pipeline: Pipeline) -> None:
    caller = Caller(pipeline.board, "a")
    caller.say("abcdefgh")
    for event in caller.all():
        if isinstance(event, AudioChunk):
            t = event.timings
            way = [t.text_received_ns, t.t3_start_ns, t.t3_first_token_ns, t.t3_last_token_ns, t.flow_start_ns]
            way += [t.flow_end_ns, t.vocoder_start_ns, t.vocoder_end_ns]
            assert way == sorted(way)
            assert min(way) > 0


def test_text_is_spoken_before_the_input_ends(pipeline: Pipeline) -> None:
    caller = Caller(pipeline.board, "a")
    caller.update(changes.push_text, "One. Tw")
    assert isinstance(caller.next(), AudioChunk)


def test_a_flush_speaks_what_is_there_and_is_answered_in_order(pipeline: Pipeline) -> None:
    caller = Caller(pipeline.board, "a")
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
    caller = Caller(pipeline.board, "a")
    caller.update(changes.flush, 1)
    assert caller.next() == FlushDone(flush_id=1, end_sample=0)


def test_after_the_longest_wait_words_are_spoken_without_an_end(pipeline: Pipeline) -> None:
    caller = Caller(pipeline.board, "a")
    caller.update(changes.push_text, "two words wai")
    events: list[Event] = []
    while spoken(events) != "two words":
        events.append(caller.next(timeout_s=2))


@pytest.mark.parametrize("text", ["", "  \n ", "?!", "..."])
def test_nothing_speakable_is_an_error_and_not_silence(pipeline: Pipeline, text: str) -> None:
    caller = Caller(pipeline.board, "a")
    caller.say(text)
    (failed,) = caller.all()
    assert isinstance(failed, Failed)
    assert isinstance(failed.error, EmptyText)
    assert pipeline.settles()


@pytest.mark.parametrize(
    "text", ["One. Two @ two. Three.", "One. Two # two. Three.", "One. Two ! two. Three.", "One. Two $ two. Three."]
)
def test_a_failure_ends_one_utterance_after_the_audio_before_it(pipeline: Pipeline, text: str) -> None:
    good, bad = Caller(pipeline.board, "good"), Caller(pipeline.board, "bad")
    good.update(changes.push_text, "This one goes on and on. ")
    bad.say(text)
    good.say("And it ends well.")
    events = bad.all()
    assert isinstance(events[-1], Failed)
    assert isinstance(events[-1].error, UtteranceFailed)
    assert spoken(events).startswith("One.")
    assert spoken(good.all()) == "This one goes on and on.And it ends well."
    assert pipeline.settles()


def test_text_that_is_being_made_speakable_is_not_forgotten(pipeline: Pipeline) -> None:
    """T3 took a text off the board, made it speakable without the lock, and put the pieces back; the flow thread, awake
    for another utterance at that moment, found nothing waiting and ended the utterance as empty."""
    entered, gate = threading.Event(), threading.Event()
    plain = pipeline.tokens.speakable

    def slow(text: str, language: str) -> list[str]:
        entered.set()
        assert gate.wait(5)
        return plain(text, language)

    pipeline.tokens.speakable = slow  # type: ignore[method-assign]
    caller = Caller(pipeline.board, "a")
    caller.say("Hello there.")
    assert entered.wait(5)
    with pipeline.board.changed:
        pipeline.board.changed.notify_all()
    assert caller.nothing_more()
    gate.set()
    assert spoken(caller.all()) == "Hello there."


def test_utterances_interleave_and_give_what_each_gives_alone(pipeline: Pipeline) -> None:
    texts = {name: f"Utterance {name} speaks {name * 5}. It has two sentences." for name in "wxyz"}
    callers = {name: Caller(pipeline.board, name) for name in texts}
    for name, caller in callers.items():
        caller.say(texts[name])
    for name, caller in callers.items():
        assert spoken(caller.all()) == texts[name].replace(". ", ".")


def test_one_too_many_is_refused_until_one_ends(pipeline: Pipeline) -> None:
    callers = [Caller(pipeline.board, name) for name in "abcd"]
    with pytest.raises(Overloaded, match="4 of 4"):
        Caller(pipeline.board, "e")
    pipeline.board.cancel("a")
    callers.append(Caller(pipeline.board, "e"))


def test_who_does_not_read_stops_only_himself(pipeline: Pipeline) -> None:
    stalled, good = Caller(pipeline.board, "stalled", reads=False), Caller(pipeline.board, "good")
    stalled.say("x" * 80 + ".")
    good.say("This one is read. To its very end.")
    assert spoken(good.all()) == "This one is read.To its very end."
    time.sleep(0.1)
    stats = pipeline.board.stats()
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


def test_cancel_is_seen_before_the_next_step(pipeline: Pipeline) -> None:
    pipeline.tokens.gate = threading.Event()
    caller = Caller(pipeline.board, "a")
    caller.update(changes.push_text, "Spoken for a long long while. ")
    time.sleep(0.05)
    pipeline.board.cancel("a")
    pipeline.tokens.gate.set()
    assert pipeline.settles()
    assert pipeline.tokens.steps <= 1
    assert caller.nothing_more()


def test_after_many_cancels_nothing_is_left(pipeline: Pipeline) -> None:
    rng = random.Random(1)
    pipeline.tokens.step_s = pipeline.mel.window_s = 0.0002
    for index in range(200):
        caller = Caller(pipeline.board, str(index), reads=rng.random() < 0.5)
        caller.update(changes.push_text, "Some text that is spoken. " * rng.randint(0, 3))
        time.sleep(rng.random() * 0.004)
        pipeline.board.cancel(str(index))
    assert pipeline.settles()


def test_a_closed_board_takes_nothing_and_ends_what_runs() -> None:
    pipeline = Pipeline(ScriptedTokens(step_s=0.001), ScriptedMel())
    Caller(pipeline.board, "a").update(changes.push_text, "Still speaking. " * 3)
    pipeline.close()
    assert pipeline.board.stats() == NOTHING
    assert pipeline.tokens.held == 0
    with pytest.raises(EngineClosed):
        Caller(pipeline.board, "b")


def test_a_ledger_too_small_for_a_window_is_refused_at_start() -> None:
    """T3 and flow would wait for each other for ever."""
    with pytest.raises(ValueError, match="the largest window needs 7"):
        Board(BoardConfig(**{**vars(CONFIG), "ledger_tokens": 6}))


def test_whoever_leaves_says_so_once_however_it_ends(pipeline: Pipeline) -> None:
    for text, name in (("hi.", "ended"), ("@", "failed"), ("hello there.", "cancelled")):
        caller = Caller(pipeline.board, name)
        times: list[int] = []
        with pipeline.board.changed:
            pipeline.board._running[name].on_leave = lambda times=times: times.append(1)  # type: ignore[misc]
        caller.say(text)
        if name == "cancelled":
            caller.next()
            pipeline.board.cancel(name)
            pipeline.board.cancel(name)
        else:
            caller.all()
        end = time.monotonic() + 5
        while not times and time.monotonic() < end:
            time.sleep(0.002)
        time.sleep(0.02)
        assert times == [1]


def test_rows_step_together_and_a_long_text_is_fed_between_their_steps() -> None:
    roomy = replace(CONFIG, ledger_tokens=1000, channel_samples=10_000)  # so that T3 never rests
    pipeline = Pipeline(ScriptedTokens(step_s=0.001), ScriptedMel(), roomy)
    try:
        first, second = Caller(pipeline.board, "a"), Caller(pipeline.board, "b")
        first.update(changes.push_text, "Spoken for a while, and on. ")
        while "s" not in pipeline.tokens.order:
            time.sleep(0.001)
        second.say("~ in a hundred feeds.")
        first.update(changes.end_input)
        assert spoken(first.all()) == "Spoken for a while, and on."
        steps = [index for index, work in enumerate(pipeline.tokens.order) if work == "s"]
        until_its_end = steps[TOKENS_PER_CHAR * len("Spoken for a while, and on.") - 1]
        assert "fff" not in pipeline.tokens.order[:until_its_end], "it must not have waited for the other's text"
        assert spoken(second.all()) == "~ in a hundred feeds."
        third, fourth = Caller(pipeline.board, "c"), Caller(pipeline.board, "d")
        third.say("At the same time.")
        fourth.say("At the same time.")
        third.all()
        fourth.all()
        assert max(pipeline.tokens.batches) == 2
    finally:
        pipeline.close()


def test_windows_that_are_alike_run_in_one_batch_and_one_that_breaks_takes_nobody_with_it() -> None:
    pipeline = Pipeline(ScriptedTokens(), ScriptedMel(window_s=0.01), replace(CONFIG, max_batch=4))
    try:
        texts = {
            "a": "One two three four.",
            "b": "Two two three four.",
            "c": "Six ! three four.",
            "d": "Ten is the end.",
        }
        callers = {name: Caller(pipeline.board, name) for name in texts}
        for name, caller in callers.items():
            caller.say(texts[name])
        events = {name: caller.all() for name, caller in callers.items()}
        assert isinstance(events["c"][-1], Failed)
        assert {name: spoken(events[name]) for name in "abd"} == {name: texts[name] for name in "abd"}
        assert max(pipeline.mel.batches) > 1
    finally:
        pipeline.close()


def test_what_breaks_when_audio_is_handed_over_breaks_one_utterance(monkeypatch: pytest.MonkeyPatch) -> None:
    pipeline = Pipeline(ScriptedTokens(), ScriptedMel())
    try:
        with monkeypatch.context() as broken:
            broken.setattr("engine.tracing.UtteranceTrace.window", lambda *_: 1 // 0)
            first = Caller(pipeline.board, "a")
            first.say("One two.")
            assert isinstance(first.all()[-1], Failed)
        second = Caller(pipeline.board, "b")
        second.say("One two.")
        assert spoken(second.all()) == "One two."
    finally:
        pipeline.close()


@pytest.mark.parametrize(("batch_tokens", "most"), [(None, 4), (12, 2), (3, 1)])
def test_a_batch_holds_no_more_tokens_than_it_may(batch_tokens: int | None, most: int) -> None:
    """Nobody else's window can go in front while a batch runs."""
    board = Board(replace(CONFIG, max_batch=4, batch_tokens=batch_tokens))
    assert board.batch_of(Window(n_new=5, lookahead=3, final=False)) == most
    assert board.batch_of(Window(n_new=0, lookahead=0, final=True)) >= most
    board.estimates.flow_load.add(0.95)  # there is no time to lose
    assert board.batch_of(Window(n_new=5, lookahead=3, final=False)) == 4


def test_mels_that_are_alike_run_in_one_batch_and_one_that_breaks_takes_nobody_with_it() -> None:
    pipeline = Pipeline(ScriptedTokens(), ScriptedMel(), replace(CONFIG, max_batch=4))
    pipeline.sound.window_s = 0.1
    try:
        texts = {"a": "One two three four.", "b": "Two two three four.", "c": "Six $ three four."}
        callers = {name: Caller(pipeline.board, name) for name in texts}
        for name, caller in callers.items():
            caller.say(texts[name])
        events = {name: caller.all() for name, caller in callers.items()}
        assert isinstance(events["c"][-1], Failed)
        assert {name: spoken(events[name]) for name in "ab"} == {name: texts[name] for name in "ab"}
        assert max(pipeline.sound.batches) > 1
        chunks = [event for name in "ab" for event in events[name] if isinstance(event, AudioChunk)]
        assert max(chunk.timings.vocoder_batch for chunk in chunks) > 1
    finally:
        pipeline.close()


def test_t3_fills_everyone_together_once_one_of_them_needs_it() -> None:
    """Each was filled as its own window left: rows out of step made a batch of one of nearly every step."""
    board = Board(replace(CONFIG, ledger_tokens=40))
    waiting = {"a": 40, "b": 31, "c": 31}
    segments = {}
    for name, count in waiting.items():
        text = TextSegment(text="x", begin=0, received_ns=1, cut_ns=1)
        segment = segments[name] = SegmentTokens(index=0, text=text, spoken="x", t3_start_ns=1, prefill_end_ns=1)
        for _ in range(count):
            segment.append(0, 1)
        Caller(board, name).update(_decode, segment)

    def stepping() -> set[str]:
        with board.changed:
            return {running.request.id for running in board.to_step()}

    assert not stepping(), "everyone has more than the flow's next window needs"
    segments["b"].advance(2)
    assert stepping() == {"b", "c"}
    segments["b"].append(0, 1)
    segments["b"].append(0, 1)
    assert stepping() == {"b", "c"}, "until nobody will need it soon"
    for name in "bc":
        while segments[name].waiting < 35:
            segments[name].append(0, 1)
    assert not stepping()


def _decode(running: Running, segment: SegmentTokens) -> None:
    running.decoding = segment
    running.ledger.entries.append(segment)


@pytest.mark.parametrize(("tokens_per_char", "drops"), [(TOKENS_PER_CHAR, False), (0.5, True)])
def test_a_proposed_end_is_committed_or_dropped_and_counted(tokens_per_char: float, drops: bool) -> None:
    """With a good guess of the length few windows are run in vain, with a bad one many; what is heard is the same."""
    config = replace(CONFIG, speculate=True)
    pipeline = Pipeline(ScriptedTokens(step_s=0.02), ScriptedMel(), config)
    try:
        pipeline.board.estimates.tokens_per_char.add(tokens_per_char)
        caller = Caller(pipeline.board, "a")
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
        caller = Caller(pipeline.board, "a")
        caller.say("One sentence. And another one.")
        assert spoken(caller.all()) == "One sentence.And another one."
        assert not overlaps
    finally:
        pipeline.close()


def test_a_worker_that_breaks_ends_everyone_and_says_so() -> None:
    """A device that fails takes the giving back of rows with it: the t3 thread died of it, nobody was told, and every
    utterance, also those submitted afterwards, waited for ever."""
    pipeline = Pipeline(ScriptedTokens(), ScriptedMel())

    def broken(row: object) -> None:
        raise RuntimeError("the device is gone")

    pipeline.tokens.release = broken  # type: ignore[method-assign]
    try:
        caller, other = Caller(pipeline.board, "a"), Caller(pipeline.board, "b")
        caller.update(changes.push_text, "Hello there. ")
        for waiting in (caller, other):
            *_, failed = waiting.all()
            assert isinstance(failed, Failed)
            assert isinstance(failed.error, UtteranceFailed)
            assert "the device is gone" in str(failed.error)
        with pytest.raises(EngineClosed):
            Caller(pipeline.board, "c")
    finally:
        pipeline.close()


def test_a_window_that_fails_after_its_cancel_touches_nobody(pipeline: Pipeline) -> None:
    """The failure ended whoever had the name by then, and told the old listener, who had cancelled."""
    entered, gate = threading.Event(), threading.Event()
    plain = pipeline.mel.run

    def failing(*args: Any) -> Any:
        entered.set()
        assert gate.wait(5)
        raise RuntimeError("too late to matter")

    pipeline.mel.run = failing  # type: ignore[assignment, method-assign]
    caller = Caller(pipeline.board, "a")
    caller.say("Hello there.")
    assert entered.wait(5)
    pipeline.board.cancel("a")
    again = Caller(pipeline.board, "a")
    pipeline.mel.run = plain  # type: ignore[method-assign]
    gate.set()
    again.say("Hello again.")
    assert spoken(again.all()) == "Hello again."
    assert caller.nothing_more()


def test_what_a_segment_takes_to_begin_is_no_time_of_a_token(pipeline: Pipeline) -> None:
    """The way from a stop token over the next prefill counted as a token's time, beside `begin_s`: a first window was
    planned for a T3 many times as slow as it was."""
    plain = pipeline.tokens.feed

    def slow(row: Any) -> bool:
        time.sleep(1.0)
        return plain(row)

    pipeline.tokens.feed = slow  # type: ignore[method-assign]
    caller = Caller(pipeline.board, "a")
    caller.say("One. Two.")
    caller.all()
    estimates = pipeline.board.estimates
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
    board, tokens = Board(config), ScriptedTokens()
    board.estimates.token_s.add(0.1)
    t3 = Worker("t3", board, [T3Duty(board, tokens)], _nothing)
    flow = Worker("flow", board, [FlowDuty(board, ScriptedMel())], _nothing)
    Caller(board, "a")
    text = TextSegment(text="x" * 60, begin=0, received_ns=1, cut_ns=1)
    segment = SegmentTokens(index=0, text=text, spoken=text.text, t3_start_ns=1, prefill_end_ns=1)
    for _ in range(8):
        segment.append(ord("x"), 1)

    def decoding(running: Running) -> None:
        running.row, running.decoding, running.segment_windows = ScriptedRow([ord("x")] * 40, False, 0), segment, 1
        running.ledger.entries.append(segment)
        running.first_chunk_ns, running.runs_out_ns = 1, now_ns() + 30_000_000

    board.update("a", decoding)
    t3.start()
    time.sleep(0.1)
    assert not tokens.steps, "there was a window to run"
    flow.start()
    time.sleep(0.2)
    board.close()
    t3.join()
    flow.join()
    assert tokens.steps
