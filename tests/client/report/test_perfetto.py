"""The trace, against the rules of the Trace Event Format and what ui.perfetto.dev makes of it."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise
from typing import Any

import pytest

from client._clock import Span
from client.attribution.verdict import Analysis, analyse
from client.report.perfetto import trace
from tests.client.conftest import MS, record
from tests.client.utterances import Model, utter

Event = dict[str, Any]
KEYS = {
    "M": {"ph", "name", "pid", "tid", "args"},
    "X": {"ph", "name", "cat", "pid", "tid", "ts", "dur", "args"},
    "s": {"ph", "name", "cat", "id", "pid", "tid", "ts"},
    "t": {"ph", "name", "cat", "id", "pid", "tid", "ts"},
    "f": {"ph", "name", "cat", "id", "pid", "tid", "ts", "bp"},
}


def told(model: Model) -> Analysis:
    seen = utter(model)
    return analyse(seen.record, observations=seen.observations, first_audible=0)


def ahead_of_t3() -> Analysis:
    """A speculative window: the flow is done before T3 says that the segment is over."""
    seen = utter(Model())
    last = seen.record.receipts[-1]
    stamps = replace(last.timings, speculative=True, t3_last_token_ns=last.timings.vocoder_end_ns + 5 * MS)
    seen.record.receipts[-1] = replace(last, timings=stamps)
    return analyse(seen.record, observations=seen.observations, first_audible=0)


UTTERANCES: dict[str, Callable[[], Analysis]] = {
    "clean": lambda: told(Model()),
    "network stalled": lambda: told(Model(network_down=(Span(150, 900),))),
    "server blocked": lambda: told(Model(server_blocked=(Span(200, 1000),))),
    "reader stalled": lambda: told(Model(reader_blocked=(Span(300, 1200),))),
    "slow T3": lambda: told(Model(token_ms=52, hint_ms=2500)),
    "speculative": ahead_of_t3,
    "moved to another engine": lambda: told(Model(way_ms=1, move=(2, 280, 1500))),
    "no stamps": lambda: told(Model(stamped=False)),
    "no audio": lambda: analyse(record()),
}


@pytest.fixture(params=UTTERANCES)
def events(request: pytest.FixtureRequest) -> list[Event]:
    found: list[Event] = json.loads(trace(UTTERANCES[request.param]()))["traceEvents"]
    return found


def _threads(events: list[Event]) -> dict[tuple[int, int], list[Event]]:
    slices: defaultdict[tuple[int, int], list[Event]] = defaultdict(list)
    for event in events:
        if event["ph"] == "X":
            slices[event["pid"], event["tid"]].append(event)
    return slices


def test_each_event_has_the_keys_of_its_phase_and_no_other(events: list[Event]) -> None:
    for event in events:
        assert set(event) == KEYS[event["ph"]]
        assert isinstance(event["pid"], int)
        assert isinstance(event["tid"], int)
        assert event.get("ts", 0) >= 0
        assert event.get("dur", 1) > 0


def test_every_process_and_thread_has_one_name_and_a_place(events: list[Event]) -> None:
    metadata = [(event["name"], event["pid"], event["tid"]) for event in events if event["ph"] == "M"]
    assert len(metadata) == len(set(metadata))
    for pid, tid in _threads(events):
        assert {("process_name", pid, 0), ("process_sort_index", pid, 0)} <= set(metadata)
        assert {("thread_name", pid, tid), ("thread_sort_index", pid, tid)} <= set(metadata)
    names = [(event["pid"], event["args"]["name"]) for event in events if event["name"] == "thread_name"]
    assert len(names) == len(set(names))


def test_slices_of_a_thread_do_not_overlap(events: list[Event]) -> None:
    """Else a viewer cuts or drops them."""
    for slices in _threads(events).values():
        slices.sort(key=lambda one: one["ts"])
        for before, after in pairwise(slices):
            assert before["ts"] + before["dur"] <= after["ts"] + 1e-6, (before, after)


def test_an_arrow_begins_once_ends_once_and_never_goes_back(events: list[Event]) -> None:
    flows: defaultdict[int, list[Event]] = defaultdict(list)
    for event in events:
        if event["ph"] in "stf":
            flows[event["id"]].append(event)
    for steps in flows.values():
        assert [step["ph"] for step in steps] == ["s", *"t" * (len(steps) - 2), "f"]
        assert all(before["ts"] <= after["ts"] for before, after in pairwise(steps))


def test_an_arrow_touches_the_slice_of_its_chunk(events: list[Event]) -> None:
    """Else the viewer does not draw it."""
    threads = _threads(events)
    for arrow in (event for event in events if event["ph"] in "stf"):
        lane = threads[arrow["pid"], arrow["tid"]]
        around = [one for one in lane if one["ts"] <= arrow["ts"] < one["ts"] + one["dur"]]
        assert [one["args"]["chunk"] for one in around] == [arrow["id"]]


def test_the_trace_has_a_lane_for_each_hop_and_arrows_between() -> None:
    events = json.loads(trace(UTTERANCES["network stalled"]()))["traceEvents"]
    lanes = {event["args"]["name"] for event in events if event["name"] == "thread_name"}
    assert {"T3", "flow", "vocoder", "network", "play", "silence"} <= lanes
    assert min(event["ts"] for event in events if event["ph"] == "X") == 0
    assert {event["ph"] for event in events if event["name"] == "chunk"} == {"s", "t", "f"}


def test_chunks_that_wait_side_by_side_have_threads_of_their_own() -> None:
    events = json.loads(trace(UTTERANCES["server blocked"]()))["traceEvents"]
    lanes = {event["args"]["name"] for event in events if event["name"] == "thread_name"}
    assert {"audio channel", "audio channel (2)"} <= lanes
