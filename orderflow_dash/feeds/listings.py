"""What a venue lists, whether it can be reached, and its tickers: one thread per venue."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Mapping
from typing import Protocol

from orderflow_dash.feeds.clock import VenueClock
from orderflow_dash.feeds.rest import RestError
from orderflow_dash.feeds.tickers import TickerCache
from orderflow_dash.market import Instrument, Ticker, Venue
from orderflow_dash.runtime.backoff import Backoff
from orderflow_dash.runtime.threads import SupervisedThread

log = logging.getLogger(__name__)

_SPACING_S = 5.0  # between two loads that somebody asked for, in the long run
_AT_ONCE = 3  # of them may follow each other without a pause
_ANNOUNCED_S = 30.0  # what a venue announces may reach its REST side later: it is loaded once more
_DOUBT_S = 15.0  # between two loads for symbols that are silent
_DOUBT_AGAIN_S = 60.0  # and for the same one
_MOST_WAITING = 4  # threads that wait for a load at a time
_MOST_STATUSES = 200
_INTEREST_S = 30.0  # tickers are kept live this long after somebody looked at them
_CLOCK_S = 60.0


Report = Callable[[list[Ticker]], None]


class ListingSource(Protocol):
    """How one venue tells instruments and tickers. Its requests raise RestError or ValueError.

    ``absent``: of the last load, perpetuals that are not to be traded now, with the venue's status.
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
        """Tickers, all or some; called every ``poll_s`` seconds while somebody looks."""

    def watch(self, report: Report | None) -> None:
        """Begin (or with None end) live tickers, where the venue has them for all symbols at once."""

    def attend(self, changed: Callable[[], None]) -> None:
        """Call this whenever the venue announces a change of its listing. Begun once, after a load."""

    def status_of(self, symbol: str) -> str:
        """The venue's status of a symbol that it does not list; empty where it knows none."""

    def time(self) -> int:
        """The venue's clock now, ms."""

    def close(self) -> None:
        """Release what it holds; nothing is asked after that."""


class InstrumentProvider:
    """One venue's instruments, reachability and tickers, kept fresh by its own thread.

    ``instruments`` is one dict for life: it is filled in place, so whoever holds it sees new listings, and
    always the venue's present tick and lot. ``clock`` gets the venue's time once a minute.
    """

    def __init__(
        self,
        venue: Venue,
        listing: ListingSource,
        tickers: TickerCache,
        instruments: dict[str, Instrument],
        backoff: Backoff,
        clock: VenueClock | None = None,
    ) -> None:
        self.venue = venue
        self.instruments = instruments
        self.reachable = False  # whether the last attempt worked; what was listed before still counts
        self.detail = "not asked yet"
        self.answered = threading.Event()  # set after the first attempt, whatever it gave
        self._listing = listing
        self._tickers = tickers
        self._backoff = backoff
        self._clock = clock
        if clock is not None:
            clock.ask = listing.time
        self._ask_time_at = 0.0
        self._stop = threading.Event()
        self._wake = threading.Event()
        self._loading = threading.Condition()
        self._loads = 0  # that have begun
        self._loaded = 0  # that have ended, well or not
        self._load_at = 0.0  # monotonic: when the next one is due
        self._allowance = float(_AT_ONCE)  # loads on demand
        self._allowed_at = 0.0
        self._again_at = 0.0  # when what was announced is loaded once more
        self._waiting = threading.Semaphore(_MOST_WAITING)
        self._gone: set[str] = set()  # listed before, and no longer
        self._unknown: set[str] = set()  # asked for, and not listed
        self._statuses: dict[str, str] = {}  # of both
        self._doubted: dict[str, float] = {}  # when a symbol's silence made it load
        self._doubt_at = 0.0
        self._attends = False
        self._interest_until = 0.0
        self._watched = False
        self._thread = SupervisedThread(
            self._run,
            name=f"{venue}-directory",
            stopping=self._stop,
            backoff=backoff,
            on_crash=self._crashed,
        )

    def start(self) -> None:
        """Begin to load."""
        self._thread.start()

    def stop(self, wait: float = 0.5) -> None:
        """End; a request under way is waited for so many seconds and then left to end by itself."""
        self._stop.set()
        self._wake.set()
        if self._thread.is_alive():
            self._thread.join(wait)

    def look(self) -> None:
        """Somebody looks at the tickers: keep them live for a while."""
        self._interest_until = time.monotonic() + _INTEREST_S

    def refresh(self, wait_s: float = 0.0, symbol: str = "") -> None:
        """Load again: something shows that the venue may list more, less or otherwise than is known.

        Waits for that load, ``wait_s`` seconds at most. Loads on demand are limited to one in 5 s and some
        at once; beyond that nothing waits, and the load comes later. A venue that cannot be reached is left
        to its own retries. ``symbol``: one that is not listed, whose status is asked for as well.
        """
        now = time.monotonic()
        if not self.reachable or self._stop.is_set():
            return
        with self._loading:
            if symbol and len(self._unknown) < _MOST_STATUSES:
                self._unknown.add(symbol)
            if self._load_at > now and not self._allow(now):
                return
            self._load_at = min(self._load_at, now)
            wanted = self._loads + 1
        self._wake.set()
        if wait_s > 0 and self._waiting.acquire(blocking=False):
            try:
                with self._loading:
                    self._loading.wait_for(lambda: self._loaded >= wanted or self._stop.is_set(), wait_s)
            finally:
                self._waiting.release()

    def _allow(self, now: float) -> bool:
        """Whether a load on demand may begin now; else it is planned. Called with the lock held."""
        self._allowance = min(_AT_ONCE, self._allowance + (now - self._allowed_at) / _SPACING_S)
        self._allowed_at = now
        if self._allowance < 1:
            self._load_at = min(self._load_at, now + (1 - self._allowance) * _SPACING_S)
            return False
        self._allowance -= 1
        return True

    def doubt(self, symbol: str) -> None:
        """A symbol is silent out of its rhythm: it may have been delisted. Costs little; called at will."""
        now = time.monotonic()
        if now < self._doubt_at or now - self._doubted.get(symbol, -_DOUBT_AGAIN_S) < _DOUBT_AGAIN_S:
            return
        self._doubt_at = now + _DOUBT_S
        self._doubted = {each: at for each, at in self._doubted.items() if now - at < _DOUBT_AGAIN_S}
        self._doubted[symbol] = now
        self.refresh()

    def status_of(self, symbol: str) -> str:
        """The venue's word for a symbol that it does not list now; empty where it lists it or has none."""
        if symbol in self.instruments:
            return ""
        return self._listing.absent.get(symbol) or self._statuses.get(symbol, "")

    def absence(self, symbol: str) -> str:
        """A sentence where the venue has listed a symbol and no longer does; empty otherwise."""
        if symbol in self.instruments or symbol not in self._gone:
            return ""
        status = self.status_of(symbol)
        return f"{self.venue.label} no longer lists {symbol}{f': {status}' if status else ''}"

    def _announced(self) -> None:
        """The venue says that its listing has changed."""
        self._again_at = time.monotonic() + _ANNOUNCED_S
        self.refresh()

    def _run(self) -> None:
        try:
            self._keep_fresh()
        finally:
            if self._stop.is_set():  # else it begins again
                self._listing.close()

    def _keep_fresh(self) -> None:
        self._load_at = poll_at = 0.0
        while not self._stop.is_set():
            self._wake.clear()
            now = time.monotonic()
            try:
                if now >= self._ask_time_at:  # first of all: streams begin with what is listed
                    self._ask_time_at = now + _CLOCK_S
                    self._ask_time()
                if now >= self._load_at:
                    self._load_at = now + self._listing.reload_s
                    if self._again_at > now:
                        self._load_at = min(self._load_at, self._again_at)
                    self._load()
                looked_at = now < self._interest_until
                if looked_at != self._watched:
                    self._listing.watch(self._report if looked_at else None)
                    self._watched = looked_at
                if looked_at and now >= poll_at:
                    poll_at = now + self._listing.poll_s
                    self._listing.poll(self._report)
                wait = min(self._listing.poll_s, max(0.0, self._load_at - time.monotonic()))
                self._backoff.reset()
            except (RestError, ValueError) as error:
                wait, self._load_at = self._backoff.next(), 0.0
                self._note_failure(str(error))
            self.answered.set()
            self._wake.wait(wait)

    def _crashed(self, _error: BaseException, _wait: float) -> None:
        self._note_failure("internal error")
        self.answered.set()

    def _load(self) -> None:
        with self._loading:
            self._loads += 1
            unknown, self._unknown = self._unknown, set()
        try:
            self._take_over(self._listing.load(), unknown)
        finally:
            with self._loading:
                self._loaded += 1
                self._loading.notify_all()

    def _take_over(self, listed: dict[str, Instrument], unknown: set[str]) -> None:
        """What was just loaded; ``unknown`` symbols were asked for before."""
        if not listed:
            raise ValueError("the venue lists no tradable perpetual")
        gone = self.instruments.keys() - listed.keys()
        self._note_statuses((gone | unknown) - listed.keys())
        self._gone = (self._gone | gone) - listed.keys()
        # What has not changed stays the same object.
        self.instruments.update({s: each for s, each in listed.items() if self.instruments.get(s) != each})
        for symbol in gone:
            log.info("%s: %s is no longer listed: %s", self.venue, symbol, self._statuses.get(symbol) or "-")
            del self.instruments[symbol]
        if not self.reachable:
            log.info("%s: %d perpetuals", self.venue, len(listed))
        # The first read of the tickers comes with the listing: a default step needs a price.
        self._listing.poll(self._report)
        self.reachable, self.detail = True, ""
        if not self._attends:
            self._attends = True
            self._listing.attend(self._announced)

    def _note_statuses(self, symbols: set[str]) -> None:
        """Ask what became of symbols that are not listed; one that cannot be asked for has no status."""
        for symbol in symbols:
            if len(self._statuses) >= _MOST_STATUSES:
                self._statuses = {}
            try:
                self._statuses[symbol] = self._listing.status_of(symbol)
            except (RestError, ValueError) as error:
                log.debug("%s: no status of %s: %s", self.venue, symbol, error)

    def _ask_time(self) -> None:
        if self._clock is None:
            return
        try:
            self._clock.measure()
        except (RestError, ValueError) as error:  # it is not known then, and that is all
            log.debug("%s: no time: %s", self.venue, error)

    def _report(self, tickers: list[Ticker]) -> None:
        self._tickers.update(self.venue, tickers, self.instruments)

    def _note_failure(self, reason: str) -> None:
        if reason != self.detail:
            log.warning("%s: %s", self.venue, reason)
        self.reachable, self.detail = False, reason
