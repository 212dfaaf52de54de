"""Float32 mono samples -> the sound device, and what became of them: where the listener is, what was missing.

The device opens before the first request is sent and plays silence until its time has come (`start`). Its callback
takes samples out of a buffer. A device that is lost is opened again, and the sound goes on where it broke off.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from types import ModuleType, TracebackType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .._clock import Span, now_ns
from ..errors import ClientError, PlaybackUnavailable
from ..record import DeviceLog, Write
from ..utterance import Utterance
from .buffer import BUFFER_S, DeviceNotes, PlaybackBuffer
from .device import load_sounddevice, open_stream, own_rate, refresh_devices
from .start import Arrived, ByHint, StartRule

REPORT_INTERVAL_S = 0.2
LOST_S = 3.0  # a device that has not asked for so long is taken for lost, whatever it says
GIVE_UP_S = 10.0  # without a device
_RETRY_S = (0.05, 1.0)  # before the second attempt to open it, and at most
_LAST_REPORT_LIMIT_S = 0.5  # for the last report to the server

_Opened = tuple[PlaybackBuffer, Any, asyncio.Event]  # its stream, and whether that has ended


@dataclass(frozen=True, kw_only=True)
class Position:
    """Where the listener is. Samples at the utterance's rate."""

    played_samples: int  # given to the device
    buffered_samples: int
    underruns: int
    underrun_s: float
    output_latency_s: float


class Player:
    """`async with Player(rate) as player:` opens the device; leaving the block silences it at once.

    Plays one utterance. `write` and `drain` raise PlaybackUnavailable when a lost device does not come back.
    """

    def __init__(
        self, sample_rate: int, sounddevice: ModuleType | None = None, *, start: StartRule | None = None
    ) -> None:
        """`start`: when playback may begin; by the server's hint if absent. `sounddevice`: stands in for the module."""
        self.sample_rate = sample_rate
        self.opening_ns = (0, 0)  # when opening began and ended
        self._sounddevice = sounddevice or load_sounddevice()
        self._start = start or ByHint()
        self._start.begin()
        self._first_ns: int | None = None  # receipt of the first chunk
        self._allowed_ns: int | None = None  # the sound might begin; the end does not change it
        self._started_ns: int | None = None
        self._written = 0
        self._writes: list[Write] = []
        self._before: list[DeviceNotes] = []  # what devices noted that were lost
        self._losses: list[Span] = []

    async def __aenter__(self) -> Player:
        self._loop = asyncio.get_running_loop()
        began_ns = now_ns()
        self._buffer, self._stream, self._finished = await asyncio.to_thread(self._open)
        await asyncio.to_thread(self._run)
        self.opening_ns = (began_ns, now_ns())
        self._keeper = asyncio.create_task(self._keep(), name="gapless-player")
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._keeper.cancel()
        with contextlib.suppress(asyncio.CancelledError, PlaybackUnavailable):
            await self._keeper
        self._close()
        self._buffer.due_ns = 0

    # ---------------------------------------------------------------------------------------------- for the program

    @property
    def started_ns(self) -> int | None:
        """When the first sample sounded, by the device's own clock."""
        return self._started_ns or self._buffer.started_ns

    @property
    def stopped(self) -> bool:
        return self._buffer.stopped

    async def write(
        self,
        samples: NDArray[np.float32],
        *,
        received_ns: int,
        prebuffer_hint_s: float | None = None,
        sent_ns: int = 0,
    ) -> None:
        """Appends `samples` [N]; waits while the buffer is full. `received_ns`: when they came; `sent_ns`: when they
        left, on the server's clock. After `stop` they go nowhere."""
        asked_ns = now_ns()
        self._may_begin(
            Arrived(
                received_ns=received_ns,
                sent_ns=sent_ns,
                audio_s=len(samples) / self.sample_rate,
                hint_s=prebuffer_hint_s,
            )
        )
        while len(samples) and not self.stopped:
            self._raise_loss()
            room = self._buffer.room
            piece, samples = samples[:room], samples[room:]
            self._buffer.put(piece)
            self._written += len(piece)
            if len(samples):
                # The device takes samples at a known rate and its callback must not signal anybody: room comes by then.
                await asyncio.sleep(min(len(samples) / self.sample_rate, BUFFER_S / 2))
        self._writes.append(Write(end_sample=self._written, asked_ns=asked_ns, done_ns=now_ns()))

    async def drain(self) -> None:
        """No more samples: returns when the last one has sounded, or, after `stop`, when all is quiet."""
        if self.started_ns is None and self._allowed_ns:
            self._allowed_ns = min(self._allowed_ns, now_ns())
        if not self.stopped:
            self._buffer.end()
        await asyncio.shield(self._keeper)

    def stop(self) -> Position:
        """Barge-in: the sound dies away within the device's next block. What was played by then is exact to a block."""
        self._buffer.stop()
        return self.position()

    def position(self) -> Position:
        notes = [*self._before, self._buffer.notes()]
        played = min(self._buffer.played, self._written)
        return Position(
            played_samples=played,
            buffered_samples=self._written - played,
            underruns=sum(seen.underrun_count for seen in notes),
            underrun_s=sum(seen.missing_samples for seen in notes) / self.sample_rate,
            output_latency_s=self._buffer.latency_s,
        )

    def log(self) -> DeviceLog:
        """What the device did, for whoever wants to know where the time went."""
        notes = [*self._before, self._buffer.notes()]
        return DeviceLog(
            opening=Span(*self.opening_ns),
            sample_rate=self.sample_rate,
            started_ns=self.started_ns,
            allowed_ns=self._allowed_ns,
            block_s=self._buffer.block_s,
            latency_s=self._buffer.latency_s,
            writes=tuple(self._writes),
            underruns=tuple(underrun for seen in notes for underrun in seen.underruns),
            stalls=(*(stall for seen in notes for stall in seen.stalls), *self._buffer.standing_still()),
            losses=tuple(self._losses),
        )

    def _may_begin(self, chunk: Arrived) -> None:
        if self._first_ns is None:
            self._first_ns = chunk.received_ns
        self._buffer.start_ns = self._first_ns + round(self._start.prebuffer_s(chunk) * 1e9)
        if self.started_ns is None:
            self._allowed_ns = self._buffer.start_ns

    def _raise_loss(self) -> None:
        if self._keeper.done():
            self._keeper.result()

    # ---------------------------------------------------------------------------------------------- the device

    def _open(self) -> _Opened:
        """At the utterance's rate, or at the device's own where it takes only that. Not started."""
        opened = self._open_at(self.sample_rate) or self._open_at(own_rate(self._sounddevice))
        if opened is None:
            raise PlaybackUnavailable("the audio device takes neither the utterance's rate nor its own")
        return opened

    def _open_at(self, rate: int) -> _Opened | None:
        buffer, finished = PlaybackBuffer(self.sample_rate, rate, self._sounddevice.CallbackStop), asyncio.Event()
        stream = open_stream(self._sounddevice, rate, buffer.callback, partial(self._on_loop, finished.set))
        if stream is None:
            return None
        buffer.opened(float(stream.latency))
        return buffer, stream, finished

    def _run(self) -> None:
        try:
            self._stream.start()
        except self._sounddevice.PortAudioError as error:
            self._close()
            raise PlaybackUnavailable(f"the audio device does not start: {error}") from error
        self._buffer.due_ns = self._buffer.due_ns or now_ns()  # from now on it should ask

    def _close(self) -> None:
        self._stream.abort(ignore_errors=True)
        self._stream.close(ignore_errors=True)

    def _on_loop(self, callback: Callable[[], object]) -> None:
        with contextlib.suppress(RuntimeError):  # the loop is gone, nobody waits
            self._loop.call_soon_threadsafe(callback)

    async def _keep(self) -> None:
        """Returns when all has sounded. Until then a device that is lost is opened again."""
        while not await self._played():
            lost_ns = now_ns()
            try:
                async with asyncio.timeout(GIVE_UP_S):
                    await self._open_again()
            except TimeoutError:
                message = f"the audio device was lost and did not come back within {GIVE_UP_S:.0f} s"
                raise PlaybackUnavailable(message) from None
            self._losses.append(Span(lost_ns, now_ns()))

    async def _played(self) -> bool:
        """Whether all has sounded; else the device is lost: it said that it ended, or has not asked for long."""
        while not self._finished.is_set():
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(LOST_S):
                    await self._finished.wait()
            if (now_ns() - self._buffer.due_ns) / 1e9 > LOST_S:
                break
        return self._buffer.over

    async def _open_again(self) -> None:
        await asyncio.to_thread(self._close)
        wait_s, longest_s = _RETRY_S
        while True:
            try:
                buffer, self._stream, self._finished = await asyncio.to_thread(self._open)
                self._change_to(buffer)
                return await asyncio.to_thread(self._run)
            except PlaybackUnavailable:
                await asyncio.sleep(wait_s)
                wait_s = min(2 * wait_s, longest_s)
                await asyncio.to_thread(refresh_devices, self._sounddevice)

    def _change_to(self, buffer: PlaybackBuffer) -> None:
        self._before.append(self._buffer.notes())
        self._started_ns = self.started_ns
        buffer.take_over(self._buffer)
        self._buffer = buffer


async def report_playback(player: Player, utterance: Utterance) -> None:
    """Tells the server at a steady rate where the listener is, until the call is over or he stops listening."""
    with contextlib.suppress(ClientError):  # the one who iterates learns why the call is over
        while not player.stopped:
            await asyncio.sleep(REPORT_INTERVAL_S)
            await _report(player.position(), utterance)


async def barge_in(player: Player, utterance: Utterance) -> Position:
    """Stops the sound, tells the server how much was heard, which ends the call, and waits until all is quiet."""
    position = player.stop()
    with contextlib.suppress(ClientError, TimeoutError):
        async with asyncio.timeout(_LAST_REPORT_LIMIT_S):
            with contextlib.suppress(ClientError):  # the call may be over: all was sent, and the rest is not wanted
                await _report(position, utterance, stopped=True)
            await player.drain()  # else what the device has not sounded yet would be cut off with a click
    return position


async def _report(position: Position, utterance: Utterance, stopped: bool = False) -> None:
    await utterance.report_playback(
        played_samples=position.played_samples,
        buffered_samples=position.buffered_samples,
        underruns=position.underruns,
        underrun_s=position.underrun_s,
        output_latency_s=position.output_latency_s,
        stopped=stopped,
    )
