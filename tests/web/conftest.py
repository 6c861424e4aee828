"""Instruments and candles by hand, for the builders of the page."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from decimal import Decimal

import numpy as np
import pytest

from orderflow_dash.footprint.candle import Candle
from orderflow_dash.market import Difference, Grid, Instrument, Quality, Venue

MINUTE = 60_000
GRID = Grid.of(Decimal("0.1"), Decimal("0.001"))
NOON = 1_767_268_800_000  # 1 Jan 2026 12:00 UTC


@pytest.fixture
def instrument() -> Instrument:
    return Instrument(Venue.DEMO, "BTCUSDT", "BTC", "USDT", Decimal("0.1"), Decimal("0.001"))


@pytest.fixture
def candle() -> Callable[..., Candle]:
    """Makes the candle of a minute after noon; volumes in lots."""

    def make(
        minute: int = 0,
        bid: int = 1000,
        ask: int = 2000,
        cvd: int = 1000,
        levels: int = 3,
        closed: bool = True,
        quality: Quality = Quality.COMPLETE,
        close: int = 970_000,
        verified: bool | None = None,
        difference: Difference | None = None,
        turnover: Sequence[Sequence[int]] = (),
        quote_cvd: int = 0,
    ) -> Candle:
        return Candle(
            open_ts=NOON + minute * MINUTE,
            open=close,
            high=close,
            low=close,
            close=close,
            bid=bid,
            ask=ask,
            cvd=cvd,
            n=levels,
            min_delta=0,
            max_delta=0,
            poc=close,
            levels=np.zeros((levels, 4), dtype=np.int64),
            closed=closed,
            quality=quality,
            rev=minute,
            verified=verified,
            difference=difference,
            turnover=np.array(turnover, dtype=np.int64).reshape(-1, 2),
            quote_cvd=quote_cvd,
            grid=GRID,
        )

    return make
