"""What the service says to one call, as Riva's responses: audio in Riva's encodings, and the times of words with it.

Riva has no message without audio, and its clients take every message for audio. So words wait for audio to come with,
and where words are wanted the last of the audio waits for the last words.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any

from gapless.doors.encoders import SAMPLE_BYTES, Encoder
from gapless.doors.encoders.libsndfile import FlacEncoder
from gapless.doors.encoders.ogg import ogg_opus
from gapless.doors.encoders.raw import PcmEncoder
from gapless.tts.v1 import tts_pb2
from service.riva import messages
from service.riva.requests import Beginning

_PIECE_S = 0.1  # of audio that is encoded before what it gave is sent
_HELD_BACK_BYTES = 480  # 10 ms of PCM at 24 kHz

Send = Callable[[Any], Awaitable[None]]


class Answers:
    """Of one call. `write` takes what a session writes."""

    def __init__(self, beginning: Beginning, sample_rate: int, send: Send) -> None:
        """`sample_rate` of the audio, Hz. `send` takes Riva's responses."""
        self._beginning = beginning
        self._sample_rate = sample_rate
        self._send = send
        self._encoder = _encoder(beginning.encoding, sample_rate)
        self._words: list[tts_pb2.Word] = []  # that were not sent yet
        self._held = self._encoder.begin()  # sent with what comes next

    async def write(self, response: tts_pb2.SynthesizeResponse) -> None:
        match response.WhichOneof("event"):
            case "audio":
                await self._audio(response.audio.data)
            case "alignment":
                self._words += response.alignment.words
            case "finished":
                await self._respond(self._held + await self._run(self._encoder.finish))

    async def _audio(self, data: bytes) -> None:
        piece_bytes = round(_PIECE_S * self._sample_rate) * SAMPLE_BYTES if self._encoder.takes_long else len(data)
        for at in range(0, len(data), piece_bytes):
            piece = data[at : at + piece_bytes]
            encoded = self._held + await self._run(partial(self._encoder.encode, piece))
            cut = max(0, len(encoded) - _HELD_BACK_BYTES) if self._beginning.wants_words else len(encoded)
            self._held = encoded[cut:]
            await self._respond(encoded[:cut])

    async def _respond(self, audio: bytes) -> None:
        if not audio:
            return
        response = messages.SynthesizeSpeechResponse(audio=audio, id=self._beginning.id)
        for word in self._words:
            response.meta.words.add(**self._timing(word))
        self._words = []
        await self._send(response)

    def _timing(self, word: tts_pb2.Word) -> dict[str, Any]:
        start_ms, end_ms = (round(1000 * at / self._sample_rate) for at in (word.start_sample, word.end_sample))
        return {"word": word.word, "start_time": start_ms, "end_time": end_ms}

    async def _run(self, work: Callable[[], bytes]) -> bytes:
        return await asyncio.to_thread(work) if self._encoder.takes_long else work()


def _encoder(encoding: int, sample_rate: int) -> Encoder:
    """PCM and G.711 come as they are wanted."""
    if encoding == messages.FLAC:
        return FlacEncoder(sample_rate)
    if encoding == messages.OGGOPUS:
        return ogg_opus(sample_rate)
    return PcmEncoder()
