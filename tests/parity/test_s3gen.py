"""Flow and vocoder against the reference's S3Gen: the mel in one shot, f0, source, waveform, and a whole utterance.

Both sides get the noise of `engine.networks.noise`. The one-shot mel is one final window of the form `cumulative`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, cast

import pytest
import torch
from torch import Tensor

from engine.checkpoints import names
from engine.checkpoints.weights import blank
from engine.device.precision import Precision
from engine.model import Model, ModelConfig, TailConfig, Voice
from engine.networks import noise
from engine.networks.flow.flow import Flow
from engine.networks.flow.state import FlowPrompt
from engine.networks.hift.hift import HiFT
from engine.scheduling.jobs import FlowWork, VocoderWork
from engine.stages.flow import FlowStage
from engine.stages.vocoder import VocoderStage
from tests.parity.conftest import Check
from tests.parity.harness import FULL, SEEDS, Answer, Case, Reference
from tests.parity.sizes import flow_config, hift_config, published, s3gen_overrides

TOKENS, PROMPT_TOKENS, MEL_FRAMES = (50, 250, 60) if FULL else (20, 25, 30)
VOICE_SEED, VOCODER_SEED = 5, 6
# The reference adds up a phase of thousands of turns in float32, and takes the sines of what that leaves.
PHASE_TOLERANCE = 2e-3
# With a pitch of our own: what differs by 1e-6 in it adds up over all the turns of the highest harmonic.
UTTERANCE_TOLERANCE = 1e-2


def frames(key: int, count: int, bins: int) -> Tensor:
    """Noise of the flow as the reference has it: [1, bins, count]."""
    return noise.normal(key, 0, count * bins).view(1, count, bins).mT


@dataclass(frozen=True)
class Utterance:
    kind: str
    seed: int

    @property
    def name(self) -> str:
        return f"{self.kind} seed {self.seed}"

    @property
    def config(self) -> ModelConfig:
        return replace(published(self.kind), flow=flow_config(self.kind), hift=hift_config(self.kind))

    @property
    def closing(self) -> list[int]:
        """What the reference's pipeline appends to every text's tokens."""
        return [4299] * 3 if self.config.flow.estimator.mean_flow else []

    @property
    def segment_seed(self) -> int:
        return noise.fold(self.seed, 0)

    def tensors(self) -> dict[str, Tensor]:
        config, generator = self.config, torch.Generator().manual_seed(2000 + self.seed)
        bins, ratio, hop = config.flow.mel_bins, config.flow.encoder.ratio, config.hift.hop
        tokens = torch.randint(config.flow.vocab, (1, TOKENS), generator=generator)
        tokens = torch.cat((tokens, torch.tensor([self.closing], dtype=torch.int64)), 1)
        own = ratio * tokens.shape[1]
        return {
            "tokens": tokens,
            "prompt_token": torch.randint(config.flow.vocab, (1, PROMPT_TOKENS), generator=generator),
            "prompt_feat": 2 * torch.randn(1, ratio * PROMPT_TOKENS, bins, generator=generator) - 5,
            "embedding": 10 * torch.randn(1, config.flow.speaker_width, generator=generator),
            "noise": torch.cat(
                (
                    frames(noise.fold(VOICE_SEED, noise.Stream.PROMPT), ratio * PROMPT_TOKENS, bins),
                    frames(noise.fold(self.segment_seed, noise.Stream.FLOW), own, bins),
                ),
                2,
            ),
            "mel": 2 * torch.randn(1, bins, MEL_FRAMES, generator=generator) - 5,
            "phases": self.phases(self.segment_seed),
            "hiss": self.hiss(VOCODER_SEED, MEL_FRAMES * hop),
            "speech_hiss": self.hiss(self.segment_seed, own * hop),
        }

    def phases(self, seed: int) -> Tensor:
        harmonics = self.config.hift.source.harmonics + 1
        return noise.uniform(noise.fold(seed, noise.Stream.PHASE), 0, harmonics).view(1, harmonics, 1)

    def hiss(self, seed: int, samples: int) -> Tensor:
        harmonics = self.config.hift.source.harmonics + 1
        return frames(noise.fold(seed, noise.Stream.VOCODER), samples, harmonics)

    def case(self) -> Case:
        config = self.config
        options: dict[str, Any] = {
            "mean_flow": config.flow.estimator.mean_flow,
            "sizes": s3gen_overrides(config.flow, config.hift),
            "seed": self.seed,
        }
        return Case(options, self.tensors())


# Base and multilingual are one S3Gen, and so are Turbo and Nano.
UTTERANCES = {u.name: u for u in (Utterance(kind, seed) for kind in ("base", "turbo") for seed in SEEDS)}
REFERENCE = Reference("s3gen", {name: utterance.case() for name, utterance in UTTERANCES.items()})


@dataclass(frozen=True)
class Sides:
    """The reference's answer, and our networks with its weights."""

    utterance: Utterance
    answer: Answer
    flow: Flow
    hift: HiFT
    prompt: FlowPrompt
    tensors: Mapping[str, Tensor]


@pytest.fixture(scope="module", params=list(UTTERANCES))
def sides(request: pytest.FixtureRequest) -> Sides:
    utterance, answer = UTTERANCES[request.param], REFERENCE[request.param]
    config, tensors = utterance.config, utterance.tensors()
    flow, hift = blank(lambda: Flow(config.flow)), blank(lambda: HiFT(config.hift))
    answer.fill((flow, names.FLOW), (hift, names.VOCODER))
    token, feat, embedding = (tensors[name] for name in ("prompt_token", "prompt_feat", "embedding"))
    prompt = flow.prepare_prompt(token, feat, embedding, VOICE_SEED)
    return Sides(utterance, answer, flow, hift, prompt, tensors)


def test_mel_in_one_shot(sides: Sides, check: Check) -> None:
    mel = sides.flow.offline(sides.tensors["tokens"], sides.prompt, sides.utterance.segment_seed)
    config = sides.flow.config
    way = f"guidance {config.guidance:g}" if config.guidance else "mean flow"
    check(f"flow, {config.steps} steps, {way}: mel", mel, sides.answer["mel"], sides.answer)


@torch.inference_mode()
def test_pitch_source_and_waveform(sides: Sides, check: Check) -> None:
    hift, answer, mel = sides.hift, sides.answer, sides.tensors["mel"]
    check("HiFT: f0", hift.predict_f0(mel), answer["f0"], answer)
    state = hift.init_state(VOCODER_SEED)
    offsets = hift.m_source.offsets((sides.utterance.segment_seed,))
    source, _ = hift.m_source(answer["f0"], state.seeds, [0], state.phase, offsets)
    check("HiFT: source of the same f0", source, answer["source"], answer, tolerance=PHASE_TOLERANCE)
    wav, _ = hift(mel, state, final=True, source=answer["source"])
    check("HiFT: waveform of the same source", wav, answer["wav"], answer)
    assert wav.std() > 1e-3
    assert (wav.abs() > 0.98).float().mean() < 0.1, "a clipped wave proves little"


def test_an_utterance_with_its_edges(sides: Sides, check: Check) -> None:
    """Tokens to audio through our stage: fade-in, silence tokens, and the last token's cut (the later head's)."""
    kinds = ("base", "multilingual") if sides.utterance.kind == "base" else ("turbo",)
    for kind in kinds:
        audio = spoken(sides, published(kind).tail)
        speech = sides.answer["speech"][0]
        if kind == "multilingual":
            speech = speech[: (TOKENS - 1) * 960]
        check(f"an utterance of {kind}", audio, speech, sides.answer, UTTERANCE_TOLERANCE)
        assert not audio[:480].any()


def spoken(sides: Sides, tail: TailConfig) -> Tensor:
    """The utterance's audio [N], in one window of the engine's stage."""
    model = Model(
        config=replace(sides.utterance.config, tail=tail),
        t3=cast(Any, None),
        flow=sides.flow,
        vocoder=sides.hift,
        text=cast(Any, None),
        device=torch.device("cpu"),
        precision=Precision(),
        voices={},
    )
    tokens = tuple(sides.tensors["tokens"][0, :TOKENS].tolist())
    flow, vocoder, voice = FlowStage(model), VocoderStage(model), Voice(t3=cast(Any, None), flow=sides.prompt)
    work = FlowWork(tokens=tokens, n_new=TOKENS, segment=0, final=True)
    ((mel, _),) = flow.run([flow.open(voice, sides.utterance.seed)], [work])
    sound_state = vocoder.open(voice, sides.utterance.seed)
    ((audio, _),) = vocoder.run([sound_state], [VocoderWork(mel=mel, segment=0, final=True, ends_sentence=True)])
    return torch.from_numpy(audio)
