"""What does a second of Opus on the wire cost, in processor time and in bits, and how near is it to the original?

    python -m benchmarks.latency.opus

The service's own path, from the model's samples to packets, with the samples of docs/samples in chunks of half a
second; PCM beside it. Processor time is this thread's: nobody else's work counts. Distance: mean difference of the
logarithmic spectra over the bins within 60 dB of the loudest.
"""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import numpy as np
import soundfile
from numpy.typing import NDArray

from benchmarks.support.machine import machine
from benchmarks.support.sample_statistics import percentile
from client._opus import PacketDecoder, split
from service.audio import AudioEncoder, AudioFormat, Encoding
from tests.doors.decoding import spectral_distance_db

SAMPLES = Path(__file__).parents[2] / "docs" / "samples"
CHUNK_S = 0.5
ROUNDS = 7
FULL_SCALE = 32_768
Samples = NDArray[np.float32]


def spoken_once(samples: Samples, rate: int, encoding: Encoding) -> dict[str, float]:
    encoder = AudioEncoder(AudioFormat(encoding=encoding, sample_rate=rate), rate)
    length = round(CHUNK_S * rate)
    began = time.thread_time()
    chunks = [
        encoder.encode(samples[at : at + length], at + length >= len(samples)) for at in range(0, len(samples), length)
    ]
    encoded = time.thread_time()
    seconds = len(samples) / rate
    figures = {
        "encoding_ms_per_s": 1000 * (encoded - began) / seconds,
        "kbit_per_s": 8 * sum(len(chunk.data) for chunk in chunks) / seconds / 1000,
    }
    if encoding is Encoding.OPUS:
        decoder = PacketDecoder(rate, encoder.pre_skip)
        pcm = b"".join(
            decoder.decode(split(chunk.data, chunk.packet_bytes), chunk.num_samples, chunk is chunks[-1])
            for chunk in chunks
        )
        figures["decoding_ms_per_s"] = 1000 * (time.thread_time() - encoded) / seconds
        heard = np.frombuffer(pcm, "<i2").astype(np.float32) / np.float32(FULL_SCALE)
        figures["distance_db"] = spectral_distance_db(heard, samples)
    return figures


def measured(path: Path, encoding: Encoding) -> dict[str, Any]:
    """Medians."""
    samples, rate = soundfile.read(path, dtype="float32")
    rounds = [spoken_once(samples, rate, encoding) for _ in range(ROUNDS)]
    return {name: round(percentile([one[name] for one in rounds], 50), 2) for name in rounds[0]}


def main() -> None:
    figures = {
        path.stem: {encoding.name: measured(path, encoding) for encoding in (Encoding.OPUS, Encoding.PCM_S16LE)}
        for path in sorted(SAMPLES.glob("*.ogg"))
    }
    print(json.dumps({**figures, "machine": machine()}, indent=2))


if __name__ == "__main__":
    main()
