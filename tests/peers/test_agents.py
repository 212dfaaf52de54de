"""The example agents of docs/pipecat.md and docs/livekit.md, in the real frameworks: fifty turns, forty-five of them
interrupted at a random moment, and what the conversation remembers of each."""

from __future__ import annotations

import random
import re
import statistics
from pathlib import Path

import pytest

from engine.messages import Word
from tests.peers.conftest import Doors, Run

pytestmark = [pytest.mark.slow, pytest.mark.plug_ins, pytest.mark.timeout(600)]

ANSWER = "Number {}: there is a lot to say about this, and most of it has been said before, by people who know better."
TURNS = 50
FREE_S = 0.05
RATE = 24_000  # Hz
STRADDLES_S = 0.12  # a word so near to the moment may go either way: blocks of the output, and a machine that is busy
LATER_S = 0.05


def script() -> list[tuple[str, float | None]]:
    dice = random.Random(21)
    return [(ANSWER.format(n), None if n % 10 == 9 else dice.uniform(0.1, 3.0)) for n in range(TURNS)]


def letters(text: str) -> str:
    return re.sub(r"\W+", "", text).lower()


def may_be_remembered(words: list[Word], heard: int, spare: int = 0) -> set[str]:
    """Every text that a conversation may hold after so many samples. `spare`: words that it may be ahead or behind, by
    the clocks of the frameworks, which are not those of their outputs."""
    slack = round(STRADDLES_S * RATE)
    least = sum(word.end_sample <= heard - slack for word in words)
    most = sum(word.start_sample < heard + slack for word in words)
    return {
        letters("".join(word.word for word in words[:count]))
        for count in range(max(0, least - spare), most + spare + 1)
    }


@pytest.mark.parametrize("framework", ["pipecat", "livekit"])
async def test_the_conversation_remembers_what_was_heard(
    doors: Doors, run: Run, tmp_path: Path, framework: str
) -> None:
    turns = script()
    told = await run("agents", f"{framework}_agent_turns", doors.address, tmp_path, said=turns)
    doors.engine.settle()
    spoken = list(doors.engine.spoken.values())
    assert [letters(one.text)[:8] for one in spoken] == [letters(answer)[:8] for answer, _ in turns]
    wrong, inexact = [], 0
    for number, ((answer, interrupted_s), turn, one) in enumerate(zip(turns, told, spoken, strict=True)):
        heard = len((tmp_path / f"{number}.pcm").read_bytes()) // 2
        remembered = letters(turn["remembered"])
        if interrupted_s is None:
            assert remembered == letters(answer), turn["remembered"]
        elif remembered not in may_be_remembered(one.words, heard, spare=1):
            wrong.append((number, heard / RATE, turn["remembered"]))
        inexact += interrupted_s is not None and remembered not in may_be_remembered(one.words, heard)
    assert wrong == []
    freed = [one.freed_s for one in spoken if one.freed_s is not None]
    assert max(freed, default=0) < FREE_S, freed
    after = [turn["first_sound_s"] for turn, (_, cut) in zip(told[1:], turns, strict=False) if cut is not None]
    others = [turn["first_sound_s"] for turn, (_, cut) in zip(told[1:], turns, strict=False) if cut is None]
    assert statistics.median(after) < statistics.median(others) + LATER_S
    figures = {
        "interrupted": sum(cut is not None for _, cut in turns),
        "a word ahead or behind": inexact,
        "cancelled in the middle": len(freed),
        "free after, worst, ms": round(1000 * max(freed, default=0), 1),
        "first sound after an interruption, median, ms": round(1000 * statistics.median(after)),
        "first sound after a whole turn, median, ms": round(1000 * statistics.median(others)),
    }
    print(framework, figures)  # noqa: T201
