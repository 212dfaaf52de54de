"""Why a hop is blamed, in a sentence or two that name what was measured."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Sequence

from .._clock import Span
from .chunk_timeline import Passage
from .hops import Hop
from .observations import Signs

_FAR_NS = 50e6  # a way there and back that is long all the time
_QUICK = 3.0  # an answer within so many times the usual one is quick


def evidence(hop: Hop, way: Sequence[Passage], signs: Signs, chunks: Sequence[int], spans: Sequence[Span]) -> str:
    """`chunks`: that the hop held up; `spans`: when it took too long, on the client's clock."""
    first = way[chunks[0]] if chunks and chunks[0] < len(way) else None
    said = _said(hop, first, len(chunks), signs, spans)
    return f"{said} {_beside(hop, signs, spans)}".strip()


def _said(hop: Hop, first: Passage | None, count: int, signs: Signs, spans: Sequence[Span]) -> str:
    longest, where = _ms(max((span.length_ns for span in spans), default=0)), _where(first, count)
    if hop in _ABOUT_TIME:
        return _ABOUT_TIME[hop].format(longest=longest, where=where)
    if hop is Hop.DEVICE_OPEN and signs.device:
        return f"Opening the audio device took {_ms(signs.device.opening.length_ns)}."
    if hop in _ABOUT_CHUNK and first:
        said, took = _ABOUT_CHUNK[hop]
        return said.format(took=_ms(took(first)), where=where, chunk=first.seq, tokens=first.window)
    return "The stamps do not tell what happened."


_ABOUT_TIME = {
    Hop.TEXT: "The longest pause in the text was {longest} beyond normal.",
    Hop.SERVER_LOOP: "The server's event loop did not run for up to {longest}, by its own timer{where}.",
    Hop.NETWORK: "Messages were under way up to {longest} longer than the fastest{where}.",
    Hop.CLIENT_READER: "The client's reading thread did not read for up to {longest}{where}.",
    Hop.CLIENT_LOOP: "The client's event loop did not run for up to {longest}, by its own timer{where}.",
    Hop.CLIENT_BUFFER: "The program left received sound waiting for up to {longest}{where}.",
    Hop.DEVICE: "The audio device did not take sound for up to {longest}.",
}
_ABOUT_CHUNK: dict[Hop, tuple[str, Callable[[Passage], int]]] = {
    Hop.T3: (
        "T3's tokens came late{where}; for those of chunk {chunk} it worked {took}.",
        lambda chunk: chunk.t3_busy_ns or chunk.t3_last_ns - chunk.t3_start_ns,
    ),
    Hop.TOKENS: (
        "The tokens of chunk {chunk} were there {took} before the flow took them up.",
        lambda chunk: chunk.flow_start_ns - chunk.t3_last_ns,
    ),
    Hop.FLOW: (
        "The flow took too long{where}: {took} for the {tokens} tokens of chunk {chunk}.",
        lambda chunk: chunk.flow_end_ns - chunk.flow_start_ns,
    ),
    Hop.VOCODER: (
        "The vocoder took too long{where}: {took} for chunk {chunk}.",
        lambda chunk: chunk.vocoder_end_ns - chunk.flow_end_ns,
    ),
    Hop.CHANNEL: (
        "Chunk {chunk} was finished {took} before it was sent, and the server's loop ran freely.",
        lambda chunk: chunk.write_start_ns - chunk.vocoder_end_ns,
    ),
}


def _where(first: Passage | None, count: int) -> str:
    if first is None:
        return ""
    return f" (chunk {first.seq})" if count == 1 else f" (from chunk {first.seq} on, {count} chunks)"


def _beside(hop: Hop, signs: Signs, spans: Sequence[Span]) -> str:
    """What the questions to the server's clock, on their own connection, say about the same time."""
    if hop not in (Hop.NETWORK, Hop.CLIENT_READER, Hop.CLIENT_LOOP) or len(signs.exchanges) < 2:
        return ""
    usual_ns = statistics.median(exchange.round_trip_ns for exchange in signs.exchanges)
    met = [
        exchange.round_trip_ns
        for exchange in signs.exchanges
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
