"""Says the lines of a file for the judge: python -m training.say --texts FILE --out DIR [--rate X] [--teacher]

Writes DIR/NAME/00.wav, 01.wav ... for each voice of the embedded model, streamed through the engine, each line under
its number as seed; with --teacher also DIR/teacher, what hibari says.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
import soundfile
import torch

from engine import loading, speak
from engine.messages import Engine, Utterance
from engine.model import EMBEDDED
from training.features import SAMPLE_RATE, Floats

VOICES = ("anna", "karl")


def by_voice(engine: Engine, voice: str, texts: Sequence[str], rate: float = 1.0) -> list[Floats]:
    """What a voice makes of each text at a speaking rate, [N] at the engine's sample rate."""
    return [
        speak.speak(engine, Utterance(id=f"{voice}-{seed}", voice=voice, seed=seed, speaking_rate=rate), text)
        for seed, text in enumerate(texts)
    ]


def by_teacher(texts: Sequence[str]) -> list[Floats]:
    """What the teacher of `anna` makes of each text. Needs the package `hibari-tts`."""
    from hibari import Hibari

    hibari = Hibari()
    return [np.asarray(hibari(text, seed=seed), np.float32) for seed, text in enumerate(texts)]


def write(folder: Path, spoken: Iterable[Floats]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for number, wav in enumerate(spoken):
        soundfile.write(folder / f"{number:02d}.wav", wav, SAMPLE_RATE)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--texts", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--model", default=str(EMBEDDED), help="directory of the model")
    parser.add_argument("--rate", type=float, default=1.0, help="speaking rate of the voices, 0.5 to 2")
    parser.add_argument("--teacher", action="store_true", help="also what the teacher says")
    options = parser.parse_args()
    torch.set_num_threads(1)
    texts = options.texts.read_text(encoding="utf-8").splitlines()
    engine = loading.load(options.model)
    try:
        for voice in VOICES:
            write(options.out / voice, by_voice(engine, voice, texts, options.rate))
    finally:
        engine.close()
    if options.teacher:
        write(options.out / "teacher", by_teacher(texts))


if __name__ == "__main__":
    main()
