"""Randomness that is addressed, not consumed: a value is a function of (seed, stream, index) and nothing else.

A counter-based generator: the 64-bit finalizer of SplitMix64 (Steele, Lea, Flood 2014) over a keyed counter, in
int64 tensors that wrap, so every device gives the same integers. Re-running a window, or cutting it otherwise,
draws the same noise for the same frame, sample or token.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from enum import IntEnum

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from engine.device.device import Device

_GOLDEN = 0x9E3779B97F4A7C15
_MIX_1 = 0xBF58476D1CE4E5B9
_MIX_2 = 0x94D049BB133111EB
_MASK = (1 << 64) - 1

Numbers = Sequence[int] | Tensor  # one a row: known to the host, or int64 [R] on the device


class Stream(IntEnum):
    """What a number is drawn for; two streams of one seed are independent."""

    FLOW = 1  # index: absolute frame * bins + bin
    PROMPT = 2  # the same, for a voice's prompt frames
    VOCODER = 3  # index: absolute sample * channels + channel
    PHASE = 4  # index: harmonic
    T3 = 5  # index: (segment, token) folded by `fold`, then the vocabulary id


def signed(value: int) -> int:
    """The same 64 bits as an int64 says them."""
    value &= _MASK
    return value - (1 << 64) if value >> 63 else value


def _mix_int(value: int) -> int:
    value &= _MASK
    value = ((value ^ (value >> 30)) * _MIX_1) & _MASK
    value = ((value ^ (value >> 27)) * _MIX_2) & _MASK
    return value ^ (value >> 31)


def _shift(value: Tensor, bits: int) -> Tensor:
    """Logical right shift of an int64 tensor."""
    return (value >> bits) & ((1 << (64 - bits)) - 1)


def _mix(value: Tensor) -> Tensor:
    value = (value ^ _shift(value, 30)) * signed(_MIX_1)
    value = (value ^ _shift(value, 27)) * signed(_MIX_2)
    return value ^ _shift(value, 31)


def fold(seed: int, *parts: int) -> int:
    """One 64-bit key from a seed and any integers that address a place (stream, segment, token ...)."""
    key = _mix_int(seed + _GOLDEN)
    for part in parts:
        key = _mix_int((key + _GOLDEN) ^ (part * _MIX_1))
    return key


def fold_each(keys: NDArray[np.int64], parts: NDArray[np.int64]) -> NDArray[np.int64]:
    """`fold` of one more part into each of many keys [R], on the host."""
    value = (keys.view(np.uint64) + np.uint64(_GOLDEN)) ^ (parts.view(np.uint64) * np.uint64(_MIX_1))
    value = (value ^ (value >> np.uint64(30))) * np.uint64(_MIX_1)
    value = (value ^ (value >> np.uint64(27))) * np.uint64(_MIX_2)
    folded: NDArray[np.int64] = (value ^ (value >> np.uint64(31))).view(np.int64)
    return folded


def fold_all(keys: Tensor, part: int) -> Tensor:
    """`fold` of one more part into all of many keys, int64 [R], where they are."""
    return _mix((keys + signed(_GOLDEN)) ^ signed(part * _MIX_1))


def keys_of(seeds: Numbers, stream: Stream) -> Numbers:
    """`fold(seed, stream)` of each row, where the seeds are."""
    if isinstance(seeds, Tensor):
        return fold_all(_mix(seeds + signed(_GOLDEN)), int(stream))
    return [fold(seed, stream) for seed in seeds]


def times(numbers: Numbers, factor: int) -> Numbers:
    """Each row's number so many times, where the numbers are."""
    return numbers * factor if isinstance(numbers, Tensor) else [number * factor for number in numbers]


def _bits(key: int | Tensor, start: int | Tensor, count: int, device: torch.device | None) -> Tensor:
    first = start if isinstance(start, int) else 0
    index = torch.arange(first, first + count, dtype=torch.int64, device=device)
    if isinstance(start, Tensor):
        index = index + start[:, None]
    return _mix(index * signed(_GOLDEN) + (signed(key) if isinstance(key, int) else key[:, None]))


def _open_unit(bits: Tensor) -> Tensor:
    """The upper 23 bits as a number that is never 0 and never 1 in float32."""
    return (_shift(bits, 41) + 0.5) * 2.0**-23  # which is float32 from the sum on


def uniform(key: int | Tensor, start: int, count: int, device: torch.device | None = None) -> Tensor:
    """[count] float32, uniform on the open interval (0, 1); element i belongs to the address start + i.

    With keys [R] as a tensor, a row for each: [R, count]. The same holds for `gumbel`."""
    return _open_unit(_bits(key, start, count, device))


def normal(key: int | Tensor, start: int | Tensor, count: int, device: torch.device | None = None) -> Tensor:
    """[count] float32, standard normal (Box-Muller over the two halves of one 64-bit word).

    With keys and starts [R] as tensors, a row for each: [R, count]."""
    bits = _bits(key, start, count, device)
    radius = _open_unit(bits)
    angle = (bits & 0xFFFFFF) * 2.0**-24
    return (-2.0 * radius.log()).sqrt() * (2.0 * math.pi * angle).cos()


def normals(keys: Numbers, starts: Numbers, count: int, device: torch.device) -> Tensor:
    """[R, count]: `normal` of each key from its own start on, all rows at once."""
    if isinstance(keys, Tensor):
        assert isinstance(starts, Tensor)
        return normal(keys, starts, count, device)
    assert not isinstance(starts, Tensor)
    if len(keys) == 1:
        return normal(keys[0], starts[0], count, device)[None]
    rows, begins = Device.of(device).upload([[signed(key) for key in keys], list(starts)])
    return normal(rows, begins, count, device)


def uniforms(keys: Numbers, count: int, device: torch.device) -> Tensor:
    """[R, count]: `uniform` of each key."""
    if isinstance(keys, Tensor):
        return uniform(keys, 0, count, device)
    return torch.stack([uniform(key, 0, count, device) for key in keys])


def gumbel(key: int | Tensor, start: int, count: int, device: torch.device | None = None) -> Tensor:
    """[count] float32, standard Gumbel: argmax(logits + gumbel) samples softmax(logits)."""
    return uniform(key, start, count, device).log_().neg_().log_().neg_()


def gumbel_at(keys: Tensor, addresses: Tensor) -> Tensor:
    """[R, N]: `gumbel` of each key, int64 [R], at its own addresses, int64 [R, N]."""
    bits = _mix(addresses * signed(_GOLDEN) + keys[:, None])
    return _open_unit(bits).log_().neg_().log_().neg_()
