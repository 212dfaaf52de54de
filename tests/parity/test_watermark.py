"""The streamed mark: the reference's own where a recording is one chunk, and found by its detector however cut."""

from __future__ import annotations

from collections.abc import Callable
from importlib.util import find_spec

import numpy as np
import pytest
import torch
from torch import Tensor

from engine.stages.watermark import Watermark, WatermarkConfig
from tests.parity.harness import Case, Reference

pytestmark = pytest.mark.skipif(find_spec("perth") is None, reason="resemble-perth is not installed")

RATE = WatermarkConfig().sample_rate
CHUNKS = {"whole": 10 * RATE, "1 s": RATE, "0.48 s": 11_520, "0.24 s": 5_760, "0.04 s": 960}
EDGE = RATE // 4  # about the watermark's reach; the reference's resampling differs at the ends


def voice(seconds: float = 4.0) -> Tensor:
    """[N] something like speech: harmonics of a moving pitch under moving formants, in syllables with pauses."""
    t = np.arange(int(seconds * RATE)) / RATE
    pitch = 130 + 30 * np.sin(2 * np.pi * 0.7 * t) + 10 * np.sin(2 * np.pi * 2.3 * t)
    phase = 2 * np.pi * np.cumsum(pitch) / RATE
    formants = (500 + 250 * np.sin(2 * np.pi * 1.1 * t), 1_500 + 500 * np.sin(2 * np.pi * 0.9 * t + 1))
    wave = np.zeros_like(t)
    for harmonic in range(1, 60):
        hertz = harmonic * pitch
        level = sum(np.exp(-(((hertz - formant) / 200) ** 2)) for formant in formants) + 0.02
        wave += level * np.sin(harmonic * phase) * (hertz < RATE / 2)
    syllables = np.clip(0.7 - np.cos(2 * np.pi * 2 * t), 0, 1)  # begins and ends in silence
    rng = np.random.default_rng(0)
    breath, room = rng.normal(0, 0.02, len(t)), rng.normal(0, 1e-4, len(t))
    return torch.from_numpy((0.1 * syllables * (wave + breath) + room).astype(np.float32))


def marked(samples: Tensor, chunk: int) -> Tensor:
    watermark, sound = Watermark.load(), samples.numpy()
    state, parts = watermark.init_state(), []
    for begin in range(0, len(sound), chunk):
        part, state = watermark(sound[begin : begin + chunk], state)
        parts.append(part)
    return torch.from_numpy(np.concatenate(parts))


SAMPLES = voice()


@pytest.fixture(scope="module")
def reference() -> Reference:
    streamed = {name: marked(SAMPLES, chunk) for name, chunk in CHUNKS.items()}
    return Reference("watermark", {"voice": Case({"sample_rate": RATE}, {"samples": SAMPLES, **streamed})})


def test_the_mark_of_a_whole_recording_is_the_references(reference: Reference, check: Callable[..., None]) -> None:
    """Below 3 kHz: the reference resamples the recording, which changes its treble, its ends and digital silence."""
    answer = reference["voice"]
    ours = _bass(marked(SAMPLES, CHUNKS["whole"]) - SAMPLES)
    theirs = _bass(answer["marked"] - SAMPLES)
    check("watermark, whole recording, interior", ours[EDGE:-EDGE], theirs[EDGE:-EDGE], answer)


@pytest.mark.parametrize("chunk", ["by the reference", *CHUNKS])
def test_the_mark_is_detected(chunk: str, reference: Reference) -> None:
    assert reference["voice"][f"sure of {chunk}"] > 0.9


def test_no_mark_is_detected_where_there_is_none(reference: Reference) -> None:
    assert reference["voice"]["sure of samples"] < 0.5  # where the detector rounds


def _bass(samples: Tensor, highest_hz: int = 3_000) -> Tensor:
    spectrum = torch.fft.rfft(samples)
    spectrum[highest_hz * len(samples) // RATE :] = 0
    bass: Tensor = torch.fft.irfft(spectrum, n=len(samples))
    return bass
