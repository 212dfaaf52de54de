"""Which part of the system held a chunk between the server's send and the client's receipt: one utterance's figures."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass

from benchmarks.support.fake_device import BLOCK_S
from client._clock import Span
from client.attribution.chunk_timeline import ChunkTimeline
from client.attribution.durations import on_the_way
from client.attribution.hops import Hop
from client.attribution.observations import length_ns, without
from client.attribution.verdict import Analysis

SUSPECTS = ("server's event loop", "device opening", "reader or transport", "network")
_OF_HOP = {
    Hop.NETWORK: SUSPECTS[2],  # beyond the quickest way there and back
    Hop.DEVICE_OPEN: SUSPECTS[1],
    Hop.CLIENT_READER: SUSPECTS[2],
    Hop.CLIENT_BUFFER: SUSPECTS[2],
    Hop.CLIENT_LOOP: SUSPECTS[2],
    Hop.PACING: SUSPECTS[2],
}


@dataclass(frozen=True, kw_only=True)
class Row:
    """One utterance; milliseconds."""

    gaps: list[float]  # of each chunk: server's stamp before the write to client's receipt
    to_send: list[float]  # of each chunk: made to the stamp before the write
    by_suspect: list[dict[str, float]]  # a partition of each gap
    first_sound: dict[str, float]  # text sent to first audible sample, by hop
    sound_after_receipt: float | None  # the first sample sounds so long after the first chunk came
    allowed: float  # one device block and the stream's latency
    needs_prebuffer: bool
    verdict: str
    explained: float  # the least share of a budget that belongs to a hop


def row(analysis: Analysis) -> Row:
    chunks, device = analysis.chunks, analysis.observations.device
    sounded_ns = device.started_ns if device else None
    hints = [receipt.prebuffer_hint_s or 0.0 for receipt in analysis.record.receipts]
    round_trip_ns = analysis.bounds.round_trip_ns if analysis.bounds else None
    return Row(
        gaps=[(one.received_ns - one.write_start_ns) / 1e6 for one in chunks],
        to_send=[(one.write_start_ns - one.paced_ns - one.made_ns) / 1e6 for one in chunks],
        by_suspect=[suspects(one, analysis, round_trip_ns or 0) for one in chunks],
        first_sound={hop.value: ms for budget in analysis.budgets[:1] for hop, ms in budget.ms.items()},
        sound_after_receipt=(sounded_ns - chunks[0].received_ns) / 1e6 if sounded_ns else None,
        allowed=1e3 * (BLOCK_S if device is None else max(device.block_s, BLOCK_S) + device.latency_s),
        needs_prebuffer=hints[0] > 0,
        verdict=analysis.verdict.hop.value,
        explained=min((budget.explained for budget in analysis.budgets), default=1.0),
    )


def suspects(chunk: ChunkTimeline, analysis: Analysis, round_trip_ns: int) -> dict[str, float]:
    """Who had the chunk between the two stamps. What the quickest question needs there and back is the network's; more
    than that, with nobody seen to be blocked, is the transport's: gRPC, Python's lock, the machine's unrest."""
    parts: defaultdict[str, float] = defaultdict(float)
    span = Span(chunk.write_start_ns, chunk.received_ns)
    writing = span.common(Span(span.start_ns, chunk.written_ns))  # once gRPC has it, the server's loop cannot hold it
    held = [part for block in analysis.blocks.of(Hop.SERVER_LOOP) if (part := block.common(writing)).length_ns]
    parts[SUSPECTS[0]] += length_ns(held) / 1e6
    for rest in without(span, held):
        for who, piece in on_the_way(rest, analysis.blocks):
            network_ns = min(piece.length_ns, round_trip_ns) if who is Hop.NETWORK else 0
            parts[SUSPECTS[3]] += network_ns / 1e6
            parts[_OF_HOP[who]] += (piece.length_ns - network_ns) / 1e6
    return dict(parts)
