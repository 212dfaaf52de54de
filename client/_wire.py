"""The wire's messages (gapless.tts.v1) <-> the client's own words: the only file that knows both."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import fields
from functools import cache
from typing import Any, TypeAlias, TypedDict, TypeVar, cast

from google.protobuf.descriptor import Descriptor
from google.protobuf.duration_pb2 import Duration
from google.protobuf.message import Message

from gapless.tts.v1 import tts_pb2 as pb
from gapless.tts.v1.tts_pb2_grpc import TextToSpeechServiceStub

from ._clock import Exchange, Span
from ._opus import PacketDecoder, opuslib, split
from .audio import Encoding
from .errors import InvalidArgument, Unsupported, Violation
from .types import (
    Alignment,
    Chunk,
    CreatedVoice,
    Event,
    Finished,
    FlushDone,
    Limits,
    ServerInfo,
    ServerWarning,
    Started,
    Timings,
    Usage,
    Voice,
    Word,
)

Rpcs: TypeAlias = TextToSpeechServiceStub
Request: TypeAlias = pb.SynthesizeRequest
Response: TypeAlias = pb.SynthesizeResponse
ProbeAnswer: TypeAlias = pb.ProbeClockResponse
NewVoiceRequest: TypeAlias = pb.CreateVoiceRequest
NewVoiceResponse: TypeAlias = pb.CreateVoiceResponse

C = TypeVar("C")

METHOD = "gapless.tts.v1.TextToSpeechService/Synthesize"
AUDIO_PIECE_BYTES = 256 << 10  # of a recording, in one message
SAMPLING_FIELDS = ("temperature", "top_p", "min_p", "top_k", "repetition_penalty", "cfg_weight", "exaggeration")

_ENCODINGS = {
    pb.AUDIO_ENCODING_UNSPECIFIED: Encoding.S16,
    pb.AUDIO_ENCODING_PCM_S16LE: Encoding.S16,
    pb.AUDIO_ENCODING_PCM_F32LE: Encoding.F32,
    pb.AUDIO_ENCODING_MULAW: Encoding.MULAW,
    pb.AUDIO_ENCODING_ALAW: Encoding.ALAW,
    pb.AUDIO_ENCODING_OPUS: Encoding.OPUS,
}
_TEXT_FORMATS = {
    "auto": pb.TEXT_FORMAT_AUTO,
    "plain": pb.TEXT_FORMAT_PLAIN,
    "markdown": pb.TEXT_FORMAT_MARKDOWN,
    "ssml": pb.TEXT_FORMAT_SSML,
}
_CODE_BLOCKS = {
    "announce": pb.CODE_BLOCKS_ANNOUNCE,
    "skip": pb.CODE_BLOCKS_SKIP,
    "speak": pb.CODE_BLOCKS_SPEAK,
}
TEXT_FORMATS, CODE_BLOCKS = tuple(_TEXT_FORMATS), tuple(_CODE_BLOCKS)


class Sampling(TypedDict, total=False):
    """How speech tokens are drawn; what is absent is the model's default."""

    temperature: float
    top_p: float
    min_p: float
    top_k: int
    repetition_penalty: float
    cfg_weight: float
    exaggeration: float


class Options(TypedDict, total=False):
    """How an utterance is spoken and delivered; what is absent or None is the server's default."""

    voice: str | None
    language: str | None  # one of ServerInfo.languages
    sample_rate: int | None  # Hz, one of ServerInfo.sample_rates
    encoding: Encoding | str | None
    seed: int | None  # same seed, text and format: same audio
    sampling: Sampling | None
    max_lead: float | None  # s of audio that the server may run ahead of the listener; 0: as fast as possible
    max_text_delay: float | None  # s to wait for the end of a sentence
    text_format: str | None  # "auto", "plain", "markdown" or "ssml"
    code_blocks: str | None  # what is said for a block of code: "announce" (that there is one), "skip" or "speak"
    want_alignment: bool
    pronunciations: Mapping[str, str] | None  # word -> respelling, or phonemes between slashes
    speaking_rate: float | None  # relative to the model's own, of servers whose features have it


def config_to(options: Options) -> pb.SynthesisConfig:
    """Raises InvalidArgument for what cannot even be sent; everything else is for the server to judge."""
    try:
        return _config(options)
    except (ValueError, TypeError, OverflowError) as error:
        raise InvalidArgument(f"these options cannot be sent: {error}") from error


def opening_to(options: Options, want_resume_tokens: bool = False) -> pb.SynthesizeRequest:
    """The first message of an utterance. Raises InvalidArgument; Unsupported for Opus where libopus is missing."""
    if options.get("encoding") == Encoding.OPUS:
        opuslib()
    config = config_to(options)
    config.streaming.want_resume_tokens = want_resume_tokens
    return pb.SynthesizeRequest(config=config)


def text_to(text: str) -> pb.SynthesizeRequest:
    """Halves of surrogate pairs become U+FFFD, which no server speaks; pairs become the character they stand for."""
    return pb.SynthesizeRequest(text=pb.Text(text=text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")))


def flush_to(flush_id: int) -> pb.SynthesizeRequest:
    return pb.SynthesizeRequest(flush=pb.Flush(flush_id=flush_id))


def end_to() -> pb.SynthesizeRequest:
    return pb.SynthesizeRequest(end_of_input=pb.EndOfInput())


def playback_to(
    *,
    played_samples: int,
    buffered_samples: int,
    underruns: int,
    underrun_s: float,
    output_latency_s: float,
    stopped: bool,
) -> pb.SynthesizeRequest:
    report = pb.PlaybackReport(
        played_samples=played_samples,
        buffered_samples=buffered_samples,
        underruns=underruns,
        underrun_total=duration(underrun_s),
        output_latency=duration(output_latency_s),
        stopped=stopped,
    )
    return pb.SynthesizeRequest(playback=report)


def _config(options: Options) -> pb.SynthesisConfig:
    """Raises TypeError for an option that there is not: Python does not look at the names of a TypedDict."""
    if unknown := options.keys() - Options.__annotations__.keys():
        raise TypeError(f"unknown: {', '.join(sorted(unknown))}; there are {', '.join(Options.__annotations__)}")
    config = pb.SynthesisConfig(
        voice=options.get("voice") or "",
        language_code=options.get("language") or "",
        sampling=pb.SamplingConfig(**(options.get("sampling") or {}), seed=options.get("seed")),
        streaming=pb.StreamingConfig(want_alignment=options.get("want_alignment", False)),
        text_format=_choice_to(_TEXT_FORMATS, options.get("text_format"), "text_format"),
        code_blocks=_choice_to(_CODE_BLOCKS, options.get("code_blocks"), "code_blocks"),
    )
    for word, spoken in (options.get("pronunciations") or {}).items():
        config.pronunciations.append(pronunciation_to(word, spoken))
    if (speaking_rate := options.get("speaking_rate")) is not None:
        config.speaking_rate = speaking_rate
    if rate := options.get("sample_rate"):
        config.audio_format.sample_rate_hertz = rate
    if encoding := options.get("encoding"):
        config.audio_format.encoding = encoding_to(Encoding(encoding))
    if (max_lead := options.get("max_lead")) is not None:
        config.streaming.max_lead.CopyFrom(duration(max_lead))
    if (max_text_delay := options.get("max_text_delay")) is not None:
        config.streaming.max_text_delay.CopyFrom(duration(max_text_delay))
    return config


def _choice_to(choices: Mapping[str, C], choice: str | None, field: str) -> C | None:
    """Raises InvalidArgument."""
    if choice and choice not in choices:
        wrong = Violation(f"config.{field}", f"{choice!r} is none of {', '.join(choices)}")
        raise InvalidArgument(f"these options cannot be sent: {field}: {wrong.description}", violations=(wrong,))
    return choices[choice] if choice else None


def pronunciation_to(word: str, spoken: str) -> pb.Pronunciation:
    """'nuh-VAH-duh' is a respelling, '/nəˈvɑːdə/' are phonemes."""
    if len(spoken) > 2 and spoken.startswith("/") and spoken.endswith("/"):
        return pb.Pronunciation(word=word, phonemes=spoken[1:-1])
    return pb.Pronunciation(word=word, respelling=spoken)


class Decoder:
    """The wire's responses of one utterance -> events. Remembers the format that `started` announced."""

    def __init__(self) -> None:
        self._encoding = Encoding.S16
        self._sample_rate = 0  # Hz
        self._opus: PacketDecoder | None = None

    def __call__(self, response: pb.SynthesizeResponse, received_ns: int) -> Event | None:
        """None for events that this client does not know."""
        match response.WhichOneof("event"):
            case "audio":
                return self._chunk(response.audio, received_ns)
            case "started":
                started = started_from(response.started, received_ns)
                self._encoding, self._sample_rate = started.encoding, started.sample_rate
                if started.encoding is Encoding.OPUS:
                    self._opus = PacketDecoder(started.sample_rate, started.pre_skip_samples)
                    self._encoding = Encoding.S16
                return started
            case "flush_done":
                done = response.flush_done
                return FlushDone(flush_id=done.flush_id, end_sample=done.end_sample, received_ns=received_ns)
            case "alignment":
                words = (Word(**_fields(Word, word)) for word in response.alignment.words)
                return Alignment(words=tuple(words), received_ns=received_ns)
            case "warning":
                warning = cast(pb.Warning, response.warning)  # the stub's forward reference means the builtin
                return ServerWarning(reason=warning.reason, message=warning.message, received_ns=received_ns)
            case "finished":
                stopped = response.finished.reason == pb.FINISH_REASON_STOPPED
                return Finished(stopped=stopped, usage=_usage(response.finished.usage), received_ns=received_ns)
        return None

    def _chunk(self, audio: pb.Audio, received_ns: int) -> Chunk:
        hint_s = seconds(audio.prebuffer_hint) if audio.HasField("prebuffer_hint") else None
        known = _fields(Chunk, audio) | {
            "timings": Timings(**_fields(Timings, audio.timings)),
            "prebuffer_hint_s": hint_s,
        }
        if self._opus:
            packets = split(audio.data, audio.packet_bytes)
            known["data"] = self._opus.decode(packets, audio.num_samples, audio.end_of_segment)
            known["packets"] = packets
        return Chunk(
            **known,
            seq=audio.chunk_seq,
            encoding=self._encoding,
            sample_rate=self._sample_rate,
            received_ns=received_ns,
        )


def _fields(cls: type, message: Message) -> dict[str, Any]:
    """What `message` holds of the fields of `cls`: under the same name, or `x_ns` as x_unix_nanos or as a duration x,
    or `x_s` as a duration x."""
    found = ((name, _wire_name(name, message.DESCRIPTOR)) for name in (field.name for field in fields(cls)))
    values = ((name, getattr(message, wire_name)) for name, wire_name in found if wire_name)
    return {name: _plain(name, value) if isinstance(value, Duration) else value for name, value in values}


@cache
def _wire_name(name: str, message: Descriptor) -> str | None:
    stem = name.removesuffix("_ns").removesuffix("_s")
    return next((one for one in (name, f"{stem}_unix_nanos", stem) if one in message.fields_by_name), None)


def _plain(name: str, duration: Duration) -> float:
    return duration.ToNanoseconds() if name.endswith("_ns") else seconds(duration)


def seconds(duration: Duration) -> float:
    return duration.ToNanoseconds() / 1e9


def encoding_from(encoding: pb.AudioEncoding) -> Encoding:
    """Raises Unsupported for an encoding that this client cannot read."""
    if encoding not in _ENCODINGS:
        known = ", ".join(one.value for one in Encoding)
        raise Unsupported(
            f"the server sends encoding {encoding}, which this client cannot read; ask for one of {known}"
        )
    return _ENCODINGS[encoding]


def encoding_to(encoding: Encoding) -> pb.AudioEncoding:
    return next(wire for wire, ours in _ENCODINGS.items() if ours is encoding and wire)


def limits_from(limits: pb.Limits) -> Limits:
    return Limits(
        **_fields(Limits, limits),
        max_utterance_s=seconds(limits.max_utterance_duration),
        max_upload_s=seconds(limits.max_upload_duration),
        max_recording_rate=limits.max_recording_rate_hertz,
        max_recording_s=seconds(limits.max_recording_duration),
    )


def sampling_from(sampling: pb.SamplingConfig) -> dict[str, float]:
    """The fields that are set, by the wire's names; the seed is not among them."""
    return {name: getattr(sampling, name) for name in SAMPLING_FIELDS if sampling.HasField(name)}


def started_from(started: pb.Started, received_ns: int) -> Started:
    return Started(
        utterance_id=started.utterance_id,
        voice=started.voice,
        language=started.language_code,
        encoding=encoding_from(started.audio_format.encoding),
        sample_rate=started.audio_format.sample_rate_hertz,
        seed=started.seed,
        sampling=sampling_from(started.sampling),
        max_lead_s=seconds(started.streaming.max_lead),
        max_text_delay_s=seconds(started.streaming.max_text_delay),
        limits=limits_from(started.limits),
        traceparent=started.traceparent,
        received_ns=received_ns,
        pre_skip_samples=started.pre_skip_samples,
    )


def _usage(usage: pb.Usage) -> Usage:
    return Usage(
        **_fields(Usage, usage),
        audio_s=seconds(usage.audio_duration),
        t3_s=seconds(usage.t3_time),
        flow_s=seconds(usage.flow_time),
    )


def duration(seconds: float) -> Duration:
    message = Duration()
    message.FromNanoseconds(round(seconds * 1e9))
    return message


def voices_to() -> pb.ListVoicesRequest:
    return pb.ListVoicesRequest()


def voices_from(response: pb.ListVoicesResponse) -> list[Voice]:
    return [_voice(voice, is_default=voice.name == response.default_voice) for voice in response.voices]


def _voice(voice: pb.Voice, is_default: bool) -> Voice:
    known = _fields(Voice, voice) | {"language_codes": tuple(voice.language_codes)}
    return Voice(**known, is_default=is_default)


def new_voice_to(name: str, description: str, audio: bytes) -> Iterator[pb.CreateVoiceRequest]:
    """The messages of one CreateVoice call."""
    try:
        yield pb.CreateVoiceRequest(config=pb.NewVoice(name=name, description=description))
    except ValueError as error:
        raise InvalidArgument(f"this name or description cannot be sent, it is not valid Unicode: {error}") from error
    for at in range(0, len(audio), AUDIO_PIECE_BYTES):
        yield pb.CreateVoiceRequest(audio=audio[at : at + AUDIO_PIECE_BYTES])


def created_voice_from(response: pb.CreateVoiceResponse) -> CreatedVoice:
    warnings = tuple(warning.message for warning in response.warnings)
    return CreatedVoice(voice=_voice(response.voice, is_default=False), warnings=warnings)


def deleted_voice_to(name: str) -> pb.DeleteVoiceRequest:
    return pb.DeleteVoiceRequest(name=name)


def probe_to(sent_ns: int) -> pb.ProbeClockRequest:
    return pb.ProbeClockRequest(client_send_unix_nanos=sent_ns)


def exchange_from(sent_ns: int, answer: pb.ProbeClockResponse, received_ns: int) -> Exchange:
    from_ns, lag_ns = answer.loop_lag_from_unix_nanos, answer.loop_lag_max.ToNanoseconds()
    return Exchange(
        sent_ns=sent_ns,
        server_received_ns=answer.server_receive_unix_nanos,
        server_sent_ns=answer.server_send_unix_nanos,
        received_ns=received_ns,
        server_blocked=Span(from_ns, from_ns + lag_ns) if lag_ns else None,
    )


def info_to() -> pb.GetServerInfoRequest:
    return pb.GetServerInfoRequest()


def info_from(info: pb.GetServerInfoResponse) -> ServerInfo:
    features = {field.name: getattr(info.features, field.name) for field in info.features.DESCRIPTOR.fields}
    return ServerInfo(
        version=info.version,
        model=info.model,
        variant=info.variant,
        device=info.device,
        native_sample_rate=info.native_sample_rate_hertz,
        sample_rates=tuple(info.sample_rates_hertz),
        encodings=tuple(_ENCODINGS[encoding] for encoding in info.encodings if encoding in _ENCODINGS),
        languages=tuple(info.language_codes),
        text_formats=tuple(
            name for wire in info.text_formats for name, number in _TEXT_FORMATS.items() if number == wire
        ),
        flow_form=info.flow_form,
        limits=limits_from(info.limits),
        default_sampling=sampling_from(info.default_sampling),
        default_max_lead_s=seconds(info.default_streaming.max_lead),
        default_max_text_delay_s=seconds(info.default_streaming.max_text_delay),
        features=features,
        active_utterances=info.active_utterances,
        max_utterances_reason=info.max_utterances_reason,
    )
