"""Who had a chunk between the server's write and the client's receipt: a partition, on made-up utterances."""

from __future__ import annotations

import pytest

from benchmarks.attribution import latency_gap, latency_gap_charts, latency_gap_parts
from benchmarks.attribution.tracing_cost import Run, figures
from client._clock import Span
from client.attribution.verdict import Analysis, analyse
from tests.client.utterances import Model, utter


def analysed(model: Model) -> Analysis:
    seen = utter(model)
    return analyse(seen.record, observations=seen.observations, first_audible=0)


READER = Model(reader_blocked=(Span(300, 900),))
NETWORK = Model(network_down=(Span(300, 900),))
SERVER = Model(server_blocked=(Span(300, 900),))


@pytest.mark.parametrize("model", [Model(), READER, NETWORK, SERVER])
def test_the_suspects_shares_add_up_to_each_gap(model: Model) -> None:
    row = latency_gap_parts.row(analysed(model))
    for ms, parts in zip(row.gaps, row.by_suspect, strict=True):
        assert sum(parts.values()) == pytest.approx(ms, abs=1e-3)
        assert set(parts) <= set(latency_gap_parts.SUSPECTS)


def test_a_stalled_reader_holds_what_waited_for_it() -> None:
    measured = latency_gap.figures([latency_gap_parts.row(analysed(READER))])
    worst = measured["worst_gap_ms"]
    assert worst["reader or transport"] > 100 > worst["network"] + worst["server's event loop"]


def test_a_blocked_server_loop_delays_the_stamp_before_the_write_and_not_what_comes_after_it() -> None:
    clean, blocked = latency_gap_parts.row(analysed(Model())), latency_gap_parts.row(analysed(SERVER))
    assert max(blocked.gaps) == pytest.approx(max(clean.gaps), abs=1.0)
    assert max(blocked.to_send) > 100


def test_a_timeline_is_drawn_of_every_kind_of_utterance() -> None:
    for model in (Model(), READER, NETWORK, SERVER):
        analysis = analysed(model)
        drawn = latency_gap_charts.timeline(analysis, "title")
        assert drawn.count("chunk ") >= len(analysis.chunks)
        assert analysis.verdict.sentence.split(",")[0][:20] in drawn


def test_the_cost_of_tracing_is_taken_within_pairs() -> None:
    """A machine that gets slower over the run slows both of a pair."""
    plain = [Run(audio_s=10.0, wall_s=wall_s, cpu_s=1.0) for wall_s in (1.0, 2.0, 4.0)]
    traced = [Run(audio_s=10.0, wall_s=run.wall_s * 1.01, cpu_s=1.02) for run in plain]
    found = figures({"traced": traced, "plain": plain})
    assert found["throughput_ratio"]["median"] == pytest.approx(1 / 1.01)
    assert found["cpu_ratio"]["median"] == pytest.approx(1.02)
