"""A record of one utterance -> a picture: one lane for each stage, time to the right, chunks numbered. SVG text.

Two panels: the whole utterance, and its beginning up to the first sound, enlarged. Server's instants are moved to the
client's clock.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

from . import metrics
from .clock import ClockOffset
from .record import Receipt, Record
from .report import Heard
from .svg import ALARM, FAINT, INK, Drawing

_WIDTH, _LEFT, _RIGHT = 1120.0, 236.0, 20.0
_HEAD, _TITLE, _LANE, _BAR, _AXIS = 58.0, 30.0, 34.0, 20.0, 40.0
_ODD = 0.72  # opacity of every second chunk
_TICKS = 10  # about so many on the axis
_NUMBER_WIDTH = 8.0  # of one digit in a bar
_ZOOM_MARGIN = 1.4  # so much more than the first sound is shown
_ZOOM_FROM = 2.5  # the beginning is enlarged if it takes less than 1/2.5 of the whole


@dataclass(frozen=True, kw_only=True)
class Bar:
    start_ms: float  # from text sent
    end_ms: float
    number: int
    tip: str
    gap: bool = False  # silence that should not be


@dataclass(frozen=True, kw_only=True)
class Lane:
    name: str
    caption: str
    colour: str
    bars: list[Bar]


def svg(record: Record, clock: ClockOffset | None, heard: Heard) -> str:
    """Self-contained. Raises nothing for an utterance without audio: its picture says so."""
    drawing = Drawing(_WIDTH)
    if not record.receipts:
        drawing.text(_LEFT, _HEAD / 2, "no audio came")
        return drawing.render(_HEAD, "an utterance without audio")
    drawn = lanes(record, clock, heard)
    ttfa = metrics.ttfa_ms(record, clock) or 0.0
    drawing.text(
        16, 24, "One utterance: text goes in, sound comes out while the rest is being made", size=16, bold=True
    )
    drawing.text(16, 44, _subtitle(record, ttfa, heard))
    whole = max(bar.end_ms for lane in drawn for bar in lane.bars)
    begun = _ZOOM_MARGIN * max(lane.bars[0].end_ms if lane.name != "play" else ttfa for lane in drawn if lane.bars)
    y = _panel(drawing, _HEAD, drawn, whole, ttfa, "The whole utterance")
    if whole > _ZOOM_FROM * begun:
        y = _panel(drawing, y, drawn, begun, ttfa, "Its beginning, enlarged")
    _legend(drawing, y + 14)
    return drawing.render(y + 30, "Timeline of one utterance")


def lanes(record: Record, clock: ClockOffset | None, heard: Heard) -> list[Lane]:
    """What happened when, stage by stage. Milliseconds from the moment when the first segment's text was sent."""
    origin_ns = metrics.text_sent_ns(record, clock) or record.opened_ns
    to_client = clock.to_client if clock else _without_probe(record)

    def server_ms(instant_ns: int) -> float:
        return (to_client(instant_ns) - origin_ns) / 1e6

    def client_ms(instant_ns: int) -> float:
        return (instant_ns - origin_ns) / 1e6

    def bars(span: Callable[[Receipt], tuple[float, float]]) -> list[Bar]:
        spans = ((receipt, *span(receipt)) for receipt in record.receipts)
        return [_bar(receipt.seq, start, end) for receipt, start, end in spans]

    return [
        Lane(name="T3", caption="text → speech tokens", colour="#3f7fbf", bars=list(_t3_bars(record, server_ms))),
        Lane(
            name="flow",
            caption="tokens → spectrum",
            colour="#8a63c2",
            bars=bars(lambda r: (server_ms(r.timings.flow_start_ns), server_ms(r.timings.flow_end_ns))),
        ),
        Lane(
            name="vocoder",
            caption="spectrum → sound",
            colour="#b8578f",
            bars=bars(lambda r: (server_ms(r.timings.flow_end_ns), server_ms(r.timings.vocoder_end_ns))),
        ),
        Lane(
            name="send",
            caption="waits on the server, leaves",
            colour="#b07a2a",
            bars=bars(lambda r: (server_ms(r.timings.vocoder_end_ns), server_ms(r.timings.write_start_ns))),
        ),
        Lane(
            name="receive",
            caption="on the way to the client",
            colour="#5f8f3a",
            bars=bars(lambda r: (server_ms(r.timings.write_start_ns), client_ms(r.received_ns))),
        ),
        Lane(
            name="play",
            caption="what the listener hears" if heard.device else "what a listener would hear",
            colour="#2b938c",
            bars=list(_play_bars(record, heard, client_ms)),
        ),
    ]


def _without_probe(record: Record) -> Callable[[int], int]:
    """Without a clock probe: as if the fastest chunk had come in no time."""
    least_ns = min(receipt.received_ns - receipt.timings.write_start_ns for receipt in record.receipts)
    return lambda server_ns: server_ns + least_ns


def _t3_bars(record: Record, server_ms: Callable[[int], float]) -> Iterator[Bar]:
    """T3 draws without a break: a chunk's tokens begin where those of the chunk before it ended."""
    segment, last_ns = None, 0
    for receipt in record.receipts:
        timings = receipt.timings
        begun_ns = last_ns if receipt.segment == segment else timings.t3_start_ns
        segment, last_ns = receipt.segment, timings.t3_last_token_ns
        if last_ns:
            tokens = f"{timings.window_tokens} tokens, {timings.lookahead_tokens} looked ahead"
            bar = _bar(receipt.seq, server_ms(begun_ns), server_ms(last_ns))
            yield replace(bar, tip=f"{bar.tip}, {tokens}")


def _play_bars(record: Record, heard: Heard, client_ms: Callable[[int], float]) -> Iterator[Bar]:
    playout = metrics.playout(record, heard.started_ns)
    assert playout is not None  # there are receipts
    ended_ns = playout.start_ns
    for receipt, start_ns in zip(record.receipts, playout.chunk_start_ns, strict=True):
        if start_ns > ended_ns + 1e6:
            silence = _bar(receipt.seq, client_ms(ended_ns), client_ms(start_ns))
            yield replace(silence, gap=True, tip=f"underrun: {silence.end_ms - silence.start_ms:.0f} ms of silence")
        ended_ns = start_ns + round(receipt.num_samples / record.sample_rate * metrics.NS)
        yield _bar(receipt.seq, client_ms(start_ns), client_ms(ended_ns))


def _bar(number: int, start_ms: float, end_ms: float) -> Bar:
    end_ms = max(start_ms, end_ms)
    tip = f"chunk {number}: {start_ms:.1f} to {end_ms:.1f} ms ({end_ms - start_ms:.1f} ms)"
    return Bar(start_ms=start_ms, end_ms=end_ms, number=number, tip=tip)


def _subtitle(record: Record, ttfa: float, heard: Heard) -> str:
    rtf, playout = metrics.rtf(record), metrics.playout(record)
    underruns = heard.underruns if heard.device else playout.underruns if playout else 0
    return (
        f"{record.audio_s:.2f} s of speech in {len(record.receipts)} chunks (numbered). First 40 ms of sound received "
        f"{ttfa:.0f} ms after the text was sent. Real-time factor {rtf or 0:.2f}. Gaps while playing: {underruns}."
    )


def _panel(drawing: Drawing, y: float, drawn: list[Lane], until_ms: float, ttfa: float, title: str) -> float:
    """One picture from 0 to `until_ms`. Returns where the next one may begin."""
    scale = (_WIDTH - _LEFT - _RIGHT) / until_ms
    top, bottom = y + _TITLE, y + _TITLE + _LANE * len(drawn)
    drawing.text(16, y + 18, title, bold=True)
    _axis(drawing, top, bottom, until_ms, scale)
    for index, lane in enumerate(drawn):
        _lane(drawing, top + index * _LANE, lane, until_ms, scale)
    at = _LEFT + ttfa * scale
    drawing.line(at, top - 6, at, bottom, INK, dash="4 3")
    right = at < _WIDTH / 2
    words = f"first sound received: {ttfa:.0f} ms"
    drawing.text(at + (4 if right else -4), top - 4, words, size=11, anchor="start" if right else "end")
    return bottom + _AXIS


def _lane(drawing: Drawing, y: float, lane: Lane, until_ms: float, scale: float) -> None:
    bar_y = y + (_LANE - _BAR) / 2
    drawing.text(16, y + 21, lane.name, size=13, fill=lane.colour, bold=True)
    drawing.text(80, y + 21, lane.caption, size=11)
    drawing.line(_LEFT, y + _LANE / 2, _WIDTH - _RIGHT, y + _LANE / 2, FAINT, dash="1 5")
    for bar in lane.bars:
        if bar.start_ms > until_ms or bar.end_ms < 0:
            continue
        start, end = max(bar.start_ms, 0.0), min(bar.end_ms, until_ms)
        x, width = _LEFT + start * scale, (end - start) * scale
        opacity = 1.0 if bar.gap or bar.number % 2 == 0 else _ODD
        drawing.box(x, bar_y, width, _BAR, ALARM if bar.gap else lane.colour, opacity=opacity, tip=bar.tip)
        if not bar.gap and width > _NUMBER_WIDTH * len(str(bar.number)) + 3:
            drawing.text(x + width / 2, bar_y + 14, str(bar.number), size=11, fill="#ffffff", anchor="middle")


def _legend(drawing: Drawing, y: float) -> None:
    drawing.box(16, y - 10, 22, 12, INK)
    drawing.box(40, y - 10, 22, 12, INK, opacity=_ODD)
    drawing.text(70, y, "a stage at work on one chunk after the other; the number says which chunk", size=11)
    drawing.box(500, y - 10, 22, 12, ALARM)
    drawing.text(530, y, "the sound breaks: the next chunk is not there yet", size=11)


def _axis(drawing: Drawing, top: float, bottom: float, until_ms: float, scale: float) -> None:
    step = _round_step(until_ms / _TICKS)
    for tick in range(int(until_ms / step) + 1):
        x = _LEFT + tick * step * scale
        drawing.line(x, bottom, x, bottom + 5, INK)
        drawing.text(x, bottom + 18, f"{tick * step:g}", size=11, anchor="middle")
    drawing.line(_LEFT, bottom, _WIDTH - _RIGHT, bottom, INK)
    drawing.line(_LEFT, top, _LEFT, bottom, INK)
    drawing.text(16, bottom + 18, "ms after the text was sent", size=11)


def _round_step(least: float) -> float:
    """The next of 1, 2, 5, 10, 20, 50, ..."""
    magnitude = 1.0
    while magnitude * 10 <= least:
        magnitude *= 10
    return next(factor * magnitude for factor in (1, 2, 5, 10) if factor * magnitude >= least)
