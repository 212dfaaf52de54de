"""How soon is the first audio heard, and all of it made, here and in the reference implementation?

Both run on this machine, in turns, in one run.

    python -m benchmarks.parity.against_reference --json out/against_reference.json

The same random weights (a full-size checkpoint, written where there is none yet), voice (10 s of prompt), text ids and
100 speech tokens, so that sampling plays no part. The reference speaks in one shot in float32, in a process of its own
(`make reference`); we stream, T3 and flow side by side, through the engine as it is. The two take turns, never at once.
First audio is 40 ms of sound behind the muted start. The voice is prepared, and each side has spoken once, before.
Every way is also run with its stages in turns on one core: what each takes while nothing else runs, which bounds what
any arrangement on this machine's cores can reach.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import statistics
import subprocess
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, replace
from functools import partial
from pathlib import Path

import torch

from benchmarks.parity.given_tokens import OPTIONS, Deviation, Heard, Speaker, deviation
from benchmarks.support import random_checkpoint
from benchmarks.support.machine import describe, machine
from benchmarks.support.model_forms import with_form
from engine import checkpoints
from engine.apart import apart
from engine.checkpoints.variants import VARIANTS
from engine.device import cores
from engine.device.precision import Precision
from engine.model import Model

REFERENCE = Path(".venv-reference/bin/python")
TEXT = "The same words are spoken by both sides of this comparison today."
TOKENS = 100  # 4.0 s
TOKEN_SAMPLES = 960
FAST = "t3=int8,flow=bfloat16"
# What is wanted, as shares of the reference's total: form, whether in float32 -> share.
TOTALS = {("windowed", True): 0.8, ("cached", True): 0.65, ("windowed", False): 0.6, ("cached", False): 0.4}
FIRST_AUDIO = 0.1
STAGES = ("t3_s", "flow_s", "vocoder_s")
IN_TURNS = replace(OPTIONS, sequential=True, threads=1)


@dataclass(frozen=True)
class OneShot:
    """What the reference's process answers."""

    t3_s: float
    flow_s: float
    vocoder_s: float
    samples: int

    @property
    def total_s(self) -> float:
        return self.t3_s + self.flow_s + self.vocoder_s


class ReferenceProcess:
    def __init__(self, kind: str, directory: Path) -> None:
        environment = {name: value for name, value in os.environ.items() if name != "OMP_NUM_THREADS"}
        self._process = subprocess.Popen(
            [str(REFERENCE), "-W", "ignore", "-m", "tests.parity.reference.one_shot", kind, str(directory)],
            env=environment | {"HF_HUB_OFFLINE": "1"},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )

    def speak(self, text: list[int], tokens: list[int]) -> OneShot:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps({"text": text, "tokens": tokens}) + "\n")
        self._process.stdin.flush()
        line = self._process.stdout.readline()
        if not line:
            raise RuntimeError("the reference's process ended; run it by hand to see why: see one_shot.py")
        return OneShot(**json.loads(line))

    def close(self) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait()


@dataclass
class Way:
    """One of our ways to speak, and what was heard of it."""

    form: str
    dtype: str
    runs: list[Heard] = field(default_factory=list)
    in_turns: list[Heard] = field(default_factory=list)
    deviation: Deviation | None = None  # from float32

    @property
    def name(self) -> str:
        return f"{self.form}, {self.dtype}"


@dataclass
class Comparison:
    kind: str
    reference: list[OneShot]
    ways: list[Way]

    def lines(self) -> list[str]:
        total = _median([run.total_s for run in self.reference])
        stages = _stages(self.reference)
        lines = [
            f"{self.kind}, {TOKENS / 25:.1f} s of audio, medians of {len(self.reference)} rounds",
            "",
            "| | first audio | share | total | share | wanted | T3 | flow | vocoder | windows |",
            "|---|---:|---:|---:|---:|---:|---:|---:|---:|---|",
            f"| reference, one shot | {total:.2f} s | 1.00 | {total:.2f} s | 1.00 | | "
            + " | ".join(f"{stage:.2f} s" for stage in stages)
            + " | |",
        ]
        return lines + [self._line(way, total) for way in self.ways]

    def _line(self, way: Way, total: float) -> str:
        first, whole, t3, flow, vocoder = (
            _median([getattr(run, part) for run in way.runs]) for part in ("first_audio_s", "total_s", *STAGES)
        )
        wanted = TOTALS[way.form, way.dtype == "float32"]
        windows = " ".join(str(window) for window in way.runs[-1].windows)
        return (
            f"| {way.name} | {first:.2f} s | {first / total:.2f} | {whole:.2f} s | {whole / total:.2f} | "
            f"{FIRST_AUDIO}, {wanted} | {t3:.2f} s | {flow:.2f} s | {vocoder:.2f} s | {windows} |"
        )

    def bounds(self) -> list[str]:
        """What is possible at best, if no stage slowed down another."""
        lines, everyone, total = [], cores.count(), _median([run.total_s for run in self.reference])
        for way in self.ways:
            t3, flow, vocoder = alone = _stages(way.in_turns)
            least = sum(alone) / everyone
            lines.append(
                f"{way.name}: on one core T3 {t3:.2f} + flow {flow:.2f} + vocoder {vocoder:.2f} = {sum(alone):.2f} s, "
                f"at least {least:.2f} s ({least / total:.2f}) on {everyone} cores"
            )
        return lines

    def notes(self) -> list[str]:
        """What the faster precisions change."""
        return [
            f"{way.name} against float32: logits {found.logits:.1e} of the largest, the same likeliest token in "
            f"{found.same_choice:.0%} of the steps; mel {found.mel:.1e} of the largest, on average {found.mel_mean:.3f}"
            for way in self.ways
            if (found := way.deviation) is not None
        ]


def _stages(runs: Sequence[OneShot | Heard]) -> list[float]:
    return [_median([getattr(run, stage) for run in runs]) for stage in STAGES]


def _median(values: list[float]) -> float:
    return statistics.median(values)


def load(directory: Path, dtype: str) -> Model:
    cpu = torch.device("cpu")
    return checkpoints.load(str(directory), device=cpu, precision=Precision.parse(dtype, cpu))


def compare(kind: str, directory: Path, rounds: int, fast: str) -> Comparison:
    if not directory.exists():
        random_checkpoint.write(VARIANTS[kind], directory, "full")
    ways = [Way(form, dtype) for dtype in ("float32", fast) for form in ("windowed", "cached")]
    codes = random.Random(0)
    tokens = [codes.randrange(VARIANTS[kind].config.t3.codes) for _ in range(TOKENS)]
    loaded = {dtype: load(directory, dtype) for dtype in ("float32", fast)}
    models = [with_form(loaded[way.dtype], way.form) for way in ways]
    for way, model, exact in zip(ways, models, [models[0], models[1]] * 2, strict=True):
        if model is not exact:
            way.deviation = apart(partial(deviation, model, exact, TEXT, tokens))
    text = models[0].text.encode(TEXT, models[0].text.languages[0])
    reference = ReferenceProcess(kind, directory)
    speakers = [(way.runs, Speaker(model, tokens)) for way, model in zip(ways, models, strict=True)]
    speakers += [(way.in_turns, Speaker(model, tokens, IN_TURNS)) for way, model in zip(ways, models, strict=True)]
    reference.speak(text, tokens)
    for _, speaker in speakers:
        speaker.speak(TEXT)
    spoken = []
    for _ in range(rounds):
        spoken.append(reference.speak(text, tokens))
        for runs, speaker in speakers:
            runs.append(speaker.speak(TEXT))
    reference.close()
    for _, speaker in speakers:
        speaker.close()
    found = {run.samples for run in spoken} | {run.samples for way in ways for run in way.runs}
    if found != {TOKENS * TOKEN_SAMPLES}:
        raise RuntimeError(f"{kind}: {found} samples were spoken; {TOKENS * TOKEN_SAMPLES} were wanted of everyone")
    return Comparison(kind, spoken, ways)


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n\n")[0])
    parser.add_argument("--checkpoints", type=Path, default=Path("out/checkpoints"), help="one directory a model in it")
    parser.add_argument("--models", nargs="+", default=["nano", "turbo"], choices=["nano", "turbo"])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--fast", default=FAST, help=f"the fastest precision, as --dtype of the service ({FAST})")
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    if not REFERENCE.exists():
        parser.error(f"{REFERENCE} is missing; make it with: make reference")
    print(f"{describe()}; load before the run {os.getloadavg()[0]:.2f}\n")
    comparisons = []
    for kind in arguments.models:
        found = compare(kind, arguments.checkpoints / kind, arguments.rounds, arguments.fast)
        print("\n".join([*found.lines(), "", *found.bounds(), "", *found.notes(), ""]))
        comparisons.append(found)
    if arguments.json:
        arguments.json.parent.mkdir(parents=True, exist_ok=True)
        content = {"machine": machine(), "comparisons": [asdict(found) for found in comparisons]}
        arguments.json.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
