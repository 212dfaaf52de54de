"""The vocoder's trainer on a tiny network and random tensors."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from torch.testing import assert_close

from engine.networks.hift.hift import HiFT
from tests.engine.networks.hift.test_hift_laws import CONFIGS
from training.spectral import SpectralLoss
from training.vocoder import Batch, Trainer, export, pitch_loss


def batch(frames: int = 12) -> Batch:
    generator = torch.Generator().manual_seed(0)
    mel = torch.randn(2, 80, frames, generator=generator)
    wav = torch.randn(2, 480 * frames, generator=generator) * 0.1
    f0 = torch.tensor([[120.0] * frames, [0.0] * frames])
    return Batch(mel, f0, wav, torch.ones(2, 480 * frames, dtype=torch.bool), [1, 2])


def test_equal_waveforms_have_no_loss() -> None:
    wav = batch().wav
    spectrum, mel = SpectralLoss()(wav, wav)
    assert spectrum.item() == 0.0
    assert mel.item() == 0.0


def test_the_loss_hears_a_wrong_level() -> None:
    """Twice as loud is ln 2 in every mel band."""
    wav = batch().wav
    assert SpectralLoss()(2 * wav, wav)[1].item() == pytest.approx(0.693, abs=0.01)


def test_pitch_counts_only_where_there_is_voice() -> None:
    true = torch.tensor([[100.0, 0.0]])
    tone, _ = pitch_loss(torch.tensor([[100.0, 500.0]]), true, 45.0)
    assert tone.item() == 0.0
    right = pitch_loss(torch.tensor([[100.0, 5.0]]), true, 45.0)[1]
    wrong = pitch_loss(torch.tensor([[5.0, 100.0]]), true, 45.0)[1]
    assert right < wrong


def test_training_goes_on_where_the_checkpoint_left_off(tmp_path: Path) -> None:
    trainer = Trainer(CONFIGS["causal"], tmp_path, rate=1e-3, bf16=False, seed=0)
    for _ in range(2):
        trainer.train_step(batch(), 0.0)
    trainer.save()
    resumed = Trainer(CONFIGS["causal"], tmp_path, rate=1e-3, bf16=False, seed=1)
    resumed.resume()
    assert resumed.step == 2
    assert_close(resumed.train_step(batch(), 0.5), trainer.train_step(batch(), 0.5))


def test_exported_weights_load_strictly(tmp_path: Path) -> None:
    model = HiFT(CONFIGS["causal"])
    export(model, tmp_path / "hift.safetensors")
    HiFT(CONFIGS["causal"]).load_state_dict(load_file(tmp_path / "hift.safetensors"), strict=True)
