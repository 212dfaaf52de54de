"""What a client asks for, checked: proto -> the engine's messages, with the server's defaults filled in.

Errors name the field by its path and say what is allowed. The way back is `service.rpc.responses`.
"""

from __future__ import annotations

import base64
import binascii
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

from google.protobuf.duration_pb2 import Duration
from google.protobuf.message import Message
from google.protobuf.unknown_fields import UnknownFieldSet

from engine import messages
from engine.errors import GaplessError, InvalidRequest
from engine.sampling_params import ABOVE_LEAST, SAMPLING_RANGES
from gapless.doors.encoders import opus
from gapless.tts.v1 import tts_pb2
from service.audio import AudioEncoder, AudioFormat, Encoding
from service.config import ServiceConfig
from service.observability.tracing import is_valid_traceparent
from service.rpc.errors import UnsupportedField
from service.rpc.responses import CODE_BLOCKS, TEXT_FORMATS, encodings, sample_rates

_NS_PER_S = 1_000_000_000
_MAX_DURATION_S = 3600.0
_DEFAULT_PAGE, _MAX_PAGE = 100, 1000  # voices

C = TypeVar("C")


@dataclass(frozen=True, kw_only=True)
class _Range:
    low: float
    high: float
    above_low: bool = False  # low itself is out

    def __contains__(self, value: float) -> bool:
        return self.low < value <= self.high if self.above_low else self.low <= value <= self.high

    def __str__(self) -> str:
        return f"{'above ' if self.above_low else ''}{self.low:g} to {self.high:.9g}"


_SPEAKING_RATES = _Range(low=messages.SLOWEST, high=messages.FASTEST)
_SAMPLING_RANGES = {
    name: _Range(low=low, high=high, above_low=name in ABOVE_LEAST) for name, (low, high) in SAMPLING_RANGES.items()
}


@dataclass(frozen=True, kw_only=True)
class UtteranceRequest:
    """A checked config with the server's defaults filled in."""

    utterance: messages.Utterance
    audio_format: AudioFormat
    max_lead_s: float
    from_sample: int = 0  # of the output, the first that is wanted
    warnings: tuple[messages.Warned, ...]


def read_config(
    wire: tts_pb2.SynthesisConfig,
    utterance_id: str,
    caller: str,
    traceparent: str,
    info: messages.EngineInfo,
    config: ServiceConfig,
) -> UtteranceRequest:
    """`caller`: whose turn its first sound takes. `traceparent`: a span that the engine's spans will be children of."""
    _refuse_what_does_not_act(wire, info)
    sampling = _read_sampling(wire.sampling)
    streaming = wire.streaming
    max_lead_s = _read_duration(streaming, "max_lead", "config.streaming")
    ignored = sorted(set(sampling) - set(info.default_sampling))
    return UtteranceRequest(
        utterance=messages.Utterance(
            id=utterance_id,
            caller=caller,
            voice=wire.voice,
            language=wire.language_code,
            sampling={name: value for name, value in sampling.items() if name not in ignored},
            seed=wire.sampling.seed if wire.sampling.HasField("seed") else None,
            max_text_delay_s=_read_duration(streaming, "max_text_delay", "config.streaming"),
            text_format=_choice(wire.text_format, TEXT_FORMATS, "config.text_format", tts_pb2.TextFormat),
            code_blocks=_choice(wire.code_blocks, CODE_BLOCKS, "config.code_blocks", tts_pb2.CodeBlocks),
            want_alignment=streaming.want_alignment and info.has_alignment,
            pronunciations=tuple(_read_pronunciations(wire, info)),
            speaking_rate=wire.speaking_rate if wire.HasField("speaking_rate") else 1.0,
            want_tokens=streaming.want_resume_tokens and info.has_resume,
            traceparent=traceparent,
        ),
        audio_format=_read_audio_format(wire.audio_format, info.sample_rate),
        max_lead_s=config.max_lead_s if max_lead_s is None else max_lead_s,
        warnings=tuple(_warnings(wire, ignored, info)),
    )


def whole_text(request: tts_pb2.SynthesizeTextRequest) -> list[tts_pb2.SynthesizeRequest]:
    """What a client of Synthesize would send after the config."""
    return [
        tts_pb2.SynthesizeRequest(text=tts_pb2.Text(text=request.text)),
        tts_pb2.SynthesizeRequest(end_of_input=tts_pb2.EndOfInput()),
    ]


def check_event(request: tts_pb2.SynthesizeRequest) -> None:
    """A message without an event that this server knows: is there one that a newer client knows?"""
    if UnknownFieldSet(request):
        raise UnsupportedField("event", "this server does not know the event that was sent; its contract is older")
    raise InvalidRequest("event", "no event is set; set text, flush, end_of_input or playback")


def read_trace_context(first: tts_pb2.SynthesisConfig | GaplessError) -> dict[str, str]:
    """The config's trace context as W3C headers; none if there is no config."""
    if isinstance(first, GaplessError):
        return {}
    return {"traceparent": first.trace_context.traceparent, "tracestate": first.trace_context.tracestate}


def _refuse_what_does_not_act(wire: tts_pb2.SynthesisConfig, info: messages.EngineInfo) -> None:
    """Fields of the contract whose feature this server lacks; GetServerInfo says so, too."""
    if wire.HasField("speaking_rate"):
        rate = wire.speaking_rate
        if rate not in _SPEAKING_RATES:
            raise InvalidRequest("config.speaking_rate", f"{rate:g} is out of range; allowed: {_SPEAKING_RATES}")
        if rate != 1.0 and not info.has_speaking_rate:
            raise UnsupportedField("config.speaking_rate", "this model speaks at its own rate only, which is 1")
    if wire.HasField("resume") and not info.has_resume:
        raise UnsupportedField("config.resume", "this server cannot continue an utterance; send its text in a new one")


def _choice(value: int, choices: Mapping[C, int], field: str, enum: Any) -> C:
    """What a value of `enum` means here; the first choice where none is set."""
    for choice, number in choices.items():
        if value in (number, 0):
            return choice
    names = ", ".join(map(enum.Name, choices.values()))
    if value not in enum.values():
        raise InvalidRequest(field, f"unknown value {value}; available: {names}")
    raise UnsupportedField(field, f"{enum.Name(value)} is not available; available: {names}")


def _read_pronunciations(wire: tts_pb2.SynthesisConfig, info: messages.EngineInfo) -> Iterator[messages.Pronunciation]:
    count, most = len(wire.pronunciations), messages.MAX_PRONUNCIATIONS
    if count > most:
        raise InvalidRequest("config.pronunciations", f"{count} of them; at most {most} are possible")
    for index, each in enumerate(wire.pronunciations):
        field = f"config.pronunciations[{index}]"
        spoken = messages.Pronunciation(word=each.word, respelling=each.respelling, phonemes=each.phonemes)
        spoken.check(field)
        if spoken.phonemes and not info.has_phonemes:
            raise UnsupportedField(f"{field}.phonemes", "this model takes respellings only")
        yield spoken


def _read_sampling(wire: Message) -> dict[str, float]:
    sampling: dict[str, float] = {}
    for name, allowed in _SAMPLING_RANGES.items():
        if wire.HasField(name):
            value = getattr(wire, name)
            if math.isnan(value) or value not in allowed:
                raise InvalidRequest(f"config.sampling.{name}", f"{value:g} is out of range; allowed: {allowed}")
            sampling[name] = value
    return sampling


def _read_audio_format(wire: tts_pb2.AudioFormat, native_rate: int) -> AudioFormat:
    if wire.encoding == tts_pb2.AUDIO_ENCODING_OPUS and (missing := opus.why_not()):
        raise UnsupportedField("config.audio_format.encoding", f"AUDIO_ENCODING_OPUS is not available: {missing}")
    encoding = _choice(wire.encoding, encodings(), "config.audio_format.encoding", tts_pb2.AudioEncoding)
    rate = wire.sample_rate_hertz or native_rate
    if rate not in sample_rates(native_rate):
        rates = ", ".join(map(str, sample_rates(native_rate)))
        raise InvalidRequest("config.audio_format.sample_rate_hertz", f"{rate} Hz is not available; available: {rates}")
    if encoding is Encoding.OPUS and rate not in opus.RATES:
        rates = ", ".join(str(one) for one in opus.RATES if one in sample_rates(native_rate))
        raise InvalidRequest("config.audio_format.sample_rate_hertz", f"Opus has no {rate} Hz; available: {rates}")
    return AudioFormat(encoding=encoding, sample_rate=rate)


def _read_duration(wire: Message, name: str, path: str) -> float | None:
    """Seconds of a duration field of `wire`, which lies at `path`; None if it is absent."""
    if not wire.HasField(name):
        return None
    duration: Duration = getattr(wire, name)
    if abs(duration.nanos) >= _NS_PER_S or duration.seconds * duration.nanos < 0:
        raise InvalidRequest(
            f"{path}.{name}",
            f"malformed duration (seconds {duration.seconds}, nanos {duration.nanos}); "
            "nanos must be within one second and have the sign of seconds",
        )
    seconds = duration.seconds + duration.nanos / _NS_PER_S
    if not 0 <= seconds <= _MAX_DURATION_S:
        raise InvalidRequest(f"{path}.{name}", f"{seconds:g} s is out of range; allowed: 0 to {_MAX_DURATION_S:g} s")
    return seconds


def _warnings(
    wire: tts_pb2.SynthesisConfig, ignored_sampling: list[str], info: messages.EngineInfo
) -> Iterator[messages.Warned]:
    for name in ignored_sampling:
        message = f"config.sampling.{name}: this model does not use it"
        yield messages.Warned(reason="SAMPLING_IGNORED", message=message)
    if wire.streaming.want_alignment and not info.has_alignment:
        message = "config.streaming.want_alignment: this model cannot tell where words are"
        yield messages.Warned(reason="ALIGNMENT_UNAVAILABLE", message=message)
    if wire.streaming.want_resume_tokens and not info.has_resume:
        message = "config.streaming.want_resume_tokens: this server cannot continue an utterance whose call was lost"
        yield messages.Warned(reason="RESUME_UNAVAILABLE", message=message)
    traceparent = wire.trace_context.traceparent
    if traceparent and not is_valid_traceparent(traceparent):
        message = f"config.trace_context.traceparent: {traceparent[:80]!r} is not a W3C traceparent"
        yield messages.Warned(reason="TRACE_CONTEXT_IGNORED", message=message)


def read_playback(
    report: tts_pb2.PlaybackReport, sent: int, encoder: AudioEncoder
) -> tuple[messages.Playback, messages.Warned | None]:
    """`sent` is the number of output samples that left; nobody can have played more. What cannot be is mended."""
    wrong = ""
    for name in ("played_samples", "buffered_samples"):
        if (told := getattr(report, name)) > sent:
            wrong = wrong or f"{name}: {told} is beyond the {sent} samples sent"
    for name in ("underrun_total", "output_latency"):
        try:
            _read_duration(report, name, "playback")
        except InvalidRequest as error:
            wrong = wrong or str(error)
    playback = messages.Playback(
        played_samples=encoder.to_native(min(report.played_samples, sent)),
        buffered_samples=encoder.to_native(min(report.buffered_samples, sent)),
        underruns=report.underruns,
    )
    return playback, messages.Warned(reason="PLAYBACK_CORRECTED", message=wrong) if wrong else None


@dataclass(frozen=True, kw_only=True)
class Page:
    """Which voices a client wants to see: at most `size`, those whose names come after `after`."""

    size: int
    after: str


def read_page(request: tts_pb2.ListVoicesRequest) -> Page:
    if request.page_size < 0:
        raise InvalidRequest("page_size", f"{request.page_size} is negative; 0 leaves it to the server")
    try:
        after = base64.b64decode(request.page_token, altchars=b"-_", validate=True).decode()
    except (binascii.Error, UnicodeDecodeError, ValueError):
        raise InvalidRequest("page_token", "is not a next_page_token of this server") from None
    return Page(size=min(request.page_size or _DEFAULT_PAGE, _MAX_PAGE), after=after)
