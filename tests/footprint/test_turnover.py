"""Quote volumes and CVD in quote: sums over every trade at its own price, whatever the step."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from orderflow_dash.footprint.candle import CandleBuilder, with_turnover
from orderflow_dash.footprint.hourly import HourlyLevels
from orderflow_dash.footprint.series import Series
from orderflow_dash.indicators.session_cvd import SessionStart, session_starts
from orderflow_dash.market import DAY_MS, HOUR_MS, MINUTE_MS, Timeframe, Trade
from tests.footprint.reference import START, nearest_level, ordered_trades, quantities, wild_trades

steps = st.sampled_from([1, 3, 10])
MIDNIGHT = START // DAY_MS * DAY_MS


def candles_of(series: Series, timeframe: Timeframe, step: int):
    """All candles, old to new."""
    builder = CandleBuilder(series, timeframe, step)
    opens = {minute.open_ts // timeframe.ms * timeframe.ms for minute in series.minutes()}
    return [builder.build(open_ts) for open_ts in sorted(opens)]


def quote(trades: list[Trade]) -> int:
    """What buyers paid less what sellers got."""
    return sum(price * quantity for _, _, price, quantity in trades)


@given(wild_trades, steps, st.sampled_from([Timeframe.M1, Timeframe.M5, Timeframe.H1]))
def test_turnover_and_cvd_in_quote_are_sums_over_trades(trades, step, timeframe):
    """In any order of trades, one by one, at any step and timeframe, level by level."""
    series = Series()
    for trade in trades:
        series.apply([trade])
    known = series.minutes()[0].open_ts
    for candle in candles_of(series, timeframe, step):
        own = [trade for trade in trades if 0 <= trade[0] - candle.open_ts < timeframe.ms]
        for (level, *_), paid in zip(candle.levels.tolist(), candle.turnover.tolist(), strict=True):
            there = [trade for trade in own if nearest_level(trade[2], step) == level]
            assert paid == [
                -quote([trade for trade in there if trade[3] < 0]),
                quote([trade for trade in there if trade[3] > 0]),
            ]
        assert candle.quote_delta == quote(own) == candle.quote_ask - candle.quote_bid
        end = candle.open_ts + timeframe.ms
        assert candle.quote_cvd == quote([trade for trade in trades if known <= trade[0] < end])


@given(ordered_trades(longest_gap=20 * MINUTE_MS))
def test_dropping_old_hours_never_shifts_cvd_in_quote(trades):
    """A short window has the figures of an endless one; so do batches."""
    endless, short, batch = Series(10_000), Series(5), Series(10_000)
    endless.apply(trades)
    short.apply(trades)
    batch.apply_arrays(*(np.array(column) for column in zip(*trades, strict=True)))
    expected = {candle.open_ts: candle.quote_cvd for candle in candles_of(endless, Timeframe.M1, 1)}
    assert {c.open_ts: c.quote_cvd for c in candles_of(batch, Timeframe.M1, 1)} == expected
    for candle in candles_of(short, Timeframe.M1, 1):
        assert candle.quote_cvd == expected[candle.open_ts]
    assert short.quote_from == endless.quote_from


def test_a_late_trade_of_a_dropped_minute_shifts_quote_cvd():
    """As it shifts CVD in base."""
    series = Series(1)
    series.apply([(START, 1, 100, 1), (START + HOUR_MS, 2, 100, 1), (START + 2 * HOUR_MS, 3, 100, 1)])
    before = candles_of(series, Timeframe.M1, 1)[-1].quote_cvd
    series.apply([(START + 1, 9, 50, -3)])
    assert candles_of(series, Timeframe.M1, 1)[-1].quote_cvd == before - 150


def test_turnover_leaves_64_bits_where_it_must():
    """A huge price times a huge volume is still exact."""
    huge = with_turnover(np.array([[10**12, 10**15, 3, 1]], dtype=np.int64))
    assert huge[0, 4:].tolist() == [10**27, 3 * 10**12]


@given(
    st.lists(st.tuples(st.integers(0, 30 * 60), st.integers(1, 50), quantities), min_size=1),
    st.sampled_from([1, 30, 200]),
)
def test_a_session_counts_from_its_midnight(moments, window):
    """From candles, minutes in memory or hourly levels: always the same sum."""
    moments = sorted(moments)
    trades = [
        (MIDNIGHT + minute * MINUTE_MS, number, price, quantity)
        for number, (minute, price, quantity) in enumerate(moments)
    ]
    hourly = HourlyLevels()
    series = Series(window, on_evict=hourly.take_over)
    series.apply(trades)
    candles = candles_of(series, Timeframe.M1, 1)[-4:]
    starts = session_starts(candles, series, hourly)
    for candle in candles:
        midnight = candle.open_ts // DAY_MS * DAY_MS
        own = [trade for trade in trades if midnight <= trade[0] < candle.open_ts + MINUTE_MS]
        if midnight not in starts:  # yesterday's first hours may have left the hourly levels
            assert midnight < candles[-1].open_ts // DAY_MS * DAY_MS
            continue
        start = starts[midnight]
        assert candle.cvd - start.cvd == sum(trade[3] for trade in own)
        assert candle.quote_cvd - start.quote_cvd == quote(own)


def test_a_session_start_has_its_first_known_ms():
    """From the first trade of a stream that started inside it."""
    series = Series()
    series.apply([(MIDNIGHT + 5 * HOUR_MS + 7, 1, 10, 2), (MIDNIGHT + 6 * HOUR_MS, 2, 10, 3)])
    candles = candles_of(series, Timeframe.M1, 1)
    starts = session_starts(candles[1:], series, HourlyLevels())
    assert starts == {MIDNIGHT: SessionStart(0, 0, MIDNIGHT + 5 * HOUR_MS + 7)}
    assert session_starts([], series, HourlyLevels()) == {}
