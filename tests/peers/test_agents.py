"""The example agents of docs/pipecat.md and docs/livekit.md, in the real frameworks: turns that are interrupted at a
random moment, and what the conversation remembers of each."""

from __future__ import annotations

import math
import os
import random
import re
import statistics
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from engine.messages import Word
from tests.peers.conftest import Doors, Run, Spoken

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]

TURNS = int(os.environ.get("GAPLESS_TURNS", "0"))  # that are interrupted; 0: a few, of a scripted engine only

ANSWER = "Number {}: there is a lot to say about this, and most of it has been said before, by people who know better."
SHORT_ANSWER = "Number {}: that is all."
RATE = 24_000  # Hz
FREE_S = 0.05
LATER_S = 0.05
# Pipecat counts a word's time from the moment at which it hands on a turn's first audio, so what its output holds by
# then is ahead of the sound; LiveKit counts in samples that were heard.
AHEAD_S = {"pipecat": 0.04, "livekit": 0.0}

Script = list[tuple[str, float | None]]


def script(interrupted: int, longest_s: float, whole_every: int) -> Script:
    """Answers, and when each is interrupted. Whole turns between them are short."""
    dice = random.Random(21)
    turns: Script = []
    for _ in range(interrupted):
        turns.append((ANSWER.format(len(turns)), dice.uniform(0.1, longest_s)))
        if len(turns) % (whole_every + 1) == whole_every:
            turns.append((SHORT_ANSWER.format(len(turns)), None))
    return turns


def letters(text: str) -> str:
    return re.sub(r"\W+", "", text).lower()


@dataclass(frozen=True)
class Turn:
    """An interrupted one."""

    words: list[Word]  # as the engine placed them
    heard: int  # samples
    remembered: str
    ahead: int  # samples, by which the framework's clock of words may be ahead of the sound

    @property
    def allowed(self) -> list[str]:
        """A word that straddles the moment may go either way."""
        least = sum(word.end_sample <= self.heard for word in self.words)
        most = sum(word.start_sample < self.heard + self.ahead for word in self.words)
        return ["".join(letters(word.word) for word in self.words[:count]) for count in range(least, most + 1)]

    @property
    def is_right(self) -> bool:
        return letters(self.remembered) in self.allowed

    def __str__(self) -> str:
        return f"heard {self.heard / RATE:.3f} s, {self.remembered!r} is none of {self.allowed}"


async def converse(
    doors: Doors, run: Run, folder: Path, framework: str, turns: Script
) -> tuple[list[Turn], list[dict[str, Any]], list[Spoken]]:
    told = await run("agents", "agent_turns", framework, doors.address, folder, said=turns)
    doors.engine.settle()
    spoken = list(doors.engine.spoken.values())
    assert [letters(one.text)[:8] for one in spoken] == [letters(answer)[:8] for answer, _ in turns]
    interrupted = []
    for number, ((answer, interrupted_s), turn, one) in enumerate(zip(turns, told, spoken, strict=True)):
        if interrupted_s is None:
            assert letters(turn["remembered"]) == letters(answer)
        else:
            heard = len((folder / f"{number}.pcm").read_bytes()) // 2
            ahead = round((AHEAD_S[framework] + (turn["silent_s"] if AHEAD_S[framework] else 0.0)) * RATE)
            interrupted.append(Turn(one.words, heard, turn["remembered"], ahead))
    return interrupted, told, spoken


def judge(framework: str, turns: Script, seen: tuple[list[Turn], list[dict[str, Any]], list[Spoken]]) -> None:
    interrupted, told, spoken = seen
    wrong = [str(turn) for turn in interrupted if not turn.is_right]
    freed = [one.freed_s for one in spoken if one.freed_s is not None]
    after = [turn["first_sound_s"] for turn, (_, cut) in zip(told[1:], turns, strict=False) if cut is not None]
    others = [turn["first_sound_s"] for turn, (_, cut) in zip(told[1:], turns, strict=False) if cut is None]
    figures = {
        "interrupted": len(interrupted),
        "right": len(interrupted) - len(wrong),
        "cancelled in the middle": len(freed),
        "free after, worst, ms": round(1000 * max(freed, default=0), 1),
        "first sound after an interruption, median, ms": round(1000 * statistics.median(after)),
        "first sound after a whole turn, median, ms": round(1000 * statistics.median(others)),
        "holes in what was heard, worst, ms": round(1000 * max(turn["silent_s"] for turn in told)),
    }
    print(framework, figures)  # noqa: T201
    assert wrong == []
    assert max(freed, default=0) < FREE_S, freed
    assert statistics.median(after) - statistics.median(others) < LATER_S + 2 * _uncertainty(after, others), figures


def _uncertainty(*samples: list[float]) -> float:
    """The standard error of the difference of two medians."""
    return math.sqrt(sum(math.pi / 2 * statistics.variance(one) / len(one) for one in samples))


@pytest.mark.real_time
@pytest.mark.parametrize("framework", ["pipecat", "livekit"])
async def test_the_conversation_remembers_what_was_heard_of_tones(
    scripted_doors: Doors, run: Run, tmp_path: Path, framework: str
) -> None:
    turns = script(interrupted=TURNS or 7, longest_s=1.5, whole_every=3)
    judge(framework, turns, await converse(scripted_doors, run, tmp_path, framework, turns))


@pytest.mark.plug_ins
@pytest.mark.skipif(not TURNS, reason="takes minutes: make peers")
@pytest.mark.parametrize("framework", ["pipecat", "livekit"])
async def test_the_conversation_remembers_what_was_heard_of_speech(
    doors: Doors, run: Run, tmp_path: Path, framework: str
) -> None:
    turns = script(interrupted=TURNS, longest_s=3.0, whole_every=4)
    judge(framework, turns, await converse(doors, run, tmp_path, framework, turns))
