"""A device that is lost, comes back, or is another one of another rate."""

from __future__ import annotations

import asyncio
from typing import Any, cast

import numpy as np
import pytest

from client._clock import now_ns
from client.errors import PlaybackUnavailable
from client.playback import player as players
from client.playback.player import Player
from tests.client.playback.scripted_device import FADE, LATENCY_S, RATE, Device, ramp


async def test_a_lost_device_is_opened_again_and_the_sound_goes_on(device: Device, player: Player) -> None:
    """From the last sample that surely sounded: those that the device was given within its latency may be gone."""
    await player.write(ramp(0, 200), received_ns=now_ns())
    device.ask(100)
    device.lose()
    await asyncio.wait_for(device.opened.wait(), 1)
    resumed = np.concatenate([device.heard[-1], device.ask(40)])  # it asked for the first block when it was opened
    again = round(LATENCY_S * RATE)
    np.testing.assert_array_equal(resumed[FADE:], ramp(100 - again + FADE, 100 - again + 50))
    assert player.position().played_samples == 100 - again + 50
    await player.write(ramp(200, 210), received_ns=now_ns())
    np.testing.assert_array_equal(device.ask(80)[-10:], ramp(200, 210))
    assert player.position().underruns == 0


async def test_the_log_tells_of_the_loss_and_how_long_the_sound_stood_still(device: Device, player: Player) -> None:
    await player.write(ramp(0, 200), received_ns=now_ns())
    device.ask(50)
    device.broken = True
    device.lose()
    await asyncio.sleep(0.2)
    device.broken = False
    await asyncio.wait_for(device.opened.wait(), 2)
    while not (log := player.log()).losses:
        await asyncio.sleep(0.001)
    (loss,) = log.losses
    stall = max(log.stalls, key=lambda stall: stall.common(loss).length_ns)
    assert 0.2e9 < loss.length_ns < 2e9
    assert stall.common(loss).length_ns > 0.15e9
    assert device.looks, "another device may have come"


async def test_a_device_that_does_not_come_back_is_an_error(
    device: Device, player: Player, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(players, "GIVE_UP_S", 0.1)
    await player.write(ramp(0, 200), received_ns=now_ns())
    device.broken = True
    device.lose()
    with pytest.raises(PlaybackUnavailable, match="lost"):
        await asyncio.wait_for(player.drain(), 2)
    with pytest.raises(PlaybackUnavailable, match="lost"):
        await player.write(ramp(0, 10), received_ns=now_ns())


async def test_a_device_that_goes_silently_is_missed(
    device: Device, player: Player, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(players, "LOST_S", 0.1)
    async with Player(RATE, cast(Any, device)) as quiet:
        device.opened.clear()
        await quiet.write(ramp(0, 200), received_ns=now_ns())
        await asyncio.wait_for(device.opened.wait(), 2)


async def test_a_device_of_another_rate_gets_resampled_sound(device: Device) -> None:
    """A tone of 50 Hz stays one, as long and as loud, however it was cut; positions are those of the utterance."""
    device.takes = 2205
    tone = np.sin(2 * np.pi * 50 * np.arange(2000) / RATE).astype(np.float32)
    async with Player(RATE, cast(Any, device)) as player:
        first = len(device.heard)
        for cut in range(0, 2000, 130):
            await player.write(tone[cut : cut + 130], received_ns=now_ns())
        draining = asyncio.create_task(player.drain())
        await asyncio.sleep(0)
        device.ask(2205)
        assert player.position().played_samples == 1000
        device.ask_until_it_may_stop()
        await draining
    heard = np.concatenate(device.heard[first:])
    expected = np.sin(2 * np.pi * 50 * np.arange(4410) / 2205)
    inside = slice(200, 4210)
    np.testing.assert_allclose(heard[:4410][inside], expected[inside], atol=0.01)
    assert not heard[4420:].any()
    assert player.position().played_samples == 2000
    assert [write.end_sample for write in player.log().writes][-1] == 2000


async def test_another_device_of_another_rate_takes_the_sound_over(device: Device, player: Player) -> None:
    tone = np.sin(2 * np.pi * 10 * np.arange(1000) / RATE).astype(np.float32)
    await player.write(tone, received_ns=now_ns())
    device.ask(300)
    device.takes = 2000
    device.lose()
    await asyncio.wait_for(device.opened.wait(), 1)
    heard = np.concatenate([device.heard[-1], device.ask(1000)])
    begin = 300 - round(LATENCY_S * RATE)
    expected = np.sin(2 * np.pi * 10 * (begin + np.arange(len(heard)) / 2) / RATE)
    np.testing.assert_allclose(heard[100:], expected[100:], atol=0.01)
    assert player.position().played_samples == begin + len(heard) // 2


async def test_a_device_that_still_stands_still_is_in_the_log(device: Device, player: Player) -> None:
    device.ask(10)
    await asyncio.sleep(0.2)
    assert player.log().stalls
