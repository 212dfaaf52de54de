"""A record of one utterance -> figures, as the design defines them. Pure arithmetic on stamps.

TTFA: from sending the last byte of the text that completes the first segment to having received 40 ms of audio.
RTF: from sending the last text to the last receipt, over the duration of the audio; below 1 is faster than real time.
Underrun: the listener asked and nothing was there; without a device, of a listener who starts by the server's hint.
"""

from __future__ import annotations

from collections import defaultdict

from .._clock import ClockOffset
from ..attribution.hops import Hop
from ..attribution.playout import ChunkPlayout, simulated
from ..record import Receipt, Record
from ..types import Timings

HEARD_S = 0.040  # received audio that counts as sound (TTFA)
NS = 1e9


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


def hops(record: Record, clock: ClockOffset | None) -> dict[Hop, float]:
    """A partition of TTFA in ms. Network is the sum of both directions, so the clocks' offset cancels out."""
    heard, sent_ns = first_heard(record), text_sent_ns(record, clock)
    if heard is None or sent_ns is None:
        return {}
    until_ns = _first_segment_known_ns(record, clock)
    complete_ns = max(piece.sent_ns for piece in record.sent if piece.sent_ns <= until_ns)
    stages = _server_stages(heard.timings)
    network_ms = (heard.received_ns - complete_ns) / 1e6 - sum(stages.values())
    stages[Hop.TEXT] += (complete_ns - sent_ns) / 1e6
    return stages | {Hop.NETWORK: network_ms}


def prebuffer_needed_ms(record: Record) -> float:
    """The least pre-buffer with which nothing would have been missing."""
    if not record.receipts:
        return 0.0
    first_ns, rate = record.receipts[0].received_ns, record.sample_rate
    return max((r.received_ns - first_ns) / 1e6 - 1e3 * r.first_sample / rate for r in record.receipts)


def playout(record: Record, start_ns: int | None = None) -> list[ChunkPlayout]:
    """Of a listener who hears each chunk as soon as it is received; `start_ns`: when playback really began."""
    return simulated(record, [receipt.received_ns for receipt in record.receipts], start_ns) if record.receipts else []


def _first_segment_known_ns(record: Record, clock: ClockOffset | None) -> int:
    """Until when input can have completed the first segment. Client's clock."""
    first = record.receipts[0]
    if clock and first.timings.text_received_ns:
        arrived_ns = clock.to_client(first.timings.text_received_ns) + clock.error_ns
        if any(piece.characters and piece.sent_ns <= arrived_ns for piece in record.sent):
            return arrived_ns
    return first.received_ns


def _server_stages(timings: Timings) -> dict[Hop, float]:
    """What the server did between the text's arrival and the write. A stage without a stamp takes no time; of stages
    that worked again because of a move all is the move's."""
    ends = (
        (Hop.TEXT, timings.text_cut_ns),
        (Hop.T3, timings.move_start_ns),
        (Hop.MOVE, timings.move_end_ns),
        (Hop.T3, timings.t3_last_token_ns),
        (Hop.TOKENS, timings.flow_start_ns),
        (Hop.FLOW, timings.flow_end_ns),
        (Hop.VOCODER, timings.vocoder_end_ns),
        (Hop.CHANNEL, timings.engine_sent_ns),
        (Hop.ENGINE_WAY, timings.gateway_received_ns),
        (Hop.CHANNEL, timings.write_start_ns - timings.paced_ns),
        (Hop.PACING, timings.write_start_ns),
    )
    stages: defaultdict[Hop, int] = defaultdict(int)
    at_ns = timings.text_received_ns
    for hop, end_ns in ends:
        stages[hop] += max(0, end_ns - at_ns)
        at_ns = max(at_ns, end_ns)
    return {hop: ns / 1e6 for hop, ns in stages.items() if ns or hop not in (Hop.MOVE, Hop.ENGINE_WAY)}
