"""T3 on both backbones: streaming laws, guidance, published sizes, and what a step tells about the text."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.testing import assert_close

from engine.networks.linears import bfloat16_is_fast
from engine.networks.t3.backbone import BackboneConfig, RopeScaling
from engine.networks.t3.cache import T3Cache
from engine.networks.t3.llama import rotary_table
from engine.networks.t3.t3 import T3, T3Conditioning, T3Config, T3Prefix
from engine.stages.sampling import combine_guidance

LLAMA = BackboneConfig(
    kind="llama", width=32, layers=3, heads=2, head_width=16, ffn_width=48, max_positions=64, rope_theta=1e4
)
GPT2 = dataclasses.replace(LLAMA, kind="gpt2")


def config(backbone: BackboneConfig, **changes: Any) -> T3Config:
    values: dict[str, Any] = {
        "backbone": backbone,
        "text_vocab": 20,
        "speech_vocab": 26,
        "codes": 24,
        "start_speech": 24,
        "stop_speech": 25,
        "start_text": 1,
        "stop_text": 0,
        "speaker_width": 4,
        "max_text": 12,
        "max_speech": 30,
    }
    return T3Config(**(values | changes))


KINDS = {
    "embedded": config(LLAMA, aligned_heads=((1, 0), (2, 1))),
    "base": config(
        LLAMA, max_prompt=6, perceiver_queries=4, perceiver_heads=2, emotion=True, guidance=True, start_count=2
    ),
    "turbo": config(
        GPT2, learned_positions=False, max_prompt=6, head_bias=True, start_text=None, stop_text=None,
        aligned_heads=((0, 1),),
    ),
}  # fmt: skip


EMOTION = 0.7


def build(kind: str) -> T3:
    torch.manual_seed(0)
    t3 = T3(KINDS[kind]).eval()
    for parameter in t3.parameters():  # nothing may hide behind an initial zero
        if parameter.dim() < 3:
            torch.nn.init.normal_(parameter, std=0.3 if parameter.dim() == 2 else 0.5)
    return t3


def voice(t3: T3, seed: int = 0) -> T3Conditioning:
    generator = torch.Generator().manual_seed(seed)
    speaker = torch.randn(1, t3.config.speaker_width, generator=generator)
    n_prompt = t3.config.max_prompt
    prompt = torch.randint(t3.config.codes, (1, n_prompt), generator=generator) if n_prompt else None
    return T3Conditioning(speaker, prompt)


def written(t3: T3, length: int, seed: int = 0) -> Tensor:
    text = torch.randint(2, t3.config.text_vocab, (1, length), generator=torch.Generator().manual_seed(seed))
    return t3.frame_text(text)


def codes(n: int, seed: int = 0) -> list[int]:
    return torch.randint(24, (n,), generator=torch.Generator().manual_seed(seed)).tolist()


def speak(t3: T3, prefix: T3Prefix, text: Tensor, speech: list[int], guided: bool = False) -> Tensor:
    """[K + 1, R, V] logits of prefill and of a step for each token."""
    n_rows = 2 if guided else 1
    cache = t3.init_cache(n_rows)
    logits = [t3.prefill(prefix, text, cache, guided=guided, emotion=EMOTION)]
    logits += [t3.step(torch.full((n_rows,), token), cache) for token in speech]
    return torch.stack(logits)


@torch.inference_mode()
def teacher_forced(
    t3: T3, conditioning: T3Conditioning, text: Tensor, speech: list[int], guided: bool = False
) -> Tensor:
    """The same in one causal pass without a cache."""
    text_part = t3.embed_text(text, guided)
    rows = text_part.shape[0]
    tokens = torch.tensor([speech]).expand(rows, -1)
    prefix = torch.cat([t3.embed_voice(conditioning), t3.embed_emotion(EMOTION)], 1).expand(rows, -1, -1)
    x = torch.cat([prefix, text_part, t3.embed_start(rows), t3.embed_speech(tokens, 1)], 1)
    return t3.speech_head(t3.tfmr(x)[:, -len(speech) - 1 :]).transpose(0, 1)  # type: ignore[no-any-return]


@pytest.mark.parametrize("fused", [False, True])
@pytest.mark.parametrize("kind", KINDS)
def test_prefill_and_steps_equal_one_teacher_forced_pass(kind: str, fused: bool) -> None:
    t3 = build(kind)
    text, speech = written(t3, 7), codes(9)
    whole = teacher_forced(t3, voice(t3), text, speech, t3.config.guidance)
    if fused:
        t3.tfmr.fuse()
    steps = speak(t3, t3.conditioning(voice(t3)), text, speech, t3.config.guidance)
    assert_close(steps, whole, atol=1e-5, rtol=1e-5)


def test_one_prepared_voice_speaks_with_any_emotion() -> None:
    t3, other = build("base"), build("turbo")
    calm, excited = (_first_logits(t3, emotion) for emotion in (0.2, 0.9))
    assert (calm - excited).abs().max() > 1e-3
    assert torch.equal(_first_logits(other, 0.2), _first_logits(other, 0.9))


def _first_logits(t3: T3, emotion: float) -> Tensor:
    return t3.prefill(t3.conditioning(voice(t3)), written(t3, 5), t3.init_cache(1), emotion=emotion)


@pytest.mark.parametrize("kind", KINDS)
def test_interleaved_rows_give_what_each_gives_alone(kind: str) -> None:
    """Rows with other texts, voices and ages; one leaves, another moves into its place and goes on."""
    t3 = build(kind)
    prefixes = [t3.conditioning(voice(t3, seed)) for seed in range(3)]
    texts = [written(t3, length, length) for length in (4, 9, 6)]
    speeches = [codes(8, seed) for seed in range(3)]
    alone = [speak(t3, *parts)[:, 0] for parts in zip(prefixes, texts, speeches, strict=True)]
    cache = t3.init_cache(3)

    def advance(taken: dict[int, int]) -> None:
        """`taken`: utterance -> its tokens so far; utterances stand in the rows in this order."""
        tokens = torch.tensor([speeches[u][n] for u, n in taken.items()])
        for logits, (u, n) in zip(t3.step(tokens, cache), taken.items(), strict=True):
            assert_close(logits, alone[u][n + 1], atol=1e-5, rtol=1e-5)

    logits = t3.prefill(prefixes[0], texts[0], cache, row=0, emotion=EMOTION)
    assert_close(logits[0], alone[0][0], atol=1e-5, rtol=1e-5)
    advance({0: 0})
    advance({0: 1})
    logits = t3.prefill(prefixes[1], texts[1], cache, row=1, emotion=EMOTION)
    assert_close(logits[0], alone[1][0], atol=1e-5, rtol=1e-5)
    t3.prefill(prefixes[2], texts[2], cache, row=2, emotion=EMOTION)
    advance({0: 2, 1: 0, 2: 0})
    advance({0: 3, 1: 1, 2: 1})
    cache.move(2, 0)  # utterance 0 leaves
    advance({2: 2, 1: 2})
    advance({2: 3, 1: 3})


@pytest.mark.parametrize("kind", KINDS)
def test_later_tokens_never_change_earlier_logits(kind: str) -> None:
    t3 = build(kind)
    prefix, text, speech = t3.conditioning(voice(t3)), written(t3, 5), codes(8)
    other = [*speech[:4], *codes(4, seed=9)]
    assert torch.equal(speak(t3, prefix, text, speech)[:5], speak(t3, prefix, text, other)[:5])


@pytest.mark.parametrize("kind", KINDS)
def test_a_copied_cache_continues_to_the_same_in_both(kind: str) -> None:
    t3 = build(kind)
    cache = t3.init_cache(1)
    t3.prefill(t3.conditioning(voice(t3)), written(t3, 5), cache)
    t3.step(torch.tensor([3]), cache)
    copies: list[T3Cache] = [cache, cache.copy()]
    first, second = ([t3.step(torch.tensor([token]), c) for token in codes(4)] for c in copies)
    assert torch.equal(torch.stack(first), torch.stack(second))


def test_a_cleared_row_starts_afresh() -> None:
    t3 = build("embedded")
    prefix, text = t3.conditioning(voice(t3)), written(t3, 5)
    cache = t3.init_cache(1)
    first = t3.prefill(prefix, text, cache)
    t3.step(torch.tensor([3]), cache)
    cache.clear(0)
    assert torch.equal(t3.prefill(prefix, text, cache), first)


def test_the_guiding_row_hears_no_text_but_keeps_its_positions() -> None:
    t3 = build("base")
    prefix = t3.conditioning(voice(t3))
    one, other = (speak(t3, prefix, written(t3, 6, seed), codes(3), guided=True) for seed in (1, 2))
    assert_close(one[:, 1], other[:, 1])
    assert (one[:, 0] - other[:, 0]).abs().max() > 1e-3
    assert_close(combine_guidance(one[0], 0.0), one[0, :1])
    assert_close(combine_guidance(one[0], 0.5), 1.5 * one[0, :1] - 0.5 * one[0, 1:])


@pytest.mark.parametrize("kind", ["embedded", "turbo"])
def test_alignment_is_the_aligned_heads_attention_over_the_text(kind: str) -> None:
    t3 = build(kind)
    cache, text = t3.init_cache(1), written(t3, 7)
    t3.prefill(t3.conditioning(voice(t3)), text, cache)
    before = cache.copy()
    logits, (alignment,) = t3.step_aligned(torch.tensor([5]), cache)
    assert torch.equal(logits, t3.step(torch.tensor([5]), before))
    assert alignment.shape == text.shape[1:]
    assert alignment.sum() == pytest.approx(1.0)
    assert alignment.min() >= 0


def test_text_and_speech_beyond_their_tables_are_refused() -> None:
    t3 = build("embedded")
    prefix = t3.conditioning(voice(t3))
    with pytest.raises(ValueError, match="13 text tokens; at most 12"):
        t3.prefill(prefix, written(t3, 11), t3.init_cache(1))
    cache = t3.init_cache(1, max_len=10)
    t3.prefill(prefix, written(t3, 6), cache)
    with pytest.raises(ValueError, match="cache of 10 positions is full"):
        t3.step(torch.tensor([1]), cache)


@pytest.mark.parametrize(("precision", "bound"), [("bfloat16", 0.04), ("int8", 0.08)])
@pytest.mark.parametrize("kind", KINDS)
def test_fewer_bytes_cost_a_bounded_error(kind: str, precision: str, bound: float) -> None:
    """Largest difference over the largest logit, over a prefill and steps that are told the same tokens."""
    exact, cheap = build(kind), build(kind)
    cheap.quantize(precision)
    text, speech, guided = written(exact, 7), codes(9), exact.config.guidance
    expected = speak(exact, exact.conditioning(voice(exact)), text, speech, guided)
    logits = speak(cheap, cheap.conditioning(voice(cheap)), text, speech, guided)
    assert logits.dtype == torch.float32
    assert 0 < (logits - expected).abs().max() / expected.abs().max() < bound


@pytest.mark.parametrize("kind", KINDS)
def test_all_of_it_may_be_bfloat16_as_on_a_gpu(kind: str) -> None:
    exact, whole = build(kind), build(kind).to(torch.bfloat16)
    whole.tfmr.fuse()
    text, speech, guided = written(exact, 7), codes(9), exact.config.guidance
    expected = speak(exact, exact.conditioning(voice(exact)), text, speech, guided)
    logits = speak(whole, whole.conditioning(voice(whole)), text, speech, guided)
    assert logits.dtype == whole.dtype == torch.bfloat16
    assert 0 < (logits - expected).abs().max() / expected.abs().max() < 0.08


@pytest.mark.parametrize("precision", ["bfloat16", "int8"])
@pytest.mark.parametrize("kind", KINDS)
def test_weights_loaded_in_bfloat16_can_be_made_smaller_still(kind: str, precision: str) -> None:
    """A loader need not hold float32 weights: what must be exact is made float32 again, embeddings stay small."""
    t3, loaded = build(kind), build(kind).to(torch.bfloat16)
    with torch.no_grad():
        for parameter, rounded in zip(t3.parameters(), loaded.parameters(), strict=True):
            parameter.copy_(rounded)
    t3.quantize(precision)
    loaded.quantize(precision)
    assert loaded.speech_emb.weight.dtype == torch.bfloat16
    text, speech = written(t3, 7), codes(3)
    one, other = (speak(model, model.conditioning(voice(model)), text, speech) for model in (t3, loaded))
    assert_close(one, other, atol=1e-4, rtol=1e-4)


def test_quantized_rows_do_not_hear_each_other() -> None:
    t3 = build("turbo")
    t3.quantize("int8")
    prefix, texts, speeches = t3.conditioning(voice(t3)), [written(t3, 4), written(t3, 9)], [codes(4), codes(4, 1)]
    alone = [speak(t3, prefix, *parts)[:, 0] for parts in zip(texts, speeches, strict=True)]
    cache = t3.init_cache(2)
    for row, text in enumerate(texts):
        t3.prefill(prefix, text, cache, row)
    for n, tokens in enumerate(zip(*speeches, strict=True)):
        logits = t3.step(torch.tensor(tokens), cache)
        assert_close(logits, torch.stack([a[n + 1] for a in alone]), atol=2e-3, rtol=2e-3)


def test_cached_keys_take_half_the_bytes_where_the_cpu_computes_in_bfloat16() -> None:
    t3 = build("turbo")
    whole = t3.conditioning(voice(t3)).kv.nbytes
    t3.quantize("int8")
    assert t3.conditioning(voice(t3)).kv.nbytes == (whole // 2 if bfloat16_is_fast() else whole)


def test_a_text_that_cannot_fit_leaves_the_cache_as_it_was() -> None:
    t3 = build("turbo")
    prefix = t3.conditioning(voice(t3))
    cache = t3.init_cache(1, max_len=prefix.length + 5)
    with pytest.raises(ValueError, match="cache of 12 positions"):
        t3.prefill(prefix, written(t3, 5), cache)
    assert cache.attention.lengths == [0]
    assert not cache.attention.kv.any()


PUBLISHED_LLAMA = BackboneConfig(
    kind="llama", width=1024, layers=30, heads=16, head_width=64, ffn_width=4096, max_positions=131_072,
    rope_theta=500_000.0, rope_scaling=RopeScaling(),
)  # fmt: skip
PUBLISHED_GPT2 = BackboneConfig(
    kind="gpt2", width=1024, layers=24, heads=16, head_width=64, ffn_width=4096, max_positions=8196
)
PUBLISHED: dict[str, Any] = {
    "codes": 6561, "start_speech": 6561, "stop_speech": 6562, "start_text": 255, "stop_text": 0, "speaker_width": 256,
    "max_text": 2050, "max_speech": 4100, "speech_vocab": 8194,
}  # fmt: skip
PUBLISHED_BASE = PUBLISHED | {
    "max_prompt": 150, "perceiver_queries": 32, "emotion": True, "guidance": True, "start_count": 2,
}  # fmt: skip
PUBLISHED_TURBO = PUBLISHED | {
    "start_text": None, "stop_text": None, "learned_positions": False, "head_bias": True, "max_prompt": 375,
    "speech_vocab": 6563, "text_vocab": 50_276,
}  # fmt: skip
NANO = dataclasses.replace(PUBLISHED_GPT2, width=768, layers=12, heads=12, ffn_width=3072)


@pytest.mark.parametrize(
    ("t3_config", "total", "unused"),
    [
        # published totals less what inference does not use: text head, and the backbone's own embedding
        (T3Config(backbone=PUBLISHED_LLAMA, **PUBLISHED_BASE, text_vocab=704), 532_405_248, 704 * 1024 + 8 * 1024),
        (T3Config(backbone=PUBLISHED_LLAMA, **PUBLISHED_BASE, text_vocab=2454), 535_989_248, 2454 * 1024 + 8 * 1024),
        (T3Config(backbone=PUBLISHED_GPT2, **PUBLISHED_TURBO), 478_862_755, 2 * 50_276 * 1024),
        (T3Config(backbone=NANO, **PUBLISHED_TURBO), 217_471_139, None),
    ],
)
def test_published_sizes(t3_config: T3Config, total: int, unused: int | None) -> None:
    with torch.device("meta"):
        t3 = T3(t3_config)
    unused = 2 * 50_276 * 768 if unused is None else unused
    assert sum(parameter.numel() for parameter in t3.parameters()) == total - unused


def test_llama3_scaling_keeps_fast_and_stretches_slow_rotations() -> None:
    scaled = dataclasses.replace(LLAMA, rope_theta=500_000.0, head_width=64, rope_scaling=RopeScaling())
    plain = dataclasses.replace(scaled, rope_scaling=None)
    angles = [torch.atan2(*rotary_table(c)[:, 1].flip(0)) for c in (plain, scaled)]
    assert_close(angles[1][:8], angles[0][:8])
    assert_close(angles[1][-4:], angles[0][-4:] / 8)
    assert torch.all(angles[1] <= angles[0])
