"""Barge-in: the sound ends with the next block, and the server learns how much was heard."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import Any, cast

import numpy as np

from client._clock import now_ns
from client.errors import UtteranceClosed
from client.playback.player import Player, barge_in
from client.utterance import Utterance
from tests.client.playback.scripted_device import FADE, RATE, Device, ramp


async def test_barge_in_silences_the_devices_next_block(device: Device, player: Player) -> None:
    await player.write(np.ones(500, dtype=np.float32), received_ns=now_ns())
    device.ask(20)
    position = player.stop()
    assert (position.played_samples, position.buffered_samples) == (20, 480)
    after = device.ask_until_it_may_stop()
    assert (np.diff(after[: FADE + 1]) < 0).all(), "without a click"
    assert not after[FADE:].any()
    await player.write(np.ones(500, dtype=np.float32), received_ns=now_ns())
    await asyncio.wait_for(player.drain(), 1)
    assert (player.position().played_samples, player.position().underruns) == (20, 0)


async def test_barge_in_before_the_sound_began_is_silence(device: Device, player: Player) -> None:
    await player.write(ramp(1, 31), received_ns=now_ns(), prebuffer_hint_s=60)
    player.stop()
    assert not device.ask_until_it_may_stop().any()
    assert (player.position().played_samples, player.started_ns) == (0, None)


async def test_barge_in_lets_a_writer_go_who_waits_for_room(device: Device, player: Player) -> None:
    writing = asyncio.create_task(player.write(ramp(0, 32 * RATE), received_ns=now_ns()))
    await asyncio.sleep(0.02)
    assert not writing.done()
    player.stop()
    await asyncio.wait_for(writing, 3)


@dataclass
class Told:
    """Stands in for an utterance: the reports that the server got."""

    over: bool = False
    reports: list[dict[str, Any]] = field(default_factory=list)

    async def report_playback(self, **report: Any) -> None:
        if self.over:
            raise UtteranceClosed("the utterance has ended")
        self.reports.append(report)


async def test_barge_in_tells_the_server_how_much_was_heard(device: Device, player: Player) -> None:
    told = Told()
    await player.write(ramp(0, 500), received_ns=now_ns())
    device.ask(20)
    stopping = asyncio.create_task(barge_in(player, cast(Utterance, told)))
    await asyncio.sleep(0)
    device.ask_until_it_may_stop()
    await stopping
    (report,) = told.reports
    assert (report["stopped"], report["played_samples"], report["buffered_samples"]) == (True, 20, 480)


async def test_barge_in_after_the_call_waits_until_all_is_quiet_too(device: Device, player: Player) -> None:
    """It left at once when the server had sent everything: the device was cut off in the midst of what it had taken,
    35 ms before the place that the program was told."""
    await player.write(ramp(0, 500), received_ns=now_ns())
    device.ask(20)
    stopping = asyncio.create_task(barge_in(player, cast(Utterance, Told(over=True))))
    await asyncio.sleep(0.02)
    assert not stopping.done()
    device.ask_until_it_may_stop()
    assert (await asyncio.wait_for(stopping, 1)).played_samples == 20
