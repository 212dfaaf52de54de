"""What a page is told, as JSON: events of an utterance, what the service is, refusals. docs/browser.md describes it.

Durations and instants are milliseconds, instants since the unix epoch on the service's clock; what did not take place
is left out. A chunk of audio is one binary message: the length of its head in bytes (32 bits, little endian), the head
(JSON, filled up with spaces to a multiple of 4 bytes), and the samples, or the packets of Opus.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Iterable
from dataclasses import asdict, fields
from typing import Any

from gapless.client import (
    Chunk,
    ClientError,
    Encoding,
    Finished,
    FlushDone,
    ServerInfo,
    ServerWarning,
    Started,
    Timings,
    Voice,
    Word,
)

from ...encoders import opus
from ..errors import BadRequest, body_of
from .incoming import ENCODINGS

Message = dict[str, Any]

_PARAMS = {"language_code": "language", "speaking_rate": "speed", "sample_rate_hertz": "sample_rate"}
_TIMES = tuple(
    (field.name, f"{field.name.removesuffix('_ns')}_ms") for field in fields(Timings) if field.name[-3:] == "_ns"
)
_FACTS = ("window_tokens", "lookahead_tokens", "speculative")


def ready(info: ServerInfo, voices: Iterable[Voice]) -> Message:
    return {
        "type": "ready",
        "version": info.version,
        "model": info.model,
        "native_sample_rate": info.native_sample_rate,
        "sample_rates": info.sample_rates,
        "encodings": _encodings(info),
        "languages": info.languages,
        "text_formats": info.text_formats,
        "features": dict(info.features),
        "limits": {
            "max_text_chars": info.limits.max_text_chars,
            "idle_timeout_ms": 1e3 * info.limits.idle_timeout_s,
            "max_recording_bytes": info.limits.max_recording_bytes,
        },
        "max_lead_ms": 1e3 * info.default_max_lead_s,
        "voices": [_voice(voice) for voice in voices],
    }


def _encodings(info: ServerInfo) -> list[str]:
    """Those that the service makes; packets of Opus pass only where this door has libopus too."""
    missing = {Encoding.OPUS} if opus.why_not() else set()
    return [one for one in ENCODINGS if one in info.encodings and one not in missing]


def _voice(voice: Voice) -> Message:
    return {
        "name": voice.name,
        "description": voice.description,
        "languages": voice.language_codes,
        "built_in": voice.built_in,
        "is_default": voice.is_default,
    }


def started(event: Started) -> Message:
    return {
        "type": "started",
        "utterance_id": event.utterance_id,
        "voice": event.voice,
        "language": event.language,
        "encoding": event.encoding.value,
        "sample_rate": event.sample_rate,
        "pre_skip_samples": event.pre_skip_samples,
        "seed": str(event.seed),  # 64 bits, which a number of JavaScript does not hold
        "sampling": dict(event.sampling),
        "max_lead_ms": 1e3 * event.max_lead_s,
    }


def audio(chunk: Chunk, utterance: int) -> bytes:
    head = {
        "type": "audio",
        "utterance": utterance,
        "seq": chunk.seq,
        "first_sample": chunk.first_sample,
        "num_samples": chunk.num_samples,
        "segment": chunk.segment,
        "end_of_segment": chunk.end_of_segment,
        "text_begin": chunk.text_begin,
        "text_end": chunk.text_end,
        "prebuffer_hint_ms": None if chunk.prebuffer_hint_s is None else 1e3 * chunk.prebuffer_hint_s,
        "timings": _timings(chunk.timings),
    }
    if chunk.packets:
        head["packet_bytes"] = [len(packet) for packet in chunk.packets]
    encoded = json.dumps(head, separators=(",", ":")).encode()
    encoded += b" " * (-len(encoded) % 4)
    return struct.pack("<I", len(encoded)) + encoded + (b"".join(chunk.packets) or chunk.data)


def _timings(timings: Timings) -> Message:
    told = {name: round(ns / 1e6, 3) for field, name in _TIMES if (ns := getattr(timings, field))}
    return told | {name: getattr(timings, name) for name in _FACTS}


def flushed(event: FlushDone) -> Message:
    return {"type": "flushed", "flush": event.flush_id, "end_sample": event.end_sample}


def words(spoken: Iterable[Word]) -> Message:
    return {"type": "words", "words": [asdict(word) for word in spoken]}


def warning(event: ServerWarning) -> Message:
    return {"type": "warning", "reason": event.reason, "message": event.message}


def finished(event: Finished | None) -> Message:
    """None: the utterance was cancelled, and the service said no more."""
    usage = event and event.usage
    return {
        "type": "finished",
        "stopped": event is None or event.stopped,
        "samples": usage.samples if usage else None,
        "input_characters": usage.input_characters if usage else None,
        "speech_tokens": usage.speech_tokens if usage else None,
    }


def error(what: ClientError | BadRequest) -> Message:
    wait_s = what.retry_after_s if isinstance(what, ClientError) else None
    told = {"type": "error", **body_of(what, _PARAMS)}
    return told if wait_s is None else {**told, "retry_after_ms": 1e3 * wait_s}
