"""Candles of every interval, for REST and streams of both venues: from the tape's minutes and, by the
hour, from the day before it."""

from __future__ import annotations

from collections.abc import Iterable

from orderflow_dash.market import HOUR_MS
from orderflow_dash.simulator.market.source import Listing, Market
from orderflow_dash.simulator.market.tape import TapeCandle, joined


def candles(
    market: Market, listing: Listing, interval_ms: int, start_ms: int | None, end_ms: int | None, limit: int
) -> list[TapeCandle]:
    """Candles old to new, up to the current one: the oldest ``limit`` from a start, else the newest.

    Without trades the last close continues with zero volume, as on both venues.
    """
    found = _traded(market, listing, interval_ms, start_ms, end_ms, limit)
    if start_ms is not None and len(found) >= limit:
        return found
    until = market.now() if end_ms is None else min(end_ms, market.now())
    last = found or _traded(market, listing, interval_ms, None, until, 1)
    if not last:
        return []
    low, high = last[-1].start + interval_ms, until - until % interval_ms
    if start_ms is None:
        low = max(low, high - (limit - 1) * interval_ms)
    else:
        low = max(low, -(-start_ms // interval_ms) * interval_ms)
        high = min(high, low + (limit - len(found) - 1) * interval_ms)
    found += [last[-1].silent(start) for start in range(low, high + 1, interval_ms)]
    return found[-limit:]


def _traded(
    market: Market, listing: Listing, interval_ms: int, start_ms: int | None, end_ms: int | None, limit: int
) -> list[TapeCandle]:
    """The same, up to the last candle with a trade."""
    tape = market.tape(listing)
    # Minutes that the tape dropped lie between it and the day before.
    earlier = [] if interval_ms % HOUR_MS or tape.has_dropped else market.hours_before(listing)
    if not earlier:
        return tape.candles(interval_ms, start_ms, end_ms, limit)
    low = None if start_ms is None else -(-start_ms // interval_ms) * interval_ms
    high = None if end_ms is None else end_ms - end_ms % interval_ms + interval_ms - HOUR_MS
    hours = [
        hour
        for hour in earlier
        if (low is None or hour.start >= low) and (high is None or hour.start <= high)
    ]
    hours += tape.candles(HOUR_MS, low, high, limit * interval_ms // HOUR_MS)
    found = _merged(hours, interval_ms)
    return found[-limit:] if start_ms is None else found[:limit]


def _merged(parts: Iterable[TapeCandle], interval_ms: int) -> list[TapeCandle]:
    found: list[TapeCandle] = []
    for part in parts:
        start = part.start - part.start % interval_ms
        if found and found[-1].start == start:
            found[-1] = joined(found[-1], part)
            continue
        while found and found[-1].start + interval_ms < start:
            found.append(found[-1].silent(found[-1].start + interval_ms))
        found.append(part._replace(start=start))
    return found
