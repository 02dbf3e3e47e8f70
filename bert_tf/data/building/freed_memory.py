"""Returns freed memory to the system: a setting of the allocator of glibc, on Linux only.

By default glibc gives every thread its own heaps and, after blocks of up to 32 MB were freed, takes
such blocks from them. So memory that the threads of the builder free would stay with the process.
"""

import ctypes
import sys

_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD, _M_ARENA_MAX = -1, -3, -8  # malloc.h
_SETTINGS = {_M_ARENA_MAX: 2, _M_MMAP_THRESHOLD: 1 << 20, _M_TRIM_THRESHOLD: 8 << 20}


def give_back() -> bool:
    """To be called before threads are started. Returns whether the allocator took the settings."""
    if not sys.platform.startswith("linux"):
        return False
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (OSError, AttributeError):  # another C library
        return False
    return all([mallopt(name, value) for name, value in _SETTINGS.items()])
