"""What a request asks for, checked as far as only the door can: JSON -> the options of an utterance.

Values are the service's to judge: it knows its voices, languages and ranges, and its refusals name the field.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from aiohttp import web

from gapless.client import Options

from ..aliases import Aliases
from . import fields
from .errors import BadRequest
from .formats import DEFAULT_FORMAT, FORMATS, SAMPLE_RATE, Format

MAX_BODY_BYTES = 1 << 20
BODY_TIMEOUT_S = 10.0

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
).union(fields.SAMPLING)


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
    given = await _read_object(request)
    name = fields.text(given, "response_format") or DEFAULT_FORMAT
    if name not in FORMATS:
        raise BadRequest(f"{name[:40]!r} is not available; available: {', '.join(FORMATS)}", "response_format")
    stream_format = fields.text(given, "stream_format") or "audio"
    if stream_format not in ("audio", "sse"):
        raise BadRequest(f"{stream_format[:40]!r} is neither audio nor sse", "stream_format")
    text = fields.text(given, "input")
    if text is None:
        raise BadRequest("the text to speak is missing", "input", code="missing_required_parameter")
    fields.text(given, "model")
    fields.text(given, "instructions")
    ignored = sorted(given.keys() - _KNOWN) + (["instructions"] if given.get("instructions") else [])
    return SpeechRequest(
        text=text,
        format=FORMATS[name],
        as_events=stream_format == "sse",
        options=_options(given, aliases),
        ignored=tuple(ignored),
    )


def _options(given: Mapping[str, Any], aliases: Aliases) -> Options:
    options = fields.options(given, aliases)
    options["sample_rate"], options["encoding"] = SAMPLE_RATE, "pcm_s16le"
    options["max_lead"] = 0.0  # whoever downloads a file wants it whole; whoever plays it stops reading
    return options


async def _read_object(request: web.Request) -> dict[str, Any]:
    # A page in a browser may send anybody's server other types without being asked for leave; this one it may not.
    if request.content_type != "application/json":
        raise BadRequest("the body must be JSON: send 'Content-Type: application/json'", status=415)
    try:
        given = json.loads(await read_body(request, MAX_BODY_BYTES))
    except (ValueError, RecursionError) as error:
        raise BadRequest(f"the body is not JSON: {error}", code="invalid_json") from None
    if not isinstance(given, dict):
        raise BadRequest("the body must be a JSON object", code="invalid_json")
    return given


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
