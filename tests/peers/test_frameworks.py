"""Our plug-ins in the real pipecat and the real LiveKit Agents: the order of frames, the structure of streams, and what
each is told of servers that break."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack
from itertools import groupby
from typing import Any

import grpc
import pytest
from google.rpc import error_details_pb2

from gapless.tts.v1 import tts_pb2 as pb
from tests.client.fake_server import FakeServer, Requests, Responses, abort, speak
from tests.peers.conftest import Doors, Run

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]

WORDS = ("TTSTextFrame", "AggregatedTextProgressFrame", "LLMAssistantPushAggregationFrame", "MetricsFrame")


def kinds_of(frames: list[dict[str, Any]]) -> list[str]:
    """In order, without repetition; without words, which come between sounds."""
    return [kind for kind, _ in groupby(frame["kind"] for frame in frames if frame["kind"] not in WORDS)]


@pytest.mark.parametrize("mode", ["token", "sentence"])
async def test_frames_of_pipecat(doors: Doors, run: Run, mode: str) -> None:
    told = await run("agents", "pipecat_frames", doors.address, mode)
    assert told["up"] == []
    frames = told["frames"]
    announced = ["TTSStartedFrame", "AggregatedTextFrame"] if mode == "token" else None
    group = announced or ["AggregatedTextFrame", "TTSStartedFrame"]
    ends = [n for n, frame in enumerate(frames) if frame["kind"] in ("MarkerFrame", "LLMFullResponseEndFrame")]
    begins = [0, *(end + 1 for end in ends)]
    groups = [frames[begin : end + 1] for begin, end in zip(begins, ends, strict=False)]
    assert len(groups) == 5
    assert not [frame for frame in frames[ends[-1] + 1 :] if frame["kind"] != "MetricsFrame"]
    for one in groups[:2]:
        assert kinds_of(one) == [*group, "TTSAudioRawFrame", "TTSStoppedFrame", "MarkerFrame"]
    for one in groups[2:]:
        order = kinds_of(one)
        assert (order[0], order[-2:]) == ("LLMFullResponseStartFrame", ["TTSStoppedFrame", "LLMFullResponseEndFrame"])
        assert order.count("TTSStartedFrame") == order.count("TTSStoppedFrame") == 1
    for one in groups:
        assert len({frame["context"] for frame in one if frame["kind"].startswith("TTS")}) == 1
        assert all(frame["bytes"] % 2 == 0 and frame["bytes"] for frame in one if frame["kind"] == "TTSAudioRawFrame")
    said = [" ".join(frame["text"] for frame in one if frame["kind"] == "TTSTextFrame").split() for one in groups]
    assert said[:4] == [
        ["The", "first", "one."],
        ["The", "second", "one."],
        ["Now", "a", "turn.", "It", "has", "two", "sentences,", "at", "3:45", "p.m."],
        ["And", "another", "turn."],
    ]
    voices = {" ".join(one.text.split()[:2]): one.utterance.voice for one in doors.engine.spoken.values()}
    assert voices == {"The first": "karl", "The second": "karl", "Now a": "karl", "And another": "anna", "🙂": "anna"}
    assert "TTFBMetricsData" in told["metrics"]
    assert "TTSUsageMetricsData" in told["metrics"]
    assert "ProcessingMetricsData" not in told["metrics"]


async def test_structure_of_livekits_streams(doors: Doors, run: Run) -> None:
    told = await run("agents", "livekit_structure", doors.address)
    print("livekit", told)  # noqa: T201


def full(requests: Requests, context: grpc.ServicerContext) -> Responses:
    abort(context, grpc.StatusCode.RESOURCE_EXHAUSTED, "4 of 4 utterances are running")
    yield pb.SynthesizeResponse()


def silent(requests: Requests, context: grpc.ServicerContext) -> Responses:
    while context.is_active():
        time.sleep(0.05)
    yield pb.SynthesizeResponse()


def stalling(requests: Requests, context: grpc.ServicerContext) -> Responses:
    """Stands still in the middle of the speech."""
    for number, response in enumerate(speak(requests, context)):
        if number == 4:
            yield from silent(requests, context)
        yield response


def loading(requests: Requests, context: grpc.ServicerContext) -> Responses:
    reason = error_details_pb2.ErrorInfo(reason="LOADING", domain="gapless")
    abort(context, grpc.StatusCode.UNAVAILABLE, "the model is loaded", reason)
    yield pb.SynthesizeResponse()


def broken(requests: Requests, context: grpc.ServicerContext) -> Responses:
    abort(context, grpc.StatusCode.INTERNAL, "broke")
    yield pb.SynthesizeResponse()


@pytest.fixture
def servers() -> Iterator[list[tuple[str, str, str | None, str]]]:
    """(case, address, token, voice) of servers that break in one way each."""
    with ExitStack() as stack:

        def serve(**options: Any) -> str:
            return stack.enter_context(FakeServer(**options)).address

        killed = stack.enter_context(FakeServer())

        def die(requests: Requests, context: grpc.ServicerContext) -> Responses:
            for number, response in enumerate(speak(requests, context)):
                if number == 4:
                    threading.Thread(target=killed.stop).start()
                yield response

        killed.script = die
        yield [
            ("killed", killed.address, None, "karl"),
            ("gone", "127.0.0.1:1", None, "karl"),
            ("full", serve(script=full), None, "karl"),
            ("loading", serve(script=loading), None, "karl"),
            ("silent", serve(script=silent), None, "karl"),
            ("stalling", serve(script=stalling), None, "karl"),
            ("broken", serve(script=broken), None, "karl"),
            ("token", serve(token="right"), "wrong", "karl"),
            ("voice", serve(), None, "nobody"),
            ("well", serve(), None, "karl"),
        ]


CATEGORIES = {
    "killed": ("connectivity", True),
    "gone": ("connectivity", True),
    "full": ("rate_limit", True),
    "loading": ("server", True),
    "silent": ("connectivity", True),
    "stalling": ("connectivity", True),
    "broken": ("server", True),
    "token": ("authentication", False),
    "voice": ("invalid_request", False),
}


async def test_what_pipecat_is_told(run: Run, servers: list[tuple[str, str, str | None, str]]) -> None:
    told = await run("agents", "pipecat_errors", said=servers)
    well = told.pop("well")
    assert (well["categories"], well["usable"], well["stopped"]) == ([], True, 1)
    assert {case: (one["categories"], one["usable"]) for case, one in told.items()} == {
        case: ([category], usable) for case, (category, usable) in CATEGORIES.items()
    }
    assert {case for case, one in told.items() if one["sounded"]} == {"killed", "stalling"}
    assert {one["stopped"] for one in told.values()} == {1}
    assert {one["said"] for one in told.values()} == {0}, "what was not spoken is not remembered"
    spoken_after = {case for case, one in told.items() if one["rescued"]}
    assert spoken_after >= {case for case, (_, usable) in CATEGORIES.items() if not usable}, "the switcher's other one"


ERRORS = {
    "killed": ("APIConnectionError", None, True, 1),  # it has sounded: not tried again
    "gone": ("APIConnectionError", None, True, 2),
    "full": ("APIStatusError", 429, True, 2),
    "loading": ("APIStatusError", 503, True, 2),
    "silent": ("APITimeoutError", None, True, 2),
    "stalling": ("APITimeoutError", None, True, 1),
    "broken": ("APIStatusError", 500, True, 2),
    "token": ("APIStatusError", 401, False, 1),
    "voice": ("APIStatusError", 400, False, 1),
}


async def test_what_livekit_is_told(run: Run, servers: list[tuple[str, str, str | None, str]]) -> None:
    told = await run("agents", "livekit_errors", said=servers)
    well = told.pop("well")
    assert (well["error"], well["tries"], well["sounded"]) == (None, 0, True)
    assert {
        case: (one["error"]["class"], one["error"]["status"], one["error"]["retryable"], one["tries"])
        for case, one in told.items()
    } == ERRORS
    assert {case for case, one in told.items() if one["sounded"]} == {"killed", "stalling"}
    assert all(one["rescued"] for one in told.values()), "the fallback's other one"
