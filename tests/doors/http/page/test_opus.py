"""The page with Opus: the browser decodes what libopus would, to the sample, and a slow line carries it."""

from __future__ import annotations

import asyncio
import dataclasses
from collections.abc import Iterator

import numpy as np
import pytest
from numpy.typing import NDArray

from benchmarks.support.browser import Browser
from client import Client
from gapless.client import Chunk
from gapless.doors.encoders import opus
from gapless.doors.http.websocket import outgoing
from tests.doors.http.page.ears import IN_A_BROWSER, QUIET, Page, found_in
from tests.doors.http.page.live_door import LiveDoor, live_door
from tests.fakes import SAMPLE_RATE, Script

pytestmark = IN_A_BROWSER

WORDED = outgoing.audio
TEXT = "Hello from this page, a second time."
SLOW_LINE = 64_000 / 8  # bytes a second
SILENT_S = 0.1
UNBROKEN = "not break"
WORD = "Incomprehensibilities "  # 22 tokens, 0.88 s
VOICES = {
    "anna": Script(),
    "broken": Script(fail_at_chunk=2),
    "in words": Script(token_s=0.02, window_tokens=22),
    "in pieces": Script(token_s=0.02, window_tokens=5),
}


@pytest.fixture(scope="module")
def door() -> Iterator[LiveDoor]:
    with live_door(voices=VOICES, has_alignment=True, max_utterances=2) as opened:
        yield opened


@pytest.fixture
def page(browser: Browser, door: LiveDoor) -> Page:
    visited = Page(browser)
    visited.visit(f"{door.url}/?encoding=opus")
    assert visited.evaluate("encoding.value") == "opus"
    return visited


def decoded_by_our_client(door: LiveDoor, text: str) -> NDArray[np.float32]:
    async def say() -> NDArray[np.float32]:
        async with Client(door.service) as client:
            chunks = [chunk async for chunk in client.say(text, voice="anna", seed=7, encoding="opus")]
        return np.concatenate([chunk.samples for chunk in chunks])

    return asyncio.run(say())


def heard_to_its_end(page: Page) -> bool:
    """Whether it broke off or not: the machine may have stood still."""
    page.verdict()
    whole: bool = page.evaluate(
        "!gapless.utterance.error && gapless.utterance.over.played === gapless.utterance.samples"
    )
    return whole


def test_what_is_heard_is_what_libopus_decodes(page: Page, door: LiveDoor) -> None:
    """Every sample: what comes out before a segment is dropped, and what stands behind its last one."""
    page.speak(TEXT, voice="anna")
    assert UNBROKEN in page.verdict()
    assert page.evaluate("gapless.utterance.started.encoding") == "opus"
    spoken = decoded_by_our_client(door, TEXT)
    assert len(spoken) == page.evaluate("gapless.utterance.samples") == page.evaluate("gapless.utterance.over.played")
    part = found_in(page.heard()[0], spoken)
    assert len(part) == len(spoken)
    assert np.abs(part - spoken).max() < QUIET


def test_escape_silences_it_and_the_next_one_is_heard(page: Page, door: LiveDoor) -> None:
    page.speak("word " * 400, voice="anna")
    page.until("gapless.player.played > 6000")
    page.browser.press("Escape")
    page.until("gapless.utterance.finished")
    heard, first_frame, pressed_frame = page.heard()
    sounding = np.flatnonzero(np.abs(heard[pressed_frame - first_frame :]) > QUIET)
    assert not len(sounding) or sounding[-1] < SILENT_S * SAMPLE_RATE
    assert door.engine.stats().utterances == 0
    page.speak(TEXT, voice="anna")
    assert heard_to_its_end(page)


def test_what_came_before_a_failure_is_heard(page: Page) -> None:
    page.speak(TEXT, voice="broken")
    assert "The speech broke off" in page.verdict()
    assert page.evaluate("gapless.utterance.over.played === gapless.utterance.samples")


def test_packets_that_are_none_end_the_utterance_and_only_that(
    page: Page, door: LiveDoor, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patched:
        patched.setattr(outgoing, "audio", _of_noise)
        page.speak("word " * 400, voice="anna")
        assert "It was not spoken" in page.verdict() or "The speech broke off" in page.verdict()
        page.until("gapless.utterance.finished")
    assert door.engine.stats().utterances == 0
    page.speak(TEXT, voice="anna")
    assert heard_to_its_end(page)


def _of_noise(chunk: Chunk, utterance: int) -> bytes:
    packets = tuple(b"\xff" * 50 for _ in chunk.packets)
    return WORDED(dataclasses.replace(chunk, packets=packets), utterance)


@pytest.mark.parametrize(
    ("encoding", "voice", "breaks"), [("opus", "in words", False), ("pcm_s16le", "in pieces", True)]
)
def test_a_slow_line_carries_opus_without_a_gap_and_pcm_not(
    page: Page, door: LiveDoor, encoding: str, voice: str, breaks: bool
) -> None:
    """64 kbit/s, and speech that is made twice as fast as it is spoken."""
    door.line_bytes_per_s = SLOW_LINE
    try:
        page.speak(3 * WORD, voice=voice, encoding=encoding, start="adaptive")
        page.until("gapless.utterance.over || gapless.utterance.silences.length")
        assert bool(page.evaluate("gapless.utterance.silences.length")) is breaks
    finally:
        door.line_bytes_per_s = 0.0


def test_where_the_door_has_no_libopus_it_is_pcm(
    browser: Browser, door: LiveDoor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(opus, "why_not", lambda: "libopus is not installed on this machine")
    page = Page(browser)
    page.visit(f"{door.url}/?encoding=opus", listen=False)
    assert page.evaluate("encoding.parentElement.hidden") is True
    page.speak(TEXT, voice="anna")
    assert heard_to_its_end(page)
    assert page.evaluate("gapless.utterance.started.encoding") == "pcm_s16le"
