"""The published layout: the reference's own names and shapes are what our loader wants, its voices what we read.

Names and shapes are compared at the published sizes always, in files that have a header and no data. Full runs write
whole checkpoints of random weights, load each through the reference's `from_local` and through ours, and compare what
the two make of it.
"""

from __future__ import annotations

import io
import json
import math
from collections.abc import Mapping
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from benchmarks.support import random_checkpoint
from engine import checkpoints
from engine.checkpoints import names
from engine.checkpoints.variants import VARIANTS
from engine.checkpoints.weights import WeightFile, blank
from engine.model import Model
from engine.networks import noise
from engine.networks.cloning.campplus import CAMPPlus
from engine.networks.cloning.speech_tokenizer import SpeechTokenizer
from engine.networks.cloning.voice_encoder import VoiceEncoder
from engine.networks.flow.flow import Flow
from engine.networks.hift.hift import HiFT
from engine.networks.t3.t3 import T3, T3Conditioning
from engine.voices.conditionals import Conditionals
from engine.voices.files import read_published
from tests.parity.conftest import Check
from tests.parity.harness import FULL, Answer, Case, Reference, ask
from tests.parity.sizes import KINDS

TEXT_TOKENS, TOKENS, SEED = 20, 15, 3
VOICES = ("base", "turbo")  # one of each family


def conds_file(kind: str) -> bytes:
    """A voice as a published checkpoint comes with."""
    variant, file = VARIANTS[kind], io.BytesIO()
    torch.save(random_checkpoint.voice(variant.config, variant.encoders, random_checkpoint.Values(SEED)), file)
    return file.getvalue()


def cases() -> dict[str, Case]:
    files = {kind: torch.frombuffer(bytearray(conds_file(kind)), dtype=torch.uint8) for kind in VOICES}
    shapes = {f"{kind} names": Case({"kind": kind, "what": "names"}) for kind in KINDS}
    return shapes | {f"{kind} voice": Case({"kind": kind, "what": "voice"}, {"file": files[kind]}) for kind in VOICES}


ANSWERS = Reference("checkpoint", cases(), large=False)


def write_header(path: Path, shapes: Mapping[str, Tensor]) -> None:
    """A safetensors file of these tensors without their data: a hole of the right size."""
    header, end = {}, 0
    for name, shape in shapes.items():
        dtype, width = ("I64", 8) if name.endswith("num_batches_tracked") else ("F32", 4)
        begin, end = end, end + width * math.prod(shape.tolist())
        header[name] = {"dtype": dtype, "shape": shape.tolist(), "data_offsets": [begin, end]}
    text = json.dumps(header).encode()
    with path.open("wb") as file:
        file.write(len(text).to_bytes(8, "little") + text)
        file.truncate(8 + len(text) + end)


@pytest.mark.parametrize("kind", KINDS)
def test_our_networks_are_the_reference_s(kind: str, tmp_path: Path) -> None:
    variant = VARIANTS[kind]
    config, encoders = variant.config, variant.encoders
    networks: dict[str, list[tuple[nn.Module, names.Part]]] = {
        "t3": [(blank(lambda: T3(config.t3)), names.T3)],
        "s3gen": [
            (blank(lambda: Flow(config.flow)), names.FLOW),
            (blank(lambda: HiFT(config.hift)), names.VOCODER),
            (blank(lambda: SpeechTokenizer(encoders.speech_tokenizer)), names.SPEECH_TOKENIZER),
            (blank(lambda: CAMPPlus(encoders.x_vector)), names.X_VECTOR),
        ],
        "ve": [(blank(lambda: VoiceEncoder(encoders.voice_encoder)), names.VOICE_ENCODER)],
    }
    answer = ANSWERS[f"{kind} names"]
    for file, parts in networks.items():
        path = tmp_path / f"{file}.safetensors"
        prefix = f"{file}/"
        write_header(path, {n.removeprefix(prefix): t for n, t in answer.tensors.items() if n.startswith(prefix)})
        WeightFile(path).check(parts)


def assert_same_voice(ours: Conditionals, answer: Answer) -> None:
    assert torch.equal(ours.speaker, answer["t3.speaker_emb"])
    assert torch.equal(ours.t3_prompt, answer["t3.cond_prompt_speech_tokens"])
    assert torch.equal(ours.prompt_token, answer["gen.prompt_token"])
    assert torch.equal(ours.prompt_feat, answer["gen.prompt_feat"])
    assert torch.equal(ours.embedding, answer["gen.embedding"])


@pytest.mark.parametrize("kind", VOICES)
def test_a_checkpoints_voice(kind: str, tmp_path: Path) -> None:
    """conds.pt goes through the reference's `Conditionals.load`, and through ours."""
    path = tmp_path / "conds.pt"
    path.write_bytes(conds_file(kind))
    assert_same_voice(read_published(path, "default"), ANSWERS[f"{kind} voice"])


def case(kind: str, directory: Path) -> Case:
    config, generator = VARIANTS[kind].config, torch.Generator().manual_seed(SEED)
    text = torch.randint(1, 250, (1, TEXT_TOKENS), generator=generator)
    if config.t3.start_text is not None:
        assert config.t3.stop_text is not None
        text[0, 0], text[0, -1] = config.t3.start_text, config.t3.stop_text
    bins, frames = config.flow.mel_bins, 2 * (random_checkpoint.PROMPT_TOKENS + TOKENS)
    keys = (noise.fold(noise.fold(0, *b"default"), noise.Stream.PROMPT), noise.fold(SEED, noise.Stream.FLOW))
    parts = [noise.normal(key, 0, frames * bins).view(1, frames, bins).mT for key in keys]
    own = 2 * TOKENS
    tensors = {
        "text": text,
        "tokens": torch.randint(config.flow.vocab, (1, TOKENS), generator=generator),
        "noise": torch.cat((parts[0][:, :, : frames - own], parts[1][:, :, :own]), 2),
    }
    return Case({"kind": kind, "what": "all", "directory": str(directory)}, tensors)


@pytest.mark.full_size
@pytest.mark.skipif(not FULL, reason="writes and loads whole checkpoints")
@pytest.mark.parametrize("kind", KINDS)
def test_a_whole_checkpoint(kind: str, tmp_path: Path, check: Check) -> None:
    random_checkpoint.write(VARIANTS[kind], tmp_path, "full")
    asked = case(kind, tmp_path)
    answer = ask("checkpoint", {kind: asked})[kind]
    model = checkpoints.load(str(tmp_path), form="cumulative")
    voice = model.voices["default"]
    assert_same_voice(voice, answer)
    check(f"checkpoint of {kind}: logits", first_steps(model, voice, asked, answer), answer["logits"], answer)
    mel = model.flow.offline(asked.tensors["tokens"], model.prepare(voice).flow, SEED)
    check(f"checkpoint of {kind}: mel", mel, answer["mel"], answer)


def first_steps(model: Model, voice: Conditionals, asked: Case, answer: Answer) -> Tensor:
    """The logits [steps, R, V] of the tokens that the reference drew."""
    t3, text, greedy = model.t3, asked.tensors["text"], answer["greedy"]
    guided = t3.config.guidance
    rows = 2 if guided else 1
    prefix = t3.conditioning(T3Conditioning(voice.speaker, voice.t3_prompt))
    cache = t3.init_cache(rows, t3.config.prefix_len + TEXT_TOKENS + t3.config.start_count + len(greedy))
    logits = [t3.prefill(prefix, text, cache, 0, guided)]
    logits += [t3.step(token.expand(rows), cache) for token in greedy[:-1]]
    return torch.stack(logits)
