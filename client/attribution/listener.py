"""A listener in another program, for example a page behind a door: its instants in place of our own.

The program that holds the record only passed the audio on. The listener's instants, on any clock, replace our receipts.
So the way from the server to the listener is one hop, the network, and the door is a part of it.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from .._clock import Span
from ..record import DeviceLog, Record, Underrun
from .observations import Observations

TICK_S = 0.05  # of the probe of the listener's event loop


@dataclass(frozen=True, kw_only=True)
class Heard:
    """What the listener saw. Instants on his own clock, nanoseconds since any epoch after 0."""

    opened_ns: int  # he began to send; 0: not known
    sent_ns: tuple[int, ...]  # of each text, flush and end of input
    received_ns: tuple[int, ...]  # of each chunk; of those that he did not wait for there are none
    allowed_ns: int | None  # playback might begin
    started_ns: int | None  # the first sample sounded; None: none did
    output_latency_s: float = 0.0
    silences: tuple[Underrun, ...] = ()  # sound was missing
    blocks_ns: tuple[tuple[int, int], ...] = ()  # his event loop, which reads, stood still
    stalls_ns: tuple[tuple[int, int], ...] = ()  # his audio device did


def heard_elsewhere(record: Record, heard: Heard) -> tuple[Record, Observations]:
    """For `analyse`. Raises ValueError if the listener sent or received other messages than the record holds."""
    if len(heard.sent_ns) != len(record.sent):
        raise ValueError(f"{len(record.sent)} messages of text, flush and end came, not {len(heard.sent_ns)}")
    if len(heard.received_ns) > len(record.receipts):
        raise ValueError(f"{len(record.receipts)} chunks were sent, not {len(heard.received_ns)}")
    receipts = [
        replace(receipt, received_ns=at_ns, taken_ns=at_ns, awaited_ns=0, buffered_ns=0)
        for receipt, at_ns in zip(record.receipts, heard.received_ns, strict=False)
    ]
    sent = [
        replace(piece, sent_ns=at_ns, asked_ns=at_ns) for piece, at_ns in zip(record.sent, heard.sent_ns, strict=True)
    ]
    listened = replace(record, opened_ns=heard.opened_ns, sent=sent, receipts=receipts, finished=None)
    observations = Observations(
        reader_blocks=tuple(Span(*block) for block in heard.blocks_ns), device=_device(record, heard), tick_s=TICK_S
    )
    return listened, observations


def _device(record: Record, heard: Heard) -> DeviceLog:
    return DeviceLog(
        opening=Span(heard.opened_ns, heard.opened_ns),  # it was open by then
        sample_rate=record.sample_rate,
        started_ns=heard.started_ns,
        allowed_ns=heard.allowed_ns,
        latency_s=heard.output_latency_s,
        underruns=heard.silences,
        stalls=tuple(Span(*stall) for stall in heard.stalls_ns),
    )
