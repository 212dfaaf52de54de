"""The short form: a fault of an utterance, a loop that stands still, and a stage that hangs, on the real service."""

from __future__ import annotations

import pytest

from benchmarks.faults.kinds import KINDS, SHORT
from benchmarks.faults.outcomes import Outcome
from benchmarks.faults.thirty_faults import scraped_through
from tests.programs import need_prometheus


@pytest.mark.timeout(240)
def test_a_fault_ends_in_one_clear_place_and_prometheus_scrapes_through_it() -> None:
    found, scraped = scraped_through(list(SHORT))
    assert [seen.wrong for seen in found] == [[]] * len(SHORT)
    need_prometheus()
    assert scraped is not None
    assert scraped.answered > 0
    assert scraped.checked >= 2 * (len(SHORT) - 1)
    assert not scraped.blamed


def test_there_are_thirty_of_them() -> None:
    assert len(KINDS) >= 30


def test_what_is_not_as_expected_is_said() -> None:
    fine, secret = Outcome("OK"), Outcome("INTERNAL", "UTTERANCE_FAILED", "RuntimeError in /secret")
    assert not KINDS["flow_fails"].wrong([Outcome("INTERNAL", "UTTERANCE_FAILED")], fine, fine, None, None)
    wrong = KINDS["flow_hangs"].wrong([secret], Outcome("HUNG"), None, 0, 12.0)
    assert len(wrong) == 5
