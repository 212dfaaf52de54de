"""Linear layers in the forms that a CPU computes fast: [..., in] float in, [..., out] out.

A decoder step's layers take fewer bytes: a step reads every weight once, so its time is the bytes of its weights over
the bandwidth of the memory. `int8`: weights rounded with one scale an output row, activations with one scale a position
(so that a row's result never depends on the rows beside it), sums in int32, float32 out. `bfloat16`: bfloat16 in and
out, sums in float32. Both keep their weights packed for oneDNN where the CPU has the instructions, and plain elsewhere.

The flow's layers keep their numbers and are packed: a window has so few rows that rearranging the matrix each time, as
a product of plain tensors does, is a fifth to a half of the work. A packed weight can neither be moved nor saved.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Collection
from typing import cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from engine.device.device import Device

INT8_MAX = 127
ZERO = 128  # activations are unsigned with this zero: the only kind that is fast with and without tile instructions
TINY = 1e-30  # instead of a scale of zero, where all values are
STEP_ROWS = 1  # oneDNN packs weights for a number of rows: those of a step,
WINDOW_ROWS = 50  # or of a window of 25 tokens
LEAST_PACKED = 1 << 18  # weights of a float32 matrix; of smaller ones it is slower

LinearBuilder = Callable[[Tensor, Tensor | None], nn.Module]  # weight [out, in], bias [out] -> the layer


def int8_is_fast() -> bool:
    """Without these instructions oneDNN may saturate its sums in 16 bits."""
    return torch.backends.mkldnn.is_available() and torch.cpu._is_vnni_supported()


def bfloat16_is_fast() -> bool:
    return bool(torch.backends.mkldnn.is_available() and torch.ops.mkldnn._is_mkldnn_bf16_supported())


class Int8Linear(nn.Module):
    def __init__(self, weight: Tensor, bias: Tensor | None, packed: bool | None = None) -> None:
        """`packed`: as oneDNN wants it; by default where that is fast."""
        super().__init__()
        self.n_weights = weight.numel()
        weight = weight.detach().float()
        scale = weight.abs().amax(1).clamp(min=TINY) / INT8_MAX  # [out]
        rounded = (weight / scale[:, None]).round().to(torch.int8).contiguous()
        self.packed = int8_is_fast() if packed is None else packed
        self.weight = torch.ops.onednn.qlinear_prepack(rounded, None) if self.packed else rounded
        self.scale = scale / INT8_MAX  # activations are scaled to their largest
        self.zero_point = torch.zeros(1, dtype=torch.int64)  # of the weights
        self.middle = torch.tensor(ZERO + 0.5)  # half a step more, since a cast to integers cuts off
        self.bias = None if bias is None else bias.detach().float()

    def forward(self, x: Tensor) -> Tensor:
        x = x.float()
        largest = x.abs().amax(-1, keepdim=True).clamp_(min=TINY)
        rounded = torch.addcdiv(self.middle, x, largest, value=INT8_MAX).to(torch.uint8)
        if self.packed:
            y = _int8_product(rounded, ZERO, self.weight, self.scale, self.zero_point)
        else:
            y = F.linear(rounded.float() - ZERO, self.weight.float()) * self.scale
        return y.mul_(largest) if self.bias is None else torch.addcmul(self.bias, y, largest)


class BFloat16Linear(nn.Module):
    def __init__(self, weight: Tensor, bias: Tensor | None, packed: bool | None = None) -> None:
        """`packed`: as oneDNN wants it; by default where that is fast."""
        super().__init__()
        on_cpu = Device.of(weight.device).is_cpu
        self.packed = (on_cpu and bfloat16_is_fast()) if packed is None else packed
        self.n_weights = weight.numel()
        rounded = weight.detach().to(torch.bfloat16).contiguous()
        self.weight = torch.ops.mkldnn._reorder_linear_weight(rounded, STEP_ROWS) if self.packed else rounded
        self.bias = None if bias is None else bias.detach().to(torch.bfloat16)

    def forward(self, x: Tensor) -> Tensor:
        x = x.to(torch.bfloat16)
        if not self.packed:
            return F.linear(x, self.weight, self.bias)
        return _product(x, self.weight, self.bias)


class PackedLinear(nn.Module):
    """A linear layer whose matrix is packed for windows."""

    def __init__(self, linear: nn.Linear) -> None:
        super().__init__()
        self.n_weights = linear.weight.numel()
        self.weight = torch.ops.mkldnn._reorder_linear_weight(linear.weight.detach().contiguous(), WINDOW_ROWS)
        self.bias = linear.bias

    def forward(self, x: Tensor) -> Tensor:
        return _product(x, self.weight, self.bias)


def pack(module: nn.Module, names: Collection[str]) -> None:
    """Replaces all linear layers in it that go by these names, where that makes this machine faster."""
    for parent in list(module.modules()):
        for name, child in list(parent.named_children()):
            if name in names and isinstance(child, nn.Linear) and _is_faster_packed(child.weight):
                setattr(parent, name, PackedLinear(child))


def _is_faster_packed(weight: Tensor) -> bool:
    if not Device.of(weight.device).is_cpu or not torch.backends.mkldnn.is_available():
        return False
    if weight.dtype == torch.float32:
        return weight.numel() >= LEAST_PACKED
    return weight.dtype == torch.bfloat16 and bfloat16_is_fast()


def _compiled(function: Callable[..., Tensor]) -> Callable[..., Tensor]:
    """For engine/device/traces.py: a trace has no way to write down these operations' lists."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # as of traces, whose form this is
        return cast(Callable[..., Tensor], torch.jit.script(function))


@_compiled
def _int8_product(x: Tensor, zero: int, weight: Tensor, scale: Tensor, zero_point: Tensor) -> Tensor:
    return torch.ops.onednn.qlinear_pointwise(  # type: ignore[no-any-return]
        x, 1.0, zero, weight, scale, zero_point, None, 1.0, 0, torch.float32, "none", [], ""
    )


@_compiled
def _product(x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
    return torch.ops.mkldnn._linear_pointwise(x, weight, bias, "none", [], "")  # type: ignore[no-any-return]


def packed_weights(module: nn.Module) -> list[Tensor]:
    """Returns the weights of a step that only oneDNN can read."""
    return [m.weight for m in module.modules() if isinstance(m, Int8Linear | BFloat16Linear) and m.packed]


def count_weights(module: nn.Module) -> int:
    """How many numbers the network holds, in whatever arithmetic."""
    kinds = (Int8Linear, BFloat16Linear, PackedLinear)
    plain = sum(parameter.numel() for parameter in module.parameters())
    return plain + sum(layer.n_weights for layer in module.modules() if isinstance(layer, kinds))


LOW_PRECISION: dict[str, LinearBuilder] = {"bfloat16": BFloat16Linear, "int8": Int8Linear}
