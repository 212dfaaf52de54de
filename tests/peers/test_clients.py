"""The official `openai` package and NVIDIA's own client, unmodified: every format, and what they raise."""

from __future__ import annotations

import asyncio
import base64
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from gapless.client import Client
from gapless.doors.encoders.mp3 import DELAY_SAMPLES
from tests.doors.decoding import decoded, decoded_flac, delay, spectral_distance_db
from tests.peers.conftest import Doors, Run

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]

TEXT = "The kettle is boiling. Would you like some tea?"
OPUS_FRAME, MP3_FRAME = 480, 576  # samples at 24 kHz
DISTANCE_DB = 3.0  # mean over the audible bins; the same file against itself is 0, against another sentence above 15


async def heard_by_our_client(doors: Doors, **options: Any) -> NDArray[np.int16]:
    async with Client(doors.address) as client:
        chunks = [chunk.data async for chunk in client.say(TEXT, seed=7, sample_rate=24_000, max_lead=0, **options)]
    return np.frombuffer(b"".join(chunks), "<i2")


def assert_sounds_as(heard: NDArray[np.int16], spoken: NDArray[np.int16], *, behind: int, frame: int) -> None:
    ours, theirs = spoken.astype(np.float32), heard.astype(np.float32)
    lag = delay(theirs, ours, 2000)
    assert abs(lag - behind) <= 2
    assert abs(len(heard) - behind - len(spoken)) <= frame
    assert spectral_distance_db(theirs[lag:], ours) < DISTANCE_DB


async def test_openai(doors: Doors, run: Run, tmp_path: Path) -> None:
    spoken = await heard_by_our_client(doors)
    told = await run("clients", "openai_client", doors.url, tmp_path, TEXT)
    assert (tmp_path / "streamed.pcm").read_bytes() == spoken.tobytes()
    np.testing.assert_array_equal(decoded((tmp_path / "streamed.wav").read_bytes())[0], spoken)
    np.testing.assert_array_equal(decoded_flac((tmp_path / "streamed.flac").read_bytes(), len(spoken)), spoken)
    mp3, opus = (decoded((tmp_path / f"streamed.{name}").read_bytes())[0] for name in ("mp3", "opus"))
    assert_sounds_as(mp3, spoken, behind=DELAY_SAMPLES, frame=MP3_FRAME)
    assert_sounds_as(opus, spoken, behind=0, frame=OPUS_FRAME)
    assert (tmp_path / "whole.mp3").read_bytes() == (tmp_path / "streamed.mp3").read_bytes()
    *deltas, done = told["events"]
    assert b"".join(base64.b64decode(event["audio"]) for event in deltas) == spoken.tobytes()
    assert done["usage"]["input_tokens"] == len(TEXT)
    assert all(len(pieces) > 1 for pieces in told["pieces"].values())
    assert "gapless" in told["models"]
    assert told["async"] == [len(spoken) * 2] * 3
    for param, refusal in told["refusals"].items():
        assert (refusal["kind"], refusal["status"]) == ("BadRequestError", 400)
        assert refusal["param"] == {"format": "response_format"}.get(param, param)
    async with asyncio.timeout(2):
        while doors.engine.stats().utterances:
            await asyncio.sleep(0.01)


async def test_nvidias_client(doors: Doors, run: Run, tmp_path: Path) -> None:
    spoken = await heard_by_our_client(doors)
    told = await run("clients", "riva_client", doors.address, tmp_path, TEXT)
    for name in ("riva.pcm", "whole.pcm"):
        assert (tmp_path / name).read_bytes() == spoken.tobytes(), name
    np.testing.assert_array_equal(decoded_flac((tmp_path / "riva.flac").read_bytes(), len(spoken)), spoken)
    assert_sounds_as(decoded((tmp_path / "riva.opus").read_bytes())[0], spoken, behind=0, frame=OPUS_FRAME)
    for name in ("mulaw", "alaw"):
        async with Client(doors.address) as client:
            options = {"seed": 7, "sample_rate": 24_000, "encoding": name}
            chunks = [chunk.data async for chunk in client.say(TEXT, **options)]  # type: ignore[arg-type]
        assert (tmp_path / f"riva.{name}").read_bytes() == b"".join(chunks)
    assert (tmp_path / "parts.pcm").stat().st_size > 1.9 * len(spoken) * 2
    words = told["words"]
    assert [word for word, _, _ in words] == [word.strip(".?") for word in TEXT.split()]
    assert all(start < end for _, start, end in words)
    assert words[-1][2] <= len(spoken) / 24
    assert told["config"][0]["subvoices"] == "anna:0,karl:1"
    codes = {what: refusal["code"] for what, refusal in told["refusals"].items()}
    assert set(codes.values()) == {"INVALID_ARGUMENT"}
    assert "available: anna, karl" in told["refusals"]["voice"]["details"]
    async with asyncio.timeout(2):
        while doors.engine.stats().utterances:
            await asyncio.sleep(0.01)
