"""What do callers get when the device dies under them, and how soon?

A kernel that reads beyond its tensor ends a CUDA context, and nothing mends it within the process: so this is a process
of its own, which `benchmarks.latency.gpu` starts. Several utterances speak, a window of the flow strikes, and all of
them must be told within moments that the engine is broken. On a CPU the error is made up, and the rest is the same.

    python -m benchmarks.latency.gpu_dead out/checkpoints/turbo cuda:0
    python -m benchmarks.latency.gpu_dead out/checkpoints/tiny-turbo cpu  # a rehearsal
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import time
import traceback
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import torch

from benchmarks.support.model_forms import endless
from engine.checkpoints import load
from engine.device.choice import find_device
from engine.device.precision import Precision
from engine.engine import LocalEngine
from engine.errors import EngineBroken, GaplessError
from engine.messages import Utterance
from engine.options import EngineOptions
from engine.scheduling.jobs import Stages
from engine.speak import events

CALLERS = 3
WINDOWS = 2  # that are made before the device dies,
TOKENS = 100  # of every segment: of random weights too, enough for some windows more
LIMIT_S = 120.0  # for loading, which is nearly all of it
WAIT_S = 20.0  # without any event
TEXT = "This is what is said while the device still answers, and it goes on for a while."


@dataclass(frozen=True, kw_only=True)
class Dead:
    callers: int
    faults: list[str]  # what each was told
    told_s: float  # after the blow, the last of them

    def __str__(self) -> str:
        return f"a dead device: {self.callers} callers were told {sorted(set(self.faults))} within {self.told_s:.2f} s"


def provoked(directory: Path, device: torch.device) -> Dead | None:
    """Runs it in a process of its own; None, and its last words in the output, where that found nothing."""
    command = [sys.executable, "-m", "benchmarks.latency.gpu_dead", str(directory), str(device)]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=LIMIT_S, check=True)
    except (subprocess.CalledProcessError, subprocess.TimeoutExpired) as error:
        print(f"a dead device: {error}\n{str(error.stderr)[-2000:]}", flush=True)
        return None
    return Dead(**json.loads(done.stdout.splitlines()[-1]))


class _Struck:
    """The stage of the flow, before one of whose windows the device dies."""

    def __init__(self, stage: Any, device: torch.device) -> None:
        self._stage, self._device, self._made = stage, device, 0
        self.open, self.alike = stage.open, stage.alike
        self.at_s = 0.0

    def run(self, states: Sequence[Any], works: Sequence[Any]) -> Any:
        self._made += 1
        if self._made > WINDOWS:
            self.at_s = self.at_s or time.monotonic()
            kill(self._device)
        return self._stage.run(states, works)


def kill(device: torch.device) -> None:
    """Ends the context of a CUDA device, or says on a CPU what it would say."""
    if device.type == "cuda":
        beyond = torch.full((1,), 1 << 20, device=device)
        torch.zeros(1, device=device)[beyond]
        torch.cuda.synchronize(device)
    raise RuntimeError("CUDA error: device-side assert triggered (made up)")


def die(directory: Path, device: torch.device) -> Dead:
    model = endless(load(str(directory), device=device, precision=Precision.parse("", device)), TOKENS)
    struck: list[_Struck] = []

    def wrap(stages: Stages) -> Stages:
        struck.append(_Struck(stages.mel, device))
        return replace(stages, mel=struck[0])

    def told(number: int) -> tuple[str, float]:
        try:
            events(engine, Utterance(id=f"{number}", seed=number), TEXT, WAIT_S)
        except EngineBroken as error:
            return str(error.fault), time.monotonic()
        except GaplessError as error:
            return type(error).__name__, time.monotonic()
        return "nothing", time.monotonic()

    engine = LocalEngine(model, EngineOptions(max_utterances=CALLERS, device=str(device)), wrap)
    with ThreadPoolExecutor(CALLERS) as callers:
        answers = list(callers.map(told, range(CALLERS)))
    return Dead(
        callers=CALLERS,
        faults=[fault for fault, _ in answers],
        told_s=max(at_s for _, at_s in answers) - struck[0].at_s,
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n\n")[0])
    parser.add_argument("model", type=Path, help="a directory")
    parser.add_argument("device")
    arguments = parser.parse_args()
    failed = True
    try:
        print(json.dumps(asdict(die(arguments.model, find_device(arguments.device)))), flush=True)
        failed = False
    finally:
        if failed:
            traceback.print_exc()
        os._exit(int(failed))  # threads may wait for a device that no longer answers


if __name__ == "__main__":
    main()
