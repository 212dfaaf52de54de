"""An engine whose windows are graphs says what one says whose windows are launched operation by operation, whatever it
was told to do."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from engine.checkpoints import load
from engine.device.device import CPU, Device
from engine.device.precision import Precision
from engine.engine import LocalEngine
from engine.messages import Aligned, AudioChunk, Event, Resume, Utterance
from engine.options import EngineOptions
from engine.speak import events
from tests.engine.device.efficient_attention import on_a_cpu
from tests.engine.recording import Counting, record
from tests.engine.tiny import CONFIG, write_tiny_model

TEXT = "The old man walked home. He said nothing at all, and the rain went on."
LADDER = (4, 8)  # tokens: few graphs
SWITCHES: dict[str, dict[str, Any]] = {
    "deterministic": {"deterministic": True, "ladder": LADDER},
    "sequential": {"by_deadline": False, "sequential": True, "ladder": (2, 3, 8)},  # the first has no sound
    "speculation": {"by_deadline": False, "speculate": True, "ladder": LADDER},
    "bfloat16": {"deterministic": True, "watermark": True, "dtype": "flow=bfloat16,vocoder=bfloat16", "ladder": LADDER},
}
TOLERANCE = {"bfloat16": 0.1}


@pytest.fixture(scope="module")
def directory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    flow = {**CONFIG["flow"], "form": "windowed"}
    return write_tiny_model(tmp_path_factory.mktemp("models") / "tiny", flow=flow)


@contextlib.contextmanager
def opened(model: Path | str, options: EngineOptions) -> Iterator[LocalEngine]:
    precision = Precision.parse(options.dtype, CPU)
    with contextlib.closing(LocalEngine(load(str(model), precision=precision), options)) as engine:
        yield engine


def captured(patch: pytest.MonkeyPatch, steps: Any) -> Counting:
    """From now on engines have graphs; returns those of windows."""
    windows = Counting()
    patch.setattr(Device, "window_capture", lambda self: windows)
    patch.setattr(Device, "capture", lambda self, packed=(): steps)
    return windows


def said(model: Path | str, options: EngineOptions, utterances: Sequence[Utterance], text: str = TEXT) -> list[Event]:
    with opened(model, options) as engine:
        return [event for one in utterances for event in events(engine, one, text, 60.0)]


def audio(spoken: Sequence[Event]) -> NDArray[np.float32]:
    return np.concatenate([event.samples for event in spoken if isinstance(event, AudioChunk)])


@pytest.mark.parametrize("switch", SWITCHES)
def test_windows_of_an_engine_may_be_graphs(directory: Path, switch: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Steps, windows of the flow and of the vocoder: over two segments, with their ends."""
    options = EngineOptions(max_utterances=1, **SWITCHES[switch])
    utterances = [Utterance(id="a", seed=1)]
    monkeypatch.setattr(Device, "max_batch", 1)
    launched = audio(said(directory, options, utterances))
    windows = captured(monkeypatch, record if switch == "deterministic" else Counting())
    by_graphs = audio(said(directory, options, utterances))
    assert len(windows.seen) > 10
    assert launched.shape == by_graphs.shape
    assert np.abs(launched).max() > 0.01
    assert np.abs(launched - by_graphs).max() < TOLERANCE.get(switch, 1e-3)


def test_windows_that_run_together_read_their_prompts_where_they_lie(
    directory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    options = EngineOptions(max_utterances=1, deterministic=True, ladder=LADDER)
    launched = audio(said(directory, options, [Utterance(id="a", seed=1)]))
    captured(monkeypatch, Counting())
    monkeypatch.setattr(Device, "attends_in_place", True)
    monkeypatch.setattr("engine.stages.flow_graphs.IN_PLACE", 1)
    with on_a_cpu():
        by_graphs = audio(said(directory, options, [Utterance(id="a", seed=1)]))
    assert np.abs(launched - by_graphs).max() < 1e-3


def test_an_utterance_is_gone_on_with_by_graphs(directory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Begun by an engine that launches, and from each of its chunks on by one that has graphs."""
    options = EngineOptions(max_utterances=1, deterministic=True, ladder=LADDER)
    first = Utterance(id="first", seed=7, want_tokens=True)
    whole = said(directory, options, [first])
    captured(monkeypatch, Counting())
    with opened(directory, options) as engine:
        for chunk in [event for event in whole if isinstance(event, AudioChunk)][1:-1:4]:
            done = chunk.first_sample + chunk.num_samples
            assert chunk.place is not None
            rest = events(engine, replace(first, resume=Resume(place=chunk.place, from_sample=done)), TEXT, 60.0)
            assert np.abs(audio(rest) - audio(whole)[done:]).max() < 1e-3


def test_word_times_come_from_graphs_as_well(monkeypatch: pytest.MonkeyPatch) -> None:
    options = EngineOptions(max_utterances=1, deterministic=True)
    asked = Utterance(id="a", seed=3, want_alignment=True)

    def words() -> list[Any]:
        spoken = said("embedded", options, [asked], "She paid five dollars, and left.")
        return [word for event in spoken if isinstance(event, Aligned) for word in event.words]

    launched = words()
    captured(monkeypatch, Counting())
    assert words() == launched
    assert [word.word for word in launched] == ["She", "paid", "five", "dollars", "and", "left"]
