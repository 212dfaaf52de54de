"""Where the time of one utterance went: two budgets, each a partition of one stretch of time along the critical path.

    (i)   from the text being complete to the first audible sample
    (ii)  for each late chunk, from the moment when it should have sounded to the moment when it did

The path is walked backwards: from each event to the last thing that it had to wait for. So the pieces do not overlap,
and what other hops did meanwhile is not on the path. Network is the sum of both directions; one way cannot be known.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, replace

from .._clock import Span
from ..record import Record
from .chunk_timeline import ChunkTimeline
from .clock_bounds import ClockBounds
from .durations import (
    IN_THE_PROGRAM,
    ON_SERVER,
    ON_THE_WAY_OUT,
    Stretch,
    buffering,
    completing_piece,
    encoding,
    flow,
    giving,
    held_by_engine,
    on_the_way,
    spoken_again,
    under_way,
    vocoder,
    writing,
)
from .hops import Hop
from .known_blocks import Blocks

AUDIBLE_GAP_NS = 5_000_000  # a shorter silence is not heard as a break


@dataclass(frozen=True, kw_only=True)
class Piece:
    hop: Hop
    chunk: int | None
    span: Span


@dataclass(frozen=True, kw_only=True)
class Budget:
    name: str  # "first_sound" or "late_chunk"
    chunk: int  # whose sample it ends with
    span: Span
    pieces: tuple[Piece, ...]  # a partition of `span`, in order
    lead: tuple[Piece, ...] = ()  # of a late chunk: the path before it was late, back to where the last start led from
    between_segments: bool = False  # of a late chunk: the silence fell between two sentences

    @property
    def ms(self) -> dict[Hop, float]:
        """Milliseconds of each hop, in the order of the way."""
        sums: defaultdict[Hop, int] = defaultdict(int)
        for piece in self.pieces:
            sums[piece.hop] += piece.span.length_ns
        return {hop: sums[hop] / 1e6 for hop in Hop if sums[hop]}

    @property
    def total_ms(self) -> float:
        return self.span.length_ns / 1e6

    @property
    def explained(self) -> float:
        """Share of the time that belongs to a hop, 0 to 1."""
        return 1.0 - self.ms.get(Hop.UNEXPLAINED, 0.0) / self.total_ms if self.total_ms else 1.0


def budgets(
    record: Record, chunks: list[ChunkTimeline], bounds: ClockBounds | None, blocks: Blocks, first_audible: int | None
) -> list[Budget]:
    """The first sound's, if there is any, then one for each late chunk. `first_audible`: index of that sample."""
    found = []
    if first := _first_sound(record, chunks, bounds, blocks, first_audible):
        found.append(first)
    last_start_ns = chunks[0].given_ns if chunks else 0
    for chunk in chunks[1:]:
        if chunk.late_ns > AUDIBLE_GAP_NS:
            found.append(_late_chunk(_Path(record, chunks, bounds, blocks), chunk, last_start_ns))
            last_start_ns = chunk.given_ns
    return found


def _late_chunk(path: _Path, chunk: ChunkTimeline, last_start_ns: int) -> Budget:
    span = Span(chunk.due_ns, chunk.sounded_ns)
    pieces = path.back_from(chunk.seq, span)
    whole = path.back_from(chunk.seq, Span(min(last_start_ns, span.start_ns), span.end_ns))
    before = Span(0, span.start_ns)
    lead = tuple(replace(piece, span=part) for piece in whole if (part := piece.span.common(before)).length_ns)
    return Budget(
        name="late_chunk",
        chunk=chunk.seq,
        span=span,
        pieces=pieces,
        lead=lead,
        between_segments=chunk.new_segment,
    )


def _first_sound(
    record: Record, chunks: list[ChunkTimeline], bounds: ClockBounds | None, blocks: Blocks, first_audible: int | None
) -> Budget | None:
    if not chunks or not record.sample_rate:
        return None
    piece = completing_piece(record, chunks[0], bounds if chunks[0].stamped else None)
    if piece is None:
        return None
    index = first_audible or 0
    audible = next(chunk for chunk in reversed(chunks) if chunk.first_sample <= index)
    quiet_ns = (index - audible.first_sample) * 1_000_000_000 // record.sample_rate
    broken = [chunk.seq for chunk in chunks[1 : audible.seq + 1] if chunk.late_ns > 0]
    last_start = chunks[broken[-1] if broken else 0]  # from here on sound ran without a break
    span = Span(piece.asked_ns or piece.sent_ns, audible.sounded_ns + quiet_ns)
    quiet = Piece(hop=Hop.SPEECH, chunk=audible.seq, span=Span(max(span.start_ns, last_start.sounded_ns), span.end_ns))
    before = _Path(record, chunks, bounds, blocks).back_from(last_start.seq, Span(span.start_ns, quiet.span.start_ns))
    pieces = (*before, quiet) if quiet.span.length_ns else before
    return Budget(name="first_sound", chunk=audible.seq, span=span, pieces=pieces)


class _Path:
    """Walks back from a chunk's sound, towards `until_ns`; each step names the event to go on from."""

    def __init__(self, record: Record, chunks: list[ChunkTimeline], bounds: ClockBounds | None, blocks: Blocks) -> None:
        self._record = record
        self._chunks = chunks
        self._bounds = bounds
        self._blocks = blocks

    def back_from(self, seq: int, span: Span) -> tuple[Piece, ...]:
        """A partition of `span`, which ends with the sound of chunk `seq`."""
        self._at_ns, self._until_ns = span.end_ns, span.start_ns
        self._pieces: list[Piece] = []
        go_on: _Event | None = (self._sound, self._chunks[seq])
        while go_on and self._at_ns > self._until_ns:
            event, chunk = go_on
            go_on = event(chunk)
        self._to(self._until_ns, Hop.UNEXPLAINED, None)
        return tuple(reversed(self._pieces))

    def _to(self, instant_ns: int, hop: Hop, chunk: ChunkTimeline | None, causes: tuple[Hop, ...] = ()) -> None:
        """The time from `instant_ns` up to where we are was `hop`'s, unless one of `causes` explains it."""
        span = Span(max(instant_ns, self._until_ns), self._at_ns)
        self._add(self._blocks.label(hop, span, causes), chunk)

    def _through(self, stretch: Stretch, chunk: ChunkTimeline) -> None:
        self._to(stretch.span.start_ns, stretch.hop, chunk, stretch.causes)

    def _add(self, labelled: list[tuple[Hop, Span]], chunk: ChunkTimeline | None) -> None:
        seq = chunk.seq if chunk else None
        for hop, span in sorted(labelled, key=lambda piece: piece[1], reverse=True):
            self._pieces.append(Piece(hop=hop, chunk=seq, span=span))
            self._at_ns = min(self._at_ns, span.start_ns)

    def _before(self, chunk: ChunkTimeline) -> ChunkTimeline | None:
        return self._chunks[chunk.seq - 1] if chunk.seq else None

    # -------------------------------------------------------------------------------------------- client

    def _sound(self, chunk: ChunkTimeline) -> _Event:
        """Sounded <- playback might begin <- it was in the buffer."""
        self._to(max(chunk.given_ns, chunk.due_ns), Hop.DEVICE, chunk, (Hop.DEVICE, Hop.DEVICE_OPEN))
        if chunk.seq == 0:
            self._to(chunk.given_ns, Hop.CLIENT_BUFFER, chunk, (Hop.DEVICE_OPEN,))
        return self._given, chunk

    def _given(self, chunk: ChunkTimeline) -> _Event:
        """In the buffer <- in the program's hands <- in the reader's buffer, or the chunk before was dealt with."""
        self._through(giving(chunk), chunk)
        before = self._before(chunk)
        if before and before.given_ns > chunk.buffered_ns:
            self._to(before.given_ns, Hop.CLIENT_BUFFER, chunk, IN_THE_PROGRAM)
            return self._given, before
        self._to(chunk.buffered_ns, Hop.CLIENT_BUFFER, chunk, IN_THE_PROGRAM)
        self._through(buffering(chunk), chunk)
        return self._received, chunk

    def _received(self, chunk: ChunkTimeline) -> _Event | None:
        if not chunk.stamped:
            return None
        span = Span(max(chunk.write_start_ns, self._until_ns), self._at_ns)
        self._add(on_the_way(span, self._blocks), chunk)
        return self._sent, chunk

    # -------------------------------------------------------------------------------------------- server

    def _sent(self, chunk: ChunkTimeline) -> _Event:
        """Written <- taken from the channel <- it was there, or the chunk before was written."""
        self._to(chunk.write_start_ns - chunk.paced_ns, Hop.PACING, chunk)
        self._through(encoding(chunk), chunk)
        before = self._before(chunk)
        if before and max(before.written_ns, before.write_start_ns) > chunk.there_ns:
            self._to(max(before.written_ns, before.write_start_ns), Hop.CHANNEL, chunk, ON_SERVER)
            return self._written, before
        self._to(chunk.there_ns, Hop.CHANNEL, chunk, ON_SERVER)
        return (self._moved if chunk.spoken_again else self._left_engine), chunk

    def _moved(self, chunk: ChunkTimeline) -> _Event:
        """Spoken again <- the engine before was lost, which had worked on it since the chunk before, or its text, was
        there; or its text came."""
        assert chunk.moved is not None
        self._to(spoken_again(chunk, chunk.moved).start_ns, Hop.MOVE, chunk, ON_SERVER)
        before = self._before(chunk)
        if before and before.made_ns > chunk.text_cut_ns:
            self._to(before.made_ns, Hop.T3, chunk)
            return self._made, before
        self._to(chunk.text_cut_ns, Hop.T3, chunk)
        return self._cut, chunk

    def _left_engine(self, chunk: ChunkTimeline) -> _Event:
        """In the gateway <- sent by the engine's server <- the vocoder was done. In one process all that is one."""
        if chunk.gateway_received_ns:
            self._through(under_way(chunk), chunk)
            for stretch in reversed(held_by_engine(chunk, self._before(chunk))):
                self._through(stretch, chunk)
        return (self._drawn if chunk.made_ns > chunk.vocoder_end_ns else self._made), chunk

    def _written(self, chunk: ChunkTimeline) -> _Event:
        self._through(writing(chunk), chunk)
        return self._sent, chunk

    def _made(self, chunk: ChunkTimeline) -> _Event:
        """Vocoder <- flow <- the last of: tokens, the window before, room in the channel."""
        if chunk.spoken_again:
            return self._moved(chunk)
        self._through(vocoder(chunk), chunk)
        self._through(flow(chunk), chunk)
        before = self._before(chunk)
        made_ns = before.made_ns if before else 0
        ready_ns = max(chunk.t3_last_ns, made_ns, chunk.room_ns)
        self._to(max(ready_ns, chunk.wanted_ns), Hop.TOKENS, chunk)
        self._to(ready_ns, Hop.PACING, chunk)
        if chunk.t3_last_ns >= max(made_ns, chunk.room_ns) or before is None:
            return self._drawn, chunk
        if chunk.room_ns > made_ns:
            return self._written, self._who_made_room(chunk)
        return self._made, before

    def _who_made_room(self, chunk: ChunkTimeline) -> ChunkTimeline:
        """Room comes when a chunk has been written."""
        gone = [other for other in self._chunks[: chunk.seq] if other.write_start_ns <= chunk.room_ns]
        return gone[-1] if gone else self._chunks[0]

    def _drawn(self, chunk: ChunkTimeline) -> _Event:
        """T3 <- the window before of the same segment, or the beginning of this one."""
        if chunk.spoken_again:
            return self._moved(chunk)
        before = self._before(chunk)
        if not chunk.new_segment and before:
            self._to(before.t3_last_ns, Hop.T3, chunk)
            return self._drawn, before
        self._to(chunk.t3_start_ns, Hop.T3, chunk)
        free_ns = before.t3_last_ns if before else 0
        self._to(max(chunk.text_cut_ns, free_ns), Hop.T3, chunk)
        if before and free_ns > chunk.text_cut_ns:
            return self._drawn, before
        return self._cut, chunk

    # -------------------------------------------------------------------------------------------- text

    def _cut(self, chunk: ChunkTimeline) -> _Event | None:
        self._to(chunk.text_received_ns, Hop.TEXT, chunk)
        piece = completing_piece(self._record, chunk, self._bounds)
        if piece is None:
            return None
        self._to(piece.sent_ns, Hop.NETWORK, chunk, ON_SERVER)
        self._to(piece.asked_ns or piece.sent_ns, Hop.NETWORK, chunk, ON_THE_WAY_OUT)
        self._to(self._until_ns, Hop.TEXT, chunk)
        return None


_Event = tuple[Callable[[ChunkTimeline], "_Event | None"], ChunkTimeline]
