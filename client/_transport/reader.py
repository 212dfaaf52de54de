"""Calls on the reader thread, whose event loop carries gRPC and nothing else, so that nothing else can delay a receipt.

All gRPC objects of a client live there. The user's loop hands coroutines over (`LoopThread.run`) and takes stamped
messages out of a bounded buffer: when he stops taking, the buffer fills, reading stops, and HTTP/2 flow control stops
the server.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import grpc
from google.protobuf.message import Message

from .._clock import now_ns
from .._wire import Request, Response
from ..errors import ClientError, ServerFailed, UtteranceClosed
from .channels import Target
from .handover import Handover

Metadata = Sequence[tuple[str, str]]

OVER = (grpc.aio.BaseError, grpc.aio.AioRpcError, asyncio.InvalidStateError)  # what a write raises after the end
_STATUS_WAIT_S = 2.0  # the status follows the failed write closely; a stream that broke locally may never get one


@dataclass(frozen=True)
class Arrival:
    """A message, and when the reader began to wait for it and had it."""

    awaited_ns: int
    received_ns: int
    response: Response


class Call:
    """One Synthesize call, on the reader's loop. All methods but `incoming` run there."""

    def __init__(
        self,
        rpc: grpc.aio.StreamStreamMultiCallable[Request, Response],
        target: Target,
        capacity: int,
    ) -> None:
        self.incoming: Handover[Arrival] = Handover(capacity)
        self._rpc = rpc
        self.target = target
        self._writing = asyncio.Lock()  # gRPC allows one write at a time
        self._cancelled = False
        self._receiving: asyncio.Task[None] | None = None  # None: not opened

    async def open(self, first: Request, metadata: Metadata) -> int:
        """Opens the stream and sends its first message. Returns when that was handed to gRPC."""
        self._call = self._rpc(None, metadata=[*self.target.metadata, *metadata])
        self._receiving = asyncio.create_task(self._receive(), name="gapless-receive")
        try:
            return await self.write(first)
        except BaseException:
            await self.cancel()
            raise

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

    async def cancel(self) -> None:
        """Stops the utterance at once (barge-in). Idempotent; harmless after the end."""
        self._cancelled = True
        self.incoming.close(drop=True)
        if self._receiving:
            self._call.cancel()
            self._receiving.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._receiving

    async def _receive(self) -> None:
        awaited_ns = now_ns()
        try:
            async for response in self._call:
                await self.incoming.put(Arrival(awaited_ns, now_ns(), response))
                awaited_ns = now_ns()
        except grpc.aio.AioRpcError as error:
            self.incoming.close(self.target.translate(error))
        except asyncio.CancelledError:
            self.incoming.close(None if self._cancelled else _cancelled_by_server())
            raise
        except Exception as error:  # the border of this thread: whatever broke reaches the one who waits
            self.incoming.close(error)
        else:
            self.incoming.close()

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
            return _cancelled_by_server()
        metadata = await self._call.initial_metadata(), await self._call.trailing_metadata()
        details = await self._call.details()
        return self.target.translate(grpc.aio.AioRpcError(code, *metadata, details, None))


def _cancelled_by_server() -> ServerFailed:
    return ServerFailed("the server cancelled the utterance", code=grpc.StatusCode.CANCELLED)


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
