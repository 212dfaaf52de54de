"""An analysis -> one HTML page that tells somebody who has never seen the project where the time went.

The page carries everything itself: no script, no font, no picture from elsewhere, so it can be mailed and opened from
a file. Lanes are drawn with boxes in per cent, so they fit any width; every picture has its words beside it.
"""

from __future__ import annotations

from collections.abc import Iterator
from html import escape

from ..attribution.critical_path import Budget
from ..attribution.hops import Hop
from ..attribution.verdict import Analysis
from . import metrics
from .explain import SMALL_MS, title
from .headline import headline, is_late, late_chunks, ms_words, why_it_waited
from .lanes import origin_ns
from .page_lanes import timeline
from .page_style import STYLE

_WORTH_A_WORD = 0.075  # share of a bar from which on its length fits,
_ROOMY = 0.17  # and on a phone
_SHOWN_BUDGETS = 6
_SHOWN_CHUNKS = 400


def page(analysis: Analysis) -> str:
    """HTML text."""
    body = [_verdict(analysis), _facts(analysis)]
    if analysis.chunks and analysis.record.sample_rate:
        body += timeline(analysis)
        body += _budgets(analysis)
        body += [_chunks(analysis)]
    body += [_glossary(analysis)]
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{escape(headline(analysis))}</title>\n<style>{STYLE}</style>\n</head>\n<body>\n"
        "<h1>Gapless: where the time went, from text to sound</h1>\n" + "\n".join(body) + "\n</body>\n</html>\n"
    )


# ------------------------------------------------------------------------------------------------ the top


def _verdict(analysis: Analysis) -> str:
    verdict = analysis.verdict
    mood = "good" if verdict.hop is Hop.CLEAN else "bad" if late_chunks(analysis) or not analysis.chunks else "fair"
    words = [f"<strong>{escape(headline(analysis))}</strong>"]
    said = [_went_well(analysis)] if verdict.hop is Hop.CLEAN else [verdict.hop.about.meaning, verdict.evidence]
    advice = f"What helps: {verdict.hop.about.advice}." if verdict.hop.about.advice else ""
    words += [f"<p>{escape(line)}</p>" for line in (" ".join(filter(None, said)), advice) if line]
    return f'<section class="verdict {mood}" aria-label="Verdict">{"".join(words)}</section>'


def _went_well(analysis: Analysis) -> str:
    record, first = analysis.record, _first_sound(analysis)
    made_s = (record.receipts[-1].received_ns - origin_ns(analysis)) / 1e9
    after = f"The first sound was heard {ms_words(first.total_ms)} after the text was sent. " if first else ""
    return f"{after}All {record.audio_s:.1f} s of speech were there after {made_s:.1f} s."


def _first_sound(analysis: Analysis) -> Budget | None:
    return next((budget for budget in analysis.budgets if budget.name == "first_sound"), None)


def _facts(analysis: Analysis) -> str:
    record, first = analysis.record, _first_sound(analysis)
    rtf, late = metrics.rtf(record), late_chunks(analysis)
    facts = [
        ("from text to first sound", ms_words(first.total_ms) if first else "-", False),
        ("breaks while playing", str(len(late)), bool(late)),
        ("silence in them", ms_words(sum(chunk.late_ns for chunk in late) / 1e6), bool(late)),
        ("length of the speech", f"{record.audio_s:.2f} s", False),
        ("to make 1 s of it took", ms_words(1e3 * rtf) if rtf is not None else "-", rtf is not None and rtf > 1),
        ("sent in", f"{len(analysis.chunks)} chunk{'s' if analysis.chunks[1:] else ''}", False),
    ]
    cells = (
        f"<div><dt>{escape(name)}</dt><dd{' class=poor' if poor else ''}>{escape(value)}</dd></div>"
        for name, value, poor in facts
    )
    return f'<dl class="facts">{"".join(cells)}</dl>'


# ------------------------------------------------------------------------------------------------ the budgets


def _budgets(analysis: Analysis) -> Iterator[str]:
    yield "<h2>Where the time went</h2>"
    yield (
        '<p class="soft">Each bar is one stretch of waiting, divided among the hops that held it up, one after the '
        "other. What other hops did meanwhile is not counted.</p>"
    )
    for budget in analysis.budgets[:_SHOWN_BUDGETS]:
        yield _budget(budget)
        if budget.name == "first_sound" and (why := why_it_waited(analysis)):
            yield f'<p class="soft">{escape(why)}</p>'
    if left := analysis.budgets[_SHOWN_BUDGETS:]:
        silence = ms_words(sum(one.total_ms for one in left))
        yield f'<p class="soft">And {len(left)} more late chunks, {silence} in all.</p>'


def _budget(budget: Budget) -> str:
    total = budget.total_ms or 1.0
    parts, rows = [], []
    for hop, ms in budget.ms.items():
        if ms < SMALL_MS:
            continue
        share, hue = ms / total, hop.colour
        kind = ' class="none"' if hop is Hop.UNEXPLAINED else ""
        words = ms_words(ms) if share > _WORTH_A_WORD else ""
        roomy = ' class="roomy"' if share > _ROOMY else ""
        parts.append(
            f'<b{kind or roomy} style="--hue:{hue};flex-grow:{ms:.4f}" title="{escape(hop.label)}: {ms:.1f} ms">'
            f"{words}</b>"
        )
        rows.append(
            f'<tr><td class="hop"><i class="swatch" style="--hue:{hue}"></i>{escape(hop.label)}</td>'
            f'<td class="n">{ms:.1f} ms</td><td class="n">{_percent(share)}</td>'
            f'<td class="soft means">{escape(hop.about.meaning)}</td></tr>'
        )
    return (
        f"<h3>{escape(title(budget)[0].upper() + title(budget)[1:])}</h3>"
        f'<div class="stack" aria-hidden="true">{"".join(parts)}</div>'
        '<table><thead><tr><th>hop</th><th class="n">time</th><th class="n">share</th><th class="means">'
        f"what happens there</th></tr></thead><tbody>{''.join(rows)}</tbody></table>"
    )


def _percent(share: float) -> str:
    return f"{share:.0%}" if share >= 0.005 else "&lt; 1%"


# ------------------------------------------------------------------------------------------------ the rest


def _chunks(analysis: Analysis) -> str:
    zero_ns = origin_ns(analysis)
    rows = []
    for chunk in analysis.chunks[:_SHOWN_CHUNKS]:
        instants = (chunk.t3_last_ns, chunk.flow_end_ns, chunk.vocoder_end_ns, chunk.write_start_ns)
        stamps = [f"{(at - zero_ns) / 1e6:.1f}" if chunk.stamped else "-" for at in instants]
        stamps += [f"{(at - zero_ns) / 1e6:.1f}" for at in (chunk.received_ns, chunk.due_ns, chunk.sounded_ns)]
        cells = "".join(f'<td class="n">{stamp}</td>' for stamp in stamps)
        length_ms = 1e3 * chunk.num_samples / analysis.record.sample_rate
        late = " class=late" if is_late(chunk) else ""
        rows.append(f'<tr{late}><td class="n">{chunk.seq}</td><td class="n">{length_ms:.0f}</td>{cells}</tr>')
    names = ("chunk", "length", "tokens", "spectrum", "sound", "sent", "received", "deadline", "heard")
    head = "".join(f'<th class="n">{name}</th>' for name in names)
    return (
        "<details><summary>All chunks, in numbers</summary><p class='soft'>Milliseconds after the text was sent, when "
        "each stage was done with the chunk. Late ones in red.</p>"
        f'<div class="wide"><table><thead><tr>{head}</tr></thead><tbody>{"".join(rows)}</tbody></table></div></details>'
    )


def _glossary(analysis: Analysis) -> str:
    rows = "".join(
        f"<tr><td>{escape(hop.label)}</td><td>{escape(hop.about.meaning)}</td></tr>"
        for hop in Hop
        if hop is not Hop.CLEAN
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
