"""What pipecat's pipeline gets from our service: `pipecat_frames.py ADDRESS MODE`. Prints the frames of run_test."""

import asyncio
import json
import sys
from dataclasses import dataclass
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[3]))

from loguru import logger
from pipecat.frames.frames import (
    DataFrame,
    LLMFullResponseEndFrame,
    LLMFullResponseStartFrame,
    LLMTextFrame,
    MetricsFrame,
    TTSSpeakFrame,
    TTSUpdateSettingsFrame,
)
from pipecat.pipeline.worker import PipelineParams
from pipecat.services.tts_service import TextAggregationMode
from pipecat.tests.utils import run_test

from gapless.doors.pipecat import GaplessTTSService

ADDRESS, MODE = sys.argv[1:3]


@dataclass
class MarkerFrame(DataFrame):
    name_of_group: str = ""


def turn(text):
    words = [LLMTextFrame(word + " ") for word in text.split()]
    return [LLMFullResponseStartFrame(), *words, LLMFullResponseEndFrame()]


async def main():
    settings = GaplessTTSService.Settings(voice="karl")
    tts = GaplessTTSService(address=ADDRESS, settings=settings, text_aggregation_mode=TextAggregationMode(MODE))
    sent = [
        TTSSpeakFrame("The first one."),
        MarkerFrame("first"),
        TTSSpeakFrame("The second one."),
        MarkerFrame("second"),
        *turn("Now a turn. It has two sentences, at 3:45 p.m."),
        TTSUpdateSettingsFrame(delta=GaplessTTSService.Settings(voice="anna")),
        *turn("And another turn."),
        *turn("🙂"),
    ]
    params = PipelineParams(enable_metrics=True, enable_usage_metrics=True)
    down, up = await run_test(tts, frames_to_send=sent, pipeline_params=params)
    frames = [
        {
            "kind": type(frame).__name__,
            "text": getattr(frame, "raw_text", None) or getattr(frame, "text", None),
            "context": getattr(frame, "context_id", None),
            "bytes": len(getattr(frame, "audio", b"")),
        }
        for frame in down
    ]
    measured = [one for frame in down if isinstance(frame, MetricsFrame) for one in frame.data]
    metrics = [type(one).__name__ for one in measured if getattr(one, "value", 1)]  # pipelines begin with zeros
    print(json.dumps({"frames": frames, "up": [str(frame) for frame in up], "metrics": metrics}))


logger.remove()
asyncio.run(main())
