"""A listener in another program: the same delay, seen there, gets the same verdict, whatever his clock shows."""

from __future__ import annotations

import dataclasses

import pytest

from client._clock import Span
from client.attribution.hops import Hop
from client.attribution.listener import Heard, heard_elsewhere
from client.attribution.verdict import analyse
from client.record import Underrun
from tests.client.conftest import MS
from tests.client.utterances import Model, Seen, utter

AHEAD_NS = 24 * 3_600_000 * MS  # his clock


def heard_of(seen: Seen, model: Model) -> Heard:
    """What he saw of it, on his clock."""
    device = seen.observations.device
    assert device is not None
    assert device.started_ns is not None
    assert device.allowed_ns is not None
    return Heard(
        opened_ns=AHEAD_NS - 300 * MS,
        sent_ns=tuple(piece.sent_ns + AHEAD_NS for piece in seen.record.sent),
        received_ns=tuple(receipt.received_ns + AHEAD_NS for receipt in seen.record.receipts),
        allowed_ns=device.allowed_ns + AHEAD_NS,
        started_ns=device.started_ns + AHEAD_NS,
        silences=tuple(
            Underrun(position=gap.position, at_ns=gap.at_ns + AHEAD_NS, missing_samples=gap.missing_samples)
            for gap in device.underruns
        ),
        blocks_ns=tuple((b.start_ns * MS + AHEAD_NS, b.end_ns * MS + AHEAD_NS) for b in model.reader_blocked),
    )


def seen_by_the_one_between(seen: Seen) -> Seen:
    """The program that passed the audio on: it had every chunk at once, and its own clock is another."""
    receipts = [
        dataclasses.replace(receipt, received_ns=receipt.timings.write_start_ns + 7 * MS, taken_ns=0)
        for receipt in seen.record.receipts
    ]
    return dataclasses.replace(seen, record=dataclasses.replace(seen.record, receipts=receipts))


def delayed(stage: str) -> Model:
    model = Model()
    model.late[stage][3] = 600.0
    return model


CASES = {
    Hop.CLEAN: Model(),
    Hop.T3: delayed("t3"),
    Hop.FLOW: delayed("flow"),
    Hop.SERVER_LOOP: Model(server_blocked=(Span(200, 1000),)),
    Hop.NETWORK: Model(network_down=(Span(200, 1000),)),
    Hop.CLIENT_READER: Model(reader_blocked=(Span(200, 1000),)),
}


@pytest.mark.parametrize("hop", CASES)
def test_the_hop_that_was_late_is_named(hop: Hop) -> None:
    model = CASES[hop]
    seen = utter(model)
    record, observations = heard_elsewhere(seen_by_the_one_between(seen).record, heard_of(seen, model))
    judged = analyse(record, observations=observations)
    assert judged.verdict.hop is hop
    here = analyse(seen.record, observations=seen.observations)
    assert judged.verdict.audible == here.verdict.audible
    assert sum(chunk.late_ns for chunk in judged.chunks[1:]) == pytest.approx(
        sum(chunk.late_ns for chunk in here.chunks[1:]), abs=5 * MS
    )


def test_who_stopped_listening_is_asked_for_no_more_than_he_received() -> None:
    model = Model()
    seen = utter(model)
    heard = dataclasses.replace(heard_of(seen, model), received_ns=heard_of(seen, model).received_ns[:2])
    record, _ = heard_elsewhere(seen.record, heard)
    assert len(record.receipts) == 2
    assert len(seen.record.receipts) > 2


def test_a_listener_of_something_else_is_told_so() -> None:
    model = Model()
    seen = utter(model)
    heard = heard_of(seen, model)
    for other in (
        dataclasses.replace(heard, sent_ns=(*heard.sent_ns, AHEAD_NS)),
        dataclasses.replace(heard, received_ns=(*heard.received_ns, AHEAD_NS)),
    ):
        with pytest.raises(ValueError, match="not"):
            heard_elsewhere(seen.record, other)
