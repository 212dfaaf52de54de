"""Playing for real: PortAudio -> ALSA -> PulseAudio null sink, and what its monitor recorded is the sound.

Needs pulseaudio, its ALSA plugin and libportaudio2. Skipped where they are missing, never under CI.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import grpc
import numpy as np
import pytest
from numpy.typing import NDArray

from tests.client.fake_server import CHARACTER_S, SILENCE_S, FakeServer, Requests, Responses, speak

RATE = 24000  # Hz, of sink and recording alike: nothing resamples
READER_HEAD_START_S = 2.0  # without a reader of the monitor the null sink stalls the device's callback
TEXT = "This is heard, not computed."
MISSING = [tool for tool in ("pulseaudio", "pactl", "parec") if not shutil.which(tool)]

pytestmark = pytest.mark.skipif(bool(MISSING) and "CI" not in os.environ, reason=f"not installed: {MISSING}")


@dataclass(frozen=True)
class Sink:
    environment: Mapping[str, str]
    recording: Path

    def recorded(self) -> NDArray[np.float32]:
        data = self.recording.read_bytes()
        samples = np.frombuffer(data[: len(data) // 2 * 2], dtype="<i2")
        return samples.astype(np.float32) / np.float32(32768)


def wait_for(condition: list[str], environment: Mapping[str, str], seconds: float = 5.0) -> None:
    deadline = time.monotonic() + seconds
    while subprocess.run(condition, env=environment, capture_output=True).returncode:
        assert time.monotonic() < deadline, f"never true: {condition}"
        time.sleep(0.05)


@pytest.fixture
def sink(tmp_path: Path) -> Iterator[Sink]:
    """A PulseAudio of its own with a null sink as ALSA's default device, and a recorder on the sink's monitor."""
    (tmp_path / ".asoundrc").write_text("pcm.!default { type pulse }\nctl.!default { type pulse }\n")
    runtime = tmp_path / "runtime"
    runtime.mkdir(mode=0o700)
    others = ("PULSE_SERVER", "PULSE_RUNTIME_PATH", "XDG_CONFIG_HOME")
    environment = {name: value for name, value in os.environ.items() if name not in others}
    environment |= {"HOME": str(tmp_path), "XDG_RUNTIME_DIR": str(runtime)}
    modules = ["-L", "module-native-protocol-unix", "-L", f"module-null-sink sink_name=ear rate={RATE} channels=1"]
    daemon = subprocess.Popen(
        [*["pulseaudio", "-n", "--exit-idle-time=-1", "--disallow-exit", "--use-pid-file=no"], *modules],
        env=environment,
        stderr=subprocess.DEVNULL,
    )
    recorder: subprocess.Popen[bytes] | None = None
    try:
        wait_for(["pactl", "info"], environment)
        recording = tmp_path / "ear.s16"
        with recording.open("wb") as file:
            recorder = subprocess.Popen(
                f"parec --latency-msec=10 -d ear.monitor --rate={RATE} --channels=1 --format=s16le --raw".split(),
                env=environment,
                stdout=file,
            )
        time.sleep(READER_HEAD_START_S)
        yield Sink(environment, recording)
    finally:
        for process in (recorder, daemon):
            if process:
                process.terminate()
                process.wait(5)


def say(address: str, sink: Sink, *arguments: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "client", "say", "--address", address, "--json", *arguments]
    return subprocess.Popen(command, env=sink.environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def speak_slowly(requests: Requests, context: grpc.ServicerContext) -> Responses:
    """Takes a fifth of real time, so that the call lasts while the device plays."""
    for response in speak(requests, context):
        yield response
        time.sleep(0.02)


def test_the_device_plays_all_of_it_without_a_gap(sink: Sink) -> None:
    """What the monitor recorded is one unbroken tone of the right length, and the server was told of the playing."""
    with FakeServer(speak_slowly) as server:
        out, err = say(server.address, sink, TEXT).communicate(timeout=20)
    time.sleep(0.3)  # the recorder's own latency
    figures = json.loads(out.splitlines()[-1])
    loud = np.flatnonzero(np.abs(sink.recorded()) > 0.05)
    assert len(loud), f"nothing was heard; {err}"
    played_s = (loud[-1] - loud[0]) / RATE
    assert figures["playback"] == "device"
    assert figures["underruns"] == 0
    assert played_s == pytest.approx(len(TEXT) * CHARACTER_S, abs=0.01)
    assert np.diff(loud).max() <= 0.005 * RATE  # no silence longer than 5 ms inside
    assert figures["audio_s"] == pytest.approx(played_s + SILENCE_S, abs=0.01)
    assert "playback" in server.events()


def test_ctrl_c_silences_the_device_at_once_and_cancels(sink: Sink) -> None:
    with FakeServer() as server:
        process = say(server.address, sink, TEXT * 10)
        while not len(np.flatnonzero(np.abs(sink.recorded()) > 0.05)):
            assert process.poll() is None, process.communicate()
            time.sleep(0.05)
        process.send_signal(2)
        _, err = process.communicate(timeout=5)
    time.sleep(0.3)
    loud = np.flatnonzero(np.abs(sink.recorded()) > 0.05)
    assert process.returncode == 130
    assert "Traceback" not in err
    assert (loud[-1] - loud[0]) / RATE < 3.0  # of 14 s
