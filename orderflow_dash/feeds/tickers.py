"""Tickers of all venues, for the symbol table."""

from __future__ import annotations

import threading
from collections.abc import Iterable
from dataclasses import fields, replace

from orderflow_dash.market import Ticker, Venue

_FIELDS = tuple(field.name for field in fields(Ticker) if field.name != "symbol")


class TickerCache:
    """The newest ticker of every listed symbol, merged from partial updates. Thread-safe."""

    def __init__(self) -> None:
        self.revision = 0
        self.rows: dict[tuple[Venue, str], Ticker] = {}
        self._lock = threading.Lock()

    def update(self, venue: Venue, tickers: Iterable[Ticker], listed: Iterable[str]) -> None:
        """Merge partial updates; unlisted symbols are left out. None means unknown."""
        symbols = set(listed)
        with self._lock:
            rows = dict(self.rows)  # readers keep the one they have
            for ticker in tickers:
                if ticker.symbol in symbols:
                    key = venue, ticker.symbol
                    rows[key] = _merged(rows.get(key), ticker)
            self.rows = rows
            self.revision += 1


def _merged(known: Ticker | None, update: Ticker) -> Ticker:
    if known is None:
        return update
    changed = {name: getattr(update, name) for name in _FIELDS if getattr(update, name) is not None}
    return replace(known, **changed)
