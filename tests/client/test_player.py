"""The player against a device that asks when the test says so, and that may be lost."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pytest
from numpy.typing import NDArray

from client import player as players
from client.clock import now_ns
from client.deck import BUFFER_S
from client.device import choose_rate
from client.errors import PlaybackUnavailable, UtteranceClosed
from client.fade import FADE_S
from client.player import Player, barge_in
from client.playout import Fixed
from client.utterance import Utterance

RATE = 1000  # Hz
LATENCY_S = 0.02
BLOCK = 10  # samples
FADE = round(FADE_S * RATE)  # samples
INVALID_SAMPLE_RATE = -9997


class CallbackStop(Exception):
    pass


class PortAudioError(Exception):
    pass


@dataclass
class Device:
    """Stands in for the module `sounddevice` and its one stream; `ask` is the device wanting samples."""

    broken: bool = False
    takes: int = RATE
    latency: float = LATENCY_S
    aborted: bool = False
    stopped: bool = False
    looks: int = 0  # at the list of devices
    opened: asyncio.Event = field(default_factory=asyncio.Event)
    heard: list[NDArray[np.float32]] = field(default_factory=list)
    PortAudioError = PortAudioError
    CallbackStop = CallbackStop

    def OutputStream(  # noqa: N802
        self, *, samplerate: int, callback: Callable[..., None], finished_callback: Callable[[], None], **format: Any
    ) -> Device:
        if self.broken:
            raise PortAudioError("device is busy")
        if samplerate != self.takes:
            raise PortAudioError("Invalid sample rate", INVALID_SAMPLE_RATE)
        assert format == {"channels": 1, "dtype": "float32"}
        self._callback, self._finished = callback, finished_callback
        return self

    def query_devices(self, kind: str) -> dict[str, float]:
        return {"default_samplerate": float(self.takes)}

    def start(self) -> None:
        self.ask(BLOCK)  # a device asks at once, long before there is audio
        self._loop.call_soon_threadsafe(self.opened.set)

    def abort(self, ignore_errors: bool) -> None:
        self.aborted = True

    def close(self, ignore_errors: bool) -> None:
        pass

    def ask(self, frames: int = BLOCK) -> NDArray[np.float32]:
        out = np.full((frames, 1), np.nan, dtype=np.float32)
        time = SimpleNamespace(currentTime=5.0, outputBufferDacTime=5.0 + LATENCY_S)
        try:
            self._callback(out, frames, time, None)
        except CallbackStop:
            self.stopped = True
            self._finished()
        assert not np.isnan(out).any(), "every sample is filled"
        self.heard.append(out[:, 0])
        return out[:, 0]

    def ask_until_it_may_stop(self) -> NDArray[np.float32]:
        first = len(self.heard)
        while not self.stopped:
            self.ask()
        return np.concatenate(self.heard[first:])

    def lose(self) -> None:
        """Pulls the plug."""
        self.opened.clear()
        self._finished()

    def _terminate(self) -> None:
        self.looks += 1

    def _initialize(self) -> None:
        pass

    async def here(self) -> None:
        self._loop = asyncio.get_running_loop()


@pytest.fixture
async def device() -> Device:
    made = Device()
    await made.here()
    return made


@pytest.fixture
async def player(device: Device) -> AsyncIterator[Player]:
    async with Player(RATE, cast(Any, device)) as opened:
        yield opened


def ramp(start: int, stop: int) -> NDArray[np.float32]:
    return np.arange(start, stop, dtype=np.float32)


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
