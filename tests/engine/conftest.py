"""The pipeline that most tests of it drive."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest

from tests.engine.scripted import ScriptedMel, ScriptedTokens
from tests.engine.scripted_pipeline import Pipeline


@pytest.fixture(params=[False, True], ids=["three threads", "flow and vocoder on one"])
def pipeline(request: pytest.FixtureRequest) -> Iterator[Pipeline]:
    before = set(threading.enumerate())  # of the engines of other tests
    running = Pipeline(ScriptedTokens(), ScriptedMel(), together=request.param)
    yield running
    if running.tokens.gate is not None:
        running.tokens.gate.set()
    running.close()
    left = {thread.name for thread in set(threading.enumerate()) - before}
    assert not left & {"text", "t3", "flow", "vocoder"}
