"""What an error of torch means: memory ran out, the device itself is gone, or neither.

torch has classes for some of these and only sentences for the others, as the allocator of a CPU does.
"""

from __future__ import annotations

import errno

import torch

from engine.errors import GaplessError, OutOfMemory, UtteranceFailed

_NO_MEMORY = (
    "out of memory",
    "can't allocate memory",
    "Cannot allocate memory",
    "not enough memory",
    "bad_alloc",
    "_STATUS_ALLOC_FAILED",
    "could not create a memory",  # oneDNN, as the next one: what it creates is small, but for its scratchpad
    "could not create a primitive",
    "can't start new thread",  # whose stack finds no room
)
_DEVICE_GONE = ("CUDA error", "CUDA driver error", "device-side assert", "CUBLAS_STATUS_", "CUDNN_STATUS_", "MPS error")


def is_out_of_memory(error: BaseException) -> bool:
    """Memory ran out: a smaller piece of work, or the same one later, may find room."""
    refused = isinstance(error, OSError) and error.errno == errno.ENOMEM
    return refused or isinstance(error, MemoryError | torch.OutOfMemoryError) or _says(error, _NO_MEMORY)


def is_device_fault(error: BaseException) -> bool:
    """Whether the device takes no more work of this process after `error`."""
    if is_out_of_memory(error):
        return False
    return isinstance(error, torch.AcceleratorError) or _says(error, _DEVICE_GONE)


def reported(error: BaseException, stage: str) -> GaplessError:
    """What the caller is told of an error in a stage."""
    if isinstance(error, GaplessError):
        return error
    if is_out_of_memory(error):
        return OutOfMemory(f"{stage} found no memory: {error}")
    return UtteranceFailed(f"{stage} failed: {error}")


def _says(error: BaseException, signs: tuple[str, ...]) -> bool:
    return isinstance(error, RuntimeError) and any(sign in str(error) for sign in signs)
