"""Floods inside a call: more messages, larger ones or stranger ones than anybody needs."""

from __future__ import annotations

import random
import string
from collections.abc import Iterable
from itertools import chain, repeat
from typing import Any

from google.protobuf.message import Message

from benchmarks.attack.target import CONFIG, Outcomes, Request, Round, Target, together, utterance
from gapless.tts.v1 import tts_pb2 as pb

FLOOD = 20_000  # messages
CALLERS = 3
_SERVICE = "/gapless.tts.v1.TextToSpeechService/"
_UNKNOWN_FIELD = b"\xa2\x06"  # field 100, bytes; its length follows


_UNKNOWN_ZERO = b"\xa0\x06\x00"  # field 100, a zero


def broken_text(fields: int) -> bytes:
    """What is no UTF-8 is mended, which must cost little."""
    return b"\x12\x03\x0a\x01\xff" + _UNKNOWN_ZERO * fields


def text(piece: str) -> Request:
    return Request(text=pb.Text(text=piece))


def flood(*messages: Request, first: Message = CONFIG) -> Round:
    """The messages in turn, again and again, in each of a few calls."""

    async def attack(target: Target) -> Outcomes:
        sent = chain.from_iterable(repeat(messages, FLOOD // len(messages)))
        return await together(utterance(target, [first, *sent]) for _ in range(CALLERS))

    return attack


def each(messages: Iterable[Message], calls: int) -> Round:
    """So many short calls at once, all of the same messages."""
    sent = list(messages)

    async def attack(target: Target) -> Outcomes:
        return await together(utterance(target, sent) for _ in range(calls))

    return attack


class Bytes:
    """A message of a client that does not keep to the contract."""

    def __init__(self, data: bytes) -> None:
        self._data = data

    def SerializeToString(self) -> bytes:  # noqa: N802
        return self._data


def raw(*messages: bytes) -> Round:
    """Bytes in place of messages."""

    async def attack(target: Target) -> Outcomes:
        def call() -> Any:
            return target.channel.stream_stream(_SERVICE + "Synthesize")()

        sent: list[Any] = [Bytes(data) for data in messages]
        return await together(utterance(target, sent, call()) for _ in range(20))

    return attack


def with_unknown_field(message: Message, size: int) -> bytes:
    """The message with a field of `size` bytes that nobody knows."""
    length, left = bytearray(), size
    while left > 0x7F:
        length.append(0x80 | left & 0x7F)
        left >>= 7
    length.append(left)
    return message.SerializeToString() + _UNKNOWN_FIELD + bytes(length) + bytes(size)


def many_pronunciations(count: int) -> Request:
    listed = [pb.Pronunciation(word=f"word{index}", respelling="spoken so") for index in range(count)]
    return Request(config=pb.SynthesisConfig(pronunciations=listed))


async def new_pronunciations(target: Target) -> Outcomes:
    """Words with respellings as long as they may be, of words that nobody has ever seen."""

    def word() -> str:
        return "".join(random.choices(string.ascii_lowercase, k=3))

    def spoken() -> str:
        return " ".join(word() for _ in range(50))

    listed = [pb.Pronunciation(word=letter, respelling=spoken()) for letter in string.ascii_lowercase]
    config = Request(config=pb.SynthesisConfig(pronunciations=listed))
    sent = [config, text(" ".join(string.ascii_lowercase) + ". ")]
    return await together(utterance(target, sent) for _ in range(CALLERS))
