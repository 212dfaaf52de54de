"""grpcurl speaks with the service by reflection alone."""

from __future__ import annotations

import base64
import sys
from pathlib import Path
from typing import Any

from tests.e2e.outside import any_address, run_tool
from tests.e2e.test_buf_curl import SERVICE, json_objects

__all__ = ["any_address"]

GRPCURL = Path(sys.executable).parent / "grpcurl"


def call(address: str, method: str, *messages: str) -> list[Any]:
    out = run_tool(GRPCURL, "-plaintext", "-d", " ".join(messages), address, f"{SERVICE}/{method}")
    return json_objects(out)


def bytes_of(events: list[Any]) -> int:
    return sum(len(base64.b64decode(event["audio"]["data"])) for event in events if "audio" in event)


def test_it_lists_the_service(any_address: str) -> None:
    assert SERVICE in run_tool(GRPCURL, "-plaintext", any_address, "list").split()


def test_it_speaks_a_stream_and_a_whole_text(any_address: str) -> None:
    config = '"config": {"sampling": {"seed": "7"}}'
    stream = call(
        any_address, "Synthesize", f"{{{config}}}", '{"text": {"text": "Hello there."}}', '{"endOfInput": {}}'
    )
    whole = call(any_address, "SynthesizeText", f'{{{config}, "text": "Hello there."}}')
    for events in (stream, whole):
        assert events[-1]["finished"]["reason"] == "FINISH_REASON_COMPLETED"
        assert bytes_of(events) == 2 * int(events[-1]["finished"]["usage"]["samples"]) > 0
    assert bytes_of(stream) == bytes_of(whole)
