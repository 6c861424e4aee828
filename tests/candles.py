"""Candles by hand."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from orderflow_dash.footprint.candle import Candle
from orderflow_dash.market import Quality

MINUTE = 60_000
NOON = 1_767_268_800_000  # 1 Jan 2026 12:00 UTC

Row = tuple[int, int, int, int]  # price in ticks, bid and ask in lots, trades


def make_candle(open_ts: int = NOON, rows: Sequence[Row] = ((100, 2, 3, 4),), **fields: Any) -> Candle:
    """A closed candle of levels from high to low; ``fields`` override what follows from the levels."""
    levels = np.array(rows, dtype=np.int64).reshape(-1, 4)
    prices = levels[:, 0].tolist() or [100]
    _, bid, ask, n = levels.sum(axis=0).tolist()
    made = {
        "open_ts": open_ts,
        "open": prices[0],
        "high": prices[0],
        "low": prices[-1],
        "close": prices[-1],
        "bid": bid,
        "ask": ask,
        "cvd": ask - bid,
        "n": n,
        "min_delta": min(0, ask - bid),
        "max_delta": max(0, ask - bid),
        "poc": prices[0],
        "levels": levels,
        "closed": True,
        "quality": Quality.COMPLETE,
        "rev": 1,
    }
    return Candle(**made | fields)
