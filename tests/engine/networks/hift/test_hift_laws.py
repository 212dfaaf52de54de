"""The five streaming laws, for the vocoder, with symmetric padding (as published) and causal (the embedded voice)."""

from __future__ import annotations

import copy

import pytest
import torch
from torch import Tensor
from torch.testing import assert_close

from engine.networks.hift.f0 import F0Config
from engine.networks.hift.hift import HiFT, HiFTConfig
from engine.networks.hift.source import SourceConfig
from engine.networks.vocoder_state import VocoderState

FRAMES = 48
CONFIGS = {
    "symmetric": HiFTConfig(
        base_channels=16,
        upsample_rates=(8, 5, 3),
        resblock_kernel_sizes=(3, 5),
        resblock_dilations=(1, 3),
        source_resblock_kernel_sizes=(3, 3, 5),
        source_resblock_dilations=(1, 3),
        f0=F0Config(channels=8),
    ),
    "causal": HiFTConfig(
        base_channels=16,
        upsample_rates=(5, 4),
        upsample_kernel_sizes=(10, 8),
        istft_n_fft=96,
        istft_hop=24,
        resblock_kernel_sizes=(3,),
        source_resblock_kernel_sizes=(3, 3),
        source_resblock_dilations=(1,),
        mel_origin=-2.0,
        pre_lookahead=2,
        causal=True,
        head="phase",
        warm_up_frames=2,
        source=SourceConfig(
            harmonics=15,
            random_offsets=False,
            noise_per_harmonic=False,
            mask_above_nyquist=True,
            noise_branch=True,
        ),
        f0=F0Config(channels=8, lookahead=(1, 1, 0, 0, 0)),
    ),
}
CUTS = ([48], [1] * 48, [1, 2, 3, 5, 0, 7, 30], [25, 23], [17, 1, 30])


@pytest.fixture(params=CONFIGS, scope="module")
def hift(request: pytest.FixtureRequest) -> HiFT:
    torch.manual_seed(0)
    model = HiFT(CONFIGS[request.param]).eval().requires_grad_(False)
    model.f0_predictor.classifier.bias.fill_(120.0)  # voiced, so that the phase matters
    for layer in (*model.ups, model.conv_pre, model.conv_post):
        layer.weight.mul_(2.0)  # loud enough that a mistake shows
    return model


@pytest.fixture(scope="module")
def mel() -> Tensor:
    return torch.randn(2, 80, FRAMES, generator=torch.Generator().manual_seed(1))


def offline(hift: HiFT, mel: Tensor, seeds: tuple[int, ...] = (3, 4)) -> Tensor:
    wav: Tensor = hift(mel, hift.init_state(seeds), final=True)[0]
    return wav


def stream(hift: HiFT, mel: Tensor, cuts: list[int], seeds: tuple[int, ...] = (3, 4)) -> Tensor:
    state, pieces = hift.init_state(seeds), []
    for index, piece in enumerate(torch.split(mel, cuts, dim=-1)):
        wav, state = hift(piece, state, final=index == len(cuts) - 1)
        pieces.append(wav)
    return torch.cat(pieces, dim=1)


@pytest.mark.parametrize("cuts", CUTS, ids=str)
def test_any_cutting_gives_the_same_samples(hift: HiFT, mel: Tensor, cuts: list[int]) -> None:
    assert_close(stream(hift, mel, cuts), offline(hift, mel), atol=1e-5, rtol=0)


def test_an_empty_final_piece_flushes(hift: HiFT, mel: Tensor) -> None:
    whole = stream(hift, mel, [20, 28, 0])
    assert whole.shape == (2, FRAMES * hift.config.hop)
    assert whole.abs().amax() > 0.01
    assert_close(whole, offline(hift, mel), atol=1e-5, rtol=0)


def test_input_beyond_the_lookahead_never_changes_earlier_output(hift: HiFT, mel: Tensor) -> None:
    """What the first 30 frames gave out stands, whatever follows."""
    given, _ = hift(mel[..., :30], hift.init_state((3, 4)))
    assert given.shape[1] == 30 * hift.config.hop - hift.hold_back_samples
    other = torch.cat((mel[..., :30], mel[..., 30:] * -2.0), dim=-1)
    for whole in (offline(hift, mel), offline(hift, other)):
        assert_close(whole[:, : given.shape[1]], given, atol=1e-5, rtol=0)


def test_two_interleaved_utterances_give_what_each_gives_alone(hift: HiFT, mel: Tensor) -> None:
    first, second = mel[:1], mel[1:]
    states = [hift.init_state(3), hift.init_state(4)]
    heard: list[list[Tensor]] = [[], []]
    for start in range(0, FRAMES, 12):
        for index, whole in enumerate((first, second)):
            piece = whole[..., start : start + 12]
            wav, states[index] = hift(piece, states[index], final=start + 12 == FRAMES)
            heard[index].append(wav)
    assert_close(torch.cat(heard[0], 1), offline(hift, first, (3,)), atol=1e-5, rtol=0)
    assert_close(torch.cat(heard[1], 1), offline(hift, second, (4,)), atol=1e-5, rtol=0)


def test_a_copied_state_continues_to_the_same_result(hift: HiFT, mel: Tensor) -> None:
    """The state given in is never changed, so a plain reference to it is a fork as good as a deep copy."""
    _, state = hift(mel[..., :21], hift.init_state((3, 4)))
    twin = copy.deepcopy(state)
    once, _ = hift(mel[..., 21:], state, final=True)
    again, _ = hift(mel[..., 21:], state, final=True)
    copied, _ = hift(mel[..., 21:], twin, final=True)
    assert torch.equal(once, again)
    assert torch.equal(once, copied)


def test_rows_of_a_batch_are_independent(hift: HiFT, mel: Tensor) -> None:
    assert_close(offline(hift, mel)[1:], offline(hift, mel[1:], (4,)), atol=1e-5, rtol=0)


def test_the_state_does_not_grow(hift: HiFT, mel: Tensor) -> None:
    state, sizes = hift.init_state((3, 4)), []
    for _ in range(8):
        _, state = hift(mel[..., :24], state)
        sizes.append(sum(tail.numel() for tail in state.layers or () if tail is not None))
    assert len(set(sizes[2:])) == 1


def advanced(hift: HiFT, mel: Tensor, seed: int, cuts: list[int]) -> VocoderState:
    state = hift.init_state(seed)
    for piece in torch.split(mel[:1, :, : sum(cuts)], cuts, dim=-1):
        _, state = hift(piece * (1.0 + seed / 10), state)
    return state


@pytest.mark.parametrize("final", [False, True])
def test_utterances_of_other_seeds_and_positions_run_together_as_each_would_alone(
    hift: HiFT, mel: Tensor, final: bool
) -> None:
    states = [advanced(hift, mel, seed, cuts) for seed, cuts in ((3, [30]), (4, [21, 12, 7]), (5, [48]))]
    pieces = torch.stack([mel[0, :, 10 * row : 10 * row + 15] for row in range(3)])
    alone = [hift(pieces[row : row + 1], state, final=final) for row, state in enumerate(states)]
    wav, after = hift(pieces, VocoderState.joined(states), final=final)
    for row, (state, (expected, following)) in enumerate(zip(after.parted(), alone, strict=True)):
        assert_close(wav[row : row + 1], expected, atol=1e-5, rtol=0)
        assert state.batch_key == following.batch_key
        assert (state.seeds, state.frames) == (following.seeds, following.frames)
        if not final:  # and so on from the states that came out
            assert_close(hift(pieces[:1], state)[0], hift(pieces[:1], following)[0], atol=1e-5, rtol=0)


def test_a_state_keeps_nothing_of_those_it_ran_with(hift: HiFT, mel: Tensor) -> None:
    states = [advanced(hift, mel, seed, [30]) for seed in (3, 4)]
    _, after = hift(mel[..., :5], VocoderState.joined(states))
    for state in after.parted():
        tails = [tail for tail in state.layers or () if tail is not None]
        held = {tail.untyped_storage().data_ptr(): tail.untyped_storage().nbytes() for tail in tails}
        assert sum(held.values()) == sum(tail.nbytes for tail in tails)


def test_states_that_do_not_fit_together_are_refused(hift: HiFT, mel: Tensor) -> None:
    with pytest.raises(ValueError, match="several batch keys"):
        VocoderState.joined([advanced(hift, mel, 3, [30]), hift.init_state(4)])
