"""Why a hop is blamed, in a sentence or two that name what was measured."""

from __future__ import annotations

import statistics
from collections.abc import Sequence

from .._clock import Span
from .chunk_timeline import ChunkTimeline
from .hops import Hop
from .observations import Observations

_FAR_NS = 50e6  # a way there and back that is long all the time
_QUICK = 3.0  # an answer within so many times the usual one is quick


def evidence(
    hop: Hop, chunks: Sequence[ChunkTimeline], observations: Observations, held_up: Sequence[int], spans: Sequence[Span]
) -> str:
    """`held_up`: the chunks that the hop delayed; `spans`: when it took too long, on the client's clock."""
    first = chunks[held_up[0]] if held_up and held_up[0] < len(chunks) else None
    said = _said(hop, first, len(held_up), observations, spans)
    return f"{said} {_beside(hop, observations, spans)}".strip()


def _said(hop: Hop, first: ChunkTimeline | None, count: int, observations: Observations, spans: Sequence[Span]) -> str:
    longest, where = _ms(max((span.length_ns for span in spans), default=0)), _where(first, count)
    if hop is Hop.DEVICE_OPEN and observations.device:
        return f"Opening the audio device took {_ms(observations.device.opening.length_ns)}."
    about = hop.about
    if about.took and first:
        took = _ms(about.took(first))
        return about.evidence.format(took=took, where=where, chunk=first.seq, tokens=first.window)
    if about.evidence and not about.took:
        return about.evidence.format(longest=longest, where=where)
    return "The stamps do not tell what happened."


def _where(first: ChunkTimeline | None, count: int) -> str:
    if first is None:
        return ""
    return f" (chunk {first.seq})" if count == 1 else f" (from chunk {first.seq} on, {count} chunks)"


def _beside(hop: Hop, observations: Observations, spans: Sequence[Span]) -> str:
    """What the questions to the server's clock, on their own connection, say about the same time."""
    if hop not in (Hop.NETWORK, Hop.CLIENT_READER, Hop.CLIENT_LOOP) or len(observations.exchanges) < 2:
        return ""
    usual_ns = statistics.median(exchange.round_trip_ns for exchange in observations.exchanges)
    met = [
        exchange.round_trip_ns
        for exchange in observations.exchanges
        if any(Span(exchange.sent_ns, exchange.received_ns).common(span).length_ns for span in spans)
    ]
    if not met:
        return ""
    slow = max(met) > _QUICK * usual_ns + 10e6
    if hop is Hop.NETWORK and usual_ns > _FAR_NS:
        return f"Questions on another connection took {_ms(usual_ns)} all the time."
    if hop is Hop.NETWORK and not slow:
        return f"Questions on another connection were answered within {_ms(max(met))}: only this one was slow."
    if hop is Hop.NETWORK:
        return f"Questions on another connection took up to {_ms(max(met))} as well, {_ms(usual_ns)} otherwise."
    return f"Meanwhile the network answered within {_ms(min(met))}."


def _ms(ns: float) -> str:
    return f"{ns / 1e6:.0f} ms" if ns >= 1e6 else f"{ns / 1e6:.1f} ms"
