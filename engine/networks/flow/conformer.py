"""UpsampleConformerEncoder: embedded speech tokens [B, T, C] at 25 Hz -> hidden frames [B, 2T, C] at 50 Hz.

A convolution that looks `lookahead` tokens ahead, transformer layers with relative positions at 25 Hz, nearest
upsampling with a causal convolution, more layers at 50 Hz. Streaming: cached. A window sees the prompt block, a
bounded history and itself (see attention.py); keys, values and convolution tails are carried in `EncoderState`.

Structure of S3Gen's encoder (CosyVoice 2, arXiv 2412.10117; relative positions of Transformer-XL, arXiv 1901.02860).
Here the positional score is computed through the sinusoids' angle addition, so that no table of distances is needed:
    r . [sin w(i-j), cos w(i-j)] = [r_s sin wi + r_c cos wi, r_c sin wi - r_s cos wi] . [cos wj, sin wj]
which turns r_s + i r_c, as a complex number, by -i exp(i wi).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from engine.device.device import Device
from engine.networks.flow.attention import Extent, Plan, Sight
from engine.networks.flow.keys import Attended, Keys, joined, parted

MAX_WAVELENGTH = 10_000.0  # of the sinusoids, over 2 pi
EMBED_EPS = 1e-5  # Quirk: the embeddings' norms and the last one use another epsilon than the layers'
LAYER_EPS = 1e-12
SMOOTHING = 3  # taps of the causal convolution after the lookahead


@dataclass(frozen=True, kw_only=True)
class EncoderConfig:
    width: int
    heads: int
    ff_width: int
    layers: int  # at 25 Hz
    up_layers: int  # at 50 Hz
    lookahead: int  # tokens
    ratio: int  # frames per token

    def __post_init__(self) -> None:
        if self.width % self.heads or self.width % 2:
            raise ValueError(f"width = {self.width} must be even and a multiple of heads = {self.heads}")


@dataclass(frozen=True)
class EncoderState:
    """K: at most `history` tokens (25 Hz) or frames (50 Hz)."""

    ahead: Tensor  # [B, 2, C] last outputs of the looking-ahead convolution, as heard
    keys: Keys  # at 25 Hz
    upsampled: Tensor  # [B, 4, C] last inputs of the upsampler's convolution
    up_keys: Keys  # at 50 Hz

    def without_history(self) -> EncoderState:
        """Returns what an utterance starts from after this prompt block: its tails and none of its keys."""
        return EncoderState(self.ahead, self.keys.nothing, self.upsampled, self.up_keys.nothing)

    def tensors(self) -> list[Tensor]:
        return [self.ahead, *self.keys.parts, self.upsampled, *self.up_keys.parts]

    @staticmethod
    def joined(states: Sequence[EncoderState]) -> EncoderState:
        return EncoderState(
            joined([state.ahead for state in states], 0),
            Keys.joined([state.keys for state in states]),
            joined([state.upsampled for state in states], 0),
            Keys.joined([state.up_keys for state in states]),
        )

    def parted(self, count: int) -> list[EncoderState]:
        tails = (parted(tail, count, 0) for tail in (self.ahead, self.upsampled))
        keys = (one.parted(count) for one in (self.keys, self.up_keys))
        return [EncoderState(a, k, u, v) for a, u, k, v in zip(*tails, *keys, strict=True)]


def angles(positions: Tensor, width: int) -> Tensor:
    """[..., T] -> [..., T, C / 2] radians, in the arithmetic of the positions."""
    wide = Device.of(positions.device).float64
    rate = torch.arange(0, width, 2, dtype=torch.float64, device=wide) * (-math.log(MAX_WAVELENGTH) / width)
    return positions[..., None] * rate.exp().to(positions)


def waves(angle: Tensor) -> Tensor:
    """[..., C / 2] -> cosines and sines by turns [..., C] float32."""
    return torch.stack((angle.cos(), angle.sin()), -1).flatten(-2).float()


def turns(angle: Tensor) -> Tensor:
    """[..., C / 2] -> what the weights of a query are turned by, complex: sin - i cos of each angle, float32."""
    return torch.complex(angle.sin().float(), -angle.cos().float())


@cache
def tables(width: int, length: int, device: torch.device) -> tuple[Tensor, Tensor]:
    """For the first `length` positions: `waves` [length, C] and `turns` [length, C / 2]."""
    with torch.inference_mode(False):
        angle = angles(torch.arange(length, dtype=torch.float32, device=device), width)
        return waves(angle), turns(angle)


class RelativeBias:
    """Scores of relative positions for one call at one rate, shared by its layers, and scaled as attention's are."""

    def __init__(self, config: EncoderConfig, queries: int, keys: int, sight: Sight | None, like: Tensor) -> None:
        self.sight = sight
        width, scale = config.width, (config.width // config.heads) ** -0.5
        if sight is None:
            known, turned = tables(width, 1 << (keys - 1).bit_length(), like.device)
            self.keys, self.turn = known[:keys].t().to(like), scale * turned[keys - queries : keys]
            return
        angle = angles(sight.positions, width)
        self.keys, self.turn = waves(angle).t().to(like), scale * turns(angle[-queries:])
        self.pinned = scale * turns(angles(sight.pinned, width))  # [B, T, C / 2]

    def __call__(self, weights: Tensor) -> Tensor:
        """Weights of the sines and cosines by turns, [H, B, T, C] -> [B, H, T, K]."""
        scores = self._scores(weights, self.turn, self.keys)
        if self.sight is None or not self.sight.longest_prompt:
            return scores
        prompt, rest = scores.tensor_split((self.sight.longest_prompt,), -1)
        pinned = self._scores(weights, self.pinned, self.keys[:, : self.sight.longest_prompt])
        return torch.cat((torch.where(self.sight.in_prompt, pinned, prompt), rest), -1)

    def _scores(self, weights: Tensor, turn: Tensor, keys: Tensor) -> Tensor:
        turned = torch.view_as_complex(weights.float().unflatten(-1, (-1, 2))) * turn
        return (torch.view_as_real(turned).flatten(-2).to(weights.dtype) @ keys).transpose(0, 1)


class RelativeAttention(nn.Module):
    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.shape = (3, heads, width // heads)
        self.linear_qkv = nn.Linear(width, 3 * width)
        self.linear_pos = nn.Linear(width, width, bias=False)
        self.linear_out = nn.Linear(width, width)
        self.pos_bias_u = nn.Parameter(torch.zeros(heads, width // heads))
        self.pos_bias_v = nn.Parameter(torch.zeros(heads, width // heads))

    def forward(self, x: Tensor, attended: Attended, bias: RelativeBias) -> Tensor:
        qkv = self.linear_qkv(x).unflatten(2, self.shape).permute(2, 0, 3, 1, 4)  # [3, B, H, T, D]
        query = qkv[0]
        towards = (query + self.pos_bias_v[:, None]).transpose(0, 1)  # [H, B, T, D]
        projection = self.linear_pos.weight.unflatten(0, self.shape[1:])  # [H, D, C], sine and cosine interleaved
        positional = bias(torch.bmm(towards.flatten(1, 2), projection).unflatten(1, towards.shape[1:3]))
        y = attended.attend(query + self.pos_bias_u[:, None], qkv[1:], positional, bias.sight)
        return self.linear_out(y)  # type: ignore[no-any-return]


class FeedForward(nn.Module):
    def __init__(self, width: int, hidden: int) -> None:
        super().__init__()
        self.w_1 = nn.Linear(width, hidden)
        self.w_2 = nn.Linear(hidden, width)

    def forward(self, x: Tensor) -> Tensor:
        return self.w_2(F.silu(self.w_1(x)))  # type: ignore[no-any-return]


class EncoderLayer(nn.Module):
    def __init__(self, config: EncoderConfig) -> None:
        super().__init__()
        self.norm_mha = nn.LayerNorm(config.width, eps=LAYER_EPS)
        self.self_attn = RelativeAttention(config.width, config.heads)
        self.norm_ff = nn.LayerNorm(config.width, eps=LAYER_EPS)
        self.feed_forward = FeedForward(config.width, config.ff_width)

    def forward(self, x: Tensor, attended: Attended, bias: RelativeBias) -> Tensor:
        x = x + self.self_attn(self.norm_mha(x), attended, bias)
        return x + self.feed_forward(self.norm_ff(x))  # type: ignore[no-any-return]


class Embed(nn.Module):
    """Linear and norm, scaled by sqrt(C)."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.linear = nn.Linear(width, width)
        self.norm = nn.LayerNorm(width, eps=EMBED_EPS)
        self.scale = math.sqrt(width)

    def forward(self, x: Tensor) -> Tensor:
        return self.norm(self.linear(x)) * self.scale  # type: ignore[no-any-return]


class PreLookahead(nn.Module):
    """Residual: a convolution over a token and `lookahead` after it, then a causal one over three of its outputs."""

    def __init__(self, width: int, lookahead: int) -> None:
        super().__init__()
        self.lookahead = lookahead
        self.conv1 = nn.Conv1d(width, width, lookahead + 1)
        self.conv2 = nn.Conv1d(width, width, SMOOTHING)

    def forward(self, x: Tensor, count: int, tail: Tensor, plan: Plan | None) -> tuple[Tensor, Tensor]:
        """x [B, count + lookahead seen, C] -> [B, count, C]; unseen lookahead is silence (zeros)."""
        padded = F.pad(x, (0, 0, 0, count + self.lookahead - x.shape[1]))
        taps = padded.unfold(1, self.lookahead + 1, 1)  # [B, T, C, L + 1]
        if plan is not None:
            taps = taps * plan.taps(self.lookahead + 1).to(x)[:, :, None]
        y = F.leaky_relu(F.linear(taps.flatten(2), self.conv1.weight.flatten(1), self.conv1.bias))
        y = torch.cat((tail, y), 1)
        return x[:, :count] + causal(self.conv2, y), y[:, -(SMOOTHING - 1) :].clone()


def causal(conv: nn.Conv1d, x: Tensor) -> Tensor:
    """[B, tail + T, C] -> [B, T, C]: one product, which for so few rows is faster than a convolution."""
    taps = x.unfold(1, conv.kernel_size[0], 1)  # [B, T, C, K]
    return F.linear(taps.flatten(2), conv.weight.flatten(1), conv.bias)


class Upsample(nn.Module):
    def __init__(self, width: int, ratio: int) -> None:
        super().__init__()
        self.ratio = ratio
        self.conv = nn.Conv1d(width, width, 2 * ratio + 1)

    @property
    def tail(self) -> int:
        return 2 * self.ratio

    def forward(self, x: Tensor, tail: Tensor) -> tuple[Tensor, Tensor]:
        x = torch.cat((tail, x.repeat_interleave(self.ratio, 1)), 1)
        return causal(self.conv, x), x[:, -self.tail :].clone()


class UpsampleConformerEncoder(nn.Module):
    def __init__(self, config: EncoderConfig) -> None:
        super().__init__()
        self.config = config
        self.embed = Embed(config.width)
        self.pre_lookahead_layer = PreLookahead(config.width, config.lookahead)
        self.encoders = nn.ModuleList(EncoderLayer(config) for _ in range(config.layers))
        self.up_layer = Upsample(config.width, config.ratio)
        self.up_embed = Embed(config.width)
        self.up_encoders = nn.ModuleList(EncoderLayer(config) for _ in range(config.up_layers))
        self.after_norm = nn.LayerNorm(config.width, eps=EMBED_EPS)

    def init_state(self, like: Tensor) -> EncoderState:
        """The state before the first token; `like` [B, ...] gives batch, dtype and device."""
        width, heads = self.config.width, self.config.heads
        return EncoderState(
            ahead=like.new_zeros(like.shape[0], SMOOTHING - 1, width),
            keys=Keys.none(self.config.layers, heads, width // heads, like),
            upsampled=like.new_zeros(like.shape[0], self.up_layer.tail, width),
            up_keys=Keys.none(self.config.up_layers, heads, width // heads, like),
        )

    def forward(
        self,
        x: Tensor,
        count: int,
        state: EncoderState,
        prompt: EncoderState,
        keep: int | None,
        plan: Plan | None = None,
        extent: Extent | None = None,
    ) -> tuple[Tensor, EncoderState]:
        """x [B, count + lookahead seen, C] -> [B, ratio * count, C]; keeps `keep` tokens of history (None: all)."""
        ratio, x = self.config.ratio, self.embed(x)
        x, ahead = self.pre_lookahead_layer(extent.heard(x) if extent else x, count, state.ahead, plan)
        attended = Attended(prompt.keys, state.keys, count, keep, extent)
        x = self._run(self.encoders, x, attended, plan.sight(1) if plan else None)
        x, upsampled = self.up_layer(x, state.upsampled)
        kept, extent = None if keep is None else ratio * keep, extent.times(ratio) if extent else None
        up_attended = Attended(prompt.up_keys, state.up_keys, ratio * count, kept, extent)
        x = self._run(self.up_encoders, self.up_embed(x), up_attended, plan.sight(ratio) if plan else None)
        return self.after_norm(x), EncoderState(ahead, attended.following, upsampled, up_attended.following)

    def _run(self, layers: nn.ModuleList, x: Tensor, attended: Attended, sight: Sight | None) -> Tensor:
        bias = RelativeBias(self.config, x.shape[1], attended.positions, sight, x)
        for layer in layers:
            x = layer(x, attended, bias)
        return x
