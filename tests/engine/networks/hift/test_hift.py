"""The vocoder's sizes, its excitation, and the mapping of published weights."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
import torch
from torch.testing import assert_close

from engine.checkpoints.config import build
from engine.errors import InvalidConfig
from engine.networks.convs import Walk
from engine.networks.hift.hift import HiFT, HiFTConfig
from engine.networks.hift.source import HarmonicSource, SourceConfig
from engine.networks.hift.stft import Stft
from tests.engine.networks.hift.test_hift_laws import CONFIGS


def test_the_published_network_has_its_parameters_and_names() -> None:
    with torch.device("meta"):
        model = HiFT(HiFTConfig())
    shapes = {name: tuple(value.shape) for name, value in model.state_dict().items()}
    assert shapes["conv_pre.weight"] == (512, 80, 7)
    assert shapes["ups.0.weight"] == (512, 256, 16)
    assert shapes["source_downs.0.weight"] == (256, 18, 30)
    assert shapes["source_resblocks.2.convs2.2.weight"] == (64, 64, 11)
    assert shapes["resblocks.8.activations1.2.alpha"] == (64,)
    assert shapes["conv_post.weight"] == (18, 64, 7)
    assert shapes["m_source.l_linear.weight"] == (1, 9)
    assert shapes["f0_predictor.condnet.8.weight"] == (512, 512, 3)
    assert shapes["f0_predictor.classifier.weight"] == (1, 512)
    # The published checkpoint counts one scale more per channel of a weight-normalised layer.
    normalised = [
        shape[0]
        for name, shape in shapes.items()
        if name.endswith(".weight") and not name.startswith(("source_downs", "m_source")) and len(shape) == 3
    ]
    total = sum(math.prod(shape) for shape in shapes.values()) + sum(normalised)
    assert round(total / 1e6, 3) == 20.821
    pitch = [shape for name, shape in shapes.items() if name.startswith("f0_predictor")]
    assert round((sum(math.prod(shape) for shape in pitch) + 5 * 512) / 1e6, 3) == 3.274


def frames_held_back(config: HiFTConfig) -> int:
    with torch.device("meta"):
        return math.ceil(HiFT(config).hold_back_samples / config.hop)


def test_hold_back_is_what_the_layers_need() -> None:
    assert frames_held_back(HiFTConfig()) == 20  # 12 for the mel alone; the pitch's way through is longer
    assert frames_held_back(CONFIGS["causal"]) == 3


@pytest.mark.parametrize(("n_fft", "hop"), [(16, 4), (96, 24)])
def test_spectra_are_those_of_torch(n_fft: int, hop: int) -> None:
    stft, window = Stft(n_fft, hop), torch.hann_window(n_fft)
    wav = torch.randn(2, 960)
    ours = stft.spectra(wav[:, None], Walk(None, final=True))
    theirs = torch.stft(wav, n_fft, hop, window=window, return_complex=True, pad_mode="reflect")
    assert_close(ours, torch.cat((theirs.real, theirs.imag), dim=1), atol=1e-4, rtol=1e-4)
    back = stft.waveform(theirs.real, theirs.imag, 0, Walk(None, final=True))
    assert_close(back, torch.istft(theirs, n_fft, hop, window=window), atol=1e-5, rtol=0)


def test_the_phase_runs_on_through_ten_minutes() -> None:
    """Float32 sums of phase lose a harmonic's pitch within a minute; ours are float64, modulo one turn."""
    source = HarmonicSource(SourceConfig(harmonics=8), sample_rate=24000, hop=480)
    f0 = torch.full((1, 30_000), 123.456, dtype=torch.float64)
    _, phase = source._turns(f0, torch.zeros(1, dtype=torch.float64))
    assert phase.item() == pytest.approx(123.456 * 600 % 1.0, abs=1e-6)


def test_harmonics_above_half_the_sample_rate_are_silent() -> None:
    source = HarmonicSource(
        SourceConfig(
            harmonics=1, mask_above_nyquist=True, random_offsets=False, noise_per_harmonic=False, noise_std=0.0
        ),
        sample_rate=24000,
        hop=480,
    ).requires_grad_(False)
    source.l_linear.weight.copy_(torch.tensor([[0.0, 1.0]]))
    source.l_linear.bias.zero_()
    f0 = torch.tensor([[5000.0, 7000.0]])
    signal, _ = source(f0, (0,), (0,), torch.zeros(1, dtype=torch.float64), source.offsets((0,)))
    assert signal[..., :480].abs().max() > 0.05
    assert signal[..., 480:].abs().max() == 0.0


def test_a_given_source_or_pitch_replaces_the_predicted() -> None:
    torch.manual_seed(0)
    hift = HiFT(CONFIGS["symmetric"]).requires_grad_(False)
    mel = torch.randn(1, 80, 24)
    f0 = hift.predict_f0(mel)
    state = hift.init_state(5)
    source, _ = hift.m_source(f0, state.seeds, [0] * len(state.seeds), state.phase, state.offsets)
    predicted, _ = hift(mel, state, final=True)
    assert_close(hift(mel, state, final=True, f0=f0)[0], predicted)
    assert_close(hift(mel, state, final=True, source=source)[0], predicted)


def test_a_state_that_ended_is_refused() -> None:
    hift = HiFT(CONFIGS["causal"])
    _, state = hift(torch.zeros(1, 80, 0), hift.init_state(0), final=True)
    with pytest.raises(ValueError, match="final piece"):
        hift(torch.zeros(1, 80, 1), state)


def test_config_errors_name_the_field() -> None:
    with pytest.raises(InvalidConfig, match="istft_n_fft"):
        build(HiFTConfig, {"istft_n_fft": 20}, "config.json: hift")
    with pytest.raises(InvalidConfig, match="head"):
        build(HiFTConfig, {"head": "angle"}, "config.json: hift")


def test_an_utterance_begins_as_if_silence_had_gone_before() -> None:
    """Layers that start from zeros made 15 ms of noise at -40 dBFS before the first word of a silent beginning."""
    torch.manual_seed(0)
    hift = HiFT(replace(CONFIGS["causal"], warm_up_frames=16)).requires_grad_(False)
    silence = torch.full((1, 80, 8), hift.config.mel_origin)
    wav, _ = hift(silence, hift.init_state(0), final=True)
    cold, _ = hift(silence, hift.init_state(0, warm_up=False), final=True)
    assert wav.shape == cold.shape
    settled = cold[:, 1920:2400].std()
    assert (wav[:, :480].std() - settled).abs() < (cold[:, :480].std() - settled).abs()


def loud(config: HiFTConfig) -> HiFT:
    torch.manual_seed(0)
    hift = HiFT(config).eval().requires_grad_(False)
    hift.f0_predictor.classifier.bias.fill_(120.0)
    for layer in (*hift.ups, hift.conv_pre, hift.conv_post):
        layer.weight.mul_(2.0)
    return hift


def in_pieces(hift: HiFT, mel: torch.Tensor, size: int) -> torch.Tensor:
    state, pieces = hift.init_state(3), []
    for piece in mel.split(size, -1):
        wav, state = hift(piece, state)
        pieces.append(wav)
    return torch.cat([*pieces, hift(mel[..., :0], state, final=True)[0]], 1)


def rms_error(given: torch.Tensor, expected: torch.Tensor) -> float:
    return float((given - expected).norm() / expected.norm())


@pytest.mark.parametrize("config", CONFIGS.values(), ids=CONFIGS)
def test_residual_blocks_in_bfloat16_stay_within_one_percent(config: HiFTConfig) -> None:
    """Pitch, source and spectra stay float32, so the phase does not drift: a late piece is as close as an early one."""
    mel = torch.randn(1, 80, 400)
    whole, half = loud(config), loud(config)
    half.arrange(torch.bfloat16)
    expected, wav = in_pieces(whole, mel, 40), in_pieces(half, mel, 40)
    assert wav.dtype == torch.float32
    assert 0 < rms_error(wav, expected) < 0.01
    assert rms_error(wav[:, -48_000:], expected[:, -48_000:]) < 0.01
    assert rms_error(in_pieces(half, mel, 7), wav) < 0.01  # other cuts: other sums before the same rounding


@pytest.mark.parametrize("config", CONFIGS.values(), ids=CONFIGS)
def test_an_arranged_network_says_the_same(config: HiFTConfig) -> None:
    mel = torch.randn(1, 80, 40)
    plain, arranged = loud(config), loud(config)
    arranged.arrange(torch.float32)
    assert_close(in_pieces(arranged, mel, 9), in_pieces(plain, mel, 9), atol=1e-5, rtol=0)
    assert {name: value.shape for name, value in arranged.state_dict().items()} == {
        name: value.shape for name, value in plain.state_dict().items()
    }
