"""What an agent of LiveKit goes through with its voice in a session: `livekit_sessions.py` with addresses and texts as
JSON on stdin. Asserts what only the framework can tell, and prints what was heard."""

import asyncio
import base64
import json
import logging
import os
import signal
import sys
import threading
import time
from pathlib import Path

ROOT = Path(__file__).parents[3]
sys.path[:0] = [str(ROOT), str(ROOT / "docs" / "examples")]

from livekit import rtc
from livekit.agents import LanguageCode
from livekit.agents.tts import FallbackAdapter
from livekit.agents.types import USERDATA_TIMED_TRANSCRIPT
from livekit.agents.voice.io import AudioOutput, AudioOutputCapabilities
from livekit_agent import converse
from livekit_watched import Watched
from scripted_conversation import Line

from gapless.doors.livekit import HeardTranscript

GIVEN = json.load(sys.stdin)
ADDRESS, TEXT = GIVEN["address"], GIVEN["text"]
LIMIT_S = 20.0


async def rest_of(stream, text=""):
    stream.push_text(text)
    stream.end_input()
    async with stream:
        return [event async for event in stream]


def sound(events):
    return base64.b64encode(b"".join(bytes(event.frame.data) for event in events)).decode()


def words(events):
    pieces = [piece for event in events for piece in event.frame.userdata.get(USERDATA_TIMED_TRANSCRIPT) or []]
    return [[str(piece), piece.start_time, piece.end_time] for piece in pieces if piece]


async def its_server_is_killed():
    """While it speaks, and while text comes."""
    half = len(TEXT) // 2
    async with Watched([GIVEN["killable"], ADDRESS], seed=7, voice="karl") as watched:
        stream = watched.tts.stream()
        stream.push_text(TEXT[:half])
        events = [await anext(stream), await anext(stream)]
        os.kill(GIVEN["pid"], signal.SIGKILL)
        events += await rest_of(stream, TEXT[half:])
        assert watched.errors == []
        assert len({event.request_id for event in events}) == 1
        (metrics,) = watched.metrics
        assert metrics.characters_count == len(TEXT)
        return {"sound": sound(events), "words": words(events)}


async def it_changes_its_voice():
    """While a stream speaks, which goes on as it began, beside one of the other voice."""
    async with Watched(ADDRESS, seed=7, voice="karl") as watched:
        first = watched.tts.stream()
        began = time.perf_counter()
        first.push_text(TEXT)
        events = [await anext(first)]
        first_sound_s = time.perf_counter() - began
        watched.tts.update_options(voice="anna", language=LanguageCode("english"))
        second = watched.tts.stream()
        others = asyncio.create_task(rest_of(second, TEXT))
        events += await rest_of(first)
        both = [sound(events), sound(await others)]
        assert watched.errors == []
        assert len(watched.metrics) == 2
        ttfb_s = watched.metrics[0].ttfb
        assert abs(first_sound_s - ttfb_s) < 0.1, (first_sound_s, ttfb_s)
        return both


async def it_is_closed_while_it_speaks():
    async with Watched(ADDRESS, seed=7, voice="karl") as watched:
        watched.tts.prewarm()
        streams = [watched.tts.stream(), watched.tts.synthesize(TEXT * 5)]
        streams[0].push_text(TEXT * 5)
        for stream in streams:
            await anext(stream)
        await watched.tts.aclose()
        for stream in streams:
            assert len([event async for event in stream]) < 10
        assert watched.errors == []
        assert "gapless-reader" not in {thread.name for thread in threading.enumerate()}


class Listener(AudioOutput):
    """Interrupts when the first word is over."""

    def __init__(self):
        super().__init__(label="listener", capabilities=AudioOutputCapabilities(pause=False), sample_rate=24_000)

    async def capture_frame(self, frame: rtc.AudioFrame):
        await super().capture_frame(frame)

    def flush(self):
        super().flush()

    def clear_buffer(self):
        self.on_playback_finished(playback_position=GIVEN["heard_s"], interrupted=True)


async def it_is_interrupted_before_its_first_word_came(with_fallback):
    """The time of a word comes behind its sound, and LiveKit hands it on with the sound that follows."""
    async with Watched(ADDRESS, seed=7, voice="stuck") as watched:
        tts = watched.tts
        if with_fallback:
            gone = Watched("127.0.0.1:1", seed=7, voice="stuck").tts
            tts = FallbackAdapter([gone, tts], max_retry_per_tts=0)
        output = HeardTranscript(Listener())
        async with tts.stream() as stream:
            stream.push_text(GIVEN["first_word"] + " and more ")
            heard_s = 0.0
            while heard_s < GIVEN["heard_s"] - 0.1:
                frame = (await anext(stream)).frame
                heard_s += frame.duration
                await output.capture_frame(frame)
            await asyncio.sleep(0.2)
            output.flush()
            output.clear_buffer()
            finished = await output.wait_for_playout()
        if with_fallback:
            await gone.aclose()
            await tts.aclose()
        return finished.synchronized_transcript


async def it_breaks_off():
    """In a session, of which the example agent is one."""
    async with Watched(ADDRESS, seed=7, voice="broken") as watched:
        said, _ = await converse(watched.tts, [Line("Well?", GIVEN["first_word"] + " and more.")])
        assert len(watched.errors) == 1
        return said[0].remembered


async def main():
    await it_is_closed_while_it_speaks()
    voices = await it_changes_its_voice()
    killed, *remembered = await asyncio.wait_for(
        asyncio.gather(
            its_server_is_killed(),
            it_is_interrupted_before_its_first_word_came(with_fallback=False),
            it_is_interrupted_before_its_first_word_came(with_fallback=True),
            it_breaks_off(),
        ),
        LIMIT_S,
    )
    print(json.dumps({"killed": killed, "voices": voices, "remembered": remembered}))


logging.disable(logging.CRITICAL)
asyncio.run(main())
