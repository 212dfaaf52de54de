"""What is run together: rows of T3, windows of the flow, mels of the vocoder."""

from __future__ import annotations

import time
from dataclasses import replace

import pytest

from engine.messages import AudioChunk, Failed
from engine.pipeline.t3 import T3Runner
from engine.pipeline.text import TextRunner
from engine.pipeline.worker import Runner
from engine.scheduling import running as changes
from engine.scheduling.ledger import SegmentTokens
from engine.scheduling.running import RunningUtterance
from engine.scheduling.scheduler import Scheduler
from engine.scheduling.windows import SLACK_S, Window
from engine.text.origin import Origin
from engine.text.segmenter import TextSegment
from tests.engine.scripted import TOKENS_PER_CHAR, ScriptedMel, ScriptedTokens
from tests.engine.scripted_pipeline import CONFIG, Caller, Pipeline, spoken


def test_rows_step_together_and_a_long_text_is_fed_between_their_steps() -> None:
    roomy = replace(CONFIG, ledger_tokens=1000, channel_samples=10_000)  # so that T3 never rests
    pipeline = Pipeline(ScriptedTokens(step_s=0.001), ScriptedMel(), roomy)
    try:
        first, second = Caller(pipeline.scheduler, "a"), Caller(pipeline.scheduler, "b")
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
        third, fourth = Caller(pipeline.scheduler, "c"), Caller(pipeline.scheduler, "d")
        third.say("At the same time.")
        fourth.say("At the same time.")
        third.all()
        fourth.all()
        assert max(pipeline.tokens.batches) == 2
    finally:
        pipeline.close()


def test_a_text_that_was_run_gets_its_first_token_with_the_step_of_others() -> None:
    """It needs no step of T3 for that. A first sound waited for a step of everybody else's, 4 ms, between its text and
    its first token."""
    tokens, scheduler = ScriptedTokens(), Scheduler(CONFIG)
    text, t3 = TextRunner(scheduler, tokens), T3Runner(scheduler, tokens)

    def works(*runners: Runner) -> None:
        for runner in runners:
            with scheduler.lock:
                work = runner.take()
            assert callable(work)
            work()

    Caller(scheduler, "a").say("One.")
    works(text, t3, t3)
    Caller(scheduler, "b").say("Two.")
    works(text, t3)
    assert tokens.order == "fsfs"
    assert tokens.batches == [1, 2]


def test_windows_that_are_alike_run_in_one_batch_and_one_that_breaks_takes_nobody_with_it() -> None:
    pipeline = Pipeline(ScriptedTokens(), ScriptedMel(window_s=0.01), replace(CONFIG, max_batch=4))
    try:
        texts = {
            "a": "One two three four.",
            "b": "Two two three four.",
            "c": "Six ! three four.",
            "d": "Ten is the end.",
        }
        callers = {name: Caller(pipeline.scheduler, name) for name in texts}
        for name, caller in callers.items():
            caller.say(texts[name])
        events = {name: caller.all() for name, caller in callers.items()}
        assert isinstance(events["c"][-1], Failed)
        assert {name: spoken(events[name]) for name in "abd"} == {name: texts[name] for name in "abd"}
        assert max(pipeline.mel.batches) > 1
    finally:
        pipeline.close()


@pytest.mark.parametrize(("batch_tokens", "most"), [(None, 4), (12, 2), (3, 1)])
def test_a_batch_holds_no_more_tokens_than_it_may(batch_tokens: int | None, most: int) -> None:
    """Nobody else's window can go in front while a batch runs."""
    scheduler = Scheduler(replace(CONFIG, max_batch=4, batch_tokens=batch_tokens))
    scheduler.estimates.flow_s.add(25, 0.01)
    assert scheduler.choice.batch_of(Window(n_new=5, lookahead=3, final=False)) == most
    assert scheduler.choice.batch_of(Window(n_new=0, lookahead=0, final=True)) >= most
    scheduler.estimates.flow_load.add(0, worked_s=5)  # there is no time to lose
    assert scheduler.choice.batch_of(Window(n_new=5, lookahead=3, final=False)) == 4


def test_a_batch_that_has_just_begun_makes_nobody_late() -> None:
    """Thirty-two full windows of one card took a quarter of a second, and a first window waited behind them."""
    scheduler = Scheduler(replace(CONFIG, max_batch=32))
    for tokens in (5, 25, 50, 100):
        scheduler.estimates.flow_s.add(tokens, 0.01 + 0.0003 * tokens)
    window = Window(n_new=scheduler.config.timing.largest, lookahead=3, final=False)
    runs_s = 0.01 + 0.0003 * window.n_new * scheduler.choice.batch_of(window)
    assert 0.8 * SLACK_S < runs_s < 1.2 * SLACK_S


def test_mels_that_are_alike_run_in_one_batch_and_one_that_breaks_takes_nobody_with_it() -> None:
    pipeline = Pipeline(ScriptedTokens(), ScriptedMel(), replace(CONFIG, max_batch=4))
    pipeline.sound.window_s = 0.1
    try:
        texts = {"a": "One two three four.", "b": "Two two three four.", "c": "Six $ three four."}
        callers = {name: Caller(pipeline.scheduler, name) for name in texts}
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
    scheduler = Scheduler(replace(CONFIG, ledger_tokens=40))
    waiting = {"a": 40, "b": 31, "c": 31}
    segments = {}
    for name, count in waiting.items():
        text = TextSegment(text="x", origin=Origin.verbatim(0, len("x")), received_ns=1, cut_ns=1)
        segment = segments[name] = SegmentTokens(index=0, text=text, spoken="x", t3_start_ns=1, prefill_end_ns=1)
        for _ in range(count):
            segment.append(0, 1)
        Caller(scheduler, name).update(_decode, segment)

    def stepping() -> set[str]:
        with scheduler.lock:
            return {running.request.id for running in scheduler.to_step()}

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


def _decode(running: RunningUtterance, segment: SegmentTokens) -> None:
    running.decoding = segment
    running.ledger.entries.append(segment)
