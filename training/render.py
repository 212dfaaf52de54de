"""Texts -> teacher audio -> the data set of training/dataset.py. `python -m training.render --work DIR --hours H`

Two processes render and analyse; the parent collects everything in memory (about 1.2 GB for 20 h), fits the codebook
and writes. A text is rendered once, in a voice drawn at random. The first two utterances are the voices' prompts.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import random
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from training import corpus, espeak, features
from training.dataset import FRAMES_PER_TOKEN, HOP, SAMPLE_RATE

# f1 is the female variant without echo whose formants are most nearly a scaling of the default's: the stretch of 1.1
# brought its code features from a distance of 12.3 to 9.1 of karl's saying the same (f3: 14.8 to 10.4 at 1.22).
VOICES = (
    espeak.Voice(name="karl", espeak="en-us"),
    espeak.Voice(name="anna", espeak="en-us+f1", pitch=60),
)
FORMANTS = (1.0, 1.1)  # of the voices, relative to the first
PROMPT = "the morning air is clear."
TOKEN = HOP * FRAMES_PER_TOKEN  # 960 samples, 40 ms
LEADING = 960  # at most this much silence before the first sound
TRAILING = 3_840  # 160 ms after the last sound, then up to the next whole token
SILENT = 1e-3  # -60 dBFS
LONGEST_TOKENS = 230  # what T3 takes in one segment
VALID_EVERY = 67  # 1.5 % of the texts
WAV_HOURS = 4.0
CODES = 1_024
CODEBOOK_TOKENS = 200_000  # sample the codebook is fitted on
NORM_UTTERANCES = 1_500  # sample the voices' normalisation is measured on


@dataclass(frozen=True)
class Job:
    index: int
    text: str
    voice: int


@dataclass(frozen=True)
class Rendered:
    text: str
    voice: int
    wav: npt.NDArray[np.int16]  # [960 K]
    mel: npt.NDArray[np.float16]  # [2K, 80]
    f0: features.Floats  # [2K]
    align: npt.NDArray[np.int16]  # [K]


_teacher: espeak.Espeak | None = None  # one per worker process


def speak(text: str, voice: espeak.Voice) -> tuple[features.Floats, npt.NDArray[np.int16]]:
    """The teacher's trimmed waveform [960 K] and the character spoken at each token [K]."""
    global _teacher
    _teacher = _teacher or espeak.Espeak()
    rendering = _teacher.render(text, voice)
    loud = np.flatnonzero(np.abs(rendering.wav) > SILENT)
    if len(loud) == 0:
        raise ValueError(f"espeak-ng rendered only silence for {text!r}")
    start, end = max(0, int(loud[0]) - LEADING), int(loud[-1]) + 1
    n_tokens = -(-(end - start + TRAILING) // TOKEN)
    wav = np.zeros(n_tokens * TOKEN, np.float32)
    wav[: end - start] = rendering.wav[start:end]
    words = [espeak.Word(max(0, word.start - start), word.character) for word in rendering.words]
    return wav, alignment(text, words, wav)


def alignment(text: str, words: list[espeak.Word], wav: features.Floats) -> npt.NDArray[np.int16]:
    """Token -> character, linear inside words; the silence before the next word belongs to the character before it."""
    loud = np.flatnonzero(np.abs(wav) > SILENT)
    starts = [word.start for word in words] + [len(wav)]
    firsts = [word.character for word in words] + [len(text)]
    centres = np.arange(len(wav) // TOKEN) * TOKEN + TOKEN // 2
    characters = np.zeros(len(centres), np.int64)
    for start, stop, first, following in zip(starts, starts[1:], firsts, firsts[1:], strict=False):
        inside = (centres >= start) & (centres < stop)
        if not inside.any() or following <= first:
            continue
        spoken = text[first:following].rstrip(" .,?!")
        sound = loud[np.searchsorted(loud, stop) - 1] if len(loud) else stop
        share = (centres[inside] - start) / max(1, sound + 1 - start)
        last = min(first + len(spoken), len(text) - 1)  # the space or punctuation after the word
        characters[inside] = np.where(share < 1.0, first + (share * len(spoken)).astype(int), last)
    return np.maximum.accumulate(characters).astype(np.int16)


def render(job: Job) -> Rendered | None:
    """None when the utterance is too long for one segment."""
    wav, align = speak(job.text, VOICES[job.voice])
    if len(align) > LONGEST_TOKENS:
        return None
    pcm = np.round(np.clip(wav, -1.0, 1.0) * 32767.0).astype(np.int16)
    mel = features.mel_spectrogram(wav).astype(np.float16)
    return Rendered(job.text, job.voice, pcm, mel, features.fundamental(wav), align)


def jobs(seed: int) -> Iterator[Job]:
    for voice in range(len(VOICES)):
        yield Job(voice, PROMPT, voice)
    rng = random.Random(seed)
    for index, item in enumerate(corpus.corpus(seed), start=len(VOICES)):
        if item.text != PROMPT:
            yield Job(index, item.text, rng.randrange(len(VOICES)))


def _start_worker() -> None:
    torch.set_num_threads(1)


def render_hours(hours: float, wav_hours: float, seed: int, processes: int) -> tuple[list[Rendered], int]:
    """Utterances of at least `hours` in all; the waveforms of the first n are kept, n is the second result."""
    wanted, kept_samples = hours * 3600 * SAMPLE_RATE, wav_hours * 3600 * SAMPLE_RATE
    rendered: list[Rendered] = []
    samples, with_wav, began, report = 0, 0, time.monotonic(), 0.0
    empty = np.zeros(0, np.int16)
    with multiprocessing.Pool(processes, _start_worker) as pool:
        for item in pool.imap(render, _bounded(jobs(seed), hours), chunksize=16):
            if item is None:
                continue
            samples += len(item.wav)
            if samples <= kept_samples:
                with_wav = len(rendered) + 1
            elif len(item.wav):
                item = Rendered(item.text, item.voice, empty, item.mel, item.f0, item.align)
            rendered.append(item)
            if samples >= report * 3600 * SAMPLE_RATE:
                report += 1.0
                spent = time.monotonic() - began
                print(f"{spent:6.0f} s  {samples / SAMPLE_RATE / 3600:5.2f} h  {len(rendered)} utterances", flush=True)
            if samples >= wanted:
                break
    return rendered, with_wav


def _bounded(source: Iterator[Job], hours: float) -> Iterator[Job]:
    """imap reads its input ahead of the work: a generous bound keeps it from running on for ever."""
    for count, job in enumerate(source):
        if count > 2_000 + 2_000 * hours:
            return
        yield job


def normalisations(rendered: list[Rendered]) -> list[features.Normalisation]:
    """Per voice, over the speech frames of a sample."""
    sample = rendered[:NORM_UTTERANCES]
    pairs = [features.cepstra(item.mel.astype(np.float32), FORMANTS[item.voice]) for item in sample]
    coefficients, speech = (np.concatenate(parts) for parts in zip(*pairs, strict=True))
    voice = np.concatenate([np.full(len(item.mel), item.voice) for item in sample])
    f0 = np.concatenate([item.f0 for item in sample])
    spoken = speech >= 1.0
    per_voice = [coefficients[spoken & (voice == number)] for number in range(len(VOICES))]
    means, stds = [c.mean(axis=0) for c in per_voice], [c.std(axis=0) for c in per_voice]
    return [
        features.Normalisation(
            formants=FORMANTS[number],
            f0_median=float(np.median(f0[(f0 > 0) & (voice == number)])),
            mean=means[number],
            std=stds[number],
            common_mean=np.mean(means, axis=0),
            common_std=np.mean(stds, axis=0),
        )
        for number in range(len(VOICES))
    ]


def encode(
    rendered: list[Rendered], norms: list[features.Normalisation], seed: int
) -> tuple[Any, Any, dict[str, float]]:
    """Speech tokens of all utterances [K_total], the codebook [1024, 56], and its figures."""
    values = np.concatenate([features.code_features(r.mel.astype(np.float32), r.f0, norms[r.voice]) for r in rendered])
    sample = np.random.default_rng(seed).permutation(len(values))[:CODEBOOK_TOKENS]
    codebook = features.fit_codebook(values[sample], CODES, seed)
    figures = features.codebook_figures(values[sample], codebook)
    return features.nearest(values, codebook), codebook, figures


def meta(rendered: list[Rendered], with_wav: int) -> Iterator[dict[str, Any]]:
    token_start = 0
    for index, item in enumerate(rendered):
        prompt = index < len(VOICES)
        yield {
            "id": f"prompt-{VOICES[item.voice].name}" if prompt else f"{index:06d}",
            "voice": item.voice,
            "text": item.text,
            "split": "valid" if index % VALID_EVERY == VALID_EVERY - 1 else "train",
            "n_tokens": len(item.align),
            "frame_start": FRAMES_PER_TOKEN * token_start,
            "token_start": token_start,
            "has_wav": index < with_wav,
        }
        token_start += len(item.align)


def stats(
    rendered: list[Rendered], norms: list[features.Normalisation], figures: dict[str, float], seed: int
) -> dict[str, Any]:
    f0 = [np.concatenate([r.f0 for r in rendered[:NORM_UTTERANCES] if r.voice == v]) for v in range(len(VOICES))]
    voices = [
        {
            **asdict(voice),
            "formants": norm.formants,
            "f0_median": norm.f0_median,
            "voicing_rate": float((pitch > 0).mean()),
            "utterances": sum(r.voice == number for r in rendered),
            "cepstrum_mean": norm.mean.tolist(),
            "cepstrum_std": norm.std.tolist(),
            "common_mean": norm.common_mean.tolist(),
            "common_std": norm.common_std.tolist(),
        }
        for number, (voice, norm, pitch) in enumerate(zip(VOICES, norms, f0, strict=True))
    ]
    hours = sum(len(r.align) for r in rendered) * TOKEN / SAMPLE_RATE / 3600
    return {"seed": seed, "hours": hours, "utterances": len(rendered), "codes": CODES, **figures, "voices": voices}


def write(folder: Path, rendered: list[Rendered], with_wav: int, seed: int) -> dict[str, Any]:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "READY").unlink(missing_ok=True)
    norms = normalisations(rendered)
    tokens, codebook, figures = encode(rendered, norms, seed)
    arrays = {
        "mel.f16": np.concatenate([r.mel for r in rendered]),
        "f0.f32": np.concatenate([r.f0 for r in rendered]),
        "align.i16": np.concatenate([r.align for r in rendered]),
        "wav.i16": np.concatenate([r.wav for r in rendered]),
        "tokens.i16": tokens.astype(np.int16),
        "codebook.f32": codebook,
    }
    for name, array in arrays.items():
        np.save(folder / f"{name}.npy", array)
    with (folder / "meta.jsonl").open("w") as lines:
        lines.writelines(json.dumps(entry) + "\n" for entry in meta(rendered, with_wav))
    summary = stats(rendered, norms, figures, seed)
    (folder / "stats.json").write_text(json.dumps(summary, indent=1))
    (folder / "prompts.json").write_text(json.dumps({voice.name: f"prompt-{voice.name}" for voice in VOICES}))
    (folder / "READY").touch()
    return summary


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--work", type=Path, default=Path("out/training"), help="work directory (default: %(default)s)")
    parser.add_argument("--name", default="dataset", help="folder inside the work directory (default: %(default)s)")
    parser.add_argument("--hours", type=float, default=20.0, help="hours of audio to render (default: %(default)s)")
    parser.add_argument(
        "--wav-hours", type=float, default=WAV_HOURS, help="hours whose waveform is kept (default: %(default)s)"
    )
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--processes", type=int, default=2)
    options = parser.parse_args()
    torch.set_num_threads(options.processes)
    rendered, with_wav = render_hours(options.hours, options.wav_hours, options.seed, options.processes)
    summary = write(options.work / options.name, rendered, with_wav, options.seed)
    for voice in summary.pop("voices"):
        print({key: value for key, value in voice.items() if not key.startswith(("cepstrum", "common"))})
    print(summary)


if __name__ == "__main__":
    main()
