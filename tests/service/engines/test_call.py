"""One call of a gateway: what is left when the stream ends under it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import grpc

from engine.errors import UtteranceFailed
from engine.messages import Event, Failed, Playback, Utterance
from gapless.engine.v1 import engine_pb2 as pb
from gapless.engine.v1 import engine_pb2_grpc
from service.engine_server import SERVICE
from service.engines.call import Call
from service.engines.dial import Dial

COUNT = 2000


def leaves(requests: Iterator[pb.SpeakRequest], context: object) -> Iterator[pb.SpeakResponse]:
    """Says much at once and ends, without a last event. On threads of its own: the gateway's loop may stand still."""
    next(requests)
    yield pb.SpeakResponse(accepted=pb.Accepted())
    next(requests)
    for number in range(COUNT):
        yield pb.SpeakResponse(flush_done=pb.FlushDone(flush_id=number))


SPEAK: grpc.RpcMethodHandler[pb.SpeakRequest, pb.SpeakResponse] = grpc.stream_stream_rpc_method_handler(
    leaves, pb.SpeakRequest.FromString, lambda response: response.SerializeToString()
)


def grpcs_own_tasks() -> list[str]:
    names = (getattr(task.get_coro(), "__qualname__", "") for task in asyncio.all_tasks())
    return [name for name in names if name.startswith("_Aio") or "Call." in name]


async def test_a_stream_that_ends_while_we_write_is_read_to_its_end_and_leaves_no_task() -> None:
    """A write that met the end took the place of what had not been read, and eight tasks of gRPC's own were left of 88
    faults: they waited for the end of calls that could not be cancelled any more."""
    server = grpc.server(ThreadPoolExecutor(2))
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(SERVICE, {"Speak": SPEAK}),))
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    channel = Dial().channel(f"127.0.0.1:{port}")
    heard, lost = list[Event](), asyncio.Event()
    try:
        stub = engine_pb2_grpc.EngineServiceStub(channel)
        call = Call(
            stub.Speak(), Utterance(id="one"), 0, lambda _, event, way: heard.append(event), lambda *_: lost.set()
        )
        await call.accepted()
        call.release(1)
        await asyncio.sleep(0.01)
        time.sleep(0.2)  # all has come, the end too
        async with asyncio.timeout(5):
            while not lost.is_set():
                call.release(1)
                await asyncio.sleep(0)
            while grpcs_own_tasks():
                await asyncio.sleep(0.01)
        assert len(heard) == COUNT
    finally:
        await channel.close()
        server.stop(None)


async def test_a_call_that_fails_on_this_side_is_told_and_ends() -> None:
    """A playback report whose number did not fit into the message ended the task that writes, in silence: text that
    came later was never said, and the place was taken until the utterance had run for an hour."""
    server = grpc.server(ThreadPoolExecutor(2))
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(SERVICE, {"Speak": SPEAK}),))
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    channel = Dial().channel(f"127.0.0.1:{port}")
    heard = list[Event]()
    try:
        stub = engine_pb2_grpc.EngineServiceStub(channel)
        call = Call(stub.Speak(), Utterance(id="one"), 0, lambda _, event, way: heard.append(event), lambda *_: None)
        await call.accepted()
        call.playback(Playback(played_samples=0, buffered_samples=2**64))
        async with asyncio.timeout(5):
            await call.ended.wait()
        await asyncio.sleep(0)
        (last,) = heard
        assert isinstance(last, Failed)
        assert isinstance(last.error, UtteranceFailed)
    finally:
        await channel.close()
        server.stop(None).wait()
