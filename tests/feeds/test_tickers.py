"""The newest ticker of every listed symbol."""

from __future__ import annotations

from decimal import Decimal

from orderflow_dash.feeds.tickers import TickerCache
from orderflow_dash.market import Ticker, Venue


def test_partial_updates_are_merged():
    """Fields that are not in the frame keep their value."""
    tickers = TickerCache()
    tickers.update(Venue.BYBIT, [Ticker("A", last=Decimal(1), funding=Decimal(2), time=3)], ["A"])
    before, revision = tickers.rows, tickers.revision
    tickers.update(Venue.BYBIT, [Ticker("A", last=Decimal(5), time=4)], ["A"])
    assert tickers.rows[Venue.BYBIT, "A"] == Ticker("A", Decimal(5), funding=Decimal(2), time=4)
    assert tickers.revision > revision
    assert before[Venue.BYBIT, "A"].last == 1  # a reader keeps what it has


def test_unlisted_symbols_are_left_out_and_venues_stay_apart():
    """The table shows what a venue lists, under its own name."""
    tickers = TickerCache()
    tickers.update(Venue.BYBIT, [Ticker("A"), Ticker("B")], {"A": None})
    assert set(tickers.rows) == {(Venue.BYBIT, "A")}
    assert tickers.rows.get((Venue.BINANCE, "A")) is None
