"""POST /v1/audio/voices: a voice from a recording, as OpenAI's clients send it; DELETE forgets one.

The service asks whether the caller's token may do that. OpenAI's `consent` names a recording of its own that says yes;
it is not looked at here.
"""

from __future__ import annotations

import asyncio
import time

from aiohttp import BodyPartReader, web

from gapless.client import Client

from .errors import BadRequest

MAX_RECORDING_BYTES = 32 << 20
UPLOAD_TIMEOUT_S = 120.0
_MAX_TEXT_BYTES = 4096


async def create(request: web.Request, client: Client) -> web.Response:
    """Raises BadRequest, ClientError."""
    if request.content_type != "multipart/form-data":
        raise BadRequest("send multipart/form-data with name and audio_sample", status=415)
    try:
        async with asyncio.timeout(UPLOAD_TIMEOUT_S):
            parts = await _read_parts(request)
    except TimeoutError:
        raise BadRequest(f"the recording did not arrive within {UPLOAD_TIMEOUT_S:g} s", status=408) from None
    for wanted in ("name", "audio_sample"):
        if wanted not in parts:
            raise BadRequest("is missing", wanted, code="missing_required_parameter")
    created = await client.create_voice(parts["name"].decode(errors="replace"), parts["audio_sample"])
    answer = {"id": created.voice.name, "name": created.voice.name, "object": "audio.voice", "type": "audio_sample"}
    return web.json_response({**answer, "created_at": int(time.time()), "warnings": created.warnings})


async def delete(name: str, client: Client) -> web.Response:
    """Raises ClientError."""
    await client.delete_voice(name)
    return web.json_response({"id": name, "object": "audio.voice.deleted", "deleted": True})


async def _read_parts(request: web.Request) -> dict[str, bytes]:
    parts: dict[str, bytes] = {}
    try:
        async for part in await request.multipart():
            if not isinstance(part, BodyPartReader) or part.name is None:
                raise BadRequest("parts must have names and no parts of their own")
            limit = MAX_RECORDING_BYTES if part.name == "audio_sample" else _MAX_TEXT_BYTES
            parts[part.name] = await _read_part(part, limit)
    except ValueError as error:
        raise BadRequest(f"the body is not multipart/form-data: {error}") from None
    return parts


async def _read_part(part: BodyPartReader, limit: int) -> bytes:
    content = bytearray()
    while piece := await part.read_chunk():
        content += piece
        if len(content) > limit:
            raise BadRequest(f"is larger than {limit} bytes", part.name, status=413, code="too_large")
    return bytes(content)
