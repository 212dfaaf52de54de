"""One trace per utterance, from the client's call through the server's threads and back, as a backend would get it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from itertools import pairwise
from pathlib import Path

from opentelemetry.proto.trace.v1.trace_pb2 import Span

from benchmarks.support.service_process import service
from tests.e2e.outside import ROOT
from tests.service.observability.test_tracing import OtlpReceiver, receiver

__all__ = ["receiver"]  # the fixture: both processes export to it

HOPS_OF_SERVER = {
    *("text.segment", "queue.text", "t3.prefill", "t3.decode", "queue.tokens", "flow.window", "queue.mel", "vocoder"),
    *("queue.audio", "grpc.write"),
}
HOPS_OF_CLIENT = {"client.receive", "client.buffer"}
PER_CHUNK = ("t3.decode", "queue.tokens", "flow.window", "vocoder", "queue.audio", "grpc.write", "client.receive")
ORDER = ("t3.decode", "flow.window", "vocoder", "grpc.write", "client.receive")  # of one chunk, as they begin
CLOCKS_MS = 2.0  # both sides stamp with the machine's clock, and each read it once at its start
COVERED = 0.95


def test_client_service_and_engine_are_one_trace(receiver: OtlpReceiver, tmp_path: Path) -> None:
    with service() as address:
        wav = str(tmp_path / "x.wav")
        text = "Hello. How are you? There is some more to say, so that it takes several windows."
        command = [sys.executable, "-m", "client", "say", "--address", address, "--out", wav, "--json", text]
        environment = dict(os.environ)
        said = subprocess.run(command, cwd=ROOT, env=environment, check=True, capture_output=True, timeout=60).stdout
    of_call = [span for span in receiver.spans if span.name.endswith("/Synthesize")]
    (client,) = [span for span in of_call if not span.parent_span_id]
    (server,) = [span for span in of_call if span.parent_span_id == client.span_id]
    trace = [span for span in receiver.spans if span.trace_id == client.trace_id]
    assert receiver.services == {"gapless", "gapless-client"}
    _nested(trace, client, server)
    _one_span_for_each_chunk_and_hop(trace)
    budgets = json.loads(said)["budgets"]
    assert budgets[0]["name"] == "first_sound"
    assert all(budget["explained_share"] >= COVERED for budget in budgets)


def _nested(trace: list[Span], client: Span, server: Span) -> None:
    """Every hop lies below its own side's span, and within it."""
    below = {span.span_id: {other.name for other in trace if other.parent_span_id == span.span_id} for span in trace}
    assert below[server.span_id] >= HOPS_OF_SERVER
    assert below[client.span_id] >= HOPS_OF_CLIENT
    parents = {client.span_id: client, server.span_id: server}
    slack_ns = round(CLOCKS_MS * 1e6)
    for span in trace:
        if span is not client:
            parent = parents[span.parent_span_id]
            assert parent.start_time_unix_nano - slack_ns <= span.start_time_unix_nano <= span.end_time_unix_nano
            assert span.end_time_unix_nano <= parent.end_time_unix_nano + slack_ns, span.name


def _one_span_for_each_chunk_and_hop(trace: list[Span]) -> None:
    chunks = {name: {_seq(span): span for span in trace if span.name == name} for name in PER_CHUNK}
    n_chunks = len(chunks["grpc.write"])
    assert n_chunks > 1
    for name in PER_CHUNK:
        assert sorted(chunks[name]) == list(range(n_chunks)), name
        assert len([span for span in trace if span.name == name]) == n_chunks, name
    for seq in range(n_chunks):
        starts = [chunks[name][seq].start_time_unix_nano for name in ORDER]
        assert all(later >= earlier - CLOCKS_MS * 1e6 for earlier, later in pairwise(starts)), seq


def _seq(span: Span) -> int:
    return next(item.value.int_value for item in span.attributes if item.key == "tts.chunk.seq")
