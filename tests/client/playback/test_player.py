"""The player against a device that asks when the test says so."""

from __future__ import annotations

import asyncio
from typing import Any, cast

import numpy as np
import pytest

from client._clock import now_ns
from client.errors import PlaybackUnavailable
from client.playback.buffer import BUFFER_S
from client.playback.device import choose_rate
from client.playback.player import Player
from client.playback.start import Fixed
from tests.client.playback.scripted_device import FADE, LATENCY_S, RATE, Device, ramp


async def test_samples_come_out_as_they_went_in(device: Device, player: Player) -> None:
    await player.write(ramp(1, 31), received_ns=now_ns())
    np.testing.assert_array_equal(device.ask(10), ramp(1, 11))
    np.testing.assert_array_equal(device.ask(20), ramp(11, 31))
    position = player.position()
    assert (position.played_samples, position.buffered_samples, position.underruns) == (30, 0, 0)
    assert position.output_latency_s == LATENCY_S


async def test_silence_before_the_first_sample_is_no_underrun(device: Device, player: Player) -> None:
    assert not device.ask(50).any()
    assert player.position().underruns == 0
    assert player.started_ns is None


async def test_the_prebuffer_hint_delays_the_start(device: Device, player: Player) -> None:
    await player.write(ramp(1, 31), received_ns=now_ns(), prebuffer_hint_s=0.05)
    assert not device.ask(10).any()
    await asyncio.sleep(0.06)
    np.testing.assert_array_equal(device.ask(10), ramp(1, 11))


async def test_a_later_hint_replaces_the_earlier_one(device: Device, player: Player) -> None:
    received_ns = now_ns()
    await player.write(ramp(1, 31), received_ns=received_ns, prebuffer_hint_s=60)
    await player.write(ramp(31, 41), received_ns=received_ns, prebuffer_hint_s=0)
    assert device.ask(10).any()


async def test_the_first_sample_sounds_a_device_latency_after_it_was_given(device: Device, player: Player) -> None:
    await player.write(ramp(1, 31), received_ns=now_ns())
    before = now_ns()
    device.ask(10)
    assert player.started_ns
    assert player.started_ns - before == pytest.approx(LATENCY_S * 1e9, abs=10e6)


async def test_one_gap_is_one_underrun_however_often_the_device_asks(device: Device, player: Player) -> None:
    await player.write(ramp(1, 16), received_ns=now_ns())
    device.ask(10)
    np.testing.assert_array_equal(device.ask(10)[:5], ramp(11, 16))
    assert not device.ask(10).any()
    await player.write(ramp(16, 26), received_ns=now_ns())
    np.testing.assert_array_equal(device.ask(10)[FADE:], ramp(16 + FADE, 26))
    device.ask(10)
    position = player.position()
    assert (position.underruns, position.underrun_s) == (2, 0.025)


async def test_draining_plays_everything_then_silence_for_the_devices_latency(device: Device, player: Player) -> None:
    """PortAudio's ALSA backend drops what the device has not yet sounded when the callback says that it is done: the
    last 26 ms of every utterance were missing. Silence is what may be dropped."""
    await player.write(ramp(1, 16), received_ns=now_ns(), prebuffer_hint_s=60)
    draining = asyncio.create_task(player.drain())
    await asyncio.sleep(0)
    np.testing.assert_array_equal(device.ask(10), ramp(1, 11))
    np.testing.assert_array_equal(device.ask(10)[:5], ramp(11, 16))
    silence = 5
    while not device.stopped:
        silence += len(device.ask(10))
    assert silence >= LATENCY_S * RATE
    await asyncio.wait_for(draining, 1)
    assert player.position().underruns == 0


async def test_draining_without_any_audio_ends(device: Device, player: Player) -> None:
    draining = asyncio.create_task(player.drain())
    await asyncio.sleep(0)
    while not device.stopped:
        device.ask(10)
    await asyncio.wait_for(draining, 1)


async def test_a_full_buffer_makes_the_writer_wait_and_loses_nothing(device: Device, player: Player) -> None:
    total = round(BUFFER_S * RATE) + 200
    writing = asyncio.create_task(player.write(ramp(1, total + 1), received_ns=now_ns()))
    await asyncio.sleep(0.02)
    assert not writing.done()
    heard = [device.ask(500)]
    await asyncio.wait_for(writing, 2)
    while len(heard) * 500 < total:
        heard.append(device.ask(500))
    np.testing.assert_array_equal(np.concatenate(heard)[:total], ramp(1, total + 1))


async def test_leaving_the_block_silences_the_device(device: Device) -> None:
    async with Player(RATE, cast(Any, device)) as player:
        await player.write(ramp(0, 500), received_ns=now_ns())
    assert device.aborted


async def test_a_device_that_does_not_open_says_why_and_what_else_there_is() -> None:
    with pytest.raises(PlaybackUnavailable, match=r"device is busy; --out"):
        async with Player(RATE, cast(Any, Device(broken=True))):
            pass


def test_the_models_own_rate_is_asked_for_where_the_device_takes_it() -> None:
    offered = (8000, 24000, 48000)
    assert choose_rate(24000, offered, 48000, lambda rate: True) == 24000
    assert choose_rate(24000, offered, 48000, lambda rate: rate == 48000) == 48000
    assert choose_rate(24000, offered, 44100, lambda rate: rate in (44100, 8000)) == 8000
    assert choose_rate(24000, offered, 96000, lambda rate: False) == 24000, "and the player resamples"


async def test_the_log_tells_where_sound_was_missing(device: Device, player: Player) -> None:
    await player.write(ramp(1, 11), received_ns=now_ns())
    device.ask(10)
    device.ask(5)
    device.ask(5)
    await player.write(ramp(11, 31), received_ns=now_ns())
    device.ask(10)
    log = player.log()
    assert [(gap.position, gap.missing_samples) for gap in log.underruns] == [(10, 10)]
    assert [write.end_sample for write in log.writes] == [10, 30]
    assert log.opening.length_ns > 0


async def test_the_log_tells_when_the_device_stood_still(device: Device, player: Player) -> None:
    await player.write(ramp(1, 31), received_ns=now_ns())
    device.ask(10)
    await asyncio.sleep(0.2)
    device.ask(10)
    stall = max(player.log().stalls, key=lambda stall: stall.length_ns)
    assert 0.15e9 < stall.length_ns < 0.5e9


async def test_a_gap_has_no_clicks_and_sound_without_a_gap_is_not_touched(device: Device, player: Player) -> None:
    """The sound before a gap cannot be changed, it was played when the gap became known: so it dies away mirrored."""
    level = np.ones(25, dtype=np.float32)
    await player.write(level, received_ns=now_ns())
    before, gap = device.ask(20), device.ask(20)
    np.testing.assert_array_equal([*before, *gap[:5]], level)
    assert (np.diff(gap[4 : 5 + FADE]) < 0).all()
    assert not gap[5 + FADE :].any()
    await player.write(level, received_ns=now_ns())
    after = device.ask(20)
    assert (np.diff(after[: FADE + 1]) > 0).all()
    np.testing.assert_array_equal(after[FADE:], level[FADE:20])
    steps = np.abs(np.diff([*before, *gap, *after]))
    assert steps.max() < 0.3  # of a jump of 1


async def test_the_fade_does_not_depend_on_the_size_of_the_devices_blocks(device: Device) -> None:
    heard = []
    for block in (1, 2, 3, 40):
        async with Player(RATE, cast(Any, device)) as player:
            first = len(device.heard)
            await player.write(ramp(1, 13), received_ns=now_ns())
            for _ in range(24 // block + 1):
                device.ask(block)
            heard.append(np.concatenate(device.heard[first:])[:24])
    for other in heard[1:]:
        np.testing.assert_array_equal(other, heard[0])


async def test_a_fixed_start_does_not_ask_the_server(device: Device) -> None:
    async with Player(RATE, cast(Any, device), start=Fixed(0.0)) as player:
        await player.write(ramp(1, 31), received_ns=now_ns(), prebuffer_hint_s=60)
        np.testing.assert_array_equal(device.ask(10), ramp(1, 11))
