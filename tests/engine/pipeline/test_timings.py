"""What a chunk's timings tell apart: T3's work from T3's rest, waiting on purpose from waiting."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.clock import now_ns
from engine.messages import AudioChunk
from engine.scheduling import running as changes
from engine.scheduling.jobs import VocoderWork
from engine.scheduling.ledger import SegmentTokens
from engine.text.origin import Origin
from engine.text.segmenter import TextSegment
from tests.engine.scripted import SAMPLES_PER_TOKEN, ScriptedMel, ScriptedSound, ScriptedTokens
from tests.engine.scripted_pipeline import CONFIG, Caller, Pipeline, spoken

TEXT = "These words are spoken."


def segment() -> SegmentTokens:
    text = TextSegment(text="a", origin=Origin.verbatim(0, len("a")), received_ns=1, cut_ns=2)
    return SegmentTokens(index=0, text=text, spoken="a", t3_start_ns=3, prefill_end_ns=4, busy_ns=10)


def draw(tokens: SegmentTokens, count: int, work_ns: int) -> None:
    for _ in range(count):
        tokens.busy_ns += work_ns
        tokens.append(0, drawn_ns=100)


def test_work_on_tokens_is_told_once() -> None:
    tokens = segment()
    draw(tokens, 8, 5)
    assert tokens.take_busy_ns(6, final=False) == 10 + 6 * 5
    tokens.advance(4)
    assert tokens.take_busy_ns(4, final=False) == 2 * 5


def test_the_stop_token_is_part_of_the_last_window() -> None:
    tokens = segment()
    draw(tokens, 3, 5)
    tokens.busy_ns += 7
    tokens.closed, tokens.closed_ns = True, 900
    assert tokens.complete_ns(3, final=True) == 900
    assert tokens.complete_ns(3, final=False) == 100
    assert tokens.take_busy_ns(3, final=True) == 10 + 3 * 5 + 7


def chunks(caller: Caller) -> list[AudioChunk]:
    return [event for event in caller.all() if isinstance(event, AudioChunk)]


def test_t3_s_work_is_about_the_time_that_its_steps_took() -> None:
    pipeline = Pipeline(ScriptedTokens(step_s=0.004), ScriptedMel())
    try:
        caller = Caller(pipeline.scheduler, "a")
        caller.say(TEXT)
        worked_s = sum(chunk.timings.t3_busy_ns for chunk in chunks(caller)) / 1e9
    finally:
        pipeline.close()
    assert worked_s >= 0.004 * pipeline.tokens.steps * 0.9


def test_a_full_channel_is_told_from_a_slow_flow() -> None:
    """The listener takes nothing for a while: the window that waited tells since when there was room again."""
    pipeline = Pipeline(ScriptedTokens(), ScriptedMel())
    try:
        caller = Caller(pipeline.scheduler, "a", reads=False)
        caller.say(TEXT)
        waiting = [_chunk(caller) for _ in range(3)]  # as much as the channel holds
        caller.wait_until(lambda running: running.channel_full)
        assert caller.arrived.empty()
        released_ns = now_ns()
        for chunk in waiting:
            caller.scheduler.release(caller.name, chunk.num_samples)
        late = _chunk(caller)
    finally:
        pipeline.close()
    assert [chunk.timings.room_ns for chunk in waiting] == [0, 0, 0]
    assert released_ns <= late.timings.room_ns <= late.timings.flow_start_ns
    assert late.timings.t3_last_token_ns < released_ns


def test_a_segment_tells_when_it_was_cut() -> None:
    pipeline = Pipeline(ScriptedTokens(), ScriptedMel())
    try:
        caller = Caller(pipeline.scheduler, "a")
        caller.update(changes.push_text, "These words")
        time.sleep(0.03)
        caller.update(changes.end_input)
        timings = chunks(caller)[0].timings
    finally:
        pipeline.close()
    assert timings.text_cut_ns - timings.text_received_ns > 0.02e9


def _chunk(caller: Caller) -> AudioChunk:
    event = caller.next()
    assert isinstance(event, AudioChunk)
    return event


class OneBehind(ScriptedSound):
    """Keeps each window's audio until the next one comes, or until the segment ends."""

    def open(self, voice: object, seed: int, rate: float = 1.0, spoken: int = 0, owed_pause: int = 0) -> Any:
        return ()

    def run(self, states: Sequence[Any], works: Sequence[VocoderWork]) -> list[tuple[NDArray[np.float32], Any]]:
        kept = [[] if work.final else work.mel for work in works]
        given = [[*state, *(work.mel if work.final else [])] for state, work in zip(states, works, strict=True)]
        return [
            (np.repeat(np.array(tokens, np.float32), SAMPLES_PER_TOKEN), tuple(rest))
            for tokens, rest in zip(given, kept, strict=True)
        ]


def test_a_channel_that_holds_one_window_has_room_once_that_one_turns_out_to_be_shorter() -> None:
    """The listener has nothing that he could take: nobody else says that there is room."""
    pipeline = Pipeline(ScriptedTokens(), ScriptedMel(), replace(CONFIG, channel_samples=24), sound=OneBehind())
    try:
        caller = Caller(pipeline.scheduler, "a")
        caller.say(TEXT)
        assert spoken(caller.all()) == TEXT
    finally:
        pipeline.close()
