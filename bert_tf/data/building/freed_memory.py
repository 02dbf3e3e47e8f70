"""Returns freed memory to the system: settings of glibc's allocator, on Linux only.

By default glibc gives every thread its own heaps. After blocks of up to 32 MB were freed, it takes
such blocks from these heaps. So the process would keep the memory that the builder's threads free.
"""

import ctypes
import sys

_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD, _M_ARENA_MAX = -1, -3, -8  # malloc.h
_SETTINGS = {_M_ARENA_MAX: 2, _M_MMAP_THRESHOLD: 1 << 20, _M_TRIM_THRESHOLD: 8 << 20}


def give_back() -> bool:
    """Applies the settings; call it before threads start. Returns whether they took effect."""
    if not sys.platform.startswith("linux"):
        return False
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (OSError, AttributeError):  # another C library
        return False
    return all([mallopt(name, value) for name, value in _SETTINGS.items()])
