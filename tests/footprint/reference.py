"""What footprints are, in plain dicts and obvious code: the oracle of the property tests."""

from __future__ import annotations

from dataclasses import dataclass, field
from fractions import Fraction
from itertools import pairwise
from math import floor

from hypothesis import strategies as st

from orderflow_dash.footprint.candle import Candle
from orderflow_dash.footprint.minute import Minute
from orderflow_dash.footprint.series import Series
from orderflow_dash.market import HOUR_MS, Trade

START = 1_790_000_000_000 // HOUR_MS * HOUR_MS


@dataclass
class PlainCandle:
    """One candle as the definitions say, computed from its trades in the venue's order."""

    levels: dict[int, list[int]] = field(default_factory=dict)
    prices: list[int] = field(default_factory=list)
    running: list[int] = field(default_factory=lambda: [0])

    def add(self, price: int, quantity: int, level: int) -> None:
        """Count one trade."""
        row = self.levels.setdefault(level, [0, 0, 0])
        row[1 if quantity > 0 else 0] += abs(quantity)
        row[2] += 1
        self.prices.append(price)
        self.running.append(self.running[-1] + quantity)


def nearest_level(price: int, step: int) -> int:
    """The nearest multiple of ``step``, ties up."""
    return floor(Fraction(price, step) + Fraction(1, 2)) * step


def plain_candles(trades: list[Trade], timeframe_ms: int, step: int = 1) -> dict[int, PlainCandle]:
    """Candles by open, old to new; trades in the venue's order."""
    candles: dict[int, PlainCandle] = {}
    for time, _, price, quantity in trades:
        open_ts = time - time % timeframe_ms
        candles.setdefault(open_ts, PlainCandle()).add(price, quantity, nearest_level(price, step))
    return dict(sorted(candles.items()))


def poc_of(levels: dict[int, list[int]]) -> int:
    """Most volume; then nearest the middle of the range; then lower."""
    middle = Fraction(min(levels) + max(levels), 2)
    return min(levels, key=lambda p: (-(levels[p][0] + levels[p][1]), abs(p - middle), p))


def rows(levels: dict[int, list[int]]) -> list[list[int]]:
    """Levels as the product has them: high to low."""
    return [[price, *levels[price]] for price in sorted(levels, reverse=True)]


def state_of(minute: Minute) -> dict[str, object]:
    """All figures of a minute."""
    path = minute.path()
    return {
        "open_ts": minute.open_ts,
        "levels": minute.level_array().tolist(),
        "open": path.open,
        "close": path.close,
        "high": minute.high,
        "low": minute.low,
        "delta": minute.delta,
        "min_delta": path.min_delta,
        "max_delta": path.max_delta,
        "cvd_before": minute.cvd_before,
        "cvd": minute.cvd,
    }


def states_of(series: Series) -> list[dict[str, object]]:
    """All minutes of a series, old to new."""
    return [state_of(minute) for minute in series.minutes()]


def assert_is(candle: Candle, plain: PlainCandle, cvd: int) -> None:
    """A candle is what the definitions say, to the last unit."""
    assert candle.levels.tolist() == rows(plain.levels)
    assert (candle.open, candle.close) == (plain.prices[0], plain.prices[-1])
    assert (candle.high, candle.low) == (max(plain.prices), min(plain.prices))
    assert candle.bid == sum(bid for bid, _, _ in plain.levels.values())
    assert candle.ask == sum(ask for _, ask, _ in plain.levels.values())
    assert candle.delta == candle.ask - candle.bid == plain.running[-1]
    assert (candle.min_delta, candle.max_delta) == (min(plain.running), max(plain.running))
    assert candle.n == len(plain.prices)
    assert candle.poc == poc_of(plain.levels)
    assert candle.cvd == cvd


def assert_whole(series: Series) -> None:
    """What holds for any sequence of trades: CVD steps equal deltas, extremes hold, order is kept."""
    minutes = series.minutes()
    opens = [minute.open_ts for minute in minutes]
    assert opens == sorted(set(opens))
    for before, minute in pairwise(minutes):
        assert minute.cvd_before == before.cvd
        assert minute.revision >= before.revision
    for minute in minutes:
        levels = minute.level_array()
        prices = levels[:, 0].tolist()
        path = minute.path()
        assert prices == sorted(set(prices), reverse=True)
        assert int(levels[:, 2].sum() - levels[:, 1].sum()) == minute.delta == path.delta
        assert path.min_delta <= min(0, minute.delta)
        assert path.max_delta >= max(0, minute.delta)
        assert minute.low <= min(path.open, path.close)
        assert minute.high >= max(path.open, path.close)


quantities = st.integers(-1_000, 1_000).filter(bool)
prices = st.integers(1, 60)


@st.composite
def ordered_trades(draw: st.DrawFn, most: int = 60, longest_gap: int = 90_000) -> list[Trade]:
    """Trades in the venue's order with ids that rise by one; equal times and empty minutes occur."""
    gaps = draw(
        st.lists(st.one_of(st.integers(0, 3), st.integers(0, longest_gap)), min_size=1, max_size=most)
    )
    trades = []
    time = START + draw(st.integers(0, HOUR_MS))
    first = draw(st.integers(1, 1_000))
    for number, gap in enumerate(gaps):
        time += gap
        trades.append((time, first + number, draw(prices), draw(quantities)))
    return trades


wild_trades = st.lists(
    st.tuples(
        st.integers(0, 40).map(lambda step: START + step * 7_501),
        st.integers(0, 30),
        prices,
        quantities,
    ),
    min_size=1,
    max_size=60,
)
"""Trades in any order: late, repeated times, repeated orders, many minutes."""
