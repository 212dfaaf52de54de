"""The critic of the flow's mels: what it hears, what it learns, and what it can teach."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from torch import Tensor

from training.critic import Critic, Opinion, accuracy, critic_loss, flow_loss
from training.flow_batches import UNKNOWN
from training.flow_critic import CROP, crop_of, heard

ROWS, TOKENS = 3, 12
FIRST, SECOND = 7, 20  # two phonemes


@pytest.fixture
def critic() -> Critic:
    torch.manual_seed(0)
    return Critic()


@pytest.fixture
def said() -> Tensor:
    said = torch.full((ROWS, TOKENS), FIRST)
    said[:, TOKENS // 2 :] = SECOND
    said[0, -2:] = UNKNOWN
    return said


def sound_of(said: Tensor, relief: float) -> Tensor:
    """[B, 2T, 80] a formant for each phoneme, so high above the rest."""
    places = said.clamp(min=0).repeat_interleave(2, 1)[..., None] + 10
    return relief * torch.exp(-((torch.arange(80) - 2 * places) / 6.0).square())


def test_one_opinion_a_token(critic: Critic, said: Tensor) -> None:
    opinion = critic(torch.randn(ROWS, 2 * TOKENS, 80), said)
    assert opinion.verdict.shape == (ROWS, TOKENS)
    assert opinion.spots.shape[:2] == (ROWS, TOKENS)
    assert opinion.phonemes.shape[:2] == (ROWS, TOKENS)


def test_a_verdict_depends_on_the_phoneme_that_is_due(critic: Critic, said: Tensor) -> None:
    mel = torch.randn(ROWS, 2 * TOKENS, 80)
    assert not torch.allclose(critic(mel, said).verdict, critic(mel, torch.full_like(said, 3)).verdict)


def test_prompts_and_padding_count_for_nothing(critic: Critic, said: Tensor) -> None:
    true, made = (critic(torch.randn(ROWS, 2 * TOKENS, 80), said) for _ in range(2))

    def without(opinion: Opinion) -> Opinion:
        verdict = opinion.verdict.masked_fill(said == UNKNOWN, 1e6)
        return replace(opinion, verdict=verdict, phonemes=opinion.phonemes * (said != UNKNOWN)[..., None])

    for loss in (critic_loss, flow_loss):
        assert torch.equal(loss(true, made, said), loss(without(true), without(made), said))


def test_it_learns_to_tell_a_blur_and_the_phonemes(critic: Critic, said: Tensor) -> None:
    optimiser = torch.optim.AdamW(critic.parameters(), lr=2e-3)
    true, made = sound_of(said, 1.0), sound_of(said, 0.6)
    for _ in range(25):
        critic_loss(critic(true, said), critic(made, said), said).backward()
        optimiser.step()
        optimiser.zero_grad()
    of_true, of_made = critic(true, said), critic(made, said)
    known = said != UNKNOWN
    assert of_true.verdict[known].mean() > of_made.verdict[known].mean() + 1.0
    assert accuracy(of_true, said) > 0.9
    leaf = made.clone().requires_grad_()
    flow_loss(critic(true, said), critic(leaf, said), said).backward()
    assert leaf.grad is not None
    assert (leaf.grad * (true - made)).sum() < 0  # more relief is liked better


def test_a_crop_lies_in_the_target_where_it_is_long_enough() -> None:
    said = torch.full((2, 3 * CROP), UNKNOWN)
    said[0, 20 : 20 + 2 * CROP] = FIRST
    said[1, 5:25] = SECOND
    crop = crop_of(said, torch.Generator().manual_seed(1))
    assert crop.shape == (2, CROP)
    assert (said[0, crop[0]] == FIRST).all()
    assert (said[1, crop[1]] == SECOND).sum() == 20
    assert torch.equal(crop.diff(), torch.ones(2, CROP - 1, dtype=torch.long))


def test_beside_the_target_the_teacher_is_heard() -> None:
    said = torch.tensor([[UNKNOWN, FIRST, SECOND, UNKNOWN]])
    crop, made, true = torch.arange(1, 4)[None], torch.zeros(1, 8, 80), torch.ones(1, 8, 80)
    mel = heard(made, true, crop, said.gather(1, crop))
    assert mel[0, :, 0].tolist() == [0.0, 0.0, 0.0, 0.0, 1.0, 1.0]
