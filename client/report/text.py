"""A record of one utterance -> the JSON object and the table "where the time went" that the command line prints."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from .._clock import ClockOffset
from ..record import Record
from ..types import Resumed
from . import metrics
from .headline import times

_PACED_MS = 5.0  # less is the pacing loop itself
_BAR = 30  # characters of the longest bar


@dataclass(frozen=True, kw_only=True)
class Heard:
    """What the listener's side adds to the record."""

    first_audible: int | None  # index of the first sample above -50 dBFS
    device: bool  # a device played; else the figures are those of a listener who follows the server's hint
    started_ns: int | None = None  # when the device sounded the first sample
    underruns: int = 0
    underrun_s: float = 0.0
    output_latency_s: float = 0.0


def as_json(record: Record, clock: ClockOffset | None, heard: Heard) -> dict[str, Any]:
    """One flat object; milliseconds unless the name says otherwise."""
    started, playout = record.started, metrics.playout(record)
    underruns, underrun_s = heard.underruns, heard.underrun_s
    if not heard.device:
        late_ns = [chunk.late_ns for chunk in playout if chunk.late_ns > 0]
        underruns, underrun_s = len(late_ns), sum(late_ns) / metrics.NS
    hint = next((r.prebuffer_hint_s for r in reversed(record.receipts) if r.prebuffer_hint_s is not None), None)
    return {
        "ttfa_ms": _rounded(metrics.ttfa_ms(record, clock)),
        "first_sound_ms": _rounded(first_sound_ms(record, clock, heard)),
        "audio_s": round(record.audio_s, 4),
        "rtf": _rounded(metrics.rtf(record), 4),
        "chunks": len(record.receipts),
        "underruns": underruns,
        "underrun_ms": round(underrun_s * 1e3, 2),
        "playback": "device" if heard.device else "simulated",
        "prebuffer_hint_ms": None if hint is None else round(hint * 1e3, 2),
        "prebuffer_needed_ms": round(metrics.prebuffer_needed_ms(record), 2),
        "paced_ms": round(metrics.paced_ms(record), 2),
        "utterance_id": started.utterance_id if started else None,
        "voice": started.voice if started else None,
        "seed": started.seed if started else None,
        "sample_rate": started.sample_rate if started else None,
        "encoding": started.encoding.value if started else None,
        "samples": record.num_samples,
        "timings_ms": {hop.value: round(ms, 2) for hop, ms in metrics.hops(record, clock).items()},
        "clock_offset_ms": round(clock.offset_ns / 1e6, 3) if clock else None,
        "clock_error_ms": round(clock.error_ns / 1e6, 3) if clock else None,
        "usage": asdict(record.finished.usage) if record.finished else None,
        "words": [asdict(word) for word in record.words],
        "resumed": [{"after_ms": round(one.after_ms, 2), "address": one.address} for one in record.resumed],
        "warnings": [warning.reason for warning in record.warnings],
    }


def first_sound_ms(record: Record, clock: ClockOffset | None, heard: Heard) -> float | None:
    """From sending the text to the first sample above -50 dBFS, for a listener who starts with the first chunk; with a
    device, as it really sounded."""
    sent_ns, index = metrics.text_sent_ns(record, clock), heard.first_audible
    playout = metrics.playout(record, heard.started_ns or record.receipts[0].received_ns) if record.receipts else []
    if sent_ns is None or index is None or not playout:
        return None
    for receipt, chunk in zip(reversed(record.receipts), reversed(playout), strict=True):
        if receipt.first_sample <= index:
            return (chunk.sounded_ns - sent_ns) / 1e6 + 1e3 * (index - receipt.first_sample) / record.sample_rate
    return None


def table(record: Record, clock: ClockOffset | None, heard: Heard) -> str:
    """For a person: the way of the first sound, then the figures."""
    rows = [(hop.label, ms) for hop, ms in metrics.hops(record, clock).items()]
    ttfa = metrics.ttfa_ms(record, clock)
    if not rows or ttfa is None:
        return "no audio came"
    if heard.device and heard.started_ns:
        rows.append(("pre-buffer and audio device", (heard.started_ns - record.receipts[0].received_ns) / 1e6))
    longest = max(ms for _, ms in rows) or 1.0
    lines = ["where the time went, from text sent to sound" + (" played" if heard.device else " received")]
    for name, ms in rows:
        lines.append(f"  {name:<34}{ms:9.1f} ms  {'█' * max(0, round(_BAR * ms / longest))}".rstrip())
    lines.append(f"  {'first 40 ms of audio received (TTFA)':<36}{ttfa:7.1f} ms")
    return "\n".join([*lines, *_summary(record, clock, heard)])


def _summary(record: Record, clock: ClockOffset | None, heard: Heard) -> list[str]:
    figures = as_json(record, clock, heard)
    lines = []
    if figures["first_sound_ms"] is not None:
        lines.append(f"  {'first sample above -50 dBFS':<36}{figures['first_sound_ms']:7.1f} ms")
    paced = " (paced: not the server's speed)" if figures["paced_ms"] > _PACED_MS else ""
    lines.append(
        f"  {figures['audio_s']:.2f} s of speech in {figures['chunks']} chunks, RTF {figures['rtf']:.3f}{paced}, "
        f"underruns {figures['underruns']}{'' if heard.device else ' (computed)'}"
    )
    if record.resumed:
        lines.append(f"  {resumed_words(record.resumed)}")
    if record.started:
        lines.append(f"  voice {record.started.voice}, seed {record.started.seed}, {record.started.sample_rate} Hz")
    return lines


def resumed_words(resumed: Sequence[Resumed]) -> str:
    """For a person: how often another call went on, how soon, and where."""
    after = " and ".join(f"{one.after_ms:.0f} ms, on {one.address}" for one in resumed)
    return f"resumed {times(len(resumed))} after a lost connection: after {after}"


def _rounded(value: float | None, digits: int = 2) -> float | None:
    return None if value is None else round(value, digits)
