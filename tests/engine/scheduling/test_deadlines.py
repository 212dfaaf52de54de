"""Who of all listeners has least audio ahead."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, cast

import pytest

from engine.scheduling.deadlines import NS_PER_S
from engine.scheduling.scheduler import Scheduler
from tests.engine.scripted_pipeline import CONFIG, Caller

NOW = 100 * NS_PER_S


@dataclass
class Tokens:
    waiting: int


def least(*listeners: tuple[float, int, bool]) -> float | None:
    """Of listeners whose audio lasts so many seconds, who are owed so many tokens, and may take none."""
    scheduler = Scheduler(CONFIG)
    for number, (lead_s, owed, full) in enumerate(listeners):
        name = Caller(scheduler, f"{number}").name
        running = scheduler._running[name]
        running.first_chunk_ns, running.runs_out_ns = 1, NOW + round(lead_s * NS_PER_S)
        running.ledger, running.channel_full = cast(Any, Tokens(owed)), full
    return scheduler.deadlines.least_lead_s(scheduler._running.values(), NOW)


def test_it_is_of_those_who_are_owed_more_and_take_it() -> None:
    assert least((2.0, 5, False), (0.5, 5, False), (-3.0, 0, False), (-9.0, 5, True)) == pytest.approx(0.5)
    assert least((-3.0, 0, False)) is None
    assert least() is None


def test_who_has_not_heard_anything_yet_has_nothing_to_lose() -> None:
    scheduler = Scheduler(CONFIG)
    Caller(scheduler, "new").say("Hello there.")
    assert scheduler.stats().least_lead_s is None
