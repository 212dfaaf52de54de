"""How many of a CPU's cores there are, and how many of them a thread's tensor work takes.

OpenMP spreads the work of one thread over a team of its own, whose threads spin while they wait for their next share.
Spinning makes shares of microseconds worthwhile, but libgomp stops it once a process has more OpenMP threads than
cores. So on few cores only one thread may have a team at all, and a team that has done its work must end.
"""

from __future__ import annotations

import functools
import os
import sys
from concurrent.futures import Executor, ThreadPoolExecutor
from pathlib import Path

import torch

CGROUP = Path("/sys/fs/cgroup")


def count() -> int:
    """How many cores this process may use, given the machine, its affinity and a container's quota."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return max(1, min(cores, _quota()))


def _quota() -> int:
    """Whole cores of a quota such as `docker run --cpus` sets, as cgroups of version 2 or 1 write it down."""
    for files in (["cpu.max"], ["cpu/cpu.cfs_quota_us", "cpu/cpu.cfs_period_us"]):
        if all((CGROUP / file).is_file() for file in files):
            quota, period = " ".join((CGROUP / file).read_text(encoding="ascii") for file in files).split()
            return sys.maxsize if quota in ("max", "-1") else int(quota) // int(period)
    return sys.maxsize


def pin(threads: int) -> None:
    """Makes the calling thread's tensor work take so many cores from now on."""
    # Quirk: a thread's first operation or query overwrites the number it has set by the one any thread set last.
    torch.get_num_threads()
    torch.set_num_threads(threads)


@functools.cache
def everything() -> Executor:
    """The one thread of this process whose work takes all cores. It ends with the process."""
    return ThreadPoolExecutor(1, "all-cores", initializer=pin, initargs=(count(),))
