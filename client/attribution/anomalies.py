"""What each hop took beyond normal, and whether that was on the path of something that could be heard."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass

from .._clock import Span
from .baseline import Normal
from .clock_bounds import ClockBounds
from .critical_path import Budget
from .durations import Step
from .hops import Hop
from .known_blocks import Blocks
from .observations import Observations, length_ns, merged, without

BLAMED_NS = 60_000_000  # less is the ordinary unrest of a busy machine
BLAMED_IN_ALL_NS = 150_000_000  # and less than this, where no single step took BLAMED_NS too long,
BLAMED_BY_CLEAN_NS = 90_000_000  # or than this, where clean utterances told what is normal
STEP_NS = 20_000_000  # what one step takes too long counts from here on,
STEP_SHARE = 0.15  # and from this share of what is normal on,
STEP_SPREADS = 5  # and from so many times the usual distance from it on,
MOST_UNREST = 0.5  # unless that is more than this share of it
BLOCK_NS = 40_000_000  # a blocked loop counts from here on
UNREST_SHARE = 0.3  # delays of a hop below this share of its longest, and below BLAMED_NS, are the unrest around it
LONG_PREBUFFER_NS = 300_000_000  # a longer one is there because sound is made too slowly
UNANSWERED_NS = 500_000_000  # a question without an answer counts from here on

_LOOPS = (Hop.SERVER_LOOP, Hop.CLIENT_LOOP, Hop.CLIENT_READER)
_MAKERS = (Hop.T3, Hop.FLOW, Hop.VOCODER)
NEVER_BLAMED = (Hop.PACING, Hop.SPEECH, Hop.CLEAN)  # on purpose, or no hop


@dataclass(frozen=True, kw_only=True)
class Anomaly:
    """What one hop took beyond normal."""

    hop: Hop
    ms: float
    spans: tuple[Span, ...]  # when
    chunks: tuple[int, ...]  # that it held up
    silent_ms: float  # of it on the path of a silence
    delayed_ms: float  # of it on the path of the first sound

    @property
    def audible(self) -> bool:
        return self.silent_ms > 0 or self.delayed_ms > 0


def find(
    taken: list[Step],
    observations: Observations,
    bounds: ClockBounds | None,
    blocks: Blocks,
    spent: list[Budget],
    normal: Normal,
) -> list[Anomaly]:
    delays: defaultdict[Hop, list[_Delay]] = defaultdict(list)
    for (hop, _, chunk), spans in _excess(taken, normal).items():
        delays[hop].append(_Delay(chunk, tuple(spans)))
    for hop in (*_LOOPS, Hop.DEVICE, Hop.RECONNECT):
        delays[hop] += [_Delay(None, (block,)) for block in blocks.of(hop) if block.length_ns > BLOCK_NS]
    delays[Hop.NETWORK] += [_Delay(None, tuple(spans)) for spans in _slow_exchanges(observations, bounds, blocks)]
    found = []
    for hop, every in delays.items():
        longest_ns = max((delay.length_ns for delay in every), default=0)
        held = [delay for delay in every if delay.length_ns >= min(UNREST_SHARE * longest_ns, BLAMED_NS)]
        spans = merged(span for delay in held for span in delay.spans)
        amount_ns = length_ns(spans)
        if hop is Hop.NETWORK:  # messages wait side by side: it was so slow as for the one that it kept longest
            amount_ns = max(longest_ns, _slower_network_ns(bounds, normal))
        chunks = sorted({delay.chunk for delay in held if delay.chunk is not None})
        found.append(_anomaly(hop, amount_ns, spans, chunks, spent))
    return [anomaly for anomaly in found if _stands_out(anomaly, normal)]


@dataclass(frozen=True)
class _Delay:
    """The excess at one place: of one step, one block or one message."""

    chunk: int | None
    spans: tuple[Span, ...]

    @property
    def length_ns(self) -> int:
        return length_ns(self.spans)


def _excess(taken: list[Step], normal: Normal) -> dict[tuple[Hop, str, int | None], list[Span]]:
    """What steps took beyond normal; the pieces into which a known cause cut a step count as one."""
    excess: defaultdict[tuple[Hop, str, int | None], list[Span]] = defaultdict(list)
    for step in taken:
        if step.hop not in NEVER_BLAMED and (span := _too_much(step, normal)):
            excess[step.hop, step.kind, step.chunk].append(span)
    return excess


def _stands_out(anomaly: Anomaly, normal: Normal) -> bool:
    """Allows for the usual variation of a busy machine, which delays many steps a little."""
    longest_ns = max((span.length_ns for span in anomaly.spans), default=anomaly.ms * 1e6)
    in_all_ns = BLAMED_BY_CLEAN_NS if normal.learned else BLAMED_IN_ALL_NS
    return anomaly.ms * 1e6 >= (BLAMED_NS if longest_ns >= BLAMED_NS else in_all_ns)


def _anomaly(hop: Hop, amount_ns: int, spans: list[Span], chunks: list[int], spent: list[Budget]) -> Anomaly:
    delayed_ms = silent_ms = 0.0
    if hop in _MAKERS and (prebuffer_ms := _prebuffer_ms(spent)) * 1e6 > LONG_PREBUFFER_NS:
        delayed_ms = min(amount_ns / 1e6, prebuffer_ms)
    for budget in spent:
        path = [piece.span for piece in (*budget.lead, *budget.pieces) if piece.hop is hop]
        on_path = length_ns(part for piece in path for span in spans if (part := piece.common(span)).length_ns) / 1e6
        if budget.name == "first_sound":
            delayed_ms = max(delayed_ms, on_path)
        else:
            silent_ms += min(on_path, budget.total_ms)
    if hop is Hop.NETWORK and not delayed_ms and not spans:
        delayed_ms = amount_ns / 1e6  # slow all the time
    return Anomaly(
        hop=hop,
        ms=amount_ns / 1e6,
        spans=tuple(spans),
        chunks=tuple(chunks),
        silent_ms=silent_ms,
        delayed_ms=delayed_ms if delayed_ms * 1e6 > STEP_NS else 0.0,
    )


def _prebuffer_ms(spent: list[Budget]) -> float:
    return sum(budget.ms.get(Hop.CLIENT_BUFFER, 0.0) for budget in spent if budget.name == "first_sound")


def _too_much(step: Step, normal: Normal) -> Span | None:
    """The end of the step, by so much as it took beyond normal; None within the usual unrest."""
    if step.known:
        return step.span
    expected = normal.expected(step)
    beyond_ns = step.span.length_ns - expected.ns
    unrest_ns = min(STEP_SPREADS * expected.spread_ns, MOST_UNREST * expected.ns)
    floor_ns = max(STEP_NS, STEP_SHARE * expected.ns, unrest_ns, expected.margin_ns)
    return Span(step.span.end_ns - beyond_ns, step.span.end_ns) if beyond_ns > floor_ns else None


def _slow_exchanges(observations: Observations, bounds: ClockBounds | None, blocks: Blocks) -> Iterable[list[Span]]:
    """Stretches in which a question to the server's clock took longer than the fastest, less those whose cause is
    known: a blocked server loop, or a client process that did not run at all."""
    if bounds is None or bounds.round_trip_ns is None:
        return
    frozen = [
        part
        for block in blocks.of(Hop.CLIENT_LOOP)
        for other in blocks.of(Hop.CLIENT_READER)
        if (part := block.common(other)).length_ns
    ]
    known = [*blocks.of(Hop.SERVER_LOOP), *blocks.of(Hop.RECONNECT), *frozen]
    for exchange in observations.exchanges:
        beyond_ns = exchange.round_trip_ns - bounds.round_trip_ns
        meanwhile = Span(exchange.sent_ns, exchange.received_ns).common(blocks.utterance)
        if beyond_ns <= STEP_NS or not meanwhile.length_ns:
            continue
        # It began up to one interval before the question that it met.
        began_ns = exchange.received_ns - beyond_ns - round(observations.probe_interval_s * 1e9 / 2)
        left = without(Span(began_ns, exchange.received_ns), known)
        if length_ns(left) > BLOCK_NS:
            yield left
    if observations.unanswered and observations.unanswered.length_ns > UNANSWERED_NS:
        yield without(observations.unanswered, known)


def _slower_network_ns(bounds: ClockBounds | None, normal: Normal) -> int:
    """What even the fastest round trip took beyond normal; where nothing was learned, normal is zero."""
    if bounds is None or bounds.round_trip_ns is None:
        return 0
    return max(0, bounds.round_trip_ns - normal.round_trip_ns)
