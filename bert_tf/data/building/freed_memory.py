"""Memory that was freed goes back to the system: a setting of glibc's allocator, Linux only.

By default glibc gives every thread heaps of its own and, once blocks of up to 32 MB were freed,
serves such blocks from them; what the builder's threads free stays with the process, in pieces.
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
