"""What `say` writes when it has spoken: figures for a person on stderr, for a program on stdout, pictures in files."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

from .._clock import ClockOffset
from ..attribution.baseline import ENOUGH, UTTERANCES_KEPT, Normal, Run
from ..attribution.hops import Hop
from ..attribution.observations import Observations
from ..attribution.verdict import Analysis, analyse
from ..errors import ClientError
from ..record import Record
from ..report import explain, perfetto, timeline
from ..report import text as report
from ..report.headline import headline
from ..report.page import page
from ..report.text import Heard
from ..types import Word
from ..words import WordsHeard


@dataclass(frozen=True)
class SpokenUtterance:
    """All that is known about it when the last sample has been played."""

    record: Record
    clock: ClockOffset
    observations: Observations
    heard: Heard
    normal: Normal | None


def write_results(arguments: argparse.Namespace, spoken: SpokenUtterance) -> None:
    record, clock, heard = spoken.record, spoken.clock, spoken.heard
    analysis = analyse(record, clock, spoken.observations, first_audible=heard.first_audible, normal=spoken.normal)
    for warning in record.warnings:
        sys.stderr.write(f"warning: {warning.message} ({warning.reason})\n")
    if not arguments.quiet:
        sys.stderr.write(report.table(record, clock, heard) + "\n")
        if arguments.out:
            sys.stderr.write(f"  written to {arguments.out}\n")
        if not arguments.explain and analysis.verdict.hop is not Hop.CLEAN:
            sys.stderr.write(f"{headline(analysis)} --explain tells more.\n")
    if arguments.explain:
        sys.stderr.write(explain.table(analysis) + "\n")
    _write(arguments.timeline, lambda: timeline.svg(analysis))
    _write(arguments.report, lambda: page(analysis))
    _write(arguments.trace, lambda: perfetto.trace(analysis))
    if arguments.normal:
        _learn(arguments.normal, analysis)
    if arguments.json:
        figures = report.as_json(record, clock, heard) | explain.as_json(analysis)
        sys.stdout.write(json.dumps(figures) + "\n")
        sys.stdout.flush()


def write_heard(arguments: argparse.Namespace, heard: WordsHeard) -> None:
    """What a listener who broke off had heard by then."""
    if arguments.json:
        sys.stdout.write(json.dumps({"heard": asdict(heard) | {"text_end": heard.text_end}}) + "\n")
        return
    words = " ".join(word.word for word in heard.complete) or "nothing"
    broken = f", broken off in: {heard.broken_off.word}" if heard.broken_off else ""
    sys.stderr.write(f"heard to character {heard.text_end}: {words}{broken}\n")


def word_line(word: Word, sample_rate: int) -> str:
    """When it begins and ends, in seconds."""
    return f"{word.start_sample / sample_rate:8.3f} {word.end_sample / sample_rate:8.3f}  {word.word}\n"


def _write(path: Path | None, text: Callable[[], str]) -> None:
    if path is None:
        return
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text(), encoding="utf-8")
    except OSError as error:
        raise ClientError(f"cannot write {path}: {error}") from error


def normal_from(path: Path) -> Normal | None:
    """What earlier utterances taught; None while there are too few."""
    runs = _runs(path)
    return Normal.from_clean(runs) if len(runs) >= ENOUGH else None


def _runs(path: Path) -> list[Run]:
    try:
        lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
        return [Run.from_json(line) for line in lines if line.strip()]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ClientError(f"{path} holds no earlier utterances as --normal writes them: {error!r}") from error


def _learn(path: Path, analysis: Analysis) -> None:
    """A clean utterance becomes part of what is normal; the oldest are forgotten."""
    if analysis.verdict.hop is Hop.CLEAN:
        runs = [*_runs(path), analysis.run][-UTTERANCES_KEPT:]
        _write(path, lambda: "".join(run.to_json() + "\n" for run in runs))
