"""Spans: one trace for client and server, through a real OTLP receiver in this process."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from concurrent import futures

import grpc
import pytest
from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter
from opentelemetry.proto.collector.trace.v1 import trace_service_pb2, trace_service_pb2_grpc
from opentelemetry.proto.trace.v1 import trace_pb2
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.trace import SpanKind

from gapless.tts.v1 import tts_pb2 as pb
from service.observability import tracing
from tests.service.conftest import Serve
from tests.service.talk import end, say, seeded, text

TRACE_ID, PARENT_ID = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
TRACEPARENT = f"00-{TRACE_ID}-{PARENT_ID}-01"
METHOD = "gapless.tts.v1.TextToSpeechService/Synthesize"


class OtlpReceiver(trace_service_pb2_grpc.TraceServiceServicer):
    """Keeps what it gets."""

    def __init__(self) -> None:
        self.spans: list[trace_pb2.Span] = []
        self.services: set[str] = set()

    def Export(  # noqa: N802
        self, request: trace_service_pb2.ExportTraceServiceRequest, context: grpc.ServicerContext
    ) -> trace_service_pb2.ExportTraceServiceResponse:
        for resource_spans in request.resource_spans:
            attributes = {item.key: item.value.string_value for item in resource_spans.resource.attributes}
            self.services.add(attributes["service.name"])
            for scope_spans in resource_spans.scope_spans:
                self.spans.extend(scope_spans.spans)
        return trace_service_pb2.ExportTraceServiceResponse()

    def named(self, name: str) -> list[trace_pb2.Span]:
        return [span for span in self.spans if span.name == name]


@pytest.fixture
def receiver(monkeypatch: pytest.MonkeyPatch) -> Iterator[OtlpReceiver]:
    """The exporter reads OTEL_* itself, from the process."""
    receiver = OtlpReceiver()
    server = grpc.server(futures.ThreadPoolExecutor(max_workers=2))
    trace_service_pb2_grpc.add_TraceServiceServicer_to_server(receiver, server)  # type: ignore[no-untyped-call]
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", f"http://127.0.0.1:{port}")
    monkeypatch.delenv("OTEL_SERVICE_NAME", raising=False)
    yield receiver
    server.stop(0).wait()


@pytest.fixture
def provider(receiver: OtlpReceiver) -> Iterator[TracerProvider]:
    provider = tracing.configure({"OTEL_EXPORTER_OTLP_ENDPOINT": "set for the exporter by `receiver`"}, "1.2.3")
    assert provider is not None
    yield provider
    provider.shutdown()


def attributes(span: trace_pb2.Span) -> dict[str, str]:
    return {item.key: item.value.string_value for item in span.attributes}


async def test_client_server_and_writes_are_one_trace(
    serve: Serve, receiver: OtlpReceiver, provider: TracerProvider
) -> None:
    tracer = provider.get_tracer("test")
    async with serve(tracer=tracer) as served:
        with tracer.start_as_current_span("client", kind=SpanKind.CLIENT) as client:
            metadata = [("traceparent", tracing.traceparent_of(client))]
            events = served.stub.Synthesize([seeded(), text("Hello world."), end()], metadata=metadata)
            chunks = [event.audio async for event in events if event.HasField("audio")]
        (submitted,) = served.engine.submitted
    await asyncio.to_thread(provider.force_flush)

    (client_span,), (server_span,) = receiver.named("client"), receiver.named(METHOD)
    assert server_span.parent_span_id == client_span.span_id
    assert server_span.kind == trace_pb2.Span.SPAN_KIND_SERVER
    assert {span.trace_id for span in receiver.spans} == {client_span.trace_id}
    assert submitted.traceparent.split("-")[1:3] == [server_span.trace_id.hex(), server_span.span_id.hex()]
    known = attributes(server_span)
    assert known["rpc.system.name"] == "grpc"
    assert known["rpc.method"] == METHOD
    assert known["rpc.status_code"] == "OK"
    assert known["gen_ai.request.model"] == "scripted"

    writes = sorted(receiver.named("grpc.write"), key=lambda span: span.start_time_unix_nano)
    assert [span.start_time_unix_nano for span in writes] == [chunk.timings.write_start_unix_nanos for chunk in chunks]
    assert {span.parent_span_id for span in writes} == {server_span.span_id}
    assert all(span.end_time_unix_nano >= span.start_time_unix_nano for span in writes)
    waits = sorted(receiver.named("queue.audio"), key=lambda span: span.start_time_unix_nano)
    assert [(span.start_time_unix_nano, span.end_time_unix_nano) for span in waits] == [
        (chunk.timings.vocoder_end_unix_nanos, chunk.timings.taken_unix_nanos) for chunk in chunks
    ]
    assert receiver.services == {"gapless"}


async def test_the_parent_may_come_in_the_config(
    serve: Serve, receiver: OtlpReceiver, provider: TracerProvider
) -> None:
    async with serve(tracer=provider.get_tracer("test")) as served:
        context = pb.TraceContext(traceparent=TRACEPARENT)
        heard = await say(served.stub, [seeded(trace_context=context), text("Hello."), end()])
    await asyncio.to_thread(provider.force_flush)
    (span,) = receiver.named(METHOD)
    assert (span.trace_id.hex(), span.parent_span_id.hex()) == (TRACE_ID, PARENT_ID)
    assert heard.started.traceparent == f"00-{TRACE_ID}-{span.span_id.hex()}-01"


async def test_failures_of_the_server_are_errors_and_mistakes_of_the_client_are_not(
    serve: Serve, receiver: OtlpReceiver, provider: TracerProvider
) -> None:
    async with serve(tracer=provider.get_tracer("test")) as served:
        for requests in ([seeded("broken"), text("Hello world."), end()], [seeded("nobody")], [text("no config")]):
            with pytest.raises(grpc.aio.AioRpcError):
                await say(served.stub, requests)
    await asyncio.to_thread(provider.force_flush)
    status = {attributes(span)["rpc.status_code"]: span.status.code for span in receiver.named(METHOD)}
    assert status == {
        "INTERNAL": trace_pb2.Status.STATUS_CODE_ERROR,
        "INVALID_ARGUMENT": trace_pb2.Status.STATUS_CODE_UNSET,
    }


async def test_without_an_sdk_the_clients_trace_passes_through_to_the_engine(serve: Serve) -> None:
    async with serve() as served:
        events = served.stub.Synthesize([seeded(), text("Hello."), end()], metadata=[("traceparent", TRACEPARENT)])
        events_heard = [event async for event in events]
    started = events_heard[0].started
    assert started.traceparent == TRACEPARENT
    assert served.engine.submitted[0].traceparent == TRACEPARENT


@pytest.mark.parametrize(
    "environ",
    [
        {},
        {"OTEL_TRACES_EXPORTER": "none", "OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:1"},
        {"OTEL_SDK_DISABLED": "true", "OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:1"},
    ],
)
def test_tracing_is_off_unless_asked_for(environ: dict[str, str]) -> None:
    assert tracing.configure(environ, "1") is None


def test_an_exporter_that_is_not_there_is_named() -> None:
    with pytest.raises(tracing.TracingError, match=r"zipkin.*available: otlp with grpc, console"):
        tracing.configure({"OTEL_TRACES_EXPORTER": "zipkin"}, "1")


def test_shutting_down_with_no_receiver_is_bounded() -> None:
    provider = TracerProvider()
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter("http://127.0.0.1:1", insecure=True)))
    provider.get_tracer("test").start_span("lost").end()
    stopping = threading.Thread(target=tracing.shut_down, args=[provider])
    stopping.start()
    stopping.join(5)
    assert not stopping.is_alive()
