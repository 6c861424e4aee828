"""In-memory storage for ``limits``.

The library's own memory storage starts a thread at nearly every request to expire counters, which costs more
than many of the requests.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import NamedTuple

from limits.storage import Storage

_SWEEP_S = 10.0


class _Window(NamedTuple):
    hits: int
    ends: float  # s, of the monotonic clock


class RateCounters(Storage):
    """Counters that reset when their window ends. Thread-safe."""

    def __init__(
        self,
        uri: str | None = None,
        wrap_exceptions: bool = False,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        super().__init__(uri, wrap_exceptions)
        self._clock = clock
        self._windows: dict[str, _Window] = {}
        self._next_sweep = 0.0
        self._lock = threading.Lock()

    @property
    def base_exceptions(self) -> type[Exception]:
        """An error that never occurs; the base class requires one."""
        return ValueError

    def incr(self, key: str, expiry: float, amount: int = 1) -> int:
        """Add to a key's count; a new window lasts ``expiry`` seconds. Returns the count."""
        now = self._clock()
        with self._lock:
            if now >= self._next_sweep:
                self._sweep(now)
            window = self._windows.get(key)
            if window is None or window.ends <= now:
                window = _Window(0, now + expiry)
            window = self._windows[key] = _Window(window.hits + amount, window.ends)
        return window.hits

    def get(self, key: str) -> int:
        """The count of a key's current window."""
        window = self._windows.get(key)
        return 0 if window is None or window.ends <= self._clock() else window.hits

    def get_expiry(self, key: str) -> float:
        """The end of a key's window, s since the epoch; now if it has none."""
        window = self._windows.get(key)
        return time.time() + (0 if window is None else max(0.0, window.ends - self._clock()))

    def check(self) -> bool:
        """True: memory is always available."""
        return True

    def reset(self) -> int:
        """Remove all counters and return their number."""
        with self._lock:
            count = len(self._windows)
            self._windows.clear()
        return count

    def clear(self, key: str) -> None:
        """Remove one counter."""
        with self._lock:
            self._windows.pop(key, None)

    def __len__(self) -> int:
        return len(self._windows)

    def _sweep(self, now: float) -> None:
        self._next_sweep = now + _SWEEP_S
        self._windows = {key: window for key, window in self._windows.items() if window.ends > now}
