"""A recording on its way to the server: one CreateVoice call, on the reader's loop."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import grpc

from .._wire import NewVoiceRequest, NewVoiceResponse
from ..errors import ClientError
from .channels import Metadata
from .reader import OVER, hand_to_grpc

Rpc = grpc.aio.StreamUnaryMultiCallable[NewVoiceRequest, NewVoiceResponse]


async def read_recording(path: Path, limit: int) -> bytes:
    """The file, or the beginning of one larger than the server takes: enough for the server to say so."""

    def read() -> bytes:
        with path.open("rb") as file:
            return file.read(limit + 1)

    try:
        return await asyncio.to_thread(read)
    except OSError as error:
        raise ClientError(f"cannot read {path}: {error.strerror}") from error


async def upload(
    rpc: Rpc, requests: Iterator[NewVoiceRequest], metadata: Metadata, timeout_s: float
) -> NewVoiceResponse:
    """Sends all and waits for the answer. A server that refuses stops the sending. Raises AioRpcError."""
    call = rpc(metadata=metadata, timeout=timeout_s)
    try:
        for request in requests:
            await hand_to_grpc(call, request)
        await call.done_writing()
    except OVER:
        pass  # the call's status says why
    except BaseException:
        call.cancel()
        raise
    return await call
