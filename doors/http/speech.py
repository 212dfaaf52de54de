"""POST /v1/audio/speech: one utterance, written while it is spoken.

Nothing is answered before the first chunk exists, so a refusal has a status of its own; after that an error can only
end the connection (audio) or be an event (sse). A client that leaves cancels the handler, and that the utterance.
"""

from __future__ import annotations

import asyncio
import base64
import logging
from collections.abc import AsyncIterator, Callable, Iterator

from aiohttp import web

from gapless.client import Chunk, ClientError, Utterance

from ..encoders import SAMPLE_BYTES, Encoder
from .errors import event, event_of
from .formats import SAMPLE_RATE
from .requests import SpeechRequest

_PIECE_BYTES = SAMPLE_RATE // 10 * SAMPLE_BYTES  # 100 ms: so much is encoded before what it gave is written

_log = logging.getLogger(__name__)


async def speak(
    request: web.Request, asked: SpeechRequest, utterance: Utterance, on_first: Callable[[], None]
) -> web.StreamResponse:
    """`on_first` is called when the first chunk is there. Raises ClientError as long as nothing was answered."""
    await utterance.push(asked.text)
    await utterance.end()
    chunks = aiter(utterance)
    first = await anext(chunks, None)
    on_first()
    response = web.StreamResponse(headers=_headers(asked, utterance))
    response.enable_chunked_encoding()
    await response.prepare(request)
    try:
        async for data in _encoded(asked.format.encoder(), _from(first, chunks)):
            await response.write(_delta(data) if asked.as_events else data)
        if asked.as_events:
            await response.write(_done(utterance))
    except ClientError as error:
        _log.info("utterance broke off: %s", error)
        if asked.as_events:
            await response.write(event_of(error))
        elif request.transport is not None:
            request.transport.abort()  # an end that nobody takes for the end of the speech
    return response


def _headers(asked: SpeechRequest, utterance: Utterance) -> dict[str, str]:
    """They are sent when the first chunk is there, and the service has said all else by then."""
    headers = {"Content-Type": "text/event-stream" if asked.as_events else asked.format.content_type}
    headers["Cache-Control"] = "no-store"
    if utterance.started:
        headers["X-Request-Id"] = utterance.started.utterance_id
        headers["X-Gapless-Seed"] = str(utterance.started.seed)
    if asked.ignored:
        headers["X-Gapless-Ignored"] = ", ".join(map(ascii, asked.ignored))[:1000]
    if utterance.warnings:
        said = "; ".join(warning.message for warning in utterance.warnings)
        headers["X-Gapless-Warning"] = ascii(said)[1:-1][:1000]
    return headers


async def _from(first: Chunk | None, rest: AsyncIterator[Chunk]) -> AsyncIterator[bytes]:
    if first is not None:
        yield first.data
    async for chunk in rest:
        yield chunk.data


async def _encoded(encoder: Encoder, audio: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """The file, as soon as there is some of it; never an empty piece."""
    if head := encoder.begin():
        yield head
    async for pcm in audio:
        for piece in _pieces(pcm) if encoder.takes_long else [pcm]:
            data = await asyncio.to_thread(encoder.encode, piece) if encoder.takes_long else encoder.encode(piece)
            if data:
                yield data
    if tail := encoder.finish():
        yield tail


def _pieces(pcm: bytes) -> Iterator[bytes]:
    for at in range(0, len(pcm), _PIECE_BYTES):
        yield pcm[at : at + _PIECE_BYTES]


def _delta(data: bytes) -> bytes:
    return event({"type": "speech.audio.delta", "audio": base64.b64encode(data).decode()})


def _done(utterance: Utterance) -> bytes:
    """Tokens of text are not known to the client: characters are told in their place."""
    usage = utterance.finished.usage if utterance.finished else None
    characters, tokens = (usage.input_characters, usage.speech_tokens) if usage else (0, 0)
    totals = {"input_tokens": characters, "output_tokens": tokens, "total_tokens": characters + tokens}
    return event({"type": "speech.audio.done", "usage": totals})
