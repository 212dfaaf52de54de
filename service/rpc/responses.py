"""What the server says: the engine's messages -> proto. The way in, with all checks, is `service.rpc.requests`."""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any

from google.protobuf.descriptor import Descriptor
from google.protobuf.duration_pb2 import Duration
from google.protobuf.message import Message

from engine import messages
from engine.clock import now_ns
from gapless.doors.encoders import opus
from gapless.tts.v1 import tts_pb2
from service.audio import SAMPLE_RATES, AudioEncoder, AudioFormat, Encoded, Encoding
from service.config import ServiceConfig
from service.observability.loop_lag import Lag
from service.rpc import recording

_NS_PER_S = 1_000_000_000
ENCODINGS = {
    Encoding.PCM_S16LE: tts_pb2.AUDIO_ENCODING_PCM_S16LE,
    Encoding.PCM_F32LE: tts_pb2.AUDIO_ENCODING_PCM_F32LE,
    Encoding.MULAW: tts_pb2.AUDIO_ENCODING_MULAW,
    Encoding.ALAW: tts_pb2.AUDIO_ENCODING_ALAW,
    Encoding.OPUS: tts_pb2.AUDIO_ENCODING_OPUS,  # where libopus is installed
}
TEXT_FORMATS = {  # the first is the default
    messages.TextFormat.AUTO: tts_pb2.TEXT_FORMAT_AUTO,
    messages.TextFormat.PLAIN: tts_pb2.TEXT_FORMAT_PLAIN,
    messages.TextFormat.MARKDOWN: tts_pb2.TEXT_FORMAT_MARKDOWN,
    messages.TextFormat.SSML: tts_pb2.TEXT_FORMAT_SSML,
}
CODE_BLOCKS = {
    messages.CodeBlocks.ANNOUNCE: tts_pb2.CODE_BLOCKS_ANNOUNCE,
    messages.CodeBlocks.SKIP: tts_pb2.CODE_BLOCKS_SKIP,
    messages.CodeBlocks.SPEAK: tts_pb2.CODE_BLOCKS_SPEAK,
}


def to_started(
    audio_format: AudioFormat,
    max_lead_s: float,
    utterance: messages.Utterance,
    accepted: messages.Accepted,
    limits: tts_pb2.Limits,
    pre_skip: int,
) -> tts_pb2.Started:
    return tts_pb2.Started(
        utterance_id=utterance.id,
        voice=accepted.voice,
        audio_format=to_audio_format(audio_format),
        seed=accepted.seed,
        sampling=to_sampling(accepted.sampling),
        streaming=tts_pb2.StreamingConfig(
            max_lead=to_duration(max_lead_s),
            max_text_delay=to_duration(accepted.max_text_delay_s),
            want_alignment=utterance.want_alignment,
            want_resume_tokens=utterance.want_tokens,
        ),
        limits=limits,
        traceparent=utterance.traceparent,
        language_code=accepted.language,
        pre_skip_samples=pre_skip,
    )


def to_audio(chunk: messages.AudioChunk, encoded: Encoded) -> tts_pb2.Audio:
    """Without what is known only when it is sent: `chunk_seq`, `first_sample` and the service's own timings."""
    audio = tts_pb2.Audio(num_samples=encoded.num_samples, data=encoded.data, packet_bytes=encoded.packet_bytes)
    _copy_fields(chunk, audio)
    _copy_fields(chunk.timings, audio.timings)
    return audio


def _copy_fields(source: object, message: Message) -> None:
    """Numbers, words and switches that `message` has as well: under the same name, or `x_ns` as x_unix_nanos or as a
    duration x."""
    values = vars(source)
    for name, field, is_duration in _fields_of(tuple(values), message.DESCRIPTOR):
        value = values[name]
        if is_duration:
            getattr(message, field).FromNanoseconds(value)
        elif value:  # else it is what a field says that is not set
            setattr(message, field, value)


@cache
def _fields_of(names: tuple[str, ...], message: Descriptor) -> tuple[tuple[str, str, bool], ...]:
    """(name, field of the message, whether it is a duration) of all that is copied."""
    known, found = message.fields_by_name, []
    for name in names:
        stem = name.removesuffix("_ns")
        if f"{stem}_unix_nanos" in known:
            found.append((name, f"{stem}_unix_nanos", False))
        elif name in known and known[name].message_type is None:
            found.append((name, name, False))
        elif stem != name and stem in known:
            found.append((name, stem, True))
    return tuple(found)


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
        vocoder_time=to_duration(usage.vocoder_ns / _NS_PER_S),
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
        encodings=list(encodings().values()),
        limits=to_limits(info, config, stats.places),
        default_sampling=to_sampling(info.default_sampling),
        default_streaming=tts_pb2.StreamingConfig(
            max_lead=to_duration(config.max_lead_s), max_text_delay=to_duration(info.default_max_text_delay_s)
        ),
        features=tts_pb2.Features(
            alignment=info.has_alignment,
            pronunciations=True,
            phonemes=info.has_phonemes,
            speaking_rate=info.has_speaking_rate,
            playback_reports=True,
            playback_scheduling=info.has_playback_scheduling,
            prebuffer_hint=info.has_prebuffer_hint,
            speculation=info.has_speculation,
            guidance=info.has_guidance,
            emotion=info.has_emotion,
            voice_cloning=info.has_cloning,
            deterministic=info.is_deterministic,
            resume=info.has_resume,
        ),
        active_utterances=stats.utterances,
        device=info.device,
        language_codes=info.languages,
        flow_form=info.form,
        utterance_bytes=info.utterance_bytes,
        utterance_memory_bytes=info.utterance_memory_bytes,
        text_formats=list(TEXT_FORMATS.values()),
        max_utterances_reason=stats.places_reason,
    )


def to_voices(
    voices: Sequence[messages.VoiceInfo], default_voice: str, *, size: int, after: str
) -> tts_pb2.ListVoicesResponse:
    """One page: at most `size` voices, those whose names come after `after`."""
    left = sorted((voice for voice in voices if voice.name > after), key=lambda voice: voice.name)
    page, more = left[:size], left[size:]
    token = base64.urlsafe_b64encode(page[-1].name.encode()).decode() if more else ""
    return tts_pb2.ListVoicesResponse(voices=map(_to_voice, page), default_voice=default_voice, next_page_token=token)


def _to_voice(voice: messages.VoiceInfo) -> tts_pb2.Voice:
    return tts_pb2.Voice(
        name=voice.name,
        description=voice.description,
        language_codes=voice.language_codes,
        bytes_held=voice.bytes_held,
        built_in=voice.built_in,
        in_memory=voice.bytes_held > 0,
    )


def to_created_voice(created: messages.CreatedVoice) -> tts_pb2.CreateVoiceResponse:
    warnings = [tts_pb2.Warning(reason="RECORDING", message=message) for message in created.warnings]
    return tts_pb2.CreateVoiceResponse(voice=_to_voice(created.voice), warnings=warnings)


def to_audio_format(audio_format: AudioFormat) -> tts_pb2.AudioFormat:
    encoding = ENCODINGS[audio_format.encoding]
    return tts_pb2.AudioFormat(encoding=encoding, sample_rate_hertz=audio_format.sample_rate)


def to_sampling(sampling: Mapping[str, float]) -> tts_pb2.SamplingConfig:
    wire = tts_pb2.SamplingConfig()
    for name, value in sampling.items():
        setattr(wire, name, round(value) if name == "top_k" else value)
    return wire


def to_limits(info: messages.EngineInfo, config: ServiceConfig, places: int) -> tts_pb2.Limits:
    return tts_pb2.Limits(
        max_text_chars=config.max_text_chars,
        idle_timeout=to_duration(config.idle_timeout_s),
        max_utterances=places,
        max_message_bytes=config.max_message_bytes,
        max_calls=config.max_calls,
        max_calls_per_connection=config.max_calls_per_connection,
        calls_per_second=config.calls_per_s,
        first_message_timeout=to_duration(config.first_message_s),
        max_utterance_duration=to_duration(config.max_utterance_s),
        max_waiting_flushes=config.max_flushes,
        message_burst=config.message_burst,
        messages_per_second=config.messages_per_s,
        **(_recording_limits(config) if info.has_cloning else {}),
    )


def _recording_limits(config: ServiceConfig) -> dict[str, Any]:
    return {
        "max_recording_bytes": config.max_recording_bytes,
        "max_new_voices": config.max_new_voices,
        "max_upload_duration": to_duration(config.max_upload_s),
        "max_recording_channels": recording.MAX_CHANNELS,
        "max_recording_rate_hertz": recording.MAX_SAMPLE_RATE,
        "max_recording_duration": to_duration(recording.MAX_DURATION_S),
        "max_decoded_recording_bytes": recording.MAX_DECODED_BYTES,
    }


def to_duration(seconds: float) -> Duration:
    duration = Duration()
    duration.FromNanoseconds(round(seconds * _NS_PER_S))
    return duration


def encodings() -> dict[Encoding, tts_pb2.AudioEncoding]:
    """Those that this installation can make."""
    return {ours: wire for ours, wire in ENCODINGS.items() if ours is not Encoding.OPUS or not opus.why_not()}


def sample_rates(native_rate: int) -> list[int]:
    return sorted({*SAMPLE_RATES, native_rate})


def to_clock_reply(request: tts_pb2.ProbeClockRequest, received_ns: int, lag: Lag) -> tts_pb2.ProbeClockResponse:
    return tts_pb2.ProbeClockResponse(
        client_send_unix_nanos=request.client_send_unix_nanos,
        server_receive_unix_nanos=received_ns,
        loop_lag_max=to_duration(lag.s) if lag.s else None,
        loop_lag_from_unix_nanos=lag.from_ns,
        server_send_unix_nanos=now_ns(),
    )
