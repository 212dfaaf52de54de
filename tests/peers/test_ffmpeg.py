"""What the HTTP door streams, decoded by ffmpeg from a pipe, as players built on it do."""

from __future__ import annotations

import subprocess
from pathlib import Path

import aiohttp
import numpy as np
import pytest
from numpy.typing import NDArray

from gapless.doors.encoders.mp3 import DELAY_SAMPLES
from gapless.doors.http.formats import SAMPLE_RATE
from tests.peers.conftest import ENVIRONMENTS, Doors
from tests.peers.test_clients import MP3_FRAME, OPUS_FRAME, TEXT, assert_sounds_as, heard_by_our_client

pytestmark = [pytest.mark.slow, pytest.mark.plug_ins]

LOSSLESS = ("wav", "flac")


def ffmpeg() -> Path:
    found = next((ENVIRONMENTS / "ffmpeg").glob("lib/python*/site-packages/imageio_ffmpeg/binaries/ffmpeg-*"), None)
    if found is None:
        pytest.skip("ffmpeg is missing; make it with: make peers")
    return found


def decoded(file: bytes) -> NDArray[np.int16]:
    form = ["-f", "s16le", "-ar", str(SAMPLE_RATE), "-ac", "1"]
    command = [str(ffmpeg()), "-v", "error", "-i", "pipe:0", *form, "pipe:1"]
    done = subprocess.run(command, input=file, capture_output=True, check=True)
    samples: NDArray[np.int16] = np.frombuffer(done.stdout, "<i2")
    return samples


@pytest.mark.parametrize(
    ("name", "behind", "frame"),
    [("wav", 0, 0), ("flac", 0, 0), ("mp3", DELAY_SAMPLES, MP3_FRAME), ("opus", 0, OPUS_FRAME)],
)
async def test_ffmpeg_hears_what_our_client_hears(doors: Doors, name: str, behind: int, frame: int) -> None:
    spoken = await heard_by_our_client(doors)
    asked = {"input": TEXT, "response_format": name, "seed": 7}
    async with aiohttp.ClientSession() as session, session.post(f"{doors.url}/v1/audio/speech", json=asked) as response:
        heard = decoded(await response.read())
    if name in LOSSLESS:
        np.testing.assert_array_equal(heard, spoken)
    else:
        assert_sounds_as(heard, spoken, behind=behind, frame=frame)
