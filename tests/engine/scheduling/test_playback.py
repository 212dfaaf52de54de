"""The arithmetic of continuous playback, by hand and by simulation."""

from __future__ import annotations

from dataclasses import replace

import pytest

from engine.scheduling.playback import Machine, Stretch, first_window, lateness, latest, least_prebuffer, windows

TOKEN_S = 0.04


def machine(token_s: float, window_s: float = 0.0, held_back_s: float = 0.0, largest: int = 25) -> Machine:
    return Machine(
        token_s=token_s,
        flow_s=lambda tokens: window_s,
        audio_s=TOKEN_S,
        held_back_s=held_back_s,
        lookahead=3,
        largest=largest,
    )


def test_the_least_prebuffer_of_chunks_that_are_always_early_is_nothing() -> None:
    assert least_prebuffer([1.0, 1.2, 1.4], [0.5, 0.5, 0.5]) == 0.0


def test_the_least_prebuffer_is_what_the_latest_chunk_lacks() -> None:
    """The second is 0.2 s late, the third 0.3 s; what a fourth gains does not help."""
    assert least_prebuffer([1.0, 1.7, 2.3, 2.4], [0.5, 0.5, 0.5, 0.5]) == pytest.approx(0.3)


def test_all_tokens_are_spoken_once() -> None:
    for token_s in (0.0, 0.01, 0.04, 0.06):
        for coming in (1, 3, 4, 28, 100):
            ready, durations = windows(machine(token_s, 0.05, 0.08), [Stretch(0, coming)], 6)
            assert sum(durations) == pytest.approx(coming * TOKEN_S), (token_s, coming)
            assert ready == sorted(ready)


def test_a_window_waits_for_its_lookahead_but_not_at_the_end() -> None:
    ready, _ = windows(machine(0.1), [Stretch(0, 10)], 6)
    assert ready[0] == pytest.approx(0.9)
    ready, _ = windows(machine(0.1), [Stretch(0, 6)], 6)
    assert ready == [pytest.approx(0.7)]  # with the stop token


def test_faster_than_speech_needs_no_prebuffer() -> None:
    fast = machine(0.02, 0.02)
    assert lateness(*windows(fast, [Stretch(3, 100, begun=True)]), from_s=0.24) == 0.0


@pytest.mark.parametrize("rtf", [1.1, 1.3, 2.0])
def test_slower_than_speech_needs_about_the_share_that_is_missing(rtf: float) -> None:
    """P* grows to about (s - 1) * L, less what was sent already; the last tokens wait for the stop token."""
    slow, tokens = machine(rtf * TOKEN_S), 250
    needed = lateness(*windows(slow, [Stretch(3, tokens, begun=True)]), from_s=0.24)
    assert needed == pytest.approx((rtf - 1) * tokens * TOKEN_S - 0.24, abs=5 * rtf * TOKEN_S)


def test_the_first_window_is_as_small_as_the_next_one_allows() -> None:
    """With a window costing 200 ms, 200 ms of sound must be there when the second is begun: 5 tokens and some."""
    costly, cheap = machine(0.02, window_s=0.2), machine(0.02, window_s=0.01)
    assert first_window(cheap, coming=100, least=2) < first_window(costly, coming=100, least=2)
    size = first_window(costly, coming=100, least=2)
    ready, durations = windows(costly, [Stretch(0, 100)], size)
    assert least_prebuffer(ready, durations) < 0.03


def test_what_the_vocoder_holds_back_makes_the_first_window_larger() -> None:
    plain, holding = machine(0.03, 0.05), machine(0.03, 0.05, held_back_s=0.4)
    assert first_window(holding, coming=100, least=2) > first_window(plain, coming=100, least=2)


def test_an_utterance_shorter_than_a_first_window_starts_when_it_is_there() -> None:
    assert first_window(machine(0.03, 0.05), coming=2, least=4) == 4


def test_every_segment_costs_a_beginning_and_its_lookahead_anew() -> None:
    """A forecast that merged segments hinted at 166 ms where 252 ms were needed: stop token, prefill, lookahead."""
    near = Machine(
        token_s=0.04, begin_s=0.05, flow_s=lambda n: 0.02, audio_s=0.04, held_back_s=0.04, lookahead=3, largest=25
    )
    one = lateness(*windows(near, [Stretch(3, 90, begun=True)]), from_s=0.1)
    three = lateness(*windows(near, [Stretch(3, 30, begun=True), Stretch(0, 30), Stretch(0, 30)]), from_s=0.1)
    assert three - one == pytest.approx(2 * (0.04 + 0.05), abs=0.05)


def test_a_pause_between_segments_is_time_won() -> None:
    stretches = [Stretch(3, 30, begun=True), Stretch(0, 30)]
    silent, spoken = machine(0.05), replace(machine(0.05), pause_s=0.1)
    assert sum(windows(spoken, stretches)[1]) == pytest.approx(sum(windows(silent, stretches)[1]) + 0.1)
    won = lateness(*windows(silent, stretches), 0.2) - lateness(*windows(spoken, stretches), 0.2)
    assert won == pytest.approx(0.1, abs=0.01)


def test_a_first_window_takes_what_costs_hardly_any_time() -> None:
    """With tokens every 3 ms three more of them are 120 ms of sound for 9 ms; with one every 30 ms none is."""
    assert first_window(machine(0.003, window_s=0.01), coming=100, least=3) == 6
    assert first_window(machine(0.030, window_s=0.01), coming=100, least=6) == 6


def test_of_sizes_that_start_about_as_soon_the_smallest_is_taken() -> None:
    """At real time, with windows of 180 ms, playback starts at the same moment with all of them."""
    slow = machine(0.04, window_s=0.18, held_back_s=0.043)
    starts = []
    for size in (3, 6):
        ready, durations = windows(slow, [Stretch(0, 100)], size)
        starts.append(ready[0] + least_prebuffer(ready, durations))
    assert starts[0] == pytest.approx(starts[1], abs=0.01)
    assert first_window(slow, coming=100, least=3) == 3


@pytest.mark.parametrize("token_s", [0.01, 0.03, 0.05, 0.08])
@pytest.mark.parametrize("window_s", [0.05, 0.5, 1.5])
def test_a_long_text_is_as_late_as_its_windows_one_by_one(token_s: float, window_s: float) -> None:
    slow, stretches = machine(token_s, window_s), [Stretch(3, 80, begun=True), *[Stretch(0, 100)] * 40]
    assert latest(slow, stretches, 0.3) == pytest.approx(lateness(*windows(slow, stretches), 0.3), rel=0.05, abs=0.3)


def test_a_long_text_takes_no_longer_to_foresee_than_a_short_one() -> None:
    """With the scheduler's lock held: 34,000 tokens of one utterance took a tenth of a second on a machine that was
    just slower than half of real time, and the event loop waited for that."""
    asked = 0

    def window_s(tokens: int) -> float:
        nonlocal asked
        asked += 1
        return 0.01

    slow = replace(machine(0.03), flow_s=window_s)
    counts = []
    for coming in (1_500, 34_000):
        asked = 0
        latest(slow, [Stretch(0, coming)], 0.0)
        counts.append(asked)
    assert counts[0] == counts[1] <= 1_100
