"""Instruments and candles by hand, for the builders of the page."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from decimal import Decimal
from typing import Any

import numpy as np
import pytest

from orderflow_dash.footprint.candle import Candle
from orderflow_dash.market import Grid, Instrument, Venue
from tests.candles import MINUTE, NOON, make_candle

__all__ = ["GRID", "MINUTE", "NOON"]

GRID = Grid.of(Decimal("0.1"), Decimal("0.001"))


@pytest.fixture
def instrument() -> Instrument:
    return Instrument(Venue.DEMO, "BTCUSDT", "BTC", "USDT", Decimal("0.1"), Decimal("0.001"))


@pytest.fixture
def candle() -> Callable[..., Candle]:
    """Makes the candle of a minute after noon at one price, with empty levels; volumes in lots."""

    def make(
        minute: int = 0,
        bid: int = 1000,
        ask: int = 2000,
        levels: int = 3,
        close: int = 970_000,
        turnover: Sequence[Sequence[int]] = (),
        **fields: Any,
    ) -> Candle:
        totals = {"bid": bid, "ask": ask, "cvd": 1000, "n": levels, "min_delta": 0, "max_delta": 0}
        prices = dict.fromkeys(("open", "high", "low", "close", "poc"), close)
        quote = np.array(turnover, dtype=np.int64).reshape(-1, 2)
        more = {**totals, **prices, "rev": minute, "turnover": quote, "grid": GRID}
        return make_candle(NOON + minute * MINUTE, [(0, 0, 0, 0)] * levels, **more | fields)

    return make
