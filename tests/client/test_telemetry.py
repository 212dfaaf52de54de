"""Spans of the client, and when the command line exports them."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanKind, StatusCode

from client import Client, ClientError
from client._wire import METHOD
from client.cli import telemetry
from tests.client.fake_server import FakeServer


async def test_an_utterance_is_one_trace_with_a_span_for_each_chunk_and_hop(server: FakeServer) -> None:
    exporter, provider = recording()
    async with Client(server.address, tracer_provider=provider) as client:
        async for _ in client.say("Hi."):
            pass
    spans = exporter.get_finished_spans()
    root = next(span for span in spans if span.name == METHOD)
    children = [span for span in spans if span is not root]
    names = [span.name for span in children]
    assert root.kind is SpanKind.CLIENT
    assert root.attributes
    assert root.attributes["rpc.status_code"] == "OK"
    assert root.attributes["tts.utterance.id"] == "u-1"
    assert names.count("client.receive") == names.count("client.buffer") == 2
    for span in children:
        assert span.parent
        assert span.parent.span_id == root.context.span_id
        assert span.start_time
        assert root.start_time
        assert span.end_time
        assert root.end_time
        assert root.start_time <= span.start_time <= span.end_time <= root.end_time
    trace_id = f"{root.context.trace_id:032x}"
    assert trace_id in str(server.metadata["traceparent"])


async def test_a_refused_utterance_marks_its_span(server: FakeServer) -> None:
    exporter, provider = recording()
    async with Client(server.address, tracer_provider=provider) as client:
        with pytest.raises(ClientError):
            _ = [chunk async for chunk in client.say("Hi.", voice="bob")]
    (root,) = exporter.get_finished_spans()
    assert root.status.status_code is StatusCode.ERROR
    assert root.attributes
    assert root.attributes["rpc.status_code"] == root.attributes["error.type"] == "INVALID_ARGUMENT"


async def test_without_an_sdk_no_trace_context_is_sent(server: FakeServer) -> None:
    async with Client(server.address) as client:
        async for _ in client.say("Hi."):
            pass
    assert "traceparent" not in server.metadata


def recording() -> tuple[InMemorySpanExporter, TracerProvider]:
    exporter, provider = InMemorySpanExporter(), TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    return exporter, provider


@pytest.mark.parametrize(
    ("environment", "exporter"),
    [
        ({}, ""),
        ({"OTEL_TRACES_EXPORTER": "none", "OTEL_EXPORTER_OTLP_ENDPOINT": "http://x"}, ""),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://x"}, "otlp"),
        ({"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "http://x"}, "otlp"),
        ({"OTEL_TRACES_EXPORTER": "console"}, "console"),
        ({"OTEL_TRACES_EXPORTER": "console", "OTEL_SDK_DISABLED": "true"}, ""),
    ],
)
def test_the_standard_variables_switch_tracing(environment: dict[str, str], exporter: str) -> None:
    assert telemetry.wanted(environment) == exporter


def test_an_unknown_exporter_is_said_and_nothing_breaks(capsys: pytest.CaptureFixture[str]) -> None:
    telemetry.configure({"OTEL_TRACES_EXPORTER": "zipkin"})()
    assert "possible: otlp, console, none" in capsys.readouterr().err


def test_a_missing_sdk_is_said_with_the_extra_that_brings_it(tmp_path: Path) -> None:
    """A package named opentelemetry/sdk that does not import stands in for one that is not installed."""
    code = (
        "import sys; sys.modules['opentelemetry.sdk.resources'] = None\n"
        "from client.cli import telemetry; telemetry.configure({'OTEL_TRACES_EXPORTER': 'console'})()"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "pip install 'gapless[otel]'" in done.stderr


def test_the_command_line_exports_its_spans(server: FakeServer, tmp_path: Path) -> None:
    arguments = ["say", "--address", server.address, "--out", str(tmp_path / "x.wav"), "Hi."]
    done = subprocess.run(
        [sys.executable, "-m", "client", *arguments],
        env={"PATH": "", "OTEL_TRACES_EXPORTER": "console"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert METHOD in done.stderr
    assert "client.receive" in done.stderr
    assert done.stdout == ""
