"""Trades to measure with: a seeded walk of BTCUSDT at tick 0.1, as frames, tuples and arrays."""

from __future__ import annotations

from decimal import Decimal

import numpy as np

from orderflow_dash.footprint.minute import Ints
from orderflow_dash.market import Instrument, Venue

INSTRUMENT = Instrument(Venue.BINANCE, "BTCUSDT", "BTC", "USDT", Decimal("0.1"), Decimal("0.001"))
START_MS = 1_791_331_200_000
HOURS = 8


def arrays(trades: int) -> tuple[Ints, Ints, Ints, Ints]:
    """Time, order, price and quantity of ``trades`` trades over eight hours, shape (trades,) each."""
    random = np.random.default_rng(1)
    time = np.sort(random.integers(0, HOURS * 3_600_000, trades)) + START_MS
    order = np.arange(trades) + 3_478_018_549
    # Wide enough to touch several hundred levels a minute, as the live market does.
    price = 834_344 + np.cumsum(np.rint(random.normal(0, 9, trades)).astype(np.int64))
    quantity = np.ceil(random.pareto(1.2, trades) * 8).clip(1, 500_000).astype(np.int64)
    return time, order, price, quantity * random.choice((-1, 1), trades)


def frames(trades: int) -> list[bytes]:
    """The first of them as Binance's combined aggTrade frames."""
    price, lot = INSTRUMENT.grid.price.text, INSTRUMENT.grid.quantity.text
    rows = zip(*(column[:trades].tolist() for column in arrays(1_000_000)), strict=True)
    return [
        (
            f'{{"stream":"btcusdt@aggTrade","data":{{"e":"aggTrade","E":{time + 100},"a":{order}'
            f',"s":"BTCUSDT","p":"{price(ticks)}0","q":"{lot(abs(lots))}","nq":"{lot(abs(lots))}"'
            f',"f":{order * 2},"l":{order * 2 + 1},"T":{time},"m":{str(lots < 0).lower()},"st":1}}}}'
        ).encode()
        for time, order, ticks, lots in rows
    ]
