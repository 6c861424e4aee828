"""How often a login may fail: per client and in total, over a sliding window, in bounded memory."""

from __future__ import annotations

import math
import threading
import time
from collections import deque
from collections.abc import Callable
from typing import Final

from orderflow_dash.access.client import client_of

WINDOW_S: Final = 300.0
MOST_OF_ONE: Final = 10
MOST_OF_ALL: Final = 100  # the guesses of a whole botnet, and what bounds the memory


class Attempts:
    """Failed logins of the last minutes. Thread-safe."""

    def __init__(
        self,
        most_of_one: int = MOST_OF_ONE,
        most_of_all: int = MOST_OF_ALL,
        window_s: float = WINDOW_S,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._most_of_one = most_of_one
        self._most_of_all = most_of_all
        self._window_s = window_s
        self._clock = clock
        self._lock = threading.Lock()
        self._failed: deque[tuple[float, str]] = deque(maxlen=most_of_all)

    def wait_s(self, address: str) -> int:
        """Seconds until a client may try again; 0 where it may now."""
        client = client_of(address)
        with self._lock:
            now = self._clock()
            while self._failed and self._failed[0][0] <= now - self._window_s:
                self._failed.popleft()
            own = [when for when, who in self._failed if who == client]
            waits = []
            if len(self._failed) >= self._most_of_all:
                waits.append(self._failed[0][0])
            if len(own) >= self._most_of_one:
                waits.append(own[-self._most_of_one])
            return max((math.ceil(when + self._window_s - now) for when in waits), default=0)

    def failed(self, address: str) -> None:
        """A client's login failed."""
        with self._lock:
            self._failed.append((self._clock(), client_of(address)))
