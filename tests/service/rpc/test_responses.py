"""The engine's messages -> the wire's."""

from __future__ import annotations

from dataclasses import fields

import numpy as np

from engine.messages import AudioChunk, ChunkTimings
from service.audio import Encoded
from service.rpc.responses import to_audio


def test_every_stamp_of_the_engine_is_carried() -> None:
    """Fields go by their names: one that has no field of that name on the wire would be lost in silence."""
    stamps = {field.name: at for at, field in enumerate(fields(ChunkTimings), start=2)} | {"speculative": True}
    chunk = AudioChunk(
        seq=3,
        first_sample=10,
        samples=np.zeros(4, np.float32),
        timings=ChunkTimings(**stamps),  # type: ignore[arg-type]
        segment=5,
        end_of_segment=True,
        text_begin=6,
        text_end=7,
    )
    audio = to_audio(chunk, Encoded(data=b"abcd", num_samples=2))
    carried = {}
    for name in stamps:
        wire = {field.name for field in audio.timings.DESCRIPTOR.fields}
        stem = name.removesuffix("_ns")
        found = next(one for one in (f"{stem}_unix_nanos", name, stem) if one in wire)
        value = getattr(audio.timings, found)
        carried[name] = value if isinstance(value, int | bool) else value.ToNanoseconds()
    assert carried == stamps
    assert (audio.num_samples, audio.data, audio.segment, audio.end_of_segment) == (2, b"abcd", 5, True)
    assert (audio.text_begin, audio.text_end) == (6, 7)
