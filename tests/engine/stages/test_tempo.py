"""The tempo keeps the laws of streaming, and its frames lie where they should."""

from __future__ import annotations

import random

import pytest
import torch
from torch import Tensor

from engine.scheduling.timing import TEMPO_TOKENS
from engine.stages.tempo import BEGUN, MOST_KEPT, Tempo, TempoState

PER_TOKEN = 2
TEMPO = Tempo(PER_TOKEN)
RATES = [0.5, 0.8, 0.99, 1.01, 1.3, 1.9, 2.0, *(random.Random(1).uniform(0.5, 2.0) for _ in range(20))]


def mel(tokens: int, seed: int = 0) -> Tensor:
    return torch.randn(1, 80, PER_TOKEN * tokens, generator=torch.Generator().manual_seed(seed))


def whole(given: Tensor, rate: float) -> Tensor:
    return TEMPO(given, BEGUN, rate, True)[0]


def sound_tokens(tokens: int, rate: float) -> int:
    return int(tokens / rate + 0.5)


@pytest.mark.parametrize("rate", RATES)
def test_any_cutting_gives_the_same_frames_bit_for_bit(rate: float) -> None:
    chance = random.Random(rate)
    for tokens in (1, 2, 3, 7, 30, 61):
        given, state, made = mel(tokens), BEGUN, list[Tensor]()
        expected = whole(given, rate)
        ends_alone = chance.random() < 0.3  # the last piece has no frames
        left = given
        while left.shape[2]:
            size = min(left.shape[2], PER_TOKEN * chance.choice([1, 1, 2, 3, 8, 25]))
            final = size == left.shape[2] and not ends_alone
            count = TEMPO.frames(size, state, rate, final)
            piece, state = TEMPO(left[..., :size], state, rate, final)
            assert piece.shape[2] == count
            made.append(piece)
            left = left[..., size:]
        if ends_alone:
            made.append(TEMPO(left, state, rate, True)[0])
        assert torch.equal(torch.cat(made, 2), expected)


@pytest.mark.parametrize("rate", RATES)
def test_a_segment_lasts_as_long_as_its_tokens_at_the_rate_to_half_a_token(rate: float) -> None:
    for tokens in range(1, 70):
        assert whole(mel(tokens), rate).shape[2] == PER_TOKEN * sound_tokens(tokens, rate)


@pytest.mark.parametrize("rate", RATES)
def test_little_is_held_back(rate: float) -> None:
    state = BEGUN
    for tokens in range(1, 200):
        _, state = TEMPO(mel(1), state, rate, False)
        assert state.kept is not None
        assert state.kept.shape[2] <= MOST_KEPT
        # A frame leaves with what it lies between, and may last a little longer than that.
        assert -0.25 <= tokens / rate - state.given / PER_TOKEN <= TEMPO_TOKENS


@pytest.mark.parametrize("rate", RATES)
def test_frames_lie_evenly_on_the_line_through_those_that_went_in(rate: float) -> None:
    """The mel says where it is, as time goes on."""
    tokens = 40
    frames = torch.arange(PER_TOKEN * tokens, dtype=torch.float32)
    found = whole(frames.expand(1, 80, -1), rate)
    expected = ((torch.arange(found.shape[2]) + 0.5) * rate - 0.5).clamp(0.0, float(frames[-1]))
    torch.testing.assert_close(found, expected.expand(1, 80, -1), atol=1e-3, rtol=0)


def test_later_frames_change_nothing_before() -> None:
    given, other = mel(20), mel(20, seed=1)
    other[..., :20] = given[..., :20]
    for rate in (0.5, 1.3, 2.0):
        known = TEMPO(given[..., :20], BEGUN, rate, False)[0]
        for one in (given, other):
            assert torch.equal(whole(one, rate)[..., : known.shape[2]], known)


def test_a_state_goes_on_in_two_copies() -> None:
    _, state = TEMPO(mel(7), BEGUN, 1.3, False)
    once, after = TEMPO(mel(5, seed=1), state, 1.3, True)
    again, _ = TEMPO(mel(5, seed=1), state, 1.3, True)
    assert torch.equal(once, again)
    assert isinstance(after, TempoState)


@pytest.mark.parametrize("rate", RATES)
def test_what_has_something_of_the_last_token_is_known(rate: float) -> None:
    for tokens in range(1, 40):
        given = mel(tokens)
        given[..., -PER_TOKEN:] = torch.nan
        made, state = TEMPO(given, BEGUN, rate, True)
        beyond = TEMPO.beyond(state, rate, 1)
        assert made[..., : made.shape[2] - beyond].isfinite().all()
        left = made.shape[2] - beyond
        assert abs(left / PER_TOKEN - (tokens - 1) / rate) <= TEMPO_TOKENS
