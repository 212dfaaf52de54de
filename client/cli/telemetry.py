"""Switches the OpenTelemetry SDK on for the command line, when the standard OTEL_* variables ask for it.

The library itself only uses the API; a program that embeds it configures its own SDK.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping

_ENDPOINTS = ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT")


def wanted(environment: Mapping[str, str]) -> str:
    """Name of the trace exporter that the environment asks for; "" = none."""
    if environment.get("OTEL_SDK_DISABLED", "").lower() == "true":
        return ""
    exporter = environment.get("OTEL_TRACES_EXPORTER", "")
    if not exporter and any(environment.get(name) for name in _ENDPOINTS):
        exporter = "otlp"
    return "" if exporter == "none" else exporter


def configure(environment: Mapping[str, str]) -> Callable[[], None]:
    """Returns what has to be called at the end, so that no span is lost."""
    exporter = wanted(environment)
    if not exporter:
        return _nothing
    try:
        from opentelemetry import trace
        from opentelemetry.sdk.resources import SERVICE_NAME, Resource
        from opentelemetry.sdk.trace import TracerProvider
        from opentelemetry.sdk.trace.export import BatchSpanProcessor, ConsoleSpanExporter, SpanExporter

        made: SpanExporter
        if exporter == "otlp":
            from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter

            made = OTLPSpanExporter()
        elif exporter == "console":
            made = ConsoleSpanExporter(out=sys.stderr)
        else:
            sys.stderr.write(f"warning: no traces: OTEL_TRACES_EXPORTER={exporter}; possible: otlp, console, none\n")
            return _nothing
    except ImportError as error:
        sys.stderr.write(f"warning: no traces: OTEL_* asks for them, but {error}; `pip install 'gapless[otel]'`\n")
        return _nothing
    name = environment.get("OTEL_SERVICE_NAME", "gapless-client")
    provider = TracerProvider(resource=Resource.create({SERVICE_NAME: name}))
    provider.add_span_processor(BatchSpanProcessor(made))
    trace.set_tracer_provider(provider)
    return provider.shutdown


def _nothing() -> None:
    pass
