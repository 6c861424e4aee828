"""The rows of the symbol table that changed since a page's last poll.

One journal serves every page: it numbers each change of a row, and a page sends the last number it has seen.
So a poll costs the changed rows, not all rows.
"""

from __future__ import annotations

import threading
import uuid
from collections import OrderedDict
from collections.abc import Iterable, Mapping, Set
from typing import NamedTuple

from orderflow_dash.market import Instrument, Ticker, Venue
from orderflow_dash.web.symbols.rows import Row, symbol_row

RowKey = tuple[Venue, str]
NO_DAYS: Mapping[RowKey, str] = {}


class _RowSource(NamedTuple):
    """The data of a row."""

    instrument: Instrument
    ticker: Ticker | None
    live: bool
    day: str | None


class Cursor(NamedTuple):
    """A page's position in the journal: the generation of its symbol list, and the last change seen."""

    generation: str
    change: int


class TickerJournal:
    """The rows of all instruments in the order of their last change. Thread-safe."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._process = uuid.uuid4().hex[:8]
        self._listed: frozenset[RowKey] = frozenset()
        self._generation = 0
        self._change = 0
        self._seen: tuple[object, ...] = ()  # inputs of the current rows
        self._sources: dict[RowKey, _RowSource] = {}
        self._instruments: dict[RowKey, Instrument] = {}
        self._rows: OrderedDict[RowKey, tuple[int, Row]] = OrderedDict()

    def update(
        self,
        instruments: Iterable[Instrument],
        revision: int,
        tickers: Mapping[RowKey, Ticker],
        streamed: Set[RowKey] = frozenset(),
        days: Mapping[RowKey, str] = NO_DAYS,
    ) -> None:
        """Update the rows from the listed instruments, the tickers, the streamed symbols and the sparklines.

        ``days`` is never changed in place: another mapping is another state.
        """
        with self._lock:
            listed = {(instrument.venue, instrument.symbol): instrument for instrument in instruments}
            if listed.keys() != self._listed:
                self._relist(listed)
            elif listed != self._instruments:  # another tick, or no longer pre-market
                self._instruments, self._seen = listed, ()
            state = revision, self._generation, streamed, days
            if self._seen[:3] == state[:3] and self._seen[3] is days:
                return
            for key, instrument in self._instruments.items():
                source = _RowSource(instrument, tickers.get(key), key in streamed, days.get(key))
                if source != self._sources.get(key):
                    self._sources[key] = source
                    self._change += 1
                    self._rows[key] = (
                        self._change,
                        symbol_row(instrument, source.ticker, live=source.live, day=source.day),
                    )
                    self._rows.move_to_end(key)
            self._seen = state

    def all_rows(self) -> tuple[Cursor, list[Row]]:
        """Every row, and the cursor of a page that has them."""
        with self._lock:
            return self._cursor(self._change), [row for _, row in self._rows.values()]

    def changes(self, cursor: object, limit: int) -> tuple[Cursor, list[Row] | None]:
        """At most ``limit`` rows that changed after a cursor (as the browser sends it), oldest change first.

        None if the page must reload all rows: its symbol list or the process has changed.
        """
        with self._lock:
            seen = self._seen_change(cursor)
            if seen is None:
                return self._cursor(self._change), None
            changed = []
            for change, row in reversed(self._rows.values()):
                if change <= seen:
                    break
                changed.append((change, row))
            oldest = changed[::-1][:limit]
            return self._cursor(oldest[-1][0] if oldest else seen), [row for _, row in oldest]

    def _relist(self, listed: dict[RowKey, Instrument]) -> None:
        self._generation += 1
        self._listed = frozenset(listed)
        self._instruments = listed
        for key in self._rows.keys() - listed.keys():
            del self._rows[key], self._sources[key]

    def _cursor(self, change: int) -> Cursor:
        return Cursor(f"{self._process}.{self._generation}", change)

    def _seen_change(self, cursor: object) -> int | None:
        """The last change that a page has seen; None for a cursor of other rows."""
        match cursor:
            case [str(generation), int(change)] if generation == self._cursor(0).generation:
                return change
        return None
