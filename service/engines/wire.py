"""Messages of `engine.messages` to those of gapless.engine.v1 and back.

Both have the same fields, so one function writes and one reads; only audio, errors and events need more.
"""

from __future__ import annotations

import typing
from collections.abc import Callable, Mapping, Sequence
from dataclasses import fields, is_dataclass
from enum import StrEnum
from functools import cache, partial
from types import UnionType
from typing import Any, NamedTuple, TypeVar, cast

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
_Convert = Callable[[Any], Any]
_SAMPLE = np.dtype("<f4")


class _Field(NamedTuple):
    """Of a message, and how its value becomes that of the other kind; None: it stays as it is."""

    name: str
    may_lack: bool
    convert: _Convert | None


def write(given: Any, kind: type[M]) -> M:
    """A message of `engine.messages` as the one of the same fields."""
    values = {}
    for name, _, convert in _writes(cast(Any, type(given)), cast(Any, kind)):
        value = getattr(given, name)
        values[name] = value if convert is None or value is None else convert(value)  # None leaves the field out
    return kind(**values)


def read(message: Message, kind: type[D]) -> D:
    """The other way. A field that the message leaves out has its default."""
    values = {}
    for name, may_lack, convert in _reads(cast(Any, kind), cast(Any, type(message))):
        if may_lack and not message.HasField(name):
            continue
        value = getattr(message, name)
        values[name] = value if convert is None else convert(value)
    return kind(**values)


# What a field needs is found once for each kind of message: these are read and written with every chunk.


@cache
def _writes(given: Any, kind: Any) -> Sequence[_Field]:
    return [_Field(name, False, _writing(hint, kind, name)) for name, hint in _hints(given).items()]


def _writing(hint: Any, kind: type[Message], name: str) -> _Convert | None:
    if _has_fields(hint):
        return partial(write, kind=_message(kind, name))
    if typing.get_origin(hint) is tuple and _has_fields(typing.get_args(hint)[0]):
        each = _message(kind, name)
        return lambda values: [write(value, each) for value in values]
    return None


@cache
def _reads(kind: Any, message: Any) -> Sequence[_Field]:
    there = message.DESCRIPTOR.fields_by_name
    return [_Field(name, there[name].has_presence, _reading(hint)) for name, hint in _hints(kind).items()]


def _reading(hint: Any) -> _Convert | None:
    if _has_fields(hint):
        return partial(read, kind=hint)
    if typing.get_origin(hint) is tuple:
        (one, *_) = typing.get_args(hint)
        if not _has_fields(one):
            return tuple
        return lambda values: tuple([read(value, one) for value in values])
    if typing.get_origin(hint) is Mapping:
        return dict
    return hint if isinstance(hint, type) and issubclass(hint, StrEnum) else None


def _has_fields(hint: Any) -> bool:
    return is_dataclass(hint) or hasattr(hint, "_fields")


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
    told = chunk.timings
    timings = {name: getattr(told, name) for name in _TIMINGS}
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
