"""What the handlers of streaming calls share: reading messages, with all that a call's end can look like."""

from __future__ import annotations

import asyncio
import contextlib
from typing import Any, TypeVar

import grpc
from google.protobuf.message import DecodeError, Message

from engine.errors import InvalidRequest
from service.rpc.large import Unread

Context = grpc.aio.ServicerContext[Any, Any]

QUIET_S = 0.01  # a client that wrote nothing for so long is not writing
_READ_REST_S = 0.03  # at most, in all: who asks elsewhere is not to wait,
_READ_REST_BYTES = 1 << 18  # nor are others, for the loop to read an upload that was refused,
_READ_REST_MESSAGES = 16  # or a flood

M = TypeVar("M", bound=Message)


async def read(context: Context, kind: type[M]) -> M | None:
    """The client's next message; None when it half-closed."""
    try:
        request = await context.read()
        if isinstance(request, Unread):
            request = await request.read(context.peer())
    except DecodeError:
        raise InvalidRequest("request", f"not a {kind.__name__} of gapless.tts.v1") from None
    if isinstance(request, kind):
        return request
    await asyncio.sleep(0)  # a cancelled call first looks like the end of input
    return None


async def read_rest(context: Context) -> None:
    """Reads on before an error is sent: a grpc.aio client whose write meets a closed call takes that for the error."""
    with contextlib.suppress(TimeoutError, DecodeError, InvalidRequest):
        loop = asyncio.get_running_loop()
        end_s, left = loop.time() + _READ_REST_S, _READ_REST_BYTES
        async with asyncio.timeout(QUIET_S) as limit:
            for _ in range(_READ_REST_MESSAGES):
                message = await context.read()
                if left <= 0 or not isinstance(message, Message | Unread):
                    return
                left -= len(message.data) if isinstance(message, Unread) else message.ByteSize()
                limit.reschedule(min(loop.time() + QUIET_S, end_s))
            limit.reschedule(end_s)
            await asyncio.sleep(_READ_REST_S)  # small messages can be written although nobody reads them
