"""The mark, streamed: where cutting matters and where it does not. Detection is tested in tests/parity."""

from __future__ import annotations

import random
import sys
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor

from engine.errors import ModelError
from engine.stages.watermark import Watermark, WatermarkConfig

CONFIG = WatermarkConfig(sample_rate=2_400, trained_rate=3_200, window=154, hop=24, fade=12)
BINS, WIDTH = 8, 16
LOOKAHEAD = 2 * 3 * CONFIG.hop + CONFIG.window  # two convolutions of 3 frames ahead, and two half windows
Samples = NDArray[np.float32]


def weights() -> dict[str, Tensor]:
    shapes = [(WIDTH, BINS, 1), (WIDTH, WIDTH, 7), (WIDTH, WIDTH, 7), (BINS, WIDTH, 1)]
    generator = torch.Generator().manual_seed(0)
    drawn = {}
    changes = 0.05  # of the level, at most: some 10 dB
    for index, (outputs, inputs, kernel) in enumerate(shapes):
        scale = (changes if index == len(shapes) - 1 else 1.0) / (inputs * kernel) ** 0.5
        drawn[f"encoder.layers.{index}.conv.weight"] = torch.randn(outputs, inputs, kernel, generator=generator) * scale
        drawn[f"encoder.layers.{index}.conv.bias"] = torch.randn(outputs, generator=generator) * 0.02
    return drawn


@pytest.fixture(scope="module")
def watermark() -> Watermark:
    return Watermark(weights(), CONFIG)


@pytest.fixture(scope="module")
def samples() -> Samples:
    """[4000] a chord in noise."""
    rng, t = np.random.default_rng(0), np.arange(4_000) / CONFIG.sample_rate
    chord = sum(np.sin(2 * np.pi * hertz * t) for hertz in (31, 47, 80)) * np.cos(3 * t)
    return (0.2 * chord + 0.01 * rng.standard_normal(len(t))).astype(np.float32)


def stream(watermark: Watermark, samples: Samples, ends: list[int]) -> Samples:
    state, marked = watermark.init_state(), []
    for begin, end in zip([0, *ends], [*ends, len(samples)], strict=True):
        chunk, state = watermark(samples[begin:end], state)
        marked.append(chunk)
    return np.concatenate(marked)


def cuts(samples: Samples, seed: int) -> list[int]:
    return sorted(random.Random(seed).sample(range(1, len(samples)), 7))


def settled(ends: list[int], length: int) -> NDArray[np.bool_]:
    """[N] whether a sample lies behind the fade of its chunk and has its lookahead in it."""
    certain = np.zeros(length, bool)
    for begin, end in zip([0, *ends], [*ends, length], strict=True):
        certain[begin + (CONFIG.fade if begin else 0) : max(begin, end - LOOKAHEAD)] = True
    return certain


@pytest.mark.parametrize("seed", range(5))
def test_as_many_samples_leave_as_come_and_at_once(watermark: Watermark, samples: Samples, seed: int) -> None:
    state = watermark.init_state()
    for chunk in np.split(samples, cuts(samples, seed)):
        marked, state = watermark(chunk, state)
        assert len(marked) == len(chunk)


def test_the_mark_is_there_and_smaller_than_the_sound(watermark: Watermark, samples: Samples) -> None:
    mark = stream(watermark, samples, []) - samples
    assert 0.001 < np.square(mark).mean() / np.square(samples).mean() < 1


@pytest.mark.parametrize("seed", range(10))
def test_where_its_lookahead_was_there_the_mark_is_that_of_the_whole(
    watermark: Watermark, samples: Samples, seed: int
) -> None:
    ends = cuts(samples, seed)
    certain = settled(ends, len(samples))
    assert certain.mean() > 0.3
    whole = stream(watermark, samples, [])
    np.testing.assert_allclose(stream(watermark, samples, ends)[certain], whole[certain], atol=1e-5)


@pytest.mark.parametrize("end", [1, 76, 77, 78, 100, 500, 2_000])
def test_a_chunks_end_is_marked_as_the_end_of_a_recording(watermark: Watermark, samples: Samples, end: int) -> None:
    first = stream(watermark, samples, [end])[:end]
    np.testing.assert_array_equal(first, stream(watermark, samples[:end], []))


@pytest.mark.parametrize("end", [300, 1_111, 2_000])
def test_marks_are_joined_without_a_step(watermark: Watermark, samples: Samples, end: int) -> None:
    """A step would be as large as the mark itself; next to it, the mark moves by a fraction of that."""
    mark = stream(watermark, samples, [end]) - samples
    steps = np.abs(np.diff(mark[end - 40 : end + 40]))
    assert np.abs(mark[end] - mark[end - 1]) <= steps.max()
    assert steps.max() < 0.5 * np.abs(mark[end - 40 : end + 40]).max()


def test_chunks_of_single_samples_are_marked(watermark: Watermark, samples: Samples) -> None:
    short = samples[:400]
    marked = stream(watermark, short, list(range(1, 400)))
    assert np.isfinite(marked).all()
    assert np.square(marked - short).mean() < np.square(short).mean()


def test_the_state_given_stays_as_it_is_and_two_utterances_never_meet(watermark: Watermark, samples: Samples) -> None:
    _, state = watermark(samples[:1_000], watermark.init_state())
    once, _ = watermark(samples[1_000:], state)
    _, other = watermark(samples[::-1].copy(), watermark.init_state())
    watermark(samples[:500], other)
    again, _ = watermark(samples[1_000:], state)
    np.testing.assert_array_equal(once, again)


def test_silence_stays_silent(watermark: Watermark, samples: Samples) -> None:
    silence = np.zeros(1_000, np.float32)
    np.testing.assert_array_equal(stream(watermark, silence, [10, 500]), silence)
    paused = np.concatenate([samples, silence, samples])
    marked = stream(watermark, paused, [4_000, 5_000])
    np.testing.assert_array_equal(marked[4_000 + CONFIG.window : 5_000 - CONFIG.window], 0)


def test_nothing_in_nothing_out(watermark: Watermark) -> None:
    state = watermark.init_state()
    marked, after = watermark(np.zeros(0, np.float32), state)
    assert len(marked) == 0
    assert after is state


def test_above_the_networks_bins_nothing_changes(watermark: Watermark, samples: Samples) -> None:
    mark = stream(watermark, samples, []) - samples
    spectrum = np.square(np.abs(np.fft.rfft(mark * np.hanning(len(mark)))))
    highest = BINS * len(mark) // CONFIG.window
    assert spectrum[2 * highest :].sum() < 1e-4 * spectrum.sum()


def test_memory_does_not_grow(watermark: Watermark, samples: Samples) -> None:
    state, sizes = watermark.init_state(), []
    for _ in range(20):
        _, state = watermark(samples[:600], state)
        held = (state.samples, state.spectra, state.fading, *state.tails)
        sizes.append(sum(tensor.untyped_storage().nbytes() for tensor in held))
    assert len(set(sizes[2:])) == 1  # 600 is a multiple of the hop


def test_a_missing_package_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "perth", None)  # as if it were not installed
    with pytest.raises(ModelError, match=r"pip install 'gapless\[watermark\]'"):
        Watermark.load()


def test_a_package_without_its_weights_is_an_error(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "perth").mkdir()
    (tmp_path / "perth" / "__init__.py").touch()
    monkeypatch.syspath_prepend(str(tmp_path))
    with pytest.raises(ModelError, match="holds no PerTh weights"):
        Watermark.load()


@pytest.mark.skipif(find_spec("perth") is None, reason="resemble-perth is not installed")
def test_the_packages_weights_mark_speech_rates() -> None:
    watermark = Watermark.load()
    assert watermark.bins * watermark.config.trained_rate / (2048 * 2_000) == pytest.approx(1)  # up to 2 kHz
    assert watermark.lookahead_frames == 15
    noise = np.random.default_rng(0).normal(0, 0.1, 24_000).astype(np.float32)
    marked, _ = watermark(noise, watermark.init_state())
    assert 1e-4 < np.square(marked - noise).mean() / np.square(noise).mean() < 0.5
