"""The published Chatterbox checkpoints, one entry each: where they are, which files they consist of, what they hold.

Facts of the files and sizes: the model cards of ResembleAI and the reference's own constructors. A size that is wrong
here cannot go unnoticed, since weights load strictly.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from fnmatch import fnmatchcase

from engine.model import ModelConfig, TailConfig
from engine.networks.cloning.campplus import CAMPPlusConfig
from engine.networks.cloning.speech_tokenizer import SpeechTokenizerConfig
from engine.networks.cloning.voice_encoder import VoiceEncoderConfig
from engine.networks.flow.conformer import EncoderConfig
from engine.networks.flow.estimator import EstimatorConfig
from engine.networks.flow.flow import FlowConfig
from engine.networks.hift.hift import HiFTConfig
from engine.networks.t3.backbone import BackboneConfig, RopeScaling
from engine.networks.t3.t3 import T3Config
from engine.sampling_params import SamplingParams
from engine.scheduling.windows import LadderConfig
from engine.text.frontend import TextConfig
from engine.text.segmenter import SegmenterConfig
from engine.voices.cloning import CloningConfig

DEFAULT_VOICE = "default"  # the voice of conds.pt
LANGUAGES = (
    "en", "ar", "da", "de", "el", "es", "fi", "fr", "he", "hi", "it", "ja", "ko", "ms", "nl", "no", "pl", "pt", "ru",
    "sv", "sw", "tr", "zh",
)  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class EncodersConfig:
    """How voices are cloned, and the networks that do it."""

    cloning: CloningConfig
    voice_encoder: VoiceEncoderConfig = field(default_factory=VoiceEncoderConfig)
    x_vector: CAMPPlusConfig = field(default_factory=CAMPPlusConfig)
    speech_tokenizer: SpeechTokenizerConfig = field(default_factory=SpeechTokenizerConfig)


@dataclass(frozen=True, kw_only=True)
class Variant:
    """Files are roles: of several names the first that exists is taken. A name may be a pattern."""

    name: str
    hub: str  # owner/name
    revision: str
    t3: tuple[str, ...]
    s3gen: tuple[str, ...]  # flow, vocoder, speech tokenizer and speaker encoder in one file
    ve: tuple[str, ...]
    text: tuple[str, ...]  # all of them are needed
    optional: tuple[str, ...] = ()
    borrowed_from: str = ""  # a variant that has the files this one's repository lacks
    voice: str = "conds.pt"
    config: ModelConfig
    encoders: EncodersConfig

    @property
    def roles(self) -> dict[str, tuple[str, ...]]:
        """What a directory must hold -> the names it may have there."""
        roles = {"T3": self.t3, "S3Gen": self.s3gen, "voice encoder": self.ve, "voice": (self.voice,)}
        return {**roles, **{f"text file {name}": (name,) for name in self.text}}

    def is_t3(self, name: str) -> bool:
        """Whether a file of this name is this variant's T3. Patterns leave the names of other variants alone."""
        if name in self.t3:
            return True
        taken = any(name in other.t3 for other in RECOGNISED)
        return not taken and any(fnmatchcase(name, pattern) for pattern in self.t3)

    def languages(self, t3: str) -> tuple[str, ...]:
        """The languages of a T3 file of this name, the default first: `t3_pt_br...` speaks Portuguese."""
        code, languages = re.match(r"t3_([a-z]{2})(?=[_.])", t3), self.config.text.languages
        if code is None or code.group(1) not in languages:
            return languages
        return (code.group(1), *(language for language in languages if language != code.group(1)))


def _llama(text_vocab: int) -> T3Config:
    backbone = BackboneConfig(
        kind="llama",
        width=1024,
        layers=30,
        heads=16,
        head_width=64,
        ffn_width=4096,
        max_positions=34 + 2050 + 2 + 4100,  # conditioning, text, two starts, speech
        rope_theta=500_000.0,
        rope_scaling=RopeScaling(factor=8.0, low_freq_factor=1.0, high_freq_factor=4.0, original_positions=8192),
    )
    return T3Config(
        backbone=backbone,
        text_vocab=text_vocab,
        speech_vocab=8194,
        codes=6561,
        start_speech=6561,
        stop_speech=6562,
        start_text=255,
        stop_text=0,
        speaker_width=256,
        max_text=2050,
        max_speech=4100,
        max_prompt=150,
        perceiver_queries=32,
        emotion=True,
        guidance=True,
        start_count=2,
    )


def _gpt2(width: int, layers: int) -> T3Config:
    backbone = BackboneConfig(
        kind="gpt2",
        width=width,
        layers=layers,
        heads=width // 64,
        head_width=64,
        ffn_width=4 * width,
        max_positions=8196,
    )
    return T3Config(
        backbone=backbone,
        text_vocab=50276,
        speech_vocab=6563,
        codes=6561,
        start_speech=6561,
        stop_speech=6562,
        start_text=None,
        stop_text=None,
        speaker_width=256,
        max_text=2048,
        max_speech=4096,
        learned_positions=False,
        max_prompt=375,
        head_bias=True,
    )


def _flow(*, mean_flow: bool) -> FlowConfig:
    return FlowConfig(
        vocab=6561,
        mel_bins=80,
        speaker_width=192,
        encoder=EncoderConfig(width=512, heads=8, ff_width=2048, layers=6, up_layers=4, lookahead=3, ratio=2),
        estimator=EstimatorConfig(
            channels=256, heads=8, head_width=64, blocks=4, mid_stages=12, time_width=1024, mean_flow=mean_flow
        ),
        steps=2 if mean_flow else 10,
        schedule="linear" if mean_flow else "cosine",
        guidance=0.0 if mean_flow else 0.7,  # mean-flow was distilled with it
        temperature=1.0,
        mel_mean=0.0,
        mel_std=1.0,
        history_tokens=25,
        form="windowed",
    )


# The guard stops a T3 that never says stop; it is no estimate: speech takes about 2 tokens a letter at most.
# T3 and the flow attend within a segment, so sentences stay whole where they can: 250 characters are some 17 s of it
# (30 s is what the models are said to hold, 40 s what `max_tokens` allows). A clause stands alone where someone waits
# for the first sound, from 4 s of speech on, or where a sentence gets long.
_SEGMENTS = SegmenterConfig(max_chars=250, first_clause_chars=60, clause_chars=150)
_ENGLISH = TextConfig(
    front_end="english",
    max_chars=300,
    max_text_tokens=400,
    base_tokens=75,
    tokens_per_text_token=8.0,
    max_tokens=1000,
    sentence_pause_ms=100,
    clause_pause_ms=40,
    languages=("en",),
    segmenter=_SEGMENTS,
)
# Chinese takes up to seven tokens a character, Korean three.
_MULTILINGUAL = replace(_ENGLISH, front_end="multilingual", max_text_tokens=1000, languages=LANGUAGES)
# The silence tokens at every segment's end are the pause.
_GPT2 = replace(_ENGLISH, front_end="gpt2", tokens_per_text_token=16.0, sentence_pause_ms=0, clause_pause_ms=0)

_FADE = TailConfig(muted_ms=20, fade_in_ms=20)
_SILENCE = replace(_FADE, silence_token=4299, silence_tokens=3)

# The vocoder holds back 385 ms, so that a first window of fewer than ten tokens would give no sound at all.
_LADDER = LadderConfig(sizes=(12, 25))


def _standard(name: str, text_vocab: int, text: TextConfig, tail: TailConfig) -> ModelConfig:
    return ModelConfig(
        name=f"chatterbox-{name}",
        variant=name,
        family="chatterbox",
        sample_rate=24000,
        default_voice=DEFAULT_VOICE,
        t3=_llama(text_vocab),
        flow=_flow(mean_flow=False),
        hift=HiFTConfig(),
        sampling=SamplingParams(temperature=0.8, min_p=0.05, repetition_penalty=1.2, cfg_weight=0.5, exaggeration=0.5),
        used_sampling=(
            "temperature",
            "top_p",
            "min_p",
            "top_k",
            "repetition_penalty",
            "cfg_weight",
            "exaggeration",
        ),
        text=text,
        tail=tail,
        ladder=_LADDER,
    )


def _distilled(name: str, width: int, layers: int) -> ModelConfig:
    return ModelConfig(
        name=f"chatterbox-{name}",
        variant=name,
        family="chatterbox-turbo",
        sample_rate=24000,
        default_voice=DEFAULT_VOICE,
        t3=_gpt2(width, layers),
        flow=_flow(mean_flow=True),
        hift=HiFTConfig(),
        sampling=SamplingParams(
            temperature=0.8, top_k=1000, top_p=0.95, repetition_penalty=1.2, penalty_last=True, cfg_weight=0.0
        ),
        used_sampling=("temperature", "top_p", "top_k", "repetition_penalty"),
        text=_GPT2,
        tail=_SILENCE,
        ladder=_LADDER,
    )


_GPT2_FILES = ("vocab.json", "merges.txt", "added_tokens.json")
_GPT2_MORE = ("tokenizer_config.json", "special_tokens_map.json")
_CHATTERBOX = "5bb1f6ee58e50c3b8d408bc82a6d3740c2db6e18"
_MULTILINGUAL_CONFIG = _standard("multilingual", 2454, _MULTILINGUAL, replace(_FADE, drop_last_token=True))

_BASE = Variant(
    name="base",
    hub="ResembleAI/chatterbox",
    revision=_CHATTERBOX,
    t3=("t3_cfg.safetensors",),
    s3gen=("s3gen.safetensors", "s3gen.pt"),
    ve=("ve.safetensors", "ve.pt"),
    text=("tokenizer.json",),
    config=_standard("base", 704, _ENGLISH, _FADE),
    encoders=EncodersConfig(cloning=CloningConfig(t3_tokens=150)),
)
_V2 = Variant(
    name="multilingual",
    hub="ResembleAI/chatterbox",
    revision=_CHATTERBOX,
    t3=("t3_mtl23ls_v2.safetensors",),
    s3gen=("s3gen.pt", "s3gen.safetensors"),
    ve=("ve.pt", "ve.safetensors"),
    text=("grapheme_mtl_merged_expanded_v1.json",),
    optional=("Cangjie5_TC.json",),  # Chinese alone needs it
    config=_MULTILINGUAL_CONFIG,
    encoders=EncodersConfig(cloning=CloningConfig(t3_tokens=150)),
)
_V3 = replace(
    _V2,
    name="multilingual-v3",
    t3=("t3_mtl23ls_v3.safetensors",),
    s3gen=("s3gen.pt", "s3gen.safetensors", "s3gen_v3.pt", "s3gen_v3.safetensors"),
    config=replace(_MULTILINGUAL_CONFIG, name="chatterbox-multilingual-v3", variant="multilingual-v3"),
)
_TURBO = Variant(
    name="turbo",
    hub="ResembleAI/chatterbox-turbo",
    revision="749d1c1a46eb10492095d68fbcf55691ccf137cd",
    t3=("t3_turbo_v1.safetensors",),
    s3gen=("s3gen_meanflow.safetensors", "s3gen_meanflow.pt"),
    ve=("ve.safetensors", "ve.pt"),
    text=_GPT2_FILES,
    optional=_GPT2_MORE,
    config=_distilled("turbo", width=1024, layers=24),
    encoders=EncodersConfig(cloning=CloningConfig(t3_tokens=375, min_s=5.0, loudness=-27.0)),
)
_NANO = replace(
    _TURBO,
    name="nano",
    hub="ResembleAI/chatterbox-nano",
    revision="71ccd1d0081b430592cea481f4307e764e07bc64",
    t3=("t3_nano_v1.safetensors",),
    config=_distilled("nano", width=768, layers=12),
)


def _pack(code: str) -> Variant:
    """A language pack: T3 and S3Gen retrained for one language, the rest is the multilingual checkpoint's.

    No revision of the packs is known to be good, so the newest is taken; name one as `owner/name@revision`."""
    name = f"multilingual-{code}"
    return replace(
        _V3,
        name=name,
        hub=f"ResembleAI/Chatterbox-Multilingual-{code}",
        revision="main",
        t3=("t3_*.safetensors",),
        s3gen=("s3gen_v3.pt", "s3gen_v3.safetensors", "s3gen.pt", "s3gen.safetensors"),
        borrowed_from="multilingual",
        config=replace(_MULTILINGUAL_CONFIG, name=f"chatterbox-{name}", variant=name),
    )


_PACKS = [_pack(code) for code in ("zh-cmn", "es-mx-latam", "pt-br", "es-es", "pt-pt", "hi")]
_PACK = replace(_pack("pack"), hub="")  # any of them, in a directory

VARIANTS = {variant.name: variant for variant in (_BASE, _V2, _V3, _TURBO, _NANO, *_PACKS, _PACK)}
RECOGNISED = (_BASE, _V2, _V3, _TURBO, _NANO, _PACK)  # by their T3 files
