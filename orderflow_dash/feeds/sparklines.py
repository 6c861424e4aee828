"""Sparklines: the last 24 hourly closes of the symbols in view, from the venue's klines.

No venue returns the day of all symbols at once, and a request for each of 500 symbols is too much. So only
symbols in view are requested, one at a time and a few a second per venue, again after minutes, and not while
backfills need the venue's budget. A symbol whose request fails has no sparkline.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Final, Protocol

from orderflow_dash.feeds.rest import RestError
from orderflow_dash.market import HOUR_MS, Instrument, Kline, Venue
from orderflow_dash.runtime.backoff import Backoff
from orderflow_dash.runtime.threads import SupervisedThread

log = logging.getLogger(__name__)

HOURS: Final = 24
HIGHEST: Final = 100  # heights go from 0 to this
FRESH_S: Final = 300.0  # until a sparkline is requested again
_IN_VIEW_S: Final = 5.0  # a symbol counts as in view this long after a page reported it
_SPACING_S: Final = 0.25  # between two requests to a venue
_BACKOFF_S: Final = 2.0, 60.0
_BAD_REQUEST: Final = 400

Key = tuple[Venue, str]


class HourSource(Protocol):
    """One venue's hourly klines. Requests raise RestError or ValueError."""

    def is_busy(self) -> bool:
        """Whether the rest of the venue's request budget is reserved for backfills."""

    def hours(self, instrument: Instrument, count: int) -> list[Kline]:
        """The newest hours, old to new; the last is still open."""


def sparkline(hours: Sequence[Kline]) -> str | None:
    """Heights of the closes of the 24 hours that end with the last: 0 to 100, "-" for a missing hour.

    None where there are fewer than two.
    """
    if not hours:
        return None
    first = hours[-1].open_ts - (HOURS - 1) * HOUR_MS
    closes = {(hour.open_ts - first) // HOUR_MS: hour.close for hour in hours if hour.open_ts >= first}
    if len(closes) < 2:
        return None
    low, high = min(closes.values()), max(closes.values())
    reach = high - low
    heights = {
        at: HIGHEST // 2 if not reach else (close - low) * HIGHEST // reach for at, close in closes.items()
    }
    return " ".join(str(heights.get(at, "-")) for at in range(HOURS))


class Sparklines:
    """The sparklines of all venues. Thread-safe; ``rows`` is replaced, never changed in place."""

    def __init__(self, clock: Callable[[], float] = time.monotonic, spacing: float = _SPACING_S) -> None:
        self.rows: Mapping[Key, str] = {}
        self._clock = clock
        self._spacing = spacing
        self._lock = threading.Lock()
        self._listed: dict[Venue, Mapping[str, Instrument]] = {}
        self._in_view: dict[Key, float] = {}  # until when
        self._due: dict[Key, float] = {}  # when a symbol is requested again
        self._stop = threading.Event()
        self._threads: list[SupervisedThread] = []

    @property
    def has_venues(self) -> bool:
        """Whether any venue has sparklines."""
        return bool(self._listed)

    def add(self, venue: Venue, source: HourSource, instruments: Mapping[str, Instrument]) -> None:
        """Add a venue, before ``start``. ``instruments`` always holds its current listing."""
        self._listed[venue] = instruments
        self._threads.append(
            SupervisedThread(lambda: self._run(venue, source), name=f"{venue}-days", stopping=self._stop)
        )

    def start(self) -> None:
        """Start the venues' threads."""
        for thread in self._threads:
            thread.start()

    def stop(self, wait: float = 0.5) -> None:
        """Stop; a request under way is waited for ``wait`` seconds at most."""
        self._stop.set()
        for thread in self._threads:
            if thread.is_alive():
                thread.join(wait)

    def look(self, keys: Iterable[Key]) -> None:
        """A page has these symbols in view now; unlisted ones are left out."""
        now = self._clock()
        with self._lock:
            self._in_view = {key: until for key, until in self._in_view.items() if until > now}
            for venue, symbol in keys:
                if symbol in self._listed.get(venue, {}):
                    self._in_view[venue, symbol] = now + _IN_VIEW_S

    def ask_next(self, venue: Venue, source: HourSource) -> bool:
        """Request the symbol in view that has waited longest; False where none is due. Raises RestError."""
        instrument = self._next(venue)
        if instrument is None or source.is_busy():
            return False
        try:
            line = sparkline(source.hours(instrument, HOURS))
        except (RestError, ValueError) as error:
            if isinstance(error, RestError) and error.status != _BAD_REQUEST:
                raise  # the venue failed, not this symbol
            log.warning("%s: cannot fetch hourly klines of %s: %s", venue, instrument.symbol, error)
            line = None
        key = venue, instrument.symbol
        with self._lock:
            self._due[key] = self._clock() + FRESH_S
            others = {each: text for each, text in self.rows.items() if each != key}
            self.rows = others if line is None else {**others, key: line}
        return True

    def _next(self, venue: Venue) -> Instrument | None:
        now = self._clock()
        with self._lock:
            waiting = [
                (self._due.get(key, 0.0), key[1])
                for key, until in self._in_view.items()
                if key[0] is venue and until > now and self._due.get(key, 0.0) <= now
            ]
        return self._listed[venue].get(min(waiting)[1]) if waiting else None

    def _run(self, venue: Venue, source: HourSource) -> None:
        backoff = Backoff(*_BACKOFF_S)
        wait = self._spacing
        while not self._stop.wait(wait):
            try:
                wait = self._spacing
                if self.ask_next(venue, source):
                    backoff.reset()
            except RestError as error:
                wait = backoff.next()
                log.info("%s: no sparkline: %s", venue, error)
