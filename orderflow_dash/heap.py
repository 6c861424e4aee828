"""glibc's heaps: no more of them than do, and what is free in them goes back to the system.

Without that a process with many threads and short-lived large answers grows for as long as it runs, though
it holds no more than before. Elsewhere than on glibc nothing happens.
"""

from __future__ import annotations

import ctypes
import threading
from typing import Final

from .supervised import SupervisedThread

_TRIM_EVERY_S: Final = 30.0
# Threads have heaps of their own and keep what they free: eighty threads held half as much again.
_M_ARENA_MAX, _ARENAS = -8, 2  # the names of malloc.h
# Larger ones go back at once. Set, it no longer grows by itself to what was freed last.
_M_MMAP_THRESHOLD, _LARGE = -3, 128 * 1024

_libc = ctypes.CDLL(None)


def bound_heaps() -> None:
    """Set how memory is taken; before threads begin."""
    if hasattr(_libc, "mallopt"):
        _libc.mallopt(_M_ARENA_MAX, _ARENAS)
        _libc.mallopt(_M_MMAP_THRESHOLD, _LARGE)


def keep_heaps_trimmed(stopping: threading.Event) -> None:
    """Give back what is free, again and again, until stopping."""
    if not hasattr(_libc, "malloc_trim"):
        return

    def trim() -> None:
        while not stopping.wait(_TRIM_EVERY_S):
            _libc.malloc_trim(0)

    SupervisedThread(trim, name="heap-trimmer", stopping=stopping).start()
