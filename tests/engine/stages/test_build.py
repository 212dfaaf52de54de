"""An engine whose windows are graphs says what one says whose windows are launched operation by operation."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from engine.checkpoints import load
from engine.device.device import Device
from engine.engine import LocalEngine
from engine.messages import Utterance
from engine.options import EngineOptions
from engine.speak import speak
from tests.engine.recording import Counting, record
from tests.engine.tiny import CONFIG, write_tiny_model

TEXT = "The old man walked home. He said nothing at all, and the rain went on."


def said(directory: Path, text: str) -> NDArray[np.float32]:
    engine = LocalEngine(load(str(directory)), EngineOptions(max_utterances=2, deterministic=True))
    try:
        return np.concatenate([speak(engine, Utterance(id=f"{seed}", seed=seed), text) for seed in range(2)])
    finally:
        engine.close()


def test_windows_of_an_engine_may_be_graphs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Steps, windows of the flow and of the vocoder: over two segments and two utterances, with their ends."""
    directory = write_tiny_model(tmp_path / "tiny", flow={**CONFIG["flow"], "form": "windowed"})
    launched = said(directory, TEXT)
    windows = Counting()
    monkeypatch.setattr(Device, "window_capture", lambda self: windows)
    monkeypatch.setattr(Device, "capture", lambda self, packed=(): record)
    captured = said(directory, TEXT)
    assert len(windows.seen) > 20
    assert launched.shape == captured.shape
    assert np.abs(launched).max() > 0.01
    assert np.abs(launched - captured).max() < 1e-3
