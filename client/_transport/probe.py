"""Asks the server's clock, on a connection and in a thread of its own: a reply beside audio would measure the queue."""

from __future__ import annotations

import grpc

from gapless.tts.v1 import tts_pb2 as pb
from gapless.tts.v1.tts_pb2_grpc import TextToSpeechServiceStub

from .._clock import ClockOffset, now_ns
from ..errors import translate

_OWN_CONNECTION = ("grpc.use_local_subchannel_pool", 1)  # else gRPC shares one connection among equal channels


def probe_clock(address: str, count: int, timeout_s: float) -> ClockOffset:
    """The best of `count` exchanges: the one with the shortest round trip. Blocks. Raises ClientError."""
    with grpc.insecure_channel(address, options=[_OWN_CONNECTION]) as channel:
        stub = TextToSpeechServiceStub(channel)
        try:
            _exchange(stub, timeout_s)  # connects
            return min((_exchange(stub, timeout_s) for _ in range(count)), key=lambda clock: clock.error_ns)
        except grpc.RpcError as error:
            raise translate(error, address) from None


def _exchange(stub: TextToSpeechServiceStub, timeout_s: float) -> ClockOffset:
    sent_ns = now_ns()
    reply = stub.ProbeClock(pb.ProbeClockRequest(client_send_unix_nanos=sent_ns), timeout=timeout_s)
    received_ns = now_ns()
    return ClockOffset.from_probe(sent_ns, reply.server_receive_unix_nanos, reply.server_send_unix_nanos, received_ns)
