from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class SpeakRequest(_message.Message):
    __slots__ = ("submit", "text", "flush", "end_of_input", "release", "playback", "cancel")
    SUBMIT_FIELD_NUMBER: _ClassVar[int]
    TEXT_FIELD_NUMBER: _ClassVar[int]
    FLUSH_FIELD_NUMBER: _ClassVar[int]
    END_OF_INPUT_FIELD_NUMBER: _ClassVar[int]
    RELEASE_FIELD_NUMBER: _ClassVar[int]
    PLAYBACK_FIELD_NUMBER: _ClassVar[int]
    CANCEL_FIELD_NUMBER: _ClassVar[int]
    submit: Utterance
    text: str
    flush: int
    end_of_input: bool
    release: int
    playback: Playback
    cancel: bool
    def __init__(self, submit: _Optional[_Union[Utterance, _Mapping]] = ..., text: _Optional[str] = ..., flush: _Optional[int] = ..., end_of_input: bool = ..., release: _Optional[int] = ..., playback: _Optional[_Union[Playback, _Mapping]] = ..., cancel: bool = ...) -> None: ...

class SpeakResponse(_message.Message):
    __slots__ = ("accepted", "chunk", "flush_done", "aligned", "warned", "finished", "cancelled", "failed", "sent_ns")
    ACCEPTED_FIELD_NUMBER: _ClassVar[int]
    CHUNK_FIELD_NUMBER: _ClassVar[int]
    FLUSH_DONE_FIELD_NUMBER: _ClassVar[int]
    ALIGNED_FIELD_NUMBER: _ClassVar[int]
    WARNED_FIELD_NUMBER: _ClassVar[int]
    FINISHED_FIELD_NUMBER: _ClassVar[int]
    CANCELLED_FIELD_NUMBER: _ClassVar[int]
    FAILED_FIELD_NUMBER: _ClassVar[int]
    SENT_NS_FIELD_NUMBER: _ClassVar[int]
    accepted: Accepted
    chunk: AudioChunk
    flush_done: FlushDone
    aligned: Aligned
    warned: Warned
    finished: Usage
    cancelled: Usage
    failed: ToldError
    sent_ns: int
    def __init__(self, accepted: _Optional[_Union[Accepted, _Mapping]] = ..., chunk: _Optional[_Union[AudioChunk, _Mapping]] = ..., flush_done: _Optional[_Union[FlushDone, _Mapping]] = ..., aligned: _Optional[_Union[Aligned, _Mapping]] = ..., warned: _Optional[_Union[Warned, _Mapping]] = ..., finished: _Optional[_Union[Usage, _Mapping]] = ..., cancelled: _Optional[_Union[Usage, _Mapping]] = ..., failed: _Optional[_Union[ToldError, _Mapping]] = ..., sent_ns: _Optional[int] = ...) -> None: ...

class Utterance(_message.Message):
    __slots__ = ("id", "caller", "voice", "language", "sampling", "seed", "max_text_delay_s", "text_format", "code_blocks", "want_alignment", "pronunciations", "speaking_rate", "resume", "want_tokens", "traceparent")
    class SamplingEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: float
        def __init__(self, key: _Optional[str] = ..., value: _Optional[float] = ...) -> None: ...
    ID_FIELD_NUMBER: _ClassVar[int]
    CALLER_FIELD_NUMBER: _ClassVar[int]
    VOICE_FIELD_NUMBER: _ClassVar[int]
    LANGUAGE_FIELD_NUMBER: _ClassVar[int]
    SAMPLING_FIELD_NUMBER: _ClassVar[int]
    SEED_FIELD_NUMBER: _ClassVar[int]
    MAX_TEXT_DELAY_S_FIELD_NUMBER: _ClassVar[int]
    TEXT_FORMAT_FIELD_NUMBER: _ClassVar[int]
    CODE_BLOCKS_FIELD_NUMBER: _ClassVar[int]
    WANT_ALIGNMENT_FIELD_NUMBER: _ClassVar[int]
    PRONUNCIATIONS_FIELD_NUMBER: _ClassVar[int]
    SPEAKING_RATE_FIELD_NUMBER: _ClassVar[int]
    RESUME_FIELD_NUMBER: _ClassVar[int]
    WANT_TOKENS_FIELD_NUMBER: _ClassVar[int]
    TRACEPARENT_FIELD_NUMBER: _ClassVar[int]
    id: str
    caller: str
    voice: str
    language: str
    sampling: _containers.ScalarMap[str, float]
    seed: int
    max_text_delay_s: float
    text_format: str
    code_blocks: str
    want_alignment: bool
    pronunciations: _containers.RepeatedCompositeFieldContainer[Pronunciation]
    speaking_rate: float
    resume: Resume
    want_tokens: bool
    traceparent: str
    def __init__(self, id: _Optional[str] = ..., caller: _Optional[str] = ..., voice: _Optional[str] = ..., language: _Optional[str] = ..., sampling: _Optional[_Mapping[str, float]] = ..., seed: _Optional[int] = ..., max_text_delay_s: _Optional[float] = ..., text_format: _Optional[str] = ..., code_blocks: _Optional[str] = ..., want_alignment: bool = ..., pronunciations: _Optional[_Iterable[_Union[Pronunciation, _Mapping]]] = ..., speaking_rate: _Optional[float] = ..., resume: _Optional[_Union[Resume, _Mapping]] = ..., want_tokens: bool = ..., traceparent: _Optional[str] = ...) -> None: ...

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
    __slots__ = ("place", "from_sample")
    PLACE_FIELD_NUMBER: _ClassVar[int]
    FROM_SAMPLE_FIELD_NUMBER: _ClassVar[int]
    place: Place
    from_sample: int
    def __init__(self, place: _Optional[_Union[Place, _Mapping]] = ..., from_sample: _Optional[int] = ...) -> None: ...

class Place(_message.Message):
    __slots__ = ("segment", "first_sample", "text_begin", "text_end", "piece", "settled", "windows", "tokens", "speech_samples", "owed_pause")
    SEGMENT_FIELD_NUMBER: _ClassVar[int]
    FIRST_SAMPLE_FIELD_NUMBER: _ClassVar[int]
    TEXT_BEGIN_FIELD_NUMBER: _ClassVar[int]
    TEXT_END_FIELD_NUMBER: _ClassVar[int]
    PIECE_FIELD_NUMBER: _ClassVar[int]
    SETTLED_FIELD_NUMBER: _ClassVar[int]
    WINDOWS_FIELD_NUMBER: _ClassVar[int]
    TOKENS_FIELD_NUMBER: _ClassVar[int]
    SPEECH_SAMPLES_FIELD_NUMBER: _ClassVar[int]
    OWED_PAUSE_FIELD_NUMBER: _ClassVar[int]
    segment: int
    first_sample: int
    text_begin: int
    text_end: int
    piece: int
    settled: _containers.RepeatedScalarFieldContainer[int]
    windows: _containers.RepeatedCompositeFieldContainer[SpokenWindow]
    tokens: _containers.RepeatedScalarFieldContainer[int]
    speech_samples: int
    owed_pause: int
    def __init__(self, segment: _Optional[int] = ..., first_sample: _Optional[int] = ..., text_begin: _Optional[int] = ..., text_end: _Optional[int] = ..., piece: _Optional[int] = ..., settled: _Optional[_Iterable[int]] = ..., windows: _Optional[_Iterable[_Union[SpokenWindow, _Mapping]]] = ..., tokens: _Optional[_Iterable[int]] = ..., speech_samples: _Optional[int] = ..., owed_pause: _Optional[int] = ...) -> None: ...

class SpokenWindow(_message.Message):
    __slots__ = ("tokens", "lookahead", "final")
    TOKENS_FIELD_NUMBER: _ClassVar[int]
    LOOKAHEAD_FIELD_NUMBER: _ClassVar[int]
    FINAL_FIELD_NUMBER: _ClassVar[int]
    tokens: int
    lookahead: int
    final: bool
    def __init__(self, tokens: _Optional[int] = ..., lookahead: _Optional[int] = ..., final: bool = ...) -> None: ...

class Accepted(_message.Message):
    __slots__ = ("voice", "language", "seed", "sampling", "max_text_delay_s")
    class SamplingEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: float
        def __init__(self, key: _Optional[str] = ..., value: _Optional[float] = ...) -> None: ...
    VOICE_FIELD_NUMBER: _ClassVar[int]
    LANGUAGE_FIELD_NUMBER: _ClassVar[int]
    SEED_FIELD_NUMBER: _ClassVar[int]
    SAMPLING_FIELD_NUMBER: _ClassVar[int]
    MAX_TEXT_DELAY_S_FIELD_NUMBER: _ClassVar[int]
    voice: str
    language: str
    seed: int
    sampling: _containers.ScalarMap[str, float]
    max_text_delay_s: float
    def __init__(self, voice: _Optional[str] = ..., language: _Optional[str] = ..., seed: _Optional[int] = ..., sampling: _Optional[_Mapping[str, float]] = ..., max_text_delay_s: _Optional[float] = ...) -> None: ...

class Playback(_message.Message):
    __slots__ = ("played_samples", "buffered_samples", "underruns")
    PLAYED_SAMPLES_FIELD_NUMBER: _ClassVar[int]
    BUFFERED_SAMPLES_FIELD_NUMBER: _ClassVar[int]
    UNDERRUNS_FIELD_NUMBER: _ClassVar[int]
    played_samples: int
    buffered_samples: int
    underruns: int
    def __init__(self, played_samples: _Optional[int] = ..., buffered_samples: _Optional[int] = ..., underruns: _Optional[int] = ...) -> None: ...

class AudioChunk(_message.Message):
    __slots__ = ("seq", "first_sample", "samples", "timings", "segment", "end_of_segment", "text_begin", "text_end", "prebuffer_hint_s", "place")
    SEQ_FIELD_NUMBER: _ClassVar[int]
    FIRST_SAMPLE_FIELD_NUMBER: _ClassVar[int]
    SAMPLES_FIELD_NUMBER: _ClassVar[int]
    TIMINGS_FIELD_NUMBER: _ClassVar[int]
    SEGMENT_FIELD_NUMBER: _ClassVar[int]
    END_OF_SEGMENT_FIELD_NUMBER: _ClassVar[int]
    TEXT_BEGIN_FIELD_NUMBER: _ClassVar[int]
    TEXT_END_FIELD_NUMBER: _ClassVar[int]
    PREBUFFER_HINT_S_FIELD_NUMBER: _ClassVar[int]
    PLACE_FIELD_NUMBER: _ClassVar[int]
    seq: int
    first_sample: int
    samples: bytes
    timings: ChunkTimings
    segment: int
    end_of_segment: bool
    text_begin: int
    text_end: int
    prebuffer_hint_s: float
    place: Place
    def __init__(self, seq: _Optional[int] = ..., first_sample: _Optional[int] = ..., samples: _Optional[bytes] = ..., timings: _Optional[_Union[ChunkTimings, _Mapping]] = ..., segment: _Optional[int] = ..., end_of_segment: bool = ..., text_begin: _Optional[int] = ..., text_end: _Optional[int] = ..., prebuffer_hint_s: _Optional[float] = ..., place: _Optional[_Union[Place, _Mapping]] = ...) -> None: ...

class ChunkTimings(_message.Message):
    __slots__ = ("text_received_ns", "text_cut_ns", "t3_start_ns", "t3_first_token_ns", "t3_last_token_ns", "t3_busy_ns", "room_ns", "wanted_ns", "flow_start_ns", "flow_end_ns", "vocoder_start_ns", "vocoder_end_ns", "window_tokens", "lookahead_tokens", "speculative", "flow_batch", "vocoder_batch")
    TEXT_RECEIVED_NS_FIELD_NUMBER: _ClassVar[int]
    TEXT_CUT_NS_FIELD_NUMBER: _ClassVar[int]
    T3_START_NS_FIELD_NUMBER: _ClassVar[int]
    T3_FIRST_TOKEN_NS_FIELD_NUMBER: _ClassVar[int]
    T3_LAST_TOKEN_NS_FIELD_NUMBER: _ClassVar[int]
    T3_BUSY_NS_FIELD_NUMBER: _ClassVar[int]
    ROOM_NS_FIELD_NUMBER: _ClassVar[int]
    WANTED_NS_FIELD_NUMBER: _ClassVar[int]
    FLOW_START_NS_FIELD_NUMBER: _ClassVar[int]
    FLOW_END_NS_FIELD_NUMBER: _ClassVar[int]
    VOCODER_START_NS_FIELD_NUMBER: _ClassVar[int]
    VOCODER_END_NS_FIELD_NUMBER: _ClassVar[int]
    WINDOW_TOKENS_FIELD_NUMBER: _ClassVar[int]
    LOOKAHEAD_TOKENS_FIELD_NUMBER: _ClassVar[int]
    SPECULATIVE_FIELD_NUMBER: _ClassVar[int]
    FLOW_BATCH_FIELD_NUMBER: _ClassVar[int]
    VOCODER_BATCH_FIELD_NUMBER: _ClassVar[int]
    text_received_ns: int
    text_cut_ns: int
    t3_start_ns: int
    t3_first_token_ns: int
    t3_last_token_ns: int
    t3_busy_ns: int
    room_ns: int
    wanted_ns: int
    flow_start_ns: int
    flow_end_ns: int
    vocoder_start_ns: int
    vocoder_end_ns: int
    window_tokens: int
    lookahead_tokens: int
    speculative: bool
    flow_batch: int
    vocoder_batch: int
    def __init__(self, text_received_ns: _Optional[int] = ..., text_cut_ns: _Optional[int] = ..., t3_start_ns: _Optional[int] = ..., t3_first_token_ns: _Optional[int] = ..., t3_last_token_ns: _Optional[int] = ..., t3_busy_ns: _Optional[int] = ..., room_ns: _Optional[int] = ..., wanted_ns: _Optional[int] = ..., flow_start_ns: _Optional[int] = ..., flow_end_ns: _Optional[int] = ..., vocoder_start_ns: _Optional[int] = ..., vocoder_end_ns: _Optional[int] = ..., window_tokens: _Optional[int] = ..., lookahead_tokens: _Optional[int] = ..., speculative: bool = ..., flow_batch: _Optional[int] = ..., vocoder_batch: _Optional[int] = ...) -> None: ...

class FlushDone(_message.Message):
    __slots__ = ("flush_id", "end_sample")
    FLUSH_ID_FIELD_NUMBER: _ClassVar[int]
    END_SAMPLE_FIELD_NUMBER: _ClassVar[int]
    flush_id: int
    end_sample: int
    def __init__(self, flush_id: _Optional[int] = ..., end_sample: _Optional[int] = ...) -> None: ...

class Aligned(_message.Message):
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

class Warned(_message.Message):
    __slots__ = ("reason", "message")
    REASON_FIELD_NUMBER: _ClassVar[int]
    MESSAGE_FIELD_NUMBER: _ClassVar[int]
    reason: str
    message: str
    def __init__(self, reason: _Optional[str] = ..., message: _Optional[str] = ...) -> None: ...

class Usage(_message.Message):
    __slots__ = ("input_characters", "segments", "speech_tokens", "samples", "windows", "windows_discarded", "t3_ns", "flow_ns", "vocoder_ns")
    INPUT_CHARACTERS_FIELD_NUMBER: _ClassVar[int]
    SEGMENTS_FIELD_NUMBER: _ClassVar[int]
    SPEECH_TOKENS_FIELD_NUMBER: _ClassVar[int]
    SAMPLES_FIELD_NUMBER: _ClassVar[int]
    WINDOWS_FIELD_NUMBER: _ClassVar[int]
    WINDOWS_DISCARDED_FIELD_NUMBER: _ClassVar[int]
    T3_NS_FIELD_NUMBER: _ClassVar[int]
    FLOW_NS_FIELD_NUMBER: _ClassVar[int]
    VOCODER_NS_FIELD_NUMBER: _ClassVar[int]
    input_characters: int
    segments: int
    speech_tokens: int
    samples: int
    windows: int
    windows_discarded: int
    t3_ns: int
    flow_ns: int
    vocoder_ns: int
    def __init__(self, input_characters: _Optional[int] = ..., segments: _Optional[int] = ..., speech_tokens: _Optional[int] = ..., samples: _Optional[int] = ..., windows: _Optional[int] = ..., windows_discarded: _Optional[int] = ..., t3_ns: _Optional[int] = ..., flow_ns: _Optional[int] = ..., vocoder_ns: _Optional[int] = ...) -> None: ...

class ToldError(_message.Message):
    __slots__ = ("kind", "message", "field", "description", "retry_after_s", "fault")
    KIND_FIELD_NUMBER: _ClassVar[int]
    MESSAGE_FIELD_NUMBER: _ClassVar[int]
    FIELD_FIELD_NUMBER: _ClassVar[int]
    DESCRIPTION_FIELD_NUMBER: _ClassVar[int]
    RETRY_AFTER_S_FIELD_NUMBER: _ClassVar[int]
    FAULT_FIELD_NUMBER: _ClassVar[int]
    kind: str
    message: str
    field: str
    description: str
    retry_after_s: float
    fault: str
    def __init__(self, kind: _Optional[str] = ..., message: _Optional[str] = ..., field: _Optional[str] = ..., description: _Optional[str] = ..., retry_after_s: _Optional[float] = ..., fault: _Optional[str] = ...) -> None: ...

class WatchRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class WatchResponse(_message.Message):
    __slots__ = ("stats", "voices_digest", "draining")
    STATS_FIELD_NUMBER: _ClassVar[int]
    VOICES_DIGEST_FIELD_NUMBER: _ClassVar[int]
    DRAINING_FIELD_NUMBER: _ClassVar[int]
    stats: EngineStats
    voices_digest: str
    draining: bool
    def __init__(self, stats: _Optional[_Union[EngineStats, _Mapping]] = ..., voices_digest: _Optional[str] = ..., draining: bool = ...) -> None: ...

class EngineStats(_message.Message):
    __slots__ = ("utterances", "tokens_waiting", "samples_unreleased", "slots_in_use", "done", "places", "places_reason", "places_risen", "places_fallen", "device_bytes", "least_lead_s")
    UTTERANCES_FIELD_NUMBER: _ClassVar[int]
    TOKENS_WAITING_FIELD_NUMBER: _ClassVar[int]
    SAMPLES_UNRELEASED_FIELD_NUMBER: _ClassVar[int]
    SLOTS_IN_USE_FIELD_NUMBER: _ClassVar[int]
    DONE_FIELD_NUMBER: _ClassVar[int]
    PLACES_FIELD_NUMBER: _ClassVar[int]
    PLACES_REASON_FIELD_NUMBER: _ClassVar[int]
    PLACES_RISEN_FIELD_NUMBER: _ClassVar[int]
    PLACES_FALLEN_FIELD_NUMBER: _ClassVar[int]
    DEVICE_BYTES_FIELD_NUMBER: _ClassVar[int]
    LEAST_LEAD_S_FIELD_NUMBER: _ClassVar[int]
    utterances: int
    tokens_waiting: int
    samples_unreleased: int
    slots_in_use: int
    done: Usage
    places: int
    places_reason: str
    places_risen: int
    places_fallen: int
    device_bytes: int
    least_lead_s: float
    def __init__(self, utterances: _Optional[int] = ..., tokens_waiting: _Optional[int] = ..., samples_unreleased: _Optional[int] = ..., slots_in_use: _Optional[int] = ..., done: _Optional[_Union[Usage, _Mapping]] = ..., places: _Optional[int] = ..., places_reason: _Optional[str] = ..., places_risen: _Optional[int] = ..., places_fallen: _Optional[int] = ..., device_bytes: _Optional[int] = ..., least_lead_s: _Optional[float] = ...) -> None: ...

class GetInfoRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class GetInfoResponse(_message.Message):
    __slots__ = ("version", "info", "instance")
    VERSION_FIELD_NUMBER: _ClassVar[int]
    INFO_FIELD_NUMBER: _ClassVar[int]
    INSTANCE_FIELD_NUMBER: _ClassVar[int]
    version: str
    info: EngineInfo
    instance: str
    def __init__(self, version: _Optional[str] = ..., info: _Optional[_Union[EngineInfo, _Mapping]] = ..., instance: _Optional[str] = ...) -> None: ...

class EngineInfo(_message.Message):
    __slots__ = ("model", "variant", "device", "form", "languages", "sample_rate", "default_voice", "default_sampling", "default_max_text_delay_s", "max_utterances", "utterance_bytes", "utterance_memory_bytes", "has_alignment", "has_phonemes", "has_speaking_rate", "has_prebuffer_hint", "has_playback_scheduling", "has_speculation", "has_guidance", "has_emotion", "has_cloning", "is_deterministic", "has_resume")
    class DefaultSamplingEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: float
        def __init__(self, key: _Optional[str] = ..., value: _Optional[float] = ...) -> None: ...
    MODEL_FIELD_NUMBER: _ClassVar[int]
    VARIANT_FIELD_NUMBER: _ClassVar[int]
    DEVICE_FIELD_NUMBER: _ClassVar[int]
    FORM_FIELD_NUMBER: _ClassVar[int]
    LANGUAGES_FIELD_NUMBER: _ClassVar[int]
    SAMPLE_RATE_FIELD_NUMBER: _ClassVar[int]
    DEFAULT_VOICE_FIELD_NUMBER: _ClassVar[int]
    DEFAULT_SAMPLING_FIELD_NUMBER: _ClassVar[int]
    DEFAULT_MAX_TEXT_DELAY_S_FIELD_NUMBER: _ClassVar[int]
    MAX_UTTERANCES_FIELD_NUMBER: _ClassVar[int]
    UTTERANCE_BYTES_FIELD_NUMBER: _ClassVar[int]
    UTTERANCE_MEMORY_BYTES_FIELD_NUMBER: _ClassVar[int]
    HAS_ALIGNMENT_FIELD_NUMBER: _ClassVar[int]
    HAS_PHONEMES_FIELD_NUMBER: _ClassVar[int]
    HAS_SPEAKING_RATE_FIELD_NUMBER: _ClassVar[int]
    HAS_PREBUFFER_HINT_FIELD_NUMBER: _ClassVar[int]
    HAS_PLAYBACK_SCHEDULING_FIELD_NUMBER: _ClassVar[int]
    HAS_SPECULATION_FIELD_NUMBER: _ClassVar[int]
    HAS_GUIDANCE_FIELD_NUMBER: _ClassVar[int]
    HAS_EMOTION_FIELD_NUMBER: _ClassVar[int]
    HAS_CLONING_FIELD_NUMBER: _ClassVar[int]
    IS_DETERMINISTIC_FIELD_NUMBER: _ClassVar[int]
    HAS_RESUME_FIELD_NUMBER: _ClassVar[int]
    model: str
    variant: str
    device: str
    form: str
    languages: _containers.RepeatedScalarFieldContainer[str]
    sample_rate: int
    default_voice: str
    default_sampling: _containers.ScalarMap[str, float]
    default_max_text_delay_s: float
    max_utterances: int
    utterance_bytes: int
    utterance_memory_bytes: int
    has_alignment: bool
    has_phonemes: bool
    has_speaking_rate: bool
    has_prebuffer_hint: bool
    has_playback_scheduling: bool
    has_speculation: bool
    has_guidance: bool
    has_emotion: bool
    has_cloning: bool
    is_deterministic: bool
    has_resume: bool
    def __init__(self, model: _Optional[str] = ..., variant: _Optional[str] = ..., device: _Optional[str] = ..., form: _Optional[str] = ..., languages: _Optional[_Iterable[str]] = ..., sample_rate: _Optional[int] = ..., default_voice: _Optional[str] = ..., default_sampling: _Optional[_Mapping[str, float]] = ..., default_max_text_delay_s: _Optional[float] = ..., max_utterances: _Optional[int] = ..., utterance_bytes: _Optional[int] = ..., utterance_memory_bytes: _Optional[int] = ..., has_alignment: bool = ..., has_phonemes: bool = ..., has_speaking_rate: bool = ..., has_prebuffer_hint: bool = ..., has_playback_scheduling: bool = ..., has_speculation: bool = ..., has_guidance: bool = ..., has_emotion: bool = ..., has_cloning: bool = ..., is_deterministic: bool = ..., has_resume: bool = ...) -> None: ...

class ProbeClockRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class ProbeClockResponse(_message.Message):
    __slots__ = ("now_ns",)
    NOW_NS_FIELD_NUMBER: _ClassVar[int]
    now_ns: int
    def __init__(self, now_ns: _Optional[int] = ...) -> None: ...

class VoiceInfo(_message.Message):
    __slots__ = ("name", "description", "language_codes", "bytes_held", "built_in", "owner", "bytes_stored")
    NAME_FIELD_NUMBER: _ClassVar[int]
    DESCRIPTION_FIELD_NUMBER: _ClassVar[int]
    LANGUAGE_CODES_FIELD_NUMBER: _ClassVar[int]
    BYTES_HELD_FIELD_NUMBER: _ClassVar[int]
    BUILT_IN_FIELD_NUMBER: _ClassVar[int]
    OWNER_FIELD_NUMBER: _ClassVar[int]
    BYTES_STORED_FIELD_NUMBER: _ClassVar[int]
    name: str
    description: str
    language_codes: _containers.RepeatedScalarFieldContainer[str]
    bytes_held: int
    built_in: bool
    owner: str
    bytes_stored: int
    def __init__(self, name: _Optional[str] = ..., description: _Optional[str] = ..., language_codes: _Optional[_Iterable[str]] = ..., bytes_held: _Optional[int] = ..., built_in: bool = ..., owner: _Optional[str] = ..., bytes_stored: _Optional[int] = ...) -> None: ...

class ListVoicesRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class ListVoicesResponse(_message.Message):
    __slots__ = ("voices", "voices_digest")
    VOICES_FIELD_NUMBER: _ClassVar[int]
    VOICES_DIGEST_FIELD_NUMBER: _ClassVar[int]
    voices: _containers.RepeatedCompositeFieldContainer[VoiceInfo]
    voices_digest: str
    def __init__(self, voices: _Optional[_Iterable[_Union[VoiceInfo, _Mapping]]] = ..., voices_digest: _Optional[str] = ...) -> None: ...

class CreateVoiceRequest(_message.Message):
    __slots__ = ("name", "audio", "description", "owner")
    NAME_FIELD_NUMBER: _ClassVar[int]
    AUDIO_FIELD_NUMBER: _ClassVar[int]
    DESCRIPTION_FIELD_NUMBER: _ClassVar[int]
    OWNER_FIELD_NUMBER: _ClassVar[int]
    name: str
    audio: bytes
    description: str
    owner: str
    def __init__(self, name: _Optional[str] = ..., audio: _Optional[bytes] = ..., description: _Optional[str] = ..., owner: _Optional[str] = ...) -> None: ...

class CreateVoiceResponse(_message.Message):
    __slots__ = ("voice", "warnings", "error")
    VOICE_FIELD_NUMBER: _ClassVar[int]
    WARNINGS_FIELD_NUMBER: _ClassVar[int]
    ERROR_FIELD_NUMBER: _ClassVar[int]
    voice: VoiceInfo
    warnings: _containers.RepeatedScalarFieldContainer[str]
    error: ToldError
    def __init__(self, voice: _Optional[_Union[VoiceInfo, _Mapping]] = ..., warnings: _Optional[_Iterable[str]] = ..., error: _Optional[_Union[ToldError, _Mapping]] = ...) -> None: ...

class DeleteVoiceRequest(_message.Message):
    __slots__ = ("name",)
    NAME_FIELD_NUMBER: _ClassVar[int]
    name: str
    def __init__(self, name: _Optional[str] = ...) -> None: ...

class DeleteVoiceResponse(_message.Message):
    __slots__ = ("error",)
    ERROR_FIELD_NUMBER: _ClassVar[int]
    error: ToldError
    def __init__(self, error: _Optional[_Union[ToldError, _Mapping]] = ...) -> None: ...

class GetVoiceRequest(_message.Message):
    __slots__ = ("name",)
    NAME_FIELD_NUMBER: _ClassVar[int]
    name: str
    def __init__(self, name: _Optional[str] = ...) -> None: ...

class GetVoiceResponse(_message.Message):
    __slots__ = ("file", "error")
    FILE_FIELD_NUMBER: _ClassVar[int]
    ERROR_FIELD_NUMBER: _ClassVar[int]
    file: bytes
    error: ToldError
    def __init__(self, file: _Optional[bytes] = ..., error: _Optional[_Union[ToldError, _Mapping]] = ...) -> None: ...

class PutVoiceRequest(_message.Message):
    __slots__ = ("name", "file")
    NAME_FIELD_NUMBER: _ClassVar[int]
    FILE_FIELD_NUMBER: _ClassVar[int]
    name: str
    file: bytes
    def __init__(self, name: _Optional[str] = ..., file: _Optional[bytes] = ...) -> None: ...

class PutVoiceResponse(_message.Message):
    __slots__ = ("error",)
    ERROR_FIELD_NUMBER: _ClassVar[int]
    error: ToldError
    def __init__(self, error: _Optional[_Union[ToldError, _Mapping]] = ...) -> None: ...
