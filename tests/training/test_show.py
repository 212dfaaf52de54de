"""What is heard and seen of the voices: the picture of a sound, and the sentences that are said."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soundfile

from training import say
from training.features import SAMPLE_RATE, Floats
from training.show import BINS, GAP, N_FFT, SAMPLES, WHITE, spectrogram, stacked


def tone(hertz: float, seconds: float = 0.5) -> Floats:
    return np.asarray(0.5 * np.sin(2 * np.pi * hertz * np.arange(int(seconds * SAMPLE_RATE)) / SAMPLE_RATE), np.float32)


@pytest.mark.parametrize("hertz", [500.0, 3_000.0])
def test_a_tone_is_a_dark_line_at_its_height(hertz: float) -> None:
    picture = spectrogram(tone(hertz))
    line = int(picture.mean(1).argmin())
    assert (len(picture) - 1 - line) * BINS * SAMPLE_RATE / N_FFT == pytest.approx(
        hertz, abs=BINS * SAMPLE_RATE / N_FFT
    )
    assert np.median(picture[0]) == WHITE, "nothing is at 8 kHz"


def test_silence_at_the_ends_is_left_out() -> None:
    padded = np.concatenate([np.zeros(SAMPLE_RATE, np.float32), tone(500.0), np.zeros(SAMPLE_RATE, np.float32)])
    assert spectrogram(padded).shape[1] < 1.5 * spectrogram(tone(500.0)).shape[1]


def test_pictures_stand_one_below_the_other() -> None:
    picture = stacked([np.zeros((3, 5), np.uint8), np.zeros((3, 9), np.uint8)])
    assert picture.shape == (3 + GAP + 3, 9)
    assert (picture[:3, 5:] == WHITE).all()
    assert (picture[3 : 3 + GAP] == WHITE).all()


def test_each_voice_has_a_sample() -> None:
    assert set(SAMPLES) == set(say.VOICES)


def test_what_was_said_is_numbered_as_the_judge_reads_it(tmp_path: Path) -> None:
    say.write(tmp_path / "anna", [tone(200.0), tone(300.0)])
    assert sorted(path.name for path in (tmp_path / "anna").iterdir()) == ["00.wav", "01.wav"]
    wav, rate = soundfile.read(tmp_path / "anna" / "01.wav", dtype="float32")
    assert rate == SAMPLE_RATE
    assert np.allclose(wav, tone(300.0), atol=1e-4)
