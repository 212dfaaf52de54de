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
from .chunk_timeline import ChunkTimeline
from .clock_bounds import ClockBounds
from .hops import Hop
from .known_blocks import Blocks
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


@dataclass(frozen=True)
class Stretch:
    """A part of a chunk's time that belongs to `hop`, unless one of `causes` was seen to explain it."""

    hop: Hop
    kind: str
    span: Span
    causes: tuple[Hop, ...] = ()
    work: int = 0


def flow(chunk: ChunkTimeline) -> Stretch:
    return Stretch(Hop.FLOW, _place(chunk), Span(chunk.flow_start_ns, chunk.flow_end_ns), work=chunk.window)


def vocoder(chunk: ChunkTimeline) -> Stretch:
    return Stretch(Hop.VOCODER, _place(chunk), Span(chunk.flow_end_ns, chunk.vocoder_end_ns), work=chunk.num_samples)


def under_way(chunk: ChunkTimeline) -> Stretch:
    return Stretch(Hop.ENGINE_WAY, "way", Span(chunk.engine_sent_ns, chunk.gateway_received_ns), ON_SERVER)


def held_by_engine(chunk: ChunkTimeline, before: ChunkTimeline | None) -> list[Stretch]:
    """From being made to being sent, in order: while the chunk before is under way, the way is full."""
    waited = Span(chunk.made_ns, chunk.engine_sent_ns)
    full = waited.common(Span(before.engine_sent_ns, before.gateway_received_ns)) if before else Span(0, 0)
    held = [Stretch(Hop.CHANNEL, "engine", rest) for rest in without(waited, [full])]
    held += [Stretch(Hop.ENGINE_WAY, "full", full)] if full.length_ns else []
    return sorted(held, key=lambda one: one.span)


def encoding(chunk: ChunkTimeline) -> Stretch:
    return Stretch(Hop.CHANNEL, "encode", Span(chunk.taken_ns, chunk.write_start_ns - chunk.paced_ns), ON_SERVER)


def writing(chunk: ChunkTimeline) -> Stretch:
    return Stretch(Hop.NETWORK, "write", Span(chunk.write_start_ns, chunk.written_ns), UNDER_BACKPRESSURE)


def buffering(chunk: ChunkTimeline) -> Stretch:
    return Stretch(Hop.CLIENT_BUFFER, "full", Span(chunk.received_ns, chunk.buffered_ns), IN_THE_PROGRAM)


def giving(chunk: ChunkTimeline) -> Stretch:
    return Stretch(Hop.CLIENT_BUFFER, "give", Span(chunk.user_taken_ns, chunk.given_ns), IN_THE_PROGRAM)


def steps(
    record: Record, chunks: list[ChunkTimeline], observations: Observations, bounds: ClockBounds | None, blocks: Blocks
) -> list[Step]:
    found = [*_text(record, blocks), *_arrivals(record, chunks, bounds, blocks)]
    for before, chunk in pairwise([None, *chunks]):
        assert chunk is not None
        if chunk.stamped:
            found += _move(chunk, blocks)
            if not chunk.spoken_again:
                found += _engine(chunk, before, blocks)
                found += _to_gateway(chunk, before, blocks)
            found += _sending(chunk, before, blocks)
        found += _receiving(chunk, before, blocks)
    found += _device(record, chunks, observations, blocks)
    return [step for step in found if step.span.length_ns]


def _labelled(chunk: ChunkTimeline, blocks: Blocks, *stretches: Stretch) -> list[Step]:
    return [
        Step(hop=hop, kind=one.kind, chunk=chunk.seq, span=part, work=one.work, known=hop is not one.hop)
        for one in stretches
        for hop, part in blocks.label(one.hop, one.span, one.causes)
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


def completing_piece(record: Record, chunk: ChunkTimeline, bounds: ClockBounds | None) -> Sent | None:
    """The last text that can have arrived when the chunk's segment was complete."""
    error_ns = (bounds.round_trip_ns or 0) if bounds else 0
    texts = [piece for piece in record.sent if piece.characters]
    arrived = [piece for piece in texts if piece.sent_ns <= chunk.text_received_ns + error_ns]
    return arrived[-1] if arrived else texts[0] if texts else None


def _arrivals(
    record: Record, chunks: list[ChunkTimeline], bounds: ClockBounds | None, blocks: Blocks
) -> Iterator[Step]:
    for chunk in chunks:
        if not (chunk.new_segment and chunk.stamped and bounds):
            continue
        arrived_ns = chunk.text_received_ns
        if piece := completing_piece(record, chunk, bounds):
            late_ns = bounds.delay_up_ns(piece.sent_ns, arrived_ns + bounds.offset_ns)
            late = Span(arrived_ns - late_ns, arrived_ns)
            yield from _labelled(chunk, blocks, Stretch(Hop.NETWORK, "up", late, ON_SERVER))
        cut = Span(arrived_ns, chunk.text_cut_ns)
        yield from _labelled(chunk, blocks, Stretch(Hop.TEXT, "cut", cut, ON_SERVER))


# ------------------------------------------------------------------------------------------------ server


def _engine(chunk: ChunkTimeline, before: ChunkTimeline | None, blocks: Blocks) -> Iterator[Step]:
    flow_free_ns = max(before.made_ns if before else 0, chunk.room_ns, chunk.wanted_ns)
    yield from _t3(chunk, before, starved=chunk.t3_last_ns > flow_free_ns)
    waited = Span(max(chunk.t3_last_ns, flow_free_ns), chunk.flow_start_ns)
    yield from _labelled(chunk, blocks, Stretch(Hop.TOKENS, "wait", waited), flow(chunk), vocoder(chunk))


def _place(chunk: ChunkTimeline) -> str:
    return "first" if chunk.new_segment else "next"


def _t3(chunk: ChunkTimeline, before: ChunkTimeline | None, *, starved: bool) -> Iterator[Step]:
    """`starved`: the flow waited for these tokens. Where it did not, T3 may have been held back because it was far
    ahead, and only the time that it worked counts."""
    free_ns = before.t3_last_ns if before else 0
    start_ns = free_ns
    if chunk.new_segment:
        start_ns = chunk.t3_start_ns
        if starved:
            wait = Span(max(chunk.text_cut_ns, free_ns), start_ns)
            yield Step(hop=Hop.T3, kind="wait", chunk=chunk.seq, span=wait)
    if not starved:
        if chunk.t3_busy_ns is None:
            return
        start_ns = max(start_ns, chunk.t3_last_ns - chunk.t3_busy_ns)
    span = Span(start_ns, chunk.t3_last_ns)
    yield Step(hop=Hop.T3, kind=_place(chunk), chunk=chunk.seq, span=span, work=chunk.tokens)


def spoken_again(chunk: ChunkTimeline, moved: Span) -> Span:
    """Of a move what held the chunk up: not what passed before its text had come."""
    return Span(max(moved.start_ns, chunk.text_cut_ns), moved.end_ns) if chunk.spoken_again else moved


def _move(chunk: ChunkTimeline, blocks: Blocks) -> Iterator[Step]:
    if chunk.moved:
        for hop, part in blocks.label(Hop.MOVE, spoken_again(chunk, chunk.moved), ON_SERVER):
            yield Step(hop=hop, kind="move", chunk=chunk.seq, span=part, known=True)


def _to_gateway(chunk: ChunkTimeline, before: ChunkTimeline | None, blocks: Blocks) -> Iterator[Step]:
    if chunk.gateway_received_ns:
        yield from _labelled(chunk, blocks, *held_by_engine(chunk, before), under_way(chunk))


def _sending(chunk: ChunkTimeline, before: ChunkTimeline | None, blocks: Blocks) -> Iterator[Step]:
    free_ns = (before.written_ns or before.write_start_ns) if before else 0
    waited = Span(max(chunk.there_ns, free_ns), chunk.taken_ns)
    wait = Stretch(Hop.CHANNEL, "wait", waited, ON_SERVER)
    yield from _labelled(chunk, blocks, wait, encoding(chunk), writing(chunk))


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


def _receiving(chunk: ChunkTimeline, before: ChunkTimeline | None, blocks: Blocks) -> Iterator[Step]:
    late = Span(chunk.received_ns - chunk.down_ns, chunk.received_ns)
    for hop, part in on_the_way(late, blocks):
        yield Step(hop=hop, kind="down", chunk=chunk.seq, span=part, known=hop is not Hop.NETWORK)
    waited = Span(max(chunk.buffered_ns, before.given_ns if before else 0), chunk.user_taken_ns)
    take = Stretch(Hop.CLIENT_BUFFER, "take", waited, IN_THE_PROGRAM)
    yield from _labelled(chunk, blocks, buffering(chunk), take, giving(chunk))


def _device(record: Record, chunks: list[ChunkTimeline], observations: Observations, blocks: Blocks) -> Iterator[Step]:
    if observations.device is None:
        return
    opening, first = observations.device.opening, next(iter(record.sent), None)
    before = first is not None and opening.end_ns <= (first.asked_ns or first.sent_ns)
    yield Step(hop=Hop.DEVICE_OPEN, kind="before" if before else "open", chunk=None, span=opening)
    for chunk in chunks:
        if chunk.seq == 0:
            span = Span(max(chunk.due_ns, chunk.given_ns), chunk.sounded_ns)
            yield from _labelled(chunk, blocks, Stretch(Hop.DEVICE, "start", span, (Hop.DEVICE_OPEN,)))
