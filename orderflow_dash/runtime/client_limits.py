"""Limits on the items that clients hold: one for all clients together, and a lower one for each client.

A client counts by its address. A client with an embed token counts by its address and by the token: each of
the two has the limit of one client.
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Hashable, Iterator
from contextlib import contextmanager
from typing import Final, Generic, NamedTuple, TypeVar

T = TypeVar("T", bound=Hashable)

_CLIENT_PART: Final = 4  # one client holds at most a quarter, unless a setting overrides it


class Party(NamedTuple):
    """An address or an embed token, with a count of its own."""

    name: str
    is_token: bool = False

    def __str__(self) -> str:
        """The word for an error message."""
        return "embed token" if self.is_token else "client"


class Client(NamedTuple):
    """A client by address; ``token`` is a digest of its embed token, empty without one."""

    address: str = ""
    token: str = ""

    def parties(self) -> list[Party]:
        """Every party that the client's items count for."""
        address = Party(self.address)
        return [address, Party(self.token, is_token=True)] if self.token else [address]


ANYONE: Final = Client()


class LimitReached(Exception):
    """A limit on items of a kind (``"view"``) is reached: that of one party, or of all if it is None."""

    def __init__(self, kind: str, limit: int, party: Party | None = None) -> None:
        super().__init__(f"{kind} limit ({limit}) reached")
        self.kind = kind
        self.limit = limit
        self.party = party


def client_limit(limit: int, override: int) -> int:
    """The limit of one client: ``override``, or if that is 0, a quarter of ``limit``, at least 1."""
    return override or max(1, limit // _CLIENT_PART)


class ItemLimiter(Generic[T]):
    """Distinct items that clients hold, with a count of holds for each client. Not thread-safe.

    An item held by several clients counts once for all together, and once for each of them.
    """

    def __init__(self, kind: str, limit: int, limit_per_client: int) -> None:
        """``kind``: the singular, for ``LimitReached``."""
        self._kind = kind
        self._limit = limit
        self._limit_per_client = limit_per_client
        self._holds: Counter[T] = Counter()
        self._held_by: dict[Party, Counter[T]] = {}

    def __contains__(self, item: T) -> bool:
        """Whether any client holds an item."""
        return item in self._holds

    def __len__(self) -> int:
        return len(self._holds)

    def check(self, client: Client, item: T, instead_of: T | None = None) -> None:
        """Raise LimitReached if a client may not hold one more item.

        ``instead_of``: an item that the client releases once it has the new one.
        """
        if _exceeds(self._holds, item, instead_of, self._limit):
            raise LimitReached(self._kind, self._limit)
        for party in client.parties():
            if _exceeds(self._held_by.get(party, Counter()), item, instead_of, self._limit_per_client):
                raise LimitReached(self._kind, self._limit_per_client, party)

    def acquire(self, client: Client, item: T) -> None:
        """Count one more hold, without a check."""
        self._holds[item] += 1
        for party in client.parties():
            self._held_by.setdefault(party, Counter())[item] += 1

    def release(self, client: Client, item: T) -> None:
        """Count one hold less."""
        _count_down(self._holds, item)
        for party in client.parties():
            held = self._held_by[party]
            _count_down(held, item)
            if not held:
                del self._held_by[party]


class ConnectionLimiter:
    """Connections of one kind. Thread-safe."""

    def __init__(self, kind: str, limit: int, limit_per_client: int) -> None:
        """``kind``: as for ``ItemLimiter``."""
        self._items: ItemLimiter[object] = ItemLimiter(kind, limit, limit_per_client)
        self._lock = threading.Lock()

    @contextmanager
    def connection(self, client: Client) -> Iterator[None]:
        """Count a connection of a client for as long as the block runs. Raises LimitReached."""
        item = object()
        with self._lock:
            self._items.check(client, item)
            self._items.acquire(client, item)
        try:
            yield
        finally:
            with self._lock:
                self._items.release(client, item)


def _exceeds(held: Counter[T], item: T, instead_of: T | None, limit: int) -> bool:
    leaving = instead_of is not None and held[instead_of] == 1
    return item not in held and len(held) - leaving >= limit


def _count_down(counts: Counter[T], item: T) -> None:
    counts[item] -= 1
    if not counts[item]:
        del counts[item]
