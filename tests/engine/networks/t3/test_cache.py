"""Memory of keys and values: zeros that cost nothing until positions are used."""

from __future__ import annotations

import mmap
from pathlib import Path

import pytest
import torch

from engine.device.device import Device
from engine.networks.t3.cache import KVCache

STATM = Path("/proc/self/statm")
CPU = Device.of(torch.device("cpu"))


def resident_bytes() -> int:
    return int(STATM.read_text().split()[1]) * mmap.PAGESIZE


@pytest.mark.skipif(not STATM.exists(), reason="needs /proc")
def test_memory_is_committed_by_positions_not_by_capacity() -> None:
    """128 MiB reserved; an eighth of the positions filled costs an eighth, and a copy no more than that."""
    before = resident_bytes()
    cache = KVCache(CPU.reserve((4, 2, 2, 16, 2048, 64), torch.float32), [0, 0])
    assert cache.kv.nbytes == 1 << 27
    assert resident_bytes() - before < 1 << 22
    cache.kv[..., :256, :] = 1.0
    cache.lengths = [256, 256]
    assert resident_bytes() - before < 5 << 22
    other = cache.copy()
    assert resident_bytes() - before < 9 << 22
    assert other.kv[..., :256, :].min() == 1.0


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_reserved_memory_is_zero_and_its_own(dtype: torch.dtype) -> None:
    one, other = (CPU.reserve((3, 5, 7), dtype) for _ in range(2))
    one += 1
    assert one.shape == (3, 5, 7)
    assert one.dtype == dtype
    assert not other.any()


def test_reserved_memory_outlives_the_function_that_reserved_it() -> None:
    rows = [CPU.reserve((1000,), torch.float32)[500:] for _ in range(100)]
    assert all(not row.any() for row in rows)


def test_nothing_can_be_reserved_too() -> None:
    assert CPU.reserve((2, 0, 4), torch.float32).shape == (2, 0, 4)
