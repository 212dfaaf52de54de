"""The lanes of the report page: what each stage did when, as boxes in per cent of the width."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from html import escape

from .budgets import AUDIBLE_GAP_NS
from .hops import Hop
from .passage import Passage
from .signs import Span
from .verdict import Analysis

HUES = {
    Hop.TEXT: "#7a7f87",
    Hop.T3: "#3f7fbf",
    Hop.TOKENS: "#2a5a8c",
    Hop.FLOW: "#8a63c2",
    Hop.VOCODER: "#b8578f",
    Hop.CHANNEL: "#b07a2a",
    Hop.PACING: "#8d8454",
    Hop.SERVER_LOOP: "#a34a1f",
    Hop.NETWORK: "#5f8f3a",
    Hop.CLIENT_READER: "#c0562f",
    Hop.CLIENT_LOOP: "#9c3d54",
    Hop.CLIENT_BUFFER: "#2f8f9a",
    Hop.DEVICE_OPEN: "#4d6f2b",
    Hop.DEVICE: "#1f6f6a",
    Hop.SPEECH: "#59606b",
}
_TROUBLES = (
    (Hop.SERVER_LOOP, "the server's event loop stood still"),
    (Hop.CLIENT_READER, "the client's reading thread stood still"),
    (Hop.CLIENT_LOOP, "the client's event loop stood still"),
    (Hop.DEVICE, "the audio device stood still"),
)
_TICKS = 8  # about so many on the axis
_WORTH_A_WORD = 0.05  # share of the width from which on a bar has room for its length
_WORTH_A_NUMBER = 0.016
_ROOMY = 0.13  # and on a phone
_SHORT_NS = 20_000_000  # a shorter standstill is not drawn
_ZOOM_MARGIN = 1.25  # so much more than the first sound is enlarged
_ZOOM_FROM = 2.5  # the beginning is enlarged if it takes less than 1/2.5 of the whole


@dataclass(frozen=True)
class _Scale:
    """From nanoseconds to per cent of the width."""

    shown: Span

    def at(self, instant_ns: int) -> float:
        return 100 * (instant_ns - self.shown.start_ns) / self.shown.length_ns

    def box(self, span: Span) -> str:
        part = span.common(self.shown)
        return f"left:{self.at(part.start_ns):.3f}%;width:{100 * part.length_ns / self.shown.length_ns:.3f}%"

    def share(self, span: Span) -> float:
        return span.common(self.shown).length_ns / self.shown.length_ns

    def shows(self, span: Span) -> bool:
        return span.end_ns >= self.shown.start_ns and span.start_ns <= self.shown.end_ns


def timeline(analysis: Analysis) -> Iterator[str]:
    device = analysis.signs.device
    begin_ns = origin_ns(analysis)
    last = analysis.way[-1]
    whole = Span(begin_ns, max(_playing(last, analysis).end_ns, last.received_ns))
    begun = Span(begin_ns, begin_ns + round(_ZOOM_MARGIN * (analysis.way[0].sounded_ns - begin_ns)))
    yield "<h2>What happened when</h2>"
    heard = "what the audio device played" if device else "what a listener would hear"
    yield (
        '<p class="soft">Time runs to the right, from the moment when the text was sent. Sound is made in chunks, '
        "which are numbered; several stages work at the same time, each on another chunk. The sound breaks where a "
        f"chunk is received after its deadline. The last lane is {heard}.</p>"
    )
    yield _key(analysis)
    if whole.length_ns > _ZOOM_FROM * begun.length_ns > 0:
        yield "<h3>The whole utterance</h3>"
        yield _lanes(analysis, _Scale(whole))
        yield "<h3>Its beginning, enlarged</h3>"
        yield _lanes(analysis, _Scale(begun))
    else:
        yield _lanes(analysis, _Scale(whole))


def origin_ns(analysis: Analysis) -> int:
    first = next((budget for budget in analysis.budgets if budget.name == "first_sound"), None)
    return first.span.start_ns if first else analysis.way[0].received_ns


def _playing(passage: Passage, analysis: Analysis) -> Span:
    length_ns = passage.num_samples * 1_000_000_000 // analysis.record.sample_rate
    return Span(passage.sounded_ns, passage.sounded_ns + length_ns)


def _key(analysis: Analysis) -> str:
    entries = [
        '<li><i><span class="bar" style="--hue:#3f7fbf"></span></i>a stage at work on a chunk</li>',
        '<li><i><span class="due"></span></i>deadline: the chunk should sound</li>',
        '<li><i><span class="bar gap"></span></i>the sound breaks</li>',
    ]
    if any(passage.speculative for passage in analysis.way):
        entries.append(
            '<li><i><span class="bar guess" style="--hue:#8a63c2"></span></i>begun before it was surely needed</li>'
        )
    if any(block.length_ns > _SHORT_NS for hop, _ in _TROUBLES for block in analysis.blocks.of(hop)):
        entries.append('<li><i><span class="bar trouble"></span></i>something stood still</li>')
    return f'<ul class="key" aria-hidden="true">{"".join(entries)}</ul>'


def _lanes(analysis: Analysis, scale: _Scale) -> str:
    lanes = [*_stage_lanes(analysis, scale), *_trouble_lanes(analysis, scale)]
    return f'<div class="lanes">{"".join(lanes)}{_axis(scale)}</div>'


def _stage_lanes(analysis: Analysis, scale: _Scale) -> Iterator[str]:
    way = analysis.way
    stamped = [passage for passage in way if passage.stamped]
    if stamped:
        before = dict(zip((passage.seq for passage in way[1:]), way, strict=False))
        t3 = {passage.seq: Span(_drawing_from_ns(passage, before), passage.t3_last_ns) for passage in stamped}
        flow = {passage.seq: Span(passage.flow_start_ns, passage.flow_end_ns) for passage in stamped}
        vocoder = {passage.seq: Span(passage.flow_end_ns, passage.vocoder_end_ns) for passage in stamped}
        send = {passage.seq: Span(passage.vocoder_end_ns, passage.write_start_ns) for passage in stamped}
        guessed = {passage.seq for passage in stamped if passage.speculative}
        yield _lane("T3", "text to speech tokens", Hop.T3, t3, scale)
        yield _lane("flow", "tokens to spectrum", Hop.FLOW, flow, scale, guessed=guessed)
        yield _lane("vocoder", "spectrum to sound", Hop.VOCODER, vocoder, scale)
        yield _lane("send", "waits on the server, leaves", Hop.CHANNEL, send, scale)
    arrive = {
        passage.seq: Span(min(passage.write_start_ns, passage.received_ns), passage.received_ns) for passage in way
    }
    yield _lane("receive", "on the way; lines: deadlines", Hop.NETWORK, arrive, scale, extra=_deadlines(way, scale))
    play = {passage.seq: _playing(passage, analysis) for passage in way}
    yield _lane("play", "what is heard", Hop.CLIENT_BUFFER, play, scale, extra=_gaps(way, scale))


def _drawing_from_ns(passage: Passage, before: dict[int, Passage]) -> int:
    return passage.t3_start_ns if passage.new_segment else before[passage.seq].t3_last_ns


def _lane(
    name: str,
    caption: str,
    hop: Hop,
    spans: dict[int, Span],
    scale: _Scale,
    guessed: Iterable[int] = (),
    extra: Iterable[str] = (),
) -> str:
    total_ms = sum(span.length_ns for span in spans.values()) / 1e6
    said = f"{name}, {caption}: {len(spans)} chunks, {total_ms:.0f} ms in all"
    bars = []
    for seq, span in spans.items():
        if not scale.shows(span):
            continue
        kind = "bar" + (" odd" if seq % 2 else "") + (" guess" if seq in guessed else "")
        tip = f"chunk {seq}: {_between(span, scale)}"
        number = str(seq) if scale.share(span) > _WORTH_A_NUMBER else ""
        bars.append(f'<span class="{kind}" style="{scale.box(span)}" title="{escape(tip)}">{number}</span>')
    return (
        f'<div class="lane" style="--hue:{HUES[hop]}"><div class="name">{escape(name)} <small>{escape(caption)}</small>'
        f'</div><div class="track" role="img" aria-label="{escape(said)}">{"".join([*bars, *extra])}</div></div>'
    )


def _between(span: Span, scale: _Scale) -> str:
    begin, end = ((at - scale.shown.start_ns) / 1e6 for at in (span.start_ns, span.end_ns))
    return f"{begin:.1f} to {end:.1f} ms ({span.length_ns / 1e6:.1f} ms)"


def _deadlines(way: list[Passage], scale: _Scale) -> Iterator[str]:
    for passage in way[1:]:
        if scale.shows(Span(passage.due_ns, passage.due_ns)):
            late = " late" if passage.late_ns > AUDIBLE_GAP_NS else ""
            at = (passage.due_ns - scale.shown.start_ns) / 1e6
            tip = f"chunk {passage.seq} should sound at {at:.1f} ms"
            left = scale.at(passage.due_ns)
            yield f'<span class="due{late}" style="left:{left:.3f}%" title="{tip}"></span>'


def _gaps(way: list[Passage], scale: _Scale) -> Iterator[str]:
    for passage in way[1:]:
        gap = Span(passage.due_ns, passage.sounded_ns)
        if passage.late_ns > AUDIBLE_GAP_NS and scale.shows(gap):
            tip = f"silence before chunk {passage.seq}: {_between(gap, scale)}"
            words = ms_words(passage.late_ns / 1e6) if scale.share(gap) > _WORTH_A_WORD else ""
            roomy = " roomy" if scale.share(gap) > _ROOMY else ""
            yield f'<span class="bar gap{roomy}" style="{scale.box(gap)}" title="{escape(tip)}">{words}</span>'


def _trouble_lanes(analysis: Analysis, scale: _Scale) -> Iterator[str]:
    for hop, caption in _TROUBLES:
        blocks = [block for block in analysis.blocks.of(hop) if scale.shows(block) and block.length_ns > _SHORT_NS]
        if not blocks:
            continue
        bars = []
        for block in blocks:
            words = ms_words(block.length_ns / 1e6) if scale.share(block) > _WORTH_A_WORD else ""
            tip = escape(f"{caption}: {_between(block, scale)}")
            roomy = " roomy" if scale.share(block) > _ROOMY else ""
            bars.append(f'<span class="bar trouble{roomy}" style="{scale.box(block)}" title="{tip}">{words}</span>')
        longest = max(block.length_ns for block in blocks) / 1e6
        said = escape(f"{caption}: {times(len(blocks))}, up to {longest:.0f} ms")
        yield (
            f'<div class="lane"><div class="name">{escape(hop.words)} <small>stood still</small></div>'
            f'<div class="track" role="img" aria-label="{said}">{"".join(bars)}</div></div>'
        )


def _axis(scale: _Scale) -> str:
    until_ms = scale.shown.length_ns / 1e6
    step = _round_step(until_ms / _TICKS)
    ticks = [tick * step for tick in range(int(until_ms / step) + 1) if tick * step <= 0.97 * until_ms]
    spans = (
        f'<span style="left:{100 * tick / until_ms:.3f}%">{tick:g}{" ms" if not tick else ""}</span>' for tick in ticks
    )
    return f'<div class="lane" aria-hidden="true"><div></div><div class="axis">{"".join(spans)}</div></div>'


def _round_step(least: float) -> float:
    """The next of 1, 2, 5, 10, 20, 50, ..."""
    magnitude = 1.0
    while magnitude * 10 <= least:
        magnitude *= 10
    return next(factor * magnitude for factor in (1, 2, 5, 10) if factor * magnitude >= least)


def times(count: int) -> str:
    return "once" if count == 1 else "twice" if count == 2 else f"{count} times"


def ms_words(ms: float) -> str:
    return f"{ms / 1e3:.2f} s" if ms >= 9_999 else f"{ms:.0f} ms"
