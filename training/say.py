"""Says the lines of a file for the judge: python -m training.say --texts FILE --out DIR [--rate X] [--teacher] [--copy]

Writes DIR/NAME/00.wav, 01.wav ... for each voice of the embedded model, streamed through the engine, each line under
its number as seed; with --teacher also DIR/teacher, what hibari says; with --copy only that and DIR/copy, what the
vocoder makes of its mels.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import numpy as np
import soundfile
import torch

from engine import loading, speak
from engine.checkpoints import load
from engine.messages import Engine, Utterance
from engine.model import EMBEDDED
from engine.networks.vocoders import Vocoder
from training.features import HOP, SAMPLE_RATE, Floats, mel_spectrogram

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


@torch.inference_mode()
def by_vocoder(vocoder: Vocoder, spoken: Iterable[Floats]) -> Iterator[Floats]:
    """What a vocoder makes of the mels of speech, with the pitch that it finds in them."""
    for seed, wav in enumerate(spoken):
        mel = mel_spectrogram(np.pad(wav, (0, -len(wav) % HOP)))
        sound, _ = vocoder(torch.from_numpy(mel.T.copy())[None], vocoder.init_state(seed), final=True)
        yield sound[0].numpy()


def write(folder: Path, spoken: Iterable[Floats]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for number, wav in enumerate(spoken):
        soundfile.write(folder / f"{number:02d}.wav", wav, SAMPLE_RATE)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--texts", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--model", default=str(EMBEDDED), help="directory of the model")
    parser.add_argument("--rate", type=float, default=1.0, help="of the voices, 0.5 to 2, not with --copy")
    parser.add_argument("--teacher", action="store_true", help="also what the teacher says")
    parser.add_argument("--copy", action="store_true", help="what the teacher says, and the same through the vocoder")
    options = parser.parse_args()
    if options.copy and options.rate != 1.0:
        parser.error("--rate: the teacher and the copy of what it says have its own rate; allowed with --copy: 1")
    torch.set_num_threads(1)
    texts = options.texts.read_text(encoding="utf-8").splitlines()
    if options.teacher or options.copy:
        spoken = by_teacher(texts)
        write(options.out / "teacher", spoken)
    if options.copy:
        write(options.out / "copy", by_vocoder(load(options.model).vocoder, spoken))
        return
    engine = loading.load(options.model)
    try:
        for voice in VOICES:
            write(options.out / voice, by_voice(engine, voice, texts, options.rate))
    finally:
        engine.close()


if __name__ == "__main__":
    main()
