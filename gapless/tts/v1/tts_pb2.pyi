import datetime

from google.protobuf import duration_pb2 as _duration_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class TextFormat(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    TEXT_FORMAT_UNSPECIFIED: _ClassVar[TextFormat]
    TEXT_FORMAT_AUTO: _ClassVar[TextFormat]
    TEXT_FORMAT_PLAIN: _ClassVar[TextFormat]
    TEXT_FORMAT_MARKDOWN: _ClassVar[TextFormat]
    TEXT_FORMAT_SSML: _ClassVar[TextFormat]

class CodeBlocks(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    CODE_BLOCKS_UNSPECIFIED: _ClassVar[CodeBlocks]
    CODE_BLOCKS_ANNOUNCE: _ClassVar[CodeBlocks]
    CODE_BLOCKS_SKIP: _ClassVar[CodeBlocks]
    CODE_BLOCKS_SPEAK: _ClassVar[CodeBlocks]

class AudioEncoding(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    AUDIO_ENCODING_UNSPECIFIED: _ClassVar[AudioEncoding]
    AUDIO_ENCODING_PCM_S16LE: _ClassVar[AudioEncoding]
    AUDIO_ENCODING_PCM_F32LE: _ClassVar[AudioEncoding]
    AUDIO_ENCODING_MULAW: _ClassVar[AudioEncoding]
    AUDIO_ENCODING_ALAW: _ClassVar[AudioEncoding]
    AUDIO_ENCODING_OPUS: _ClassVar[AudioEncoding]

class FinishReason(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    FINISH_REASON_UNSPECIFIED: _ClassVar[FinishReason]
    FINISH_REASON_COMPLETED: _ClassVar[FinishReason]
    FINISH_REASON_STOPPED: _ClassVar[FinishReason]
TEXT_FORMAT_UNSPECIFIED: TextFormat
TEXT_FORMAT_AUTO: TextFormat
TEXT_FORMAT_PLAIN: TextFormat
TEXT_FORMAT_MARKDOWN: TextFormat
TEXT_FORMAT_SSML: TextFormat
CODE_BLOCKS_UNSPECIFIED: CodeBlocks
CODE_BLOCKS_ANNOUNCE: CodeBlocks
CODE_BLOCKS_SKIP: CodeBlocks
CODE_BLOCKS_SPEAK: CodeBlocks
AUDIO_ENCODING_UNSPECIFIED: AudioEncoding
AUDIO_ENCODING_PCM_S16LE: AudioEncoding
AUDIO_ENCODING_PCM_F32LE: AudioEncoding
AUDIO_ENCODING_MULAW: AudioEncoding
AUDIO_ENCODING_ALAW: AudioEncoding
AUDIO_ENCODING_OPUS: AudioEncoding
FINISH_REASON_UNSPECIFIED: FinishReason
FINISH_REASON_COMPLETED: FinishReason
FINISH_REASON_STOPPED: FinishReason

class SynthesizeRequest(_message.Message):
    __slots__ = ("config", "text", "flush", "end_of_input", "playback")
    CONFIG_FIELD_NUMBER: _ClassVar[int]
    TEXT_FIELD_NUMBER: _ClassVar[int]
    FLUSH_FIELD_NUMBER: _ClassVar[int]
    END_OF_INPUT_FIELD_NUMBER: _ClassVar[int]
    PLAYBACK_FIELD_NUMBER: _ClassVar[int]
    config: SynthesisConfig
    text: Text
    flush: Flush
    end_of_input: EndOfInput
    playback: PlaybackReport
    def __init__(self, config: _Optional[_Union[SynthesisConfig, _Mapping]] = ..., text: _Optional[_Union[Text, _Mapping]] = ..., flush: _Optional[_Union[Flush, _Mapping]] = ..., end_of_input: _Optional[_Union[EndOfInput, _Mapping]] = ..., playback: _Optional[_Union[PlaybackReport, _Mapping]] = ...) -> None: ...

class SynthesizeTextRequest(_message.Message):
    __slots__ = ("config", "text")
    CONFIG_FIELD_NUMBER: _ClassVar[int]
    TEXT_FIELD_NUMBER: _ClassVar[int]
    config: SynthesisConfig
    text: str
    def __init__(self, config: _Optional[_Union[SynthesisConfig, _Mapping]] = ..., text: _Optional[str] = ...) -> None: ...

class SynthesisConfig(_message.Message):
    __slots__ = ("voice", "audio_format", "sampling", "streaming", "trace_context", "language_code", "speaking_rate", "pronunciations", "text_format", "resume", "code_blocks")
    VOICE_FIELD_NUMBER: _ClassVar[int]
    AUDIO_FORMAT_FIELD_NUMBER: _ClassVar[int]
    SAMPLING_FIELD_NUMBER: _ClassVar[int]
    STREAMING_FIELD_NUMBER: _ClassVar[int]
    TRACE_CONTEXT_FIELD_NUMBER: _ClassVar[int]
    LANGUAGE_CODE_FIELD_NUMBER: _ClassVar[int]
    SPEAKING_RATE_FIELD_NUMBER: _ClassVar[int]
    PRONUNCIATIONS_FIELD_NUMBER: _ClassVar[int]
    TEXT_FORMAT_FIELD_NUMBER: _ClassVar[int]
    RESUME_FIELD_NUMBER: _ClassVar[int]
    CODE_BLOCKS_FIELD_NUMBER: _ClassVar[int]
    voice: str
    audio_format: AudioFormat
    sampling: SamplingConfig
    streaming: StreamingConfig
    trace_context: TraceContext
    language_code: str
    speaking_rate: float
    pronunciations: _containers.RepeatedCompositeFieldContainer[Pronunciation]
    text_format: TextFormat
    resume: Resume
    code_blocks: CodeBlocks
    def __init__(self, voice: _Optional[str] = ..., audio_format: _Optional[_Union[AudioFormat, _Mapping]] = ..., sampling: _Optional[_Union[SamplingConfig, _Mapping]] = ..., streaming: _Optional[_Union[StreamingConfig, _Mapping]] = ..., trace_context: _Optional[_Union[TraceContext, _Mapping]] = ..., language_code: _Optional[str] = ..., speaking_rate: _Optional[float] = ..., pronunciations: _Optional[_Iterable[_Union[Pronunciation, _Mapping]]] = ..., text_format: _Optional[_Union[TextFormat, str]] = ..., resume: _Optional[_Union[Resume, _Mapping]] = ..., code_blocks: _Optional[_Union[CodeBlocks, str]] = ...) -> None: ...

class Pronunciation(_message.Message):
    __slots__ = ("word", "respelling", "phonemes")
    WORD_FIELD_NUMBER: _ClassVar[int]
    RESPELLING_FIELD_NUMBER: _ClassVar[int]
    PHONEMES_FIELD_NUMBER: _ClassVar[int]
    word: str
    respelling: str
    phonemes: str
    def __init__(self, word: _Optional[str] = ..., respelling: _Optional[str] = ..., phonemes: _Optional[str] = ...) -> None: ...

class Resume(_message.Message):
    __slots__ = ("token", "from_sample")
    TOKEN_FIELD_NUMBER: _ClassVar[int]
    FROM_SAMPLE_FIELD_NUMBER: _ClassVar[int]
    token: bytes
    from_sample: int
    def __init__(self, token: _Optional[bytes] = ..., from_sample: _Optional[int] = ...) -> None: ...

class AudioFormat(_message.Message):
    __slots__ = ("encoding", "sample_rate_hertz")
    ENCODING_FIELD_NUMBER: _ClassVar[int]
    SAMPLE_RATE_HERTZ_FIELD_NUMBER: _ClassVar[int]
    encoding: AudioEncoding
    sample_rate_hertz: int
    def __init__(self, encoding: _Optional[_Union[AudioEncoding, str]] = ..., sample_rate_hertz: _Optional[int] = ...) -> None: ...

class SamplingConfig(_message.Message):
    __slots__ = ("temperature", "top_p", "min_p", "top_k", "repetition_penalty", "cfg_weight", "exaggeration", "seed")
    TEMPERATURE_FIELD_NUMBER: _ClassVar[int]
    TOP_P_FIELD_NUMBER: _ClassVar[int]
    MIN_P_FIELD_NUMBER: _ClassVar[int]
    TOP_K_FIELD_NUMBER: _ClassVar[int]
    REPETITION_PENALTY_FIELD_NUMBER: _ClassVar[int]
    CFG_WEIGHT_FIELD_NUMBER: _ClassVar[int]
    EXAGGERATION_FIELD_NUMBER: _ClassVar[int]
    SEED_FIELD_NUMBER: _ClassVar[int]
    temperature: float
    top_p: float
    min_p: float
    top_k: int
    repetition_penalty: float
    cfg_weight: float
    exaggeration: float
    seed: int
    def __init__(self, temperature: _Optional[float] = ..., top_p: _Optional[float] = ..., min_p: _Optional[float] = ..., top_k: _Optional[int] = ..., repetition_penalty: _Optional[float] = ..., cfg_weight: _Optional[float] = ..., exaggeration: _Optional[float] = ..., seed: _Optional[int] = ...) -> None: ...

class StreamingConfig(_message.Message):
    __slots__ = ("max_lead", "max_text_delay", "want_alignment", "want_resume_tokens")
    MAX_LEAD_FIELD_NUMBER: _ClassVar[int]
    MAX_TEXT_DELAY_FIELD_NUMBER: _ClassVar[int]
    WANT_ALIGNMENT_FIELD_NUMBER: _ClassVar[int]
    WANT_RESUME_TOKENS_FIELD_NUMBER: _ClassVar[int]
    max_lead: _duration_pb2.Duration
    max_text_delay: _duration_pb2.Duration
    want_alignment: bool
    want_resume_tokens: bool
    def __init__(self, max_lead: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ..., max_text_delay: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ..., want_alignment: bool = ..., want_resume_tokens: bool = ...) -> None: ...

class TraceContext(_message.Message):
    __slots__ = ("traceparent", "tracestate")
    TRACEPARENT_FIELD_NUMBER: _ClassVar[int]
    TRACESTATE_FIELD_NUMBER: _ClassVar[int]
    traceparent: str
    tracestate: str
    def __init__(self, traceparent: _Optional[str] = ..., tracestate: _Optional[str] = ...) -> None: ...

class Text(_message.Message):
    __slots__ = ("text",)
    TEXT_FIELD_NUMBER: _ClassVar[int]
    text: str
    def __init__(self, text: _Optional[str] = ...) -> None: ...

class Flush(_message.Message):
    __slots__ = ("flush_id",)
    FLUSH_ID_FIELD_NUMBER: _ClassVar[int]
    flush_id: int
    def __init__(self, flush_id: _Optional[int] = ...) -> None: ...

class EndOfInput(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class PlaybackReport(_message.Message):
    __slots__ = ("played_samples", "buffered_samples", "underruns", "underrun_total", "output_latency", "stopped")
    PLAYED_SAMPLES_FIELD_NUMBER: _ClassVar[int]
    BUFFERED_SAMPLES_FIELD_NUMBER: _ClassVar[int]
    UNDERRUNS_FIELD_NUMBER: _ClassVar[int]
    UNDERRUN_TOTAL_FIELD_NUMBER: _ClassVar[int]
    OUTPUT_LATENCY_FIELD_NUMBER: _ClassVar[int]
    STOPPED_FIELD_NUMBER: _ClassVar[int]
    played_samples: int
    buffered_samples: int
    underruns: int
    underrun_total: _duration_pb2.Duration
    output_latency: _duration_pb2.Duration
    stopped: bool
    def __init__(self, played_samples: _Optional[int] = ..., buffered_samples: _Optional[int] = ..., underruns: _Optional[int] = ..., underrun_total: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ..., output_latency: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ..., stopped: bool = ...) -> None: ...

class SynthesizeResponse(_message.Message):
    __slots__ = ("started", "audio", "flush_done", "alignment", "warning", "finished")
    STARTED_FIELD_NUMBER: _ClassVar[int]
    AUDIO_FIELD_NUMBER: _ClassVar[int]
    FLUSH_DONE_FIELD_NUMBER: _ClassVar[int]
    ALIGNMENT_FIELD_NUMBER: _ClassVar[int]
    WARNING_FIELD_NUMBER: _ClassVar[int]
    FINISHED_FIELD_NUMBER: _ClassVar[int]
    started: Started
    audio: Audio
    flush_done: FlushDone
    alignment: Alignment
    warning: Warning
    finished: Finished
    def __init__(self, started: _Optional[_Union[Started, _Mapping]] = ..., audio: _Optional[_Union[Audio, _Mapping]] = ..., flush_done: _Optional[_Union[FlushDone, _Mapping]] = ..., alignment: _Optional[_Union[Alignment, _Mapping]] = ..., warning: _Optional[_Union[Warning, _Mapping]] = ..., finished: _Optional[_Union[Finished, _Mapping]] = ...) -> None: ...

class Started(_message.Message):
    __slots__ = ("utterance_id", "voice", "audio_format", "seed", "sampling", "streaming", "limits", "traceparent", "language_code", "pre_skip_samples", "resume_token")
    UTTERANCE_ID_FIELD_NUMBER: _ClassVar[int]
    VOICE_FIELD_NUMBER: _ClassVar[int]
    AUDIO_FORMAT_FIELD_NUMBER: _ClassVar[int]
    SEED_FIELD_NUMBER: _ClassVar[int]
    SAMPLING_FIELD_NUMBER: _ClassVar[int]
    STREAMING_FIELD_NUMBER: _ClassVar[int]
    LIMITS_FIELD_NUMBER: _ClassVar[int]
    TRACEPARENT_FIELD_NUMBER: _ClassVar[int]
    LANGUAGE_CODE_FIELD_NUMBER: _ClassVar[int]
    PRE_SKIP_SAMPLES_FIELD_NUMBER: _ClassVar[int]
    RESUME_TOKEN_FIELD_NUMBER: _ClassVar[int]
    utterance_id: str
    voice: str
    audio_format: AudioFormat
    seed: int
    sampling: SamplingConfig
    streaming: StreamingConfig
    limits: Limits
    traceparent: str
    language_code: str
    pre_skip_samples: int
    resume_token: bytes
    def __init__(self, utterance_id: _Optional[str] = ..., voice: _Optional[str] = ..., audio_format: _Optional[_Union[AudioFormat, _Mapping]] = ..., seed: _Optional[int] = ..., sampling: _Optional[_Union[SamplingConfig, _Mapping]] = ..., streaming: _Optional[_Union[StreamingConfig, _Mapping]] = ..., limits: _Optional[_Union[Limits, _Mapping]] = ..., traceparent: _Optional[str] = ..., language_code: _Optional[str] = ..., pre_skip_samples: _Optional[int] = ..., resume_token: _Optional[bytes] = ...) -> None: ...

class Limits(_message.Message):
    __slots__ = ("max_text_chars", "idle_timeout", "max_utterances", "max_recording_bytes", "max_message_bytes", "max_calls", "max_calls_per_connection", "first_message_timeout", "max_utterance_duration", "max_waiting_flushes", "message_burst", "messages_per_second", "max_new_voices", "max_upload_duration", "max_recording_channels", "max_recording_rate_hertz", "max_recording_duration", "max_decoded_recording_bytes", "calls_per_second")
    MAX_TEXT_CHARS_FIELD_NUMBER: _ClassVar[int]
    IDLE_TIMEOUT_FIELD_NUMBER: _ClassVar[int]
    MAX_UTTERANCES_FIELD_NUMBER: _ClassVar[int]
    MAX_RECORDING_BYTES_FIELD_NUMBER: _ClassVar[int]
    MAX_MESSAGE_BYTES_FIELD_NUMBER: _ClassVar[int]
    MAX_CALLS_FIELD_NUMBER: _ClassVar[int]
    MAX_CALLS_PER_CONNECTION_FIELD_NUMBER: _ClassVar[int]
    FIRST_MESSAGE_TIMEOUT_FIELD_NUMBER: _ClassVar[int]
    MAX_UTTERANCE_DURATION_FIELD_NUMBER: _ClassVar[int]
    MAX_WAITING_FLUSHES_FIELD_NUMBER: _ClassVar[int]
    MESSAGE_BURST_FIELD_NUMBER: _ClassVar[int]
    MESSAGES_PER_SECOND_FIELD_NUMBER: _ClassVar[int]
    MAX_NEW_VOICES_FIELD_NUMBER: _ClassVar[int]
    MAX_UPLOAD_DURATION_FIELD_NUMBER: _ClassVar[int]
    MAX_RECORDING_CHANNELS_FIELD_NUMBER: _ClassVar[int]
    MAX_RECORDING_RATE_HERTZ_FIELD_NUMBER: _ClassVar[int]
    MAX_RECORDING_DURATION_FIELD_NUMBER: _ClassVar[int]
    MAX_DECODED_RECORDING_BYTES_FIELD_NUMBER: _ClassVar[int]
    CALLS_PER_SECOND_FIELD_NUMBER: _ClassVar[int]
    max_text_chars: int
    idle_timeout: _duration_pb2.Duration
    max_utterances: int
    max_recording_bytes: int
    max_message_bytes: int
    max_calls: int
    max_calls_per_connection: int
    first_message_timeout: _duration_pb2.Duration
    max_utterance_duration: _duration_pb2.Duration
    max_waiting_flushes: int
    message_burst: int
    messages_per_second: float
    max_new_voices: int
    max_upload_duration: _duration_pb2.Duration
    max_recording_channels: int
    max_recording_rate_hertz: int
    max_recording_duration: _duration_pb2.Duration
    max_decoded_recording_bytes: int
    calls_per_second: float
    def __init__(self, max_text_chars: _Optional[int] = ..., idle_timeout: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ..., max_utterances: _Optional[int] = ..., max_recording_bytes: _Optional[int] = ..., max_message_bytes: _Optional[int] = ..., max_calls: _Optional[int] = ..., max_calls_per_connection: _Optional[int] = ..., first_message_timeout: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ..., max_utterance_duration: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ..., max_waiting_flushes: _Optional[int] = ..., message_burst: _Optional[int] = ..., messages_per_second: _Optional[float] = ..., max_new_voices: _Optional[int] = ..., max_upload_duration: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ..., max_recording_channels: _Optional[int] = ..., max_recording_rate_hertz: _Optional[int] = ..., max_recording_duration: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ..., max_decoded_recording_bytes: _Optional[int] = ..., calls_per_second: _Optional[float] = ...) -> None: ...

class Audio(_message.Message):
    __slots__ = ("chunk_seq", "first_sample", "num_samples", "data", "timings", "prebuffer_hint", "segment", "end_of_segment", "text_begin", "text_end", "packet_bytes", "resume_token")
    CHUNK_SEQ_FIELD_NUMBER: _ClassVar[int]
    FIRST_SAMPLE_FIELD_NUMBER: _ClassVar[int]
    NUM_SAMPLES_FIELD_NUMBER: _ClassVar[int]
    DATA_FIELD_NUMBER: _ClassVar[int]
    TIMINGS_FIELD_NUMBER: _ClassVar[int]
    PREBUFFER_HINT_FIELD_NUMBER: _ClassVar[int]
    SEGMENT_FIELD_NUMBER: _ClassVar[int]
    END_OF_SEGMENT_FIELD_NUMBER: _ClassVar[int]
    TEXT_BEGIN_FIELD_NUMBER: _ClassVar[int]
    TEXT_END_FIELD_NUMBER: _ClassVar[int]
    PACKET_BYTES_FIELD_NUMBER: _ClassVar[int]
    RESUME_TOKEN_FIELD_NUMBER: _ClassVar[int]
    chunk_seq: int
    first_sample: int
    num_samples: int
    data: bytes
    timings: ChunkTimings
    prebuffer_hint: _duration_pb2.Duration
    segment: int
    end_of_segment: bool
    text_begin: int
    text_end: int
    packet_bytes: _containers.RepeatedScalarFieldContainer[int]
    resume_token: bytes
    def __init__(self, chunk_seq: _Optional[int] = ..., first_sample: _Optional[int] = ..., num_samples: _Optional[int] = ..., data: _Optional[bytes] = ..., timings: _Optional[_Union[ChunkTimings, _Mapping]] = ..., prebuffer_hint: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ..., segment: _Optional[int] = ..., end_of_segment: bool = ..., text_begin: _Optional[int] = ..., text_end: _Optional[int] = ..., packet_bytes: _Optional[_Iterable[int]] = ..., resume_token: _Optional[bytes] = ...) -> None: ...

class ChunkTimings(_message.Message):
    __slots__ = ("text_received_unix_nanos", "t3_start_unix_nanos", "t3_first_token_unix_nanos", "t3_last_token_unix_nanos", "flow_start_unix_nanos", "flow_end_unix_nanos", "vocoder_end_unix_nanos", "taken_unix_nanos", "write_start_unix_nanos", "loop_lag_max", "window_tokens", "lookahead_tokens", "speculative", "paced", "text_cut_unix_nanos", "t3_busy", "room_unix_nanos", "loop_lag_from_unix_nanos", "previous_written_unix_nanos", "wanted_unix_nanos", "vocoder_start_unix_nanos", "flow_batch", "vocoder_batch", "engine_sent_unix_nanos", "gateway_received_unix_nanos", "move_start_unix_nanos", "move_end_unix_nanos")
    TEXT_RECEIVED_UNIX_NANOS_FIELD_NUMBER: _ClassVar[int]
    T3_START_UNIX_NANOS_FIELD_NUMBER: _ClassVar[int]
    T3_FIRST_TOKEN_UNIX_NANOS_FIELD_NUMBER: _ClassVar[int]
    T3_LAST_TOKEN_UNIX_NANOS_FIELD_NUMBER: _ClassVar[int]
    FLOW_START_UNIX_NANOS_FIELD_NUMBER: _ClassVar[int]
    FLOW_END_UNIX_NANOS_FIELD_NUMBER: _ClassVar[int]
    VOCODER_END_UNIX_NANOS_FIELD_NUMBER: _ClassVar[int]
    TAKEN_UNIX_NANOS_FIELD_NUMBER: _ClassVar[int]
    WRITE_START_UNIX_NANOS_FIELD_NUMBER: _ClassVar[int]
    LOOP_LAG_MAX_FIELD_NUMBER: _ClassVar[int]
    WINDOW_TOKENS_FIELD_NUMBER: _ClassVar[int]
    LOOKAHEAD_TOKENS_FIELD_NUMBER: _ClassVar[int]
    SPECULATIVE_FIELD_NUMBER: _ClassVar[int]
    PACED_FIELD_NUMBER: _ClassVar[int]
    TEXT_CUT_UNIX_NANOS_FIELD_NUMBER: _ClassVar[int]
    T3_BUSY_FIELD_NUMBER: _ClassVar[int]
    ROOM_UNIX_NANOS_FIELD_NUMBER: _ClassVar[int]
    LOOP_LAG_FROM_UNIX_NANOS_FIELD_NUMBER: _ClassVar[int]
    PREVIOUS_WRITTEN_UNIX_NANOS_FIELD_NUMBER: _ClassVar[int]
    WANTED_UNIX_NANOS_FIELD_NUMBER: _ClassVar[int]
    VOCODER_START_UNIX_NANOS_FIELD_NUMBER: _ClassVar[int]
    FLOW_BATCH_FIELD_NUMBER: _ClassVar[int]
    VOCODER_BATCH_FIELD_NUMBER: _ClassVar[int]
    ENGINE_SENT_UNIX_NANOS_FIELD_NUMBER: _ClassVar[int]
    GATEWAY_RECEIVED_UNIX_NANOS_FIELD_NUMBER: _ClassVar[int]
    MOVE_START_UNIX_NANOS_FIELD_NUMBER: _ClassVar[int]
    MOVE_END_UNIX_NANOS_FIELD_NUMBER: _ClassVar[int]
    text_received_unix_nanos: int
    t3_start_unix_nanos: int
    t3_first_token_unix_nanos: int
    t3_last_token_unix_nanos: int
    flow_start_unix_nanos: int
    flow_end_unix_nanos: int
    vocoder_end_unix_nanos: int
    taken_unix_nanos: int
    write_start_unix_nanos: int
    loop_lag_max: _duration_pb2.Duration
    window_tokens: int
    lookahead_tokens: int
    speculative: bool
    paced: _duration_pb2.Duration
    text_cut_unix_nanos: int
    t3_busy: _duration_pb2.Duration
    room_unix_nanos: int
    loop_lag_from_unix_nanos: int
    previous_written_unix_nanos: int
    wanted_unix_nanos: int
    vocoder_start_unix_nanos: int
    flow_batch: int
    vocoder_batch: int
    engine_sent_unix_nanos: int
    gateway_received_unix_nanos: int
    move_start_unix_nanos: int
    move_end_unix_nanos: int
    def __init__(self, text_received_unix_nanos: _Optional[int] = ..., t3_start_unix_nanos: _Optional[int] = ..., t3_first_token_unix_nanos: _Optional[int] = ..., t3_last_token_unix_nanos: _Optional[int] = ..., flow_start_unix_nanos: _Optional[int] = ..., flow_end_unix_nanos: _Optional[int] = ..., vocoder_end_unix_nanos: _Optional[int] = ..., taken_unix_nanos: _Optional[int] = ..., write_start_unix_nanos: _Optional[int] = ..., loop_lag_max: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ..., window_tokens: _Optional[int] = ..., lookahead_tokens: _Optional[int] = ..., speculative: bool = ..., paced: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ..., text_cut_unix_nanos: _Optional[int] = ..., t3_busy: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ..., room_unix_nanos: _Optional[int] = ..., loop_lag_from_unix_nanos: _Optional[int] = ..., previous_written_unix_nanos: _Optional[int] = ..., wanted_unix_nanos: _Optional[int] = ..., vocoder_start_unix_nanos: _Optional[int] = ..., flow_batch: _Optional[int] = ..., vocoder_batch: _Optional[int] = ..., engine_sent_unix_nanos: _Optional[int] = ..., gateway_received_unix_nanos: _Optional[int] = ..., move_start_unix_nanos: _Optional[int] = ..., move_end_unix_nanos: _Optional[int] = ...) -> None: ...

class FlushDone(_message.Message):
    __slots__ = ("flush_id", "end_sample")
    FLUSH_ID_FIELD_NUMBER: _ClassVar[int]
    END_SAMPLE_FIELD_NUMBER: _ClassVar[int]
    flush_id: int
    end_sample: int
    def __init__(self, flush_id: _Optional[int] = ..., end_sample: _Optional[int] = ...) -> None: ...

class Alignment(_message.Message):
    __slots__ = ("words",)
    WORDS_FIELD_NUMBER: _ClassVar[int]
    words: _containers.RepeatedCompositeFieldContainer[Word]
    def __init__(self, words: _Optional[_Iterable[_Union[Word, _Mapping]]] = ...) -> None: ...

class Word(_message.Message):
    __slots__ = ("word", "start_sample", "end_sample", "text_begin", "text_end")
    WORD_FIELD_NUMBER: _ClassVar[int]
    START_SAMPLE_FIELD_NUMBER: _ClassVar[int]
    END_SAMPLE_FIELD_NUMBER: _ClassVar[int]
    TEXT_BEGIN_FIELD_NUMBER: _ClassVar[int]
    TEXT_END_FIELD_NUMBER: _ClassVar[int]
    word: str
    start_sample: int
    end_sample: int
    text_begin: int
    text_end: int
    def __init__(self, word: _Optional[str] = ..., start_sample: _Optional[int] = ..., end_sample: _Optional[int] = ..., text_begin: _Optional[int] = ..., text_end: _Optional[int] = ...) -> None: ...

class Warning(_message.Message):
    __slots__ = ("reason", "message")
    REASON_FIELD_NUMBER: _ClassVar[int]
    MESSAGE_FIELD_NUMBER: _ClassVar[int]
    reason: str
    message: str
    def __init__(self, reason: _Optional[str] = ..., message: _Optional[str] = ...) -> None: ...

class Finished(_message.Message):
    __slots__ = ("reason", "usage")
    REASON_FIELD_NUMBER: _ClassVar[int]
    USAGE_FIELD_NUMBER: _ClassVar[int]
    reason: FinishReason
    usage: Usage
    def __init__(self, reason: _Optional[_Union[FinishReason, str]] = ..., usage: _Optional[_Union[Usage, _Mapping]] = ...) -> None: ...

class Usage(_message.Message):
    __slots__ = ("input_characters", "segments", "speech_tokens", "samples", "audio_duration", "windows", "windows_discarded", "t3_time", "flow_time", "vocoder_time")
    INPUT_CHARACTERS_FIELD_NUMBER: _ClassVar[int]
    SEGMENTS_FIELD_NUMBER: _ClassVar[int]
    SPEECH_TOKENS_FIELD_NUMBER: _ClassVar[int]
    SAMPLES_FIELD_NUMBER: _ClassVar[int]
    AUDIO_DURATION_FIELD_NUMBER: _ClassVar[int]
    WINDOWS_FIELD_NUMBER: _ClassVar[int]
    WINDOWS_DISCARDED_FIELD_NUMBER: _ClassVar[int]
    T3_TIME_FIELD_NUMBER: _ClassVar[int]
    FLOW_TIME_FIELD_NUMBER: _ClassVar[int]
    VOCODER_TIME_FIELD_NUMBER: _ClassVar[int]
    input_characters: int
    segments: int
    speech_tokens: int
    samples: int
    audio_duration: _duration_pb2.Duration
    windows: int
    windows_discarded: int
    t3_time: _duration_pb2.Duration
    flow_time: _duration_pb2.Duration
    vocoder_time: _duration_pb2.Duration
    def __init__(self, input_characters: _Optional[int] = ..., segments: _Optional[int] = ..., speech_tokens: _Optional[int] = ..., samples: _Optional[int] = ..., audio_duration: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ..., windows: _Optional[int] = ..., windows_discarded: _Optional[int] = ..., t3_time: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ..., flow_time: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ..., vocoder_time: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ...) -> None: ...

class ListVoicesRequest(_message.Message):
    __slots__ = ("page_size", "page_token")
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    page_size: int
    page_token: str
    def __init__(self, page_size: _Optional[int] = ..., page_token: _Optional[str] = ...) -> None: ...

class ListVoicesResponse(_message.Message):
    __slots__ = ("voices", "default_voice", "next_page_token")
    VOICES_FIELD_NUMBER: _ClassVar[int]
    DEFAULT_VOICE_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    voices: _containers.RepeatedCompositeFieldContainer[Voice]
    default_voice: str
    next_page_token: str
    def __init__(self, voices: _Optional[_Iterable[_Union[Voice, _Mapping]]] = ..., default_voice: _Optional[str] = ..., next_page_token: _Optional[str] = ...) -> None: ...

class Voice(_message.Message):
    __slots__ = ("name", "description", "language_codes", "bytes_held", "built_in", "in_memory")
    NAME_FIELD_NUMBER: _ClassVar[int]
    DESCRIPTION_FIELD_NUMBER: _ClassVar[int]
    LANGUAGE_CODES_FIELD_NUMBER: _ClassVar[int]
    BYTES_HELD_FIELD_NUMBER: _ClassVar[int]
    BUILT_IN_FIELD_NUMBER: _ClassVar[int]
    IN_MEMORY_FIELD_NUMBER: _ClassVar[int]
    name: str
    description: str
    language_codes: _containers.RepeatedScalarFieldContainer[str]
    bytes_held: int
    built_in: bool
    in_memory: bool
    def __init__(self, name: _Optional[str] = ..., description: _Optional[str] = ..., language_codes: _Optional[_Iterable[str]] = ..., bytes_held: _Optional[int] = ..., built_in: bool = ..., in_memory: bool = ...) -> None: ...

class CreateVoiceRequest(_message.Message):
    __slots__ = ("config", "audio")
    CONFIG_FIELD_NUMBER: _ClassVar[int]
    AUDIO_FIELD_NUMBER: _ClassVar[int]
    config: NewVoice
    audio: bytes
    def __init__(self, config: _Optional[_Union[NewVoice, _Mapping]] = ..., audio: _Optional[bytes] = ...) -> None: ...

class NewVoice(_message.Message):
    __slots__ = ("name", "description")
    NAME_FIELD_NUMBER: _ClassVar[int]
    DESCRIPTION_FIELD_NUMBER: _ClassVar[int]
    name: str
    description: str
    def __init__(self, name: _Optional[str] = ..., description: _Optional[str] = ...) -> None: ...

class CreateVoiceResponse(_message.Message):
    __slots__ = ("voice", "warnings")
    VOICE_FIELD_NUMBER: _ClassVar[int]
    WARNINGS_FIELD_NUMBER: _ClassVar[int]
    voice: Voice
    warnings: _containers.RepeatedCompositeFieldContainer[Warning]
    def __init__(self, voice: _Optional[_Union[Voice, _Mapping]] = ..., warnings: _Optional[_Iterable[_Union[Warning, _Mapping]]] = ...) -> None: ...

class DeleteVoiceRequest(_message.Message):
    __slots__ = ("name",)
    NAME_FIELD_NUMBER: _ClassVar[int]
    name: str
    def __init__(self, name: _Optional[str] = ...) -> None: ...

class DeleteVoiceResponse(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class GetServerInfoRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class GetServerInfoResponse(_message.Message):
    __slots__ = ("version", "model", "variant", "native_sample_rate_hertz", "sample_rates_hertz", "encodings", "limits", "default_sampling", "default_streaming", "features", "active_utterances", "device", "language_codes", "flow_form", "utterance_bytes", "utterance_memory_bytes", "text_formats", "max_utterances_reason")
    VERSION_FIELD_NUMBER: _ClassVar[int]
    MODEL_FIELD_NUMBER: _ClassVar[int]
    VARIANT_FIELD_NUMBER: _ClassVar[int]
    NATIVE_SAMPLE_RATE_HERTZ_FIELD_NUMBER: _ClassVar[int]
    SAMPLE_RATES_HERTZ_FIELD_NUMBER: _ClassVar[int]
    ENCODINGS_FIELD_NUMBER: _ClassVar[int]
    LIMITS_FIELD_NUMBER: _ClassVar[int]
    DEFAULT_SAMPLING_FIELD_NUMBER: _ClassVar[int]
    DEFAULT_STREAMING_FIELD_NUMBER: _ClassVar[int]
    FEATURES_FIELD_NUMBER: _ClassVar[int]
    ACTIVE_UTTERANCES_FIELD_NUMBER: _ClassVar[int]
    DEVICE_FIELD_NUMBER: _ClassVar[int]
    LANGUAGE_CODES_FIELD_NUMBER: _ClassVar[int]
    FLOW_FORM_FIELD_NUMBER: _ClassVar[int]
    UTTERANCE_BYTES_FIELD_NUMBER: _ClassVar[int]
    UTTERANCE_MEMORY_BYTES_FIELD_NUMBER: _ClassVar[int]
    TEXT_FORMATS_FIELD_NUMBER: _ClassVar[int]
    MAX_UTTERANCES_REASON_FIELD_NUMBER: _ClassVar[int]
    version: str
    model: str
    variant: str
    native_sample_rate_hertz: int
    sample_rates_hertz: _containers.RepeatedScalarFieldContainer[int]
    encodings: _containers.RepeatedScalarFieldContainer[AudioEncoding]
    limits: Limits
    default_sampling: SamplingConfig
    default_streaming: StreamingConfig
    features: Features
    active_utterances: int
    device: str
    language_codes: _containers.RepeatedScalarFieldContainer[str]
    flow_form: str
    utterance_bytes: int
    utterance_memory_bytes: int
    text_formats: _containers.RepeatedScalarFieldContainer[TextFormat]
    max_utterances_reason: str
    def __init__(self, version: _Optional[str] = ..., model: _Optional[str] = ..., variant: _Optional[str] = ..., native_sample_rate_hertz: _Optional[int] = ..., sample_rates_hertz: _Optional[_Iterable[int]] = ..., encodings: _Optional[_Iterable[_Union[AudioEncoding, str]]] = ..., limits: _Optional[_Union[Limits, _Mapping]] = ..., default_sampling: _Optional[_Union[SamplingConfig, _Mapping]] = ..., default_streaming: _Optional[_Union[StreamingConfig, _Mapping]] = ..., features: _Optional[_Union[Features, _Mapping]] = ..., active_utterances: _Optional[int] = ..., device: _Optional[str] = ..., language_codes: _Optional[_Iterable[str]] = ..., flow_form: _Optional[str] = ..., utterance_bytes: _Optional[int] = ..., utterance_memory_bytes: _Optional[int] = ..., text_formats: _Optional[_Iterable[_Union[TextFormat, str]]] = ..., max_utterances_reason: _Optional[str] = ...) -> None: ...

class Features(_message.Message):
    __slots__ = ("alignment", "playback_reports", "playback_scheduling", "prebuffer_hint", "speculation", "guidance", "emotion", "voice_cloning", "deterministic", "speaking_rate", "pronunciations", "phonemes", "resume")
    ALIGNMENT_FIELD_NUMBER: _ClassVar[int]
    PLAYBACK_REPORTS_FIELD_NUMBER: _ClassVar[int]
    PLAYBACK_SCHEDULING_FIELD_NUMBER: _ClassVar[int]
    PREBUFFER_HINT_FIELD_NUMBER: _ClassVar[int]
    SPECULATION_FIELD_NUMBER: _ClassVar[int]
    GUIDANCE_FIELD_NUMBER: _ClassVar[int]
    EMOTION_FIELD_NUMBER: _ClassVar[int]
    VOICE_CLONING_FIELD_NUMBER: _ClassVar[int]
    DETERMINISTIC_FIELD_NUMBER: _ClassVar[int]
    SPEAKING_RATE_FIELD_NUMBER: _ClassVar[int]
    PRONUNCIATIONS_FIELD_NUMBER: _ClassVar[int]
    PHONEMES_FIELD_NUMBER: _ClassVar[int]
    RESUME_FIELD_NUMBER: _ClassVar[int]
    alignment: bool
    playback_reports: bool
    playback_scheduling: bool
    prebuffer_hint: bool
    speculation: bool
    guidance: bool
    emotion: bool
    voice_cloning: bool
    deterministic: bool
    speaking_rate: bool
    pronunciations: bool
    phonemes: bool
    resume: bool
    def __init__(self, alignment: bool = ..., playback_reports: bool = ..., playback_scheduling: bool = ..., prebuffer_hint: bool = ..., speculation: bool = ..., guidance: bool = ..., emotion: bool = ..., voice_cloning: bool = ..., deterministic: bool = ..., speaking_rate: bool = ..., pronunciations: bool = ..., phonemes: bool = ..., resume: bool = ...) -> None: ...

class ProbeClockRequest(_message.Message):
    __slots__ = ("client_send_unix_nanos",)
    CLIENT_SEND_UNIX_NANOS_FIELD_NUMBER: _ClassVar[int]
    client_send_unix_nanos: int
    def __init__(self, client_send_unix_nanos: _Optional[int] = ...) -> None: ...

class ProbeClockResponse(_message.Message):
    __slots__ = ("client_send_unix_nanos", "server_receive_unix_nanos", "server_send_unix_nanos", "loop_lag_max", "loop_lag_from_unix_nanos")
    CLIENT_SEND_UNIX_NANOS_FIELD_NUMBER: _ClassVar[int]
    SERVER_RECEIVE_UNIX_NANOS_FIELD_NUMBER: _ClassVar[int]
    SERVER_SEND_UNIX_NANOS_FIELD_NUMBER: _ClassVar[int]
    LOOP_LAG_MAX_FIELD_NUMBER: _ClassVar[int]
    LOOP_LAG_FROM_UNIX_NANOS_FIELD_NUMBER: _ClassVar[int]
    client_send_unix_nanos: int
    server_receive_unix_nanos: int
    server_send_unix_nanos: int
    loop_lag_max: _duration_pb2.Duration
    loop_lag_from_unix_nanos: int
    def __init__(self, client_send_unix_nanos: _Optional[int] = ..., server_receive_unix_nanos: _Optional[int] = ..., server_send_unix_nanos: _Optional[int] = ..., loop_lag_max: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ..., loop_lag_from_unix_nanos: _Optional[int] = ...) -> None: ...
