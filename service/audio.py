"""Audio of the engine -> audio of the wire: float32 mono at the model's rate -> bytes at the client's rate.

The resampler (soxr, HQ) is stateful: its output does not depend on how a segment was cut. It holds back up to 40 ms of
24 kHz input (75 ms at 8 kHz out) and gives that back at the end of the segment, where there is silence. After n samples
at rate a, ending a segment, exactly round(n * b / a) samples at rate b were given, half up.
Without resampling samples pass through: f32le is then bit for bit what the engine made.
Opus holds back less than a packet and its look-ahead; the end of a segment gives these too.
Resampler and Opus begin anew with each segment: their output for a segment depends on nothing before it, so another
server can make it again, from any place on.
"""

from __future__ import annotations

import enum
import io
from dataclasses import dataclass
from functools import cache

import numpy as np
import soundfile
import soxr
from numpy.typing import NDArray

from engine.errors import InvalidRequest
from gapless.doors.encoders.opus import PacketEncoder

Samples = NDArray[np.float32]

SAMPLE_RATES = (8_000, 16_000, 22_050, 24_000, 44_100, 48_000)  # Hz


class Encoding(enum.Enum):
    """Values are libsndfile's subtypes."""

    PCM_S16LE = "PCM_16"
    PCM_F32LE = "FLOAT"
    MULAW = "ULAW"
    ALAW = "ALAW"
    OPUS = "OPUS"  # packets without a container


@dataclass(frozen=True, kw_only=True)
class AudioFormat:
    encoding: Encoding
    sample_rate: int  # Hz


@dataclass(frozen=True, kw_only=True)
class Encoded:
    data: bytes
    num_samples: int
    packet_bytes: tuple[int, ...] = ()  # of the packets in `data`


def has_history(audio_format: AudioFormat, native_rate: int) -> bool:
    """Whether what is given of a segment depends on what came before in it."""
    return audio_format.encoding is Encoding.OPUS or audio_format.sample_rate != native_rate


class AudioEncoder:
    """The audio path of one utterance. `position` counts output samples made so far.

    A continuation begins with sample `first` of the model's, the first of a segment if there is a history, and gives
    nothing before sample `wanted` of the output."""

    def __init__(self, audio_format: AudioFormat, native_rate: int, first: int = 0, wanted: int = 0) -> None:
        self._format = audio_format
        self._native_rate = native_rate
        self._taken = first  # samples at the native rate
        self._made = self.to_output(first)  # samples at the output's rate, of which packets hold some back
        self._wanted = wanted
        self.position = self._made
        self._packets = PacketEncoder(audio_format.sample_rate) if audio_format.encoding is Encoding.OPUS else None
        self._decoded = self._made - self.pre_skip  # where decoders of all packets are
        same = audio_format.sample_rate == native_rate
        self._resampler = (
            None if same else soxr.ResampleStream(native_rate, audio_format.sample_rate, 1, "float32", "HQ")
        )

    def encode(self, samples: Samples, end_of_segment: bool) -> Encoded:
        """At the end of a segment all is given that was taken, so that no speech waits for the next sentence."""
        self._taken += len(samples)
        if self._resampler is not None:
            samples = self._resampler.resample_chunk(samples, last=end_of_segment)
            if end_of_segment:
                self._resampler.clear()
                samples = self._fitted(samples)
        self._made += len(samples)
        if self._packets:
            encoded = self._packed(self._packets, samples, end_of_segment)
        else:
            samples = samples[max(0, self._wanted - self.position) :]
            encoded = Encoded(data=encode_samples(samples, self._format.encoding), num_samples=len(samples))
            self.position = self._made
        return encoded

    def _packed(self, encoder: PacketEncoder, samples: Samples, end_of_segment: bool) -> Encoded:
        packets = encoder.encode(samples)
        if end_of_segment:
            packets += encoder.finish()
        wanted = self._not_heard(packets, encoder.packet_samples)
        heard = max(self.position, self._wanted)
        self.position = self._made - encoder.held
        if end_of_segment:
            self._decoded = self._made - encoder.pre_skip
        return Encoded(
            data=b"".join(wanted),
            num_samples=max(0, self.position - heard),
            packet_bytes=tuple(map(len, wanted)),
        )

    def _not_heard(self, packets: list[bytes], packet_samples: int) -> list[bytes]:
        """Those that end behind `_wanted`. Raises InvalidRequest if one was heard in part, which cannot be."""
        begun, self._decoded = self._decoded, self._decoded + len(packets) * packet_samples
        if self.position >= self._wanted:
            return packets
        heard, rest = divmod(self._wanted - begun, packet_samples)
        if heard < len(packets) and rest and self._wanted < self._made:
            raise InvalidRequest("config.resume.from_sample", f"{self._wanted} lies inside of an Opus packet")
        return packets[heard:]

    def _fitted(self, samples: Samples) -> Samples:
        """Segments are rounded one by one: at most a sample more or less keeps the sum right."""
        missing = self.to_output(self._taken) - self._made
        return np.pad(samples[:missing], (0, max(0, missing - len(samples))))

    @property
    def pre_skip(self) -> int:
        """Samples that decoders put out before a segment's first."""
        return self._packets.pre_skip if self._packets else 0

    @property
    def held_s(self) -> float:
        """Audio that was taken and not given yet."""
        return max(0.0, self._taken / self._native_rate - self.position / self._format.sample_rate)

    def to_output(self, native_samples: int) -> int:
        return scale(native_samples, self._native_rate, self._format.sample_rate)

    def to_native(self, output_samples: int) -> int:
        return scale(output_samples, self._format.sample_rate, self._native_rate)


def scale(samples: int, rate: int, other_rate: int) -> int:
    """samples * other_rate / rate, rounded half up, in integers."""
    return (2 * samples * other_rate + rate) // (2 * rate)


def encode_samples(samples: Samples, encoding: Encoding) -> bytes:
    if encoding is Encoding.PCM_F32LE:
        return bytes(samples.astype("<f4", copy=False))
    pcm = np.rint(np.clip(samples, -1.0, 1.0) * 32767.0).astype("<i2")
    if encoding is Encoding.PCM_S16LE:
        return bytes(pcm)
    return bytes(_g711_table(encoding)[pcm.view(np.uint16)])


@cache
def _g711_table(encoding: Encoding) -> NDArray[np.uint8]:
    """libsndfile's G.711 code of every 16-bit sample, by the sample's bits."""
    every_sample = np.arange(1 << 16, dtype=np.uint16).view(np.int16)
    file = io.BytesIO()
    soundfile.write(file, every_sample, 8_000, format="RAW", subtype=encoding.value)
    return np.frombuffer(file.getvalue(), np.uint8)
