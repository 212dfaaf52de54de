"""An analysis -> one HTML page that tells somebody who has never seen the project where the time went.

The page carries everything itself: no script, no font, no picture from elsewhere, so it can be mailed and opened from
a file. Lanes are drawn with boxes in per cent, so they fit any width; every picture has its words beside it.
"""

from __future__ import annotations

from collections.abc import Iterator
from html import escape

from . import metrics
from .budgets import AUDIBLE_GAP_NS, Budget
from .explain import SMALL_MS, title
from .hops import Hop
from .page_lanes import HUES, ms_words, origin_ns, timeline, times
from .page_style import STYLE
from .passage import Passage
from .verdict import Analysis

_WORTH_A_WORD = 0.09  # share of a bar from which on its length fits
_SHOWN_BUDGETS = 6
_SHOWN_CHUNKS = 400


def page(analysis: Analysis) -> str:
    """HTML text."""
    body = [_verdict(analysis), _facts(analysis)]
    if analysis.way and analysis.record.sample_rate:
        body += timeline(analysis)
        body += _budgets(analysis)
        body += [_chunks(analysis)]
    body += [_glossary(analysis)]
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{escape(_headline(analysis))}</title>\n<style>{STYLE}</style>\n</head>\n<body>\n"
        "<h1>Gapless: where the time went, from text to sound</h1>\n" + "\n".join(body) + "\n</body>\n</html>\n"
    )


# ------------------------------------------------------------------------------------------------ the top


def _headline(analysis: Analysis) -> str:
    verdict = analysis.verdict
    if not analysis.way:
        return "No sound came."
    if verdict.hop is Hop.CLEAN:
        return "Nothing was late, and the sound did not break."
    late = _late(analysis)
    silence_ms = sum(passage.late_ns for passage in late) / 1e6
    broke = (
        f"The sound broke off {times(len(late))}, for {ms_words(silence_ms)} in all"
        if late
        else "The sound did not break"
    )
    if verdict.hop is Hop.UNEXPLAINED:
        return f"{broke}; {ms_words(verdict.ms)} of delay cannot be explained."
    delay = f"{ms_words(verdict.ms)} too much went into {verdict.hop.words}"
    if late:
        return f"{broke}: {delay}."
    return f"{broke}, but it began later: {delay}." if verdict.audible else f"{broke}, though {delay}."


def _verdict(analysis: Analysis) -> str:
    verdict = analysis.verdict
    mood = "good" if verdict.hop is Hop.CLEAN else "bad" if verdict.audible else "fair"
    words = [f"<strong>{escape(_headline(analysis))}</strong>"]
    said = [verdict.hop.meaning if verdict.hop is not Hop.CLEAN else "", verdict.evidence]
    advice = f"What helps: {verdict.hop.advice}." if verdict.hop.advice else ""
    words += [f"<p>{escape(line)}</p>" for line in (" ".join(filter(None, said)), advice) if line]
    return f'<section class="verdict {mood}" aria-label="Verdict">{"".join(words)}</section>'


def _facts(analysis: Analysis) -> str:
    record = analysis.record
    first = next((budget for budget in analysis.budgets if budget.name == "first_sound"), None)
    rtf, late = metrics.rtf(record), _late(analysis)
    facts = [
        ("text to first sound", ms_words(first.total_ms) if first else "-"),
        ("speech", f"{record.audio_s:.2f} s"),
        ("breaks while playing", str(len(late))),
        ("silence in them", ms_words(sum(passage.late_ns for passage in late) / 1e6)),
        ("chunks", str(len(analysis.way))),
        ("work per second", f"{rtf:.2f} s" if rtf is not None else "-"),
    ]
    cells = (f"<div><dt>{escape(name)}</dt><dd>{escape(value)}</dd></div>" for name, value in facts)
    return f'<dl class="facts">{"".join(cells)}</dl>'


def _late(analysis: Analysis) -> list[Passage]:
    return [passage for passage in analysis.way[1:] if passage.late_ns > AUDIBLE_GAP_NS]


# ------------------------------------------------------------------------------------------------ the budgets


def _budgets(analysis: Analysis) -> Iterator[str]:
    yield "<h2>Where the time went</h2>"
    yield (
        '<p class="soft">Each bar is one stretch of waiting, divided among the hops that held it up, one after the '
        "other. What other hops did meanwhile is not counted.</p>"
    )
    for budget in analysis.budgets[:_SHOWN_BUDGETS]:
        yield _budget(budget)
    if left := analysis.budgets[_SHOWN_BUDGETS:]:
        silence = ms_words(sum(one.total_ms for one in left))
        yield f'<p class="soft">And {len(left)} more late chunks, {silence} in all.</p>'


def _budget(budget: Budget) -> str:
    total = budget.total_ms or 1.0
    parts, rows = [], []
    for hop, ms in budget.ms.items():
        if ms < SMALL_MS:
            continue
        share = ms / total
        hue = f' style="--hue:{HUES[hop]};flex-grow:{ms:.4f}"' if hop in HUES else f' style="flex-grow:{ms:.4f}"'
        kind = "" if hop in HUES else ' class="none"'
        words = ms_words(ms) if share > _WORTH_A_WORD else ""
        parts.append(f'<b{kind}{hue} title="{escape(hop.words)}: {ms:.1f} ms">{words}</b>')
        swatch = f'<i class="swatch" style="--hue:{HUES.get(hop, "#8b939d")}"></i>'
        rows.append(
            f'<tr><td>{swatch}{escape(hop.words)}</td><td class="n">{ms:.1f} ms</td><td class="n">{share:.0%}</td>'
            f'<td class="soft means">{escape(hop.meaning)}</td></tr>'
        )
    return (
        f"<h3>{escape(title(budget)[0].upper() + title(budget)[1:])}</h3>"
        f'<div class="stack" aria-hidden="true">{"".join(parts)}</div>'
        '<table><thead><tr><th>hop</th><th class="n">time</th><th class="n">share</th><th class="means">'
        f"what happens there</th></tr></thead><tbody>{''.join(rows)}</tbody></table>"
    )


# ------------------------------------------------------------------------------------------------ the rest


def _chunks(analysis: Analysis) -> str:
    zero_ns = origin_ns(analysis)
    rows = []
    for passage in analysis.way[:_SHOWN_CHUNKS]:
        instants = (passage.t3_last_ns, passage.flow_end_ns, passage.vocoder_end_ns, passage.write_start_ns)
        stamps = [f"{(at - zero_ns) / 1e6:.1f}" if passage.stamped else "-" for at in instants]
        stamps += [f"{(at - zero_ns) / 1e6:.1f}" for at in (passage.received_ns, passage.due_ns, passage.sounded_ns)]
        late = passage.seq > 0 and passage.late_ns > AUDIBLE_GAP_NS
        cells = "".join(f'<td class="n">{stamp}</td>' for stamp in stamps)
        length_ms = 1e3 * passage.num_samples / analysis.record.sample_rate
        rows.append(
            f'<tr{" class=late" if late else ""}><td class="n">{passage.seq}</td><td class="n">{length_ms:.0f}</td>'
            f"{cells}</tr>"
        )
    names = ("chunk", "length", "tokens", "spectrum", "sound", "sent", "received", "deadline", "heard")
    head = "".join(f'<th class="n">{name}</th>' for name in names)
    return (
        "<details><summary>All chunks, in numbers</summary><p class='soft'>Milliseconds after the text was sent, when "
        "each stage was done with the chunk. Late ones in red.</p>"
        f'<div class="wide"><table><thead><tr>{head}</tr></thead><tbody>{"".join(rows)}</tbody></table></div></details>'
    )


def _glossary(analysis: Analysis) -> str:
    rows = "".join(
        f"<tr><td>{escape(hop.words)}</td><td>{escape(hop.meaning)}</td></tr>" for hop in Hop if hop is not Hop.CLEAN
    )
    return (
        f"<details><summary>All hops</summary><table><tbody>{rows}</tbody></table></details>"
        f'<p class="soft">{escape(_grounds(analysis))}</p>'
    )


def _grounds(analysis: Analysis) -> str:
    normal = "earlier clean utterances" if analysis.normal.learned else "this utterance's own steps"
    words = [f"Normal is the median of {normal}."]
    bounds = analysis.bounds
    if bounds is not None and bounds.round_trip_ns is not None:
        words.append(
            f"The server's clock was {bounds.offset_ns / 1e6:+.2f} ms from the client's, known to "
            f"{bounds.round_trip_ns / 2e6:.2f} ms; one way of the network cannot be told from the other."
        )
    if analysis.record.started:
        words.append(f"Utterance {analysis.record.started.utterance_id}.")
    return " ".join(words)
