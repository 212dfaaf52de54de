from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class ResumeState(_message.Message):
    __slots__ = ("issued_unix_s", "model", "voice", "language", "seed", "max_text_delay_s", "place")
    ISSUED_UNIX_S_FIELD_NUMBER: _ClassVar[int]
    MODEL_FIELD_NUMBER: _ClassVar[int]
    VOICE_FIELD_NUMBER: _ClassVar[int]
    LANGUAGE_FIELD_NUMBER: _ClassVar[int]
    SEED_FIELD_NUMBER: _ClassVar[int]
    MAX_TEXT_DELAY_S_FIELD_NUMBER: _ClassVar[int]
    PLACE_FIELD_NUMBER: _ClassVar[int]
    issued_unix_s: int
    model: int
    voice: str
    language: str
    seed: int
    max_text_delay_s: float
    place: Place
    def __init__(self, issued_unix_s: _Optional[int] = ..., model: _Optional[int] = ..., voice: _Optional[str] = ..., language: _Optional[str] = ..., seed: _Optional[int] = ..., max_text_delay_s: _Optional[float] = ..., place: _Optional[_Union[Place, _Mapping]] = ...) -> None: ...

class Place(_message.Message):
    __slots__ = ("segment", "first_sample", "text_begin", "text_end", "piece", "settled", "window_tokens", "window_lookahead", "window_final", "tokens", "speech_samples", "owed_pause")
    SEGMENT_FIELD_NUMBER: _ClassVar[int]
    FIRST_SAMPLE_FIELD_NUMBER: _ClassVar[int]
    TEXT_BEGIN_FIELD_NUMBER: _ClassVar[int]
    TEXT_END_FIELD_NUMBER: _ClassVar[int]
    PIECE_FIELD_NUMBER: _ClassVar[int]
    SETTLED_FIELD_NUMBER: _ClassVar[int]
    WINDOW_TOKENS_FIELD_NUMBER: _ClassVar[int]
    WINDOW_LOOKAHEAD_FIELD_NUMBER: _ClassVar[int]
    WINDOW_FINAL_FIELD_NUMBER: _ClassVar[int]
    TOKENS_FIELD_NUMBER: _ClassVar[int]
    SPEECH_SAMPLES_FIELD_NUMBER: _ClassVar[int]
    OWED_PAUSE_FIELD_NUMBER: _ClassVar[int]
    segment: int
    first_sample: int
    text_begin: int
    text_end: int
    piece: int
    settled: _containers.RepeatedScalarFieldContainer[int]
    window_tokens: _containers.RepeatedScalarFieldContainer[int]
    window_lookahead: _containers.RepeatedScalarFieldContainer[int]
    window_final: _containers.RepeatedScalarFieldContainer[bool]
    tokens: _containers.RepeatedScalarFieldContainer[int]
    speech_samples: int
    owed_pause: int
    def __init__(self, segment: _Optional[int] = ..., first_sample: _Optional[int] = ..., text_begin: _Optional[int] = ..., text_end: _Optional[int] = ..., piece: _Optional[int] = ..., settled: _Optional[_Iterable[int]] = ..., window_tokens: _Optional[_Iterable[int]] = ..., window_lookahead: _Optional[_Iterable[int]] = ..., window_final: _Optional[_Iterable[bool]] = ..., tokens: _Optional[_Iterable[int]] = ..., speech_samples: _Optional[int] = ..., owed_pause: _Optional[int] = ...) -> None: ...
