"""A client in another language gets the same audio: Node, word by word, against Python, all text at once."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import grpc

from gapless.tts.v1 import tts_pb2 as pb
from gapless.tts.v1 import tts_pb2_grpc
from tests.e2e.outside import NODE, any_address, node_modules, run_tool, scripted_address
from tests.recordings import recording

__all__ = ["any_address", "node_modules", "scripted_address"]

TEXT = "The kettle is boiling. Would you like some tea?"
SEED = 2**63 + 11  # beyond what a JavaScript number holds


def python_pcm(address: str) -> bytes:
    requests = [
        pb.SynthesizeRequest(config=pb.SynthesisConfig(sampling=pb.SamplingConfig(seed=SEED))),
        pb.SynthesizeRequest(text=pb.Text(text=TEXT)),
        pb.SynthesizeRequest(end_of_input=pb.EndOfInput()),
    ]
    with grpc.insecure_channel(address) as channel:
        events = tts_pb2_grpc.TextToSpeechServiceStub(channel).Synthesize(iter(requests), timeout=60)
        return b"".join(event.audio.data for event in events)


def test_node_gets_the_same_audio_as_python(any_address: str, node_modules: Path) -> None:
    heard = json.loads(run_tool("node", "say.js", any_address, str(SEED), TEXT, cwd=NODE))
    expected = python_pcm(any_address)
    assert heard["bytes"] == len(expected) == 2 * heard["samples"] > 0
    assert heard["sha256"] == hashlib.sha256(expected).hexdigest()
    assert heard["chunks"] > 1
    assert (heard["seed"], heard["reason"]) == (str(SEED), "FINISH_REASON_COMPLETED")


def test_node_speaks_a_whole_text(any_address: str, node_modules: Path) -> None:
    heard = json.loads(run_tool("node", "text.js", any_address, str(SEED), TEXT, cwd=NODE))
    assert heard["sha256"] == hashlib.sha256(python_pcm(any_address)).hexdigest()
    assert (heard["textEnd"], heard["reason"]) == (len(TEXT), "FINISH_REASON_COMPLETED")


def test_node_creates_and_deletes_a_voice(scripted_address: str, node_modules: Path, tmp_path: Path) -> None:
    file = tmp_path / "mary.wav"
    file.write_bytes(recording(30.0))
    result = json.loads(run_tool("node", "voice.js", scripted_address, "mary", file, cwd=NODE))
    assert (result["voice"]["name"], result["voice"]["description"]) == ("mary", "From Node.")
    assert not result["voice"].get("builtIn")
    assert "mary" in result["during"]
    assert (result["again"], result["gone"]) == ("ALREADY_EXISTS", "NOT_FOUND")
    assert "mary" not in result["after"]
