"""What an agent goes through with its voice, in the real frameworks, over an engine without a model: its server is
killed in mid-turn, it changes its voice or is closed while it speaks, it is interrupted before the time of its first
word has come, it breaks off."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import AsyncIterator
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import pytest

from benchmarks.support.child_process import child_process
from service.audio import AudioEncoder, AudioFormat, Encoding
from service.rpc.resume import ResumeTokens
from tests.fakes import SAMPLE_RATE, TOKEN_SAMPLES, ScriptedEngine, speech_of_text
from tests.peers.conftest import Run
from tests.peers.killable import KEY, VOICES, speak
from tests.service.conftest import serve_scripted

pytestmark = [pytest.mark.slow, pytest.mark.timeout(120)]

TEXT = "The kettle boils at last, and whoever wants some tea may have it now."
FIRST_WORD = "Unbelievably,"
ROUNDED = 0.002  # s
ABOUT = 0.05  # s, of clocks of a busy machine
TAIL_BYTES = 480  # of silence, with which LiveKit ends a segment that it has flushed


@dataclass(frozen=True)
class Session:
    given: dict[str, Any]
    engine: ScriptedEngine  # of the server that stays

    async def until_idle(self) -> None:
        async with asyncio.timeout(5):
            while self.engine.stats().utterances:
                await asyncio.sleep(0.01)


@pytest.fixture
async def session() -> AsyncIterator[Session]:
    with child_process(speak) as killable:
        async with serve_scripted(
            voices=VOICES, max_utterances=6, has_alignment=True, resume_tokens=ResumeTokens([KEY])
        ) as stays:
            given = {
                "address": stays.address,
                "killable": killable.address,
                "pid": killable.pid,
                "text": TEXT,
                "first_word": FIRST_WORD,
                "heard_s": (len(FIRST_WORD) + 0.5) * TOKEN_SAMPLES / SAMPLE_RATE,
            }
            yield Session(given, stays.engine)


def pcm(voice: str) -> bytes:
    """What the service makes of TEXT."""
    encoder = AudioEncoder(AudioFormat(encoding=Encoding.PCM_S16LE, sample_rate=SAMPLE_RATE), SAMPLE_RATE)
    return encoder.encode(speech_of_text(TEXT, seed=7, voice=voice), True).data


def begins() -> list[float]:
    """Of the words of TEXT, in seconds."""
    tokens, at = 0, []
    for word in TEXT.split():
        at.append(tokens * TOKEN_SAMPLES / SAMPLE_RATE)
        tokens += len(word) + 1
    return at


def assert_heard(sound: str, voice: str) -> None:
    """Every sample once."""
    heard, spoken = base64.b64decode(sound), pcm(voice)
    assert heard[: len(spoken)] == spoken
    assert not any(heard[len(spoken) :])
    assert len(heard) <= len(spoken) + TAIL_BYTES


async def test_livekit(session: Session, run: Run) -> None:
    told = await run("agents", "livekit_sessions", said=session.given)
    assert_heard(told["killed"]["sound"], "karl")
    words = told["killed"]["words"]
    assert "".join(word for word, _, _ in words) == TEXT
    assert [word.strip() for word, _, _ in words] == TEXT.split()
    assert [begin for _, begin, _ in words] == pytest.approx(begins(), abs=ROUNDED)
    assert all(end < begin for (_, _, end), (_, begin, _) in pairwise(words))
    for sound, voice in zip(told["voices"], ("karl", "anna"), strict=True):
        assert_heard(sound, voice)
    assert told["remembered"] == [FIRST_WORD] * 3, "interrupted, interrupted with a fallback adapter, broken off"
    await session.until_idle()


async def test_pipecat(session: Session, run: Run) -> None:
    told = await run("agents", "pipecat_sessions", said=session.given)
    assert_heard(told["killed"]["sound"], "karl")
    words = told["killed"]["words"]
    assert [word for word, _ in words] == TEXT.split()
    first_s = words[0][1]
    assert [at - first_s for _, at in words] == pytest.approx(begins(), abs=ABOUT)
    await session.until_idle()
