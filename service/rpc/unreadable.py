"""Text that is not valid UTF-8, as clients send it that cut a string inside a character: what cannot be read becomes
U+FFFD, which is not spoken, instead of ending the call.

Lone surrogates arrive this way, as three bytes that UTF-8 does not allow; protobuf refuses the whole message for them.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from google.protobuf.empty_pb2 import Empty
from google.protobuf.message import DecodeError
from google.protobuf.unknown_fields import UnknownFieldSet

from gapless.tts.v1 import tts_pb2

_LENGTH_DELIMITED = 2  # the wire type of strings and messages
_EVENT_TEXT = tts_pb2.SynthesizeRequest.DESCRIPTOR.fields_by_name["text"].number
_PIECE = tts_pb2.Text.DESCRIPTOR.fields_by_name["text"].number
_WHOLE = tts_pb2.SynthesizeTextRequest.DESCRIPTOR.fields_by_name["text"].number
_CONFIG = tts_pb2.SynthesizeTextRequest.DESCRIPTOR.fields_by_name["config"].number


def lenient(method: str, deserialize: Callable[[bytes], Any]) -> Callable[[bytes], Any]:
    """As `deserialize`, for the methods that take text; what is no message still raises DecodeError."""
    mend = _MENDING.get(method)
    return deserialize if mend is None else partial(_read, deserialize, mend)


def _read(deserialize: Callable[[bytes], Any], mend: Callable[[bytes], Any], data: bytes) -> Any:
    try:
        return deserialize(data)
    except DecodeError as error:
        try:
            return mend(data)
        except DecodeError:
            raise error from None


def _mended_event(data: bytes) -> tts_pb2.SynthesizeRequest:
    piece = _bytes_of(_bytes_of(data, _EVENT_TEXT), _PIECE)
    return tts_pb2.SynthesizeRequest(text=tts_pb2.Text(text=_text(piece)))


def _mended_whole(data: bytes) -> tts_pb2.SynthesizeTextRequest:
    config = tts_pb2.SynthesisConfig.FromString(_bytes_of(data, _CONFIG, b""))
    return tts_pb2.SynthesizeTextRequest(config=config, text=_text(_bytes_of(data, _WHOLE)))


def _bytes_of(data: bytes, number: int, default: bytes | None = None) -> bytes:
    """The last field of this number. Raises DecodeError."""
    message = Empty.FromString(data)
    found = [
        bytes(field.data)
        for field in UnknownFieldSet(message)  # type: ignore[attr-defined]  # its stub knows no iteration
        if field.field_number == number and field.wire_type == _LENGTH_DELIMITED
    ]
    if not found and default is None:
        raise DecodeError(f"no field {number}")
    return found[-1] if found else default or b""


def _text(data: bytes) -> str:
    """Pairs of surrogates are the character that they stand for."""
    try:
        pairs = data.decode("utf-8", "surrogatepass")
    except UnicodeDecodeError:
        return data.decode("utf-8", "replace")
    return pairs.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


_MENDING: dict[str, Callable[[bytes], Any]] = {"Synthesize": _mended_event, "SynthesizeText": _mended_whole}
