"""Text is cut and prepared on its own thread, in turns; what callers do costs them nothing."""

from __future__ import annotations

import threading
import time

from engine.clock import now_ns
from engine.messages import AudioChunk, FlushDone, Utterance, Warned
from engine.scheduling import running as changes
from engine.scheduling.ledger import FlushMark
from engine.scheduling.running import SEGMENTS_AHEAD
from engine.scheduling.scheduler import MOST_EVENTS, Scheduler
from engine.text.markup import Style
from engine.text.pronunciations import NONE, Pronunciations, Unfinished
from tests.engine.scripted import ScriptedMel, ScriptedTokens
from tests.engine.scripted_pipeline import CONFIG, Caller, Pipeline, spoken


def test_text_is_prepared_on_the_text_thread_alone(pipeline: Pipeline) -> None:
    plain, threads = pipeline.tokens.speakable, set()

    def speakable(text: str, language: str, pronunciations: Pronunciations = NONE) -> list[str]:
        threads.add(threading.current_thread().name)
        return plain(text, language, pronunciations)

    pipeline.tokens.speakable = speakable  # type: ignore[method-assign]
    caller = Caller(pipeline.scheduler, "a")
    caller.say("One. Two. Three.")
    assert spoken(caller.all()) == "One.Two.Three."
    assert threads == {"text"}


def test_one_segment_is_prepared_ahead_and_not_more(pipeline: Pipeline) -> None:
    """A text of 20,000 characters is not normalised before its first word is spoken."""
    pipeline.tokens.gate = threading.Event()
    plain, prepared = pipeline.tokens.speakable, []

    def speakable(text: str, language: str, pronunciations: Pronunciations = NONE) -> list[str]:
        prepared.append(text)
        return plain(text, language, pronunciations)

    pipeline.tokens.speakable = speakable  # type: ignore[method-assign]
    caller = Caller(pipeline.scheduler, "a")
    caller.update(changes.push_text, "One sentence. " * 20)
    caller.wait_until(lambda running: running.decoding is not None and bool(running.pieces))
    time.sleep(0.05)
    assert len(prepared) == 2


def test_a_long_text_delays_no_other(pipeline: Pipeline) -> None:
    """One message of 20,000 characters silenced its neighbours for seconds: it was cut in one go, under the lock."""
    plain = pipeline.tokens.speakable

    def speakable(text: str, language: str, pronunciations: Pronunciations = NONE) -> list[str]:
        time.sleep(0.001)
        return plain(text, language, pronunciations)

    pipeline.tokens.speakable = speakable  # type: ignore[method-assign]
    long, short = Caller(pipeline.scheduler, "long", reads=False), Caller(pipeline.scheduler, "short")
    began = time.monotonic()
    long.update(changes.push_text, "Hi! " * 5000)
    assert time.monotonic() - began < 0.1, "the caller only leaves the text there"
    short.say("Hello.")
    assert spoken(short.all()) == "Hello."
    pipeline.scheduler.cancel("long")
    assert pipeline.settles()


def test_text_that_cannot_be_prepared_ends_its_utterance_after_what_was_before_it(pipeline: Pipeline) -> None:
    plain = pipeline.tokens.speakable

    def speakable(text: str, language: str, pronunciations: Pronunciations = NONE) -> list[str]:
        if "bad" in text:
            raise RuntimeError("scripted failure of the text")
        return plain(text, language, pronunciations)

    pipeline.tokens.speakable = speakable  # type: ignore[method-assign]
    bad, good = Caller(pipeline.scheduler, "bad"), Caller(pipeline.scheduler, "good")
    bad.say("One. Two is bad. Three.")
    good.say("It ends well.")
    assert spoken(bad.all()) == "One."
    assert spoken(good.all()) == "It ends well."
    assert pipeline.settles()


def test_thousands_of_flushes_are_answered_in_order_beside_a_neighbour(pipeline: Pipeline) -> None:
    flushing, neighbour = Caller(pipeline.scheduler, "flushing"), Caller(pipeline.scheduler, "neighbour")
    for flush_id in range(5000):
        flushing.update(changes.flush, flush_id)
    neighbour.say("Heard all the same.")
    assert spoken(neighbour.all()) == "Heard all the same."
    ids = [event.flush_id for _ in range(5000) if isinstance(event := flushing.next(), FlushDone)]
    assert ids == list(range(5000))


def test_no_turn_lets_a_flood_of_flushes_out_at_once() -> None:
    scheduler = Scheduler(CONFIG)
    Caller(scheduler, "a").update(lambda running: running.mels.extend(map(FlushMark, range(1000))))
    with scheduler.lock:
        assert len(scheduler.settle()) == MOST_EVENTS


def test_what_cannot_be_spoken_leaves_pythons_lock_to_the_others(pipeline: Pipeline) -> None:
    """Ten thousand segments of a script that the model cannot speak kept the text thread in Python for a second, and
    T3, which wants Python's lock at each operation, gave its neighbours their first sound after three."""

    def speakable(text: str, language: str, said: Pronunciations) -> list[str]:
        began_s = time.thread_time()
        while time.thread_time() - began_s < 50e-6:
            pass
        return []

    pipeline.tokens.speakable = speakable  # type: ignore[assignment, method-assign]
    caller = Caller(pipeline.scheduler, "a")
    began_s, used_s = time.monotonic(), time.process_time()
    caller.update(changes.push_text, "好。" * 10_000)
    while time.monotonic() - began_s < 0.5:
        time.sleep(0.01)
    assert time.process_time() - used_s < 0.5 * (time.monotonic() - began_s)
    pipeline.scheduler.cancel("a")
    assert pipeline.settles()


def test_a_text_that_takes_long_to_make_speakable_leaves_turns_to_the_others(pipeline: Pipeline) -> None:
    """A sentence of words with respellings of fifty words each took the text thread half a second, and a neighbour's
    first sound came after 3.6 s."""
    asked, speakable = list[str](), pipeline.tokens.speakable

    def slow(text: str, language: str, said: Pronunciations) -> list[str]:
        asked.append(text)
        if text.startswith("Slow") and asked.count(text) < 20:
            time.sleep(0.005)
            raise Unfinished
        return speakable(text, language)

    pipeline.tokens.speakable = slow  # type: ignore[assignment, method-assign]
    one, other = Caller(pipeline.scheduler, "a"), Caller(pipeline.scheduler, "b")
    one.say("Slow words.")
    while len(asked) < 2:
        time.sleep(0.001)
    other.say("Hi.")
    assert spoken(other.all()) == "Hi."
    assert asked.count("Slow words.") < 20
    assert spoken(one.all()) == "Slow words."
    assert pipeline.settles()


def test_the_next_steps_of_one_who_has_heard_nothing_wait_for_nobodys_text() -> None:
    scheduler = Scheduler(CONFIG)
    for name in ("heard", "waits"):
        Caller(scheduler, name).update(lambda running: setattr(running, "row", object()))
    heard, waits = scheduler._running["heard"], scheduler._running["waits"]
    heard.runs_out_ns, waits.begun_ns = now_ns() + 5_000_000_000, 1
    assert scheduler.to_feed([]) is waits
    waits.decoding = object()  # type: ignore[assignment]
    assert scheduler.to_feed([waits]) is None
    Caller(scheduler, "new").update(lambda running: setattr(running, "row", object()))
    new = scheduler._running["new"]
    new.begun_ns = 2
    assert scheduler.to_feed([waits]) is new, "its own first sound waits as well"
    del scheduler._running["new"]
    waits.runs_out_ns = 1_000_000_000
    assert scheduler.to_feed([waits]) is heard


def test_whoever_runs_out_is_not_kept_waiting_for_those_who_have_heard_nothing() -> None:
    """Among hundreds there is always one who has heard nothing. Second segments were begun when their listeners had
    almost run out, and came a second late."""
    scheduler = Scheduler(CONFIG)
    for name in ("heard", "waits"):
        Caller(scheduler, name).update(lambda running: setattr(running, "row", object()))
    heard, waits = scheduler._running["heard"], scheduler._running["waits"]
    waits.begun_ns, waits.decoding = now_ns() - 150_000_000, object()  # type: ignore[assignment]
    heard.runs_out_ns = now_ns() + 300_000_000
    assert scheduler.to_feed([waits]) is heard
    heard.runs_out_ns = now_ns() + 1_000_000_000
    assert scheduler.to_feed([waits]) is None


def test_who_has_much_ahead_lets_a_first_sound_go_before() -> None:
    scheduler = Scheduler(CONFIG)
    for name in ("running", "new"):
        Caller(scheduler, name)
    running, new = scheduler._running.values()
    running.begun_ns, new.begun_ns = 1, 2
    assert scheduler.beside([running], new) == [running], "it has heard nothing, and began before"
    running.runs_out_ns = now_ns() + 200_000_000
    assert scheduler.beside([running], new) == [running]
    running.runs_out_ns = now_ns() + 2_000_000_000
    assert scheduler.beside([running], new) == []


def test_a_rest_ends_when_t3_has_nothing_left_to_speak() -> None:
    """The text thread rested on, four times as long as its last turn had taken, while T3 waited for it."""
    pipeline = Pipeline(ScriptedTokens(step_s=0.005), ScriptedMel())
    plain = pipeline.tokens.speakable

    def speakable(text: str, language: str, pronunciations: Pronunciations = NONE) -> list[str]:
        time.sleep(0.4 if text == "Two." else 0.0)
        return plain(text, language, pronunciations)

    pipeline.tokens.speakable = speakable  # type: ignore[method-assign]
    caller, began = Caller(pipeline.scheduler, "a"), time.monotonic()
    caller.say("One one. Two. Three.")
    assert spoken(caller.all()) == "One one.Two.Three."
    assert time.monotonic() - began < 1.7
    pipeline.close()


def test_of_a_long_text_only_what_comes_next_is_cut(pipeline: Pipeline) -> None:
    """Twenty thousand characters were cut at once, again and again for a caller that gave them up again and again."""
    caller = Caller(pipeline.scheduler, "a", reads=False)
    caller.update(changes.push_text, "Yes. " * 4000)
    caller.update(changes.end_input)
    caller.wait_until(lambda running: len(running.texts) >= SEGMENTS_AHEAD)
    time.sleep(0.05)
    (running,) = pipeline.scheduler._running.values()
    assert running.segmenter.chars_waiting > 15_000
    assert running.input_complete
    assert not running.input_ended
    pipeline.scheduler.cancel("a")
    assert pipeline.settles()


def test_markup_is_read_and_what_was_dropped_is_told_before_the_end(pipeline: Pipeline) -> None:
    text = "## Now\n\nSee [the **guide**](/a/b).\x1b[0m\n```\nx\n```\nIt is [here](/c).\n"
    caller = Caller(pipeline.scheduler, "a", style=Style.of(Utterance(id="a"), "en"))
    for piece in text:
        caller.update(changes.push_text, piece)
    caller.update(changes.end_input)
    events = caller.all()
    assert spoken(events) == "Now.See the guide.Code block.It is here."
    warnings = [event.reason for event in events if isinstance(event, Warned)]
    assert warnings == ["ADDRESSES_DROPPED", "ESCAPE_SEQUENCES_DROPPED", "CODE_DROPPED"]
    ranges = {(event.text_begin, event.text_end) for event in events if isinstance(event, AudioChunk)}
    said = [text[begin:end] for begin, end in sorted(ranges)]
    assert said == ["Now", "See [the **guide**](/a/b).", "```", "It is [here](/c)."]
