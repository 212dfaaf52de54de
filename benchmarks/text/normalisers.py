"""Which normaliser reads written forms as a person would, and how long does a sentence take?

    python -m benchmarks.text.normalisers --wrong
    python -m benchmarks.text.normalisers --libraries /path/to/another/venv/bin/python

Two tables of written forms, each with all the readings that are accepted, by class: one that the rules were made with,
one that was written after them. `spelled` is what the embedded voice gets, `cased` what the published models get;
`num2words` puts its words in the place of every run of digits, and nothing else. wetext and nemo run in an interpreter
that has them (pip install wetext nemo-text-processing). Times are processor time of one form, or of one sentence of the
held-out texts, the library's start not included.
"""

from __future__ import annotations

import argparse
import json
import re
import subprocess
import time
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

from num2words import num2words

from benchmarks.support.machine import describe
from engine.text.normalize import normalize, write_out
from tests.engine.text.written_forms import FRESH, KNOWN, WrittenForm, read_forms

HERE = Path(__file__).parent
LIBRARY = HERE.parent / "support" / "normaliser_of_others.py"
SENTENCES = HERE.parents[1] / "training" / "heldout" / "sentences.txt"
LIBRARIES = ("wetext", "nemo")
Said = tuple[str | None, float]  # what was said, or None where it failed; seconds


@dataclass(kw_only=True)
class Score:
    table: str
    normaliser: str
    read: int = 0  # of `forms`
    forms: int = 0
    failed: int = 0  # the normaliser raised
    p50_ms: float = 0.0  # of one form
    p95_ms: float = 0.0
    classes: dict[str, str] = field(default_factory=dict)  # "read/forms"
    wrong: list[tuple[str, str | None]] = field(default_factory=list)


def with_num2words(text: str) -> str:
    return re.sub(r"\d+", lambda digits: num2words(int(digits[0])), text)


OURS: dict[str, Callable[[str], str]] = {"spelled": normalize, "cased": write_out, "num2words": with_num2words}


def timed(normaliser: Callable[[str], str], texts: Sequence[str]) -> list[Said]:
    said: list[Said] = []
    for text in texts:
        began = time.process_time()
        spoken = normaliser(text)
        said.append((spoken, time.process_time() - began))
    return said


def by_library(python: str, library: str, texts: Sequence[str]) -> list[Said]:
    lines = "".join(json.dumps(text) + "\n" for text in texts)
    command = [python, str(LIBRARY), library]
    done = subprocess.run(command, input=lines, capture_output=True, text=True, check=True)
    answers = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("[")]
    return [(said, seconds) for said, seconds in answers]


def score(table: str, normaliser: str, forms: Sequence[WrittenForm], said: Sequence[Said]) -> Score:
    result = Score(table=table, normaliser=normaliser, forms=len(forms))
    counts: dict[str, list[bool]] = defaultdict(list)
    for form, (spoken, _) in zip(forms, said, strict=True):
        right = spoken is not None and form.is_read(spoken)
        counts[form.kind].append(right)
        result.failed += spoken is None
        if not right:
            result.wrong.append((form.written, spoken))
    result.read = sum(map(sum, counts.values()))
    result.classes = {kind: f"{sum(rights)}/{len(rights)}" for kind, rights in counts.items()}
    result.p50_ms, result.p95_ms = percentiles([seconds for _, seconds in said])
    return result


def percentiles(seconds: Sequence[float]) -> tuple[float, float]:
    ordered = sorted(seconds)
    return 1e3 * ordered[len(ordered) // 2], 1e3 * ordered[int(len(ordered) * 0.95)]


def scores(python: str | None) -> list[Score]:
    found = []
    for table in (KNOWN, FRESH):
        forms = read_forms(table)
        texts = [form.written for form in forms]
        answers = {name: timed(normaliser, texts) for name, normaliser in OURS.items()}
        if python is not None:
            answers |= {library: by_library(python, library, texts) for library in LIBRARIES}
        found += [score(table.stem, name, forms, said) for name, said in answers.items()]
    return found


def table_of_classes(found: Sequence[Score], table: str) -> list[str]:
    """A Markdown table."""
    columns = [each for each in found if each.table == table]
    lines = ["| class | " + " | ".join(each.normaliser for each in columns) + " |", "|---" * (len(columns) + 1) + "|"]
    rows = ((kind, " | ".join(each.classes[kind] for each in columns)) for kind in columns[0].classes)
    lines.extend(f"| {kind} | {row} |" for kind, row in rows)
    lines.append("| **all** | " + " | ".join(f"**{each.read / each.forms:.1%}**" for each in columns) + " |")
    lines.append("| ms, p50 / p95 | " + " | ".join(f"{each.p50_ms:.2f} / {each.p95_ms:.2f}" for each in columns) + " |")
    lines.append("| raised | " + " | ".join(str(each.failed) for each in columns) + " |")
    return lines


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--libraries", metavar="PYTHON", help="an interpreter that has wetext and nemo-text-processing")
    parser.add_argument("--wrong", action="store_true", help="list what is not read as a person would")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()

    found = scores(options.libraries)
    sentences = SENTENCES.read_text(encoding="utf-8").splitlines()
    times = {name: percentiles([s for _, s in timed(OURS[name], sentences)]) for name in ("spelled", "cased")}
    if options.json:
        print(json.dumps({"machine": describe(), "scores": [asdict(each) for each in found], "sentence_ms": times}))
        return
    for table in dict.fromkeys(each.table for each in found):
        print(f"{table}:", *table_of_classes(found, table), "", sep="\n")
    for name, (p50, p95) in times.items():
        print(f"{name}: {p50:.2f} ms a sentence of the held-out texts, p95 {p95:.2f} ms")
    print(describe())
    if options.wrong:
        for each in found:
            if each.normaliser in ("spelled", "cased"):
                print(
                    f"\n{each.table}, {each.normaliser}:",
                    *(f"  {form}  ->  {said}" for form, said in each.wrong),
                    sep="\n",
                )


if __name__ == "__main__":
    main()
