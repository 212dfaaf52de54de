"""How do the calls of somebody end who tries wrong tokens as fast as the server answers?

    python -m benchmarks.access.flood 127.0.0.1:50051 ca.pem 10

It runs at the lowest priority: a flood from another machine takes no time of the server's processors but through what
it sends. Prints one JSON object: how often which outcome was seen.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import sys
import time
from collections import Counter
from pathlib import Path

import grpc

from gapless.tts.v1 import tts_pb2 as pb
from gapless.tts.v1.tts_pb2_grpc import TextToSpeechServiceStub

CONNECTIONS = 4
AT_ONCE = 50  # calls of each connection
LOWEST_PRIORITY = 19


async def flood(address: str, credentials: grpc.ChannelCredentials, seconds: float) -> Counter[str]:
    outcomes: Counter[str] = Counter()
    ends = time.monotonic() + seconds
    async with contextlib.AsyncExitStack() as stack:
        options = [("grpc.use_local_subchannel_pool", 1)]
        channels = [
            await stack.enter_async_context(grpc.aio.secure_channel(address, credentials, options))
            for _ in range(CONNECTIONS)
        ]
        async with asyncio.TaskGroup() as group:
            for channel in channels:
                for number in range(AT_ONCE):
                    group.create_task(_try(TextToSpeechServiceStub(channel), number, ends, outcomes))
    return outcomes


async def _try(stub: TextToSpeechServiceStub, number: int, ends: float, outcomes: Counter[str]) -> None:
    while time.monotonic() < ends:
        token = [("authorization", f"Bearer gapless_{number:043d}")]
        try:
            await stub.GetServerInfo(pb.GetServerInfoRequest(), metadata=token, timeout=5)
        except grpc.aio.AioRpcError as error:
            outcomes[error.code().name] += 1


if __name__ == "__main__":
    os.setpriority(os.PRIO_PROCESS, 0, LOWEST_PRIORITY)
    given = grpc.ssl_channel_credentials(Path(sys.argv[2]).read_bytes())
    print(json.dumps(asyncio.run(flood(sys.argv[1], given, float(sys.argv[3])))))
