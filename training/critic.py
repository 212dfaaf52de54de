"""Who tells the flow's mels from the teacher's: a critic that also knows which phoneme each piece should be.

A mean of errors is least for the mean of all that the codes leave open, which is a blur. The critic learns to tell a
blur from speech, and the flow learns to pass. So that it passes with the right sound, the critic's verdict on a piece
depends on the phoneme that was said there (a projection, Miyato and Koyama, 2018), it learns to recognise phonemes from
the teacher's mels, and the flow is to excite its layers as the teacher does (Larsen et al., 2016).
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from training.features import MELS
from training.flow_batches import UNKNOWN
from training.t3_batches import SPECIALS, VOCABULARY

PHONEMES = len(SPECIALS) + len(VOCABULARY)
CHANNELS = (24, 48, 64, 96, 128)
SLOPE = 0.1  # below zero
MATCHING, RECOGNITION = 2.0, 0.3  # of the losses beside the verdict's


@dataclass(frozen=True)
class Opinion:
    """Of mels [B, 2T, F]."""

    verdict: Tensor  # [B, T] high for the teacher's
    spots: Tensor  # [B, T, P] the same of parts of the spectrum
    phonemes: Tensor  # [B, T, PHONEMES] logits
    layers: list[Tensor]  # [B, C, T, F] each


class Critic(nn.Module):
    """Convolutions over time and frequency, down to one vector a token; about 4 million operations a token."""

    def __init__(self, mel_bins: int = MELS) -> None:
        super().__init__()
        first, second, third, fourth, last = CHANNELS
        rest = -(-mel_bins // 16)
        self.layers = nn.ModuleList(
            [
                nn.Conv2d(1, first, (3, 7), (1, 2), (1, 3)),
                nn.Conv2d(first, second, (3, 5), (1, 2), (1, 2)),
                nn.Conv2d(second, third, (4, 5), (2, 2), (1, 2)),  # from frames to tokens
                nn.Conv2d(third, fourth, (3, 5), (1, 2), (1, 2)),
                nn.Conv2d(fourth, last, (3, rest), 1, (1, 0)),
            ]
        )
        self.spot = nn.Conv2d(fourth, 1, 1)
        self.verdict = nn.Linear(last, 1)
        self.phonemes = nn.Linear(last, PHONEMES)
        self.of_phoneme = nn.Embedding(PHONEMES, last)
        nn.init.normal_(self.of_phoneme.weight, std=last**-0.5)

    def forward(self, mel: Tensor, said: Tensor) -> Opinion:
        """mel [B, 2T, F] in the flow's own scale, said [B, T] -> what the critic thinks of it."""
        x, layers = mel[:, None].contiguous(memory_format=torch.channels_last), []
        for layer in self.layers:
            x = F.leaky_relu(layer(x), SLOPE)
            layers.append(x)
        whole = x[..., 0].mT  # [B, T, C]
        verdict = self.verdict(whole)[..., 0] + (whole * self.of_phoneme(said.clamp(min=0))).sum(2)
        return Opinion(verdict.float(), self.spot(layers[-2])[:, 0].float(), self.phonemes(whole).float(), layers)


def critic_loss(true: Opinion, made: Opinion, said: Tensor) -> Tensor:
    """Hinges of the verdicts, and the phonemes of the teacher's mels."""
    heard = said != UNKNOWN
    hinges = [
        F.relu(1.0 - of_true[heard]).mean() + F.relu(1.0 + of_made[heard]).mean()
        for of_true, of_made in ((true.verdict, made.verdict), (true.spots, made.spots))
    ]
    return sum(hinges, start=_recognition(true, said))


def flow_loss(true: Opinion, made: Opinion, said: Tensor) -> Tensor:
    """What the flow can do about the critic's opinion of its mels."""
    heard = said != UNKNOWN
    liking = -made.verdict[heard].mean() - made.spots[heard].mean()
    pairs = [(a.float(), b.detach().float()) for a, b in zip(made.layers, true.layers, strict=True)]
    matching = sum(((a - b).abs().mean() / b.abs().mean() for a, b in pairs), start=liking.new_zeros(()))
    return liking + MATCHING * matching + RECOGNITION * _recognition(made, said)


def _recognition(opinion: Opinion, said: Tensor) -> Tensor:
    return F.cross_entropy(opinion.phonemes.flatten(0, 1), said.flatten(), ignore_index=UNKNOWN)


def accuracy(opinion: Opinion, said: Tensor) -> float:
    """Share of the tokens whose phoneme is recognised."""
    heard = said != UNKNOWN
    return float((opinion.phonemes.argmax(2)[heard] == said[heard]).float().mean())
