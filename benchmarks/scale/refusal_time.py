"""How soon does a full service refuse a call?

The caller is a process that does nothing else.

    python -m benchmarks.scale.refusal_time 127.0.0.1:50051 30

Opens a call every half second over one connection and prints, as JSON, the milliseconds from its first message to
RESOURCE_EXHAUSTED of those that were refused. One that is admitted gives its place back at once.
"""

from __future__ import annotations

import json
import sys
import threading
import time
from collections.abc import Iterator

import grpc

from gapless.tts.v1 import tts_pb2
from gapless.tts.v1.tts_pb2_grpc import TextToSpeechServiceStub

PROBE_INTERVAL_S = 0.5


def refusals_ms(address: str, seconds: float) -> list[float]:
    refusals, ends_s = [], time.monotonic() + seconds
    with grpc.insecure_channel(address) as channel:
        grpc.channel_ready_future(channel).result(timeout=30)
        stub = TextToSpeechServiceStub(channel)
        while time.monotonic() < ends_s:
            if (took_ms := _refusal_ms(stub)) is not None:
                refusals.append(took_ms)
            time.sleep(PROBE_INTERVAL_S)
    return refusals


def _refusal_ms(stub: TextToSpeechServiceStub) -> float | None:
    sent, over = [], threading.Event()

    def requests() -> Iterator[tts_pb2.SynthesizeRequest]:
        sent.append(time.monotonic())
        yield tts_pb2.SynthesizeRequest(config=tts_pb2.SynthesisConfig())
        over.wait()

    call = stub.Synthesize(requests())
    try:
        next(iter(call))
    except grpc.RpcError as error:
        if error.code() is grpc.StatusCode.RESOURCE_EXHAUSTED:
            return 1e3 * (time.monotonic() - sent[0])
        raise
    finally:
        over.set()
        call.cancel()
    return None  # there was room


if __name__ == "__main__":
    print(json.dumps(refusals_ms(sys.argv[1], float(sys.argv[2]))))
