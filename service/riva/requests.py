"""Riva's requests, checked as far as they differ from ours: -> the config and the text of gapless.tts.v1.

Errors name Riva's own fields; what the service finds later in ours is renamed by `in_their_words`.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

from google.protobuf.duration_pb2 import Duration

from engine.errors import InvalidRequest
from engine.messages import EngineInfo
from gapless.doors.aliases import voice_of_path
from gapless.doors.encoders import opus
from gapless.tts.v1 import tts_pb2
from service.riva import messages

_ENCODINGS = {
    messages.UNSPECIFIED: tts_pb2.AUDIO_ENCODING_PCM_S16LE,
    messages.LINEAR_PCM: tts_pb2.AUDIO_ENCODING_PCM_S16LE,
    messages.MULAW: tts_pb2.AUDIO_ENCODING_MULAW,
    messages.ALAW: tts_pb2.AUDIO_ENCODING_ALAW,
    messages.FLAC: tts_pb2.AUDIO_ENCODING_PCM_S16LE,  # and then into its container
    messages.OGGOPUS: tts_pb2.AUDIO_ENCODING_PCM_S16LE,
}
_ENCODING_NAMES = "LINEAR_PCM, FLAC, MULAW, OGGOPUS, ALAW"
_CONFIGURATION = {"exaggeration_factor": "exaggeration", "temperature": "temperature", "cfg_weight": "cfg_weight"}
_SEED = "seed"
_MAX_SEED = 2**64 - 1
_FIELDS = {
    "config.voice": "voice_name",
    "config.language_code": "language_code",
    "config.audio_format.sample_rate_hertz": "sample_rate_hz",
    "config.audio_format.encoding": "encoding",
    "config.pronunciations": "custom_dictionary",
    "text.text": "text",
    "audio": "zero_shot_data.audio_prompt",
    **{f"config.sampling.{ours}": f"custom_configuration[{theirs}]" for theirs, ours in _CONFIGURATION.items()},
}


@dataclass(frozen=True, kw_only=True)
class Beginning:
    """What the first request of a call settles."""

    config: tts_pb2.SynthesisConfig
    encoding: int  # of Riva
    wants_words: bool
    id: Any  # Riva's RequestId, or None
    recording: bytes  # of the voice to speak with; b"": none

    @property
    def sample_rate(self) -> int:
        """Hz. 0: the model's own."""
        return self.config.audio_format.sample_rate_hertz


def read_beginning(request: Any, info: EngineInfo, voices: Collection[str]) -> Beginning:
    """Raises InvalidRequest."""
    if request.encoding not in _ENCODINGS:
        raise InvalidRequest("encoding", f"unknown encoding {request.encoding}; available: {_ENCODING_NAMES}")
    _check_rate(request.encoding, request.sample_rate_hz or info.sample_rate)
    config = tts_pb2.SynthesisConfig(
        voice=voice_of_path(request.voice_name, voices),
        # Riva's clients always name a language; a model that knows none speaks what it speaks.
        language_code=request.language_code if info.languages else "",
        audio_format=tts_pb2.AudioFormat(
            encoding=_ENCODINGS[request.encoding], sample_rate_hertz=request.sample_rate_hz
        ),
        sampling=_sampling(request.custom_configuration),
        streaming=tts_pb2.StreamingConfig(max_lead=Duration(), want_alignment=request.enable_word_time_offsets),
        pronunciations=_pronunciations(request.custom_dictionary),
    )
    return Beginning(
        config=config,
        encoding=request.encoding,
        wants_words=request.enable_word_time_offsets,
        id=request.id if request.HasField("id") else None,
        recording=request.zero_shot_data.audio_prompt,
    )


def check_same(request: Any, first: Any) -> None:
    """Later requests of a call bring text; all else was settled by the first. Raises InvalidRequest."""
    for field in first.DESCRIPTOR.fields:
        if field.name not in ("text", "id") and getattr(request, field.name) != getattr(first, field.name):
            raise InvalidRequest(field.name, "differs from that of the call's first request; open another call")


def in_their_words(error: Exception) -> None:
    """Names Riva's field where the error names ours."""
    field = getattr(error, "field", "")
    theirs = _FIELDS.get(field.partition("[")[0])  # of a list: Riva's dictionary is one string
    if theirs:
        error.args = (str(error).replace(field, theirs, 1),)
        error.field = theirs  # type: ignore[attr-defined]


def _check_rate(encoding: int, rate: int) -> None:
    if rate < 0:
        raise InvalidRequest("sample_rate_hz", f"{rate} is negative; 0 leaves it to the server")
    if encoding == messages.OGGOPUS and rate not in opus.RATES:
        rates = ", ".join(map(str, opus.RATES))
        raise InvalidRequest("sample_rate_hz", f"Opus has no {rate} Hz; available for OGGOPUS: {rates}")


def _sampling(configuration: Mapping[str, str]) -> tts_pb2.SamplingConfig:
    sampling = tts_pb2.SamplingConfig()
    for key, text in sorted(configuration.items()):
        field = f"custom_configuration[{key[:40]}]"
        if key == _SEED:
            if not text.strip().isdecimal() or not text.isascii() or int(text) > _MAX_SEED:
                raise InvalidRequest(field, f"{text[:40]!r} is not a whole number from 0 to {_MAX_SEED}")
            sampling.seed = int(text)
        elif key in _CONFIGURATION:
            setattr(sampling, _CONFIGURATION[key], _number(field, text))
        else:
            known = ", ".join((*_CONFIGURATION, _SEED))
            raise InvalidRequest(field, f"is not known; known: {known}")
    return sampling


def _number(field: str, text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not math.isfinite(value) or abs(value) > 1e9:
        raise InvalidRequest(field, f"{text[:40]!r} is not a number")
    return value


def _pronunciations(dictionary: str) -> list[tts_pb2.Pronunciation]:
    """ "word  ipa,word  ipa" -> phonemes of words."""
    pronunciations = []
    for entry in filter(None, map(str.strip, dictionary.split(","))):
        word, _, phonemes = entry.partition("  ")
        if not word or not phonemes.strip():
            raise InvalidRequest("custom_dictionary", f"{entry[:80]!r} is not a word, two spaces and its phonemes")
        pronunciations.append(tts_pb2.Pronunciation(word=word, phonemes=phonemes.strip()))
    return pronunciations
