"""A client in another language goes on by hand, as docs/contract.md says: Node, whose servers are cut off under it."""

from __future__ import annotations

import asyncio
import hashlib
import json
from contextlib import AsyncExitStack
from pathlib import Path

import numpy as np

from service.audio import Encoding, encode_samples
from service.rpc.resume import ResumeTokens
from tests.client.cable import Cable, cable
from tests.e2e.outside import NODE, node_modules
from tests.fakes import Script, speech_of_text
from tests.service.conftest import Served, serve_scripted

__all__ = ["node_modules"]

TEXT = "Whoever listens hears all of it once, whatever becomes of the line."
SEED = 2**63 + 11  # beyond what a JavaScript number holds
VOICES = {"anna": Script(token_s=0.01, window_tokens=3)}


async def cut_when_it_speaks(served: Served, line: Cable) -> None:
    async with asyncio.timeout(30):
        while not served.engine.stats().slots_in_use:
            await asyncio.sleep(0.01)
    await asyncio.sleep(0.3)
    line.cut()


async def test_node_hears_every_sample_once(node_modules: Path) -> None:
    tokens = ResumeTokens([b"k" * 32])
    async with AsyncExitStack() as stack:
        served = [await stack.enter_async_context(serve_scripted(voices=VOICES, resume_tokens=tokens)) for _ in "ab"]
        lines = [await stack.enter_async_context(cable(one.address)) for one in served]
        addresses = ",".join(line.address for line in lines)
        node = await asyncio.create_subprocess_exec(
            "node", "resume.js", addresses, str(SEED), TEXT, cwd=NODE, stdout=-1, stderr=-1
        )
        cutting = asyncio.create_task(cut_when_it_speaks(served[0], lines[0]))
        async with asyncio.timeout(60):
            said, wrong = await node.communicate()
        await cutting
    assert node.returncode == 0, wrong.decode()
    heard = json.loads(said)
    speech = speech_of_text(TEXT, seed=SEED, voice="anna")
    expected = encode_samples(np.asarray(speech), Encoding.PCM_S16LE)
    assert heard["samples"] == len(speech)
    assert heard["sha256"] == hashlib.sha256(expected).hexdigest()
    assert (heard["calls"], heard["seed"], heard["reason"]) == ([0, 1], str(SEED), "FINISH_REASON_COMPLETED")
