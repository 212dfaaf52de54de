"""The NVIDIA plug-ins of pipecat and LiveKit, unmodified: twenty turns each, with three interruptions.

All audio arrives, whole and in order; what was interrupted is a beginning of what was spoken. The engine is free soon
after a cancel that reaches it. LiveKit's plug-in sends none: it hears out what it no longer wants.
"""

from __future__ import annotations

import asyncio
import re
from pathlib import Path

import pytest

from tests.peers.conftest import Doors, Run

pytestmark = [pytest.mark.slow, pytest.mark.plug_ins, pytest.mark.timeout(600)]

SHORT = "Number {}: the kettle is boiling."
LONG = (
    "Number {0}: there is a lot to say about this, and most of it has been said before by people who know better. "
    "Still, number {0}, let us begin at the beginning, and go on until we come to the end. Then, number {0}, we stop."
)
INTERRUPTED = (4, 11, 17)  # turns
TURNS = [(LONG.format(n), 0.3) if n in INTERRUPTED else (SHORT.format(n), None) for n in range(20)]
FREE_S = 0.05


def assert_heard(doors: Doors, folder: Path, rate: int) -> None:
    """LiveKit speaks what nobody hears any more beside the next turn, so turns are told apart by their numbers."""
    for number in range(len(TURNS)):
        turn = [one for one in doors.engine.spoken.values() if re.search(rf"(?i)number {number}\b", one.text)]
        heard = (folder / f"{number}.pcm").read_bytes()
        spoken = b"".join(one.pcm(rate) for one in turn)
        assert heard, number
        if number in INTERRUPTED:
            assert spoken.startswith(heard), number
            assert len(heard) < len(spoken) or not turn[-1].ended, number
        else:
            assert heard == spoken, number


@pytest.mark.parametrize("mode", ["per_sentence", "stitched"])
async def test_pipecat(doors: Doors, run: Run, tmp_path: Path, mode: str) -> None:
    told = await run("pipecat", "pipecat_turns", doors.address, tmp_path, mode, said=TURNS)
    assert told["errors"] == []
    assert told["rates"] == [24_000]
    doors.engine.settle()
    assert_heard(doors, tmp_path, 24_000)
    freed = [one.freed_s for one in doors.engine.spoken.values() if one.freed_s is not None]
    assert 1 <= len(freed) <= len(INTERRUPTED)
    assert max(freed) < FREE_S, freed
    print(f"pipecat {mode}: free after", [f"{1000 * s:.1f} ms" for s in freed])  # noqa: T201


async def all_spoken(doors: Doors) -> None:
    async with asyncio.timeout(60):
        while doors.engine.stats().utterances:
            await asyncio.sleep(0.05)


async def test_livekit(doors: Doors, run: Run, tmp_path: Path) -> None:
    told = await run("livekit", "livekit_turns", doors.address, tmp_path, said=TURNS)
    assert told["voices"] == {"en-US": {"voices": ["Gapless.anna", "Gapless.karl"]}}
    await all_spoken(doors)
    assert_heard(doors, tmp_path, 16_000)
    unheard = [one for one in doors.engine.spoken.values() if re.search(r"(?i)number (4|11)\b", one.text)]
    assert len(unheard) == 6
    assert all(one.ended for one in unheard), "the plug-in cancels now: mend docs/riva.md"
