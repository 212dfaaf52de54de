"""T3: voice and text tokens in, logits of the next speech token [R, V] at 25 tokens per second out.

One causal stream per row: [speaker | prompt | emotion | text | speech start | speech ...]. Streaming kind: the text is
known in full at `prefill`; `step` then takes one speech token per row. Speaker and prompt are computed once a voice
(`conditioning`) and copied in front of every utterance, which brings its own emotion. Weights live in the module,
everything else in the `T3Cache` that is passed in; the same tokens give the same logits whatever the other rows do.
Source: published T3 of Chatterbox (names, quirks).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from engine.device.device import Device
from engine.networks.linears import LOW_PRECISION, bfloat16_is_fast
from engine.networks.t3.backbone import Backbone, BackboneConfig
from engine.networks.t3.cache import T3Cache, Window
from engine.networks.t3.gpt2 import GPT2
from engine.networks.t3.llama import Llama
from engine.networks.t3.perceiver import Perceiver


@dataclass(frozen=True, kw_only=True)
class T3Config:
    backbone: BackboneConfig
    text_vocab: int
    speech_vocab: int  # rows of the embedding and of the head, specials included
    codes: int  # ids below are the codec's; of the others only `stop_speech` may be sampled
    start_speech: int
    stop_speech: int
    start_text: int | None  # None: text goes in bare (Turbo, Nano)
    stop_text: int | None
    speaker_width: int  # S, of the speaker embedding
    max_text: int  # text tokens of one segment, specials included
    max_speech: int  # speech tokens of one segment, specials included
    learned_positions: bool = True  # separate tables for text and speech, beside the backbone's own positions
    max_prompt: int = 0  # speech tokens of the voice prompt
    perceiver_queries: int = 0  # 0: prompt embeddings enter as they are
    perceiver_heads: int = 4
    emotion: bool = False
    guidance: bool = False  # trained with dropped text, so that a second row without text can guide
    start_count: int = 1  # Quirk: published Llama models have TWO speech starts, both at speech position 0
    head_bias: bool = False
    aligned_heads: tuple[tuple[int, int], ...] = ()  # (layer, head) whose attention over the text is the alignment

    def __post_init__(self) -> None:
        if (self.start_text is None) != (self.stop_text is None):
            raise ValueError("start_text and stop_text come together")
        for layer, head in self.aligned_heads:
            if not (0 <= layer < self.backbone.layers and 0 <= head < self.backbone.heads):
                sizes = f"{self.backbone.layers} x {self.backbone.heads}"
                raise ValueError(f"aligned head {(layer, head)} is outside {sizes}")

    @property
    def prefix_len(self) -> int:
        """Positions in front of the text: the longest voice conditioning, and the emotion."""
        return 1 + (self.perceiver_queries or self.max_prompt) + int(self.emotion)

    @property
    def max_len(self) -> int:
        """Positions of the longest utterance."""
        return self.prefix_len + self.max_text + self.start_count + self.max_speech


@dataclass(frozen=True)
class T3Conditioning:
    """What T3 is told of a voice."""

    speaker: Tensor  # [1, S]
    prompt: Tensor | None = None  # [1, P] speech tokens


@dataclass(frozen=True)
class T3Prefix:
    """A prepared voice: read-only, shared by its utterances."""

    kv: Tensor  # [L, 2, 1, H, P, D]

    @property
    def length(self) -> int:
        return self.kv.shape[4]


class _Positions(nn.Module):
    """A learned position table, named as published."""

    def __init__(self, n_positions: int, width: int) -> None:
        super().__init__()
        self.emb = nn.Embedding(n_positions, width)
        nn.init.normal_(self.emb.weight, std=0.02)


class _Conditioner(nn.Module):
    """Voice -> [1, P, C]: speaker, prompt (summarised or as it is). Emotion -> [1, 1, C], where the model has it."""

    def __init__(self, c: T3Config) -> None:
        super().__init__()
        width = c.backbone.width
        self.spkr_enc = nn.Linear(c.speaker_width, width)
        self.perceiver = Perceiver(width, c.perceiver_queries, c.perceiver_heads) if c.perceiver_queries else None
        self.emotion_adv_fc = nn.Linear(1, width, bias=False) if c.emotion else None

    def forward(self, speaker: Tensor, prompt: Tensor | None) -> Tensor:
        parts = [self.spkr_enc(speaker)[:, None]]
        if prompt is not None:
            parts.append(prompt if self.perceiver is None else self.perceiver(prompt))
        return torch.cat(parts, 1)


class T3(nn.Module):
    def __init__(self, config: T3Config) -> None:
        super().__init__()
        self.config = config
        width = config.backbone.width
        self.tfmr: Backbone = (Llama if config.backbone.kind == "llama" else GPT2)(config.backbone)
        self.cond_enc = _Conditioner(config)
        self.text_emb = nn.Embedding(config.text_vocab, width)
        self.speech_emb = nn.Embedding(config.speech_vocab, width)
        self.text_pos_emb = self.speech_pos_emb = None
        if config.learned_positions:
            self.text_pos_emb = _Positions(config.max_text, width)
            self.speech_pos_emb = _Positions(config.max_speech, width)
        self.speech_head = nn.Linear(width, config.speech_vocab, bias=config.head_bias)

    @property
    def device(self) -> torch.device:
        return self.speech_emb.weight.device

    @property
    def dtype(self) -> torch.dtype:
        """The arithmetic of the stream between the layers. Embeddings may be stored in another one."""
        return self.cond_enc.spkr_enc.weight.dtype

    def quantize(self, precision: str) -> None:
        """Weights of a step in fewer bytes: "bfloat16" or "int8" (see linears.py). Matrices are replaced in
        place, one layer after the other; afterwards the module can neither be moved nor saved.

        Embeddings stay as they are stored, the stream between layers is float32, and so is the head of "bfloat16":
        rounded logits would tie. Cached keys and values are bfloat16, which halves what attention reads."""
        build = LOW_PRECISION[precision]
        self.tfmr.fuse(build)
        if precision == "int8":
            self.speech_head = cast(nn.Linear, build(self.speech_head.weight, self.speech_head.bias))
        halves = bfloat16_is_fast() if Device.of(self.device).is_cpu else precision == "bfloat16"
        self.tfmr.cache_dtype = torch.bfloat16 if halves else torch.float32
        for module in self.modules():
            if not isinstance(module, nn.Embedding):
                for parameter in module.parameters(recurse=False):
                    parameter.data = parameter.data.float()

    # --- embeddings

    def embed_voice(self, voice: T3Conditioning) -> Tensor:
        """[1, P, C], without the emotion"""
        prompt = None
        if voice.prompt is not None and voice.prompt.shape[1]:
            prompt = self.embed_speech(voice.prompt, 0)
        return self.cond_enc(voice.speaker.to(self.dtype), prompt)  # type: ignore[no-any-return]

    def embed_emotion(self, emotion: float) -> Tensor:
        """[1, 1, C], or [1, 0, C] where the model has none."""
        weight = self.cond_enc.spkr_enc.weight
        if self.cond_enc.emotion_adv_fc is None:
            return weight.new_empty(1, 0, len(weight))
        return self.cond_enc.emotion_adv_fc(weight.new_full((1, 1, 1), emotion))  # type: ignore[no-any-return]

    def embed_text(self, text: Tensor, guided: bool = False) -> Tensor:
        """[1, N] -> [1, N, C], or [2, N, C] with the row that guides: the same without text."""
        x = self.text_emb(text).to(self.dtype)
        if guided:
            x = torch.cat([x, torch.zeros_like(x)])  # Quirk: zeroed before the position is added
        if self.text_pos_emb is not None:
            x = x + self.text_pos_emb.emb.weight[: text.shape[1]]
        return x  # type: ignore[no-any-return]

    def embed_speech(self, tokens: Tensor, first: int | Tensor) -> Tensor:
        """[R, K] -> [R, K, C]; the first token stands at speech position `first`. As a tensor [R], with K = 1: each
        row's token at its own."""
        x = self.speech_emb(tokens).to(self.dtype)
        if self.speech_pos_emb is None:
            return x  # type: ignore[no-any-return]
        places = self.speech_pos_emb.emb
        if isinstance(first, int):
            return x + places.weight[first : first + tokens.shape[1]]  # type: ignore[no-any-return]
        return x + places(first[:, None])  # type: ignore[no-any-return]

    def embed_start(self, rows: int) -> Tensor:
        """[rows, start_count, C]: what makes the model speak."""
        start = self.embed_speech(torch.full((rows, 1), self.config.start_speech, device=self.device), 0)
        return start.expand(-1, self.config.start_count, -1)

    def frame_text(self, text: Tensor) -> Tensor:
        """[1, N] tokens of the tokenizer -> with the specials this model wants around them."""
        if self.config.start_text is None:
            return text
        assert self.config.stop_text is not None
        start, stop = (text.new_tensor([[token]]) for token in (self.config.start_text, self.config.stop_text))
        return torch.cat([start, text, stop], 1)

    # --- streaming

    def init_cache(self, rows: int, max_len: int | None = None) -> T3Cache:
        """For up to `max_len` positions a row: conditioning, emotion, text, starts and speech; by default the longest
        utterance that the tables allow."""
        attention = self.tfmr.init_cache(rows, max_len or self.config.max_len)
        return T3Cache(attention, [0] * rows, [slice(0, 0)] * rows)

    @torch.inference_mode()
    def conditioning(self, voice: T3Conditioning) -> T3Prefix:
        x = self.embed_voice(voice)
        cache = self.tfmr.init_cache(1, x.shape[1])
        self.tfmr(x, cache)
        return T3Prefix(cache.kv)

    @torch.inference_mode()
    def prefill(
        self,
        prefix: T3Prefix,
        text: Tensor,
        cache: T3Cache,
        row: int = 0,
        guided: bool = False,
        emotion: float = 0.5,
    ) -> Tensor:
        """Starts an utterance and runs all of its text: logits [1 or 2, V] of its first speech token."""
        x = self.begin(prefix, text, cache, row, guided, emotion)
        return self.feed(x, cache, range(row, row + len(x)))

    @torch.inference_mode()
    def begin(
        self, prefix: T3Prefix, text: Tensor, cache: T3Cache, row: int, guided: bool = False, emotion: float = 0.5
    ) -> Tensor:
        """Starts an utterance in `row` (guided: in `row` and `row + 1`) from framed text [1, N].

        `emotion`: exaggeration, 0..1; without meaning to a model that has none.
        Returns the positions [1 or 2, S, C] that are to be fed, at once or in pieces, before its first step."""
        if text.shape[1] > self.config.max_text:
            raise ValueError(f"{text.shape[1]} text tokens; at most {self.config.max_text}")
        n_rows = 2 if guided else 1
        rows = slice(row, row + n_rows)
        parts = (self.embed_emotion(emotion).expand(n_rows, -1, -1), self.embed_text(text, guided))
        x = torch.cat([*parts, self.embed_start(n_rows)], 1)
        if prefix.length + x.shape[1] > cache.attention.capacity:
            raise ValueError(f"cache of {cache.attention.capacity} positions: {prefix.length} + {x.shape[1]} new")
        cache.attention.kv[:, :, rows, :, : prefix.length] = prefix.kv
        Device.of(prefix.kv.device).keep_until_read(prefix.kv)
        first = prefix.length + parts[0].shape[1]
        for r in range(row, row + n_rows):
            cache.attention.lengths[r] = prefix.length
            cache.text[r] = slice(first, first + text.shape[1])
            cache.spoken[r] = 1
        return x

    @torch.inference_mode()
    def feed(self, x: Tensor, cache: T3Cache, rows: Sequence[int]) -> Tensor:
        """The next of `begin`'s positions [1 or 2, S, C] into `rows`; logits [1 or 2, V] behind the last of them."""
        if len(rows) == 2 and rows[1] != rows[0] + 1:  # rows moved apart when others left
            return torch.cat([self.feed(part, cache, [row]) for part, row in zip(x.split(1), rows, strict=True)])
        hidden = self.tfmr(x, cache.attention, slice(rows[0], rows[0] + len(rows)))
        return self.speech_head(hidden[:, -1])  # type: ignore[no-any-return]

    @torch.inference_mode()
    def step(self, tokens: Tensor | Sequence[int], cache: T3Cache) -> Tensor:
        """The first len(tokens) rows each take one speech token [R], on the host; logits [R, V] of the one after."""
        return self._advance(tokens, cache, None)

    @torch.inference_mode()
    def step_aligned(
        self, tokens: Tensor | Sequence[int], cache: T3Cache, rows: Sequence[int] | None = None
    ) -> tuple[Tensor, list[NDArray[np.float32]]]:
        """`step`, and for each of `rows` (None: all) how the coming token is spread over its text: [N], sum 1."""
        queries: list[Tensor] = []
        logits = self._advance(tokens, cache, queries)
        return logits, self.alignment(queries, cache, rows or range(len(tokens)))

    def _advance(self, tokens: Tensor | Sequence[int], cache: T3Cache, queries: list[Tensor] | None) -> Tensor:
        n_rows, device = len(tokens), Device.of(self.device)
        spoken, lengths = cache.spoken[:n_rows], cache.attention.lengths[:n_rows]
        places: int | Tensor = spoken[0]
        at = None
        if min(spoken) < max(spoken) or min(lengths) < max(lengths):
            places, at = device.upload([spoken, lengths])
        window = cache.attention.window(slice(0, n_rows), 1, at)
        logits = self.predict(device.upload(tokens), places, window, queries)
        cache.advance(n_rows)
        return logits

    def predict(
        self, tokens: Tensor, places: int | Tensor, window: Window, queries: list[Tensor] | None = None
    ) -> Tensor:
        """A step in the room of a window, whose rows are not advanced: tokens [R] at speech positions `places`."""
        hidden = self.tfmr.run(self.embed_speech(tokens[:, None], places), window, queries)
        return self.speech_head(hidden[:, -1])  # type: ignore[no-any-return]

    def alignment(self, queries: Sequence[Tensor], cache: T3Cache, rows: Sequence[int]) -> list[NDArray[np.float32]]:
        """For each of `rows`, from a step's queries by layer: [N] over its text."""
        last, device = max(rows) + 1, Device.of(self.device)
        spans = cache.text[:last]
        end = max(span.stop for span in spans)
        begins, ends = device.upload([[span.start for span in spans], [span.stop for span in spans]])
        own = {layer: queries[layer][:last] for layer, _ in self.config.aligned_heads}
        (over_text,) = device.download(self.over_text(own, cache.attention.kv[:, :, :last], end, begins, ends))
        return [over_text[row, cache.text[row]] for row in rows]

    def over_text(
        self, queries: Mapping[int, Tensor], kv: Tensor, end: int | Tensor, begins: Tensor, ends: Tensor
    ) -> Tensor:
        """Mean over the aligned heads of their attention over each row's text only, which begins and ends there [R]:
        [R, end] float32, 0 outside, NaN for a row without text; from a step's queries by layer [R, H, 1, D] and the
        cache [L, 2, R, H, T_max, D].

        Shapes do not depend on where texts are; `end` is not before the last of them, and a trace may take it from a
        tensor."""
        positions = torch.arange(end, device=kv.device)  # type: ignore[arg-type]
        outside = (positions < begins[:, None]) | (positions >= ends[:, None])
        heads = self.config.aligned_heads
        scores = torch.cat([kv[layer, 0, :, head, :end] @ queries[layer][:, head].mT for layer, head in heads], 2)
        scores = (scores.float() * self.config.backbone.head_width**-0.5).masked_fill(outside[..., None], -torch.inf)
        means: Tensor = scores.softmax(1).mean(2)
        return means
