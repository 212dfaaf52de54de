"""The other half of the pattern that this project began with: one event loop that reads and opens the sound device.

    async for response in call:        # on the program's loop
        stamp; open the device if this is the first chunk; hand the samples to it

Rebuilt from its description. The device opens when its sample rate is known, with the first chunk, by a call that
blocks as PortAudio's does. Nothing here waits on purpose; `blocking_writes` uses the device's blocking write instead of
its callback, as PortAudio's simplest examples do.
"""

from __future__ import annotations

import time
from collections import deque
from typing import Any

import numpy as np
from numpy.typing import NDArray

from client._clock import Span, now_ns
from client._transport.channels import Target
from client._transport.clock_probe import PROBE_INTERVAL_S, ClockProber
from client._wire import Decoder, config_to, text_to
from client.attribution.monitor import TICK_S, LoopMonitor
from client.attribution.observations import Observations
from client.audio import to_float32
from client.record import DeviceLog, Record, Sent, Underrun, Write
from client.types import Chunk
from gapless.tts.v1 import tts_pb2 as pb
from gapless.tts.v1.tts_pb2_grpc import TextToSpeechServiceStub

WRITE_AHEAD_S = 0.1  # that a blocking write leaves in the device's buffer
_WRITE_POLL_S = 0.002
_PATIENCE_S = 2.0


class Loudspeaker:
    """A sound device by its callback; `module` is `sounddevice` or stands in for it."""

    def __init__(self, module: Any, sample_rate: int) -> None:
        """Opens it. Blocks."""
        self._rate = sample_rate
        self._waiting: deque[NDArray[np.float32]] = deque()
        self._written = self._read = 0
        self._writes: list[Write] = []
        self._gaps: list[Underrun] = []
        self._starving = False
        self.started_ns: int | None = None
        began_ns = now_ns()
        self._stream = module.OutputStream(
            samplerate=sample_rate, channels=1, dtype="float32", callback=self._callback, finished_callback=lambda: None
        )
        self._stream.start()
        self.opening = Span(began_ns, now_ns())

    def write(self, samples: NDArray[np.float32]) -> None:
        asked_ns = now_ns()
        self._waiting.append(samples)
        self._written += len(samples)
        self._writes.append(Write(end_sample=self._written, asked_ns=asked_ns, done_ns=now_ns()))

    def write_blocking(self, samples: NDArray[np.float32]) -> None:
        """Returns when the device has taken all but what its own buffer holds."""
        self.write(samples)
        while self._written - self._read > WRITE_AHEAD_S * self._rate:
            time.sleep(_WRITE_POLL_S)

    def close(self) -> None:
        self._stream.abort(ignore_errors=True)
        self._stream.close(ignore_errors=True)

    def log(self) -> DeviceLog:
        return DeviceLog(
            opening=self.opening,
            sample_rate=self._rate,
            started_ns=self.started_ns,
            allowed_ns=self._writes[0].done_ns if self._writes else None,
            latency_s=float(self._stream.latency),
            writes=tuple(self._writes),
            underruns=tuple(self._gaps),
        )

    def _callback(self, out: NDArray[np.float32], frames: int, instant: Any, status: Any) -> None:
        filled = 0
        while filled < frames and self._waiting:
            head = self._waiting.popleft()
            taken = min(len(head), frames - filled)
            out[filled : filled + taken, 0] = head[:taken]
            filled += taken
            if taken < len(head):
                self._waiting.appendleft(head[taken:])
        out[filled:] = 0.0
        if filled and self.started_ns is None:
            self.started_ns = now_ns() + int((instant.outputBufferDacTime - instant.currentTime) * 1e9)
        if self.started_ns is not None and filled < frames:
            self._note_missing(frames - filled, self._read + filled)
        else:
            self._starving = False
        self._read += filled

    def _note_missing(self, missing: int, position: int) -> None:
        before = self._gaps.pop() if self._starving else Underrun(position=position, at_ns=now_ns(), missing_samples=0)
        missing += before.missing_samples
        self._gaps.append(Underrun(position=before.position, at_ns=before.at_ns, missing_samples=missing))
        self._starving = True


async def speak(
    stub: TextToSpeechServiceStub, address: str, device: Any, text: str, seed: int, *, blocking_writes: bool = False
) -> tuple[Record, Observations]:
    """One utterance, up to its last chunk and its first sound. What is noted beside it does not take part in it."""
    record, decode, loudspeaker = Record(), Decoder(), None
    prober = ClockProber(Target(address=address))
    prober.start(_PATIENCE_S)
    monitor = LoopMonitor()
    try:
        record.opened_ns = now_ns()
        call = stub.Synthesize()
        await call.write(pb.SynthesizeRequest(config=config_to({"seed": seed, "max_lead": 0.0})))
        record.sent.append(Sent(sent_ns=now_ns(), characters=len(text)))
        await call.write(text_to(text))
        await call.write(pb.SynthesizeRequest(end_of_input=pb.EndOfInput()))
        awaited_ns = now_ns()
        async for response in call:
            received_ns = now_ns()
            event = decode(response, received_ns)
            if event is not None:
                record.note(event, received_ns, awaited_ns, received_ns)
            if isinstance(event, Chunk):
                loudspeaker = loudspeaker or Loudspeaker(device, event.sample_rate)
                write = loudspeaker.write_blocking if blocking_writes else loudspeaker.write
                write(to_float32(event.data, event.encoding))
            awaited_ns = now_ns()
    finally:
        monitor.stop()
        prober.stop(_PATIENCE_S)
        if loudspeaker:
            _until_it_sounds(loudspeaker)
            loudspeaker.close()
    observations = Observations(
        exchanges=tuple(prober.exchanges),
        reader_blocks=tuple(monitor.blocks),  # of the one loop that there is
        device=loudspeaker.log() if loudspeaker else None,
        probe_interval_s=PROBE_INTERVAL_S,
        tick_s=TICK_S,
    )
    return record, observations


def _until_it_sounds(loudspeaker: Loudspeaker) -> None:
    give_up_s = time.monotonic() + _PATIENCE_S
    while loudspeaker.started_ns is None and time.monotonic() < give_up_s:
        time.sleep(_WRITE_POLL_S)
