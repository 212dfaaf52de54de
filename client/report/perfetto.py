"""An analysis -> a trace in the JSON format that ui.perfetto.dev and chrome://tracing open: one lane for each hop.

The format: https://docs.google.com/document/d/1CvAClvFfyA5R-PhYUmn5OOQtYMH4h6I0nSsKchNAySU (Trace Event Format).
Instants are microseconds since the first event. Chunks are joined by arrows from stage to stage. A viewer draws the
slices of one thread only where they do not overlap, so a lane is as many threads as it has slices at the same time.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from .._clock import Span
from ..attribution.chunk_timeline import ChunkTimeline
from ..attribution.hops import Hop
from ..attribution.verdict import Analysis
from .headline import headline
from .lanes import rows

_SERVER, _CLIENT, _VERDICT = 1, 2, 3  # process ids
_LANES = {  # name of the lane: process, thread id
    "T3": (_SERVER, 1),
    "flow": (_SERVER, 2),
    "vocoder": (_SERVER, 3),
    "audio channel": (_SERVER, 4),
    "pacing": (_SERVER, 5),
    "server loop blocked": (_SERVER, 6),
    "way from the engine to the gateway": (_SERVER, 7),
    "move to another engine": (_SERVER, 8),
    "text": (_CLIENT, 1),
    "network": (_CLIENT, 2),
    "client buffer": (_CLIENT, 3),
    "play": (_CLIENT, 4),
    "silence": (_CLIENT, 5),
    "audio device": (_CLIENT, 6),
    "client loop blocked": (_CLIENT, 7),
    "client reader stalled": (_CLIENT, 8),
    "questions to the server's clock": (_CLIENT, 9),
    "first sound": (_VERDICT, 1),
    "late chunks": (_VERDICT, 2),
}
_ROWS = 1000  # threads that a lane may have
_LEAST_NS = 1000  # a slice is at least so long, to be seen and to hold an arrow
_WAY = ("T3", "flow", "vocoder", "network", "play")  # of an arrow
_PROCESSES = {_SERVER: "server", _CLIENT: "client", _VERDICT: "where the time went (critical path)"}

Event = dict[str, Any]


@dataclass(frozen=True, kw_only=True)
class _Placed:
    """A slice on its thread."""

    lane: str
    row: int
    name: str
    span: Span
    details: dict[str, Any]

    @property
    def place(self) -> Event:
        process, thread = _LANES[self.lane]
        return {"pid": process, "tid": thread * _ROWS + self.row}


def trace(analysis: Analysis) -> str:
    """JSON text."""
    placed = _placed(analysis)
    origin_ns = min((one.span.start_ns for one in placed), default=0)
    events = [*_names(placed), *(_slice(one, origin_ns) for one in placed)]
    for chunk in analysis.chunks:
        events += _arrows(chunk, placed, origin_ns)
    return json.dumps({"traceEvents": events, "displayTimeUnit": "ms", "otherData": _summary(analysis)})


def _placed(analysis: Analysis) -> list[_Placed]:
    """All slices, lane by lane."""
    by_lane: defaultdict[str, list[Slice]] = defaultdict(list)
    for lane, name, span, details in _spans(analysis):
        least = Span(span.start_ns, max(span.end_ns, span.start_ns + _LEAST_NS))
        by_lane[lane].append((lane, name, least, details))
    placed = []
    for slices in by_lane.values():
        slices.sort(key=lambda one: one[2])
        for (lane, name, span, details), row in zip(slices, rows(one[2] for one in slices), strict=True):
            placed.append(_Placed(lane=lane, row=row, name=name, span=span, details=details))
    return placed


def _summary(analysis: Analysis) -> dict[str, str]:
    started = analysis.record.started
    return {"verdict": headline(analysis), "utterance": started.utterance_id if started else ""}


def _names(placed: list[_Placed]) -> Iterator[Event]:
    for process, name in _PROCESSES.items():
        yield {"ph": "M", "name": "process_name", "pid": process, "tid": 0, "args": {"name": name}}
        yield {"ph": "M", "name": "process_sort_index", "pid": process, "tid": 0, "args": {"sort_index": process}}
    for lane, row in sorted({(one.lane, one.row) for one in placed}):
        place = _LANES[lane][0], _LANES[lane][1] * _ROWS + row
        name = f"{lane} ({row + 1})" if row else lane
        for kind, value in (("thread_name", {"name": name}), ("thread_sort_index", {"sort_index": place[1]})):
            yield {"ph": "M", "name": kind, "pid": place[0], "tid": place[1], "args": value}


Slice = tuple[str, str, Span, dict[str, Any]]  # lane, name, when, details


def _spans(analysis: Analysis) -> Iterator[Slice]:
    before: ChunkTimeline | None = None
    for chunk in analysis.chunks:
        yield from _stages(chunk, before)
        before = chunk
    yield from _sound(analysis)
    for hop in (Hop.SERVER_LOOP, Hop.CLIENT_LOOP, Hop.CLIENT_READER):
        for block in analysis.blocks.of(hop):
            yield hop.label, "blocked", block, {}
    if device := analysis.observations.device:
        yield "audio device", "opening", device.opening, {}
        for stall in device.stalls:
            yield "audio device", "stands still", stall, {}
    for exchange in analysis.observations.exchanges:
        yield "questions to the server's clock", "question", Span(exchange.sent_ns, exchange.received_ns), {}
    for piece in analysis.record.sent:
        details = {"characters": piece.characters}
        yield "text", "text", Span(piece.asked_ns or piece.sent_ns, piece.sent_ns + 1000), details
    for budget in analysis.budgets:
        lane = "first sound" if budget.name == "first_sound" else "late chunks"
        for one in budget.pieces:
            yield lane, one.hop.label, one.span, {"chunk": one.chunk}


def _stages(chunk: ChunkTimeline, before: ChunkTimeline | None) -> Iterator[Slice]:
    name, details = f"chunk {chunk.seq}", {"chunk": chunk.seq, "segment": chunk.segment}
    if chunk.stamped:
        begun_ns = before.t3_last_ns if before and not chunk.new_segment else chunk.t3_start_ns
        tokens = details | {"tokens": chunk.tokens}
        window = details | {"tokens": chunk.window, "speculative": chunk.speculative}
        sent_ns = chunk.write_start_ns - chunk.paced_ns
        yield "T3", name, Span(begun_ns, chunk.t3_last_ns), tokens
        yield "flow", name, Span(chunk.flow_start_ns, chunk.flow_end_ns), window
        yield "vocoder", name, Span(chunk.vocoder_start_ns, chunk.vocoder_end_ns), details
        yield "audio channel", name, Span(chunk.gateway_received_ns or chunk.vocoder_end_ns, sent_ns), details
        if chunk.engine_sent_ns:
            yield Hop.ENGINE_WAY.label, name, Span(chunk.engine_sent_ns, chunk.gateway_received_ns), details
        if chunk.moved:
            yield Hop.MOVE.label, name, chunk.moved, details
        if chunk.paced_ns:
            yield "pacing", name, Span(sent_ns, chunk.write_start_ns), details
        yield "network", name, Span(chunk.write_start_ns, chunk.received_ns), details
    yield "client buffer", name, Span(chunk.received_ns, chunk.given_ns), details


def _sound(analysis: Analysis) -> Iterator[Slice]:
    rate = analysis.record.sample_rate
    for chunk in analysis.chunks:
        details = {"chunk": chunk.seq, "late_ms": chunk.late_ns / 1e6 if chunk.seq else 0.0}
        if rate:
            yield "play", f"chunk {chunk.seq}", _playing(chunk, rate), details
        if chunk.seq and chunk.late_ns > 0:
            yield "silence", f"waiting for chunk {chunk.seq}", Span(chunk.due_ns, chunk.sounded_ns), details


def _playing(chunk: ChunkTimeline, rate: int) -> Span:
    return Span(chunk.sounded_ns, chunk.sounded_ns + chunk.num_samples * 1_000_000_000 // rate)


def _slice(one: _Placed, origin_ns: int) -> Event:
    return {
        "ph": "X",
        "name": one.name,
        "cat": one.lane,
        **one.place,
        "ts": (one.span.start_ns - origin_ns) / 1e3,
        "dur": one.span.length_ns / 1e3,
        "args": one.details,
    }


def _arrows(chunk: ChunkTimeline, placed: list[_Placed], origin_ns: int) -> Iterator[Event]:
    """From T3 to flow, vocoder, network, playing: where the chunk went. They leave a slice at its end, or before the
    next one begins: a speculative window ends before T3 does."""
    mine = {one.lane: one for one in placed if one.details.get("chunk") == chunk.seq and one.lane in _WAY}
    stops: list[tuple[_Placed, int]] = []
    for lane in reversed(_WAY):
        if one := mine.get(lane):
            at_ns = one.span.end_ns - _LEAST_NS // 2 if stops else one.span.start_ns
            at_ns = min([at_ns, *(later_ns for _, later_ns in stops)])
            if at_ns >= one.span.start_ns:
                stops.insert(0, (one, at_ns))
    for index, (one, at_ns) in enumerate(stops if stops[1:] else ()):
        phase = "s" if index == 0 else "f" if index == len(stops) - 1 else "t"
        binding = {"bp": "e"} if phase == "f" else {}  # to the slice around it, not to the next one
        instant = {"id": chunk.seq, "name": "chunk", "cat": "chunk", "ts": (at_ns - origin_ns) / 1e3}
        yield {"ph": phase, **instant, **one.place, **binding}
