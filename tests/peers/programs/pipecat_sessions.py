"""What an agent of pipecat goes through with its voice in a session: `pipecat_sessions.py` with addresses and texts as
JSON on stdin. Asserts what only the framework can tell, and prints what was heard."""

import asyncio
import base64
import json
import os
import signal
import sys
import threading
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[3]))

from loguru import logger
from pipecat.frames.frames import (
    CancelFrame,
    ErrorFrame,
    LLMFullResponseEndFrame,
    LLMFullResponseStartFrame,
    LLMTextFrame,
    MetricsFrame,
    TTSAudioRawFrame,
    TTSStoppedFrame,
    TTSTextFrame,
)
from pipecat.metrics.metrics import TTFBMetricsData
from pipecat.observers.base_observer import BaseObserver
from pipecat.pipeline.worker import PipelineParams
from pipecat.tests.utils import SleepFrame, run_test
from pipecat.transcriptions.language import Language

from gapless.doors.pipecat import GaplessTTSService

GIVEN = json.load(sys.stdin)
ADDRESS, TEXT = GIVEN["address"], GIVEN["text"]


def service(address, **settings):
    return GaplessTTSService(address=address, settings=GaplessTTSService.Settings(seed=7, **settings))


class KillsAServer(BaseObserver):
    """When some of it has sounded; notes when the first text went in and the first sound came out."""

    def __init__(self):
        super().__init__()
        self.texts, self.sounds = [], []  # times, by the pipeline's clock, in nanoseconds

    async def on_push_frame(self, data):
        if isinstance(data.destination, GaplessTTSService) and isinstance(data.frame, LLMTextFrame):
            self.texts.append(data.timestamp)
        if isinstance(data.source, GaplessTTSService) and isinstance(data.frame, TTSAudioRawFrame):
            self.sounds.append(data.timestamp)
            if len(self.sounds) == 2:
                os.kill(GIVEN["pid"], signal.SIGKILL)


async def its_server_is_killed():
    """While it speaks, and while text comes."""
    tokens = [LLMTextFrame(word + " ") for word in TEXT.split()]
    half = len(tokens) // 2
    sent = [
        LLMFullResponseStartFrame(),
        *tokens[:half],
        SleepFrame(sleep=0.4),
        *tokens[half:],
        LLMFullResponseEndFrame(),
    ]
    killer, tts = KillsAServer(), service([GIVEN["killable"], ADDRESS], voice="karl", language=Language.EN_US)
    params = PipelineParams(enable_metrics=True)
    down, up = await run_test(tts, frames_to_send=sent, observers=[killer], pipeline_params=params)
    assert len(killer.sounds) > 2
    assert not [frame for frame in [*up, *down] if isinstance(frame, ErrorFrame)]
    assert tts.is_usable
    assert sum(isinstance(frame, TTSStoppedFrame) for frame in down) == 1
    measured = [one for frame in down if isinstance(frame, MetricsFrame) for one in frame.data]
    (ttfb_s,) = [one.value for one in measured if isinstance(one, TTFBMetricsData) and one.value]
    assert abs(ttfb_s - (killer.sounds[0] - killer.texts[0]) / 1e9) < 0.1
    heard = b"".join(frame.audio for frame in down if isinstance(frame, TTSAudioRawFrame))
    words = [[frame.text, frame.pts / 1e9] for frame in down if isinstance(frame, TTSTextFrame)]
    return {"sound": base64.b64encode(heard).decode(), "words": words}


async def it_is_closed_while_it_speaks():
    sent = [LLMFullResponseStartFrame(), LLMTextFrame(TEXT * 5), SleepFrame(sleep=0.5), CancelFrame()]
    down, up = await run_test(service(ADDRESS, voice="karl"), frames_to_send=sent, send_end_frame=False)
    assert any(isinstance(frame, TTSAudioRawFrame) for frame in down)
    assert not [frame for frame in [*up, *down] if isinstance(frame, ErrorFrame)]
    assert "gapless-reader" not in {thread.name for thread in threading.enumerate()}


async def main():
    await it_is_closed_while_it_speaks()
    print(json.dumps({"killed": await its_server_is_killed()}))


logger.remove()
asyncio.run(main())
