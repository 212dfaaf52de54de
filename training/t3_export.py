"""Checkpoint of the T3 trainer -> the served asset and its configuration; and how it speaks by itself.

`export` picks the guided heads that follow the teacher's alignment best (word timings are read from them) and writes
the averaged weights. `check` lets T3 speak held-out texts with the served sampling: does it stop, is it as
long as the teacher, does its alignment reach the end, and how far are its codes from the teacher's (DTW in codebook
space).
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from safetensors.torch import save_file
from torch import Tensor

from engine.checkpoints.config import build
from engine.networks.t3.t3 import T3, T3Conditioning, T3Config
from engine.sampling_params import SamplingParams
from engine.stages.sampling import Sampler
from training.codes import VOICES
from training.dataset import Dataset, Utterance
from training.storing import stored
from training.t3_batches import VOCABULARY, Batch, Corpus, speaker_vectors

ALIGNED_HEADS = 2  # so many of the best are averaged
CHECK_SEED = 1
POSITIONS = 3_300  # of a batch
RUNAWAY = 2.0  # times the teacher's length


def load(checkpoint: Path, config: T3Config, averaged: bool = True) -> T3:
    state = torch.load(checkpoint, weights_only=True, map_location="cpu")
    t3 = T3(config)
    t3.load_state_dict(state["average" if averaged else "t3"])
    return t3.eval().requires_grad_(False)


@torch.inference_mode()
def head_errors(t3: T3, batches: Sequence[Batch], speakers: Tensor, heads: Sequence[tuple[int, int]]) -> list[float]:
    """For each (layer, head): mean distance in characters from its strongest text position to the spoken one."""
    errors = np.zeros(len(heads))
    n_spoken = 0
    assert t3.text_pos_emb is not None
    assert t3.speech_pos_emb is not None
    embedding = torch.cat([t3.text_emb.weight, t3.speech_emb.weight])
    position = torch.cat([t3.text_pos_emb.emb.weight, t3.speech_pos_emb.emb.weight])
    for batch in batches:
        stream = embedding[batch.ids] + position[batch.places]
        x = torch.cat([t3.cond_enc.spkr_enc(speakers[batch.voice])[:, None], stream], 1)
        queries: list[Tensor] = []
        cache = t3.tfmr.init_cache(*x.shape[:2])
        t3.tfmr(x, cache, queries=queries)
        at, spoken = torch.arange(x.shape[1]), batch.focus > 0
        outside = (at == 0) | (at >= batch.text_end[:, None])
        for index, (layer, head) in enumerate(heads):
            scores = queries[layer][:, head] @ cache.kv[layer, 0, :, head].mT
            best = scores.masked_fill(outside[:, None], -torch.inf).argmax(-1)
            errors[index] += float((best - batch.focus)[spoken].abs().sum())
        n_spoken += int(spoken.sum())
    return [float(error) / n_spoken for error in errors]


@dataclass(frozen=True)
class Spoken:
    """One held-out text as T3 says it by itself."""

    text: str
    voice: int
    codes: list[int]
    stopped: bool
    length_ratio: float  # to the teacher
    reached: float  # how far the alignment came, 1 = the last letter
    distance: float  # per step of the DTW path, in standard deviations of the codebook


def speak(
    t3: T3, sampler: Sampler, speaker: Tensor, text: str, params: SamplingParams, limit: int, seed: int
) -> tuple[list[int], bool, float]:
    """Codes, whether it stopped by itself, and how far the alignment came."""
    cache, codes = t3.init_cache(1), list[int]()
    ids = t3.frame_text(torch.tensor([[VOCABULARY[character] for character in text]]))
    logits = t3.prefill(t3.conditioning(T3Conditioning(speaker[None])), ids, cache)
    last_letter = max(index for index, character in enumerate(text) if character.isalpha()) + 1  # after [START]
    furthest = 0
    while len(codes) < limit:
        token = sampler.sample(logits[0], codes, params, (seed, 0))
        if token == t3.config.stop_speech:
            return codes, True, min(1.0, furthest / last_letter)
        codes.append(token)
        logits, (alignment,) = t3.step_aligned(torch.tensor([token]), cache)
        furthest = max(furthest, int(alignment.argmax()))
    return codes, False, min(1.0, furthest / last_letter)


def path_distance(one: npt.NDArray[np.float32], other: npt.NDArray[np.float32]) -> float:
    """Mean distance along the cheapest monotonic path between two sequences of code vectors."""
    cost = np.linalg.norm(one[:, None] - other[None], axis=-1)
    total = np.full((len(one) + 1, len(other) + 1), np.inf)
    steps = np.zeros(total.shape)
    total[0, 0] = 0.0
    for i in range(1, len(one) + 1):
        for j in range(1, len(other) + 1):
            before = min(((i - 1, j - 1), (i - 1, j), (i, j - 1)), key=lambda cell: total[cell])
            total[i, j] = total[before] + cost[i - 1, j - 1]
            steps[i, j] = steps[before] + 1
    return float(total[-1, -1] / steps[-1, -1])


def check(t3: T3, dataset: Dataset, utterances: Sequence[Utterance], params: SamplingParams) -> list[Spoken]:
    codebook = dataset.codebook() / dataset.codebook().std(0).mean()
    speakers = speaker_vectors(len(VOICES), t3.config.speaker_width)
    sampler, spoken = Sampler(t3.config), []
    t3.tfmr.fuse()
    for index, u in enumerate(utterances):
        teacher = dataset.tokens(u)
        limit = min(int(RUNAWAY * len(teacher)) + 10, t3.config.max_speech - 1)
        codes, stopped, reached = speak(t3, sampler, speakers[u.voice], u.text, params, limit, CHECK_SEED + index)
        distance = path_distance(codebook[codes], codebook[teacher]) if codes else float("inf")
        spoken.append(Spoken(u.text, u.voice, codes, stopped, len(codes) / len(teacher), reached, distance))
    return spoken


def report(spoken: Sequence[Spoken]) -> str:
    ratios = np.array([s.length_ratio for s in spoken])
    distances = np.array([s.distance for s in spoken])
    lines = [
        f"{len(spoken)} texts: stopped {sum(s.stopped for s in spoken)}, reached the end "
        f"{sum(s.reached >= 0.97 for s in spoken)}, length ratio {ratios.mean():.2f} ({ratios.min():.2f} to "
        f"{ratios.max():.2f}), distance {distances.mean():.3f}, median {np.median(distances):.3f}"
    ]
    worst = sorted(spoken, key=lambda s: -s.distance)[:8]
    lines += [f"  {s.distance:.2f} ratio {s.length_ratio:.2f} reached {s.reached:.2f} {s.text}" for s in worst]
    return "\n".join(lines)


def export(
    checkpoint: Path, config_path: Path, assets: Path, dataset: Dataset, guided: Sequence[tuple[int, int]]
) -> str:
    """Writes t3.safetensors and completes the configuration with the aligned heads. Returns what it found."""
    mapping: dict[str, Any] = json.loads(config_path.read_text())
    config = build(T3Config, mapping, str(config_path))
    t3 = load(checkpoint, config)
    valid = Corpus(dataset, dataset.split("valid"), config)
    batches = valid.undisturbed(np.arange(len(valid)), POSITIONS)
    errors = head_errors(t3, batches, speaker_vectors(len(VOICES), config.speaker_width), guided)
    best = sorted(range(len(guided)), key=lambda index: errors[index])[:ALIGNED_HEADS]
    mapping["aligned_heads"] = [list(guided[index]) for index in best]
    config_path.write_text(json.dumps(mapping, indent=2) + "\n")
    assets.mkdir(parents=True, exist_ok=True)
    save_file(stored(t3.state_dict()), assets / "t3.safetensors", {"source": "training.t3"})
    figures = ", ".join(f"{head}: {error:.2f}" for head, error in zip(guided, errors, strict=True))
    aligned = dataclasses.replace(config, aligned_heads=tuple(guided[index] for index in best))
    texts = [u for u in dataset.split("valid") if any(c.isalpha() for c in u.text)][::6]
    spoken = check(load(checkpoint, aligned), dataset, texts, SamplingParams(temperature=0.6, top_k=20))
    return f"characters off, by guided head: {figures}\n{report(spoken)}"
