"""A sound card for machines without one: PulseAudio's null sink as ALSA's default device, its monitor recorded.

    with null_sink(rate=24_000) as sink:
        os.environ |= sink.environment        # before `sounddevice` is first imported in this process
        ...
        sink.recorded()                       # float32 mono at `rate`: everything since the recording began
        sink.at_ns(12_345)                    # when that sample of the recording sounded, by the client's clock

PortAudio -> ALSA -> PulseAudio -> null sink -> monitor -> `parec` -> a thread here. Everything is private to the block:
files, socket and daemon are in a folder of its own, and gone at its end. The sink's clock is the machine's, so a
recorded sample sounded at the earliest instant that is in keeping with when its neighbours arrived here.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import tempfile
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from client._clock import now_ns

TOOLS = ("pulseaudio", "pactl", "parec")
INSTALL = "apt install libportaudio2 libasound2-plugins pulseaudio pulseaudio-utils"
HEAD_START_S = 3.0  # of the recorder: without a reader the null sink stalls the device's callback by up to 2 s
START_LIMIT_S = 10.0
RECORDER_LATENCY_MS = 10
_PIPE_BYTES = 1 << 16
_LONG_NS = 10**18
_ASOUND = """</usr/share/alsa/alsa.conf>
pcm.!default {{ type pulse; server "{server}" }}
ctl.!default {{ type pulse; server "{server}" }}
"""


class NoSink(RuntimeError):
    """What is missing, and how to get it."""


@dataclass(eq=False)
class Sink:
    folder: Path
    rate: int  # Hz, of sink and recording alike

    def __post_init__(self) -> None:
        self._server = f"unix:{self.folder}/native"
        self._daemon: subprocess.Popen[bytes] | None = None
        self._recorder: subprocess.Popen[bytes] | None = None
        self._heard = bytearray()  # s16le
        (self.folder / "asound.conf").write_text(_ASOUND.format(server=self._server))

    @property
    def environment(self) -> dict[str, str]:
        """What a process needs whose default audio device is to be this one."""
        return {
            "ALSA_CONFIG_PATH": str(self.folder / "asound.conf"),
            "PULSE_SERVER": self._server,
            "PULSE_COOKIE": str(self.folder / "cookie"),
            "XDG_RUNTIME_DIR": str(self.folder),
        }

    def recorded(self) -> NDArray[np.float32]:
        """All that the monitor heard so far. [N]"""
        samples = np.frombuffer(bytes(self._heard[: 2 * self.recorded_samples]), dtype="<i2")
        return samples.astype(np.float32) / np.float32(32768)

    @property
    def recorded_samples(self) -> int:
        return len(self._heard) // 2

    def at_ns(self, sample: int) -> int:
        """Holds for the recording since the last start."""
        return self._begun_ns + sample * 1_000_000_000 // self.rate

    def start(self) -> None:
        """The daemon and its recorder; a recording that was there goes on."""
        sink = f"module-null-sink sink_name=ear format=s16le rate={self.rate} channels=1"
        protocol = f"module-native-protocol-unix auth-anonymous=1 socket={self.folder}/native"
        self._daemon = self._run(
            *("pulseaudio", "-n", "--daemonize=no", "--exit-idle-time=-1", "--disallow-exit", "--use-pid-file=no"),
            *("-L", protocol, "-L", sink),
        )
        deadline_s = time.monotonic() + START_LIMIT_S
        while subprocess.run(["pactl", "info"], env=os.environ | self.environment, capture_output=True).returncode:
            if time.monotonic() > deadline_s or self._daemon.poll() is not None:
                raise NoSink("pulseaudio does not start; `pulseaudio -n -vv` says why")
            time.sleep(0.05)
        self._record()
        time.sleep(HEAD_START_S)

    def stop(self) -> None:
        """As if the sound card had been unplugged."""
        for process in (self._recorder, self._daemon):
            if process:
                process.terminate()
                process.wait(5)
        self._recorder = self._daemon = None

    def _record(self) -> None:
        self._begun_ns = now_ns()  # of sample 0, had it been recorded
        self._recorder = self._run(
            *("parec", "-d", "ear.monitor", f"--latency-msec={RECORDER_LATENCY_MS}", "--raw"),
            *(f"--rate={self.rate}", "--channels=1", "--format=s16le"),
            stdout=subprocess.PIPE,
        )
        threading.Thread(target=self._hear, args=[self._recorder], name="null-sink-ear", daemon=True).start()

    def _hear(self, recorder: subprocess.Popen[bytes]) -> None:
        assert recorder.stdout is not None
        earliest_ns = now_ns() + _LONG_NS
        with recorder.stdout as arriving:
            while piece := os.read(arriving.fileno(), _PIPE_BYTES):
                self._heard += piece
                earliest_ns = min(earliest_ns, now_ns() - self.recorded_samples * 1_000_000_000 // self.rate)
                self._begun_ns = earliest_ns

    def _run(self, *command: str, stdout: int = subprocess.DEVNULL) -> subprocess.Popen[bytes]:
        environment = os.environ | self.environment
        return subprocess.Popen(command, env=environment, stdout=stdout, stderr=subprocess.DEVNULL)


def missing() -> list[str]:
    """Programs that this needs and the machine does not have."""
    return [tool for tool in TOOLS if not shutil.which(tool)]


@contextlib.contextmanager
def null_sink(rate: int = 24_000) -> Iterator[Sink]:
    """Raises NoSink with what is missing."""
    if lacking := missing():
        raise NoSink(f"{', '.join(lacking)} not found: `{INSTALL}` (Debian, Ubuntu)")
    with tempfile.TemporaryDirectory(prefix="ear-") as folder:
        sink = Sink(Path(folder), rate)
        try:
            sink.start()
            yield sink
        finally:
            sink.stop()
