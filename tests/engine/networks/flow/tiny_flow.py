"""A flow of a few thousand random parameters: the ways of solving, the forms of streaming."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import torch
from torch import Tensor, nn

from engine.networks.flow.attention import Commit
from engine.networks.flow.conformer import EncoderConfig
from engine.networks.flow.estimator import EstimatorConfig
from engine.networks.flow.flow import Flow, FlowConfig
from engine.networks.flow.state import FlowPrompt, FlowState

VOCAB, BINS, SPEAKER, RATIO = 32, 8, 6, 2
SEED = 7
ENCODER = EncoderConfig(width=16, heads=2, ff_width=24, layers=2, up_layers=2, lookahead=3, ratio=RATIO)
ESTIMATOR = EstimatorConfig(channels=16, heads=2, head_width=6, blocks=2, mid_stages=2, time_width=12, mean_flow=False)
PLAIN = FlowConfig(
    vocab=VOCAB, mel_bins=BINS, speaker_width=SPEAKER, encoder=ENCODER, estimator=ESTIMATOR, steps=3, schedule="linear",
    guidance=0.0, temperature=0.8, mel_mean=-1.0, mel_std=2.0, history_tokens=5,
)  # fmt: skip
GUIDED = replace(PLAIN, guidance=0.7, schedule="cosine", mel_mean=0.0, mel_std=1.0, temperature=1.0)
MEAN_FLOW = replace(PLAIN, estimator=replace(ESTIMATOR, mean_flow=True), steps=2)
WAYS = {"plain": PLAIN, "guided": GUIDED, "mean_flow": MEAN_FLOW, "mel": replace(PLAIN, prediction="mel")}


def tiny_flow(config: FlowConfig) -> Flow:
    generator = torch.Generator().manual_seed(0)
    flow = Flow(config).eval().requires_grad_(False)
    for parameter in flow.parameters():
        nn.init.normal_(parameter, std=0.3, generator=generator)
    return flow


def random_tokens(count: int, seed: int = 1) -> Tensor:
    return torch.randint(0, VOCAB, (1, count), generator=torch.Generator().manual_seed(seed))


def random_prompt(flow: Flow, count: int = 12, seed: int = 2) -> FlowPrompt:
    generator = torch.Generator().manual_seed(seed)
    feat = torch.randn(1, RATIO * count, BINS, generator=generator)
    embedding = torch.randn(1, SPEAKER, generator=generator)
    return flow.prepare_prompt(random_tokens(count, seed), feat, embedding, seed=3)


def next_window(flow: Flow, tokens: Tensor, commit: Commit, state: FlowState) -> tuple[Tensor, FlowState]:
    """The window that ends where `commit` says, with the lookahead it says."""
    piece = tokens[:, state.position : commit.end + commit.seen]
    return flow.window(piece, commit.end - state.position, state, final=commit.end == tokens.shape[1])


def stream(flow: Flow, tokens: Tensor, record: Sequence[Commit], prompt: FlowPrompt) -> Tensor:
    """All windows of `record`, one after the other: [1, F, 2T]."""
    state, pieces = flow.init_state(prompt, SEED), []
    for commit in record:
        mel, state = next_window(flow, tokens, commit, state)
        pieces.append(mel)
    return torch.cat(pieces, 2)
