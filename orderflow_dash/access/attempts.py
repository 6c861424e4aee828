"""Limits failed logins, per client and in total, over a sliding window and in bounded memory."""

from __future__ import annotations

import math
import threading
import time
from collections import deque
from collections.abc import Callable
from typing import Final

from orderflow_dash.access.client import client_of

WINDOW_S: Final = 300.0
MAX_PER_CLIENT: Final = 10
MAX_IN_TOTAL: Final = 100  # bounds a botnet's guesses and the memory


class Attempts:
    """Recent failed logins. Thread-safe."""

    def __init__(
        self,
        max_per_client: int = MAX_PER_CLIENT,
        max_in_total: int = MAX_IN_TOTAL,
        window_s: float = WINDOW_S,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._max_per_client = max_per_client
        self._max_in_total = max_in_total
        self._window_s = window_s
        self._clock = clock
        self._lock = threading.Lock()
        self._failed: deque[tuple[float, str]] = deque(maxlen=max_in_total)

    def wait_s(self, address: str) -> int:
        """Seconds until a client may try again; 0 if it may now."""
        client = client_of(address)
        with self._lock:
            now = self._clock()
            while self._failed and self._failed[0][0] <= now - self._window_s:
                self._failed.popleft()
            own = [when for when, who in self._failed if who == client]
            waits = []
            if len(self._failed) >= self._max_in_total:
                waits.append(self._failed[0][0])
            if len(own) >= self._max_per_client:
                waits.append(own[-self._max_per_client])
            return max((math.ceil(when + self._window_s - now) for when in waits), default=0)

    def failed(self, address: str) -> None:
        """Record a failed login."""
        with self._lock:
            self._failed.append((self._clock(), client_of(address)))
