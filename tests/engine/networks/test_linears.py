"""Matrices in fewer bytes: how exact they are, that rows stay apart, and that every CPU computes the same."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor
from torch.testing import assert_close

from engine.networks.linears import (
    BFloat16Linear,
    Int8Linear,
    PackedLinear,
    bfloat16_is_fast,
    count_weights,
    int8_is_fast,
    pack,
)

SIZES = ((48, 32), (33, 70), (96, 256))  # (out, in)
INT8 = (
    pytest.mark.hardware,
    pytest.mark.skipif(not int8_is_fast(), reason="this CPU has no instructions for int8"),
)
BFLOAT16 = (
    pytest.mark.hardware,
    pytest.mark.skipif(not bfloat16_is_fast(), reason="this CPU has no instructions for bfloat16"),
)


def matrix(n_out: int, n_in: int) -> tuple[Tensor, Tensor, Tensor]:
    """Weight, bias and activations [5, in] whose rows differ much in size."""
    generator = torch.Generator().manual_seed(n_in)
    weight, bias = torch.randn(n_out, n_in, generator=generator), torch.randn(n_out, generator=generator)
    x = torch.randn(5, n_in, generator=generator) * torch.tensor([0.01, 1.0, 30.0, 1.0, 0.0])[:, None]
    return weight, bias, x


def relative_error(y: Tensor, expected: Tensor) -> float:
    """Largest difference over the largest value, in the worst row."""
    return float(((y - expected).abs().amax(-1) / expected.abs().amax(-1)).max())


@pytest.mark.parametrize("packed", [False, pytest.param(True, marks=INT8)])
@pytest.mark.parametrize("size", SIZES)
def test_int8_is_within_two_percent_in_every_row(size: tuple[int, int], packed: bool) -> None:
    weight, bias, x = matrix(*size)
    for b in (None, bias):
        exact = torch.nn.functional.linear(x[:4], weight, b)
        assert 0 < relative_error(Int8Linear(weight, b, packed)(x[:4]), exact) < 0.02


@pytest.mark.parametrize("packed", [False, pytest.param(True, marks=BFLOAT16)])
@pytest.mark.parametrize("size", SIZES)
def test_bfloat16_is_within_one_percent_in_every_row(size: tuple[int, int], packed: bool) -> None:
    weight, bias, x = matrix(*size)
    for b in (None, bias):
        exact = torch.nn.functional.linear(x[:4], weight, b)
        y = BFloat16Linear(weight, b, packed)(x[:4])
        assert y.dtype == torch.bfloat16
        assert 0 < relative_error(y.float(), exact) < 0.01


@pytest.mark.hardware
@pytest.mark.skipif(not int8_is_fast(), reason="this CPU has no instructions for int8")
@pytest.mark.parametrize("size", SIZES)
def test_int8_is_the_same_on_a_cpu_without_its_instructions(size: tuple[int, int]) -> None:
    weight, bias, x = matrix(*size)
    assert_close(Int8Linear(weight, bias, True)(x), Int8Linear(weight, bias, False)(x), atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("packed", [False, pytest.param(True, marks=INT8)])
def test_what_a_row_gets_does_not_depend_on_the_rows_beside_it(packed: bool) -> None:
    weight, bias, x = matrix(48, 64)
    linear = Int8Linear(weight, bias, packed)
    alone = torch.cat([linear(row[None]) for row in x])
    assert_close(linear(x), alone, atol=1e-5, rtol=1e-5)
    assert torch.equal(alone[4], bias)  # of zeros


def test_sums_of_the_largest_values_do_not_saturate() -> None:
    """Products of two bytes summed in pairs overflow 16 bits on CPUs without the right instructions."""
    ones = torch.ones(32, 256)
    assert_close(Int8Linear(ones, None)(ones[:2]), torch.full((2, 32), 256.0))
    assert_close(Int8Linear(-ones, None)(ones[:2]), torch.full((2, 32), -256.0))


@pytest.mark.parametrize("dtype", [torch.float32, pytest.param(torch.bfloat16, marks=BFLOAT16)])
@pytest.mark.parametrize("rows", [1, 30, 400])
def test_a_packed_layer_gives_what_it_gave(dtype: torch.dtype, rows: int) -> None:
    wide = torch.nn.ModuleDict({"wide": torch.nn.Linear(512, 520), "other": torch.nn.Linear(512, 520)}).to(dtype)
    wide.requires_grad_(False)
    x = torch.randn(2, rows, 512).to(dtype)
    expected, held = wide["wide"](x), count_weights(wide)
    pack(wide, ["wide"])
    assert isinstance(wide["wide"], PackedLinear)
    assert isinstance(wide["other"], torch.nn.Linear)
    assert count_weights(wide) == held
    assert relative_error(wide["wide"](x).float(), expected.float()) < (1e-5 if dtype == torch.float32 else 1e-2)


def test_small_float32_layers_stay_as_they_are() -> None:
    small = torch.nn.ModuleDict({"wide": torch.nn.Linear(160, 480)})
    pack(small, ["wide"])
    assert isinstance(small["wide"], torch.nn.Linear)
