"""An analysis -> one sentence for somebody who has never seen the project: what happened, and who is to blame."""

from __future__ import annotations

from ..attribution.chunk_timeline import ChunkTimeline
from ..attribution.critical_path import AUDIBLE_GAP_NS
from ..attribution.hops import Hop
from ..attribution.verdict import Analysis

_LONG_PREBUFFER_S = 0.2


def headline(analysis: Analysis) -> str:
    verdict = analysis.verdict
    if not analysis.chunks:
        return "No sound came."
    if verdict.hop is Hop.CLEAN:
        return "Nothing was late, and the sound did not break."
    late = late_chunks(analysis)
    blame = verdict.hop.about.blame.format(ms=ms_words(verdict.ms))
    if late:
        silence = ms_words(sum(chunk.late_ns for chunk in late) / 1e6)
        return f"The sound broke off {times(len(late))}, for {silence}{' in all' if late[1:] else ''}: {blame}."
    if not verdict.audible:
        return f"The sound did not break, though {blame}."
    delayed_ms = verdict.anomalies[0].delayed_ms if verdict.anomalies else verdict.ms
    than = "than usual" if analysis.normal.learned else "than it might have"
    return f"The sound did not break, but it began {ms_words(delayed_ms)} later {than}: {blame}."


def why_it_waited(analysis: Analysis) -> str:
    """Of sound that waited in the client on purpose; "" if none did."""
    began_ns = analysis.chunks[0].sounded_ns if analysis.chunks else 0
    early = [receipt for receipt in analysis.record.receipts if receipt.received_ns <= began_ns]
    hint_s = next((receipt.prebuffer_hint_s for receipt in reversed(early) if receipt.prebuffer_hint_s), 0.0)
    if hint_s < _LONG_PREBUFFER_S:
        return ""
    return (
        f"The wait in the client was meant: the server had said to begin {ms_words(1e3 * hint_s)} after the first "
        "chunk, because it makes this speech more slowly than it is heard. Begun earlier, it would have broken off."
    )


def late_chunks(analysis: Analysis) -> list[ChunkTimeline]:
    """Before which the sound broke off."""
    return [chunk for chunk in analysis.chunks if is_late(chunk)]


def is_late(chunk: ChunkTimeline) -> bool:
    """So that it can be heard; of the first chunk nothing is expected."""
    return chunk.seq > 0 and chunk.late_ns > AUDIBLE_GAP_NS


def times(count: int) -> str:
    return "once" if count == 1 else "twice" if count == 2 else f"{count} times"


def ms_words(ms: float) -> str:
    return f"{ms / 1e3:.2f} s" if ms >= 999.5 else f"{ms:.0f} ms"
