"""One trace per utterance, from the client's call through the server's threads and back, as a backend would get it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from benchmarks.server import service
from tests.e2e.outside import ROOT
from tests.service.test_tracing import OtlpReceiver, receiver

__all__ = ["receiver"]  # the fixture: both processes export to it

HOPS = {
    *("text.segment", "queue.text", "t3.prefill", "t3.decode", "queue.tokens", "flow.window", "vocoder"),
    *("queue.audio", "grpc.write", "client.receive", "client.buffer"),
}


def test_client_service_and_engine_are_one_trace(receiver: OtlpReceiver, tmp_path: Path) -> None:
    with service() as address:
        wav = str(tmp_path / "x.wav")
        command = [sys.executable, "-m", "client", "say", "--address", address, "--out", wav, "Hello. How are you?"]
        subprocess.run(command, cwd=ROOT, env=dict(os.environ), check=True, capture_output=True, timeout=60)
    of_call = [span for span in receiver.spans if span.name.endswith("/Synthesize")]
    (client,) = [span for span in of_call if not span.parent_span_id]
    (server,) = [span for span in of_call if span.parent_span_id == client.span_id]
    trace = [span for span in receiver.spans if span.trace_id == client.trace_id]
    assert {span.name for span in trace} >= HOPS
    below_server = {span.name for span in trace if span.parent_span_id == server.span_id}
    assert below_server >= {name for name in HOPS if not name.startswith("client.")}
    n_chunks = len([span for span in trace if span.name == "grpc.write"])
    for name in ("t3.decode", "flow.window", "vocoder", "queue.audio", "client.receive"):
        assert len([span for span in trace if span.name == name]) == n_chunks, name
    assert receiver.services == {"gapless", "gapless-client"}
