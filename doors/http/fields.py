"""Fields of a JSON object -> the options of an utterance, for requests and for the messages of a WebSocket.

Only types are looked at, and what cannot be sent: values are the service's to judge.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

from gapless.client import Options, Sampling

from ..aliases import Aliases
from .errors import BadRequest

SAMPLING = ("temperature", "cfg_weight", "exaggeration", "top_p", "min_p", "repetition_penalty")
SPEAKING = frozenset({"voice", "language", "seed", "speed", "text_format"}).union(SAMPLING)
"""What `options` reads."""

_MAX_SEED = 2**64 - 1
_MAX_COUNT = 2**53 - 1  # that JavaScript counts exactly


def options(given: Mapping[str, Any], aliases: Aliases) -> Options:
    """How it is to be spoken; in which format is left open. Raises BadRequest."""
    seed = given.get("seed")
    if seed is not None and (type(seed) is not int or not 0 <= seed <= _MAX_SEED):
        raise BadRequest(f"must be a whole number from 0 to {_MAX_SEED}", "seed")
    sampling = {name: value for name in SAMPLING if (value := number(given, name)) is not None}
    return Options(
        voice=aliases.voice(_voice(given)),
        language=name(given, "language"),
        seed=seed,
        sampling=cast(Sampling, sampling),
        speaking_rate=number(given, "speed"),
        text_format=name(given, "text_format"),
    )


def text(given: Mapping[str, Any], name: str) -> str | None:
    """Raises BadRequest."""
    value = given.get(name)
    if value is not None and not isinstance(value, str):
        raise BadRequest("must be a string", name)
    return value


def name(given: Mapping[str, Any], field: str) -> str | None:
    """Text that the service is asked for by. Raises BadRequest."""
    value = text(given, field)
    return value if value is None else _sendable(value, field)


def number(given: Mapping[str, Any], name: str) -> float | None:
    """Raises BadRequest."""
    value = given.get(name)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float) or not abs(value) <= 1e9:
        raise BadRequest("must be a number", name)
    return float(value)


def count(given: Mapping[str, Any], name: str, most: int = _MAX_COUNT) -> int:
    """0 where it is left out. Raises BadRequest."""
    value = given.get(name, 0)
    if type(value) is not int or not 0 <= value <= most:
        raise BadRequest(f"must be a whole number from 0 to {most}", name)
    return value


def flag(given: Mapping[str, Any], name: str) -> bool:
    """False where it is left out. Raises BadRequest."""
    value = given.get(name, False)
    if not isinstance(value, bool):
        raise BadRequest("must be true or false", name)
    return value


def _voice(given: Mapping[str, Any]) -> str:
    """A name, or {"id": name}; "" where none is given."""
    voice = given.get("voice")
    if isinstance(voice, dict) and voice.keys() == {"id"}:
        voice = voice["id"]
    if voice is None:
        return ""
    if not isinstance(voice, str):
        raise BadRequest('must be a name, or an object {"id": name}', "voice")
    return _sendable(voice, "voice")


def _sendable(value: str, field: str) -> str:
    """JSON can hold half a surrogate pair, the wire cannot."""
    try:
        value.encode()
    except UnicodeEncodeError:
        raise BadRequest("has half a character", field) from None
    return value
