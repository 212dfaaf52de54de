"""A whole engine speaks through either vocoder, alone as beside others."""

from __future__ import annotations

import threading
from typing import Any

import numpy as np
import pytest

from engine.checkpoints import load
from engine.engine import LocalEngine
from engine.messages import Utterance
from engine.networks.hift.hift import HiFT
from engine.networks.pulse.pulse import PulseVocoder
from engine.options import EngineOptions
from engine.speak import speak
from tests.engine.tiny import write_tiny_model

TEXT = "Hello there, my friend. How are you today? Fine."
PULSE = {"pulse": {"width": 16, "hidden": 32, "mel_blocks": 1, "blocks": 1}}


@pytest.mark.parametrize(("changes", "kind"), [({}, HiFT), (PULSE, PulseVocoder)], ids=["hift", "pulse"])
def test_an_engine_speaks(changes: dict[str, Any], kind: type, tmp_path_factory: pytest.TempPathFactory) -> None:
    model = load(str(write_tiny_model(tmp_path_factory.mktemp("model") / "tiny", **changes)))
    assert isinstance(model.vocoder, kind)
    assert model.samples_per_token == 960
    engine = LocalEngine(model, EngineOptions(max_utterances=4, deterministic=True))
    try:
        alone = speak(engine, Utterance(id="a", seed=1), TEXT)
        others = [
            threading.Thread(target=speak, args=(engine, Utterance(id=f"o{seed}", seed=seed), TEXT))
            for seed in range(3)
        ]
        for other in others:
            other.start()
        beside = speak(engine, Utterance(id="a", seed=1), TEXT)
        for other in others:
            other.join()
    finally:
        engine.close()
    assert np.array_equal(alone, beside)
    assert np.abs(alone).max() > 0
