"""What a stage is to blame for ends the engine, what an utterance is to blame for ends that utterance."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from functools import partial

import numpy as np
import pytest
from numpy.typing import NDArray

from engine.errors import EngineBroken, Fault, OutOfMemory, UtteranceFailed
from engine.messages import Event, Failed, Finished
from engine.pipeline import breakdown
from engine.pipeline.breakdown import FAILURES_IN_A_ROW
from engine.scheduling import running as changes
from engine.scheduling.jobs import FlowWork, VocoderWork
from engine.watchdog import Watchdog
from tests.engine.scripted import ScriptedMel, ScriptedSound, ScriptedTokens
from tests.engine.scripted_pipeline import Caller, Pipeline

BREAKS = {"T3's text": "It @ is.", "T3's step": "It # is.", "flow": "It ! is.", "vocoder": "It $ is."}


@pytest.fixture
def pipeline() -> Iterator[Pipeline]:
    pipeline = Pipeline(ScriptedTokens(), ScriptedMel())
    yield pipeline
    pipeline.close()


def said(pipeline: Pipeline, name: str, text: str) -> Event:
    """How an utterance ended."""
    caller = Caller(pipeline.scheduler, name)
    caller.say(text)
    return caller.all()[-1]


def fault_of(event: Event) -> Fault:
    assert isinstance(event, Failed)
    assert isinstance(event.error, EngineBroken)
    return event.error.fault


@pytest.mark.parametrize("stage", BREAKS)
def test_a_stage_that_fails_again_and_again_is_at_fault_itself(pipeline: Pipeline, stage: str) -> None:
    """It failed every utterance for ever, and health said SERVING."""
    for index in range(FAILURES_IN_A_ROW - 1):
        failed = said(pipeline, f"{index}", BREAKS[stage])
        assert isinstance(failed, Failed)
        assert isinstance(failed.error, UtteranceFailed)
    assert not pipeline.scheduler.closed
    beside = Caller(pipeline.scheduler, "beside")
    said(pipeline, "last", BREAKS[stage])
    assert fault_of(beside.next()) is Fault.STAGE_FAILING
    assert pipeline.scheduler.broken is not None
    with pytest.raises(EngineBroken):
        Caller(pipeline.scheduler, "later")


@pytest.mark.parametrize("stage", BREAKS)
def test_a_stage_that_fails_now_and_then_goes_on(pipeline: Pipeline, stage: str) -> None:
    for index in range(2 * FAILURES_IN_A_ROW):
        assert isinstance(said(pipeline, f"bad {index}", BREAKS[stage]), Failed)
        assert isinstance(said(pipeline, f"good {index}", "All is well."), Finished)
    assert not pipeline.scheduler.closed


class ShortOfMemory(ScriptedMel):
    """Finds none at its first `misses` windows."""

    def __init__(self, misses: int) -> None:
        super().__init__()
        self.misses = misses

    def run(self, states: Sequence[int], works: Sequence[FlowWork]) -> list[tuple[list[int], int]]:
        self.misses -= 1
        if self.misses >= 0:
            raise RuntimeError("could not create a primitive")
        return super().run(states, works)


class SoundShortOfMemory(ScriptedSound):
    """The same of a vocoder."""

    def __init__(self, misses: int) -> None:
        super().__init__()
        self.misses = misses

    def run(self, states: Sequence[int], works: Sequence[VocoderWork]) -> list[tuple[NDArray[np.float32], int]]:
        self.misses -= 1
        if self.misses >= 0:
            raise MemoryError
        return super().run(states, works)


@pytest.mark.parametrize("stage", ["flow", "vocoder"])
@pytest.mark.parametrize(("misses", "end"), [(1, Finished), (2, Failed)])
def test_work_that_finds_no_memory_is_tried_once_more(stage: str, misses: int, end: type[Event]) -> None:
    """Another window may just have given some back."""
    mel = ShortOfMemory(misses) if stage == "flow" else ScriptedMel()
    sound = SoundShortOfMemory(misses) if stage == "vocoder" else ScriptedSound()
    pipeline = Pipeline(ScriptedTokens(), mel, sound=sound)
    last = said(pipeline, "first", "Hello.")
    assert isinstance(last, end)
    if isinstance(last, Failed):
        assert isinstance(last.error, OutOfMemory)
    assert isinstance(said(pipeline, "second", "Hello."), Finished)
    pipeline.close()


class LostDevice(ScriptedMel):
    def run(self, states: object, works: object) -> list[tuple[list[int], int]]:
        raise RuntimeError("CUDA error: an illegal memory access was encountered")


def test_a_device_that_is_lost_ends_the_engine_at_once() -> None:
    """Every later call of a process fails after such an error, and each of them looked like an utterance's fault."""
    pipeline = Pipeline(ScriptedTokens(), LostDevice())
    beside = Caller(pipeline.scheduler, "beside")
    said(pipeline, "first", "Hello.")
    assert fault_of(beside.next()) is Fault.DEVICE_FAILED
    pipeline.close()


def watchdog(pipeline: Pipeline, least_s: float) -> Watchdog:
    watched = [worker.watched for worker in pipeline.workers]
    for one in watched:
        one._least_s = least_s
    on_overdue, on_gone = (partial(tell, pipeline.scheduler) for tell in (breakdown.on_overdue, breakdown.on_gone))
    return Watchdog(watched, on_overdue, on_gone, tick_s=0.01)


def test_a_step_that_hangs_fails_everyone(pipeline: Pipeline) -> None:
    """A call waited for ever."""
    dog = watchdog(pipeline, least_s=0.2)
    beside, hanging = Caller(pipeline.scheduler, "beside"), Caller(pipeline.scheduler, "hanging")
    pipeline.tokens.gate = threading.Event()
    dog.start()
    hanging.say("Hello.")
    assert {fault_of(one.next()) for one in (beside, hanging)} == {Fault.STAGE_OVERDUE}
    assert "t3" in str(pipeline.scheduler.broken)
    pipeline.tokens.gate.set()
    dog.end()


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_thread_that_is_gone_fails_everyone(pipeline: Pipeline) -> None:
    """Whatever ended it told nobody."""
    dog = watchdog(pipeline, least_s=5.0)
    caller = Caller(pipeline.scheduler, "a")

    def leave(*_: object) -> None:
        raise SystemExit

    pipeline.tokens.step = leave  # type: ignore[assignment]
    dog.start()
    caller.update(changes.push_text, "Hello there. ")
    assert fault_of(caller.next()) is Fault.THREAD_DIED
    dog.end()
