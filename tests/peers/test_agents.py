"""The example agents of docs/pipecat.md and docs/livekit.md, in the real frameworks: turns that are interrupted at a
random moment, and what the conversation remembers of each."""

from __future__ import annotations

import math
import os
import random
import re
import statistics
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

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
    """One of the conversation: what the framework said of it, and what the engine spoke."""

    number: int
    answer: str
    interrupted_s: float | None  # None: heard to its end
    told: dict[str, Any]
    spoken: Spoken
    heard: int  # samples
    ahead: int  # samples, by which the framework's clock of words may be ahead of the sound

    @property
    def allowed(self) -> list[str]:
        """What may be remembered. A word that straddles the moment may go either way."""
        if self.interrupted_s is None:
            return [letters(self.answer)]
        words = self.spoken.words
        least = sum(word.end_sample <= self.heard for word in words)
        most = sum(word.start_sample < self.heard + self.ahead for word in words)
        return ["".join(letters(word.word) for word in words[:count]) for count in range(least, most + 1)]

    @property
    def is_right(self) -> bool:
        return letters(self.told["remembered"]) in self.allowed

    def __str__(self) -> str:
        moment = (
            "whole" if self.interrupted_s is None else f"interrupted {self.interrupted_s:.3f} s after its first sound"
        )
        words = [
            f"{word.word} {word.start_sample / RATE:.2f}-{word.end_sample / RATE:.2f}" for word in self.spoken.words
        ]
        return (
            f"turn {self.number}, {moment}, heard {self.heard / RATE:.3f} s: {self.told} is none of {self.allowed}; "
            f"spoken: {', '.join(words)}"
        )


async def converse(doors: Doors, run: Run, folder: Path, framework: str, turns: Script) -> list[Turn]:
    told = await run("agents", "agent_turns", framework, doors.address, folder, said=turns)
    doors.engine.settle()
    spoken = list(doors.engine.spoken.values())
    assert [letters(one.text)[:8] for one in spoken] == [letters(answer)[:8] for answer, _ in turns]
    conversation = []
    for number, ((answer, interrupted_s), turn, one) in enumerate(zip(turns, told, spoken, strict=True)):
        heard = len((folder / f"{number}.pcm").read_bytes()) // 2
        ahead = round((AHEAD_S[framework] + (turn["silent_s"] if AHEAD_S[framework] else 0.0)) * RATE)
        conversation.append(Turn(number, answer, interrupted_s, turn, one, heard, ahead))
    return conversation


def judge(framework: str, conversation: list[Turn]) -> None:
    """All turns and times are printed before anything fails."""
    interrupted = [turn for turn in conversation if turn.interrupted_s is not None]
    wrong = [str(turn) for turn in conversation if not turn.is_right]
    freed = [turn.spoken.freed_s for turn in conversation if turn.spoken.freed_s is not None]
    followed = list(pairwise(conversation))
    after = [turn.told["first_sound_s"] for before, turn in followed if before.interrupted_s is not None]
    others = [turn.told["first_sound_s"] for before, turn in followed if before.interrupted_s is None]
    later_s = statistics.median(after) - statistics.median(others)
    figures = {
        "interrupted": len(interrupted),
        "right": sum(turn.is_right for turn in interrupted),
        "cancelled in the middle": len(freed),
        "free after, worst, ms": milliseconds([max(freed, default=0.0)]),
        "first sound after an interruption, median, ms": milliseconds([statistics.median(after)]),
        "first sound after a whole turn, median, ms": milliseconds([statistics.median(others)]),
        "holes in what was heard, worst, ms": milliseconds([max(turn.told["silent_s"] for turn in conversation)]),
        "free after, ms": milliseconds(freed),
        "first sound after an interruption, ms": milliseconds(after),
        "first sound after a whole turn, ms": milliseconds(others),
    }
    print(framework, *(f"  {name}: {value}" for name, value in figures.items()), *wrong, sep="\n")  # noqa: T201
    failures = [*wrong]
    if max(freed, default=0.0) >= FREE_S:
        failures.append(f"free too late: {milliseconds(freed)} ms")
    if later_s >= LATER_S + 2 * _uncertainty(after, others):
        failures.append(f"first sound {1000 * later_s:.0f} ms later after an interruption")
    assert failures == []


def milliseconds(seconds: list[float]) -> str:
    return ", ".join(f"{1000 * one:.1f}" for one in sorted(seconds))


def _uncertainty(*samples: list[float]) -> float:
    """The standard error of the difference of two medians."""
    return math.sqrt(sum(math.pi / 2 * statistics.variance(one) / len(one) for one in samples))


@pytest.mark.real_time
@pytest.mark.parametrize("framework", ["pipecat", "livekit"])
async def test_the_conversation_remembers_what_was_heard_of_tones(
    scripted_doors: Doors, run: Run, tmp_path: Path, framework: str
) -> None:
    turns = script(interrupted=TURNS or 7, longest_s=1.5, whole_every=3)
    judge(framework, await converse(scripted_doors, run, tmp_path, framework, turns))


@pytest.mark.plug_ins
@pytest.mark.skipif(not TURNS, reason="takes minutes: make peers")
@pytest.mark.parametrize("framework", ["pipecat", "livekit"])
async def test_the_conversation_remembers_what_was_heard_of_speech(
    doors: Doors, run: Run, tmp_path: Path, framework: str
) -> None:
    turns = script(interrupted=TURNS, longest_s=3.0, whole_every=4)
    judge(framework, await converse(doors, run, tmp_path, framework, turns))
