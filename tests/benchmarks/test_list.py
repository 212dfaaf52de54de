"""The list of benchmarks: each says its question and its command."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest

from benchmarks.__main__ import HERE, ROOMS, benchmarks

LISTED = [listed for room in ROOMS for listed in benchmarks(room)]


def test_every_room_is_listed() -> None:
    rooms = {path.parent.name for path in HERE.glob("*/__init__.py")}
    assert rooms - {"support"} == set(ROOMS)


@pytest.mark.parametrize(("module", "question"), LISTED)
def test_a_benchmark_says_its_question_and_its_command(module: str, question: str) -> None:
    assert question.endswith("?")
    spec = importlib.util.find_spec(module)
    assert spec is not None
    if spec.submodule_search_locations:  # a room that is a benchmark
        spec = importlib.util.find_spec(f"{module}.__main__")
    assert spec is not None
    assert spec.origin is not None
    docstring = Path(spec.origin).read_text(encoding="utf-8").split('"""')[1]
    assert f"python -m {module}" in docstring
