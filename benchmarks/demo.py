"""`make demo`: start the service, speak one sentence into a file, show where the time went, stop."""

from __future__ import annotations

import argparse
import subprocess
import sys
from pathlib import Path

from benchmarks.support.service_process import service

TEXT = "Hello! Your words become speech while you are still writing them."


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=Path("out/demo.wav"))
    parser.add_argument("--timeline", type=Path, default=Path("out/demo.svg"))
    parser.add_argument("--text", default=TEXT)
    arguments = parser.parse_args()
    arguments.out.parent.mkdir(parents=True, exist_ok=True)
    print("starting the service ...", flush=True)
    with service() as address:
        print(f'serving on {address}; saying: "{arguments.text}"', flush=True)
        paths = ["--out", str(arguments.out), "--timeline", str(arguments.timeline)]
        said = subprocess.run(
            [sys.executable, "-m", "client", "say", "--address", address, *paths, arguments.text], check=False
        )
    if said.returncode:
        sys.exit(said.returncode)
    print(f"listen to {arguments.out}; look at {arguments.timeline}")


if __name__ == "__main__":
    main()
