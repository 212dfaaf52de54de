"""Float32 mono samples -> the sound device, through PortAudio (`sounddevice`, imported only when something is played).

The stream opens before the first request is sent and plays silence until its time has come. The device's callback takes
samples out of a ring buffer and counts; it takes no lock, waits for nothing and raises nothing but its own end.
One writer (the user's loop) advances `_written`, one reader (the callback) advances `_read`; nobody else does.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from types import ModuleType, TracebackType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .clock import now_ns
from .errors import ClientError, PlaybackUnavailable
from .signs import DeviceLog, Span, Underrun, Write
from .utterance import Utterance

BUFFER_S = 30.0  # capacity of the ring
REPORT_INTERVAL_S = 0.2
_TAIL_MARGIN_S = 0.05  # silence at the end, beyond the latency that the stream reports
_DRAIN_SLACK_S = 5.0  # beyond the audio that is left; then the device is taken for dead
_NOTED = 1024  # underruns and stalls that the log holds; what comes later is counted, not noted
_STALL_S = 0.05  # a device that asks so much later than its last block lasts, and than it has buffered, stood still


@dataclass(frozen=True, kw_only=True)
class Position:
    """Where the listener is. Samples at the stream's rate."""

    played_samples: int
    buffered_samples: int
    underruns: int
    underrun_s: float
    output_latency_s: float


class Player:
    """`async with Player(rate) as player:` opens the device; leaving the block silences it at once."""

    def __init__(self, sample_rate: int, sounddevice: ModuleType | None = None) -> None:
        """`sounddevice`: stands in for the module, in tests."""
        self.sample_rate = sample_rate
        self.started_ns: int | None = None  # when the first sample sounded, by the device's own clock
        self.opening_ns = (0, 0)  # when opening began and ended
        self._sounddevice = sounddevice or load_sounddevice()
        self._ring: NDArray[np.float32] = np.zeros(round(BUFFER_S * sample_rate), dtype=np.float32)  # [N]
        self._written = 0
        self._read = 0
        self._ended = False
        self._first_ns: int | None = None  # receipt of the first chunk
        self._start_ns = 0  # not before this
        self._allowed_ns: int | None = None  # the same, for the log: the end does not change it
        self._underruns = 0
        self._missing_samples = 0
        self._starving = False
        self._writes: list[Write] = []
        self._gaps: NDArray[np.int64] = np.zeros((_NOTED, 3), dtype=np.int64)  # position, ns, missing samples
        self._stalls: NDArray[np.int64] = np.zeros((_NOTED, 2), dtype=np.int64)  # from ns, to ns
        self._stall_count = 0
        self._asked_ns = 0  # when the device asked last
        self._block = 0  # samples that it asked for
        self._patience_ns = 0

    async def __aenter__(self) -> Player:
        self._loop, self._finished = asyncio.get_running_loop(), asyncio.Event()
        began_ns = now_ns()
        await asyncio.to_thread(self._open)
        self.opening_ns = (began_ns, now_ns())
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stream.abort(ignore_errors=True)
        self._stream.close(ignore_errors=True)

    async def write(
        self, samples: NDArray[np.float32], *, received_ns: int, prebuffer_hint_s: float | None = None
    ) -> None:
        """Appends `samples` [N]; waits while the buffer is full. `received_ns`: when they came."""
        if self._first_ns is None:
            self._first_ns = self._start_ns = received_ns
        if prebuffer_hint_s is not None:
            self._start_ns = self._first_ns + round(prebuffer_hint_s * 1e9)
        if self.started_ns is None:
            self._allowed_ns = self._start_ns
        asked_ns = now_ns()
        while len(samples):
            room = len(self._ring) - (self._written - self._read)
            piece, samples = samples[:room], samples[room:]
            self._append(piece)
            if len(samples):
                # The device takes samples at a known rate and its callback must not signal anybody: room comes by then.
                await asyncio.sleep(min(len(samples), len(self._ring) // 2) / self.sample_rate)
        self._writes.append(Write(end_sample=self._written, asked_ns=asked_ns, done_ns=now_ns()))

    async def drain(self) -> None:
        """No more samples: returns when the last one has sounded."""
        self._start_ns = 0  # nothing is left to wait for
        if self.started_ns is None and self._allowed_ns:
            self._allowed_ns = min(self._allowed_ns, now_ns())
        self._ended = True
        left_s = (self._written - self._read) / self.sample_rate
        try:
            async with asyncio.timeout(left_s + _DRAIN_SLACK_S):
                await self._finished.wait()
        except TimeoutError:
            raise PlaybackUnavailable("the audio device stopped taking samples") from None

    def position(self) -> Position:
        return Position(
            played_samples=self._read,
            buffered_samples=self._written - self._read,
            underruns=self._underruns,
            underrun_s=self._missing_samples / self.sample_rate,
            output_latency_s=float(self._stream.latency),
        )

    def log(self) -> DeviceLog:
        """What the device did, for whoever wants to know where the time went."""
        gaps, stalls = self._gaps[: self._underruns].tolist(), self._stalls[: self._stall_count].tolist()
        return DeviceLog(
            opening=Span(*self.opening_ns),
            sample_rate=self.sample_rate,
            started_ns=self.started_ns,
            allowed_ns=self._allowed_ns,
            block_s=self._block / self.sample_rate,
            latency_s=float(self._stream.latency),
            writes=tuple(self._writes),
            underruns=tuple(
                Underrun(position=position, at_ns=at_ns, missing_samples=missing) for position, at_ns, missing in gaps
            ),
            stalls=tuple(Span(begin, end) for begin, end in [*stalls, *self._standing_still()]),
        )

    def _open(self) -> None:
        try:
            self._stream = self._sounddevice.OutputStream(
                samplerate=self.sample_rate,
                channels=1,
                dtype="float32",
                callback=self._callback,
                finished_callback=self._on_finished,
            )
            # Quirk: PortAudio on ALSA drops at the end what the device has not yet sounded. So silence goes last.
            self._tail_left = round((float(self._stream.latency) + _TAIL_MARGIN_S) * self.sample_rate)
            self._patience_ns = round(max(_STALL_S, float(self._stream.latency)) * 1e9)
            self._stream.start()
            self._asked_ns = self._asked_ns or now_ns()  # from now on it should ask
        except self._sounddevice.PortAudioError as error:
            raise PlaybackUnavailable(
                f"the audio device does not open: {error}; --out FILE.wav writes a file"
            ) from error

    def _append(self, samples: NDArray[np.float32]) -> None:
        at = self._written % len(self._ring)
        head = min(len(samples), len(self._ring) - at)
        self._ring[at : at + head] = samples[:head]
        self._ring[: len(samples) - head] = samples[head:]
        self._written += len(samples)  # last: from here on the callback sees them

    def _callback(self, out: NDArray[np.float32], frames: int, time: Any, status: Any) -> None:
        """`out` [frames, 1] is to be filled."""
        self._note_asking(frames)
        ended = self._ended  # before `_written`: what was written before the end is counted
        available = self._written - self._read
        if self.started_ns is None and (available or ended):
            if now_ns() < self._start_ns:
                available = 0
            elif available:
                self.started_ns = now_ns() + int((time.outputBufferDacTime - time.currentTime) * 1e9)
        taken = min(frames, available)
        self._copy(out, taken)
        out[taken:] = 0.0
        self._read += taken
        if taken == frames or (self.started_ns is None and not ended):
            self._starving = False
        elif ended and self._read == self._written:
            self._tail_left -= frames - taken
            if self._tail_left <= 0:
                raise self._sounddevice.CallbackStop
        else:
            self._note_missing(frames - taken)

    def _note_asking(self, frames: int) -> None:
        """A device that asks much later than its last block lasts stood still meanwhile, and so did the sound."""
        asked_ns = now_ns()
        due_ns = self._asked_ns + self._block * 1_000_000_000 // self.sample_rate
        if self._asked_ns and asked_ns - due_ns > self._patience_ns and self._stall_count < _NOTED:
            self._stalls[self._stall_count] = due_ns, asked_ns
            self._stall_count += 1
        self._asked_ns, self._block = asked_ns, frames

    def _standing_still(self) -> list[tuple[int, int]]:
        """The stall that lasts right now, if one does."""
        due_ns = self._asked_ns + self._block * 1_000_000_000 // self.sample_rate
        asks = self._asked_ns and self._stream.active
        return [(due_ns, at_ns)] if asks and (at_ns := now_ns()) - due_ns > self._patience_ns else []

    def _note_missing(self, missing: int) -> None:
        self._missing_samples += missing
        if not self._starving:
            self._starving = True
            if self._underruns < _NOTED:
                self._gaps[self._underruns, :2] = self._read, self._asked_ns
            self._underruns += 1
        if self._underruns <= _NOTED:
            self._gaps[self._underruns - 1, 2] += missing

    def _copy(self, out: NDArray[np.float32], count: int) -> None:
        at = self._read % len(self._ring)
        head = min(count, len(self._ring) - at)
        out[:head, 0] = self._ring[at : at + head]
        out[head:count, 0] = self._ring[: count - head]

    def _on_finished(self) -> None:
        with contextlib.suppress(RuntimeError):  # the loop is gone, nobody waits
            self._loop.call_soon_threadsafe(self._finished.set)


async def report_playback(player: Player, utterance: Utterance) -> None:
    """Tells the server at a steady rate where the listener is, until the call is over."""
    with contextlib.suppress(ClientError):  # the one who iterates learns why the call is over
        while True:
            await asyncio.sleep(REPORT_INTERVAL_S)
            position = player.position()
            await utterance.report_playback(
                played_samples=position.played_samples,
                buffered_samples=position.buffered_samples,
                underruns=position.underruns,
                underrun_s=position.underrun_s,
                output_latency_s=position.output_latency_s,
            )


def load_sounddevice() -> ModuleType:
    try:
        import sounddevice
    except (ImportError, OSError) as error:  # OSError: the package is there, the PortAudio library is not
        raise PlaybackUnavailable(
            f"playing needs PortAudio ({error}): `apt install libportaudio2` (Debian, Ubuntu) or "
            "`brew install portaudio` (macOS), then `pip install sounddevice`; --out FILE.wav writes a file without it"
        ) from error
    module: ModuleType = sounddevice
    return module


def device_rate(native: int, offered: Sequence[int]) -> int:
    """The rate to ask the server for, in Hz, so that the default device plays it as it comes."""
    sounddevice = load_sounddevice()
    try:
        device = sounddevice.query_devices(kind="output")
    except (sounddevice.PortAudioError, ValueError) as error:
        raise PlaybackUnavailable(f"no audio device to play on ({error}); --out FILE.wav writes a file") from error

    def takes(rate: int) -> bool:
        try:
            sounddevice.check_output_settings(channels=1, dtype="float32", samplerate=rate)
        except (sounddevice.PortAudioError, ValueError):
            return False
        return True

    return choose_rate(native, offered, round(device["default_samplerate"]), takes)


def choose_rate(native: int, offered: Sequence[int], preferred: int, takes: Callable[[int], bool]) -> int:
    """The model's own rate where the device takes it, else the device's own, else the highest that both know."""
    for rate in (native, preferred, *sorted(offered, reverse=True)):
        if rate in offered and takes(rate):
            return rate
    raise PlaybackUnavailable(
        f"the audio device takes none of the server's rates {sorted(offered)}; --out FILE.wav writes a file"
    )
