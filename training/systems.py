"""What training/evaluate.py compares, from the teacher to the whole engine: each swaps one more stage for ours.

    teacher   espeak-ng                          vocoder   teacher's mel -> HiFT
    flow      teacher's tokens -> flow -> HiFT   full      text -> T3 -> flow -> HiFT through the engine, streamed

A system is made from the work directory (data set statistics and codebook) and the model directory.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch

from engine import loading, speak
from engine.checkpoints import load
from engine.messages import Utterance
from engine.text.normalize import normalize
from training import features, render
from training.dataset import Dataset

Wav = npt.NDArray[np.float32]
Synthesise = Callable[[str, str], Wav]  # text as written, voice name -> waveform at 24 kHz

SEED = 0


def teacher(work: Path, directory: Path) -> Synthesise:
    voices = {voice.name: voice for voice in render.VOICES}
    return lambda text, voice: render.speak(normalize(text), voices[voice])[0]


def vocoder(work: Path, directory: Path) -> Synthesise:
    hift = load(str(directory)).vocoder
    speaks = teacher(work, directory)

    @torch.inference_mode()
    def synthesise(text: str, voice: str) -> Wav:
        mel = torch.from_numpy(features.mel_spectrogram(speaks(text, voice)))
        wav, _ = hift(mel.T[None], hift.init_state(SEED), final=True)
        return np.asarray(wav[0].numpy(), np.float32)

    return synthesise


def flow(work: Path, directory: Path) -> Synthesise:
    loaded, tokens_of = load(str(directory)), codes(work)
    speaks = teacher(work, directory)
    prompts = {name: loaded.prepare(voice).flow for name, voice in loaded.voices.items()}

    @torch.inference_mode()
    def synthesise(text: str, voice: str) -> Wav:
        tokens = torch.from_numpy(tokens_of(speaks(text, voice), voice))[None]
        mel = loaded.flow.offline(tokens, prompts[voice], SEED)
        wav, _ = loaded.vocoder(mel, loaded.vocoder.init_state(SEED), final=True)
        return np.asarray(wav[0].numpy(), np.float32)

    return synthesise


def full(work: Path, directory: Path) -> Synthesise:
    running = loading.load(str(directory))
    numbers = itertools.count()

    def synthesise(text: str, voice: str) -> Wav:
        utterance = Utterance(id=f"evaluate-{next(numbers)}", voice=voice, seed=SEED)
        return np.asarray(speak.speak(running, utterance, text), np.float32)

    return synthesise


def codes(work: Path) -> Callable[[Wav, str], npt.NDArray[np.int64]]:
    """The teacher's waveform and voice name -> speech tokens, by the data set's normalisation and codebook."""
    dataset = Dataset(work / "dataset")
    codebook = dataset.codebook()
    norms = {voice["name"]: features.Normalisation.from_stats(voice) for voice in dataset.stats["voices"]}

    def encode(wav: Wav, voice: str) -> npt.NDArray[np.int64]:
        mel, f0 = features.mel_spectrogram(wav), features.fundamental(wav)
        return features.nearest(features.code_features(mel, f0, norms[voice]), codebook)

    return encode
