"""More texts for T3, coded like an existing data set. `python -m training.render_more --work DIR --hours H`

The stream of texts goes on where the data set's ended; tokens come from its normalisation and its codebook. Only what
T3 learns from is written (tokens and alignment), in the same files; everything is in the "train" split.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
from collections.abc import Iterator
from functools import partial
from itertools import dropwhile, islice
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from training import features, render
from training.dataset import FRAMES_PER_TOKEN, HOP, SAMPLE_RATE, Dataset

TOKENS_PER_HOUR = 3600 * SAMPLE_RATE // (HOP * FRAMES_PER_TOKEN)
MOST_PER_HOUR = 2_000  # utterances; imap reads its input ahead of the work, so an endless stream must be cut
Coded = tuple[render.Job, features.Ints, npt.NDArray[np.int16]]  # job, tokens [K], alignment [K]


def normalisations(stats: dict[str, Any]) -> list[features.Normalisation]:
    """As the data set's stats.json holds them."""
    arrays = {"mean": "cepstrum_mean", "std": "cepstrum_std", "common_mean": "common_mean", "common_std": "common_std"}
    return [
        features.Normalisation(
            formants=voice["formants"],
            f0_median=voice["f0_median"],
            **{name: np.array(voice[key], np.float32) for name, key in arrays.items()},
        )
        for voice in stats["voices"]
    ]


def encode(job: render.Job, norms: list[features.Normalisation], codebook: features.Floats) -> Coded | None:
    """None when the utterance is too long for one segment."""
    torch.set_num_threads(1)
    wav, align = render.speak(job.text, render.VOICES[job.voice])
    if len(align) > render.LONGEST_TOKENS:
        return None
    mel = features.mel_spectrogram(wav).astype(np.float16).astype(np.float32)
    values = features.code_features(mel, features.fundamental(wav), norms[job.voice])
    return job, features.nearest(values, codebook), align


def fresh(seed: int, last: str) -> Iterator[render.Job]:
    """The jobs after the one with the text `last`."""
    following = dropwhile(lambda job: job.text != last, render.jobs(seed))
    next(following)
    return following


def write(folder: Path, source: Dataset, coded: list[Coded]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    token_start = 0
    with (folder / "meta.jsonl").open("w") as lines:
        for job, tokens, _ in coded:
            entry = {"id": f"more-{job.index}", "voice": job.voice, "text": job.text, "split": "train"}
            entry |= {"n_tokens": len(tokens), "frame_start": 0, "token_start": token_start, "has_wav": False}
            lines.write(json.dumps(entry) + "\n")
            token_start += len(tokens)
    np.save(folder / "tokens.i16.npy", np.concatenate([tokens for _, tokens, _ in coded]).astype(np.int16))
    np.save(folder / "align.i16.npy", np.concatenate([align for _, _, align in coded]).astype(np.int16))
    np.save(folder / "codebook.f32.npy", source.codebook())
    for name in ("mel.f16", "f0.f32", "wav.i16"):
        np.save(folder / f"{name}.npy", np.zeros(0, np.float32))
    (folder / "stats.json").write_text(json.dumps(source.stats))
    (folder / "prompts.json").write_text("{}")
    (folder / "READY").touch()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--work", type=Path, default=Path("out/training"), help="work directory (default: %(default)s)")
    parser.add_argument("--name", default="dataset_more", help="folder inside it (default: %(default)s)")
    parser.add_argument("--hours", type=float, default=8.0, help="hours to render (default: %(default)s)")
    parser.add_argument("--processes", type=int, default=2)
    options = parser.parse_args()
    source = Dataset(options.work / "dataset")
    work = partial(encode, norms=normalisations(source.stats), codebook=source.codebook())
    coded: list[Coded] = []
    n_tokens = 0
    with multiprocessing.Pool(options.processes) as pool:
        jobs = fresh(source.stats["seed"], source.utterances[-1].text)
        for item in pool.imap(work, islice(jobs, int(MOST_PER_HOUR * (1 + options.hours))), chunksize=16):
            if item is None:
                continue
            coded.append(item)
            n_tokens += len(item[1])
            if n_tokens >= options.hours * TOKENS_PER_HOUR:
                break
    write(options.work / options.name, source, coded)
    print(f"{len(coded)} utterances, {n_tokens / TOKENS_PER_HOUR:.2f} h")


if __name__ == "__main__":
    main()
