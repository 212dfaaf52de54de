"""Teacher data -> batches for the flow: [prompt | target utterance] as served, padded at the end.

Every row has a voice, a prompt (the voice's own, another short utterance of it, the target's own beginning, or none),
a target from its beginning, and a random record of committed windows like those of streaming: a short first one,
longer later ones, the full lookahead mostly and sometimes less.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, fields

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from engine.networks.flow.attention import Commit, Plan
from engine.networks.flow.flow import FlowConfig
from training.dataset import Dataset, Utterance
from training.t3_batches import VOCABULARY

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float32]

SERVED, OTHER, OWN = 0.35, 0.15, 0.25  # shares of the kinds of prompts; the rest has none
MAX_PROMPT = 60  # tokens of another utterance
MAX_OWN = 40  # tokens of the target's beginning
MAX_TARGET = 130  # tokens; more than the bounded history plus a window
ONE_WINDOW = 0.15  # share of targets run as one final window
FIRST_WINDOW, LATER_WINDOW = (4, 13), (8, 51)  # tokens, from and below
RESCUED = 0.1  # share of windows with less than the full lookahead
NEAR_SHARE = 0.02  # of the target's tokens become one of their nearest codes, as T3's mistakes do
RANDOM_SHARE = 0.01  # become any code
NEAREST = 8
LENGTH_BLUR = 12  # tokens
UNKNOWN = -100  # phoneme of prompts and padding
PROMPT_WEIGHT = 0.2  # of a prompt frame in the losses


@dataclass(frozen=True)
class Batch:
    tokens: Tensor  # [B, T]
    mel: Tensor  # [B, 2T, F] ln mel, 0 in the padding
    known: Tensor  # [B, 2T, F] ln mel of the prompt frames
    known_mask: Tensor  # [B, 2T, 1] 1 in prompt frames
    weight: Tensor  # [B, 2T, 1] of a frame in the losses
    voice: Tensor  # [B]
    said: Tensor  # [B, T] phoneme of the target's tokens, UNKNOWN of the others
    plan: Plan

    def to(self, device: str) -> Batch:
        tensors = {part.name: getattr(self, part.name).to(device) for part in fields(self) if part.name != "plan"}
        return Batch(**tensors, plan=Plan(*(getattr(self.plan, part.name).to(device) for part in fields(self.plan))))


@dataclass(frozen=True)
class _Row:
    tokens: Ints  # prompt, target and up to `lookahead` tokens after it
    said: Ints  # phoneme of the target's tokens
    mel: Floats
    prompt: int  # tokens
    target: int  # tokens
    record: list[Commit]


class Corpus:
    def __init__(self, dataset: Dataset, utterances: list[Utterance], config: FlowConfig) -> None:
        self.dataset = dataset
        self.utterances = utterances
        self.config = config
        self.length = np.array([min(u.n_tokens, MAX_TARGET) for u in utterances])
        self.served = [dataset.prompt(voice) for voice in dataset.voices]
        short = [u for u in utterances if 15 <= u.n_tokens <= MAX_PROMPT]
        self.short = [[u for u in short if u.voice == voice] for voice in range(len(self.served))]
        self.near = nearest_codes(dataset.codebook())

    def epochs(self, tokens: int, seed: int, skip: int = 0) -> Iterator[Batch]:
        """Endless batches of about `tokens` target tokens, rows of like length; the first `skip` are left out."""
        count = 0
        while True:
            generator = np.random.default_rng([seed, count])
            order = np.argsort(self.length + generator.uniform(0, LENGTH_BLUR, len(self.length)))
            edges = np.flatnonzero(np.diff(np.cumsum(self.length[order]) // tokens)) + 1
            batches = np.split(order, edges)
            for index in generator.permutation(len(batches)):
                count += 1
                if count > skip:
                    yield self.batch(batches[index], np.random.default_rng([seed, count]))

    def batch(self, rows: Ints, generator: np.random.Generator) -> Batch:
        return self._collate(
            [self._row(self.utterances[row], generator) for row in rows], [self.utterances[row].voice for row in rows]
        )

    def _row(self, utterance: Utterance, generator: np.random.Generator) -> _Row:
        tokens, mel = self.dataset.tokens(utterance), self.dataset.mel(utterance)
        ratio, prompt_tokens, prompt_mel = self.config.encoder.ratio, tokens[:0], mel[:0]
        noisy = self._noisy(tokens, generator)
        kind, prompt = generator.random(), 0
        if kind < SERVED + OTHER:
            candidates = self.short[utterance.voice]
            other = self.served[utterance.voice]
            if kind >= SERVED and candidates:
                other = candidates[generator.integers(len(candidates))]
            prompt_tokens, prompt_mel = self.dataset.tokens(other), self.dataset.mel(other)
            prompt = len(prompt_tokens)
        elif kind < SERVED + OTHER + OWN:
            prompt = int(generator.integers(0, min(MAX_OWN, len(tokens) // 2) + 1))
        sequence, frames = np.concatenate([prompt_tokens, noisy]), np.concatenate([prompt_mel, mel])
        end = min(len(sequence), len(prompt_tokens) + MAX_TARGET)
        record = self._record(prompt, end, len(sequence), generator)
        keep = min(len(sequence), end + self.config.encoder.lookahead)
        said = self._said(utterance)[prompt - len(prompt_tokens) :][: end - prompt]
        return _Row(sequence[:keep], said, frames[: ratio * end], prompt, end - prompt, record)

    def _said(self, utterance: Utterance) -> Ints:
        """[K] T3's id of the symbol spoken in the middle of each token."""
        symbols = np.array([VOCABULARY[symbol] for symbol in utterance.text])
        return symbols[self.dataset.align(utterance)]

    def _record(self, start: int, end: int, known: int, generator: np.random.Generator) -> list[Commit]:
        lookahead = self.config.encoder.lookahead
        commits: list[Commit] = []
        while start < end:
            size = int(generator.integers(*(LATER_WINDOW if commits else FIRST_WINDOW)))
            whole = not commits and generator.random() < ONE_WINDOW
            start = end if whole else min(start + size, end)
            seen = int(generator.integers(lookahead)) if generator.random() < RESCUED else lookahead
            commits.append(Commit(start, min(seen, known - start)))
        return commits

    def _noisy(self, tokens: Ints, generator: np.random.Generator) -> Ints:
        chance = generator.random(len(tokens))
        near = self.near[tokens, generator.integers(NEAREST, size=len(tokens))]
        anything = generator.integers(len(self.near), size=len(tokens))
        return np.where(chance < NEAR_SHARE, near, np.where(chance < NEAR_SHARE + RANDOM_SHARE, anything, tokens))

    def _collate(self, rows: list[_Row], voices: list[int]) -> Batch:
        ratio, lookahead = self.config.encoder.ratio, self.config.encoder.lookahead
        length = max(len(row.tokens) for row in rows)
        tokens = np.zeros((len(rows), length), np.int64)
        mel = np.zeros((len(rows), ratio * length, self.config.mel_bins), np.float32)
        said = np.full((len(rows), length), UNKNOWN)
        prompt_mask, weight = np.zeros((2, len(rows), ratio * length, 1), np.float32)
        for index, row in enumerate(rows):
            tokens[index, : len(row.tokens)] = row.tokens
            said[index, row.prompt : row.prompt + row.target] = row.said
            mel[index, : len(row.mel)] = row.mel
            prompt_mask[index, : ratio * row.prompt] = 1.0
            weight[index, : len(row.mel)] = 1.0
            weight[index, : ratio * row.prompt] = PROMPT_WEIGHT
        blocks = [max(0, row.prompt - lookahead) for row in rows]
        plan = Plan.of(blocks, [row.record for row in rows], self.config.history_tokens, length)
        known = torch.from_numpy(mel * prompt_mask)
        return Batch(
            torch.from_numpy(tokens),
            torch.from_numpy(mel),
            known,
            torch.from_numpy(prompt_mask),
            torch.from_numpy(weight),
            torch.tensor(voices),
            torch.from_numpy(said),
            plan,
        )


def nearest_codes(codebook: Floats) -> Ints:
    """[V, D] centres -> [V, NEAREST] the codes nearest to each, itself left out."""
    centres = torch.from_numpy(codebook)
    return torch.cdist(centres, centres).argsort(1)[:, 1 : NEAREST + 1].numpy()
