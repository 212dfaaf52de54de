"""The attacks themselves: all of them reach the server, and a handful is tried beside a neighbour on every change."""

from __future__ import annotations

import asyncio
import subprocess
import sys

import pytest

from benchmarks.attack.beside import beside
from benchmarks.attack.kinds import KINDS, SHORT
from benchmarks.attack.messages import with_unknown_field
from benchmarks.attack.target import Target
from benchmarks.attack.texts import CHARS, TEXTS
from gapless.tts.v1 import tts_pb2 as pb
from tests.service.conftest import Served

OTHERS = "garbage in place of a message", "CreateVoice, trickling", "calls given up at once"


def test_there_are_many_kinds_and_the_short_form_is_some_of_them() -> None:
    assert len(KINDS) >= 25
    assert set(SHORT) < set(KINDS)


def test_odd_texts_are_as_long_as_a_text_may_be() -> None:
    assert {len(text) for text in TEXTS.values()} == {CHARS}


def test_unknown_fields_are_passed_over_by_who_reads_them() -> None:
    data = with_unknown_field(pb.SynthesizeRequest(text=pb.Text(text="Hello.")), 300)
    assert len(data) > 300
    assert pb.SynthesizeRequest.FromString(data).text.text == "Hello."


@pytest.mark.parametrize("kind", [*SHORT, *OTHERS])
async def test_calls_end_with_a_canonical_code(kind: str, served: Served) -> None:
    """`make attack` looks at all kinds; some take seconds."""
    target = Target(served.address)
    outcomes = await KINDS[kind](target)
    await target.channel.close(0)
    assert outcomes.total() > 0
    assert not {"INTERNAL", "UNKNOWN"} & set(outcomes)


@pytest.mark.parametrize("kind", ["sockets with garbage", "pings"])
async def test_an_attacker_whose_rounds_wait_for_nothing_ends_when_it_is_told(kind: str, served: Served) -> None:
    """It never heard of the end, and the attack on a service was one for ever."""
    async with asyncio.timeout(20), beside("benchmarks.attack.attacker", kind, served.address) as outcomes:
        await asyncio.sleep(0.2)
    assert outcomes["sent"] > 0


@pytest.mark.slow
@pytest.mark.real_time
@pytest.mark.timeout(240)
def test_a_neighbour_notices_nothing_of_the_worst_kinds() -> None:
    """With slack: what was mended here took seconds, and the machine of a test is not quiet."""
    command = [sys.executable, "-m", "benchmarks.attack", "--short", "--seconds", "1.5", "--slack", "10"]
    done = subprocess.run([*command, "--", "--max-utterances", "8"], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
