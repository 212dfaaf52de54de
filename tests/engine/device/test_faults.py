"""Errors of torch are told apart: memory ran out, the device is gone, or something broke."""

from __future__ import annotations

import errno

import pytest
import torch

from engine.device.faults import is_device_fault, is_out_of_memory, reported
from engine.errors import EmptyText, OutOfMemory, UtteranceFailed


def test_what_the_allocator_of_a_cpu_says_is_out_of_memory() -> None:
    """It has no class of its own: a request too large ended as a fault of the engine."""
    with pytest.raises(RuntimeError) as refused:
        torch.empty(1 << 50)
    assert is_out_of_memory(refused.value)
    assert isinstance(reported(refused.value, "the flow"), OutOfMemory)


@pytest.mark.parametrize("error", [MemoryError(), torch.OutOfMemoryError("CUDA out of memory")])
def test_memory_of_python_and_of_a_device(error: Exception) -> None:
    assert is_out_of_memory(error)
    assert not is_device_fault(error)


def test_a_system_that_has_no_memory_says_so_in_many_ways() -> None:
    """Some of them ended as a fault of the engine: INTERNAL, where the caller may come again."""
    for error in (
        RuntimeError("could not create a primitive"),
        RuntimeError("could not create a memory object"),
        RuntimeError("std::bad_alloc"),
        RuntimeError("can't start new thread"),
        OSError(errno.ENOMEM, "Cannot allocate memory"),
    ):
        assert isinstance(reported(error, "the text"), OutOfMemory), error


@pytest.mark.parametrize(
    "says",
    [
        "CUDA error: an illegal memory access was encountered",
        "CUDA error: device-side assert triggered",
        "cuDNN error: CUDNN_STATUS_EXECUTION_FAILED",
        "CUDA error: CUBLAS_STATUS_EXECUTION_FAILED when calling cublasSgemm",
    ],
)
def test_what_no_later_work_survives_is_the_devices_fault(says: str) -> None:
    assert is_device_fault(RuntimeError(says))
    assert not is_out_of_memory(RuntimeError(says))


def test_a_bug_is_neither_and_what_was_raised_on_purpose_stays() -> None:
    bug = RuntimeError("mat1 and mat2 shapes cannot be multiplied")
    assert not is_device_fault(bug)
    assert type(reported(bug, "T3")) is UtteranceFailed
    on_purpose = EmptyText()
    assert reported(on_purpose, "T3") is on_purpose
