"""Memory that is freed and taken again costs nothing the second time."""

from __future__ import annotations

import json
import platform
import subprocess
import sys

import pytest

PROGRAM = """
import ctypes, json, resource
from engine.device import allocator

libc = ctypes.CDLL(None)
libc.malloc.restype, libc.malloc.argtypes, libc.free.argtypes = ctypes.c_void_p, [ctypes.c_size_t], [ctypes.c_void_p]
SIZES = (20 << 20, 18 << 20, 16 << 20)

def faults():
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    for _ in range(10):
        blocks = [(libc.malloc(size), size) for size in SIZES]
        for block, size in blocks:
            ctypes.memset(block, 1, size)
        for block, _ in reversed(blocks):
            libc.free(block)
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before

before, kept = faults(), allocator.keep_freed()
faults()
print(json.dumps([before, kept, faults()]))
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="another C library: nothing is changed")
def test_what_was_freed_is_taken_again_without_a_fault() -> None:
    ran = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=True, timeout=60)
    before, kept, after = json.loads(ran.stdout)
    assert kept
    assert before > 50_000  # 54 MB in pages of 4 KB, ten times
    assert after < 0.1 * before
