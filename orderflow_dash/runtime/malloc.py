"""Settings of glibc's allocator: few arenas, large blocks outside them, free memory returned to the host.

Minutes, ladders and encodings come and go with the viewers and fragment the heap, and glibc keeps the
fragments: the process seems to grow as long as viewers come and go. Without glibc these functions do nothing.
"""

from __future__ import annotations

import ctypes
import threading
from typing import Final

from orderflow_dash.runtime.threads import SupervisedThread

_M_MMAP_THRESHOLD: Final = -3
_M_ARENA_MAX: Final = -8
_ARENAS: Final = 2
_LARGE: Final = 128 * 1024  # bytes; glibc's initial value, which it would raise up to 32 MiB
_TRIM_INTERVAL_S: Final = 5.0

_libc: Final = ctypes.CDLL(None)


def limit_arenas() -> None:
    """Let threads share arenas: with one for each of eighty threads the process held half as much again.

    Large blocks stay outside of the arenas, where a freed one would leave a gap that small blocks fill.
    """
    if hasattr(_libc, "mallopt"):
        _libc.mallopt(_M_ARENA_MAX, _ARENAS)
        _libc.mallopt(_M_MMAP_THRESHOLD, _LARGE)


def start_trimming() -> None:
    """Return free memory to the host every few seconds, which takes some milliseconds."""
    if not hasattr(_libc, "malloc_trim"):
        return
    stopping = threading.Event()

    def trim() -> None:
        while not stopping.wait(_TRIM_INTERVAL_S):
            _libc.malloc_trim(0)

    SupervisedThread(trim, name="heap", stopping=stopping).start()
