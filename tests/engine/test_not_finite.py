"""Weights or states that are no numbers: they were heard as silence, and the status was OK."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from dataclasses import replace

import pytest
import torch

from engine.checkpoints import load
from engine.engine import LocalEngine
from engine.errors import EngineBroken, Fault, NotFinite
from engine.messages import Utterance
from engine.model import Model
from engine.options import EngineOptions
from engine.pipeline.breakdown import FAILURES_IN_A_ROW
from engine.speak import speak
from tests.engine.tiny import write_tiny_model

TEXT = "Hello there."


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Model:
    return load(str(write_tiny_model(tmp_path_factory.mktemp("tiny"))))


@pytest.fixture(params=["t3", "flow", "vocoder"])
def poisoned(request: pytest.FixtureRequest, model: Model) -> Iterator[LocalEngine]:
    """One of its networks has weights that are no numbers."""
    network = copy.deepcopy(getattr(model, request.param))
    with torch.no_grad():
        for weight in network.parameters():
            weight.fill_(torch.nan)
    engine = LocalEngine(replace(model, **{request.param: network}), EngineOptions(max_utterances=2))
    yield engine
    engine.close()


def test_no_sound_is_made_of_values_that_are_no_numbers(poisoned: LocalEngine) -> None:
    with pytest.raises(NotFinite):
        speak(poisoned, Utterance(id="a", seed=1), TEXT)
    assert poisoned.broken() is None
    assert poisoned.stats().utterances == 0


def test_again_and_again_it_is_the_engines_fault(poisoned: LocalEngine) -> None:
    for index in range(FAILURES_IN_A_ROW):
        with pytest.raises((NotFinite, EngineBroken)):
            speak(poisoned, Utterance(id=f"{index}", seed=1), TEXT)
    with pytest.raises(EngineBroken) as refused:
        speak(poisoned, Utterance(id="next", seed=1), TEXT)
    assert refused.value.fault is Fault.NOT_FINITE
