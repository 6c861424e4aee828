"""Minutes from arrays of trades: the same result as ``Series`` trade by trade, much faster."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from orderflow_dash.footprint.minute import Ints, Levels, Run
from orderflow_dash.market import MINUTE_MS

_EXACT = 1 << 53  # float64 sums are exact below it
_DENSE = 1 << 16  # widest price span, in ticks, that is counted in a dense table


def batch_minutes(time: Ints, order: Ints, price: Ints, quantity: Ints) -> Iterator[tuple[int, Levels, Run]]:
    """Cut trades in the venue's order, shape (n,) each and n > 0, into minutes, old to new.

    Yields open (ms), levels and path of each minute that has trades.
    """
    start = 0
    while start < len(time):
        open_ts = int(time[start]) // MINUTE_MS * MINUTE_MS
        # Most minutes end within a few thousand trades: gallop instead of searching the whole rest.
        reach = 1024
        while start + reach < len(time) and time[start + reach] < open_ts + MINUTE_MS:
            reach *= 2
        end = start + int(np.searchsorted(time[start : start + reach + 1], open_ts + MINUTE_MS))
        columns = time[start:end], order[start:end], price[start:end], quantity[start:end]
        yield open_ts, _levels(*columns[2:]), _run(*columns)
        start = end


def _run(time: Ints, order: Ints, price: Ints, quantity: Ints) -> Run:
    run = Run(int(time[0]), int(order[0]), int(price[0]))
    delta = np.cumsum(quantity)
    run.last_time, run.last_order, run.close = int(time[-1]), int(order[-1]), int(price[-1])
    run.delta = int(delta[-1])
    run.min_delta = min(0, int(delta.min()))
    run.max_delta = max(0, int(delta.max()))
    return run


def _levels(price: Ints, quantity: Ints) -> Levels:
    low, high = int(price.min()), int(price.max())
    volume = np.abs(quantity)
    if high - low < _DENSE and int(volume.max()) * len(volume) < _EXACT:
        return _dense_levels(price - low, quantity, volume, low)
    return _sorted_levels(price, quantity)


def _dense_levels(offset: Ints, quantity: Ints, volume: Ints, low: int) -> Levels:
    n = np.bincount(offset)
    both = np.bincount(offset, weights=volume)
    delta = np.bincount(offset, weights=quantity)
    used = np.flatnonzero(n)[::-1]
    levels = np.empty((len(used), 4), dtype=np.int64)
    levels[:, 0] = used + low
    levels[:, 1] = (both[used] - delta[used]) * 0.5
    levels[:, 2] = (both[used] + delta[used]) * 0.5
    levels[:, 3] = n[used]
    return levels


def _sorted_levels(price: Ints, quantity: Ints) -> Levels:
    rows = np.stack((price, np.maximum(-quantity, 0), np.maximum(quantity, 0), np.ones_like(price)), axis=1)
    return merge_rows(rows)


def merge_rows(rows: Levels) -> Levels:
    """Sum rows of the same price, shape (m, 4); high to low, shape (k, 4). Exact in int64."""
    if not len(rows):
        return rows
    rows = rows[np.argsort(-rows[:, 0], kind="stable")]
    starts = np.flatnonzero(np.concatenate(([True], rows[1:, 0] != rows[:-1, 0])))
    merged = np.add.reduceat(rows, starts, axis=0)
    merged[:, 0] = rows[starts, 0]
    return merged
