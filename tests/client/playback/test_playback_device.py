"""Playing for real: PortAudio -> ALSA -> PulseAudio null sink, and what its monitor recorded is the sound.

Needs pulseaudio, its ALSA plugin and libportaudio2. Skipped where they are missing, never under CI.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator

import grpc
import numpy as np
import pytest
from numpy.typing import NDArray

from benchmarks.support.null_sink import Sink, missing, null_sink
from tests.client.fake_server import CHARACTER_S, SILENCE_S, FakeServer, Requests, Responses, speak

RATE = 24000  # Hz, of sink and recording alike: nothing resamples
TEXT = "This is heard, not computed."
MISSING = missing()

pytestmark = [
    pytest.mark.skipif(bool(MISSING) and "CI" not in os.environ, reason=f"not installed: {MISSING}"),
    pytest.mark.real_time,
]


@pytest.fixture
def sink() -> Iterator[Sink]:
    with null_sink(RATE) as running:
        yield running


def say(address: str, sink: Sink, *arguments: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "client", "say", "--address", address, "--json", *arguments]
    environment = os.environ | sink.environment
    return subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def heard(sink: Sink) -> NDArray[np.int64]:
    """Which samples of the recording are loud. [N]"""
    return np.flatnonzero(np.abs(sink.recorded()) > 0.05)


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
    loud = heard(sink)
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
        while not len(heard(sink)):
            assert process.poll() is None, process.communicate()
            time.sleep(0.05)
        process.send_signal(2)
        _, err = process.communicate(timeout=5)
    time.sleep(0.3)
    loud = heard(sink)
    assert process.returncode == 130
    assert "Traceback" not in err
    assert (loud[-1] - loud[0]) / RATE < 3.0  # of 14 s
    (last,) = [request.playback for request in server.requests if request.playback.stopped]
    assert last.played_samples / RATE == pytest.approx((loud[-1] - loud[0]) / RATE + SILENCE_S, abs=0.03)


def test_a_sound_card_that_is_pulled_and_plugged_in_again(sink: Sink) -> None:
    """All of the tone is heard, what the device had taken last twice, and the verdict names the device."""
    with FakeServer(speak_slowly) as server:
        process = say(server.address, sink, TEXT * 3)
        while not len(heard(sink)):
            assert process.poll() is None, process.communicate()
            time.sleep(0.05)
        time.sleep(1.0)
        sink.stop()
        before = len(sink.recorded())
        sink.start()
        out, err = process.communicate(timeout=30)
    time.sleep(0.3)
    figures, loud = json.loads(out.splitlines()[-1]), heard(sink)
    played_s = len(TEXT) * 3 * CHARACTER_S
    first_part, second_part = loud[loud < before], loud[loud >= before]
    heard_s = sum(part[-1] - part[0] for part in (first_part, second_part)) / RATE
    assert process.returncode == 0, err
    assert heard_s == pytest.approx(played_s, abs=0.1)
    assert np.diff(second_part).max() <= 0.005 * RATE
    assert figures["verdict"]["hop"] == "device"
    assert figures["verdict"]["audible"]
