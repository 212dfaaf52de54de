"""When chunks should have sounded, and when they did."""

from __future__ import annotations

from client._clock import Span
from client.attribution.playout import buffered_instants, playouts, start_by_hint_ns
from client.record import DeviceLog, Underrun, Write
from tests.client.conftest import MS, RATE, receipt, record

THREE = record(receipt(0, 0, 100, 10, hint_s=0.05), receipt(1, 100, 100, 60), receipt(2, 200, 100, 400))


def log(**facts: object) -> DeviceLog:
    return DeviceLog(**{"opening": Span(0, 1), "sample_rate": RATE, "started_ns": 80 * MS, **facts})  # type: ignore[arg-type]


def times(device: DeviceLog | None) -> list[tuple[float, float]]:
    sounds = playouts(THREE, buffered_instants(THREE, device), device)
    return [(round(sound.due_ns / MS), round(sound.sounded_ns / MS)) for sound in sounds]


def test_an_imagined_listener_starts_by_the_hint_and_waits_for_what_is_late() -> None:
    assert times(None) == [(60, 60), (160, 160), (260, 400)]


def test_a_device_s_own_log_tells_what_was_heard() -> None:
    device = log(underruns=(Underrun(position=200, at_ns=280 * MS, missing_samples=130),))
    assert times(device)[1:] == [(180, 180), (280, 410)]


def test_a_device_that_stood_still_sounds_everything_after_that_later() -> None:
    assert times(log(stalls=(Span(120 * MS, 150 * MS),)))[1:] == [(180, 210), (310, 310)]


def test_a_stall_before_the_first_sample_delays_nothing_twice() -> None:
    assert times(log(stalls=(Span(20 * MS, 70 * MS),)))[1:] == [(180, 180), (280, 280)]


def test_a_chunk_is_there_when_its_last_sample_is_in_the_buffer() -> None:
    writes = (
        Write(end_sample=60, asked_ns=11 * MS, done_ns=12 * MS),
        Write(end_sample=200, asked_ns=61 * MS, done_ns=62 * MS),
        Write(end_sample=300, asked_ns=401 * MS, done_ns=500 * MS),
    )
    assert [at // MS for at in buffered_instants(THREE, log(writes=writes))] == [62, 62, 500]


def test_the_hint_delays_the_start_and_a_later_hint_replaces_it() -> None:
    utterance = record(
        receipt(0, 0, 100, 10, hint_s=0.05), receipt(1, 100, 100, 40, hint_s=0.08), receipt(2, 200, 9, 200, hint_s=9)
    )
    assert start_by_hint_ns(utterance, [one.received_ns for one in utterance.receipts]) == 90 * MS


def test_nothing_sounds_of_nothing() -> None:
    assert playouts(record(), [], None) == []
