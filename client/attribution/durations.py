"""What each hop took for each chunk, from when it could begin: the material of what is normal and of the verdict.

A step begins when the last thing that it had to wait for was there, so a delay shows in the hop where it arose and in
no other. Steps of one hop and kind are compared with each other, by the amount of work.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

from .._clock import Span
from ..record import Record, Sent
from .causes import Blocks
from .chunk_timeline import ChunkTimeline
from .clock_bounds import ClockBounds
from .hops import Hop
from .observations import Observations, without

ON_SERVER = (Hop.SERVER_LOOP,)
ON_THE_WAY_DOWN = (Hop.CLIENT_READER, Hop.CLIENT_BUFFER)
UNDER_BACKPRESSURE = (Hop.SERVER_LOOP, Hop.CLIENT_READER, Hop.CLIENT_LOOP, Hop.PACING, Hop.CLIENT_BUFFER)
IN_THE_PROGRAM = (Hop.DEVICE_OPEN, Hop.CLIENT_LOOP, Hop.PACING)
IN_THE_WRITER = (Hop.DEVICE_OPEN, Hop.CLIENT_LOOP)
ON_THE_WAY_OUT = (Hop.CLIENT_READER, Hop.CLIENT_LOOP)


@dataclass(frozen=True, kw_only=True)
class Step:
    hop: Hop
    kind: str  # steps of one hop and kind are alike
    chunk: int | None
    span: Span
    work: int = 0  # tokens or samples
    known: bool = False  # its cause was seen by itself: all of it is too much


def steps(
    record: Record, way: list[ChunkTimeline], observations: Observations, bounds: ClockBounds | None, blocks: Blocks
) -> list[Step]:
    found = [*_text(record, blocks), *_arrivals(record, way, bounds, blocks)]
    for before, passage in pairwise([None, *way]):
        assert passage is not None
        if passage.stamped:
            found += _engine(passage, before)
            found += _sending(passage, before, blocks)
        found += _receiving(passage, before, blocks)
    found += _device(record, way, observations, blocks)
    return [step for step in found if step.span.length_ns]


def _labelled(
    hop: Hop, kind: str, passage: ChunkTimeline, span: Span, blocks: Blocks, causes: tuple[Hop, ...]
) -> list[Step]:
    return [
        Step(hop=name, kind=kind, chunk=passage.seq, span=part, known=name is not hop)
        for name, part in blocks.label(hop, span, causes)
    ]


# ------------------------------------------------------------------------------------------------ text


def _text(record: Record, blocks: Blocks) -> Iterator[Step]:
    """Pauses of the writer, and what it took to hand each piece to gRPC."""
    written = [piece for piece in record.sent if piece.asked_ns]
    for before, piece in pairwise(written):
        for hop, part in blocks.label(Hop.TEXT, Span(before.sent_ns, piece.asked_ns), IN_THE_WRITER):
            yield Step(hop=hop, kind="pause", chunk=None, span=part, known=hop is not Hop.TEXT)
    for piece in written:
        for hop, part in blocks.label(Hop.NETWORK, Span(piece.asked_ns, piece.sent_ns), ON_THE_WAY_OUT):
            yield Step(hop=hop, kind="out", chunk=None, span=part, known=hop is not Hop.NETWORK)


def completing_piece(record: Record, passage: ChunkTimeline, bounds: ClockBounds | None) -> Sent | None:
    """The last text that can have arrived when the chunk's segment was complete."""
    error_ns = (bounds.round_trip_ns or 0) if bounds else 0
    texts = [piece for piece in record.sent if piece.characters]
    arrived = [piece for piece in texts if piece.sent_ns <= passage.text_received_ns + error_ns]
    return arrived[-1] if arrived else texts[0] if texts else None


def _arrivals(record: Record, way: list[ChunkTimeline], bounds: ClockBounds | None, blocks: Blocks) -> Iterator[Step]:
    for passage in way:
        if not (passage.new_segment and passage.stamped and bounds):
            continue
        arrived_ns = passage.text_received_ns
        if piece := completing_piece(record, passage, bounds):
            late_ns = bounds.delay_up_ns(piece.sent_ns, arrived_ns + bounds.offset_ns)
            late = Span(arrived_ns - late_ns, arrived_ns)
            yield from _labelled(Hop.NETWORK, "up", passage, late, blocks, ON_SERVER)
        yield from _labelled(Hop.TEXT, "cut", passage, Span(arrived_ns, passage.text_cut_ns), blocks, ON_SERVER)


# ------------------------------------------------------------------------------------------------ server


def _engine(passage: ChunkTimeline, before: ChunkTimeline | None) -> Iterator[Step]:
    flow_free_ns = max(before.made_ns if before else 0, passage.room_ns, passage.wanted_ns)
    yield from _t3(passage, before, starved=passage.t3_last_ns > flow_free_ns)
    ready_ns = max(passage.t3_last_ns, flow_free_ns)
    spans = (
        (Hop.TOKENS, "wait", Span(ready_ns, passage.flow_start_ns), 0),
        (Hop.FLOW, _place(passage), Span(passage.flow_start_ns, passage.flow_end_ns), passage.window),
        (Hop.VOCODER, _place(passage), Span(passage.flow_end_ns, passage.vocoder_end_ns), passage.num_samples),
    )
    for hop, kind, span, work in spans:
        yield Step(hop=hop, kind=kind, chunk=passage.seq, span=span, work=work)


def _place(passage: ChunkTimeline) -> str:
    return "first" if passage.new_segment else "next"


def _t3(passage: ChunkTimeline, before: ChunkTimeline | None, *, starved: bool) -> Iterator[Step]:
    """`starved`: the flow waited for these tokens. Where it did not, T3 may have been held back because it was far
    ahead, and only the time that it worked counts."""
    free_ns = before.t3_last_ns if before else 0
    start_ns = free_ns
    if passage.new_segment:
        start_ns = passage.t3_start_ns
        if starved:
            wait = Span(max(passage.text_cut_ns, free_ns), start_ns)
            yield Step(hop=Hop.T3, kind="wait", chunk=passage.seq, span=wait)
    if not starved:
        if passage.t3_busy_ns is None:
            return
        start_ns = max(start_ns, passage.t3_last_ns - passage.t3_busy_ns)
    span = Span(start_ns, passage.t3_last_ns)
    yield Step(hop=Hop.T3, kind=_place(passage), chunk=passage.seq, span=span, work=passage.tokens)


def _sending(passage: ChunkTimeline, before: ChunkTimeline | None, blocks: Blocks) -> Iterator[Step]:
    free_ns = (before.written_ns or before.write_start_ns) if before else 0
    waited = Span(max(passage.made_ns, free_ns), passage.taken_ns)
    yield from _labelled(Hop.CHANNEL, "wait", passage, waited, blocks, ON_SERVER)
    encoded = Span(passage.taken_ns, passage.write_start_ns - passage.paced_ns)
    yield from _labelled(Hop.CHANNEL, "encode", passage, encoded, blocks, ON_SERVER)
    written = Span(passage.write_start_ns, passage.written_ns)
    yield from _labelled(Hop.NETWORK, "write", passage, written, blocks, UNDER_BACKPRESSURE)


# ------------------------------------------------------------------------------------------------ client


def on_the_way(span: Span, blocks: Blocks) -> list[tuple[Hop, Span]]:
    """Who had a message during `span`, which ends with its receipt: the network, or a reader that did not read."""
    opening = [(Hop.DEVICE_OPEN, part) for one in blocks.opening_on_reader if (part := one.common(span)).length_ns]
    pieces = list(opening)
    for rest in without(span, [part for _, part in opening]):
        for hop, part in blocks.label(Hop.NETWORK, rest, ON_THE_WAY_DOWN):
            full = hop is Hop.CLIENT_BUFFER
            pieces += blocks.label(hop, part, (Hop.CLIENT_LOOP, Hop.PACING)) if full else [(hop, part)]
    return pieces


def _receiving(passage: ChunkTimeline, before: ChunkTimeline | None, blocks: Blocks) -> Iterator[Step]:
    late = Span(passage.received_ns - passage.down_ns, passage.received_ns)
    for hop, part in on_the_way(late, blocks):
        yield Step(hop=hop, kind="down", chunk=passage.seq, span=part, known=hop is not Hop.NETWORK)
    full = Span(passage.received_ns, passage.buffered_ns)
    yield from _labelled(Hop.CLIENT_BUFFER, "full", passage, full, blocks, IN_THE_PROGRAM)
    taken = Span(max(passage.buffered_ns, before.given_ns if before else 0), passage.user_taken_ns)
    yield from _labelled(Hop.CLIENT_BUFFER, "take", passage, taken, blocks, IN_THE_PROGRAM)
    given = Span(passage.user_taken_ns, passage.given_ns)
    yield from _labelled(Hop.CLIENT_BUFFER, "give", passage, given, blocks, IN_THE_PROGRAM)


def _device(record: Record, way: list[ChunkTimeline], observations: Observations, blocks: Blocks) -> Iterator[Step]:
    if observations.device is None:
        return
    opening, first = observations.device.opening, next(iter(record.sent), None)
    before = first is not None and opening.end_ns <= (first.asked_ns or first.sent_ns)
    yield Step(hop=Hop.DEVICE_OPEN, kind="before" if before else "open", chunk=None, span=opening)
    for passage in way:
        if passage.seq == 0:
            span = Span(max(passage.due_ns, passage.given_ns), passage.sounded_ns)
            yield from _labelled(Hop.DEVICE, "start", passage, span, blocks, (Hop.DEVICE_OPEN,))
