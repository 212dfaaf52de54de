"""The JSON object and the table of an utterance."""

from __future__ import annotations

import json

from client.report import text as report
from client.report.text import Heard
from tests.client.conftest import MS, receipt, record

SILENT = Heard(first_audible=None, device=False)


def test_json_has_the_promised_figures_and_fits_one_line() -> None:
    figures = report.as_json(record(receipt(0, 0, 100, 50, hint_s=0.02)), None, Heard(first_audible=20, device=False))
    assert "\n" not in json.dumps(figures)
    assert figures["ttfa_ms"] == 50
    assert figures["first_sound_ms"] == 70
    assert figures["audio_s"] == 0.1
    assert figures["rtf"] == 0.5
    assert figures["chunks"] == 1
    assert figures["underruns"] == 0
    assert figures["prebuffer_hint_ms"] == 20
    assert (figures["seed"], figures["sample_rate"], figures["utterance_id"]) == (7, 1000, "u")


def test_underruns_are_the_devices_where_one_played() -> None:
    utterance = record(receipt(0, 0, 100, 10), receipt(1, 100, 100, 500))
    device = Heard(first_audible=0, device=True, started_ns=700 * MS)
    assert report.as_json(utterance, None, SILENT)["underruns"] == 1
    assert report.as_json(utterance, None, device)["underruns"] == 0


def test_the_first_sound_in_a_late_chunk_is_heard_when_that_came() -> None:
    utterance = record(receipt(0, 0, 100, 10), receipt(1, 100, 100, 130))
    assert report.first_sound_ms(utterance, None, Heard(first_audible=105, device=False)) == 135


def test_a_silent_utterance_has_no_first_sound() -> None:
    assert report.as_json(record(receipt(0, 0, 100, 50)), None, SILENT)["first_sound_ms"] is None


def test_the_table_names_every_hop_and_survives_an_utterance_without_audio() -> None:
    table = report.table(record(receipt(0, 0, 100, 50, text_received=1, write_start=40)), None, SILENT)
    for word in ("T3", "flow", "vocoder", "pacing", "network", "TTFA", "RTF"):
        assert word in table
    assert report.table(record(), None, SILENT) == "no audio came"
    assert report.as_json(record(), None, SILENT)["ttfa_ms"] is None
