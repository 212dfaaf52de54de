"""Calls on the reader thread, whose event loop carries gRPC and nothing else, so that nothing else can delay a receipt.

All gRPC objects of a client live there. The user's loop hands coroutines over (`LoopThread.run`) and takes stamped
messages out of a bounded buffer (`resuming`): when he stops taking, the buffer fills, reading stops, and HTTP/2 flow
control stops the server.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from typing import Any

import grpc
from google.protobuf.message import Message

from .._clock import now_ns
from .._wire import Request, Response
from ..errors import ClientClosed, ClientError, ServerFailed, UtteranceClosed
from .channels import Target

Metadata = Sequence[tuple[str, str]]
Rpc = grpc.aio.StreamStreamMultiCallable[Request, Response]

OVER = (grpc.aio.BaseError, grpc.aio.AioRpcError, asyncio.InvalidStateError)  # what a write raises after the end
_STATUS_WAIT_S = 2.0  # the status follows the failed write closely; a stream that broke locally may never get one


class Call:
    """One Synthesize call, on the reader's loop. It begins when it is made."""

    def __init__(self, rpc: Rpc, target: Target, metadata: Metadata) -> None:
        self.target = target
        self._writing = asyncio.Lock()  # gRPC allows one write at a time
        self._cancelled = False
        self._call = rpc(None, metadata=[*target.metadata, *metadata])

    async def write(self, request: Request) -> int:
        """Returns the instant immediately before `request` was handed to gRPC. Waits while the transport is full."""
        async with self._writing:
            sent_ns = now_ns()
            try:
                await hand_to_grpc(self._call, request)
            except OVER:
                raise await self._why_over() from None
            except asyncio.CancelledError:
                if not self._call.done():
                    raise  # we are being cancelled, not the call
                raise await self._why_over() from None
            return sent_ns

    def cancel(self) -> None:
        """Stops it at once. Idempotent; harmless after the end."""
        self._cancelled = True
        self._call.cancel()

    async def responses(self) -> AsyncIterator[Response]:
        """What the server says, up to the end of a call that ends well. Raises ClientError."""
        try:
            async for response in self._call:
                yield response
        except grpc.aio.AioRpcError as error:
            raise self.target.translate(error) from None
        except asyncio.CancelledError:
            task = asyncio.current_task()
            if self._cancelled or (task and task.cancelling()):
                raise  # we are being cancelled, not the call
            raise cancelled_by_server() from None

    async def _why_over(self) -> ClientError:
        """The call is over: `write` cannot tell why, its status can."""
        if self._cancelled:
            return UtteranceClosed("the utterance was cancelled")
        try:
            async with asyncio.timeout(_STATUS_WAIT_S):
                code = await self._call.code()
        except TimeoutError:
            return ServerFailed("the stream broke, and no status came")
        if code is grpc.StatusCode.OK:
            return UtteranceClosed("the utterance has ended; open another one")
        if code is grpc.StatusCode.CANCELLED:
            return cancelled_by_server()
        metadata = await self._call.initial_metadata(), await self._call.trailing_metadata()
        details = await self._call.details()
        return self.target.translate(grpc.aio.AioRpcError(code, *metadata, details, None))


def cancelled_by_server() -> ServerFailed:
    return ServerFailed("the server cancelled the utterance", code=grpc.StatusCode.CANCELLED)


def closed_meanwhile() -> ClientClosed:
    return ClientClosed("the client was closed while it spoke")


async def hand_to_grpc(call: Any, request: Message) -> None:
    """Writes to a grpc.aio call, waiting for the connection first. Raises one of OVER when the call has ended."""
    # `call.write` overwrites the status that the server gave with INTERNAL when the stream ends under it: in every
    # fourth quick refusal, and under the first message too (https://github.com/grpc/grpc/issues/36066). What it calls
    # does not.
    inner = getattr(call, "_cython_call", None)
    if inner is None:
        await call.write(request)
        return
    await call.wait_for_connection()
    if call.done():
        raise asyncio.InvalidStateError("the call has ended")
    await inner.send_serialized_message(request.SerializeToString())
