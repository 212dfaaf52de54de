"""The one border: whatever leaves any RPC of this server leaves it as a gRPC status of `service.rpc.errors`.

The interceptor wraps every method, those of health and reflection included. Handlers raise and never abort, and
so does the guard behind it (`service.access.guard`).
"""

from __future__ import annotations

import asyncio
import inspect
import logging
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager, nullcontext
from contextvars import ContextVar
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import grpc
from google.protobuf.message import DecodeError

from engine.errors import InvalidRequest
from service.access.errors import Unauthenticated
from service.rpc import errors
from service.rpc.large import LargeMessages, Unread
from service.rpc.limits import CallLimits
from service.rpc.receive import Context, read_rest
from service.rpc.unreadable import lenient

_log = logging.getLogger(__name__)
_HEALTH = "/grpc.health.v1.Health"  # a probe is to hear even of a full server
_SPEECH = "/gapless.tts.v1.TextToSpeechService"
_OURS = (_SPEECH, "/nvidia.riva.tts.RivaSpeechSynthesis")  # whose handlers read by `service.rpc.receive`
_UTTERANCES = frozenset({"Synthesize", "SynthesizeText", "SynthesizeOnline"})
_FORMS = {
    # (the client streams, the server streams): the attribute of a method handler, and how to make one
    (False, False): ("unary_unary", grpc.unary_unary_rpc_method_handler),
    (False, True): ("unary_stream", grpc.unary_stream_rpc_method_handler),
    (True, False): ("stream_unary", grpc.stream_unary_rpc_method_handler),
    (True, True): ("stream_stream", grpc.stream_stream_rpc_method_handler),
}

_Border = Callable[[Context], AbstractAsyncContextManager[None]]
_Held = Callable[[str], AbstractAsyncContextManager[object]]
"""What a call of a connection is held in while it is under way."""


@dataclass(frozen=True)
class CallIdentity:
    """What log, status and spans name a call by."""

    method: str  # without its service
    id: str = field(default_factory=lambda: uuid.uuid4().hex)

    @property
    def kind(self) -> str:
        return "utterance" if self.method in _UTTERANCES else "call"


_current: ContextVar[CallIdentity] = ContextVar("call")


def current_call() -> CallIdentity:
    """The call that the running task serves."""
    return _current.get()


class Border(grpc.aio.ServerInterceptor):
    """Counts the calls, holds back those that come too fast, and translates their errors.

    Until `loaded` only health is answered."""

    def __init__(self, limits: CallLimits, *, loaded: bool) -> None:
        self._limits = limits
        self._large = LargeMessages()
        self.loaded = loaded

    async def intercept_service(
        self,
        continuation: Callable[[grpc.HandlerCallDetails], Awaitable[grpc.RpcMethodHandler[Any, Any] | None]],
        handler_call_details: grpc.HandlerCallDetails,
    ) -> grpc.RpcMethodHandler[Any, Any] | None:
        service, _, method = handler_call_details.method.rpartition("/")
        if not self.loaded and service != _HEALTH:
            return self._still_loading(method)
        handler = await continuation(handler_call_details) or _NO_SUCH_METHOD
        attribute, make = _FORMS[handler.request_streaming, handler.response_streaming]
        held = self._limits.utterance if method in _UTTERANCES else self._limits.call
        held = self._limits.probe if service == _HEALTH else held
        border = partial(_border, method=method, streaming=handler.request_streaming, held=held, limits=self._limits)
        behaviour = _translated(getattr(handler, attribute), border)
        deserialize = handler.request_deserializer
        if deserialize is not None and service == _SPEECH:
            deserialize = lenient(method, deserialize, self._limits.max_text_chars)
        if deserialize is not None and not handler.request_streaming:
            deserialize = partial(_read, deserialize)
        if deserialize is not None and service in _OURS:
            deserialize = self._large.later(deserialize)
        made: grpc.RpcMethodHandler[Any, Any] = make(behaviour, deserialize, handler.response_serializer)
        return made

    def _still_loading(self, method: str) -> grpc.RpcMethodHandler[Any, Any]:
        """A stream in both directions serves every kind of call."""

        async def refuse(_: Any, __: Context) -> None:
            raise errors.StillLoading

        border = partial(_border, method=method, streaming=True, held=nullcontext, limits=self._limits)
        return grpc.stream_stream_rpc_method_handler(_translated(refuse, border))


def _translated(behaviour: Callable[..., Any], border: _Border) -> Callable[..., Any]:
    """The method with the border around it; grpc.aio tells coroutines from asynchronous generators."""
    if inspect.isasyncgenfunction(behaviour):

        async def generate(request: Any, context: Context) -> AsyncIterator[Any]:
            async with border(context):
                async for response in behaviour(await _given(request, context), context):
                    yield response

        return generate

    async def call(request: Any, context: Context) -> Any:
        async with border(context):
            return await behaviour(await _given(request, context), context)

    return call


async def _no_such_method(_: Any, context: Context) -> None:
    await context.abort(grpc.StatusCode.UNIMPLEMENTED, "Method not found!")


_NO_SUCH_METHOD: grpc.RpcMethodHandler[Any, Any] = grpc.stream_stream_rpc_method_handler(_no_such_method)
"""Says what gRPC does, which holds nobody back."""


def _read(deserialize: Callable[[bytes], Any], data: bytes) -> Any:
    """The message, or what is wrong with it: grpc reads the one message of a unary call outside of any handler."""
    try:
        return deserialize(data)
    except DecodeError:
        return errors.Unreadable()
    except InvalidRequest as error:
        return error


async def _given(request: Any, context: Context) -> Any:
    """The request of a unary call, or the messages of a stream. Raises what is wrong with it."""
    if isinstance(request, Unread):
        request = await request.read(context.peer())
    if isinstance(request, InvalidRequest):
        raise request
    return request


def _level(error: Exception) -> int:
    """Whoever has no token is not to fill the log."""
    return logging.DEBUG if isinstance(error, Unauthenticated) else logging.INFO


@asynccontextmanager
async def _border(
    context: Context, method: str, streaming: bool, held: _Held, limits: CallLimits
) -> AsyncIterator[None]:
    call = CallIdentity(method)
    _current.set(call)
    try:
        async with held(context.peer()):
            yield
    except (grpc.aio.AbortError, asyncio.CancelledError, GeneratorExit):
        raise
    except Exception as group:
        error = errors.root_cause(group)
        if errors.is_fault(error):
            _log.error("%s %s: internal error", call.kind, call.id, exc_info=error)
        else:
            _log.log(_level(error), "%s %s: %s", call.kind, call.id, error)
        status = errors.to_grpc_status(error, call.kind, call.id)
        if isinstance(error, Unauthenticated):
            await limits.refusals.wait(context.peer())
        elif status.code is grpc.StatusCode.INVALID_ARGUMENT:
            await asyncio.sleep(limits.mistakes.take(context.peer()))
        if streaming:
            await read_rest(context)
        try:
            await context.abort(status.code, status.details, status.trailing_metadata)
        except grpc.aio.InternalError as nobody:  # the caller left
            raise asyncio.CancelledError from nobody
