"""A venue's instruments, whether it can be reached, and its tickers: one thread per venue."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Mapping, Set
from typing import Protocol

from orderflow_dash.feeds.clock import VenueClock
from orderflow_dash.feeds.listing_changes import Absences, LoadSchedule
from orderflow_dash.feeds.rest import RestError
from orderflow_dash.feeds.tickers import TickerCache
from orderflow_dash.market import Instrument, Ticker, Venue
from orderflow_dash.runtime.backoff import Backoff
from orderflow_dash.runtime.threads import SupervisedThread

log = logging.getLogger(__name__)

_INTEREST_S = 30.0  # tickers stay live this long after the last look at them
_CLOCK_S = 60.0

Report = Callable[[list[Ticker]], None]


class ListingSource(Protocol):
    """One venue's instruments and tickers. Its requests raise RestError or ValueError.

    ``absent``: perpetuals of the last load that cannot be traded now, with the venue's status.
    ``reload_s``: how soon the listing may have changed without an announcement.
    """

    poll_s: float

    @property
    def reload_s(self) -> float:
        """Seconds from one load to the next."""

    @property
    def absent(self) -> Mapping[str, str]:
        """Status by symbol."""

    def load(self) -> dict[str, Instrument]:
        """All tradable perpetuals by symbol."""

    def poll(self, report: Report) -> None:
        """Tickers, all or some; called every ``poll_s`` seconds while the symbol table has viewers."""

    def watch(self, report: Report | None) -> None:
        """Start (or with None stop) live tickers, where the venue has them for all symbols at once."""

    def attend(self, changed: Callable[[], None]) -> None:
        """Call ``changed`` whenever the venue announces a change of its listing. Repeated after each load."""

    def status_of(self, symbol: str) -> str:
        """The venue's status of a symbol that it does not list; empty where it has none."""

    def time(self) -> int:
        """The venue's clock now, ms."""

    def close(self) -> None:
        """Release connections; no request follows."""


class InstrumentProvider:
    """One venue's instruments, reachability and tickers, kept fresh by its own thread.

    ``instruments`` is one dict for life, filled in place: its holders see new listings and always the venue's
    current tick and lot. ``clock`` gets the venue's time once a minute.
    """

    def __init__(
        self,
        venue: Venue,
        source: ListingSource,
        tickers: TickerCache,
        instruments: dict[str, Instrument],
        backoff: Backoff,
        clock: VenueClock | None = None,
    ) -> None:
        self.venue = venue
        self.instruments = instruments
        self.reachable = False  # whether the last attempt worked; earlier listings still count
        self.detail = "not requested yet"
        self.answered = threading.Event()  # set after the first attempt, successful or not
        self._source = source
        self._backoff = backoff
        self._clock = clock
        if clock is not None:
            clock.ask = source.time
        self._stop = threading.Event()
        self._wake = threading.Event()
        self._schedule = LoadSchedule(self._stop)
        self._absences = Absences(source)
        self._live = _LiveTickers(source, lambda rows: tickers.update(venue, rows, instruments))
        self._thread = SupervisedThread(
            self._run,
            name=f"{venue}-directory",
            stopping=self._stop,
            backoff=backoff,
            on_crash=self._crashed,
        )

    def start(self) -> None:
        """Start to load."""
        self._thread.start()

    def stop(self, wait: float = 0.5) -> None:
        """Stop; a request under way is waited for ``wait`` seconds at most."""
        self._stop.set()
        self._wake.set()
        if self._thread.is_alive():
            self._thread.join(wait)

    def look(self) -> None:
        """Keep the tickers live for a while: the symbol table has a viewer."""
        self._live.interest_until = time.monotonic() + _INTEREST_S

    def refresh(self, wait_s: float = 0.0, symbol: str = "") -> None:
        """Load again, because the venue may list more, less or other instruments than is known.

        Waits for that load, ``wait_s`` seconds at most. Loads on demand are limited to one in 5 s and a few
        at once; beyond that nothing waits, and the load comes later. A venue that cannot be reached keeps to
        its own retries. ``symbol``: one that is not listed, whose status is requested as well.
        """
        if not self.reachable or self._stop.is_set():
            return
        if symbol:
            self._absences.ask_for(symbol)
        wanted = self._schedule.request()
        if wanted is None:
            return
        self._wake.set()
        if wait_s > 0:
            self._schedule.wait_for(wanted, wait_s)

    def doubt(self, symbol: str) -> None:
        """Load soon, because a stale symbol may have been delisted. Cheap, so callers need no limit."""
        if self._absences.may_doubt(symbol):
            self.refresh()

    def status_of(self, symbol: str) -> str:
        """The venue's status of a symbol that it does not list now; empty where it lists it or has none."""
        return "" if symbol in self.instruments else self._absences.status_of(symbol)

    def absence(self, symbol: str) -> str:
        """A sentence where the venue has listed a symbol and no longer does; empty otherwise."""
        if symbol in self.instruments or symbol not in self._absences.delisted:
            return ""
        status = self.status_of(symbol)
        return f"{self.venue.label} no longer lists {symbol}{f': {status}' if status else ''}"

    def _announced(self) -> None:
        self._schedule.load_later()
        self.refresh()

    def _run(self) -> None:
        try:
            self._keep_fresh()
        finally:
            if self._stop.is_set():  # otherwise the thread restarts
                self._source.close()

    def _keep_fresh(self) -> None:
        schedule, ask_time_at = self._schedule, 0.0
        schedule.load_at = 0.0
        while not self._stop.is_set():
            self._wake.clear()
            now = time.monotonic()
            try:
                if now >= ask_time_at:  # before the listing, because streams start once a symbol is listed
                    ask_time_at = now + _CLOCK_S
                    self._ask_time()
                if now >= schedule.load_at:
                    schedule.plan_next(now, self._source.reload_s)
                    self._load()
                self._live.turn(now)
                wait = min(self._source.poll_s, max(0.0, schedule.load_at - time.monotonic()))
                self._backoff.reset()
            except (RestError, ValueError) as error:
                wait, schedule.load_at = self._backoff.next(), 0.0
                self._note_failure(str(error))
            self.answered.set()
            self._wake.wait(wait)

    def _crashed(self, _error: BaseException, _wait: float) -> None:
        self._note_failure("internal error")
        self.answered.set()

    def _load(self) -> None:
        with self._schedule.loading():
            unlisted = self._absences.take_asked()
            self._take_over(self._source.load(), unlisted)

    def _take_over(self, listed: dict[str, Instrument], unlisted: Set[str]) -> None:
        """Apply a load; statuses of ``unlisted`` symbols were asked for."""
        if not listed:
            raise ValueError("the venue lists no tradable perpetual")
        gone = self.instruments.keys() - listed.keys()
        self._absences.update(listed.keys(), gone, unlisted)
        # An instrument that has not changed stays the same object.
        self.instruments.update({s: each for s, each in listed.items() if self.instruments.get(s) != each})
        for symbol in gone:
            status = self._absences.status_of(symbol)
            log.info("%s: %s is no longer listed: %s", self.venue, symbol, status or "-")
            del self.instruments[symbol]
        if not self.reachable:
            log.info("%s: %d perpetuals", self.venue, len(listed))
        # The first tickers come with the listing: a default step needs a price.
        self._live.poll()
        self.reachable, self.detail = True, ""
        self._source.attend(self._announced)

    def _ask_time(self) -> None:
        if self._clock is None:
            return
        try:
            self._clock.measure()
        except (RestError, ValueError) as error:  # the clock stays unknown
            log.debug("%s: cannot read the venue's clock: %s", self.venue, error)

    def _note_failure(self, reason: str) -> None:
        if reason != self.detail:
            log.warning("%s: %s", self.venue, reason)
        self.reachable, self.detail = False, reason


class _LiveTickers:
    """Polls and watches a venue's tickers while the symbol table has viewers."""

    def __init__(self, source: ListingSource, report: Report) -> None:
        self.interest_until = 0.0  # monotonic, s
        self._source = source
        self._report = report
        self._is_watching = False
        self._poll_at = 0.0

    def turn(self, now: float) -> None:
        """Do what is due. Raises RestError or ValueError."""
        has_viewers = now < self.interest_until
        if has_viewers != self._is_watching:
            self._source.watch(self._report if has_viewers else None)
            self._is_watching = has_viewers
        if has_viewers and now >= self._poll_at:
            self._poll_at = now + self._source.poll_s
            self.poll()

    def poll(self) -> None:
        """Read once. Raises RestError or ValueError."""
        self._source.poll(self._report)
