"""The C library keeps memory that a window has freed, so that the next window finds it there.

glibc gives memory at the end of its heap back as soon as a few blocks of the usual size are free there, and large ones
at once. Windows come and go by the dozen a second: the same pages would be given back and asked for again, each of them
a fault, and resident memory would swing for no reason.
"""

from __future__ import annotations

import ctypes
import platform

_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD = -1, -3  # malloc.h
_KEPT_BYTES = 128 << 20  # at the end of the heap; what is beyond is given back
_LARGE_BYTES = 32 << 20  # from here on a block is no part of the heap; the most that glibc takes


def keep_freed() -> bool:
    """Sets this for the whole process; a second call does no harm. Returns False where the C library is not glibc."""
    if platform.libc_ver()[0] != "glibc":
        return False
    mallopt = ctypes.CDLL(None).mallopt
    return bool(mallopt(_M_TRIM_THRESHOLD, _KEPT_BYTES) and mallopt(_M_MMAP_THRESHOLD, _LARGE_BYTES))
