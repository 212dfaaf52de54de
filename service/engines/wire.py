"""Messages of `engine.messages` to those of gapless.engine.v1 and back.

Both have the same fields, so one function writes and one reads; only audio, errors and events need more.
"""

from __future__ import annotations

import typing
from collections.abc import Mapping, Sequence
from dataclasses import fields, is_dataclass
from enum import StrEnum
from functools import cache
from types import UnionType
from typing import Any, TypeVar, cast

import numpy as np
from google.protobuf.message import Message

from engine.errors import GaplessError, ToldError, from_told, told
from engine.messages import (
    Accepted,
    Aligned,
    AudioChunk,
    ChunkTimings,
    Event,
    Failed,
    Finished,
    FlushDone,
    Place,
    Usage,
    Warned,
)
from gapless.engine.v1 import engine_pb2 as pb

M = TypeVar("M", bound=Message)
D = TypeVar("D")
_SAMPLE = np.dtype("<f4")


def write(given: Any, kind: type[M]) -> M:
    """A message of `engine.messages` as the one of the same fields."""
    return kind(**{name: _written(getattr(given, name), kind, name) for name in _names(cast(Any, type(given)))})


def _written(value: Any, kind: type[Message], name: str) -> Any:
    if is_dataclass(value) or (isinstance(value, tuple) and hasattr(value, "_fields")):
        return write(value, _message(cast(Any, kind), name))
    if isinstance(value, tuple) and value and (is_dataclass(value[0]) or hasattr(value[0], "_fields")):
        return [write(one, _message(cast(Any, kind), name)) for one in value]
    return value  # None leaves the field out


def read(message: Message, kind: type[D]) -> D:
    """The other way. A field that the message leaves out has its default."""
    return kind(
        **{
            name: _read(message, name, hint)
            for name, hint in _hints(cast(Any, kind)).items()
            if _is_there(message, name)
        }
    )


def _is_there(message: Message, name: str) -> bool:
    descriptor = message.DESCRIPTOR.fields_by_name[name]
    return not descriptor.has_presence or message.HasField(name)


def _read(message: Message, name: str, hint: Any) -> Any:
    value = getattr(message, name)
    if isinstance(value, Message):
        return read(value, hint)
    if typing.get_origin(hint) is tuple:
        (one, *_) = typing.get_args(hint)
        return tuple(read(each, one) if isinstance(each, Message) else each for each in value)
    if isinstance(value, str) and isinstance(hint, type) and issubclass(hint, StrEnum):
        return hint(value)
    return dict(value) if typing.get_origin(hint) is Mapping else value


@cache
def _names(kind: Any) -> Sequence[str]:
    return [one.name for one in fields(kind)] if is_dataclass(kind) else cast(Any, kind)._fields


@cache
def _hints(kind: Any) -> Mapping[str, Any]:
    """The type of each field, without "or None"."""
    hints = typing.get_type_hints(kind)
    return {name: _present(hints[name]) for name in _names(kind)}


def _present(hint: Any) -> Any:
    if isinstance(hint, UnionType):
        return next(one for one in typing.get_args(hint) if one is not type(None))
    return hint


@cache
def _message(kind: Any, name: str) -> type[Message]:
    wanted: Any = kind.DESCRIPTOR.fields_by_name[name].message_type
    return cast(type[Message], getattr(pb, wanted.name))


# --------------------------------------------------------------------------------------------------------------- errors


def write_error(error: GaplessError) -> pb.ToldError:
    return write(told(error), pb.ToldError)


def read_error(error: pb.ToldError) -> GaplessError:
    return from_told(read(error, ToldError))


def check(answer: Any) -> None:
    """Raises the error of an answer that has one."""
    if answer.HasField("error"):
        raise read_error(answer.error)


# --------------------------------------------------------------------------------------------------------------- events

_PLAIN = {FlushDone: "flush_done", Aligned: "aligned", Warned: "warned"}
_CHUNK = [name for name in _names(AudioChunk) if name not in ("samples", "timings", "place")]
_TIMINGS = _names(ChunkTimings)
_INSTANTS = [name for name in _TIMINGS if name.endswith("_ns") and name != "t3_busy_ns"]


def write_event(event: Event) -> pb.SpeakResponse:
    match event:
        case AudioChunk():
            return pb.SpeakResponse(chunk=_write_chunk(event))
        case Finished(usage=usage):
            return pb.SpeakResponse(finished=write(usage, pb.Usage))
        case Failed(error=error):
            return pb.SpeakResponse(failed=write_error(error))
        case _:
            name = _PLAIN[type(event)]
            plain: Any = {name: write(event, _message(pb.SpeakResponse, name))}
            return pb.SpeakResponse(**plain)


def _write_chunk(chunk: AudioChunk) -> pb.AudioChunk:
    return pb.AudioChunk(
        samples=np.ascontiguousarray(chunk.samples, _SAMPLE).tobytes(),
        timings=pb.ChunkTimings(**{name: getattr(chunk.timings, name) for name in _TIMINGS}),
        place=None if chunk.place is None else write(chunk.place, pb.Place),
        **{name: getattr(chunk, name) for name in _CHUNK},
    )


def read_event(response: pb.SpeakResponse, clock_offset_ns: int) -> Event | Accepted | Usage:
    """`Usage`: it was cancelled. Instants become those of this process's clock: what is added is the offset."""
    name = response.WhichOneof("event")
    match name:
        case "chunk":
            return _read_chunk(response.chunk, clock_offset_ns)
        case "accepted":
            return read(response.accepted, Accepted)
        case "finished":
            return Finished(usage=read(response.finished, Usage))
        case "cancelled":
            return read(response.cancelled, Usage)
        case "failed":
            return Failed(error=read_error(response.failed))
    kind: type[FlushDone | Aligned | Warned] = next(one for one, called in _PLAIN.items() if called == name)
    return read(getattr(response, str(name)), kind)


def _read_chunk(chunk: pb.AudioChunk, clock_offset_ns: int) -> AudioChunk:
    timings = {name: getattr(chunk.timings, name) for name in _TIMINGS}
    for name in _INSTANTS:
        if timings[name]:
            timings[name] += clock_offset_ns
    return AudioChunk(
        seq=chunk.seq,
        first_sample=chunk.first_sample,
        samples=np.frombuffer(chunk.samples, _SAMPLE),
        timings=ChunkTimings(**timings),
        segment=chunk.segment,
        end_of_segment=chunk.end_of_segment,
        text_begin=chunk.text_begin,
        text_end=chunk.text_end,
        prebuffer_hint_s=chunk.prebuffer_hint_s if chunk.HasField("prebuffer_hint_s") else None,
        place=read(chunk.place, Place) if chunk.HasField("place") else None,
    )
