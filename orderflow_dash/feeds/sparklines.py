"""The day of a symbol as a line: the hourly closes of the venue's own klines, for symbols in view.

No venue tells the day of its whole market at once, and a request for each of 500 symbols would be a burden.
So only what somebody has in view is asked for, one request at a time and a few a second for each venue, again
after minutes, and not while the venue's budget is needed for what is missing. A symbol that cannot be asked
for has no line.
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
HIGHEST: Final = 100  # a line's heights go from 0 to this
FRESH_S: Final = 300.0  # so long a line is good
_IN_VIEW_S: Final = 5.0  # so long a symbol counts as in view after a page said so
_SPACING_S: Final = 0.25  # between two requests to a venue
_BACKOFF_S: Final = 2.0, 60.0
_BAD_REQUEST: Final = 400

Key = tuple[Venue, str]


class HourSource(Protocol):
    """Where a venue's hourly klines come from. Requests raise RestError or ValueError."""

    def is_busy(self) -> bool:
        """Whether what is left of the venue's budget should be left to others."""

    def hours(self, instrument: Instrument, count: int) -> list[Kline]:
        """The newest hours, old to new; the last is under way."""


def sparkline(hours: Sequence[Kline]) -> str | None:
    """Heights of the closes of the 24 hours that end with the last: 0 to 100, "-" for an hour not told.

    None where there are fewer than two: a point is no line.
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
    """The lines of all venues' symbols. Thread-safe; ``rows`` is replaced, never changed in place."""

    def __init__(self, clock: Callable[[], float] = time.monotonic, spacing: float = _SPACING_S) -> None:
        self.rows: Mapping[Key, str] = {}
        self._clock = clock
        self._spacing = spacing
        self._lock = threading.Lock()
        self._listed: dict[Venue, Mapping[str, Instrument]] = {}
        self._in_view: dict[Key, float] = {}  # until when
        self._due: dict[Key, float] = {}  # when what was asked for is old
        self._stop = threading.Event()
        self._threads: list[SupervisedThread] = []

    @property
    def has_venues(self) -> bool:
        """Whether any venue is asked at all."""
        return bool(self._listed)

    def add(self, venue: Venue, source: HourSource, instruments: Mapping[str, Instrument]) -> None:
        """Ask a venue too; before ``start``. ``instruments`` is what it lists, always the present state."""
        self._listed[venue] = instruments
        self._threads.append(
            SupervisedThread(lambda: self._run(venue, source), name=f"{venue}-days", stopping=self._stop)
        )

    def start(self) -> None:
        """Begin to ask."""
        for thread in self._threads:
            thread.start()

    def stop(self, wait: float = 0.5) -> None:
        """End; a request under way is waited for so many seconds and then left to end by itself."""
        self._stop.set()
        for thread in self._threads:
            if thread.is_alive():
                thread.join(wait)

    def look(self, keys: Iterable[Key]) -> None:
        """Somebody has these symbols in view now; unlisted ones are left out."""
        now = self._clock()
        with self._lock:
            self._in_view = {key: until for key, until in self._in_view.items() if until > now}
            for venue, symbol in keys:
                if symbol in self._listed.get(venue, {}):
                    self._in_view[venue, symbol] = now + _IN_VIEW_S

    def ask_next(self, venue: Venue, source: HourSource) -> bool:
        """Ask for the one symbol in view that waits longest; False where none does. Raises RestError."""
        instrument = self._next(venue)
        if instrument is None or source.is_busy():
            return False
        try:
            line = sparkline(source.hours(instrument, HOURS))
        except (RestError, ValueError) as error:
            if isinstance(error, RestError) and error.status != _BAD_REQUEST:
                raise  # the venue, and not this symbol
            log.warning("%s: no hours of %s: %s", venue, instrument.symbol, error)
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
                log.info("%s: no line of the day: %s", venue, error)
