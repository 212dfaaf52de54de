"""How much memory this machine, or the container that this process is in, can still give."""

from __future__ import annotations

import os
from pathlib import Path

# Shares of the memory that is free once the weights are loaded. What is left is for the work of steps and windows.
UTTERANCES = 0.5
VOICES = 0.25  # of a GPU's,
VOICES_BYTES = 4 << 30  # of a machine's, whose pages that nobody uses can be swapped

MEMINFO = Path("/proc/meminfo")
CGROUP_LIMIT = Path("/sys/fs/cgroup/memory.max")  # of a container


def free_bytes() -> int:
    return min([_available(), *_container()])


def _available() -> int:
    """Memory that can be had without swapping."""
    try:
        lines = MEMINFO.read_text().splitlines()
        return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("MemAvailable:"))
    except (OSError, StopIteration):  # not Linux
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")


def _container() -> list[int]:
    try:
        text = CGROUP_LIMIT.read_text().strip()
    except OSError:
        return []
    return [int(text)] if text.isdecimal() else []
