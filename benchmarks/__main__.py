"""`python -m benchmarks` lists the benchmarks, each with the question that it answers."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

HERE = Path(__file__).parent
ROOMS = {
    "latency": "how fast one utterance is",
    "continuity": "whether playback breaks off",
    "scale": "how many utterances at once",
    "attack": "what one caller can do to another",
    "attribution": "where the time went",
    "faults": "what happens when something breaks",
    "access": "what it costs to check who may call",
    "parity": "whether the audio stays the same",
    "text": "whether what is written is read as a person would",
}


def benchmarks(room: str) -> Iterator[tuple[str, str]]:
    """(module, question) of each module of the room that can be run, by name."""
    for path in sorted((HERE / room).glob("*.py")):
        source = path.read_text(encoding="utf-8")
        if '__name__ == "__main__"' in source:
            docstring = ast.get_docstring(ast.parse(source)) or ""
            module = f"benchmarks.{room}" if path.stem == "__main__" else f"benchmarks.{room}.{path.stem}"
            yield module, docstring.partition("\n")[0]


def main() -> None:
    for room, subject in ROOMS.items():
        print(f"{room}: {subject}")
        for module, question in benchmarks(room):
            print(f"  python -m {module}\n      {question}")
        print()


if __name__ == "__main__":
    main()
