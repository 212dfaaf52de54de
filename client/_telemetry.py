"""Spans of the client, through the OpenTelemetry API: without a configured SDK they go nowhere, at next to no cost.

One CLIENT span per utterance, named after the RPC conventions; below it, for each chunk, `client.receive` (from its
receipt by the reader thread to its place in the buffer) and `client.buffer` (until the user took it).
"""

from __future__ import annotations

from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.trace import Span, SpanKind, Status, StatusCode, Tracer, TracerProvider
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from ._wire import METHOD
from .errors import ClientError
from .record import Receipt, Record

_propagator = TraceContextTextMapPropagator()
_AT_A_TIME = 32  # spans that are built together: one by one, each would take several times as long


def tracer(provider: TracerProvider | None) -> Tracer:
    """`provider` None: the global one, as it is or will be configured by the program."""
    return trace.get_tracer("gapless.client", tracer_provider=provider)


class UtteranceTrace:
    """The spans of one utterance."""

    def __init__(self, tracer: Tracer, address: str, opened_ns: int) -> None:
        self._tracer = tracer
        host, _, port = address.rpartition(":")
        attributes = {"rpc.system.name": "grpc", "rpc.method": METHOD, "server.address": host, "server.port": port}
        self._span: Span = self._tracer.start_span(
            METHOD, kind=SpanKind.CLIENT, start_time=opened_ns, attributes=attributes
        )
        self._context: Context = trace.set_span_in_context(self._span)
        self._waiting: list[tuple[str, int, int, int]] = []  # name, chunk, start and end of spans not yet built

    @property
    def metadata(self) -> list[tuple[str, str]]:
        """W3C trace context for the call; empty when nothing is traced."""
        carrier: dict[str, str] = {}
        _propagator.inject(carrier, self._context)
        return list(carrier.items())

    def chunk(self, receipt: Receipt, buffered_ns: int) -> None:
        """`buffered_ns`: when the reader had put the chunk into the buffer."""
        if self._span.is_recording():
            self._waiting += [
                ("client.receive", receipt.seq, receipt.received_ns, buffered_ns),
                ("client.buffer", receipt.seq, buffered_ns, receipt.taken_ns),
            ]
            if len(self._waiting) >= _AT_A_TIME:
                self._build()

    def child(self, name: str, start_ns: int, end_ns: int) -> None:
        """A span of something that happened to this utterance, such as the opening of the audio device."""
        self._tracer.start_span(name, context=self._context, start_time=start_ns).end(end_ns)

    def end(self, record: Record, ended_ns: int, error: BaseException | None) -> None:
        self._build()
        if record.started:
            self._span.set_attribute("tts.utterance.id", record.started.utterance_id)
            self._span.set_attribute("tts.audio.duration_ms", round(record.audio_s * 1000))
        code = error.code.name if isinstance(error, ClientError) and error.code else "OK" if record.finished else ""
        if code:
            self._span.set_attribute("rpc.status_code", code)
        if isinstance(error, ClientError):
            self._span.set_attribute("error.type", code or type(error).__name__)
            self._span.set_status(Status(StatusCode.ERROR, str(error)))
        self._span.end(ended_ns)

    def _build(self) -> None:
        for name, seq, start_ns, end_ns in self._waiting:
            attributes = {"tts.chunk.seq": seq}
            span = self._tracer.start_span(name, context=self._context, start_time=start_ns, attributes=attributes)
            span.end(end_ns)
        self._waiting.clear()
