"""CreateVoice, DeleteVoice and ListVoices: recordings in, voices of the engine out.

Cloning takes seconds: one voice is made after the other. A place is taken before the first byte is read and given back
when the work is done, so recordings in memory are bounded, too.
A call that ends early leaves no voice: one that waits is dropped, one that is at work is deleted when it is made.
"""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import logging
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from functools import partial

from engine.errors import GaplessError, InvalidRequest, Overloaded, UnknownVoice, Unsupported
from engine.messages import CreatedVoice, EngineInfo, NewVoice, VoiceInfo
from gapless.tts.v1 import tts_pb2
from service.access import caller
from service.access.caller import Caller
from service.access.errors import NotAllowed, QuotaExceeded
from service.config import ServiceConfig
from service.engines.engine import AsyncEngine
from service.rpc.errors import BuiltInVoice, IdleTimeout, NoSuchVoice, OutOfOrder, RecordingTooLarge, UploadTooSlow
from service.rpc.receive import Context, read
from service.rpc.recording import check_recording

_SETTLE_S = 0.05  # a cancelled call first looks like the end of input: half a recording must not become a voice
_RETRY_AFTER_S = 5.0  # about what one voice takes

_log = logging.getLogger(__name__)


@dataclass(eq=False)
class _Order:
    """A voice that is to be made."""

    voice: NewVoice
    begun: bool = False
    abandoned: bool = False  # nobody waits for it any more


class VoiceCalls:
    def __init__(self, engine: AsyncEngine, info: EngineInfo, config: ServiceConfig) -> None:
        self._engine = engine
        self._info = info
        self._config = config
        self._places_taken = 0
        self._one_at_a_time = asyncio.Lock()
        self._at_work: dict[_Order, asyncio.Task[CreatedVoice]] = {}

    async def list(self) -> Sequence[VoiceInfo]:
        return await asyncio.to_thread(self._engine.voices)

    async def delete(self, name: str) -> None:
        if not name:
            raise InvalidRequest("name", "is empty; name the voice to delete")
        voice = next((voice for voice in await self.list() if voice.name == name), None)
        if voice is not None and voice.built_in:
            raise BuiltInVoice(name)
        if voice is not None and not caller.current().may_delete(voice.owner):
            raise NotAllowed(f"voice {name!r} was made with another token; its own or an admin token deletes it")
        try:
            await self._engine.delete_voice(name)
        except UnknownVoice as error:
            raise NoSuchVoice(error.description) from None
        _log.info("voice %s: deleted", name)

    async def create(self, context: Context) -> CreatedVoice:
        return await self.create_from(partial(self._receive_in_time, context))

    async def create_from(self, receive: Callable[[], Awaitable[NewVoice]]) -> CreatedVoice:
        """`receive` is not called before there is a place."""
        if not self._info.has_cloning:
            raise Unsupported(
                "this server creates no voices: its model cannot clone, or it can write to no directory for them"
            )
        who = caller.current()
        await self._check_may_create(who)
        if self._places_taken >= self._config.max_new_voices:
            raise Overloaded(f"{self._config.max_new_voices} voices are being created", _RETRY_AFTER_S)
        self._places_taken += 1
        try:
            order = _Order(dataclasses.replace(await receive(), owner=who.name))
        except BaseException:
            self._places_taken -= 1
            raise
        work = asyncio.create_task(self._create(order), name=f"create-voice-{order.voice.name}")
        self._at_work[order] = work
        work.add_done_callback(lambda _: self._leave(order))
        try:
            created = await asyncio.shield(work)
        except asyncio.CancelledError:
            order.abandoned = True
            if not order.begun:
                work.cancel()
            raise
        _log.info("voice %s: created; %s", order.voice.name, "; ".join(created.warnings) or "no warnings")
        return created

    def _leave(self, order: _Order) -> None:
        work = self._at_work.pop(order)
        self._places_taken -= 1
        if not work.cancelled():
            work.exception()  # told to whoever waits, if anybody does

    async def _check_may_create(self, who: Caller) -> None:
        if not who.may_create_voices:
            raise NotAllowed(f"token {who.name!r} may not create voices")
        if who.max_voice_bytes is None:
            return
        stored = sum(voice.bytes_stored for voice in await self.list() if voice.owner == who.name)
        if stored >= who.max_voice_bytes:
            held = f"voices of token {who.name!r} take {stored} of {who.max_voice_bytes} bytes; delete one first"
            raise QuotaExceeded(held, _RETRY_AFTER_S)

    async def _create(self, order: _Order) -> CreatedVoice:
        async with self._one_at_a_time:
            order.begun = True
            await asyncio.to_thread(check_recording, order.voice.audio)
            created = await self._engine.create_voice(order.voice)
            if order.abandoned:
                await self._discard(created.voice.name)
            return created

    async def _receive_in_time(self, context: Context) -> NewVoice:
        try:
            async with asyncio.timeout(self._config.max_upload_s) as limit:
                return await self._receive(context)
        except TimeoutError:
            raise (UploadTooSlow(self._config.max_upload_s) if limit.expired() else TimeoutError()) from None

    async def _receive(self, context: Context) -> NewVoice:
        first = await self._read(context, self._config.first_message_s)
        if first is None or not first.HasField("config"):
            came = (first and first.WhichOneof("event")) or "nothing"
            raise OutOfOrder("config", f"{came} came first; a call must begin with config, which names the voice")
        voice = NewVoice(name=first.config.name, description=first.config.description, audio=b"")
        audio = bytearray()
        while request := await self._read(context, self._config.idle_timeout_s):
            match request.WhichOneof("event"):
                case "audio":
                    audio += request.audio
                case "config":
                    raise OutOfOrder("config", "came again; it must come once, as the first message of a call")
                case None:
                    raise InvalidRequest("event", "no event is set; set audio")
            if len(audio) > self._config.max_recording_bytes:
                raise RecordingTooLarge(self._config.max_recording_bytes)
        await asyncio.sleep(_SETTLE_S)
        if not audio:
            raise InvalidRequest("audio", "is empty; send the bytes of a WAV, FLAC, Ogg or MP3 file")
        return dataclasses.replace(voice, audio=bytes(audio))

    async def _read(self, context: Context, limit_s: float) -> tts_pb2.CreateVoiceRequest | None:
        try:
            async with asyncio.timeout(limit_s):
                return await read(context, tts_pb2.CreateVoiceRequest)
        except TimeoutError:
            raise IdleTimeout(limit_s, "half-close when the recording is complete") from None

    async def _discard(self, name: str) -> None:
        with contextlib.suppress(GaplessError):
            await self._engine.delete_voice(name)
        _log.info("voice %s: its call ended early, it is not kept", name)

    def close(self) -> None:
        """What is at work goes on, and its voice is not kept."""
        for order, work in self._at_work.items():
            if not order.begun:
                work.cancel()
