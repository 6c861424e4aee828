"""Places that clients share: a limit for all of them together, and a lower one for each client.

A client counts by its address. A client that an embed token let in counts by its address and by the token:
each of the two has the limit of one client.
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Hashable, Iterator
from contextlib import contextmanager
from typing import Generic, NamedTuple, TypeVar

T = TypeVar("T", bound=Hashable)

_PART = 4  # one client holds at most a quarter, unless a setting says otherwise


class NoPlace(Exception):
    """A limit is reached; the text names the limit, its value and what to do."""


class Party(NamedTuple):
    """One side that a place counts for: an address, or an embed token."""

    name: str
    is_token: bool = False

    def __str__(self) -> str:
        """As an error names it."""
        return "embed token" if self.is_token else "client"


class Client(NamedTuple):
    """Who holds a place; ``token`` is a digest of the embed token, empty without one."""

    address: str = ""
    token: str = ""

    def parties(self) -> list[Party]:
        """Every side that the client's places count for."""
        address = Party(self.address)
        return [address, Party(self.token, is_token=True)] if self.token else [address]


ANYONE = Client()


def part_of(most: int, given: int) -> int:
    """The limit of one client: the one ``given``; where that is 0, a quarter of ``most``, at least 1."""
    return given or max(1, most // _PART)


class Places(Generic[T]):
    """Distinct items that clients hold, with a count of holds for each client. Not thread-safe.

    An item that several clients hold is one place of all, and one place of each of these clients.
    """

    def __init__(self, most: int, most_per_client: int, what: str, advice: str) -> None:
        """``what`` names the items in errors, in the plural; ``advice`` is what to do, as sentences."""
        self._most = most
        self._most_per_client = most_per_client
        self._what = what
        self._advice = advice
        self._holds: Counter[T] = Counter()
        self._held_by: dict[Party, Counter[T]] = {}

    def __contains__(self, item: T) -> bool:
        """Whether any client holds an item."""
        return item in self._holds

    def __len__(self) -> int:
        """How many distinct items are held."""
        return len(self._holds)

    def check(self, client: Client, item: T, instead_of: T | None = None) -> None:
        """Raise NoPlace where a client may not hold one more item.

        ``instead_of``: an item that the client gives back once it has the new one.
        """
        if _is_beyond(self._holds, item, instead_of, self._most):
            raise NoPlace(f"Limit reached: {self._most} {self._what} on this server. {self._advice}")
        for party in client.parties():
            if _is_beyond(self._held_by.get(party, Counter()), item, instead_of, self._most_per_client):
                raise NoPlace(
                    f"Limit reached: {self._most_per_client} {self._what} per {party}. {self._advice}"
                )

    def hold(self, client: Client, item: T) -> None:
        """Count one more hold, without a check."""
        self._holds[item] += 1
        for party in client.parties():
            self._held_by.setdefault(party, Counter())[item] += 1

    def give_back(self, client: Client, item: T) -> None:
        """Count one hold less."""
        _count_down(self._holds, item)
        for party in client.parties():
            held = self._held_by[party]
            _count_down(held, item)
            if not held:
                del self._held_by[party]


class ClientPlaces:
    """Places of equal kind, one for as long as a block of code runs. Thread-safe."""

    def __init__(self, most: int, most_per_client: int, what: str, advice: str) -> None:
        """``what`` and ``advice``: as in ``Places``."""
        self._places: Places[object] = Places(most, most_per_client, what, advice)
        self._lock = threading.Lock()

    @contextmanager
    def taken(self, client: Client) -> Iterator[None]:
        """A place for a client, for as long as the block runs. Raises NoPlace."""
        place = object()
        with self._lock:
            self._places.check(client, place)
            self._places.hold(client, place)
        try:
            yield
        finally:
            with self._lock:
                self._places.give_back(client, place)


def _is_beyond(held: Counter[T], item: T, instead_of: T | None, most: int) -> bool:
    leaving = instead_of is not None and held[instead_of] == 1
    return item not in held and len(held) - leaving >= most


def _count_down(counts: Counter[T], item: T) -> None:
    counts[item] -= 1
    if not counts[item]:
        del counts[item]
