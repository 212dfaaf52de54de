"""However an utterance ends, well, cancelled, refused or broken, it ends alone and leaves nothing."""

from __future__ import annotations

import gc
import random
import threading
import time
import weakref
from collections.abc import Iterator, Sequence
from typing import Any

import pytest

from engine.errors import EmptyText, EngineBroken, EngineClosed, Overloaded, UtteranceFailed
from engine.messages import ChunkTimings, Failed
from engine.pipeline.flow import FlowRunner
from engine.scheduling import running as changes
from engine.scheduling.jobs import FlowWork
from engine.scheduling.ledger import SegmentTokens
from engine.scheduling.running import FlowJob, Proposal, RunningUtterance, VocoderJob
from engine.scheduling.scheduler import Scheduler
from engine.scheduling.windows import Window
from engine.text.origin import Origin
from engine.text.segmenter import TextSegment
from tests.engine.scripted import ScriptedMel, ScriptedTokens
from tests.engine.scripted_pipeline import CONFIG, NOTHING, Caller, Pipeline, spoken


@pytest.mark.parametrize("text", ["", "  \n ", "?!", "..."])
def test_nothing_speakable_is_an_error_and_not_silence(pipeline: Pipeline, text: str) -> None:
    caller = Caller(pipeline.scheduler, "a")
    caller.say(text)
    (failed,) = caller.all()
    assert isinstance(failed, Failed)
    assert isinstance(failed.error, EmptyText)
    assert pipeline.settles()


@pytest.mark.parametrize("text", ["One. Two @ two. Three.", "One. Two ! two. Three.", "One. Two $ two. Three."])
def test_a_failure_ends_one_utterance_after_the_audio_before_it(pipeline: Pipeline, text: str) -> None:
    good, bad = Caller(pipeline.scheduler, "good"), Caller(pipeline.scheduler, "bad")
    good.update(changes.push_text, "This one goes on and on. ")
    bad.say(text)
    good.say("And it ends well.")
    events = bad.all()
    assert isinstance(events[-1], Failed)
    assert isinstance(events[-1].error, UtteranceFailed)
    assert spoken(events).startswith("One.")
    assert spoken(good.all()) == "This one goes on and on.And it ends well."
    assert pipeline.settles()


def test_a_step_that_breaks_ends_all_that_it_was_for_and_the_next_is_spoken(pipeline: Pipeline) -> None:
    """Nothing tells whose fault it was."""
    bad = Caller(pipeline.scheduler, "bad")
    bad.say("One. Two # two. Three.")
    events = bad.all()
    assert isinstance(events[-1], Failed)
    assert isinstance(events[-1].error, UtteranceFailed)
    assert spoken(events).startswith("One.")
    good = Caller(pipeline.scheduler, "good")
    good.say("It ends well.")
    assert spoken(good.all()) == "It ends well."
    assert pipeline.settles()


def test_one_too_many_is_refused_until_one_ends(pipeline: Pipeline) -> None:
    callers = [Caller(pipeline.scheduler, name) for name in "abcd"]
    with pytest.raises(Overloaded, match="4 of 4"):
        Caller(pipeline.scheduler, "e")
    pipeline.scheduler.cancel("a")
    callers.append(Caller(pipeline.scheduler, "e"))


def test_cancel_is_seen_before_the_next_step(pipeline: Pipeline) -> None:
    pipeline.tokens.gate = threading.Event()
    caller = Caller(pipeline.scheduler, "a")
    caller.update(changes.push_text, "Spoken for a long long while. ")
    time.sleep(0.05)
    pipeline.scheduler.cancel("a")
    pipeline.tokens.gate.set()
    assert pipeline.settles()
    assert pipeline.tokens.steps <= 1
    assert caller.nothing_more()


def test_after_many_cancels_nothing_is_left(pipeline: Pipeline) -> None:
    rng = random.Random(1)
    pipeline.tokens.step_s = pipeline.mel.window_s = 0.0002
    for index in range(200):
        caller = Caller(pipeline.scheduler, str(index), reads=rng.random() < 0.5)
        caller.update(changes.push_text, "Some text that is spoken. " * rng.randint(0, 3))
        time.sleep(rng.random() * 0.004)
        pipeline.scheduler.cancel(str(index))
    assert pipeline.settles()


def test_a_closed_board_takes_nothing_and_ends_what_runs() -> None:
    pipeline = Pipeline(ScriptedTokens(step_s=0.001), ScriptedMel())
    Caller(pipeline.scheduler, "a").update(changes.push_text, "Still speaking. " * 3)
    pipeline.close()
    assert pipeline.scheduler.stats() == NOTHING
    assert pipeline.tokens.held == 0
    with pytest.raises(EngineClosed):
        Caller(pipeline.scheduler, "b")


def test_whoever_leaves_says_so_once_however_it_ends(pipeline: Pipeline) -> None:
    for text, name in (("hi.", "ended"), ("@", "failed"), ("hello there.", "cancelled")):
        caller = Caller(pipeline.scheduler, name)
        times: list[int] = []
        with pipeline.scheduler.lock:
            pipeline.scheduler._running[name].on_leave = lambda times=times: times.append(1)  # type: ignore[misc]
        caller.say(text)
        if name == "cancelled":
            caller.next()
            pipeline.scheduler.cancel(name)
            pipeline.scheduler.cancel(name)
        else:
            caller.all()
        end = time.monotonic() + 5
        while not times and time.monotonic() < end:
            time.sleep(0.002)
        time.sleep(0.02)
        assert times == [1]


def test_what_breaks_when_audio_is_handed_over_breaks_one_utterance(monkeypatch: pytest.MonkeyPatch) -> None:
    pipeline = Pipeline(ScriptedTokens(), ScriptedMel())
    try:
        with monkeypatch.context() as broken:
            broken.setattr("engine.tracing.UtteranceTrace.window", lambda *_: 1 // 0)
            first = Caller(pipeline.scheduler, "a")
            first.say("One two.")
            assert isinstance(first.all()[-1], Failed)
        second = Caller(pipeline.scheduler, "b")
        second.say("One two.")
        assert spoken(second.all()) == "One two."
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
        caller, other = Caller(pipeline.scheduler, "a"), Caller(pipeline.scheduler, "b")
        caller.update(changes.push_text, "Hello there. ")
        for waiting in (caller, other):
            *_, failed = waiting.all()
            assert isinstance(failed, Failed)
            assert isinstance(failed.error, EngineBroken)
            assert "the device is gone" in str(failed.error)
        with pytest.raises(EngineClosed):
            Caller(pipeline.scheduler, "c")
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
    caller = Caller(pipeline.scheduler, "a")
    caller.say("Hello there.")
    assert entered.wait(5)
    pipeline.scheduler.cancel("a")
    again = Caller(pipeline.scheduler, "a")
    pipeline.mel.run = plain  # type: ignore[method-assign]
    gate.set()
    again.say("Hello again.")
    assert spoken(again.all()) == "Hello again."
    assert caller.nothing_more()


@pytest.mark.parametrize(("text", "is_let_in"), [("Hi.", True), ("This one has a lot more to say.", False)])
def test_who_is_about_to_end_leaves_a_place_free(pipeline: Pipeline, text: str, is_let_in: bool) -> None:
    """Whoever came in the last tenth of a second of another one was sent away for seconds."""
    pipeline.tokens.gate = threading.Event()
    pipeline.scheduler.places.guess(1, "there is one place")
    caller = Caller(pipeline.scheduler, "a")
    with pytest.raises(Overloaded):
        Caller(pipeline.scheduler, "too soon: its text may go on")
    caller.say(text)
    caller.wait_until(lambda running: running.input_ended and running.decoding is not None)
    if is_let_in:
        Caller(pipeline.scheduler, "next")
    else:
        with pytest.raises(Overloaded):
            Caller(pipeline.scheduler, "next")
    pipeline.tokens.gate.set()


TEXT = TextSegment(text="a", origin=Origin.verbatim(0, 1), received_ns=1, cut_ns=1)
LAST = Window(n_new=1, lookahead=0, final=True)


def last_job(running: RunningUtterance) -> FlowJob:
    return FlowJob(running, SegmentTokens(index=0, text=TEXT, spoken="a", t3_start_ns=0, prefill_end_ns=0), LAST, (65,))


@pytest.fixture
def no_collection() -> Iterator[None]:
    gc.disable()
    yield
    gc.enable()


@pytest.mark.usefixtures("no_collection")
def test_who_is_cancelled_is_gone_when_it_has_left() -> None:
    """Its mels and its proposal know it: its states, with their places on a GPU, stayed until a garbage collection."""
    scheduler = Scheduler(CONFIG)
    Caller(scheduler, "a")
    (running,) = scheduler._running.values()
    job = last_job(running)
    running.mels.append(VocoderJob(running, job.segment, LAST, None, ChunkTimings(), ()))
    running.proposal = Proposal(job, None, None, ChunkTimings(), ())
    left = weakref.ref(running)
    scheduler.cancel("a")
    scheduler.take_leaving()
    del running, job
    assert left() is None


def test_who_is_cancelled_while_a_window_is_tried_keeps_nothing_of_it() -> None:
    scheduler = Scheduler(CONFIG)
    Caller(scheduler, "a")
    (running,) = scheduler._running.values()

    class Mel(ScriptedMel):
        def run(self, states: Sequence[int], works: Sequence[FlowWork]) -> list[tuple[list[int], int]]:
            scheduler.cancel("a")
            return super().run(states, works)

    FlowRunner(scheduler, Mel())._propose([last_job(running)])
    assert running.proposal is None
