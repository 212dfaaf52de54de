"""Rendered utterances -> the data set of training/dataset.py: mel, pitch, speech tokens, and what each token says.

    python -m training.codes --work DIR

A code says one phoneme, and how it sounds. Without the phoneme, sounds that are alike share codes though they mean
something else, and what is made of them is a mean: from such a code the phoneme could be guessed in 44 % of the tokens.

The codebook and the voices' normalisation are fitted once and kept (coder.pkl); utterances that come later are coded
with them, so that networks in training can go on with more data.
"""

from __future__ import annotations

import argparse
import json
import pickle
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from training import features
from training.alignment import spoken
from training.dataset import FRAMES_PER_TOKEN, HOP
from training.t3_batches import SPECIALS, VOCABULARY

TOKEN = HOP * FRAMES_PER_TOKEN  # 960 samples, 40 ms
CODES = 4_096
CODEBOOK_TOKENS = 200_000  # sample the codebook is fitted on
FEWEST = 4  # codes that each phoneme begins with, if it is said so often
PHONEMES = len(SPECIALS) + len(VOCABULARY)
SILENCE = SPECIALS.index("[STOP]")  # the phoneme of what is before and behind the utterance
APART = 100.0  # of two phonemes among a code's features: farther than any two sounds
NORM_UTTERANCES = 1_500  # of a voice, its normalisation is measured on
ADAPTATIONS, PRIOR = 6, 4.0  # of a further voice: k-means steps, and what a centre weighs in values
VALID_EVERY = 67  # 1.5 % of the texts
VOICES = ("anna", "karl")
FORMANTS = {"anna": 1.0, "karl": 0.84}  # of the voices, relative to the first


@dataclass(frozen=True)
class Rendered:
    """One utterance of a teacher."""

    id: str
    voice: str
    symbols: str  # what was said, in the phonemes and marks of the front end
    ends: npt.NDArray[np.int64]  # [symbols + 2] sample at which each is over, silence before and behind included
    wav: npt.NDArray[np.int16]  # [960 K]
    f0: features.Floats  # [2K] Hz, 0 where unvoiced


@dataclass(frozen=True)
class Analysed:
    rendered: Rendered
    mel: npt.NDArray[np.float16]  # [2K, 80]

    @property
    def n_tokens(self) -> int:
        return len(self.rendered.wav) // TOKEN

    @cached_property
    def spoken(self) -> features.Ints:
        """[K] index of the symbol that each token says, -1 before the first and their number after the last."""
        return spoken(self.rendered.symbols, self.rendered.ends, TOKEN, self.n_tokens)

    @property
    def align(self) -> npt.NDArray[np.int16]:
        """[K] the same, with the silence as part of the first symbol and of the last."""
        return np.clip(self.spoken, 0, len(self.rendered.symbols) - 1).astype(np.int16)

    @property
    def phonemes(self) -> features.Ints:
        """[K] T3's ids of what the tokens say."""
        ids = np.array([*(VOCABULARY[symbol] for symbol in self.rendered.symbols), SILENCE, SILENCE])
        return ids[self.spoken]


def analysed(rendered: Rendered) -> Analysed:
    wav = rendered.wav.astype(np.float32) / 32768.0
    return Analysed(rendered, features.mel_spectrogram(wav).astype(np.float16))


@dataclass
class Coder:
    """Features -> codes. The codebook is that of the first voice; the others are brought to its statistics, and their
    centres then move to where their own features are."""

    norms: dict[str, features.Normalisation]
    codebooks: dict[str, features.Floats]  # [codes, D] of each voice; a code means the same in all
    figures: dict[str, dict[str, float]]

    @classmethod
    def fit(cls, items: Sequence[Analysed], codes: int = CODES, seed: int = 0) -> Coder:
        """From utterances of the first voice."""
        voice = items[0].rendered.voice
        norms = {voice: _normalisation(items, None)}
        values = np.concatenate([_values(item, norms[voice]) for item in items])
        sample = values[np.random.default_rng(seed).permutation(len(values))[:CODEBOOK_TOKENS]]
        spread = np.linalg.norm(sample - phoneme_means(sample), axis=1)
        codebook = features.fit_codebook(sample, codes, seed, spread, first_of_each(sample))
        return cls(norms, {voice: codebook}, {voice: features.codebook_figures(sample, codebook)})

    def learn(self, items: Sequence[Analysed]) -> None:
        """A further voice."""
        voice, (norm, *_), (codebook, *_) = items[0].rendered.voice, self.norms.values(), self.codebooks.values()
        self.norms[voice] = _normalisation(items, norm)
        values = np.concatenate([_values(item, self.norms[voice]) for item in items])
        self.codebooks[voice] = adapted(codebook, values)
        self.figures[voice] = features.codebook_figures(values, self.codebooks[voice])

    def codes(self, item: Analysed) -> features.Ints:
        """[K]"""
        voice = item.rendered.voice
        return features.nearest(_values(item, self.norms[voice]), self.codebooks[voice])

    def codes_of(self, mel: features.Floats, f0: features.Floats, voice: str) -> features.Ints:
        """[2K, 80], [2K] Hz -> [K] of speech whose phonemes are not known: what sounds most like it."""
        sound = self.codebooks[voice][:, :-PHONEMES].copy()
        return features.nearest(features.code_features(mel, f0, self.norms[voice]), sound)


def adapted(codebook: features.Floats, values: features.Floats) -> features.Floats:
    """Centres moved to the means of the values nearest to them; each weighs as much as PRIOR values itself."""
    moved = codebook
    for _ in range(ADAPTATIONS):
        labels = features.nearest(values, moved)
        sums = PRIOR * codebook
        np.add.at(sums, labels, values)
        moved = (sums / (PRIOR + np.bincount(labels, minlength=len(codebook)))[:, None]).astype(np.float32)
    return moved


def phoneme_means(values: features.Floats) -> features.Floats:
    """[K, D] -> [K, D] the mean of those that say the same."""
    phonemes = values[:, -PHONEMES:].argmax(1)
    sums, counts = np.zeros((PHONEMES, values.shape[1]), np.float32), np.bincount(phonemes, minlength=PHONEMES)
    np.add.at(sums, phonemes, values)
    means: features.Floats = (sums / np.maximum(counts, 1)[:, None])[phonemes]
    return means


def first_of_each(values: features.Floats) -> features.Ints:
    """[K, D] -> where each phoneme is said for the first FEWEST times, so that a rare one has codes as well."""
    phonemes = values[:, -PHONEMES:].argmax(1)
    return np.concatenate([np.flatnonzero(phonemes == phoneme)[:FEWEST] for phoneme in np.unique(phonemes)])


def _values(item: Analysed, norm: features.Normalisation) -> features.Floats:
    """[K, D] how each token sounds, and what it says."""
    sound = features.code_features(item.mel.astype(np.float32), item.rendered.f0, norm)
    return np.concatenate([sound, APART * np.eye(PHONEMES, dtype=np.float32)[item.phonemes]], axis=1)


def _normalisation(items: Sequence[Analysed], first: features.Normalisation | None) -> features.Normalisation:
    """Over the speech frames of a sample of one voice."""
    sample, formants = items[:NORM_UTTERANCES], FORMANTS[items[0].rendered.voice]
    pairs = [features.cepstra(item.mel.astype(np.float32), formants) for item in sample]
    coefficients, speech = (np.concatenate(parts) for parts in zip(*pairs, strict=True))
    mean, std = coefficients[speech >= 1.0].mean(axis=0), coefficients[speech >= 1.0].std(axis=0)
    f0 = np.concatenate([item.rendered.f0 for item in sample])
    return features.Normalisation(
        formants=formants,
        f0_median=float(np.median(f0[f0 > 0])),
        mean=mean,
        std=std,
        common_mean=mean if first is None else first.mean,
        common_std=std if first is None else first.std,
    )


def write(folder: Path, items: Sequence[Analysed], coder: Coder) -> dict[str, Any]:
    """The data set; the waveforms stay where they were rendered."""
    folder.mkdir(parents=True, exist_ok=True)
    arrays = {
        "mel.f16": np.concatenate([item.mel for item in items]),
        "f0.f32": np.concatenate([item.rendered.f0 for item in items]),
        "align.i16": np.concatenate([item.align for item in items]),
        "tokens.i16": np.concatenate([coder.codes(item) for item in items]).astype(np.int16),
        "codebook.f32": next(iter(coder.codebooks.values())),
    }
    for name, array in arrays.items():
        np.save(folder / f"{name}.npy", array)
    with (folder / "meta.jsonl").open("w") as lines:
        lines.writelines(json.dumps(entry) + "\n" for entry in _meta(items))
    summary = _stats(items, coder)
    (folder / "stats.json").write_text(json.dumps(summary, indent=1))
    prompts = {voice: f"prompt-{voice}" for voice in VOICES if voice in coder.norms}
    (folder / "prompts.json").write_text(json.dumps(prompts))
    return summary


def _meta(items: Sequence[Analysed]) -> Iterator[dict[str, Any]]:
    token_start = 0
    for item in items:
        rendered = item.rendered
        yield {
            "id": rendered.id,
            "voice": VOICES.index(rendered.voice),
            "text": rendered.symbols,
            "split": "valid" if zlib.crc32(rendered.id.encode()) % VALID_EVERY == 0 else "train",
            "n_tokens": item.n_tokens,
            "frame_start": FRAMES_PER_TOKEN * token_start,
            "token_start": token_start,
        }
        token_start += item.n_tokens


def _stats(items: Sequence[Analysed], coder: Coder) -> dict[str, Any]:
    voices = []
    for voice, norm in coder.norms.items():
        own = [item.rendered for item in items if item.rendered.voice == voice]
        hours = sum(len(rendered.wav) for rendered in own) / features.SAMPLE_RATE / 3600
        numbers = {key: getattr(value, "tolist", lambda value=value: value)() for key, value in asdict(norm).items()}
        voices.append({"name": voice, "hours": hours, "utterances": len(own), **coder.figures[voice], **numbers})
    return {"codes": CODES, "voices": voices}


def coded(work: Path) -> tuple[list[Analysed], Coder]:
    """All shards in work/rendered, first the first voice's."""
    items = [
        analysed(one) for path in sorted((work / "rendered").glob("*.pkl")) for one in pickle.loads(path.read_bytes())
    ]
    path = work / "coder.pkl"
    own = {voice: [item for item in items if item.rendered.voice == voice] for voice in VOICES}
    coder: Coder = pickle.loads(path.read_bytes()) if path.exists() else Coder.fit(own[VOICES[0]])
    for voice in VOICES[1:]:
        if own[voice] and voice not in coder.norms:
            coder.learn(own[voice])
    path.write_bytes(pickle.dumps(coder))
    return items, coder


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n\n")[0])
    parser.add_argument("--work", type=Path, default=Path("out/training"))
    options = parser.parse_args()
    items, coder = coded(options.work)
    for voice in write(options.work / "dataset", items, coder)["voices"]:
        print({name: value for name, value in voice.items() if not isinstance(value, list)})


if __name__ == "__main__":
    from training import codes  # what is pickled belongs to this module, not to the script

    codes.main()
