"""How many of a CPU's cores a thread's tensor work takes.

OpenMP spreads the work of one thread over a team of its own, whose threads spin while they wait for their next share.
That is what makes shares of microseconds worth it, and libgomp gives it up once a process has more of its threads than
cores. So on few cores only one thread may have a team at all, and a team that has done its work must end.
"""

from __future__ import annotations

import functools
import os
from collections.abc import Callable
from concurrent.futures import Executor, ThreadPoolExecutor
from typing import TypeVar

import torch

T = TypeVar("T")


def pin(threads: int) -> None:
    """The calling thread's work takes so many cores from now on."""
    # Quirk: what a thread has set is overwritten, by what any thread set last, in its first operation or question.
    torch.get_num_threads()
    torch.set_num_threads(threads)


def apart(work: Callable[[], T]) -> T:
    """Does it on a thread of its own, so that the team that it works with ends."""
    with ThreadPoolExecutor(1, "apart") as thread:
        return thread.submit(work).result()


@functools.cache
def everything() -> Executor:
    """The one thread of this process whose work takes all cores; it ends with the process."""
    return ThreadPoolExecutor(1, "all-cores", initializer=pin, initargs=(os.cpu_count() or 1,))
