"""Both budgets are partitions along the critical path, and what is on the path is what held the sound up."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import replace
from itertools import pairwise

import pytest

from client._clock import Span
from client.attribution.critical_path import Budget
from client.attribution.hops import Hop
from client.attribution.verdict import Analysis, analyse
from tests.client.conftest import MS, receipt, record
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
    "gateway": Model(way_ms=30),
    "way to the gateway": Model(way_ms=1, late=defaultdict(dict, way={1: 600})),
    "engine's server": Model(way_ms=1, late=defaultdict(dict, engine={1: 600})),
    "move": Model(way_ms=1, move=(2, 280, 1500)),
    "move, clock ahead": Model(way_ms=1, move=(2, 280, 1500), offset_ms=3000),
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


def test_the_way_to_the_gateway_is_a_hop_of_its_own() -> None:
    near, far = (look(Model(way_ms=way_ms)).budgets[0] for way_ms in (None, 30))
    assert far.ms[Hop.ENGINE_WAY] == pytest.approx(30, abs=0.01)
    assert far.total_ms == pytest.approx(near.total_ms + 30, abs=0.5)
    assert {hop: ms for hop, ms in far.ms.items() if hop is not Hop.ENGINE_WAY} == pytest.approx(near.ms, abs=0.5)
    assert Hop.ENGINE_WAY not in near.ms


def test_what_a_late_way_takes_is_not_the_channel_s_and_a_wait_before_it_is() -> None:
    for name, hop, other in (("way to the gateway", Hop.ENGINE_WAY, Hop.CHANNEL),
                             ("engine's server", Hop.CHANNEL, Hop.ENGINE_WAY)):  # fmt: skip
        late = look(MODELS[name]).budgets[1]
        assert late.ms[hop] > 0.9 * late.total_ms
        assert late.ms.get(other, 0.0) < 3


def test_a_chunk_that_waits_while_the_way_is_full_waits_for_the_way() -> None:
    """The third chunk is made while the second is under way, and sent 100 ms after that has come."""
    seen = look(Model(way_ms=1, late=defaultdict(dict, way={1: 900}, engine={2: 876})))
    assert seen.chunks[1].made_ns < seen.chunks[2].made_ns < seen.chunks[1].gateway_received_ns
    steps = {(step.hop, step.kind): step for step in seen.steps if step.chunk == 2}
    full, free = steps[Hop.ENGINE_WAY, "full"], steps[Hop.CHANNEL, "engine"]
    assert full.span.start_ns == seen.chunks[2].made_ns
    assert full.span.end_ns == free.span.start_ns == seen.chunks[1].gateway_received_ns
    assert free.span.end_ns == seen.chunks[2].engine_sent_ns


def test_a_move_holds_all_that_had_to_be_made_again() -> None:
    for name in ("move", "move, clock ahead"):
        late = look(MODELS[name]).budgets[1]
        assert late.chunk == 2
        assert late.ms[Hop.MOVE] == pytest.approx(late.total_ms, abs=2)
        before = [piece for piece in late.lead if piece.hop is Hop.MOVE]
        moved_ms = late.ms[Hop.MOVE] + sum(piece.span.length_ns for piece in before) / 1e6
        assert moved_ms == pytest.approx(1220, abs=0.01)


def test_what_passed_before_the_text_came_is_not_the_move_s() -> None:
    """The engine was lost 900 ms before the text came, and the next one was there 100 ms after that."""
    seen = utter(Model(way_ms=1))
    first = seen.record.receipts[0]
    received_ns, text_ns = first.timings.gateway_received_ns, first.timings.text_cut_ns
    seen.record.sent[0] = replace(seen.record.sent[0], asked_ns=-600 * MS)  # the way to the service is slow, too
    timings = replace(first.timings, move_start_ns=text_ns - 900 * MS, move_end_ns=received_ns)
    seen.record.receipts[0] = replace(first, timings=timings)
    analysis = analyse(seen.record, observations=seen.observations, first_audible=0)
    held_ms = (received_ns - text_ns) / MS
    assert analysis.budgets[0].ms[Hop.MOVE] == pytest.approx(held_ms, abs=0.01)
    (step,) = [step for step in analysis.steps if step.hop is Hop.MOVE]
    assert step.span.length_ns / MS == pytest.approx(held_ms, abs=0.01)


def test_a_chunk_that_waited_for_one_that_was_spoken_again_waited_for_the_move() -> None:
    """Chunk 2 is spoken again just in time, which leaves nothing for when the flow stands still before chunk 3."""
    model = Model(way_ms=1, move=(2, 280, 900))
    model.late["flow"][3] = 2500
    seen = look(model)
    late = seen.budgets[1]
    assert late.chunk == 3
    (moved,) = [piece.span for piece in late.lead if piece.hop is Hop.MOVE]
    assert moved == Span(280 * MS, seen.chunks[2].t3_last_ns)  # from then on T3 drew what chunk 3 speaks


def test_a_move_while_nothing_was_to_be_spoken_holds_nothing_of_what_came_later() -> None:
    """The next engine was asked long before the text of the chunk came."""
    seen = utter(Model(way_ms=1))
    first = seen.record.receipts[0]
    timings = replace(first.timings, move_start_ns=-900 * MS, move_end_ns=-500 * MS)
    seen.record.receipts[0] = replace(first, timings=timings)
    budget = analyse(seen.record, observations=seen.observations, first_audible=0).budgets[0]
    assert budget.ms == look(Model(way_ms=1)).budgets[0].ms


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
