"""Sampling against the reference's own loop: the same logits and the same dice give the same tokens.

So the order of guidance, penalty, temperature and truncation is the reference's, and so are the defaults, but where its
later head has others (chatterbox.md): the multilingual repetition penalty is 1.2 there, and 2.0 in 0.1.7.
"""

from __future__ import annotations

from dataclasses import dataclass

import pytest
import torch
from torch import Tensor

from engine.networks import noise
from engine.sampling_params import SamplingParams
from engine.stages.sampling import Sampler, combine_guidance
from tests.parity.conftest import Check
from tests.parity.harness import SEEDS, Case, Reference
from tests.parity.sizes import published

STEPS = 120
SPREAD = 4.0  # standard deviation of the logits: some 100 of 6561 tokens matter
NEVER = -1e4  # logit of ids that the product never samples (the reference may)


@dataclass(frozen=True)
class Draw:
    """One segment's worth of choices with a variant's defaults, some of them changed."""

    kind: str
    seed: int
    changes: tuple[tuple[str, float], ...] = ()

    @property
    def name(self) -> str:
        return " ".join([self.kind, *(f"{name} {value:g}" for name, value in self.changes), f"seed {self.seed}"])

    @property
    def params(self) -> SamplingParams:
        return published(self.kind).sampling.override(dict(self.changes))

    @property
    def guided(self) -> bool:
        return published(self.kind).t3.guidance

    def logits(self) -> Tensor:
        """[steps, R, V]. A few favourites come again and again, so that the penalty has something to do."""
        config, generator = published(self.kind).t3, torch.Generator().manual_seed(3000 + self.seed)
        logits = SPREAD * torch.randn(STEPS, 2 if self.guided else 1, config.speech_vocab, generator=generator)
        logits[:, :, :30] += 3 * SPREAD
        logits[:, :, config.codes :] = NEVER
        return logits

    def gumbel(self, step: int) -> Tensor:
        key = noise.fold(self.seed, noise.Stream.T3, 0, step)
        return noise.gumbel(key, 0, published(self.kind).t3.speech_vocab)

    def case(self) -> Case:
        turbo, params = not self.guided, self.params
        wanted = ("temperature", "top_p", "repetition_penalty", "top_k" if turbo else "min_p")
        options = {"turbo": turbo, "guidance": params.cfg_weight, "sampling": params.subset(wanted)}
        gumbel = torch.stack([self.gumbel(step) for step in range(STEPS)])
        return Case(options, {"logits": self.logits(), "gumbel": gumbel})


WAYS = (
    ("base", ()),
    ("base", (("top_p", 0.8), ("min_p", 0.0), ("repetition_penalty", 2.0))),
    ("multilingual", (("cfg_weight", 1.5),)),
    ("turbo", ()),
    ("turbo", (("top_k", 20), ("top_p", 1.0), ("temperature", 1.3))),
)
DRAWS = {draw.name: draw for draw in (Draw(kind, seed, changes) for kind, changes in WAYS for seed in SEEDS)}
REFERENCE = Reference("sampling", {name: draw.case() for name, draw in DRAWS.items()}, large=False)


@pytest.mark.parametrize("name", DRAWS)
def test_the_same_dice_give_the_same_tokens(name: str, check: Check) -> None:
    draw, answer = DRAWS[name], REFERENCE[name]
    sampler, tokens = Sampler(published(draw.kind).t3), list[int]()
    for logits in draw.logits():
        row = combine_guidance(logits, draw.params.cfg_weight) if draw.guided else logits
        row = row.index_fill(1, torch.tensor([published(draw.kind).t3.stop_speech]), NEVER)
        tokens.append(sampler.sample(row[0], tokens, draw.params, (draw.seed, 0)))
    check(f"sampling of {draw.kind}: tokens", torch.tensor(tokens), answer["tokens"], answer)
    assert len(set(tokens)) > 10


def test_defaults_are_those_of_the_reference() -> None:
    answer = REFERENCE[next(iter(DRAWS))]
    for kind in ("base", "multilingual", "turbo"):
        config = published(kind)
        ours = config.sampling.subset(config.used_sampling)
        theirs = {name: float(answer[f"{kind}.{name}"]) for name in ours if f"{kind}.{name}" in answer.tensors}
        if kind == "multilingual":
            theirs["repetition_penalty"] = 1.2  # the later head's
        assert theirs == pytest.approx({name: ours[name] for name in theirs})
        assert len(theirs) >= 4
    assert published("nano").sampling == published("turbo").sampling
