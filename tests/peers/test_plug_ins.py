"""The NVIDIA plug-ins of pipecat and LiveKit, unmodified: twenty turns each, with three interruptions.

All audio arrives, whole and in order; what was interrupted is a beginning of what was spoken. The engine is free soon
after a cancel that reaches it. LiveKit's plug-in sends none: it hears out what it no longer wants.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.peers.conftest import Doors, Run, Spoken

pytestmark = [pytest.mark.slow, pytest.mark.plug_ins, pytest.mark.timeout(600)]

SHORT = ("The kettle is boiling.", "Would you like some tea?", "It is half past nine.", "Yes, of course. I will see.")
LONG = (
    "There is a lot to say about this, and most of it has been said before by people who know better. "
    "Still, let us begin at the beginning, and go on until we come to the end. Then we stop."
)
INTERRUPTED = (4, 11, 17)  # turns
TURNS = [(LONG, 0.3) if number in INTERRUPTED else (SHORT[number % 4], None) for number in range(20)]
FREE_S = 0.05


def turns_of(spoken: list[Spoken], told: list[dict[str, Any]]) -> list[list[Spoken]]:
    """The utterances of each turn, by when they began."""
    begins = [turn["begun"] for turn in told]
    return [
        [one for one in spoken if begin <= one.submitted < end]
        for begin, end in zip(begins, [*begins[1:], float("inf")], strict=True)
    ]


def assert_heard(doors: Doors, told: list[dict[str, Any]], folder: Path, rate: int) -> None:
    for number, utterances in enumerate(turns_of(list(doors.engine.spoken.values()), told)):
        heard = (folder / f"{number}.pcm").read_bytes()
        spoken = b"".join(one.pcm(rate) for one in utterances)
        assert heard, number
        if number in INTERRUPTED:
            assert spoken.startswith(heard), number
            assert len(heard) < len(spoken) or not utterances[-1].ended, number
        else:
            assert heard == spoken, number


@pytest.mark.parametrize("mode", ["per_sentence", "stitched"])
async def test_pipecat(doors: Doors, run: Run, tmp_path: Path, mode: str) -> None:
    told = await run("pipecat", "pipecat_turns", doors.address, tmp_path, mode, said=TURNS)
    assert told["errors"] == []
    assert told["rates"] == [24_000]
    doors.engine.settle()
    assert_heard(doors, told["turns"], tmp_path, 24_000)
    freed = [one.freed_s for one in doors.engine.spoken.values() if one.freed_s is not None]
    assert 1 <= len(freed) <= len(INTERRUPTED)
    assert max(freed) < FREE_S, freed
    print(f"pipecat {mode}: free after", [f"{1000 * s:.1f} ms" for s in freed])  # noqa: T201


async def test_livekit(doors: Doors, run: Run, tmp_path: Path) -> None:
    told = await run("livekit", "livekit_turns", doors.address, tmp_path, said=TURNS)
    assert told["voices"] == {"en": {"voices": ["Gapless.anna", "Gapless.karl"]}}
    assert_heard(doors, told["turns"], tmp_path, 16_000)
    assert all(one.ended for one in doors.engine.spoken.values()), (
        "LiveKit's plug-in cancels now; say so in docs/riva.md"
    )
