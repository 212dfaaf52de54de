"""Both budgets are partitions along the critical path, and what is on the path is what held the sound up."""

from __future__ import annotations

from itertools import pairwise

import pytest

from client._clock import Span
from client.attribution.critical_path import Budget
from client.attribution.hops import Hop
from client.attribution.verdict import Analysis, analyse
from tests.client.conftest import receipt, record
from tests.client.utterances import Model, utter


def look(model: Model) -> Analysis:
    seen = utter(model)
    return analyse(seen.record, observations=seen.observations, first_audible=0)


def with_delay(stage: str, chunk: int, ms: float) -> Model:
    model = Model()
    model.late[stage][chunk] = ms
    return model


MODELS = {
    "clean": Model(),
    "clock ahead": Model(offset_ms=3000),
    "t3": with_delay("t3", 1, 700),
    "t3 slower than speech": Model(token_ms=52),
    "flow": with_delay("flow", 2, 1300),
    "channel": with_delay("channel", 1, 600),
    "server loop": Model(server_blocked=(Span(150, 900),)),
    "network": Model(network_down=(Span(150, 900),)),
    "reader": Model(reader_blocked=(Span(150, 900),)),
    "program": Model(loop_blocked=(Span(150, 900),)),
    "no stamps": Model(stamped=False, probed=False),
}


@pytest.mark.parametrize("name", MODELS)
def test_the_pieces_are_a_partition(name: str) -> None:
    for budget in look(MODELS[name]).budgets:
        assert budget.pieces[0].span.start_ns == budget.span.start_ns
        assert budget.pieces[-1].span.end_ns == budget.span.end_ns
        for before, after in pairwise(budget.pieces):
            assert before.span.end_ns == after.span.start_ns
        assert sum(budget.ms.values()) == pytest.approx(budget.total_ms)


@pytest.mark.parametrize("name", [name for name in MODELS if name != "no stamps"])
def test_at_least_95_percent_are_explained(name: str) -> None:
    assert all(budget.explained >= 0.95 for budget in look(MODELS[name]).budgets)


def test_the_first_sound_is_explained_stage_by_stage() -> None:
    first = look(Model(token_ms=5, prefill_ms=20, flow_ms=25, vocoder_ms=20, hint_ms=100)).budgets[0]
    tokens = 9  # six, and three of lookahead
    assert first.ms[Hop.T3] == pytest.approx(20 + 5 * tokens, abs=0.2)
    assert first.ms[Hop.FLOW] == pytest.approx(25, abs=0.1)
    assert first.ms[Hop.VOCODER] == pytest.approx(20, abs=0.1)
    assert first.ms[Hop.CLIENT_BUFFER] == pytest.approx(100, abs=1)
    assert first.ms[Hop.NETWORK] == pytest.approx(2 * 0.5, abs=0.3)


def test_there_is_one_budget_for_each_late_chunk_and_its_length_is_the_silence() -> None:
    seen = utter(with_delay("flow", 1, 500))
    analysis = analyse(seen.record, observations=seen.observations, first_audible=0)
    late = analysis.budgets[1:]
    assert seen.observations.device is not None
    assert [budget.chunk for budget in late] == [1]
    assert late[0].total_ms == pytest.approx(seen.observations.device.underruns[0].missing_samples, abs=1)
    assert late[0].ms[Hop.FLOW] > 0.9 * late[0].total_ms


def test_a_late_chunk_that_waited_for_the_one_before_it_leads_back_to_that_one() -> None:
    """Chunk 2 is late because T3 stood still before chunk 1, which was in time."""
    late = look(with_delay("t3", 2, 1200)).budgets[1:]
    assert [max(budget.ms, key=lambda hop: budget.ms[hop]) for budget in late] == [Hop.T3]


def test_work_that_nobody_waited_for_is_not_on_the_path() -> None:
    """T3 is fast and far ahead, the flow is slow: T3 holds nothing up but the first chunk."""
    budgets = look(Model(token_ms=1, flow_ms=450)).budgets
    assert len(budgets) > 1
    for budget in budgets[1:]:
        assert budget.ms.get(Hop.T3, 0.0) < 0.05 * budget.total_ms


def test_what_a_blocked_loop_explains_is_not_the_channel_s() -> None:
    late = look(MODELS["server loop"]).budgets[1]
    assert late.ms[Hop.SERVER_LOOP] > 0.9 * late.total_ms


def test_quiet_speech_at_the_beginning_is_named() -> None:
    seen = utter(Model())
    first = analyse(seen.record, observations=seen.observations, first_audible=35).budgets[0]
    assert first.ms[Hop.SPEECH] == pytest.approx(35, abs=0.5)


def test_without_the_server_s_stamps_what_came_before_the_receipt_is_unexplained() -> None:
    first = look(MODELS["no stamps"]).budgets[0]
    assert first.ms[Hop.UNEXPLAINED] > 100
    assert first.explained < 0.8


def test_a_silence_between_sentences_says_so() -> None:
    gap = record(receipt(0, 0, 100, 10, hint_s=0.0), receipt(1, 100, 100, 500))
    gap.receipts[1] = type(gap.receipts[1])(**{**vars(gap.receipts[1]), "segment": 1})
    late = analyse(gap, first_audible=0).budgets[1]
    assert late.between_segments


def test_an_empty_budget_is_wholly_explained() -> None:
    assert Budget(name="first_sound", chunk=0, span=Span(5, 5), pieces=()).explained == 1.0
