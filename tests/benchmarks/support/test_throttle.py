"""The throttle around scripted stages: it holds its times, and invents no work."""

from __future__ import annotations

import time

import pytest

from benchmarks.support.throttle import SlowMel, SlowTokens, Throttle
from engine.scheduling.jobs import FlowWork, SegmentJob
from tests.engine.scripted import ScriptedMel, ScriptedTokens

TOKEN_S = 0.02


def fed(stage: SlowTokens, text: str) -> object:
    row = stage.begin(SegmentJob(text=text, voice=None, language="", sampling={}, seed=0, segment=0))
    assert stage.feed(row)  # type: ignore[arg-type]
    return row


@pytest.mark.real_time
def test_tokens_come_on_an_absolute_schedule() -> None:
    stage = SlowTokens(ScriptedTokens(step_s=0.5 * TOKEN_S), TOKEN_S)
    row = fed(stage, "abc")
    began = time.monotonic()
    tokens = [stage.step([row])[0] for _ in range(7)]  # type: ignore[list-item]
    took = time.monotonic() - began
    assert tokens == [97, 97, 98, 98, 99, 99, None]
    assert 7 * TOKEN_S - 0.002 <= took < 9 * TOKEN_S


def test_a_row_that_stood_still_does_not_catch_up() -> None:
    stage = SlowTokens(ScriptedTokens(), TOKEN_S)
    row = fed(stage, "abc")
    stage.step([row])  # type: ignore[list-item]
    time.sleep(5 * TOKEN_S)
    began = time.monotonic()
    for _ in range(3):
        stage.step([row])  # type: ignore[list-item]
    assert time.monotonic() - began >= 3 * TOKEN_S - 0.002


@pytest.mark.real_time
def test_a_window_lasts_what_its_frames_cost() -> None:
    throttle = Throttle(call_s=0.02, frame_s=0.001, free_frames=10)
    assert throttle.window_s(10) == 0.02
    seen = []

    def frames(voice: object, spoken: int, work: FlowWork) -> int:
        seen.append(spoken)
        return 2 * (spoken + work.n_new)

    stage = SlowMel(ScriptedMel(), throttle, frames)
    state, tooks = stage.open("voice", 0), []
    for _ in range(2):
        work = FlowWork(tokens=(1,) * 10, n_new=10, segment=0, final=False)
        began = time.monotonic()
        ((_, state),) = stage.run([state], [work])
        tooks.append(time.monotonic() - began)
    assert seen == [0, 10]
    assert 0.03 <= tooks[0] < 0.045
    assert 0.05 <= tooks[1] < 0.065
