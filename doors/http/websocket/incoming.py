"""What a page sends: a text message of JSON -> one of the dataclasses below. docs/browser.md describes them.

Types, names and sizes are looked at; values are the service's to judge.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from gapless.client import Options
from gapless.client.attribution.listener import Heard
from gapless.client.record import Underrun

from ...aliases import Aliases
from .. import fields
from ..errors import BadRequest

MAX_MESSAGE_BYTES = 1 << 20
_MAX_HEARD = 100_000  # numbers in a list of `heard`
_MAX_UINT32 = 2**32 - 1  # of counts that the service reads as such
_STARTING = fields.SPEAKING.union({"sample_rate", "encoding", "words", "max_lead", "max_text_delay"})
ENCODINGS = ("pcm_s16le", "pcm_f32le", "opus")  # the first where none is named
_NS_PER_MS = 1e6


@dataclass(frozen=True, kw_only=True)
class Hello:
    token: str | None


@dataclass(frozen=True, kw_only=True)
class Start:
    options: Options


@dataclass(frozen=True, kw_only=True)
class Text:
    text: str


@dataclass(frozen=True, kw_only=True)
class Flush:
    pass


@dataclass(frozen=True, kw_only=True)
class End:
    pass


@dataclass(frozen=True, kw_only=True)
class Playback:
    """Where the listener is; of `Cancel` where he was when he stopped listening."""

    played_samples: int
    buffered_samples: int
    underruns: int
    underrun_s: float
    output_latency_s: float


@dataclass(frozen=True, kw_only=True)
class Cancel:
    playback: Playback


@dataclass(frozen=True, kw_only=True)
class Judge:
    """The verdict is wanted. `heard`: what the page saw, on its own clock; None: the door's own instants count."""

    heard: Heard | None


Incoming = Hello | Start | Text | Flush | End | Playback | Cancel | Judge
_Fields = Mapping[str, Any]


def read(message: str, aliases: Aliases) -> Incoming:
    """Raises BadRequest."""
    try:
        given = json.loads(message)
    except (ValueError, RecursionError) as error:
        raise BadRequest(f"the message is not JSON: {error}", code="invalid_json") from None
    if not isinstance(given, dict):
        raise BadRequest("a message must be a JSON object", code="invalid_json")
    kind = given.pop("type", None)
    if not isinstance(kind, str) or kind not in _KINDS:
        raise BadRequest(f"{str(kind)[:40]!r} is no type of message; there are {', '.join(_KINDS)}", "type")
    known, read_fields = _KINDS[kind]
    if unknown := sorted(given.keys() - known):
        raise BadRequest(f"is no field of {kind!r}; there are {', '.join(sorted(known))}", unknown[0][:40])
    return read_fields(given, aliases)


def _hello(given: _Fields, aliases: Aliases) -> Hello:
    token = (fields.text(given, "token") or "").strip()
    if not token.isascii() or (token and not token.isprintable()):
        raise BadRequest("must be printable ASCII", "token", status=401, code="invalid_api_key")
    return Hello(token=token or None)


def _start(given: _Fields, aliases: Aliases) -> Start:
    options = fields.options(given, aliases)
    encoding = fields.text(given, "encoding") or ENCODINGS[0]
    if encoding not in ENCODINGS:
        raise BadRequest(f"{encoding[:40]!r} is not available; available: {', '.join(ENCODINGS)}", "encoding")
    options["encoding"] = encoding
    options["sample_rate"] = fields.count(given, "sample_rate", _MAX_UINT32) or None
    options["want_alignment"] = fields.flag(given, "words")
    options["max_lead"] = fields.number(given, "max_lead")
    options["max_text_delay"] = fields.number(given, "max_text_delay")
    return Start(options=options)


def _text(given: _Fields, aliases: Aliases) -> Text:
    if not (text := fields.text(given, "text")):
        raise BadRequest("is missing or empty", "text", code="missing_required_parameter")
    return Text(text=text)


def _playback(given: _Fields, aliases: Aliases) -> Playback:
    return Playback(
        played_samples=fields.count(given, "played_samples"),
        buffered_samples=fields.count(given, "buffered_samples"),
        underruns=fields.count(given, "underruns", _MAX_UINT32),
        underrun_s=_ms(given, "underrun_ms") / 1e3,
        output_latency_s=_ms(given, "output_latency_ms") / 1e3,
    )


def _judge(given: _Fields, aliases: Aliases) -> Judge:
    heard = given.get("heard")
    if heard is None:
        return Judge(heard=None)
    if not isinstance(heard, dict) or heard.keys() - _HEARD:
        raise BadRequest(f"must be an object with {', '.join(sorted(_HEARD))}", "heard")
    return Judge(
        heard=Heard(
            opened_ns=_instant(heard, "opened_ms"),
            sent_ns=tuple(_ns(one, "sent_ms") for one in _list(heard, "sent_ms")),
            received_ns=tuple(_ns(one, "received_ms") for one in _list(heard, "received_ms")),
            allowed_ns=_instant(heard, "allowed_ms") or None,
            started_ns=_instant(heard, "started_ms") or None,
            output_latency_s=_ms(heard, "output_latency_ms") / 1e3,
            silences=tuple(_silence(one) for one in _list(heard, "silences")),
            blocks_ns=tuple(_pair(one, "blocks_ms") for one in _list(heard, "blocks_ms")),
            stalls_ns=tuple(_pair(one, "stalls_ms") for one in _list(heard, "stalls_ms")),
        )
    )


_HEARD = frozenset(
    {
        "opened_ms",
        "sent_ms",
        "received_ms",
        "allowed_ms",
        "started_ms",
        "output_latency_ms",
        "silences",
        "blocks_ms",
        "stalls_ms",
    }
)


def _silence(given: Any) -> Underrun:
    if not isinstance(given, dict):
        raise BadRequest("must be objects", "silences")
    return Underrun(
        position=fields.count(given, "position"),
        at_ns=_instant(given, "at_ms"),
        missing_samples=fields.count(given, "missing_samples"),
    )


def _list(given: _Fields, name: str) -> list[Any]:
    values = given.get(name, [])
    if not isinstance(values, list) or len(values) > _MAX_HEARD:
        raise BadRequest(f"must be a list of at most {_MAX_HEARD}", name)
    return values


def _pair(given: Any, name: str) -> tuple[int, int]:
    if not isinstance(given, list) or len(given) != 2:
        raise BadRequest("must be pairs of instants", name)
    return _ns(given[0], name), _ns(given[1], name)


def _instant(given: _Fields, name: str) -> int:
    """0 where it is left out."""
    return _ns(given.get(name) or 0, name)


def _ns(given: Any, name: str) -> int:
    """Of milliseconds since the unix epoch."""
    if isinstance(given, bool) or not isinstance(given, int | float) or not 0 <= given < 1e13:
        raise BadRequest("must be milliseconds since the unix epoch", name)
    return round(given * _NS_PER_MS)


def _ms(given: _Fields, name: str) -> float:
    value = fields.number(given, name) or 0.0
    if value < 0:
        raise BadRequest("must not be negative", name)
    return value


_POSITION = frozenset({"played_samples", "buffered_samples", "underruns", "underrun_ms", "output_latency_ms"})

_KINDS: dict[str, tuple[frozenset[str], Callable[[_Fields, Aliases], Incoming]]] = {
    "hello": (frozenset({"token"}), _hello),
    "start": (_STARTING, _start),
    "text": (frozenset({"text"}), _text),
    "flush": (frozenset(), lambda given, aliases: Flush()),
    "end": (frozenset(), lambda given, aliases: End()),
    "playback": (_POSITION, _playback),
    "cancel": (_POSITION, lambda given, aliases: Cancel(playback=_playback(given, aliases))),
    "judge": (frozenset({"heard"}), _judge),
}
