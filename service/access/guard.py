"""The guard at the door: every call shows a token before anything else of it is looked at.

The token travels as the metadata `authorization: Bearer TOKEN`. Health alone needs none, so that probes work. A call
that is refused costs one hash and one status: it reaches no handler, nothing of it is decoded, no span is begun.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import grpc

from gapless.doors.listening.reloading import Reloading
from service.access import caller
from service.access.caller import Caller
from service.access.errors import Unauthenticated
from service.access.tokens import Tokens

HEADER = "authorization"
OPEN = frozenset({"/grpc.health.v1.Health/Check", "/grpc.health.v1.Health/Watch"})
ANSWERS_STRANGERS = frozenset({"/nvidia.riva.tts.RivaSpeechSynthesis/GetRivaSynthesisConfig"})
"""NVIDIA's plug-ins ask for it before they speak, without their key, and give up if they are refused."""

_Handler = Any  # a grpc.RpcMethodHandler, or None where there is no such method


class Guard(grpc.aio.ServerInterceptor):
    """Behind the border, which turns Unauthenticated into the status of the call."""

    def __init__(self, tokens: Reloading[Tokens]) -> None:
        self._tokens = tokens

    async def intercept_service(
        self,
        continuation: Callable[[grpc.HandlerCallDetails], Awaitable[_Handler]],
        handler_call_details: grpc.HandlerCallDetails,
    ) -> _Handler:
        method = handler_call_details.method
        if method not in OPEN:
            try:
                caller.set_current(self._identify(handler_call_details))
            except Unauthenticated as error:
                if method not in ANSWERS_STRANGERS:
                    return _refusal(error)
                caller.set_current(caller.STRANGER)
        return await continuation(handler_call_details)

    def _identify(self, details: grpc.HandlerCallDetails) -> Caller:
        """Raises Unauthenticated."""
        given = [value for key, value in details.invocation_metadata or () if key == HEADER]
        if not given:
            raise Unauthenticated("TOKEN_MISSING", "no token; send the metadata 'authorization: Bearer TOKEN'")
        if len(given) > 1:
            raise Unauthenticated("TOKEN_MALFORMED", "'authorization' was sent more than once; send it once")
        text = given[0].decode("latin-1") if isinstance(given[0], bytes) else given[0]
        scheme, _, token = text.strip().partition(" ")
        if scheme.lower() != "bearer" or not token.strip():
            raise Unauthenticated("TOKEN_MALFORMED", "'authorization' must be 'Bearer TOKEN'")
        found = self._tokens.value.caller(token.strip())
        if found is None:
            raise Unauthenticated("TOKEN_UNKNOWN", "this server does not know the token; ask whoever runs it for one")
        return found


def _refusal(error: Unauthenticated) -> _Handler:
    async def refuse(_: Any, context: grpc.aio.ServicerContext[Any, Any]) -> None:
        raise error

    # A stream in both directions serves every kind of call, and decodes nothing.
    return grpc.stream_stream_rpc_method_handler(refuse)
