"""The contract from outside: buf's lint, and buf curl over server reflection, with JSON instead of stubs."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

from tests.e2e.outside import any_address, node_modules, run_tool, scripted_address
from tests.recordings import recording

__all__ = ["any_address", "node_modules", "scripted_address"]

SERVICE = "gapless.tts.v1.TextToSpeechService"


CURL = (".bin/buf", "curl", "--protocol", "grpc", "--http2-prior-knowledge")


def json_objects(text: str) -> list[Any]:
    """JSON objects one after the other."""
    decoder, objects, at = json.JSONDecoder(), [], 0
    while rest := text[at:].lstrip():
        found, at = decoder.raw_decode(text, len(text) - len(rest))
        objects.append(found)
    return objects


def curl(node_modules: Path, *arguments: str) -> str:
    buf, *command = CURL
    return run_tool(node_modules / buf, *command, *arguments)


def call(node_modules: Path, address: str, method: str, *messages: str) -> list[Any]:
    return json_objects(curl(node_modules, "--data", "\n".join(messages), f"http://{address}/{SERVICE}/{method}"))


def test_buf_lint_is_clean(node_modules: Path) -> None:
    assert run_tool(node_modules / ".bin/buf", "lint") == ""


def test_reflection_lists_the_services_and_methods(any_address: str, node_modules: Path) -> None:
    services = curl(node_modules, "--list-services", f"http://{any_address}").split()
    assert {SERVICE, "grpc.health.v1.Health"} <= set(services)
    methods = curl(node_modules, "--list-methods", f"http://{any_address}").split()
    assert f"{SERVICE}/Synthesize" in methods


def test_unary_calls_answer(any_address: str, node_modules: Path) -> None:
    (info,) = call(node_modules, any_address, "GetServerInfo", "{}")
    assert info["nativeSampleRateHertz"] == 24_000
    (voices,) = call(node_modules, any_address, "ListVoices", "{}")
    assert voices["defaultVoice"]


def test_synthesize_gives_audio(any_address: str, node_modules: Path) -> None:
    requests = ('{"config": {}}', '{"text": {"text": "Hello there."}}', '{"endOfInput": {}}')
    started, *middle, last = call(node_modules, any_address, "Synthesize", *requests)
    assert started["started"]["voice"]
    assert last["finished"]["reason"] == "FINISH_REASON_COMPLETED"
    pcm = [base64.b64decode(event["audio"]["data"]) for event in middle if "audio" in event]
    assert sum(map(len, pcm)) == 2 * int(last["finished"]["usage"]["samples"]) > 0


def test_synthesize_text_gives_audio(any_address: str, node_modules: Path) -> None:
    started, *middle, last = call(node_modules, any_address, "SynthesizeText", '{"text": "Hello there."}')
    assert started["started"]["voice"]
    assert last["finished"]["reason"] == "FINISH_REASON_COMPLETED"
    audio = [event["audio"] for event in middle if "audio" in event]
    data = [base64.b64decode(chunk["data"]) for chunk in audio]
    assert sum(map(len, data)) == 2 * int(last["finished"]["usage"]["samples"]) > 0
    assert audio[-1]["textEnd"] == len("Hello there.")


def test_stubs_are_generated_as_the_readme_says(node_modules: Path, tmp_path: Path) -> None:
    run_tool(node_modules / ".bin/buf", "generate", "-o", tmp_path)
    assert "SynthesizeText" in (tmp_path / "out/stubs/es/gapless/tts/v1/tts_pb.ts").read_text(encoding="utf-8")


def test_a_voice_is_created_and_deleted(scripted_address: str, node_modules: Path) -> None:
    audio = recording()
    pieces = [base64.b64encode(piece).decode() for piece in (audio[:10_000], audio[10_000:])]
    requests = ('{"config": {"name": "mary"}}', *[json.dumps({"audio": piece}) for piece in pieces])
    (created,) = call(node_modules, scripted_address, "CreateVoice", *requests)
    assert created["voice"]["name"] == "mary"
    (listed,) = call(node_modules, scripted_address, "ListVoices", "{}")
    built_in = {voice["name"]: voice.get("builtIn", False) for voice in listed["voices"]}
    assert (built_in["anna"], built_in["mary"]) == (True, False)
    call(node_modules, scripted_address, "DeleteVoice", '{"name": "mary"}')
    (listed,) = call(node_modules, scripted_address, "ListVoices", "{}")
    assert "mary" not in [voice["name"] for voice in listed["voices"]]
