"""The verdict: whatever is delayed in a made-up utterance, the hop that was delayed is named, with its amount."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from client._clock import ClockOffset, Span
from client.attribution.baseline import Normal
from client.attribution.hops import Hop
from client.attribution.observations import NOTHING_OBSERVED
from client.attribution.verdict import Analysis, analyse
from tests.client.conftest import MS, receipt, record
from tests.client.utterances import SECOND_SEGMENT, Model, utter

LATE_MS = 400.0


def judge(model: Model, *, learned: bool = True, audible: int | None = 0) -> Analysis:
    seen = utter(model)
    normal = None
    if learned:
        clean = [utter(Model(token_ms=5 + jitter, wire_ms=0.5 + jitter)) for jitter in (0.0, 0.1, 0.2)]
        normal = Normal.from_clean([analyse(one.record, observations=one.observations).run for one in clean])
    return analyse(seen.record, observations=seen.observations, first_audible=audible, normal=normal)


def delayed(stage: str, chunk: int) -> Model:
    model = Model()
    model.late[stage][chunk] = LATE_MS
    return model


@pytest.mark.parametrize("learned", [True, False])
def test_a_clean_utterance_is_called_clean(learned: bool) -> None:
    verdict = judge(Model(), learned=learned).verdict
    assert (verdict.hop, verdict.audible) == (Hop.CLEAN, False)


STAGES = {
    "t3": Hop.T3,
    "tokens": Hop.TOKENS,
    "flow": Hop.FLOW,
    "vocoder": Hop.VOCODER,
    "channel": Hop.CHANNEL,
    "program": Hop.CLIENT_BUFFER,
}


@pytest.mark.parametrize("learned", [True, False])
@pytest.mark.parametrize("chunk", [1, 3, SECOND_SEGMENT])
def test_a_late_way_to_the_gateway_is_named_with_its_amount(chunk: int, learned: bool) -> None:
    model = delayed("way", chunk)
    model.way_ms = 1.0
    verdict = judge(model, learned=learned).verdict
    assert verdict.hop == Hop.ENGINE_WAY
    assert verdict.ms == pytest.approx(LATE_MS, abs=15)


@pytest.mark.parametrize("learned", [True, False])
@pytest.mark.parametrize(("chunk", "until_ms", "audible"), [(2, 1500, True), (3, 900, False)])
def test_a_move_is_named_with_its_length(chunk: int, until_ms: float, audible: bool, learned: bool) -> None:
    model = Model(way_ms=1.0, move=(chunk, 300, until_ms))
    verdict = judge(model, learned=learned).verdict
    assert (verdict.hop, verdict.audible) == (Hop.MOVE, audible)
    assert verdict.ms == pytest.approx(until_ms - 300, abs=1)
    assert verdict.evidence


@pytest.mark.parametrize("learned", [True, False])
def test_a_clean_utterance_through_a_gateway_is_called_clean(learned: bool) -> None:
    assert judge(Model(way_ms=1.0), learned=learned).verdict.hop is Hop.CLEAN


@pytest.mark.parametrize("learned", [True, False])
@pytest.mark.parametrize("chunk", [1, 3, SECOND_SEGMENT + 1])
@pytest.mark.parametrize("stage", STAGES)
def test_a_delayed_stage_is_named_with_its_amount(stage: str, chunk: int, learned: bool) -> None:
    verdict = judge(delayed(stage, chunk), learned=learned).verdict
    assert verdict.hop == STAGES[stage]
    assert verdict.ms == pytest.approx(LATE_MS, abs=15)


@pytest.mark.parametrize("stage", STAGES)
def test_so_it_is_in_the_first_chunk_given_what_is_normal(stage: str) -> None:
    verdict = judge(delayed(stage, 0)).verdict
    assert verdict.hop == STAGES[stage]
    assert verdict.ms == pytest.approx(LATE_MS, abs=10)
    assert verdict.audible


@pytest.mark.parametrize(("each_ms", "learned", "found"), [(38, True, True), (38, False, False), (25, True, False)])
def test_a_little_in_each_of_several_steps_counts_where_it_is_known_what_is_normal(
    each_ms: float, learned: bool, found: bool
) -> None:
    model = Model()
    model.late["vocoder"] = {chunk: each_ms for chunk in (1, 2, 3)}
    verdict = judge(model, learned=learned).verdict
    if found:
        assert verdict.hop == Hop.VOCODER
        assert verdict.ms == pytest.approx(3 * each_ms, abs=15)
    else:
        assert verdict.hop == Hop.CLEAN


BLOCK = Span(150, 700)  # ms
BLOCKS: dict[Hop, Callable[[], Model]] = {
    Hop.SERVER_LOOP: lambda: Model(server_blocked=(BLOCK,)),
    Hop.NETWORK: lambda: Model(network_down=(BLOCK,)),
    Hop.CLIENT_READER: lambda: Model(reader_blocked=(BLOCK,)),
    Hop.CLIENT_LOOP: lambda: Model(loop_blocked=(BLOCK,)),
}


@pytest.mark.parametrize("offset_ms", [0.0, 3000.0, -3000.0])
@pytest.mark.parametrize("hop", BLOCKS)
def test_what_stood_still_is_named_whatever_the_server_s_clock_says(hop: Hop, offset_ms: float) -> None:
    model = BLOCKS[hop]()
    model.offset_ms = offset_ms
    verdict = judge(model).verdict
    assert verdict.hop == hop
    assert verdict.ms == pytest.approx(BLOCK.length_ns, abs=25)  # the probes' intervals
    assert verdict.audible


def test_a_blocked_server_loop_is_not_taken_for_the_network() -> None:
    """It delays the answers to the clock probes as well."""
    analysis = judge(Model(server_blocked=(BLOCK,)))
    assert Hop.NETWORK not in {anomaly.hop for anomaly in analysis.verdict.anomalies}


def test_a_stalled_reader_is_not_taken_for_the_network() -> None:
    """Both delay one chunk by much and each later one by less; the probes on their own connection tell them apart."""
    analysis = judge(Model(reader_blocked=(BLOCK,)))
    assert Hop.NETWORK not in {anomaly.hop for anomaly in analysis.verdict.anomalies}
    assert "network answered within" in analysis.verdict.evidence


def test_a_stall_of_the_network_is_seen_without_any_probe() -> None:
    analysis = judge(Model(network_down=(BLOCK,), probed=False))
    assert analysis.verdict.hop is Hop.NETWORK
    assert analysis.verdict.ms == pytest.approx(BLOCK.length_ns, abs=120)  # seen from the first chunk that it kept


def test_a_network_that_is_slow_all_the_time_is_named_against_what_is_normal() -> None:
    verdict = judge(Model(wire_ms=150)).verdict
    assert verdict.hop is Hop.NETWORK
    assert verdict.ms == pytest.approx(300, abs=5)  # both directions together
    assert verdict.audible


def test_a_slow_device_is_named_though_it_opened_before_the_text_was_there() -> None:
    verdict = judge(Model(opening_ms=520)).verdict
    assert verdict.hop is Hop.DEVICE_OPEN
    assert verdict.ms == pytest.approx(500, abs=10)


def test_pacing_is_no_fault() -> None:
    model = Model()
    for chunk in range(4, 10):
        model.late["pacing"][chunk] = 300.0
    assert judge(model).verdict.hop is Hop.CLEAN


def test_a_t3_slower_than_speech_is_to_blame_though_nothing_else_is_known() -> None:
    """Its own pace is all that the utterance has shown; but a second of sound must not take longer than a second."""
    analysis = judge(Model(token_ms=52), learned=False)
    assert analysis.verdict.hop is Hop.T3
    assert analysis.verdict.audible
    assert analysis.budgets[1:]


def test_a_delay_that_the_buffer_absorbed_was_not_audible() -> None:
    assert not judge(delayed("flow", 4)).verdict.audible


def test_a_delay_that_broke_the_sound_was() -> None:
    analysis = judge(delayed("flow", 1))
    assert analysis.verdict.audible
    assert [budget.name for budget in analysis.budgets] == ["first_sound", "late_chunk"]


def test_what_broke_the_sound_comes_before_a_longer_delay_that_did_not() -> None:
    model = delayed("flow", 1)
    model.late["vocoder"][5] = 1.5 * LATE_MS
    verdict = judge(model).verdict
    assert verdict.hop is Hop.FLOW
    assert [anomaly.hop for anomaly in verdict.anomalies] == [Hop.FLOW, Hop.VOCODER]


def test_a_pause_of_the_writer_is_named() -> None:
    seen = utter(Model())
    first = seen.record.sent[0]
    late = [type(first)(sent_ns=at * MS, characters=5, asked_ns=at * MS - 1000) for at in (30, 60, 90, 790)]
    seen.record.sent = [first, *late]
    verdict = analyse(seen.record, observations=seen.observations).verdict
    assert verdict.hop is Hop.TEXT
    assert verdict.ms == pytest.approx(700 - 30, abs=5)


def test_a_server_without_stamps_leaves_a_late_chunk_unexplained() -> None:
    model = delayed("flow", 1)
    model.stamped = model.probed = False
    analysis = judge(model, learned=False)
    assert analysis.verdict.hop is Hop.UNEXPLAINED
    assert analysis.verdict.audible
    assert analysis.budgets[1].explained < 0.2


def test_no_audio_is_no_clean_utterance() -> None:
    verdict = analyse(record()).verdict
    assert (verdict.hop, verdict.evidence) == (Hop.UNEXPLAINED, "No audio came.")


def test_a_clock_measured_before_is_enough() -> None:
    seen = utter(Model(probed=False, offset_ms=3000))
    clock = ClockOffset(offset_ns=3000 * MS, error_ns=MS)
    analysis = analyse(seen.record, clock, NOTHING_OBSERVED)
    assert analysis.verdict.hop is Hop.CLEAN
    assert analysis.bounds is not None
    assert analysis.bounds.offset_ns == pytest.approx(3000 * MS, abs=MS)


def test_a_listener_without_a_device_is_imagined() -> None:
    late = record(receipt(0, 0, 100, 10, hint_s=0.0), receipt(1, 100, 100, 500))
    verdict = analyse(late).verdict
    assert verdict.audible
    assert verdict.ms == pytest.approx(390, abs=1)


def test_a_pre_buffer_that_waits_for_a_slow_t3_is_heard_as_a_late_start() -> None:
    analysis = judge(Model(token_ms=52, hint_ms=4000), learned=False)
    assert [budget.name for budget in analysis.budgets] == ["first_sound"]
    assert analysis.verdict.hop is Hop.T3
    assert analysis.verdict.audible


def test_a_writer_whose_loop_was_blocked_was_not_slow_to_write() -> None:
    seen = utter(Model(loop_blocked=(Span(100, 700),)))
    first = seen.record.sent[0]
    late = [type(first)(sent_ns=at * MS, characters=5, asked_ns=at * MS - 1000) for at in (30, 60, 90, 705)]
    seen.record.sent = [first, *late]
    verdict = analyse(seen.record, observations=seen.observations).verdict
    assert verdict.hop is Hop.CLIENT_LOOP
    assert Hop.TEXT not in {anomaly.hop for anomaly in verdict.anomalies}


def test_a_delay_long_before_its_chunk_was_due_still_broke_the_sound() -> None:
    """T3 stood still early; the buffer took most of it, and what was left of the wait was the flow's ordinary work."""
    for size in range(1000, 4000, 25):
        model = Model()
        model.late["t3"][3] = float(size)
        analysis = judge(model)
        if len(analysis.budgets) > 1:
            break
    assert analysis.budgets[1].total_ms < 60
    assert analysis.verdict.hop is Hop.T3
    assert analysis.verdict.audible


def test_blocks_before_and_after_the_utterance_are_not_its_business() -> None:
    seen = utter(Model())
    seen.record.opened_ns = -50 * MS
    around = (Span(-900 * MS, -60 * MS), Span(90_000 * MS, 91_000 * MS))
    observations = type(seen.observations)(**{**vars(seen.observations), "loop_blocks": around})
    assert analyse(seen.record, observations=observations).verdict.hop is Hop.CLEAN


def test_a_question_that_was_never_answered_tells_of_the_network() -> None:
    """The way to the server broke down while the last chunk was already there."""
    seen = utter(Model())
    observations = type(seen.observations)(**{**vars(seen.observations), "unanswered": Span(900 * MS, 2900 * MS)})
    verdict = analyse(seen.record, observations=observations).verdict
    assert verdict.hop is Hop.NETWORK
    assert verdict.ms == pytest.approx(2000, abs=30)
