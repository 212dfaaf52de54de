"""What layers remember, packed for a batch, is what they gave."""

from __future__ import annotations

import torch
from torch import Tensor

from engine.networks.convs import PackedTails


def tails(seed: int) -> tuple[Tensor | None, ...]:
    """Of layers in two arithmetics: one that has seen nothing, one that remembers nothing, a slice, channels apart."""
    generator = torch.Generator().manual_seed(seed)
    joined = torch.randn(1, 9, 4, generator=generator).mT
    return (
        joined[..., 3:],
        None,
        torch.randn(1, 5, 2, generator=generator).mT.bfloat16(),
        joined[..., :0],
        torch.randn(1, 3, 7, generator=generator),
    )


def test_rows_that_were_joined_and_parted_remember_what_they_did() -> None:
    rows = [tails(seed) for seed in range(3)]
    joined = PackedTails.joined([PackedTails.of(row) for row in rows])
    for index, (row, own) in enumerate(zip(rows, joined.parted(3), strict=True)):
        for given, alone, together in zip(row, own.unpacked(), joined.unpacked(), strict=True):
            if given is None:
                assert alone is None
                assert together is None
                continue
            assert alone is not None
            assert together is not None
            assert alone.dtype == given.dtype
            assert torch.equal(alone, given)
            assert torch.equal(together[index : index + 1], given)


def test_a_state_that_remembers_nothing_can_be_packed() -> None:
    assert [row.unpacked() for row in PackedTails.of((None, None)).parted(2)] == [(None, None)] * 2
