"""The streaming laws, for the vocoder that filters pulses and noise."""

from __future__ import annotations

import copy
import math

import pytest
import torch
from torch import Tensor
from torch.testing import assert_close

from engine.networks.convs import Walk
from engine.networks.pulse.excitation import Excitation
from engine.networks.pulse.pulse import Filters, PulseConfig, PulseVocoder
from engine.networks.pulse.timbre import Timbre
from engine.networks.vocoder_state import VocoderState

FRAMES = 48
CONFIG = PulseConfig(width=16, hidden=32, mel_blocks=1, blocks=2)
CUTS = ([48], [1] * 48, [1, 2, 3, 5, 0, 7, 30], [25, 23], [17, 1, 30], [48, 0])


@pytest.fixture(scope="module")
def vocoder() -> PulseVocoder:
    torch.manual_seed(0)
    model = PulseVocoder(CONFIG).eval().requires_grad_(False)
    model.pitch.bias.copy_(torch.tensor([4.0, -0.4]))  # voiced, so that the phase matters
    model.filters.weight.mul_(0.3)
    model.filters.bias.fill_(-2.0)
    return model


@pytest.fixture(scope="module")
def mel() -> Tensor:
    return torch.randn(2, 80, FRAMES, generator=torch.Generator().manual_seed(1)) * 2 - 5


def offline(vocoder: PulseVocoder, mel: Tensor) -> Tensor:
    wav: Tensor = vocoder(mel, vocoder.init_state((3, 4)), final=True)[0]
    return wav


def stream(vocoder: PulseVocoder, mel: Tensor, cuts: list[int]) -> Tensor:
    state, pieces = vocoder.init_state((3, 4)), []
    for index, piece in enumerate(torch.split(mel, cuts, dim=-1)):
        wav, state = vocoder(piece, state, final=index == len(cuts) - 1)
        pieces.append(wav)
    return torch.cat(pieces, dim=1)


@pytest.mark.parametrize("cuts", CUTS, ids=str)
def test_any_cutting_gives_the_same_samples(vocoder: PulseVocoder, mel: Tensor, cuts: list[int]) -> None:
    whole = offline(vocoder, mel)
    assert whole.std() > 1e-3
    assert_close(stream(vocoder, mel, cuts), whole, atol=2e-4, rtol=0)


@pytest.mark.parametrize("frames", [1, 2, 3, 4, 5, 6, 11, 48])
def test_every_mel_frame_is_480_samples_in_the_end(vocoder: PulseVocoder, mel: Tensor, frames: int) -> None:
    assert offline(vocoder, mel[..., :frames]).shape == (2, 480 * frames)


def test_what_is_held_back_is_at_most_four_mel_frames(vocoder: PulseVocoder, mel: Tensor) -> None:
    assert 3 * vocoder.samples_per_frame < vocoder.hold_back_samples <= 4 * vocoder.samples_per_frame
    for frames in range(10, 20):
        wav, _ = vocoder(mel[..., :frames], vocoder.init_state((3, 4)))
        assert 0 <= frames * 480 - wav.shape[1] <= vocoder.hold_back_samples


def test_nothing_is_heard_before_its_mel(vocoder: PulseVocoder, mel: Tensor) -> None:
    wav, _ = vocoder(mel[..., :20], vocoder.init_state((3, 4)))
    other = torch.cat((mel[..., :20], torch.zeros(2, 80, 28)), dim=-1)
    assert_close(offline(vocoder, other)[:, : wav.shape[1]], wav, atol=2e-4, rtol=0)


def test_a_batch_is_its_rows(vocoder: PulseVocoder, mel: Tensor) -> None:
    states, wavs = [], []
    for row, seed in enumerate((3, 4)):
        wav, state = vocoder(mel[row : row + 1, :, :21], vocoder.init_state(seed))
        states.append(state)
        wavs.append(wav)
    both, after = vocoder(mel[..., 21:], VocoderState.joined(states), final=True)
    whole = offline(vocoder, mel)
    assert_close(torch.cat((torch.cat(wavs), both), 1), whole, atol=2e-4, rtol=0)
    assert [part.seeds for part in after.parted()] == [(3,), (4,)]


def test_rows_out_of_step_do_not_run_together(vocoder: PulseVocoder, mel: Tensor) -> None:
    _, one = vocoder(mel[:1, :, :21], vocoder.init_state(3))
    _, other = vocoder(mel[:1, :, :22], vocoder.init_state(4))
    with pytest.raises(ValueError, match="batch keys"):
        VocoderState.joined([one, other])


def test_a_state_is_left_as_it_was(vocoder: PulseVocoder, mel: Tensor) -> None:
    _, state = vocoder(mel[..., :21], vocoder.init_state((3, 4)))
    kept = copy.deepcopy(state)
    first, _ = vocoder(mel[..., 21:], state, final=True)
    again, _ = vocoder(mel[..., 21:], kept, final=True)
    assert torch.equal(first, again)


def test_nothing_in_it_is_drawn(vocoder: PulseVocoder, mel: Tensor) -> None:
    other, _ = vocoder(mel, vocoder.init_state((5, 6)), final=True)
    assert torch.equal(other, offline(vocoder, mel))


@pytest.mark.parametrize("samples", [-100, 0, 100])
def test_the_phase_says_where_in_its_frame_the_noise_is(vocoder: PulseVocoder, samples: int) -> None:
    frames, bins, hop = 10, CONFIG.n_bins, CONFIG.hop
    nothing, loud = torch.full((1, frames, bins), -99.0), torch.zeros(1, frames, bins)  # ln magnitudes
    turns = torch.arange(bins) * (CONFIG.n_fft // 2 + samples) / CONFIG.n_fft
    phase = (-2 * math.pi * turns).expand(1, frames, bins)
    filters = Filters(nothing, loud, loud, phase, torch.zeros(1, frames), torch.zeros(1, frames))
    wav = vocoder.sound(filters, torch.zeros(1, frames, bins, dtype=torch.complex64), 0, Walk(None, final=True))
    begin, end = 2 * hop, 8 * hop  # less the ends, where some of the windows are missing
    heard = (wav[0, begin:end] > 0.1).nonzero()[:, 0] + begin
    assert heard.tolist() == [at for at in range(begin, end) if (at - samples) % hop == 0]


def test_a_state_that_ended_is_refused(vocoder: PulseVocoder) -> None:
    _, state = vocoder(torch.zeros(1, 80, 0), vocoder.init_state(0), final=True)
    with pytest.raises(ValueError, match="final piece"):
        vocoder(torch.zeros(1, 80, 1), state)


def test_pulses_come_at_the_pitch() -> None:
    excitation = Excitation(24000, 1200, 300, 11000.0)
    frequency = torch.full((1, 24000), 100.0)
    signal, phase = excitation._train(frequency, torch.zeros(1, dtype=torch.float64))
    peaks = (signal[0] > 0.7 * signal.max()).nonzero()[:, 0]
    assert len(peaks) == 100
    assert peaks.diff().eq(240).all()
    turn = phase.item() % 1.0
    assert min(turn, 1.0 - turn) < 1e-9


def test_a_timbre_keeps_the_laws(vocoder: PulseVocoder, mel: Tensor) -> None:
    timbre = Timbre(pitch=0.6, formants=0.87, tilt=4.0, phase=0.5)
    whole, _ = vocoder(mel, vocoder.init_state((3, 4), timbre), final=True)
    state, pieces = vocoder.init_state((3, 4), timbre), []
    for index, piece in enumerate(mel.split([1, 7, 20, 20], dim=-1)):
        wav, state = vocoder(piece, state, final=index == 3)
        pieces.append(wav)
    assert_close(torch.cat(pieces, 1), whole, atol=2e-4, rtol=0)
    assert (whole - offline(vocoder, mel)).abs().max() > 1e-3


def test_rows_of_other_timbres_do_not_run_together(vocoder: PulseVocoder) -> None:
    states = [vocoder.init_state(3), vocoder.init_state(4, Timbre(pitch=0.6))]
    with pytest.raises(ValueError, match="batch keys"):
        VocoderState.joined(states)
