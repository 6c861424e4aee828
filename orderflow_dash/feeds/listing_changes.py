"""The schedule for reloading a venue's listing, and the status of symbols that it no longer lists."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Iterator, Mapping, Set
from contextlib import contextmanager
from typing import Protocol

from orderflow_dash.feeds.rest import RestError

log = logging.getLogger(__name__)

_SPACING_S = 5.0  # between two loads on demand, in the long run
_BURST = 3  # loads on demand that may follow each other without a pause
_ANNOUNCED_S = 30.0  # the REST API may be behind an announcement: the listing is loaded once more
_DOUBT_S = 15.0  # between two loads for stale symbols
_DOUBT_AGAIN_S = 60.0  # and for the same symbol
_MAX_WAITING = 4  # threads that wait for a load at a time
_MAX_STATUSES = 200


class LoadSchedule:
    """The time of the next load, and the callers that wait for it. Thread-safe."""

    def __init__(self, stopping: threading.Event) -> None:
        self.load_at = 0.0  # monotonic: when the next load is due
        self._stopping = stopping
        self._changed = threading.Condition()
        self._started = 0  # loads
        self._ended = 0  # loads, successful or not
        self._allowance = float(_BURST)  # loads on demand
        self._allowed_at = 0.0
        self._load_again_at = 0.0  # after an announcement
        self._waiting = threading.Semaphore(_MAX_WAITING)

    def request(self) -> int | None:
        """Make a load due; returns its number, or None where the limit delays it."""
        now = time.monotonic()
        with self._changed:
            if self.load_at > now and not self._allow(now):
                return None
            self.load_at = min(self.load_at, now)
            return self._started + 1

    def _allow(self, now: float) -> bool:
        """Whether a load on demand may start now; otherwise it is planned. Called with the lock held."""
        self._allowance = min(_BURST, self._allowance + (now - self._allowed_at) / _SPACING_S)
        self._allowed_at = now
        if self._allowance < 1:
            self.load_at = min(self.load_at, now + (1 - self._allowance) * _SPACING_S)
            return False
        self._allowance -= 1
        return True

    def wait_for(self, number: int, wait_s: float) -> None:
        """Wait for the end of a load, unless too many threads wait already."""
        if not self._waiting.acquire(blocking=False):
            return
        try:
            with self._changed:
                self._changed.wait_for(lambda: self._ended >= number or self._stopping.is_set(), wait_s)
        finally:
            self._waiting.release()

    def load_later(self) -> None:
        """Plan one more load, for a REST API that is behind an announcement."""
        self._load_again_at = time.monotonic() + _ANNOUNCED_S

    def plan_next(self, now: float, reload_s: float) -> None:
        """Plan the load after the one that starts now."""
        self.load_at = now + reload_s
        if self._load_again_at > now:
            self.load_at = min(self.load_at, self._load_again_at)

    @contextmanager
    def loading(self) -> Iterator[None]:
        """Count a load and wake the threads that wait for it."""
        with self._changed:
            self._started += 1
        try:
            yield
        finally:
            with self._changed:
                self._ended += 1
                self._changed.notify_all()


class StatusSource(Protocol):
    """Where the status of an unlisted symbol comes from."""

    @property
    def absent(self) -> Mapping[str, str]:
        """Status by symbol, of the last load."""

    def status_of(self, symbol: str) -> str:
        """One symbol's status; empty where the venue has none. Raises RestError or ValueError."""


class Absences:
    """Symbols that a venue does not list, with its status for them."""

    def __init__(self, source: StatusSource) -> None:
        self.delisted: Set[str] = frozenset()
        self._source = source
        self._asked: set[str] = set()  # unlisted symbols that a page asked for
        self._statuses: dict[str, str] = {}
        self._doubted: dict[str, float] = {}  # when a stale symbol made the listing load
        self._doubt_at = 0.0
        self._lock = threading.Lock()

    def ask_for(self, symbol: str) -> None:
        """Request an unlisted symbol's status with the next load."""
        with self._lock:
            if len(self._asked) < _MAX_STATUSES:
                self._asked.add(symbol)

    def take_asked(self) -> set[str]:
        """The symbols to request the status of, once."""
        with self._lock:
            asked, self._asked = self._asked, set()
            return asked

    def may_doubt(self, symbol: str) -> bool:
        """Whether a stale symbol is a reason to load: once a minute, and all together once in 15 s."""
        now = time.monotonic()
        if now < self._doubt_at or now - self._doubted.get(symbol, -_DOUBT_AGAIN_S) < _DOUBT_AGAIN_S:
            return False
        self._doubt_at = now + _DOUBT_S
        self._doubted = {each: at for each, at in self._doubted.items() if now - at < _DOUBT_AGAIN_S}
        self._doubted[symbol] = now
        return True

    def status_of(self, symbol: str) -> str:
        """The venue's status; empty where it has none."""
        return self._source.absent.get(symbol) or self._statuses.get(symbol, "")

    def update(self, listed: Set[str], gone: Set[str], asked: Set[str]) -> None:
        """Take over a load, and request the status of symbols that are gone or asked for."""
        for symbol in (gone | asked) - listed:
            if len(self._statuses) >= _MAX_STATUSES:
                self._statuses = {}
            try:
                self._statuses[symbol] = self._source.status_of(symbol)
            except (RestError, ValueError) as error:  # it has no status then
                log.debug("no status of %s: %s", symbol, error)
        self.delisted = (self.delisted | gone) - listed
