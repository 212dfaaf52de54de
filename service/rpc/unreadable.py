"""Messages with text: one that is larger than a text may be is not decoded; one that is not valid UTF-8 is decoded.

Decoding a message blocks the event loop for a time that grows with its fields. Text that is not valid UTF-8 comes from
clients that cut a string inside a character: what cannot be decoded becomes U+FFFD, which is not spoken, instead of
ending the call. Lone surrogates arrive this way, as three bytes that UTF-8 does not allow; protobuf refuses
the whole message for them.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory
from google.protobuf.message import DecodeError

from gapless.tts.v1 import tts_pb2
from service.config import BYTES_OF_A_CHARACTER, OTHER_BYTES
from service.rpc.errors import MessageTooLarge

_TEXTS = frozenset({("Text", "text"), ("SynthesizeTextRequest", "text")})  # that are mended: (message, field)


def _with_bytes_for_texts() -> Callable[[str], Any]:
    """The contract's messages by name, in which texts are bytes: they are read as fast as the others, whatever else is
    in a message."""
    file = descriptor_pb2.FileDescriptorProto()
    tts_pb2.DESCRIPTOR.CopyToProto(file)
    for message in file.message_type:
        for field in message.field:
            if (message.name, field.name) in _TEXTS:
                field.type = descriptor_pb2.FieldDescriptorProto.TYPE_BYTES
    pool = descriptor_pool.DescriptorPool()
    for dependency in tts_pb2.DESCRIPTOR.dependencies:
        pool.AddSerializedFile(dependency.serialized_pb)
    pool.Add(file)
    return lambda name: message_factory.GetMessageClass(pool.FindMessageTypeByName(f"{file.package}.{name}"))


_loose = _with_bytes_for_texts()
_Event, _Whole = _loose("SynthesizeRequest"), _loose("SynthesizeTextRequest")


def lenient(method: str, deserialize: Callable[[bytes], Any], max_text_chars: int) -> Callable[[bytes], Any]:
    """As `deserialize`, for the methods that take text; what is no message still raises DecodeError. MessageTooLarge is
    raised for what no text of `max_text_chars` needs, whatever else is said in a message."""
    mend = _MENDING.get(method)
    return deserialize if mend is None else partial(_read, deserialize, mend, max_text_chars)


def _read(deserialize: Callable[[bytes], Any], mend: Callable[[bytes], Any], max_text_chars: int, data: bytes) -> Any:
    if len(data) > BYTES_OF_A_CHARACTER * max_text_chars + OTHER_BYTES:
        raise MessageTooLarge(len(data), max_text_chars)
    try:
        return deserialize(data)
    except DecodeError as error:
        try:
            return mend(data)
        except DecodeError:
            raise error from None


def _mended_event(data: bytes) -> tts_pb2.SynthesizeRequest:
    event = _Event.FromString(data)
    if event.WhichOneof("event") != "text":
        raise DecodeError("no text")
    return tts_pb2.SynthesizeRequest(text=tts_pb2.Text(text=_text(event.text.text)))


def _mended_whole(data: bytes) -> tts_pb2.SynthesizeTextRequest:
    whole = _Whole.FromString(data)
    config = tts_pb2.SynthesisConfig.FromString(whole.config.SerializeToString())
    return tts_pb2.SynthesizeTextRequest(config=config, text=_text(whole.text))


def _text(data: bytes) -> str:
    """Pairs of surrogates are the character that they stand for."""
    try:
        pairs = data.decode("utf-8", "surrogatepass")
    except UnicodeDecodeError:
        return data.decode("utf-8", "replace")
    return pairs.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


_MENDING: dict[str, Callable[[bytes], Any]] = {"Synthesize": _mended_event, "SynthesizeText": _mended_whole}
