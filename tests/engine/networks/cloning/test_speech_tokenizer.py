from __future__ import annotations

import pytest
import torch
from torch import Tensor

from engine.networks.cloning.speech_tokenizer import SpeechTokenizer, SpeechTokenizerConfig, _rotate, _rotation

TINY = SpeechTokenizerConfig(mel_bins=6, width=16, heads=2, layers=2, memory=5, max_frames=100)


@pytest.fixture
def tokenizer() -> SpeechTokenizer:
    torch.manual_seed(0)
    return SpeechTokenizer(TINY).eval().requires_grad_(False)


def mel(n_frames: int, seed: int = 0) -> Tensor:
    return torch.randn(1, n_frames, TINY.mel_bins, generator=torch.Generator().manual_seed(seed))


def test_published_size() -> None:
    with torch.device("meta"):
        tokenizer = SpeechTokenizer(SpeechTokenizerConfig())
    assert 123.6e6 < sum(parameter.numel() for parameter in tokenizer.parameters()) < 123.8e6


@pytest.mark.parametrize(("n_frames", "n_tokens"), [(1, 1), (4, 1), (5, 2), (97, 25), (100, 25)])
def test_four_frames_a_token_rounded_up(tokenizer: SpeechTokenizer, n_frames: int, n_tokens: int) -> None:
    assert tokenizer(mel(n_frames)).shape == (1, n_tokens)


def test_a_recording_too_long_for_full_attention_is_refused(tokenizer: SpeechTokenizer) -> None:
    with pytest.raises(ValueError, match="101 frames; at most 100"):
        tokenizer(mel(101))


@pytest.mark.parametrize(
    ("digits", "token"),
    [
        ((0, 0, 0, 0, 0, 0, 0, 0), 0),
        ((1, 1, 1, 1, 1, 1, 1, 1), 3280),
        ((2, 2, 2, 2, 2, 2, 2, 2), 6560),
        ((2, 0, 1, 0, 0, 0, 0, 0), 2 + 9),
        ((0, 0, 0, 0, 0, 0, 0, 1), 2187),
    ],
)
def test_a_token_is_a_number_of_eight_digits_to_base_three(
    tokenizer: SpeechTokenizer, digits: tuple[int, ...], token: int
) -> None:
    project = tokenizer.quantizer._codebook.project_down
    project.weight.zero_()
    project.bias.copy_(10.0 * (torch.tensor(digits) - 1))
    assert (tokenizer(mel(8)) == token).all()


def test_values_round_at_one_half(tokenizer: SpeechTokenizer) -> None:
    project = tokenizer.quantizer._codebook.project_down
    project.weight.zero_()
    half = torch.tensor(0.5 / 0.999).atanh()
    for shift, token in ((-1e-3, 3280), (1e-3, 6560)):
        project.bias.fill_(half + shift)
        assert (tokenizer(mel(8)) == token).all()


def test_recordings_do_not_mix(tokenizer: SpeechTokenizer) -> None:
    one, other = mel(40, 1), mel(40, 2)
    both = tokenizer.levels(torch.cat([one, other]))
    torch.testing.assert_close(both, torch.cat([tokenizer.levels(one), tokenizer.levels(other)]))


def test_attention_knows_distances_not_places() -> None:
    q, k = torch.randn(2, TINY.width // TINY.heads)
    turn = _rotation(20, TINY, torch.device("cpu"))
    scores = _rotate(q.expand(20, -1), turn) @ _rotate(k.expand(20, -1), turn).T
    torch.testing.assert_close(scores[3:, 3:], scores[:-3, :-3])
    assert not torch.allclose(scores[0, 1], scores[0, 2])
