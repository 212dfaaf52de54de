"""The phases that a vocoder gets from what its last layers see."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from engine.networks.convs import Walk
from engine.networks.pulse.pulse import PulseConfig, PulseVocoder
from training.filters import TeacherFilters
from training.phase import give_phases
from training.segments import FAST, SLOW, Segments

UTTERANCES, TENTHS = 20, 4


@pytest.fixture
def vocoder() -> PulseVocoder:
    torch.manual_seed(0)
    return PulseVocoder(PulseConfig(width=8, hidden=16, mel_blocks=1, blocks=1)).eval()


def said(vocoder: PulseVocoder, work: Path) -> Segments:
    """Random mels, and what a teacher says of them that sees no more than the vocoder does."""
    generator = torch.Generator().manual_seed(1)
    mels = torch.randn(UTTERANCES, TENTHS * SLOW, 80, generator=generator).half()
    with torch.no_grad():
        outline, _ = vocoder.outline(mels.float().mT, 0, Walk(None, final=True))
    hidden = outline @ torch.randn(8, 256, generator=generator) + 0.5
    (work / "hidden").mkdir()
    frames = UTTERANCES * TENTHS * FAST
    arrays = {"hid": hidden.reshape(-1, 256), "mel": mels.reshape(-1, 80), "f0": np.zeros(frames), "wav": np.zeros(0)}
    for name, values in arrays.items():
        np.save(work / "hidden" / f"{name}.npy", np.asarray(values, np.float32))
    np.save(work / "hidden" / "frames.npy", np.full(UTTERANCES, TENTHS * FAST))
    return Segments(work, 1, 1, 0)


def test_phases_that_can_be_seen_are_met_and_others_are_not(vocoder: PulseVocoder, tmp_path: Path) -> None:
    generator = torch.Generator().manual_seed(2)
    teacher = TeacherFilters(torch.randn(256, 2404, generator=generator) * 0.05, torch.randn(2404, generator=generator))
    data = said(vocoder, tmp_path)
    assert give_phases(vocoder, teacher, data) > 0.99
    data.hid = np.random.default_rng(3).standard_normal(data.hid.shape).astype(np.float32) * 20
    assert give_phases(vocoder, teacher, data) < 0.1
