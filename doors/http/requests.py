"""What a request asks for, checked as far as only the door can: JSON -> the options of an utterance.

Values are the service's to judge: it knows its voices, languages and ranges, and its refusals name the field.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, cast

from aiohttp import web

from gapless.client import Options, Sampling

from ..aliases import Aliases
from .errors import BadRequest
from .formats import DEFAULT_FORMAT, FORMATS, SAMPLE_RATE, Format

MAX_BODY_BYTES = 1 << 20
BODY_TIMEOUT_S = 10.0

_SAMPLING = ("temperature", "cfg_weight", "exaggeration", "top_p", "min_p", "repetition_penalty")
_MAX_SEED = 2**64 - 1
_KNOWN = frozenset(
    {
        "input",
        "model",
        "voice",
        "instructions",
        "response_format",
        "speed",
        "stream_format",
        "language",
        "seed",
        "text_format",
    }
).union(_SAMPLING)


@dataclass(frozen=True, kw_only=True)
class SpeechRequest:
    text: str
    format: Format
    as_events: bool  # server-sent events with audio in base64, in place of the audio itself
    options: Options
    ignored: tuple[str, ...]  # fields that mean nothing here


def token_of(request: web.Request) -> str | None:
    """The caller's, which goes on to the service; None for an empty one, as programs send it where nobody entered a
    key. Raises BadRequest for one that cannot go on."""
    given = request.headers.getall("Authorization", [])
    if not given:
        return None
    scheme, _, token = given[0].strip().partition(" ")
    token = token.strip()
    if len(given) > 1 or scheme.lower() != "bearer" or not token.isascii() or not token.isprintable():
        raise BadRequest("send one header 'Authorization: Bearer TOKEN'", status=401, code="invalid_api_key")
    return token or None


async def read_speech(request: web.Request, aliases: Aliases) -> SpeechRequest:
    """Raises BadRequest."""
    fields = await _read_object(request)
    name = _text(fields, "response_format") or DEFAULT_FORMAT
    if name not in FORMATS:
        raise BadRequest(f"{name[:40]!r} is not available; available: {', '.join(FORMATS)}", "response_format")
    stream_format = _text(fields, "stream_format") or "audio"
    if stream_format not in ("audio", "sse"):
        raise BadRequest(f"{stream_format[:40]!r} is neither audio nor sse", "stream_format")
    text = _text(fields, "input")
    if text is None:
        raise BadRequest("the text to speak is missing", "input", code="missing_required_parameter")
    _text(fields, "model")
    _text(fields, "instructions")
    ignored = sorted(fields.keys() - _KNOWN) + (["instructions"] if fields.get("instructions") else [])
    return SpeechRequest(
        text=text,
        format=FORMATS[name],
        as_events=stream_format == "sse",
        options=_options(fields, aliases),
        ignored=tuple(ignored),
    )


def _options(fields: Mapping[str, Any], aliases: Aliases) -> Options:
    seed = fields.get("seed")
    if seed is not None and (type(seed) is not int or not 0 <= seed <= _MAX_SEED):
        raise BadRequest(f"must be a whole number from 0 to {_MAX_SEED}", "seed")
    sampling = {name: value for name in _SAMPLING if (value := _number(fields, name)) is not None}
    return Options(
        voice=aliases.voice(_voice(fields)),
        language=_text(fields, "language"),
        sample_rate=SAMPLE_RATE,
        encoding="pcm_s16le",
        seed=seed,
        sampling=cast(Sampling, sampling),
        speaking_rate=_number(fields, "speed"),
        text_format=_text(fields, "text_format"),
        max_lead=0.0,  # whoever downloads a file wants it whole; whoever plays it stops reading
    )


def _voice(fields: Mapping[str, Any]) -> str:
    """A name, or {"id": name}; "" where none is given."""
    voice = fields.get("voice")
    if isinstance(voice, dict) and voice.keys() == {"id"}:
        voice = voice["id"]
    if voice is None:
        return ""
    if not isinstance(voice, str):
        raise BadRequest('must be a name, or an object {"id": name}', "voice")
    return voice


def _text(fields: Mapping[str, Any], name: str) -> str | None:
    value = fields.get(name)
    if value is not None and not isinstance(value, str):
        raise BadRequest("must be a string", name)
    return value


def _number(fields: Mapping[str, Any], name: str) -> float | None:
    value = fields.get(name)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float) or abs(value) > 1e9:
        raise BadRequest("must be a number", name)
    return float(value)


async def _read_object(request: web.Request) -> dict[str, Any]:
    # A page in a browser may send anybody's server other types without being asked for leave; this one it may not.
    if request.content_type != "application/json":
        raise BadRequest("the body must be JSON: send 'Content-Type: application/json'", status=415)
    try:
        fields = json.loads(await read_body(request, MAX_BODY_BYTES))
    except (ValueError, RecursionError) as error:
        raise BadRequest(f"the body is not JSON: {error}", code="invalid_json") from None
    if not isinstance(fields, dict):
        raise BadRequest("the body must be a JSON object", code="invalid_json")
    return fields


async def read_body(request: web.Request, limit: int) -> bytes:
    """Raises BadRequest for a body that is too large, or comes too slowly."""
    too_large = BadRequest(f"the body is larger than {limit} bytes", status=413, code="too_large")
    if (request.content_length or 0) > limit:
        raise too_large
    body = bytearray()
    try:
        async with asyncio.timeout(BODY_TIMEOUT_S):
            while piece := await request.content.readany():
                body += piece
                if len(body) > limit:
                    raise too_large
    except TimeoutError:
        raise BadRequest(f"the body did not arrive within {BODY_TIMEOUT_S:g} s", status=408) from None
    return bytes(body)
