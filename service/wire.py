"""Proto messages <-> the engine's messages, and the checks of everything a client may have got wrong.

`read_config` resolves what the client left open; its errors name the field by its path and say what is allowed.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from google.protobuf.duration_pb2 import Duration
from google.protobuf.message import Message

from engine import messages
from engine.errors import GaplessError, InvalidRequest
from gapless.tts.v1 import tts_pb2
from service.audio import SAMPLE_RATES, AudioEncoder, AudioFormat, Encoded, Encoding
from service.config import ServiceConfig
from service.tracing import is_valid_traceparent

_NS_PER_S = 1_000_000_000
_MAX_DURATION_S = 3600.0
_WIRE_ENCODINGS = {
    Encoding.PCM_S16LE: tts_pb2.AUDIO_ENCODING_PCM_S16LE,
    Encoding.PCM_F32LE: tts_pb2.AUDIO_ENCODING_PCM_F32LE,
    Encoding.MULAW: tts_pb2.AUDIO_ENCODING_MULAW,
    Encoding.ALAW: tts_pb2.AUDIO_ENCODING_ALAW,
}
_ENCODINGS = {value: encoding for encoding, value in _WIRE_ENCODINGS.items()}
_CONTROL_CHARACTER = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]")  # all but tab, line feed, carriage return


@dataclass(frozen=True, kw_only=True)
class _Range:
    low: float
    high: float
    above_low: bool = False  # low itself is out

    def __contains__(self, value: float) -> bool:
        return self.low < value <= self.high if self.above_low else self.low <= value <= self.high

    def __str__(self) -> str:
        return f"{'above ' if self.above_low else ''}{self.low:g} to {self.high:.9g}"


_SAMPLING_RANGES = {
    "temperature": _Range(low=0, high=2),
    "top_p": _Range(low=0, high=1, above_low=True),
    "min_p": _Range(low=0, high=1),
    "top_k": _Range(low=0, high=100_000),
    "repetition_penalty": _Range(low=0.5, high=5),
    "cfg_weight": _Range(low=0, high=5),
    "exaggeration": _Range(low=0, high=2),
}


@dataclass(frozen=True, kw_only=True)
class Order:
    """A checked config with the server's defaults filled in."""

    utterance: messages.Utterance
    audio_format: AudioFormat
    max_lead_s: float
    warnings: tuple[messages.Warned, ...]


# ------------------------------------------------------------------------------------------------ client to server


def read_config(
    wire: tts_pb2.SynthesisConfig,
    utterance_id: str,
    traceparent: str,
    info: messages.EngineInfo,
    config: ServiceConfig,
) -> Order:
    """`traceparent` is the span that the engine's spans will be children of."""
    sampling = _read_sampling(wire.sampling)
    streaming = wire.streaming
    max_lead_s = _read_duration(streaming, "max_lead", "config.streaming")
    ignored = sorted(set(sampling) - set(info.default_sampling))
    return Order(
        utterance=messages.Utterance(
            id=utterance_id,
            voice=wire.voice,
            sampling={name: value for name, value in sampling.items() if name not in ignored},
            seed=wire.sampling.seed if wire.sampling.HasField("seed") else None,
            max_text_delay_s=_read_duration(streaming, "max_text_delay", "config.streaming"),
            want_alignment=streaming.want_alignment and info.has_alignment,
            traceparent=traceparent,
        ),
        audio_format=_read_audio_format(wire.audio_format, info.sample_rate),
        max_lead_s=config.max_lead_s if max_lead_s is None else max_lead_s,
        warnings=tuple(_warnings(wire, ignored, info)),
    )


def read_trace_context(first: tts_pb2.SynthesisConfig | GaplessError) -> dict[str, str]:
    """The config's trace context as W3C headers; none if there is no config."""
    if isinstance(first, GaplessError):
        return {}
    return {"traceparent": first.trace_context.traceparent, "tracestate": first.trace_context.tracestate}


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
    encoding = wire.encoding or tts_pb2.AUDIO_ENCODING_PCM_S16LE
    if encoding not in _ENCODINGS:
        names = ", ".join(tts_pb2.AudioEncoding.Name(value) for value in _ENCODINGS)
        raise InvalidRequest("config.audio_format.encoding", f"unknown encoding {encoding}; available: {names}")
    rate = wire.sample_rate_hertz or native_rate
    if rate not in (*SAMPLE_RATES, native_rate):
        rates = ", ".join(map(str, sample_rates(native_rate)))
        raise InvalidRequest("config.audio_format.sample_rate_hertz", f"{rate} Hz is not available; available: {rates}")
    return AudioFormat(encoding=_ENCODINGS[encoding], sample_rate=rate)


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
    traceparent = wire.trace_context.traceparent
    if traceparent and not is_valid_traceparent(traceparent):
        message = f"config.trace_context.traceparent: {traceparent[:80]!r} is not a W3C traceparent"
        yield messages.Warned(reason="TRACE_CONTEXT_IGNORED", message=message)


def read_playback(report: tts_pb2.PlaybackReport, sent: int, encoder: AudioEncoder) -> messages.Playback:
    """`sent` is the number of output samples that left; nobody can have played more."""
    if report.played_samples > sent:
        raise InvalidRequest("playback.played_samples", f"{report.played_samples} is beyond the {sent} samples sent")
    for name in ("underrun_total", "output_latency"):
        _read_duration(report, name, "playback")
    return messages.Playback(
        played_samples=encoder.to_native(report.played_samples),
        buffered_samples=encoder.to_native(report.buffered_samples),
        underruns=report.underruns,
    )


def check_text(text: str) -> None:
    if match := _CONTROL_CHARACTER.search(text):
        raise InvalidRequest(
            "text.text",
            f"control character U+{ord(match[0]):04X} at index {match.start()} of this piece; "
            "of control characters only tab, line feed and carriage return are allowed",
        )


# ------------------------------------------------------------------------------------------------ server to client


def to_started(
    order: Order, accepted: messages.Accepted, info: messages.EngineInfo, config: ServiceConfig, traceparent: str
) -> tts_pb2.Started:
    return tts_pb2.Started(
        utterance_id=order.utterance.id,
        voice=accepted.voice,
        audio_format=to_audio_format(order.audio_format),
        seed=accepted.seed,
        sampling=to_sampling(accepted.sampling),
        streaming=tts_pb2.StreamingConfig(
            max_lead=to_duration(order.max_lead_s),
            max_text_delay=to_duration(accepted.max_text_delay_s),
            want_alignment=order.utterance.want_alignment,
        ),
        limits=to_limits(info, config),
        traceparent=traceparent,
    )


def to_audio(chunk: messages.AudioChunk, encoded: Encoded) -> tts_pb2.Audio:
    """Without what is known only when it is sent: `chunk_seq`, `first_sample` and the service's own timings."""
    return tts_pb2.Audio(
        num_samples=encoded.num_samples,
        pcm=encoded.pcm,
        timings=_to_timings(chunk.timings),
        segment=chunk.segment,
        end_of_segment=chunk.end_of_segment,
    )


def _to_timings(timings: messages.ChunkTimings) -> tts_pb2.ChunkTimings:
    return tts_pb2.ChunkTimings(
        text_received_unix_nanos=timings.text_received_ns,
        t3_start_unix_nanos=timings.t3_start_ns,
        t3_first_token_unix_nanos=timings.t3_first_token_ns,
        t3_last_token_unix_nanos=timings.t3_last_token_ns,
        flow_start_unix_nanos=timings.flow_start_ns,
        flow_end_unix_nanos=timings.flow_end_ns,
        vocoder_end_unix_nanos=timings.vocoder_end_ns,
        window_tokens=timings.window_tokens,
        lookahead_tokens=timings.lookahead_tokens,
        speculative=timings.speculative,
    )


def to_alignment(aligned: messages.Aligned, encoder: AudioEncoder) -> tts_pb2.Alignment:
    return tts_pb2.Alignment(
        words=[
            tts_pb2.Word(
                word=word.word,
                start_sample=encoder.to_output(word.start_sample),
                end_sample=encoder.to_output(word.end_sample),
                text_begin=word.text_begin,
                text_end=word.text_end,
            )
            for word in aligned.words
        ]
    )


def to_warning(warned: messages.Warned) -> tts_pb2.Warning:
    return tts_pb2.Warning(reason=warned.reason, message=warned.message)


def to_usage(usage: messages.Usage, samples: int, sample_rate: int) -> tts_pb2.Usage:
    """`samples` and `sample_rate` are those of the output."""
    return tts_pb2.Usage(
        input_characters=usage.input_characters,
        segments=usage.segments,
        speech_tokens=usage.speech_tokens,
        samples=samples,
        audio_duration=to_duration(samples / sample_rate),
        windows=usage.windows,
        windows_discarded=usage.windows_discarded,
        t3_time=to_duration(usage.t3_ns / _NS_PER_S),
        flow_time=to_duration(usage.flow_ns / _NS_PER_S),
    )


def to_server_info(
    info: messages.EngineInfo, stats: messages.EngineStats, config: ServiceConfig
) -> tts_pb2.GetServerInfoResponse:
    return tts_pb2.GetServerInfoResponse(
        version=config.version,
        model=info.model,
        variant=info.variant,
        native_sample_rate_hertz=info.sample_rate,
        sample_rates_hertz=sample_rates(info.sample_rate),
        encodings=list(_WIRE_ENCODINGS.values()),
        limits=to_limits(info, config),
        default_sampling=to_sampling(info.default_sampling),
        default_streaming=tts_pb2.StreamingConfig(
            max_lead=to_duration(config.max_lead_s), max_text_delay=to_duration(info.default_max_text_delay_s)
        ),
        features=tts_pb2.Features(
            alignment=info.has_alignment,
            playback_reports=True,
            playback_scheduling=info.has_playback_scheduling,
            prebuffer_hint=info.has_prebuffer_hint,
            speculation=info.has_speculation,
            guidance=info.has_guidance,
            emotion=info.has_emotion,
        ),
        active_utterances=stats.utterances,
        device=info.device,
    )


def to_voices(voices: list[messages.VoiceInfo], default_voice: str) -> tts_pb2.ListVoicesResponse:
    return tts_pb2.ListVoicesResponse(
        voices=[
            tts_pb2.Voice(
                name=voice.name,
                description=voice.description,
                language_codes=voice.language_codes,
                bytes_held=voice.bytes_held,
            )
            for voice in sorted(voices, key=lambda voice: voice.name)
        ],
        default_voice=default_voice,
    )


def to_audio_format(audio_format: AudioFormat) -> tts_pb2.AudioFormat:
    encoding = _WIRE_ENCODINGS[audio_format.encoding]
    return tts_pb2.AudioFormat(encoding=encoding, sample_rate_hertz=audio_format.sample_rate)


def to_sampling(sampling: Mapping[str, float]) -> tts_pb2.SamplingConfig:
    wire = tts_pb2.SamplingConfig()
    for name, value in sampling.items():
        setattr(wire, name, round(value) if name == "top_k" else value)
    return wire


def to_limits(info: messages.EngineInfo, config: ServiceConfig) -> tts_pb2.Limits:
    return tts_pb2.Limits(
        max_text_chars=config.max_text_chars,
        idle_timeout=to_duration(config.idle_timeout_s),
        max_utterances=info.max_utterances,
    )


def to_duration(seconds: float) -> Duration:
    duration = Duration()
    duration.FromNanoseconds(round(seconds * _NS_PER_S))
    return duration


def sample_rates(native_rate: int) -> list[int]:
    return sorted({*SAMPLE_RATES, native_rate})
