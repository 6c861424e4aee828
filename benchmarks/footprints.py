"""Footprints to draw: messages of ``/ws/orderflow`` with a given number of candles and levels."""

from __future__ import annotations

import numpy as np

from benchmarks.tape import INSTRUMENT, START_MS
from orderflow_dash.footprint.candle import Candle
from orderflow_dash.footprint.measures import point_of_control
from orderflow_dash.market import Quality, Timeframe
from orderflow_dash.wire import Encoder

_STEP = 5  # ticks
_BASE = 834_345  # ticks


class Footprints:
    """One-minute candles with a fixed number of levels; every level has trades of both sides."""

    def __init__(self, candles: int, levels: int) -> None:
        self._candles = candles
        self._levels = levels
        self._encoder = Encoder(INSTRUMENT, Timeframe.M1, _STEP * INSTRUMENT.tick, INSTRUMENT.grid)

    def snapshot(self) -> str:
        """All candles, the last one live."""
        encoded = [self._encoder.candle(self._candle(number, 1)) for number in range(self._candles)]
        return self._encoder.snapshot(encoded, START_MS, START_MS)

    def delta(self, revision: int) -> str:
        """The last candle with other volumes."""
        candle = self._candle(self._candles - 1, revision)
        return self._encoder.delta(self._encoder.candle(candle), START_MS)

    def _candle(self, number: int, revision: int) -> Candle:
        random = np.random.default_rng((number, revision))
        prices = (_BASE + _STEP * (np.arange(self._levels)[::-1] + number % 7)).astype(np.int64)
        volumes = np.ceil(random.pareto(1.2, (self._levels, 2)) * 80).clip(1, 900_000).astype(np.int64)
        count = random.integers(1, 90, self._levels)
        levels = np.column_stack([prices, volumes, count])
        bid, ask = volumes.sum(axis=0).tolist()
        return Candle(
            open_ts=START_MS + number * Timeframe.M1.ms,
            open=int(prices[self._levels // 3]),
            high=int(prices[0]),
            low=int(prices[-1]),
            close=int(prices[self._levels // 2]),
            bid=bid,
            ask=ask,
            cvd=ask - bid,
            n=int(count.sum()),
            min_delta=min(0, ask - bid),
            max_delta=max(0, ask - bid),
            poc=point_of_control(levels),
            levels=levels,
            closed=number < self._candles - 1,
            quality=Quality.COMPLETE,
            rev=revision,
        )
