"""Places for clients: so many in all, and no more than some of them for one address."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager


class NoPlace(Exception):
    """All places are taken, or all that one address may have; the text says which and what to do."""


class ClientPlaces:
    """Thread-safe."""

    def __init__(self, most: int, most_per_client: int) -> None:
        self._most = most
        self._most_per_client = most_per_client
        self._taken: Counter[str] = Counter()
        self._lock = threading.Lock()

    @contextmanager
    def taken(self, client: str) -> Iterator[None]:
        """A place for an address, for as long as the block runs. Raises NoPlace."""
        self._take(client)
        try:
            yield
        finally:
            self._give_back(client)

    def _take(self, client: str) -> None:
        with self._lock:
            if self._taken.total() >= self._most:
                raise NoPlace(f"all {self._most} places are taken; close a panel, or try again later")
            if self._taken[client] >= self._most_per_client:
                raise NoPlace(
                    f"your address ({client}) has all {self._most_per_client} places that one may have;"
                    " close a panel or another program that reads, or try again later"
                )
            self._taken[client] += 1

    def _give_back(self, client: str) -> None:
        with self._lock:
            self._taken[client] -= 1
            if not self._taken[client]:
                del self._taken[client]
