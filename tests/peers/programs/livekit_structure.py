"""What LiveKit's own tests ask of the structure of a plug-in: `livekit_structure.py ADDRESS`. Asserts, and prints
figures."""

import asyncio
import json
import logging
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[3]))

from livekit import rtc
from livekit.agents import APIConnectionError, APIConnectOptions, APITimeoutError
from livekit.agents.types import USERDATA_TIMED_TRANSCRIPT
from livekit_watched import Watched

ADDRESS = sys.argv[1]
TEXT = "The kettle is boiling, at last. Would you like some tea, or is it too late? It costs $5 (at 3:45 p.m.)."
FRAME_S = 0.25  # no frame is longer


async def hear(stream):
    async with stream:
        return [event async for event in stream]


def assert_frames(events, tts):
    assert len({event.request_id for event in events}) == 1
    assert [event.is_final for event in events] == [False] * (len(events) - 1) + [True]
    for event in events:
        frame = event.frame
        assert 0 < frame.duration < FRAME_S
        assert (frame.sample_rate, frame.num_channels) == (tts.sample_rate, tts.num_channels)
    samples = rtc.combine_audio_frames([event.frame for event in events])
    assert bytes(samples.data[:2]) != b"RI"  # no file's head
    return samples.duration


def transcript(events):
    return [piece for event in events for piece in event.frame.userdata.get(USERDATA_TIMED_TRANSCRIPT) or []]


async def a_whole_text():
    async with Watched(ADDRESS, voice="karl") as watched:
        events = await hear(watched.tts.synthesize(TEXT))
        length_s = assert_frames(events, watched.tts)
        assert (len(watched.metrics), watched.errors) == (1, [])
        assert watched.metrics[0].characters_count == len(TEXT)
        assert "".join(transcript(events)) == TEXT
        return {"audio_s": length_s, "ttfb_s": watched.metrics[0].ttfb}


async def a_stream():
    async with Watched(ADDRESS, voice="karl") as watched:
        watched.tts.prewarm()
        stream = watched.tts.stream()

        async def write():
            for at in range(0, len(TEXT), 4):
                stream.push_text(TEXT[at : at + 4])
                await asyncio.sleep(1 / 30)
            stream.flush()
            stream.end_input()

        writing = asyncio.create_task(write())
        events = await hear(stream)
        await writing
        length_s = assert_frames(events, watched.tts)
        segments = {event.segment_id for event in events}
        assert len(segments) == 1
        assert all(segments)
        assert (len(watched.metrics), watched.errors) == (1, [])
        assert watched.metrics[0].segment_id in segments
        pieces = transcript(events)
        assert "".join(pieces) == TEXT
        assert all(one.start_time <= other.start_time for one, other in zip(pieces, pieces[1:]))
        assert pieces[-1].end_time <= length_s + 0.01
        return {"audio_s": length_s, "ttfb_s": watched.metrics[0].ttfb, "pieces": len(pieces)}


async def nothing_to_say():
    async with Watched(ADDRESS, voice="karl") as watched:
        stream = watched.tts.stream()
        stream.end_input()
        assert await hear(stream) == []
        stream = watched.tts.stream()
        stream.push_text(" \n")
        stream.end_input()
        assert await hear(stream) == []
        stream = watched.tts.stream()
        stream.push_text("🙂")
        stream.end_input()
        assert assert_frames(await hear(stream), watched.tts) < FRAME_S
        assert watched.errors == []


async def closed_early():
    """Twice: before the end of the text, and after it."""
    async with Watched(ADDRESS, voice="karl") as watched:
        took = []
        for ends in (False, True):
            stream = watched.tts.stream()
            stream.push_text(TEXT * 5)
            if ends:
                stream.end_input()
            async for _ in stream:
                break
            began = time.monotonic()
            await stream.aclose()
            took.append(time.monotonic() - began)
        assert max(took) < 0.2, took
        assert watched.errors == []
        return {"closing_s": took}


async def silent_peers():
    """One that accepts connections and says nothing, with and without tries."""
    held = []

    async def hold(reader, writer):
        held.append(writer)

    peer = await asyncio.start_server(hold, "127.0.0.1", 0)
    address = f"127.0.0.1:{peer.sockets[0].getsockname()[1]}"
    once = APIConnectOptions(max_retry=0, timeout=2.5)
    often = APIConnectOptions(max_retry=3, retry_interval=0.0, timeout=0.5)
    figures = {}
    for name, options, least_s, most_s, errors in (("once", once, 1.5, 3.5, 1), ("often", often, 1.0, 4.0, 4)):
        for kind in ("synthesize", "stream"):
            async with Watched(address, voice="karl") as watched:
                if kind == "stream":
                    stream = watched.tts.stream(conn_options=options)
                    stream.push_text(TEXT)
                    stream.end_input()
                else:
                    stream = watched.tts.synthesize(TEXT, conn_options=options)
                began = time.monotonic()
                try:
                    await hear(stream)
                except APITimeoutError:
                    took_s = time.monotonic() - began
                assert least_s <= took_s <= most_s, (name, kind, took_s)
                assert len(watched.errors) == errors, (name, kind, watched.errors)
                assert [error.recoverable for error in watched.errors] == [True] * (errors - 1) + [False]
                assert watched.metrics == []
                figures[f"{name} {kind}"] = took_s
    for writer in held:
        writer.close()
    peer.close()
    async with Watched(address, voice="karl") as watched:
        try:
            await hear(watched.tts.synthesize(TEXT, conn_options=APIConnectOptions(max_retry=0, timeout=2.5)))
        except APIConnectionError as error:
            assert not isinstance(error, APITimeoutError)
        assert len(watched.errors) == 1
    return figures


async def main():
    checks = (a_whole_text, a_stream, nothing_to_say, closed_early, silent_peers)
    print(json.dumps({check.__name__: await check() for check in checks}))


logging.disable(logging.CRITICAL)
asyncio.run(main())
