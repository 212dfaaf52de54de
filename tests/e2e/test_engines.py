"""`python -m service --engines process`: the engine in a child that is killed in the middle of an utterance."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import grpc
import pytest

from gapless.tts.v1 import tts_pb2 as pb
from gapless.tts.v1 import tts_pb2_grpc
from tests.e2e.outside import ROOT
from tests.e2e.test_process import address_of
from tests.engine.tiny import write_tiny_model

TEXT = "The first sentence is spoken by one process. The second one may be spoken by another one, and nobody hears it."


@pytest.fixture
def gateway(tmp_path: Path) -> Iterator[subprocess.Popen[str]]:
    flags = ["--address", "127.0.0.1:0", "--model", str(write_tiny_model(tmp_path)), "--engines", "process"]
    command = [sys.executable, "-m", "service", *flags, "--max-utterances", "2", "--deterministic"]
    environ = {**os.environ, "OMP_NUM_THREADS": "1"}
    with subprocess.Popen(
        command, cwd=ROOT, env=environ, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        yield process
        process.kill()


def child_of(process: subprocess.Popen[str]) -> int:
    children = Path(f"/proc/{process.pid}/task").glob("*/children")
    (pid,) = {pid for path in children for pid in path.read_text().split()}
    return int(pid)


def test_who_listens_hears_every_sample_although_the_engine_is_killed(gateway: subprocess.Popen[str]) -> None:
    address, engine = address_of(gateway), child_of(gateway)
    config = pb.SynthesisConfig(sampling=pb.SamplingConfig(seed=7))
    with grpc.insecure_channel(address) as channel:
        stub = tts_pb2_grpc.TextToSpeechServiceStub(channel)
        request = pb.SynthesizeTextRequest(config=config, text=TEXT)
        whole = b"".join(response.audio.data for response in stub.SynthesizeText(request, timeout=60))
        request.config.streaming.max_lead.FromMilliseconds(300)
        heard, killed = b"", False
        for response in stub.SynthesizeText(request, timeout=60):
            heard += response.audio.data
            if response.HasField("audio") and not killed:
                os.kill(engine, signal.SIGKILL)
                killed = True
    assert killed
    assert len(heard) == len(whole) > 0
    assert heard == whole
    assert child_of(gateway) != engine
    gateway.terminate()
    assert gateway.wait(timeout=30) == 0
