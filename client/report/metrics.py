"""A record of one utterance -> figures, as the design defines them. Pure arithmetic on stamps.

TTFA: from sending the last byte of the text that completes the first segment to having received 40 ms of audio.
RTF: from sending the last text to the last receipt, over the duration of the audio; below 1 is faster than real time.
Underrun: the listener asked and nothing was there; without a device, of a listener who starts by the server's hint.
"""

from __future__ import annotations

from dataclasses import dataclass

from .._clock import ClockOffset
from ..record import Receipt, Record

HEARD_S = 0.040  # received audio that counts as sound (TTFA)
NS = 1e9


@dataclass(frozen=True, kw_only=True)
class Hop:
    """A stretch of the way from text to sound; the hops of an utterance follow each other without overlap."""

    key: str  # stable, for programs
    name: str  # for a person
    ms: float


@dataclass(frozen=True, kw_only=True)
class Playout:
    """When each chunk sounds, for a listener who starts at `start_ns` and waits for late chunks. Client's clock."""

    start_ns: int
    chunk_start_ns: tuple[int, ...]
    underruns: int
    missing_ns: int


def first_heard(record: Record) -> Receipt | None:
    """The chunk with which 40 ms of audio were there; of a shorter utterance the last."""
    heard = 0
    for receipt in record.receipts:
        heard += receipt.num_samples
        if heard >= HEARD_S * record.sample_rate:
            return receipt
    return record.receipts[-1] if record.receipts else None


def text_sent_ns(record: Record, clock: ClockOffset | None) -> int | None:
    """When the last byte of the first segment's text was sent. Without the server's clock: of all text before sound."""
    if not record.receipts:
        return None
    until_ns = _first_segment_known_ns(record, clock)
    return max((piece.sent_ns for piece in record.sent if piece.characters and piece.sent_ns <= until_ns), default=None)


def ttfa_ms(record: Record, clock: ClockOffset | None) -> float | None:
    heard, sent_ns = first_heard(record), text_sent_ns(record, clock)
    return (heard.received_ns - sent_ns) / 1e6 if heard and sent_ns is not None else None


def rtf(record: Record) -> float | None:
    complete_ns = record.text_complete_ns
    if not record.audio_s or complete_ns is None:
        return None
    return (record.receipts[-1].received_ns - complete_ns) / NS / record.audio_s


def paced_ms(record: Record) -> float:
    """How long max_lead held audio back; where it did, RTF says nothing about the server's speed."""
    return sum(receipt.timings.paced_ns for receipt in record.receipts) / 1e6


def hops(record: Record, clock: ClockOffset | None) -> list[Hop]:
    """A partition of TTFA. Network is the sum of both directions, so the clocks' offset cancels out."""
    heard, sent_ns = first_heard(record), text_sent_ns(record, clock)
    if heard is None or sent_ns is None:
        return []
    until_ns = _first_segment_known_ns(record, clock)
    complete_ns = max(piece.sent_ns for piece in record.sent if piece.sent_ns <= until_ns)
    stages = _server_stages(heard)
    server_ms = sum(hop.ms for hop in stages)
    network_ms = (heard.received_ns - complete_ns) / 1e6 - server_ms
    waited = Hop(key="text", name="waiting for the end of the text", ms=(complete_ns - sent_ns) / 1e6)
    return [waited, *stages, Hop(key="network", name="network (there and back)", ms=network_ms)]


def prebuffer_needed_ms(record: Record) -> float:
    """The least pre-buffer with which nothing would have been missing."""
    if not record.receipts:
        return 0.0
    first_ns, rate = record.receipts[0].received_ns, record.sample_rate
    return max((r.received_ns - first_ns) / 1e6 - 1e3 * r.first_sample / rate for r in record.receipts)


def playout(record: Record, start_ns: int | None = None) -> Playout | None:
    """`start_ns`: when playback really began; absent: as the server's hint advises."""
    if not record.receipts:
        return None
    if start_ns is None:
        start_ns = advised_start_ns(record.receipts)
    starts: list[int] = []
    underruns = missing_ns = 0
    for receipt in record.receipts:
        due_ns = start_ns + missing_ns + round(receipt.first_sample / record.sample_rate * NS)
        if receipt.received_ns > due_ns:
            underruns += 1
            missing_ns += receipt.received_ns - due_ns
            due_ns = receipt.received_ns
        starts.append(due_ns)
    return Playout(start_ns=start_ns, chunk_start_ns=tuple(starts), underruns=underruns, missing_ns=missing_ns)


def advised_start_ns(receipts: list[Receipt]) -> int:
    """When the hints let playback begin; a hint that comes after that is too late to count."""
    first_ns = receipts[0].received_ns
    start_ns = first_ns
    for receipt in receipts:
        if receipt.received_ns <= start_ns and receipt.prebuffer_hint_s is not None:
            start_ns = max(receipt.received_ns, first_ns + round(receipt.prebuffer_hint_s * NS))
    return start_ns


def _first_segment_known_ns(record: Record, clock: ClockOffset | None) -> int:
    """Until when input can have completed the first segment. Client's clock."""
    first = record.receipts[0]
    if clock and first.timings.text_received_ns:
        arrived_ns = clock.to_client(first.timings.text_received_ns) + clock.error_ns
        if any(piece.characters and piece.sent_ns <= arrived_ns for piece in record.sent):
            return arrived_ns
    return first.received_ns


def _server_stages(receipt: Receipt) -> list[Hop]:
    """What the server did between the text's arrival and the write. A stage without a stamp takes no time."""
    timings = receipt.timings
    ends = (
        ("segment", "segmenter, waiting for T3", timings.t3_start_ns),
        ("t3", f"T3: {timings.window_tokens} + {timings.lookahead_tokens} speech tokens", timings.t3_last_token_ns),
        ("flow_wait", "waiting for the flow", timings.flow_start_ns),
        ("flow", "flow: tokens to spectrum", timings.flow_end_ns),
        ("vocoder", "vocoder: spectrum to sound", timings.vocoder_end_ns),
        ("channel", "audio channel", timings.taken_ns),
        ("encode", "encoding", timings.write_start_ns - timings.paced_ns),
        ("pacing", "pacing (max_lead)", timings.write_start_ns),
    )
    stages, at_ns = [], timings.text_received_ns
    for key, name, end_ns in ends:
        stages.append(Hop(key=key, name=name, ms=max(0, end_ns - at_ns) / 1e6))
        at_ns = max(at_ns, end_ns)
    return stages
