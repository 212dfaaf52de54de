"""The GPU benchmark on a CPU at reduced size: every part of it runs, but what only a GPU does."""

from __future__ import annotations

import json
import shlex
from pathlib import Path

import pytest
import torch

from benchmarks.latency import gpu
from benchmarks.latency.gpu_agreement import MOST_DB
from benchmarks.latency.reported_elsewhere import PEERS
from benchmarks.support.model_forms import endless
from benchmarks.support.random_checkpoint import write
from engine.checkpoints import load
from engine.checkpoints.variants import VARIANTS
from engine.engine import LocalEngine
from engine.messages import AudioChunk, Finished, Utterance
from engine.options import EngineOptions
from engine.speak import events


@pytest.fixture(scope="module")
def checkpoints(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("checkpoints")
    for variant in ("turbo", "base"):
        write(VARIANTS[variant], directory / f"tiny-{variant}", "tiny")
    return directory


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a CUDA device")
def test_without_a_gpu_it_says_so_at_once(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        gpu.main([])
    assert "there is no CUDA device on this machine; --device cpu" in capsys.readouterr().err


@pytest.mark.parametrize("variant", ["turbo", "base"])
def test_every_segment_has_the_tokens_that_were_asked_for(checkpoints: Path, variant: str) -> None:
    engine = LocalEngine(
        endless(load(str(checkpoints / f"tiny-{variant}")), 30), EngineOptions(max_utterances=1, device="cpu")
    )
    try:
        said = [events(engine, Utterance(id=f"{seed}", seed=seed), "One sentence.", 60.0) for seed in range(5)]
    finally:
        engine.close()
    usages = [event.usage for one in said for event in one if isinstance(event, Finished)]
    assert [usage.speech_tokens for usage in usages] == [30] * 5
    assert all(any(isinstance(event, AudioChunk) for event in one) for one in said)


def test_a_report_holds_steps_streams_what_fits_and_peers(checkpoints: Path, tmp_path: Path) -> None:
    to_json, to_svg = tmp_path / "gpu.json", tmp_path / "gpu.svg"
    given = "--device cpu --size tiny --variants base --streams 1 2 --seconds 0.1 --tokens 25 --find 2 --windows 1 3"
    gpu.main([*shlex.split(given), "--checkpoints", str(checkpoints), "--json", str(to_json), "--svg", str(to_svg)])
    report = json.loads(to_json.read_text(encoding="utf-8"))
    (base,) = report["variants"]
    assert [step["rows"] for step in base["steps"]] == [1, 2, 4]  # with and without guidance's rows
    assert all(step["step_ms"] > 0 and step["floor_ms"] > 0 for step in base["steps"])
    agreement = base["agreement"]
    assert (agreement["likeliest"], agreement["mel"], agreement["samples_db"]) == (1.0, 0.0, MOST_DB)
    assert [window["rows"] for window in base["windows"]] == [1, 3]
    assert all(window["flow_ms"] > 0 and window["vocoder_ms"] > 0 for window in base["windows"])
    assert [found["streams"] for found in base["streams"]] == [1, 2]
    assert all(found["ttfa_s"]["p50"] > 0 for found in base["streams"])
    assert base["largest"] in (0, 1, 2)
    assert (report["dead"]["callers"], report["dead"]["faults"]) == (3, ["DEVICE_FAILED"] * 3)
    assert 0.0 <= report["dead"]["told_s"] < 5.0
    assert [peer["name"] for peer in report["peers"]] == [peer.name for peer in PEERS]
    assert "base p50" in to_svg.read_text(encoding="utf-8")


def test_nothing_is_begun_after_the_limit(
    checkpoints: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    to_json = tmp_path / "gpu.json"
    given = "--device cpu --size tiny --variants turbo --streams 1 --find 0 --limit 0"
    gpu.main([*shlex.split(given), "--checkpoints", str(checkpoints), "--json", str(to_json)])
    (turbo,) = json.loads(to_json.read_text(encoding="utf-8"))["variants"]
    assert (turbo["agreement"], turbo["windows"], turbo["steps"], turbo["streams"]) == (None, [], [], [])
    assert "turbo, 1 streams: left out, the time is up" in capsys.readouterr().out
