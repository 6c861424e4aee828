"""glibc's heaps: few of them, nothing large in them, and what is free in them goes back to the host.

Minutes, ladders and encodings come and go with what is watched and leave the heap in pieces, which glibc
keeps: a process then seems to grow for as long as people come and go. Without glibc nothing is done.
"""

from __future__ import annotations

import ctypes
import threading
from typing import Final

from orderflow_dash.runtime.threads import SupervisedThread

_M_MMAP_THRESHOLD: Final = -3
_M_ARENA_MAX: Final = -8
_ARENAS: Final = 2
_LARGE: Final = 128 * 1024  # bytes; glibc begins there too, but raises it by itself, to 32 MiB
_EVERY_S: Final = 5.0

_libc: Final = ctypes.CDLL(None)


def limit_arenas() -> None:
    """Have threads share heaps, for glibc gives them their own, and eighty of those held half as much again.

    What is large is kept out of them: when it goes it leaves a hole, and soon something small sits in it.
    """
    if hasattr(_libc, "mallopt"):
        _libc.mallopt(_M_ARENA_MAX, _ARENAS)
        _libc.mallopt(_M_MMAP_THRESHOLD, _LARGE)


def start_trimming() -> None:
    """Give back what is free, now and then for as long as the process lives; it takes some milliseconds."""
    if not hasattr(_libc, "malloc_trim"):
        return
    stopping = threading.Event()

    def give_back() -> None:
        while not stopping.wait(_EVERY_S):
            _libc.malloc_trim(0)

    SupervisedThread(give_back, name="heap", stopping=stopping).start()
