"""What there is: voices, models, health. As Open WebUI and OpenAI's clients ask for it.

Open WebUI asks for voices and models without its key. A service that wants one then tells no voice of its own here, and
the names that OpenAI's clients know, which mean its default voice, are told to anybody.
"""

from __future__ import annotations

from typing import Any

from aiohttp import web

from gapless.client import AccessDenied, Client

from ..aliases import Aliases

MODEL = "gapless"
_OTHER_MODELS = ("tts-1", "tts-1-hd", "gpt-4o-mini-tts")  # what programs are set to, or offer; all mean the same here


async def voices(client: Client, aliases: Aliases) -> web.Response:
    try:
        known = await client.voices()
    except AccessDenied:
        known = []
    named = [{"id": voice.name, "name": voice.description or voice.name} for voice in known]
    own = {voice.name for voice in known}
    others = [{"id": name, "name": f"{name} ({_meaning(voice)})"} for name, voice in aliases.voices.items()]
    return web.json_response({"voices": named + [other for other in others if other["id"] not in own]})


def audio_models() -> web.Response:
    return web.json_response({"models": [{"id": name} for name in (MODEL, *_OTHER_MODELS)]})


async def models(client: Client) -> web.Response:
    """Raises ClientError: whoever asks shows a token here, if the service wants one."""
    info = await client.info()
    names = dict.fromkeys((MODEL, info.model, *_OTHER_MODELS))
    return web.json_response({"object": "list", "data": [_model(name) for name in names]})


async def health(client: Client) -> web.Response:
    if await client.is_serving():
        return web.json_response({"status": "ok"})
    return web.json_response({"status": "not serving"}, status=503)


def _meaning(voice: str) -> str:
    return voice or "the default voice"


def _model(name: str) -> dict[str, Any]:
    return {"id": name, "object": "model", "created": 0, "owned_by": "gapless"}
