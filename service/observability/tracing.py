"""Spans of the service. One server span per utterance, one `grpc.write` span per chunk, W3C context in and out.

The SDK is configured only when the standard OTEL_* variables ask for it; otherwise all of this costs next to nothing,
and a client's context still passes through to the engine. Attribute names: OpenTelemetry's RPC and GenAI conventions.
The interceptors of opentelemetry-instrumentation-grpc are not used: they break handlers that read and write.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import partial

from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.sdk.resources import SERVICE_NAME, SERVICE_VERSION, Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, ConsoleSpanExporter, SpanExporter
from opentelemetry.trace import Span, SpanKind, Status, StatusCode, Tracer
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from engine.clock import now_ns
from engine.tracing import InBulk
from gapless.tts.v1 import tts_pb2

_PROPAGATOR = TraceContextTextMapPropagator()
_SWITCHES = ("OTEL_TRACES_EXPORTER", "OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT")
_FLUSH_LIMIT_S = 3.0
_SERVER_FAULTS = {"UNKNOWN", "DEADLINE_EXCEEDED", "UNIMPLEMENTED", "INTERNAL", "UNAVAILABLE", "DATA_LOSS"}


class TracingError(Exception):
    """The OTEL_* variables ask for something that is not there."""


def configure(environ: Mapping[str, str], version: str) -> TracerProvider | None:
    """A provider if the environment asks for one. Sampler, batch sizes and headers are the SDK's own variables."""
    wanted = any(environ.get(name) for name in _SWITCHES)
    exporter = environ.get("OTEL_TRACES_EXPORTER") or "otlp"
    if not wanted or exporter == "none" or environ.get("OTEL_SDK_DISABLED", "").lower() == "true":
        return None
    resource = Resource.create({SERVICE_VERSION: version})
    if not environ.get("OTEL_SERVICE_NAME") and "service.name=" not in environ.get("OTEL_RESOURCE_ATTRIBUTES", ""):
        resource = resource.merge(Resource({SERVICE_NAME: "gapless"}))
    provider = TracerProvider(resource=resource, shutdown_on_exit=False)
    provider.add_span_processor(BatchSpanProcessor(_exporter(exporter, environ)))
    return provider


def _exporter(name: str, environ: Mapping[str, str]) -> SpanExporter:
    if name == "console":
        return ConsoleSpanExporter()
    protocol = environ.get("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL") or environ.get("OTEL_EXPORTER_OTLP_PROTOCOL") or "grpc"
    if name != "otlp" or protocol != "grpc":
        raise TracingError(f"traces exporter {name!r} with protocol {protocol!r}; available: otlp with grpc, console")
    from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter  # slow to import

    return OTLPSpanExporter()


def shut_down(provider: TracerProvider) -> None:
    """Sends what is left. Blocks, within a bound that the SDK does not keep itself: its retries go on for a minute."""
    sending = threading.Thread(target=provider.shutdown, name="otel-shutdown", daemon=True)
    sending.start()
    sending.join(_FLUSH_LIMIT_S)


def parent_context(metadata: Mapping[str, str | bytes], wire: Mapping[str, str]) -> Context:
    """The client's trace: its metadata, or else the config's `trace_context`. A malformed one is as none."""
    carrier = {key: value for key, value in metadata.items() if isinstance(value, str)}
    return _PROPAGATOR.extract(carrier if "traceparent" in carrier else wire, Context())


@contextmanager
def server_span(tracer: Tracer, method: str, parent: Context, start_ns: int) -> Iterator[Span]:
    """The span of one call; `method` is fully qualified."""
    attributes = {"rpc.system.name": "grpc", "rpc.method": method}
    span = tracer.start_span(method, parent, SpanKind.SERVER, attributes, start_time=start_ns)
    try:
        yield span
    finally:
        span.end(now_ns())


def utterance_attributes(model: str, voice: str) -> dict[str, str]:
    return {
        "gen_ai.operation.name": "tts",
        "gen_ai.provider.name": "gapless",
        "gen_ai.request.model": model,
        "gen_ai.output.type": "speech",
        "tts.voice": voice,
    }


def set_grpc_status(span: Span, code: str, message: str = "") -> None:
    """A client's mistake is no failure of the server's span."""
    span.set_attribute("rpc.status_code", code)
    if code in _SERVER_FAULTS:
        span.set_attribute("error.type", code)
        span.set_status(Status(StatusCode.ERROR, message))


class ChunkSpans:
    """What the service tells of an utterance's chunks, some chunks after they were written: the audio channel, then the
    write."""

    def __init__(self, tracer: Tracer, parent: Span) -> None:
        self._tracer = tracer
        self._context = trace.set_span_in_context(parent, Context())
        self._recording = parent.is_recording()
        self._spans = InBulk()

    def written(self, timings: tts_pb2.ChunkTimings, written_ns: int, attributes: Mapping[str, int]) -> None:
        if self._recording:
            made_ns, taken_ns = timings.vocoder_end_unix_nanos, timings.taken_unix_nanos
            if made_ns:  # not for what the resampler gives at the very end
                self._spans.add(partial(self._span, "queue.audio", made_ns, taken_ns, attributes))
            self._spans.add(partial(self._span, "grpc.write", timings.write_start_unix_nanos, written_ns, attributes))
            self._spans.catch_up()

    def end(self) -> None:
        """The call is over."""
        self._spans.end()

    def _span(self, name: str, start_ns: int, end_ns: int, attributes: Mapping[str, int]) -> None:
        span = self._tracer.start_span(name, self._context, attributes=attributes, start_time=start_ns)
        span.end(max(start_ns, end_ns))


def is_valid_traceparent(traceparent: str) -> bool:
    context = _PROPAGATOR.extract({"traceparent": traceparent}, Context())
    return trace.get_current_span(context).get_span_context().is_valid


def traceparent_of(span: Span) -> str:
    """ "" if there is neither a recording span nor a client's context."""
    carrier: dict[str, str] = {}
    _PROPAGATOR.inject(carrier, trace.set_span_in_context(span, Context()))
    return carrier.get("traceparent", "")
