"""Behind a door with two addresses a service is lost: who listens over HTTP hears nothing of it."""

from __future__ import annotations

from contextlib import AsyncExitStack

import aiohttp
import numpy as np

from gapless.doors.http.options import Options
from gapless.doors.http.server import serving
from service.audio import Encoding, encode_samples
from service.rpc.resume import ResumeTokens
from tests.client.cable import cable
from tests.fakes import Script, speech_of_text
from tests.service.conftest import serve_scripted

TEXT = "Whoever listens hears all of it once, whatever becomes of the service behind the door. " * 2
VOICES = {"anna": Script(token_s=0.002, window_tokens=3)}


async def test_the_second_service_goes_on() -> None:
    tokens = ResumeTokens([b"k" * 32])
    async with AsyncExitStack() as stack:
        served = [await stack.enter_async_context(serve_scripted(voices=VOICES, resume_tokens=tokens)) for _ in "ab"]
        lines = [await stack.enter_async_context(cable(one.address)) for one in served]
        options = Options(address="127.0.0.1:0", service=",".join(line.address for line in lines))
        port = await stack.enter_async_context(serving(options))
        session = await stack.enter_async_context(aiohttp.ClientSession())
        body = {"input": TEXT, "model": "tts-1", "voice": "anna", "response_format": "pcm", "seed": 3}
        async with session.post(f"http://127.0.0.1:{port}/v1/audio/speech", json=body) as response:
            heard = await response.content.readany()
            lines[0].cut()
            heard += await response.read()
    assert heard == encode_samples(np.asarray(speech_of_text(TEXT, seed=3, voice="anna")), Encoding.PCM_S16LE)
    assert [len(one.engine.submitted) for one in served] == [1, 1]
    assert served[1].engine.submitted[0].resume
