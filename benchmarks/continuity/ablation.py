"""How much does each measure for continuous playback bring?

Each is switched on and off on one machine: parallel stages, the incremental flow, windows by deadline, hints,
speculation.

    python -m benchmarks.continuity.ablation --regime original
    python -m benchmarks.continuity.ablation --regime rtf13 --cases ours baseline
    python -m benchmarks.continuity.ablation --token-ms 33 --cases ours no-speculation
    python -m benchmarks.continuity.ablation --model DIR --first-chunk --utterances 10 --cases ours baseline

Every case is an engine of its own; each utterance goes through all of them, one after the other, with the same seed,
before the next one does (A B C, B C A, ...). Ratios are medians over pairs with their 95 % interval. Playback is
simulated from when chunks were ready: by the server's hints, and at once. `baseline` is how it was done before: T3 and
flow take turns, the flow runs prompt and everything so far in each window, chunks of 12 and then 25 tokens, no hints.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import torch

from benchmarks.support import charts, simulated_listener
from benchmarks.support.local_utterance import Heard, speak
from benchmarks.support.machine import describe, machine
from benchmarks.support.model_forms import with_form
from benchmarks.support.sample_statistics import ratio, summary
from benchmarks.support.texts import texts
from benchmarks.support.throttle import Throttle
from engine.checkpoints import load
from engine.device.precision import Precision
from engine.engine import LocalEngine
from engine.loading import warm_up
from engine.messages import Utterance
from engine.model import Model
from engine.options import EngineOptions

ENOUGH_S = 0.5  # of audio, where only the first chunk is asked for


@dataclass(frozen=True, kw_only=True)
class Case:
    """An engine's switches. Those that an engine does not have are left alone."""

    title: str
    form: str | None = None  # of the flow; None: what the model is made for
    options: dict[str, Any] = dataclasses.field(default_factory=dict)


FIXED = {"by_deadline": False, "ladder": (12, 25)}
CASES = {
    "baseline": Case(
        title="as it was: in turns, cumulative, 12 + 25 tokens, no speculation",
        form="cumulative",
        options={"sequential": True, "speculate": False, **FIXED},
    ),
    "baseline-sizes": Case(
        title="as it was, but windows by the model's ladder: small ones first",
        form="cumulative",
        options={"sequential": True, "speculate": False, "by_deadline": False},
    ),
    "baseline-deadline": Case(
        title="as it was, but windows and pre-buffer by the listener's deadline",
        form="cumulative",
        options={"sequential": True, "speculate": False},
    ),
    "ours": Case(title="ours"),
    "sequential": Case(title="ours, T3 and flow in turns", options={"sequential": True}),
    "cumulative": Case(title="ours, cumulative flow", form="cumulative"),
    "fixed": Case(title="ours, chunks of 12 + 25 tokens", options=FIXED),
    "ladder": Case(title="ours, the model's own ladder", options={"by_deadline": False}),
    "no-speculation": Case(title="ours, no speculation", options={"speculate": False}),
    "speculation": Case(title="ours, with speculation", options={"speculate": True}),
}
DEFAULT = ["baseline", "ours", "sequential", "cumulative", "fixed", "ladder", "no-speculation"]
ORIGINAL = Throttle(token_s=0.040, call_s=0.180, frame_s=0.001, free_frames=100)
REGIMES = {"free": Throttle(), "original": ORIGINAL, "rtf13": replace(ORIGINAL, token_s=0.052)}


@dataclass(frozen=True, kw_only=True)
class Row:
    """One utterance of one case; seconds from its text."""

    text: str
    ttfa_s: float
    gap_free_s: float  # TTFA + P*, computed afterwards
    prebuffer_s: float  # P*
    hint_s: float  # that a listener would have followed
    start_s: float  # of playback by the hints
    worst_s: float  # underrun, by the hints
    inside_s: float  # the worst that is not at the beginning of a segment
    at_once_worst_s: float  # without any pre-buffer
    missing_s: float  # without any pre-buffer, in all
    rtf: float
    tail_s: float  # from the stop token to the last audio
    audio_s: float
    discarded: int
    windows: int
    arrivals: list[dict[str, Any]]


def row(text: str, heard: Heard, muted_s: float) -> Row:
    arrivals = heard.arrivals
    hinted, at_once = (simulated_listener.listen(arrivals, follow_hints=follow) for follow in (True, False))
    return Row(
        text=text,
        ttfa_s=simulated_listener.ttfa_s(arrivals, muted_s),
        gap_free_s=simulated_listener.gap_free_start_s(arrivals),
        prebuffer_s=simulated_listener.prebuffer_s(arrivals),
        hint_s=hinted.start_s - arrivals[0].ready_s,
        start_s=hinted.start_s,
        worst_s=hinted.worst_s,
        inside_s=hinted.inside,
        at_once_worst_s=at_once.worst_s,
        missing_s=at_once.missing_s,
        rtf=simulated_listener.rtf(arrivals),
        tail_s=heard.tail_s,
        audio_s=heard.audio_s,
        discarded=heard.usage.windows_discarded,
        windows=heard.usage.windows,
        arrivals=[asdict(arrival) for arrival in arrivals],
    )


def engine_of(case: Case, model: Model, throttle: Throttle) -> LocalEngine:
    known = {field.name for field in dataclasses.fields(EngineOptions)}
    options = EngineOptions(max_utterances=1, **{name: v for name, v in case.options.items() if name in known})
    model = model if case.form is None else with_form(model, case.form)
    return LocalEngine(model, options, throttle.wrap(model))


def measure(
    model: Model, names: Sequence[str], throttle: Throttle, utterances: int, voice: str, enough_s: float | None
) -> dict[str, list[Row]]:
    engines = {name: engine_of(CASES[name], model, throttle) for name in names}
    rows: dict[str, list[Row]] = {name: [] for name in names}
    try:
        for engine in engines.values():
            warm_up(engine, voice)
        for index, text in enumerate(texts(utterances)):
            for name in _rotated(names, index):
                utterance = Utterance(id=f"{name}-{index}", voice=voice, seed=index)
                heard = speak(engines[name], utterance, text, enough_s=enough_s)
                rows[name].append(row(text, heard, model.config.tail.muted_ms / 1e3))
    finally:
        for engine in engines.values():
            engine.close()
    return rows


def _rotated(names: Sequence[str], by: int) -> list[str]:
    by %= len(names)
    return [*names[by:], *names[:by]]


def figures(rows: Sequence[Row]) -> dict[str, Any]:
    by_hint, at_once = [row.worst_s for row in rows], [row.at_once_worst_s for row in rows]
    summaries = {
        name: summary([getattr(row, name) for row in rows])
        for name in ("ttfa_s", "gap_free_s", "start_s", "prebuffer_s", "hint_s", "worst_s", "rtf", "tail_s")
    }
    windows = sum(row.windows + row.discarded for row in rows)
    return summaries | {
        "c50": simulated_listener.share_within(by_hint, 0.05),
        "c100": simulated_listener.share_within(by_hint, 0.1),
        "c50_inside": simulated_listener.share_within([row.inside_s for row in rows], 0.05),
        "c50_at_once": simulated_listener.share_within(at_once, 0.05),
        "c100_at_once": simulated_listener.share_within(at_once, 0.1),
        "discarded": sum(row.discarded for row in rows) / windows if windows else 0.0,
    }


def against(rows: dict[str, list[Row]], reference: str) -> dict[str, dict[str, tuple[float, float, float]]]:
    """Ratios of the other cases to one, pair by pair."""
    return {
        name: {
            what: ratio([getattr(row, what) for row in rows[name]], [getattr(row, what) for row in rows[reference]])
            for what in ("ttfa_s", "gap_free_s", "start_s")
        }
        for name in rows
        if name != reference
    }


def table(measured: dict[str, dict[str, Any]]) -> str:
    columns = ("TTFA", "gap-free", "starts", "C50", "C100", "worst", "RTF", "tail", "dropped")
    heading = "medians in s; C50, C100 and worst underrun by the hints"
    lines = [f"{heading:64}" + "".join(f"{column:>9}" for column in columns)]
    for name, case in measured.items():
        p50 = {what: case[what]["p50"] for what in ("ttfa_s", "gap_free_s", "start_s", "rtf", "tail_s")}
        lines.append(
            f"{CASES[name].title:64}{p50['ttfa_s']:9.3f}{p50['gap_free_s']:9.3f}{p50['start_s']:9.3f}"
            f"{case['c50']:9.0%}{case['c100']:9.0%}{case['worst_s']['max']:9.3f}"
            f"{p50['rtf']:9.2f}{p50['tail_s']:9.3f}{case['discarded']:9.0%}"
        )
    return "\n".join(lines)


def picture(measured: dict[str, dict[str, Any]], title: str) -> str:
    bars = [
        charts.Bar(
            label=CASES[name].title,
            parts=(
                ("first sound", case["ttfa_s"]["p50"]),
                ("pre-buffer it needs", max(0.0, case["gap_free_s"]["p50"] - case["ttfa_s"]["p50"])),
            ),
            note=f"C50 {case['c50']:.0%}, C100 {case['c100']:.0%}, worst gap {1e3 * case['worst_s']['max']:.0f} ms",
        )
        for name, case in measured.items()
    ]
    return charts.bars(title, "seconds from the text to gap-free playback, medians", bars)


def _throttle(arguments: argparse.Namespace) -> Throttle:
    """The regime, with what the flags say otherwise."""
    given = {
        "token_s": arguments.token_ms,
        "call_s": arguments.flow_ms,
        "frame_s": arguments.frame_ms,
    }
    changed = {name: value / 1e3 for name, value in given.items() if value is not None}
    return replace(REGIMES[arguments.regime], **changed)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n\n")[0])
    parser.add_argument("--model", default="embedded")
    parser.add_argument("--dtype", default="", help="of all cases, as the service takes it; by default float32")
    parser.add_argument("--voice", default="")
    parser.add_argument("--cases", nargs="+", choices=sorted(CASES), default=DEFAULT)
    parser.add_argument("--regime", choices=sorted(REGIMES), default="free", help="a throttle by name")
    parser.add_argument("--token-ms", type=float, help="T3 draws a token of an utterance no faster")
    parser.add_argument("--flow-ms", type=float, help="a flow call lasts at least so long,")
    parser.add_argument("--frame-ms", type=float, help="and so much longer for each frame it computes beyond 100")
    parser.add_argument("--utterances", type=int, default=20)
    parser.add_argument("--first-chunk", action="store_true", help="stop each utterance when it is heard: TTFA only")
    parser.add_argument("--json", type=Path, help="write everything there, every chunk of every utterance included")
    parser.add_argument("--svg", type=Path, help="write a picture there")
    return parser.parse_args()


def main() -> None:
    arguments = _arguments()
    cpu = torch.device("cpu")
    throttle = _throttle(arguments)
    model = load(arguments.model, device=cpu, precision=Precision.parse(arguments.dtype, cpu))
    voice, enough_s = arguments.voice or model.config.default_voice, ENOUGH_S if arguments.first_chunk else None
    rows = measure(model, arguments.cases, throttle, arguments.utterances, voice, enough_s)
    measured, reference = {name: figures(of) for name, of in rows.items()}, arguments.cases[0]
    ratios = against(rows, reference)
    print(f"{arguments.utterances} utterances, {model.config.name} ({model.precision}), {throttle}, on {describe()}\n")
    print(table(measured))
    for name, found in ratios.items():
        said = "  ".join(f"{what} {mid:.2f} ({low:.2f} to {high:.2f})" for what, (mid, low, high) in found.items())
        print(f"{CASES[name].title} / {CASES[reference].title}: {said}")
    if arguments.json:
        facts = {"machine": machine(), "model": model.config.name, "throttle": asdict(throttle), "cases": measured}
        utterances = {name: [asdict(one) for one in of] for name, of in rows.items()}
        arguments.json.write_text(json.dumps(facts | {"ratios": ratios, "utterances": utterances}, indent=1) + "\n")
    if arguments.svg:
        arguments.svg.write_text(picture(measured, f"{model.config.name}, regime {arguments.regime}"), encoding="utf-8")


if __name__ == "__main__":
    main()
