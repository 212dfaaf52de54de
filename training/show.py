"""What README and model card let hear and see of the voices: python -m training.show

Writes docs/samples/*.ogg, a sentence or two of each voice as Opus, and docs/images/voices.png, spectrograms up to 8 kHz
of the same sentence by the teacher, `anna` and `karl`. Needs the packages `hibari-tts` and `pillow`.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
import soundfile
import torch

from engine import loading
from engine.messages import Engine
from engine.model import EMBEDDED
from training.features import SAMPLE_RATE, Floats
from training.say import VOICES, by_teacher, by_voice

DOCS = Path(__file__).parents[1] / "docs"
SAMPLES = {
    "anna": "Hello, I am Anna. Did you know that the museum opens at nine and closes at half past five?",
    "karl": "Hello, I am Karl. It takes about three hours to drive to the coast, so please leave before noon.",
}
PICTURED = "He walked slowly across the bridge and watched the river."

WINDOW, HOP, N_FFT = 960, 120, 1_920  # samples: 40 ms, 5 ms
TOP_HZ = 8_000
BINS = 4  # of the spectrum that share a line of the picture
FAINTEST, RANGE = -50.0, 85.0  # dB
SOUND = 1e-3  # amplitude that is no silence
AROUND = (1_200, 2_400)  # samples before the first sound and behind the last
GAP = 8  # lines between two spectrograms
WHITE = 255
SHADE = 17  # grey levels in one: fewer make a smaller file

Pixels = npt.NDArray[np.uint8]


def spectrogram(wav: Floats) -> Pixels:
    """[N] -> grey [lines, columns], high frequencies on top, without the silence at both ends."""
    loud = np.flatnonzero(np.abs(wav) > SOUND)
    heard = wav[max(0, int(loud[0]) - AROUND[0]) : int(loud[-1]) + AROUND[1]] if len(loud) else wav
    frames = np.lib.stride_tricks.sliding_window_view(np.pad(heard, WINDOW // 2), WINDOW)[::HOP]
    lines = slice(0, N_FFT * TOP_HZ // SAMPLE_RATE, BINS)
    magnitude = np.abs(np.fft.rfft(frames * np.hanning(WINDOW), N_FFT))[:, lines]
    level = 20 * np.log10(magnitude + 1e-4).T[::-1]
    darkness = np.clip((level - FAINTEST) / RANGE, 0.0, 1.0)
    return (WHITE * (1.0 - darkness)).astype(np.uint8)


def stacked(pictures: Sequence[Pixels]) -> Pixels:
    """One below the other, all as wide as the widest."""
    width = max(picture.shape[1] for picture in pictures)
    gap = np.full((GAP, width), WHITE, np.uint8)
    wide = [np.pad(one, ((0, 0), (0, width - one.shape[1])), constant_values=WHITE) for one in pictures]
    return np.vstack([part for picture in wide for part in (picture, gap)][:-1])


def write_picture(picture: Pixels, path: Path) -> None:
    from PIL import Image

    Image.fromarray(picture // SHADE * SHADE).save(path, optimize=True)


def write_samples(engine: Engine, folder: Path) -> None:
    for voice, text in SAMPLES.items():
        (wav,) = by_voice(engine, voice, [text])
        soundfile.write(folder / f"{voice}.ogg", wav, SAMPLE_RATE, format="OGG", subtype="OPUS")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--docs", type=Path, default=DOCS)
    parser.add_argument("--model", default=str(EMBEDDED), help="directory of the model")
    options = parser.parse_args()
    torch.set_num_threads(1)
    engine = loading.load(options.model)
    try:
        write_samples(engine, options.docs / "samples")
        spoken = [by_teacher([PICTURED]), *(by_voice(engine, voice, [PICTURED]) for voice in VOICES)]
    finally:
        engine.close()
    write_picture(stacked([spectrogram(wav) for (wav,) in spoken]), options.docs / "images" / "voices.png")


if __name__ == "__main__":
    main()
