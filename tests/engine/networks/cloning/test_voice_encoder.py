from __future__ import annotations

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from engine.networks.cloning.voice_encoder import VoiceEncoder, VoiceEncoderConfig

TINY = VoiceEncoderConfig(mel_bins=5, width=8, layers=2, embedding=6, piece=16, step=7)


@pytest.fixture
def encoder() -> VoiceEncoder:
    torch.manual_seed(0)
    return VoiceEncoder(TINY).eval().requires_grad_(False)


def mel(n_frames: int, seed: int = 0) -> Tensor:
    return torch.rand(1, n_frames, TINY.mel_bins, generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize(
    ("n_frames", "n_pieces"),
    [(1, 1), (160, 1), (204, 1), (205, 2), (237, 2), (281, 2), (282, 3), (1_001, 12)],
)
def test_a_piece_more_from_four_fifths_of_its_length(n_frames: int, n_pieces: int) -> None:
    assert VoiceEncoder(VoiceEncoderConfig(width=1)).n_pieces(n_frames) == n_pieces


def test_the_embedding_is_the_direction_of_the_mean_of_the_pieces(encoder: VoiceEncoder) -> None:
    whole = mel(16 + 2 * 7)
    pieces = [encoder(whole[:, start : start + 16]) for start in (0, 7, 14)]
    torch.testing.assert_close(encoder(whole), F.normalize(torch.stack(pieces).mean(0)))


def test_the_last_piece_is_filled_with_zeros_and_a_rest_is_dropped(encoder: VoiceEncoder) -> None:
    short = mel(16 + 5)  # the second piece has 14 of its 16 frames
    torch.testing.assert_close(encoder(short), encoder(F.pad(short, (0, 0, 0, 2))))
    torch.testing.assert_close(encoder(mel(16 + 3)), encoder(mel(16 + 3)[:, :16]))


def test_embeddings_have_length_one_and_recordings_do_not_mix(encoder: VoiceEncoder) -> None:
    one, other = mel(40, 1), mel(40, 2)
    both = encoder(torch.cat([one, other]))
    torch.testing.assert_close(both, torch.cat([encoder(one), encoder(other)]))
    torch.testing.assert_close(both.norm(dim=1), torch.ones(2))
