"""Candles of any timeframe and step from stored minutes and hours."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from itertools import groupby, zip_longest

import numpy as np

from orderflow_dash.footprint.candle import Candle, level_of, with_turnover
from orderflow_dash.footprint.measures import point_of_control
from orderflow_dash.footprint.minute import Ints, Levels
from orderflow_dash.market import MINUTE_MS, Grid, Quality, Timeframe
from orderflow_dash.store.minutes import StoredMinute, combine, common_grid


def stored_candles(kept: Sequence[StoredMinute], timeframe: Timeframe, step: Decimal) -> list[Candle]:
    """Closed candles, old to new, from minutes, or for ``1h`` from hours, including those without levels.

    ``step``: in quote currency.

    A candle without its last minutes is a gap if the next one starts with a gap, because trades are missing
    up to there.
    """
    groups = [
        (open_ts, list(group))
        for open_ts, group in groupby(kept, key=lambda each: each.open_ts // timeframe.ms * timeframe.ms)
    ]
    if not kept:
        return []
    grid = common_grid(kept, Grid.of(step, kept[0].grid.quantity.value))
    units = grid.price.count(step)
    candles = []
    for (open_ts, parts), (_, after) in zip_longest(groups, groups[1:], fillvalue=(0, [])):
        whole = parts[0] if len(parts) == 1 else combine(parts)
        if whole.levels_dropped:
            continue
        candle = _candle(open_ts, whole.on(grid), units)
        is_complete = whole.last[0] >= open_ts + timeframe.ms - MINUTE_MS
        lacks_end = not is_complete and bool(after) and after[0].quality is Quality.GAP
        candles.append(candle.no_better_than(Quality.GAP) if lacks_end else candle)
    return candles


def _candle(open_ts: int, whole: StoredMinute, step: int) -> Candle:
    rows = _rows(whole.levels, step)
    levels: Levels = rows[:, :4].astype(np.int64, copy=False)
    bid, ask, n = (int(column.sum()) for column in levels.T[1:])
    return Candle(
        open_ts=open_ts,
        open=whole.open,
        high=int(whole.levels[0, 0]),
        low=int(whole.levels[-1, 0]),
        close=whole.close,
        bid=bid,
        ask=ask,
        cvd=whole.cvd,
        n=n,
        min_delta=whole.min_delta,
        max_delta=whole.max_delta,
        poc=point_of_control(levels),
        levels=levels,
        closed=True,
        quality=whole.quality,
        rev=0,
        verified=whole.verified,
        grid=whole.grid,
        turnover=rows[:, 4:],
    )


def _rows(levels: Levels, step: int) -> Ints:
    """One ladder with turnovers, shape (k, 6), rows of ``step`` price units.

    ``levels`` fall in price, so no sort is needed.
    """
    ladder = with_turnover(levels)
    if step == 1:
        return ladder
    prices = level_of(levels[:, 0], step)
    starts = np.flatnonzero(np.concatenate(([True], prices[1:] != prices[:-1])))
    columns = np.empty((6, len(starts)), dtype=ladder.dtype)
    columns[0] = prices[starts]
    np.add.reduceat(ladder.T[1:], starts, axis=1, out=columns[1:])
    return columns.T
