"""The arithmetic of continuous playback, by hand and by simulation."""

from __future__ import annotations

import pytest

from engine.forecast import Machine, Position, first_window, least_prebuffer, prebuffer, windows

TOKEN_S = 0.04


def machine(token_s: float, window_s: float = 0.0, held_back_s: float = 0.0, largest: int = 25) -> Machine:
    return Machine(
        token_s=token_s,
        window_s=lambda tokens: window_s,
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
            ready, durations = windows(machine(token_s, 0.05, 0.08), Position(coming=coming), 6)
            assert sum(durations) == pytest.approx(coming * TOKEN_S), (token_s, coming)
            assert ready == sorted(ready)


def test_a_window_waits_for_its_lookahead_but_not_at_the_end() -> None:
    ready, _ = windows(machine(0.1), Position(coming=10), 6)
    assert ready[0] == pytest.approx(0.9)
    ready, _ = windows(machine(0.1), Position(coming=6), 6)
    assert ready == [pytest.approx(0.6)]


def test_faster_than_speech_needs_no_prebuffer() -> None:
    fast = machine(0.02, 0.02)
    assert prebuffer(fast, Position(waiting=3, coming=100, sent_s=0.24)) == 0.0


@pytest.mark.parametrize("rtf", [1.1, 1.3, 2.0])
def test_slower_than_speech_needs_about_the_share_that_is_missing(rtf: float) -> None:
    """P* grows to about (s - 1) * L, less what was sent already."""
    slow, tokens = machine(rtf * TOKEN_S), 250
    needed = prebuffer(slow, Position(waiting=3, coming=tokens, sent_s=0.24))
    assert needed == pytest.approx((rtf - 1) * tokens * TOKEN_S - 0.24, abs=0.05)


def test_the_first_window_is_as_small_as_the_next_one_allows() -> None:
    """With a window costing 200 ms, 200 ms of sound must be there when the second is begun: 5 tokens and some."""
    costly, cheap = machine(0.02, window_s=0.2), machine(0.02, window_s=0.01)
    assert first_window(cheap, coming=100, least=2) < first_window(costly, coming=100, least=2)
    size = first_window(costly, coming=100, least=2)
    ready, durations = windows(costly, Position(coming=100), size)
    assert least_prebuffer(ready, durations) < 0.03


def test_what_the_vocoder_holds_back_makes_the_first_window_larger() -> None:
    plain, holding = machine(0.03, 0.05), machine(0.03, 0.05, held_back_s=0.4)
    assert first_window(holding, coming=100, least=2) > first_window(plain, coming=100, least=2)


def test_an_utterance_shorter_than_a_first_window_starts_when_it_is_there() -> None:
    assert first_window(machine(0.03, 0.05), coming=2, least=4) == 4
