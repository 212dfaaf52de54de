"""T3 of every variant against the reference's own inference loop: logits of a prefix and 40 steps, greedy tokens."""

from __future__ import annotations

from dataclasses import dataclass, replace

import pytest
import torch
from torch import Tensor

from engine.checkpoints import names
from engine.checkpoints.weights import blank
from engine.networks.t3.t3 import T3, T3Conditioning, T3Config
from engine.stages.sampling import Sampler, combine_guidance
from tests.parity.conftest import Check
from tests.parity.harness import SEEDS, Answer, Case, Reference
from tests.parity.sizes import published, t3_config, t3_overrides

STEPS = 40
TEXT_TOKENS = 23


@dataclass(frozen=True)
class Utterance:
    """What is spoken: all of it random, the ids within the variant's vocabularies."""

    kind: str
    guidance: float
    seed: int

    @property
    def name(self) -> str:
        return f"{self.kind} guidance {self.guidance:g} seed {self.seed}"

    @property
    def config(self) -> T3Config:
        return t3_config(self.kind)

    @property
    def emotion(self) -> float:
        return 0.3 + 0.2 * self.seed

    def tensors(self) -> dict[str, Tensor]:
        config, generator = self.config, torch.Generator().manual_seed(1000 + self.seed)
        text = torch.randint(1, min(config.text_vocab, 250), (1, TEXT_TOKENS), generator=generator)
        if config.start_text is not None:
            assert config.stop_text is not None
            text[0, 0], text[0, -1] = config.start_text, config.stop_text
        return {
            "speaker": torch.randn(1, config.speaker_width, generator=generator),
            "prompt": torch.randint(config.codes, (1, config.max_prompt), generator=generator),
            "emotion": torch.full((1, 1, 1), self.emotion),
            "text": text,
        }

    def case(self) -> Case:
        config = self.config
        options = {
            "kind": self.kind,
            "sizes": t3_overrides(config),
            "seed": self.seed,
            "steps": STEPS,
            "guidance": self.guidance,
            "codes": config.codes,
        }
        return Case(options, self.tensors())


WAYS = (("base", 0.5), ("base", 0.0), ("multilingual", 0.5), ("turbo", 0.0), ("nano", 0.0))
UTTERANCES = {u.name: u for u in (Utterance(kind, w, seed) for kind, w in WAYS for seed in SEEDS)}
REFERENCE = Reference("t3", {name: utterance.case() for name, utterance in UTTERANCES.items()})


@torch.inference_mode()
def speak(utterance: Utterance, answer: Answer) -> tuple[Tensor, Tensor]:
    """Our logits [steps, R, V] and greedy tokens [steps], the stop being out of the question."""
    config, tensors = utterance.config, utterance.tensors()
    t3 = blank(lambda: T3(config))
    answer.fill((t3, names.T3))
    prefix = t3.conditioning(T3Conditioning(tensors["speaker"], tensors["prompt"]))
    guided = utterance.guidance > 0
    rows = 2 if guided else 1
    cache = t3.init_cache(rows, config.prefix_len + TEXT_TOKENS + config.start_count + STEPS)
    sampler, greedy = Sampler(config), replace(published(utterance.kind).sampling, temperature=0.0)
    logits = [t3.prefill(prefix, tensors["text"], cache, 0, guided, utterance.emotion)]
    tokens: list[int] = []
    while True:
        row = combine_guidance(logits[-1], utterance.guidance) if guided else logits[-1]
        row = row.index_fill(1, torch.tensor([config.stop_speech]), -torch.inf)
        tokens.append(sampler.sample(row[0], tokens, greedy, (0, 0)))
        if len(tokens) == STEPS:
            return torch.stack(logits), torch.tensor(tokens)
        logits.append(t3.step(torch.tensor(tokens[-1:] * rows), cache))


@pytest.mark.parametrize("name", UTTERANCES)
def test_logits_and_greedy_tokens(name: str, check: Check) -> None:
    utterance, answer = UTTERANCES[name], REFERENCE[name]
    logits, tokens = speak(utterance, answer)
    way = f"T3 {utterance.kind}, " + (f"guidance {utterance.guidance:g}" if utterance.guidance else "no guidance")
    check(f"{way}: logits", logits, answer["logits"][:, : logits.shape[1]], answer)
    check(f"{way}: greedy tokens", tokens, answer["tokens"], answer)
    assert len(set(tokens.tolist())) > STEPS // 4  # a loop over few tokens would prove little
