"""The audio formats that a request may name, and what makes them of the service's PCM."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from ..encoders import Encoder
from ..encoders.libsndfile import FlacEncoder
from ..encoders.mp3 import Mp3Encoder
from ..encoders.ogg import ogg_opus
from ..encoders.raw import PcmEncoder, WavEncoder

SAMPLE_RATE = 24_000  # Hz: what OpenAI's `pcm` has, and what its clients take for granted


@dataclass(frozen=True, kw_only=True)
class Format:
    name: str
    content_type: str
    encoder: Callable[[], Encoder]


FORMATS: Mapping[str, Format] = {
    one.name: one
    for one in (
        Format(name="mp3", content_type="audio/mpeg", encoder=lambda: Mp3Encoder(SAMPLE_RATE)),
        Format(name="opus", content_type="audio/ogg; codecs=opus", encoder=lambda: ogg_opus(SAMPLE_RATE)),
        Format(name="flac", content_type="audio/flac", encoder=lambda: FlacEncoder(SAMPLE_RATE)),
        Format(name="wav", content_type="audio/wav", encoder=lambda: WavEncoder(SAMPLE_RATE)),
        Format(name="pcm", content_type=f"audio/pcm; rate={SAMPLE_RATE}", encoder=PcmEncoder),
    )
}
DEFAULT_FORMAT = "mp3"  # also where a client does not ask: Open WebUI stores what comes as .mp3
