"""How much later does first audio come through pipecat or LiveKit than through our own client?

The client, our service in a pipeline of pipecat, and our plug-in for LiveKit take turns with the same texts and seed,
in an order that changes from round to round.

    python -m benchmarks.latency.agents --rounds 30

All on this machine, warm, over connections that are open. From handing over the whole text to the first bytes of
audio. Needs the environment of the frameworks, which `make peers` sets up.
"""

from __future__ import annotations

import argparse
import json
import subprocess
from pathlib import Path
from typing import Any

from benchmarks.support.machine import machine
from benchmarks.support.sample_statistics import percentile
from benchmarks.support.service_process import service
from benchmarks.support.texts import TEXTS

ROOT = Path(__file__).parents[2]
PYTHON = ROOT / ".venv-peers" / "agents" / "bin" / "python"
PROGRAM = ROOT / "benchmarks" / "support" / "first_audio_in_frameworks.py"
LONGEST_S = 300.0


def report(measured: dict[str, list[float]]) -> dict[str, Any]:
    """Medians, and how much later than our own client in the same round: the median and one in twenty."""
    own = measured["client"]
    lines = {}
    for name, instants in measured.items():
        later = [value - ours for value, ours in zip(instants, own, strict=True)]
        lines[name] = {
            "first_ms": round(percentile(instants, 50), 1),
            "later_ms": round(percentile(later, 50), 1),
            "later_p95_ms": round(percentile(later, 95), 1),
        }
    return lines


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=30)
    arguments = parser.parse_args()
    with service("--max-utterances", "2") as address:
        command = [str(PYTHON), str(PROGRAM), address, str(arguments.rounds)]
        done = subprocess.run(
            command, input=json.dumps(list(TEXTS)), capture_output=True, text=True, timeout=LONGEST_S, check=True
        )
    measured = json.loads(done.stdout.splitlines()[-1])
    print(json.dumps({"rounds": arguments.rounds, **report(measured), "machine": machine()}, indent=2))


if __name__ == "__main__":
    main()
