"""An analysis -> what each stage did when, as lanes of bars: what the report page and the picture of an utterance draw.

Instants are nanoseconds on the client's clock. Bars that overlap lie in rows, one below the other.
"""

from __future__ import annotations

import enum
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

from .._clock import Span
from ..attribution.anomalies import BLOCK_NS
from ..attribution.chunk_timeline import ChunkTimeline
from ..attribution.hops import Hop
from ..attribution.verdict import Analysis
from .headline import is_late, ms_words, times
from .scale import ticks

_PAUSE_NS = 5_000_000  # a shorter pause within a stage's work is not drawn
_MADE, _BEGUN = 1.04, 1.25  # so much more is shown than what it took to make all sound, than until the first sounded
_ENLARGED_FROM = 2.5  # a stretch is enlarged if it takes less than 1/2.5 of the whole
_AROUND_NS = 300_000_000  # shown before and after a break


class Kind(enum.Enum):
    WORK = enum.auto()
    GUESS = enum.auto()  # begun before it was known to be needed
    PAUSE = enum.auto()  # begun, and waiting
    GAP = enum.auto()  # silence that should not be
    STILL = enum.auto()  # something stood still


@dataclass(frozen=True, kw_only=True)
class Bar:
    span: Span
    tip: str  # what it is, for a pointer that rests on it
    kind: Kind = Kind.WORK
    chunk: int | None = None
    row: int = 0
    rows: int = 1  # that share the lane's height there

    @property
    def is_odd(self) -> bool:
        """So that neighbours can be told apart."""
        return self.kind in (Kind.WORK, Kind.GUESS) and (self.chunk or 0) % 2 == 1

    @property
    def label(self) -> str:
        if self.kind in (Kind.GAP, Kind.STILL):
            return ms_words(self.span.length_ns / 1e6)
        return "" if self.chunk is None or self.kind is Kind.PAUSE else str(self.chunk)


@dataclass(frozen=True, kw_only=True)
class Due:
    """When a chunk should sound."""

    at_ns: int
    late: bool
    tip: str

    @property
    def span(self) -> Span:
        return Span(self.at_ns, self.at_ns)


@dataclass(frozen=True, kw_only=True)
class Lane:
    name: str
    caption: str
    hop: Hop
    bars: tuple[Bar, ...]
    said: str  # all of it in words
    due: tuple[Due, ...] = ()

    def belongs_to(self, panel: Panel) -> bool:
        """Stages are always shown, what stood still only where it did."""
        return not self.bars or self.bars[0].kind is not Kind.STILL or any(panel.shows(bar.span) for bar in self.bars)


@dataclass(frozen=True, kw_only=True)
class Panel:
    """A stretch of time worth a drawing of its own."""

    title: str
    span: Span
    origin_ns: int  # the axis counts from there

    @property
    def ticks(self) -> list[tuple[float, str]]:
        """Of its time axis, as in `scale`."""
        return ticks((self.span.start_ns - self.origin_ns) / 1e6, (self.span.end_ns - self.origin_ns) / 1e6)

    def shows(self, span: Span) -> bool:
        return span.end_ns >= self.span.start_ns and span.start_ns <= self.span.end_ns

    def share(self, instant_ns: int) -> float:
        """Of the width, 0 to 1; what lies outside is moved to the edge."""
        return min(max((instant_ns - self.span.start_ns) / self.span.length_ns, 0.0), 1.0)


def origin_ns(analysis: Analysis) -> int:
    """When the text was sent."""
    first = next((budget for budget in analysis.budgets if budget.name == "first_sound"), None)
    return first.span.start_ns if first else analysis.chunks[0].received_ns


def panels(analysis: Analysis) -> list[Panel]:
    """The whole utterance first; then what would be too small in it. There is at least one chunk."""
    begin_ns, chunks = origin_ns(analysis), analysis.chunks
    received_ns = max(chunk.received_ns for chunk in chunks)
    whole = Span(begin_ns, max(playing(chunks[-1], analysis).end_ns, received_ns))
    made = Span(begin_ns, begin_ns + round(_MADE * (received_ns - begin_ns)))
    begun = Span(begin_ns, begin_ns + round(_BEGUN * (chunks[0].sounded_ns - begin_ns)))
    enlarged: list[Panel] = []

    def enlarge(title: str, what: Span, around_ns: int = 0) -> None:
        seen = any(what.common(panel.span) == what for panel in enlarged)
        shown = Span(what.start_ns - around_ns, what.end_ns + around_ns).common(whole)
        if not seen and whole.length_ns > _ENLARGED_FROM * shown.length_ns > 0:
            enlarged.append(Panel(title=f"{title}, enlarged", span=shown, origin_ns=begin_ns))

    enlarge("While the sound was made", made)
    enlarge("Its beginning", begun)
    worst = max(chunks, key=lambda chunk: chunk.late_ns if chunk.seq else 0)
    if is_late(worst):
        enlarge("Around the longest break", Span(worst.due_ns, worst.sounded_ns), _AROUND_NS)
    if guess := next((chunk for chunk in chunks if chunk.speculative), None):
        enlarge("Around a window that was begun early", Span(guess.flow_start_ns, guess.received_ns), _AROUND_NS)
    return [Panel(title="The whole utterance", span=whole, origin_ns=begin_ns), *enlarged]


def playing(chunk: ChunkTimeline, analysis: Analysis) -> Span:
    length_ns = chunk.num_samples * 1_000_000_000 // analysis.record.sample_rate
    return Span(chunk.sounded_ns, chunk.sounded_ns + length_ns)


def lanes(analysis: Analysis) -> list[Lane]:
    """In the order of the way from text to sound; what stood still comes last."""
    return [*_Lanes(analysis).all()]


def stacked(bars: Iterable[Bar]) -> Iterator[Bar]:
    """In order, those that overlap in rows."""
    together: list[Bar] = []
    for bar in sorted(bars, key=lambda bar: bar.span):
        if bar.span.start_ns >= max((other.span.end_ns for other in together), default=0):
            yield from _in_rows(together)
            together = []
        together.append(bar)
    yield from _in_rows(together)


def _in_rows(together: list[Bar]) -> Iterator[Bar]:
    numbers = rows(bar.span for bar in together)
    for bar, row in zip(together, numbers, strict=True):
        yield replace(bar, row=row, rows=max(numbers) + 1)


def rows(spans: Iterable[Span]) -> list[int]:
    """For each span, in order of their beginnings, the first row that is free by then."""
    taken: list[int] = []  # until when each row is
    found = []
    for span in spans:
        row = next((row for row, until_ns in enumerate(taken) if until_ns <= span.start_ns), len(taken))
        taken[row : row + 1] = [span.end_ns]
        found.append(row)
    return found


class _Lanes:
    def __init__(self, analysis: Analysis) -> None:
        self._analysis = analysis
        self._chunks = analysis.chunks
        self._begin_ns = origin_ns(analysis)

    def all(self) -> Iterator[Lane]:
        if len([piece for piece in self._analysis.record.sent if piece.characters]) > 1:
            yield self._text()
        stamped = [chunk for chunk in self._chunks if chunk.stamped]
        if stamped:
            yield self._lane("T3", "text to speech tokens", Hop.T3, [*self._t3()])
            yield self._lane("flow", "tokens to spectrum", Hop.FLOW, [*map(self._flow, stamped)])
            yield self._lane("vocoder", "spectrum to sound", Hop.VOCODER, [*self._vocoder(stamped)])
            if ways := [
                self._bar(one, Span(one.engine_sent_ns, one.there_ns)) for one in stamped if one.engine_sent_ns
            ]:
                yield self._lane("gateway", "on the way from the engine", Hop.ENGINE_WAY, ways)
            waits_from = ((one, one.gateway_received_ns or one.vocoder_end_ns) for one in stamped)
            send = [self._bar(one, Span(from_ns, one.write_start_ns)) for one, from_ns in waits_from]
            yield self._lane("send", "waits on the server, leaves", Hop.CHANNEL, send)
        way_down = (Span(min(one.write_start_ns, one.received_ns), one.received_ns) for one in self._chunks)
        receive = [self._bar(chunk, span) for chunk, span in zip(self._chunks, way_down, strict=True)]
        yield self._lane("receive", "on the way; lines: deadlines", Hop.NETWORK, receive, tuple(self._deadlines()))
        yield self._lane("play", "what is heard", Hop.CLIENT_BUFFER, [*self._play()])
        yield from self._troubles()

    def _lane(self, name: str, caption: str, hop: Hop, bars: list[Bar], due: tuple[Due, ...] = ()) -> Lane:
        work = [bar for bar in bars if bar.kind in (Kind.WORK, Kind.GUESS)]
        total_ms = sum(bar.span.length_ns for bar in work) / 1e6
        said = f"{name}, {caption}: {len(work)} chunks, {total_ms:.0f} ms in all"
        return Lane(name=name, caption=caption, hop=hop, bars=tuple(stacked(bars)), said=said, due=due)

    def _bar(self, chunk: ChunkTimeline, span: Span, kind: Kind = Kind.WORK, words: str = "") -> Bar:
        tip = f"chunk {chunk.seq}: {self._between(span)}" + (f", {words}" if words else "")
        return Bar(span=Span(span.start_ns, max(span.start_ns, span.end_ns)), tip=tip, kind=kind, chunk=chunk.seq)

    def _between(self, span: Span) -> str:
        begin, end = ((at - self._begin_ns) / 1e6 for at in (span.start_ns, span.end_ns))
        return f"{begin:.1f} to {end:.1f} ms ({span.length_ns / 1e6:.1f} ms)"

    def _text(self) -> Lane:
        pieces = [piece for piece in self._analysis.record.sent if piece.characters]
        bars = [
            Bar(
                span=Span(piece.asked_ns or piece.sent_ns, piece.sent_ns),
                tip=f"{piece.characters} characters at {(piece.sent_ns - self._begin_ns) / 1e6:.1f} ms",
            )
            for piece in pieces
        ]
        characters = sum(piece.characters for piece in pieces)
        said = f"text, as it was written: {len(pieces)} pieces, {characters} characters"
        return Lane(name="text", caption="as it was written", hop=Hop.TEXT, bars=tuple(bars), said=said)

    def _t3(self) -> Iterator[Bar]:
        """T3 draws without a break, unless it is far ahead: a chunk's tokens begin where those of the one before
        ended."""
        before: ChunkTimeline | None = None
        for chunk in self._chunks:
            if chunk.stamped:
                begun_ns = chunk.t3_start_ns if chunk.new_segment or before is None else before.t3_last_ns
                span = Span(begun_ns, chunk.t3_last_ns)
                busy_ns = chunk.t3_busy_ns or span.length_ns
                tokens = f"{chunk.window} tokens, {chunk.lookahead} of them looked ahead"
                if span.length_ns - busy_ns > max(_PAUSE_NS, span.length_ns / 5):
                    rested = Span(begun_ns, chunk.t3_last_ns - busy_ns)
                    yield self._bar(chunk, rested, Kind.PAUSE, "T3 did not work")
                    span = Span(rested.end_ns, span.end_ns)
                yield self._bar(chunk, span, words=tokens)
            before = chunk

    def _flow(self, chunk: ChunkTimeline) -> Bar:
        span = Span(chunk.flow_start_ns, chunk.flow_end_ns)
        if chunk.speculative:
            return self._bar(chunk, span, Kind.GUESS, "begun before T3 had said that it was over")
        return self._bar(chunk, span)

    def _vocoder(self, stamped: list[ChunkTimeline]) -> Iterator[Bar]:
        free_ns = 0  # while it works on another chunk, that is what is drawn
        for chunk in stamped:
            waited = Span(max(chunk.flow_end_ns, free_ns), chunk.vocoder_start_ns)
            free_ns = chunk.vocoder_end_ns
            if waited.length_ns > _PAUSE_NS:
                yield self._bar(chunk, waited, Kind.PAUSE, "waited for the vocoder")
            yield self._bar(chunk, Span(chunk.vocoder_start_ns, chunk.vocoder_end_ns))

    def _deadlines(self) -> Iterator[Due]:
        for chunk in self._chunks[1:]:
            at = (chunk.due_ns - self._begin_ns) / 1e6
            tip = f"chunk {chunk.seq} should sound at {at:.1f} ms"
            yield Due(at_ns=chunk.due_ns, late=is_late(chunk), tip=tip)

    def _play(self) -> Iterator[Bar]:
        for chunk in self._chunks:
            if is_late(chunk):
                silence = Span(chunk.due_ns, chunk.sounded_ns)
                tip = f"silence before chunk {chunk.seq}: {self._between(silence)}"
                yield Bar(span=silence, tip=tip, kind=Kind.GAP)
            yield self._bar(chunk, playing(chunk, self._analysis))

    def _troubles(self) -> Iterator[Lane]:
        for hop in Hop:
            words = hop.about.stopped
            blocks = [block for block in self._analysis.blocks.of(hop) if words and block.length_ns > BLOCK_NS]
            if blocks:
                bars = (Bar(span=one, tip=f"{words}: {self._between(one)}", kind=Kind.STILL) for one in blocks)
                longest_ms = max(block.length_ns for block in blocks) / 1e6
                said = f"{words}: {times(len(blocks))}, up to {longest_ms:.0f} ms"
                yield Lane(name=hop.label, caption="stood still", hop=hop, bars=tuple(bars), said=said)
