"""The RPCs of nvidia.riva.tts.RivaSpeechSynthesis: each is an utterance of the service, or a list of its voices.

Admission, quotas, limits, spans and metrics are those of gapless.tts.v1. Audio is not paced (`max_lead` 0): LiveKit's
plug-in does not cancel what it no longer wants, and the sooner that is spoken the sooner its place is free.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any, cast

import grpc

from engine.clock import now_ns
from engine.errors import GaplessError, UnknownVoice
from engine.messages import NewVoice
from gapless.tts.v1 import tts_pb2
from service.access import caller
from service.riva import messages
from service.riva.answers import Answers
from service.riva.requests import Beginning, check_same, in_their_words, read_beginning
from service.rpc import errors
from service.rpc.handler import TextToSpeechHandler
from service.rpc.interceptor import current_call
from service.rpc.receive import Context, read
from service.rpc.session import Dependencies

MAX_ANSWER_BYTES = (4 << 20) - (64 << 10)  # of a message that clients take by default, less what is around the audio
_LAST_WRITE_S = 1.0
MODEL = "Gapless"  # voices are called Gapless.NAME

Send = Callable[[Any], Awaitable[None]]
Next = Callable[[], Awaitable[Any]]


def add_to(server: grpc.aio.Server, handler: TextToSpeechHandler, dependencies: Dependencies) -> None:
    riva = RivaHandler(handler, dependencies)
    request, response = messages.SynthesizeSpeechRequest, messages.SynthesizeSpeechResponse
    methods = {
        "Synthesize": grpc.unary_unary_rpc_method_handler(
            riva.synthesize, request.FromString, response.SerializeToString
        ),
        "SynthesizeOnline": grpc.stream_stream_rpc_method_handler(
            riva.synthesize_online, request.FromString, response.SerializeToString
        ),
        "GetRivaSynthesisConfig": grpc.unary_unary_rpc_method_handler(
            riva.get_config,
            messages.RivaSynthesisConfigRequest.FromString,
            messages.RivaSynthesisConfigResponse.SerializeToString,
        ),
    }
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(messages.SERVICE, methods),))


class RivaHandler:
    def __init__(self, handler: TextToSpeechHandler, dependencies: Dependencies) -> None:
        self._handler = handler
        self._engine = dependencies.engine
        self._info = dependencies.info
        self._first_message_s = dependencies.config.first_message_s
        self._max_flushes = dependencies.config.max_flushes

    async def synthesize(self, request: Any, context: Context) -> Any:
        """One text -> all its audio. Raises AnswerTooLarge where a message cannot hold it."""
        answer = messages.SynthesizeSpeechResponse()
        audio = bytearray()

        async def collect(response: Any) -> None:
            audio.extend(response.audio)
            answer.meta.words.extend(response.meta.words)
            if len(audio) > MAX_ANSWER_BYTES:
                raise errors.AnswerTooLarge(MAX_ANSWER_BYTES)

        async def nothing_more() -> None:
            return None

        await self._speak(now_ns(), request, nothing_more, context, collect)
        answer.audio = bytes(audio)
        if request.HasField("id"):
            answer.id.CopyFrom(request.id)
        return answer

    async def synthesize_online(self, _: AsyncIterator[Any], context: Context) -> None:
        """Texts of one call, each spoken at once -> audio as it is made."""
        arrived_ns = now_ns()

        async def following() -> Any:
            return await read(context, messages.SynthesizeSpeechRequest)

        try:
            async with asyncio.timeout(self._first_message_s):
                first = await following()
        except TimeoutError:
            raise errors.IdleTimeout(self._first_message_s, "send a request as soon as the call is open") from None
        if first is None:
            raise errors.OutOfOrder("request", "none came; a call must bring at least one text")
        await self._speak(arrived_ns, first, following, context, context.write)

    async def get_config(self, request: Any, context: Context) -> Any:
        """The voices, by language; nothing to those who may not call anything else."""
        response = messages.RivaSynthesisConfigResponse()
        if caller.current() is caller.STRANGER or request.model_name not in ("", MODEL):
            return response
        names = sorted(voice.name for voice in await asyncio.to_thread(self._engine.voices))
        voices = ",".join(f"{name}:{number}" for number, name in enumerate(names))
        for language in self._info.languages or ("en-US",):
            parameters = {"language_code": language, "voice_name": MODEL, "subvoices": voices}
            response.model_config.add(model_name=MODEL, parameters=parameters)
        return response

    # ------------------------------------------------------------------------------------------------------ one call

    async def _speak(self, arrived_ns: int, first: Any, following: Next, context: Context, send: Send) -> None:
        try:
            voices = [voice.name for voice in await asyncio.to_thread(self._engine.voices)]
            beginning = read_beginning(first, self._info, voices)
            async with self._voice_of(beginning):
                texts = Texts(first, following, self._max_flushes)
                answers = Answers(beginning, beginning.sample_rate or self._info.sample_rate, send)
                outgoing = Outgoing(context, answers, texts)
                await self._handler.utterance(arrived_ns, beginning.config, texts.receive, cast(Context, outgoing))
        except* GaplessError as group:
            error = errors.root_cause(group)
            in_their_words(error)
            raise error from None

    @contextlib.asynccontextmanager
    async def _voice_of(self, beginning: Beginning) -> AsyncIterator[None]:
        """With a recording in the request, its voice, for as long as the call lasts."""
        if not beginning.recording:
            yield
            return
        voice = NewVoice(name=f"zero-shot-{current_call().id}", audio=beginning.recording)

        async def given() -> NewVoice:
            return voice

        await self._handler.voices.create_from(given)
        try:
            beginning.config.voice = voice.name
            yield
        finally:
            with contextlib.suppress(UnknownVoice):
                await asyncio.shield(self._engine.delete_voice(voice.name))


class Outgoing:
    """The context that a session writes to."""

    def __init__(self, context: Context, answers: Answers, texts: Texts) -> None:
        self.invocation_metadata = context.invocation_metadata
        self.peer = context.peer
        self._answers = answers
        self._texts = texts

    async def write(self, response: tts_pb2.SynthesizeResponse) -> None:
        if response.HasField("flush_done"):
            self._texts.was_spoken()
            return
        writing = asyncio.ensure_future(self._answers.write(response))
        try:
            await asyncio.shield(writing)
        except asyncio.CancelledError:
            # gRPC sends no status while a message is on its way: an error of the call waits for that.
            await asyncio.wait([writing], timeout=_LAST_WRITE_S)
            writing.cancel()
            raise


class Texts:
    """The texts of a call as messages of gapless.tts.v1: each is flushed, so that it is spoken at once.

    Riva's clients cut text and strip the spaces between; one is put back. As many texts wait to be spoken as the
    service takes flushes; the next one is read when one of them was spoken."""

    def __init__(self, first: Any, following: Next, max_waiting: int) -> None:
        self._first = first
        self._following = following
        self._room = asyncio.Semaphore(max_waiting - 1)
        self._messages = [_text(first.text), _flush(1)]
        self._count = 1

    async def receive(self) -> tts_pb2.SynthesizeRequest | None:
        """None at the end."""
        if not self._messages and (request := await self._following()) is not None:
            check_same(request, self._first)
            await self._room.acquire()
            self._count += 1
            self._messages = [_text(" " + request.text), _flush(self._count)]
        return self._messages.pop(0) if self._messages else None

    def was_spoken(self) -> None:
        self._room.release()


def _flush(number: int) -> tts_pb2.SynthesizeRequest:
    return tts_pb2.SynthesizeRequest(flush=tts_pb2.Flush(flush_id=number))


def _text(text: str) -> tts_pb2.SynthesizeRequest:
    return tts_pb2.SynthesizeRequest(text=tts_pb2.Text(text=text))
