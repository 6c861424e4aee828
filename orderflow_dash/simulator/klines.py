"""Candles as both venues' REST tells them: from the tape and, by the hour, from the day before it."""

from __future__ import annotations

from orderflow_dash.market import HOUR_MS

from .source import Listing, Market
from .tape import Candle


def candles(
    market: Market, listing: Listing, interval_ms: int, start_ms: int | None, end_ms: int | None, limit: int
) -> list[Candle]:
    """Candles old to new: the oldest ``limit`` from a start, else the newest."""
    found = market.tape(listing).candles(interval_ms, start_ms, end_ms, limit)
    if interval_ms != HOUR_MS:
        return found
    earlier = [
        hour
        for hour in market.hours_before(listing)
        if (start_ms is None or hour.start >= start_ms) and (end_ms is None or hour.start <= end_ms)
    ]
    both = earlier + found
    return both[-limit:] if start_ms is None else both[:limit]
