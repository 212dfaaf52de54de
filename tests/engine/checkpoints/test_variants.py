"""The table of published checkpoints against the facts of the published files."""

import math

import pytest
from torch import nn

from benchmarks.support.random_checkpoint import unused
from engine.checkpoints import names
from engine.checkpoints.variants import LANGUAGES, RECOGNISED, VARIANTS, Variant
from engine.checkpoints.weights import blank
from engine.networks.cloning.campplus import CAMPPlus
from engine.networks.cloning.speech_tokenizer import SpeechTokenizer
from engine.networks.cloning.voice_encoder import VoiceEncoder
from engine.networks.flow.flow import Flow
from engine.networks.hift.hift import HiFT
from engine.networks.t3.t3 import T3


def stored(name: str, *networks: tuple[nn.Module, names.Part]) -> dict[str, tuple[int, ...]]:
    """Names and shapes in the file that holds these networks."""
    variant = VARIANTS[name]
    shapes: dict[str, tuple[int, ...]] = {}
    for network, part in networks:
        own = network.state_dict()
        for parameter, source in part.sources(own).items():
            shapes |= dict(zip(source.names, source.shapes(own[parameter].shape), strict=True))
        shapes |= unused(variant.config, variant.encoders, network)
    return shapes


def size(shapes: dict[str, tuple[int, ...]]) -> int:
    return sum(math.prod(shape) for shape in shapes.values())


@pytest.mark.parametrize(
    ("name", "tensors", "parameters"),
    [
        ("base", 292, 532_405_248),
        ("multilingual", 292, 535_989_248),
        ("turbo", 299, 478_862_755),
        ("nano", 155, 217_471_139),
    ],
)
def test_t3_files_hold_what_the_published_ones_do(name: str, tensors: int, parameters: int) -> None:
    shapes = stored(name, (blank(lambda: T3(VARIANTS[name].config.t3)), names.T3))
    assert (len(shapes), size(shapes)) == (tensors, parameters)


@pytest.mark.parametrize(("name", "tensors", "millions"), [("base", 2490, 264.04), ("turbo", 2491, 266.14)])
def test_s3gen_files_hold_what_the_published_ones_do(name: str, tensors: int, millions: float) -> None:
    config, encoders = VARIANTS[name].config, VARIANTS[name].encoders
    networks = (
        blank(lambda: Flow(config.flow)),
        blank(lambda: HiFT(config.hift)),
        blank(lambda: SpeechTokenizer(encoders.speech_tokenizer)),
        blank(lambda: CAMPPlus(encoders.x_vector)),
    )
    shapes = stored(name, *zip(networks, names.S3GEN, strict=True))
    assert (len(shapes), round(size(shapes) / 1e6, 2)) == (tensors, millions)


def test_the_voice_encoder_file_holds_what_the_published_one_does() -> None:
    network = blank(lambda: VoiceEncoder(VARIANTS["base"].encoders.voice_encoder))
    shapes = stored("base", (network, names.VOICE_ENCODER))
    assert (len(shapes), size(shapes)) == (16, 1_423_618)


def test_names_of_the_flow_and_the_vocoder_are_the_published_ones() -> None:
    config = VARIANTS["turbo"].config
    shapes = stored(
        "turbo", (blank(lambda: Flow(config.flow)), names.FLOW), (blank(lambda: HiFT(config.hift)), names.VOCODER)
    )
    assert {
        "flow.encoder.embed.out.0.weight",
        "flow.encoder.up_encoders.3.self_attn.linear_k.bias",
        "flow.decoder.estimator.down_blocks.0.2.weight",
        "flow.decoder.estimator.mid_blocks.11.0.block2.block.2.weight",
        "flow.decoder.estimator.mid_blocks.11.1.3.attn1.to_v.weight",
        "flow.decoder.estimator.up_blocks.0.1.0.ff.net.0.proj.bias",
        "flow.decoder.estimator.up_blocks.0.0.mlp.1.weight",
        "flow.decoder.estimator.final_block.block.0.weight",
        "flow.decoder.estimator.time_embed_mixer.weight",
        "mel2wav.ups.2.parametrizations.weight.original1",
        "mel2wav.source_downs.0.weight",
        "mel2wav.f0_predictor.condnet.8.parametrizations.weight.original0",
    } <= set(shapes)


@pytest.mark.parametrize("variant", RECOGNISED, ids=lambda variant: variant.name)
def test_voices_and_texts_fit_into_the_tables(variant: Variant) -> None:
    config = variant.config
    assert config.t3.max_prompt == variant.encoders.cloning.t3_tokens
    assert config.t3.max_len <= config.t3.backbone.max_positions
    specials = 0 if config.t3.start_text is None else 2
    assert config.text.max_text_tokens + specials <= config.t3.max_text
    assert config.text.max_tokens <= 1000
    assert config.t3.codes == config.flow.vocab == 3**8
    assert config.flow.form == "windowed"


def test_published_defaults_of_sampling() -> None:
    base, turbo = VARIANTS["base"].config.sampling, VARIANTS["turbo"].config.sampling
    assert (base.temperature, base.repetition_penalty, base.min_p, base.top_p) == (0.8, 1.2, 0.05, 1.0)
    assert (base.cfg_weight, base.exaggeration, base.penalty_last) == (0.5, 0.5, False)
    assert (turbo.temperature, turbo.top_k, turbo.top_p, turbo.penalty_last) == (0.8, 1000, 0.95, True)


def test_tails_as_the_published_pipelines_have_them() -> None:
    tails = {name: VARIANTS[name].config.tail for name in ("base", "multilingual", "nano")}
    assert all((tail.muted_ms, tail.fade_in_ms) == (20, 20) for tail in tails.values())
    assert (tails["nano"].silence_token, tails["nano"].silence_tokens) == (4299, 3)
    assert [name for name, tail in tails.items() if tail.drop_last_token] == ["multilingual"]


def test_a_language_pack_speaks_its_language_unless_asked_otherwise() -> None:
    pack = VARIANTS["multilingual-pt-br"]
    assert pack.languages("t3_pt_br.safetensors")[0] == "pt"
    assert sorted(pack.languages("t3_pt_br.safetensors")) == sorted(LANGUAGES)
    assert pack.languages("t3_mtl23ls_v3.safetensors")[0] == "en"
