"""Who works on which stream, in whose turn, for how long, and with how much memory."""

from __future__ import annotations

import contextlib
import threading
import time
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import pytest
import torch

from engine.checkpoints import load
from engine.device.device import CPU, Device, Lane
from engine.device.gpus import Apple
from engine.engine import LocalEngine
from engine.messages import AudioChunk, Utterance
from engine.options import EngineOptions
from engine.pipeline.threads import StageThreads
from engine.scheduling.jobs import Stages
from engine.scheduling.scheduler import Scheduler
from engine.speak import events
from engine.stages import utterance_memory
from engine.stages.utterance_memory import UtteranceMemory
from tests.engine.device.fake_gpu import fake_gpu
from tests.engine.scripted import ScriptedMel, ScriptedSound, ScriptedTokens
from tests.engine.scripted_pipeline import CONFIG, Caller
from tests.engine.tiny import write_tiny_model


class Turn:
    def __init__(self) -> None:
        self.held_by: set[str] = set()

    def __enter__(self) -> None:
        self.held_by.add(threading.current_thread().name)

    def __exit__(self, *_: object) -> None:
        pass


class Recorder(Device):
    def __init__(self) -> None:
        super().__init__(CPU)
        self.lanes: dict[str, Lane] = {}
        self.taken = Turn()

    @property
    def turn(self) -> AbstractContextManager[Any]:
        return self.taken

    def take_stream(self, lane: Lane) -> None:
        self.lanes[threading.current_thread().name] = lane


def test_each_stage_has_a_stream_and_a_turn_of_its_own() -> None:
    """Only T3 had one: a voice that was prepared stood before every window on the stream of all others."""
    device = Recorder()
    threads, scheduler = StageThreads(load(), EngineOptions(), device), Scheduler(CONFIG)
    threads.is_small = False
    workers = threads.workers(scheduler, Stages(tokens=ScriptedTokens(), mel=ScriptedMel(), sound=ScriptedSound()))
    workers.start()
    caller = Caller(scheduler, "a")
    caller.say("Something.")
    caller.all()
    scheduler.close()
    workers.join(5.0)
    voices = threading.Thread(target=threads.start_voices, name="voices")
    voices.start()
    voices.join()
    assert device.lanes == {"t3": Lane.T3, "flow": Lane.FLOW, "vocoder": Lane.VOCODER, "voices": Lane.VOICES}
    assert sorted(Lane) == [Lane.T3, Lane.FLOW, Lane.VOCODER, Lane.VOICES]  # in CUDA, lower goes first
    assert device.taken.held_by == {"t3", "flow", "vocoder"}


def test_apples_gpu_is_given_work_by_one_thread_at_a_time() -> None:
    apple = Apple(torch.device("mps", 0))
    refused = threading.Event()

    def another() -> None:
        if not apple.turn.acquire(blocking=False):  # type: ignore[attr-defined]
            refused.set()

    with apple.turn, apple.turn:  # the same thread may, again
        thread = threading.Thread(target=another)
        thread.start()
        thread.join()
    assert refused.is_set()


def test_what_a_device_takes_counts_as_the_stages_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The flow was timed around a launch, which takes no time: spans and the verdict blamed who came next."""
    slow_s = 0.03
    fetched = Device.download

    def finish(self: Device) -> None:
        time.sleep(slow_s)

    def download(self: Device, *tensors: torch.Tensor) -> list[Any]:
        time.sleep(slow_s)
        return fetched(self, *tensors)

    monkeypatch.setattr(Device, "finish", finish)
    monkeypatch.setattr(Device, "download", download)
    model = load(str(write_tiny_model(tmp_path / "tiny")))
    with contextlib.closing(LocalEngine(model, EngineOptions(max_utterances=1, ladder=(40,)))) as engine:
        spoken = events(engine, Utterance(id="a", seed=1), "One.", 60.0)
        chunks = [event.timings for event in spoken if isinstance(event, AudioChunk)]
    assert chunks
    for one in chunks:
        assert one.flow_end_ns - one.flow_start_ns >= 1e9 * slow_s
        assert one.vocoder_end_ns - one.vocoder_start_ns >= 1e9 * slow_s


def test_a_gpus_memory_is_shared_out() -> None:
    """Voices got 4 GiB, whatever the card."""
    gpu, one = fake_gpu(), UtteranceMemory(t3=1 << 28, flow=0, vocoder=0, waiting=0)
    assert gpu.voice_bytes() == 20 << 30
    assert utterance_memory.places(EngineOptions(), one, gpu) == (128, 40 << 30)
    assert gpu.voice_bytes() + (40 << 30) < gpu.free_bytes()  # something is left for work
