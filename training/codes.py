"""Rendered utterances -> the data set of training/dataset.py: mel, pitch, speech tokens, and what each token says.

    python -m training.codes --work DIR

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
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from training import features
from training.dataset import FRAMES_PER_TOKEN, HOP

TOKEN = HOP * FRAMES_PER_TOKEN  # 960 samples, 40 ms
CODES = 1_024
CODEBOOK_TOKENS = 200_000  # sample the codebook is fitted on
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

    @property
    def align(self) -> npt.NDArray[np.int16]:
        """[K] index of the symbol spoken in the middle of each token."""
        middles = np.arange(self.n_tokens) * TOKEN + TOKEN // 2
        spoken = np.searchsorted(self.rendered.ends, middles, side="right") - 1
        return np.clip(spoken, 0, len(self.rendered.symbols) - 1).astype(np.int16)


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
        codebook = features.fit_codebook(sample, codes, seed)
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
        return self.codes_of(item.mel.astype(np.float32), item.rendered.f0, item.rendered.voice)

    def codes_of(self, mel: features.Floats, f0: features.Floats, voice: str) -> features.Ints:
        """[2K, 80], [2K] Hz -> [K]"""
        return features.nearest(features.code_features(mel, f0, self.norms[voice]), self.codebooks[voice])


def adapted(codebook: features.Floats, values: features.Floats) -> features.Floats:
    """Centres moved to the means of the values nearest to them; each weighs as much as PRIOR values itself."""
    moved = codebook
    for _ in range(ADAPTATIONS):
        labels = features.nearest(values, moved)
        sums = PRIOR * codebook
        np.add.at(sums, labels, values)
        moved = (sums / (PRIOR + np.bincount(labels, minlength=len(codebook)))[:, None]).astype(np.float32)
    return moved


def _values(item: Analysed, norm: features.Normalisation) -> features.Floats:
    return features.code_features(item.mel.astype(np.float32), item.rendered.f0, norm)


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
