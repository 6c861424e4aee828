"""Candles of any timeframe and step equal what the definitions give from the raw trades."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from orderflow_dash.footprint.candle import CandleBuilder, bucket_levels, level_of
from orderflow_dash.footprint.series import Series
from orderflow_dash.market import HOUR_MS, MINUTE_MS, Quality, Timeframe
from tests.footprint.reference import START, assert_is, nearest_level, ordered_trades, plain_candles

steps = st.sampled_from([1, 2, 3, 4, 5, 7, 10, 25, 100])


@given(st.integers(0, 10**6), st.integers(1, 1_000))
def test_a_level_is_the_nearest_multiple_ties_up(price, step):
    """The level of a price is the nearest multiple of the step; halfway goes up."""
    assert int(level_of(np.array([price]), step)[0]) == nearest_level(price, step)


@given(ordered_trades(longest_gap=10 * MINUTE_MS), st.sampled_from(Timeframe), steps)
def test_every_timeframe_and_step_equals_the_reference(trades, timeframe, step):
    """Candles derived from minutes x ticks are those computed from the raw trades."""
    series = Series()
    series.apply(trades)
    builder = CandleBuilder(series, timeframe, step)
    plain = plain_candles(trades, timeframe.ms, step)
    cvd = 0
    for open_ts, expected in plain.items():
        cvd += expected.running[-1]
        candle = builder.build(open_ts)
        assert_is(candle, expected, cvd)
        assert candle.open_ts == open_ts
        assert candle.closed == (trades[-1][0] // MINUTE_MS * MINUTE_MS >= open_ts + timeframe.ms)


@given(ordered_trades(most=40, longest_gap=4 * MINUTE_MS), steps, st.data())
def test_a_builder_that_lives_on_equals_a_new_one(trades, step, data):
    """What a builder keeps of older minutes never outlives a late trade or a hole in them."""
    series = Series()
    kept = CandleBuilder(series, Timeframe.H1, step)
    late = data.draw(st.lists(st.sampled_from(trades), max_size=4))
    for trade in [*trades, *late]:
        series.apply([trade])
        if data.draw(st.booleans()):
            series.open_gap(trade[0], trade[0])
        for open_ts in {m.open_ts // HOUR_MS * HOUR_MS for m in series.minutes()}:
            lived, fresh = kept.build(open_ts), CandleBuilder(series, Timeframe.H1, step).build(open_ts)
            assert lived.levels.tolist() == fresh.levels.tolist()
            assert (lived.quality, lived.cvd, lived.rev) == (fresh.quality, fresh.cvd, fresh.rev)


@pytest.mark.parametrize(
    ("qualities", "expected"),
    [
        ("..", Quality.COMPLETE),
        ("p.", Quality.PARTIAL),
        (".r", Quality.REPAIRED),
        ("pr", Quality.PARTIAL),
        ("pg", Quality.GAP),
        ("rg", Quality.GAP),
    ],
)
def test_a_candle_is_as_good_as_its_worst_minute(qualities, expected):
    """Gap, then partial, then repaired, then complete."""
    series = Series()
    for n, quality in enumerate(qualities):
        time = START + n * MINUTE_MS + 1
        series.apply([(time, n, 100, 1)])
        minute = series.newest
        minute.partial, minute.repaired = quality == "p", quality == "r"
        if quality == "g":
            series.open_gap(time, time)
    assert CandleBuilder(series, Timeframe.M5, 1).build(START).quality is expected


def test_a_candle_older_than_the_stream_is_partial():
    """Its first minutes are not known, however whole and proven the rest is; the next one is whole."""
    series = Series()
    series.apply([(START + n * MINUTE_MS + 1, n, 100, 1) for n in range(2, 11)])
    series.minutes()[0].partial = False  # history reached back to the start of this minute
    series.verify({START + n * MINUTE_MS: True for n in range(2, 10)})
    first, second = (CandleBuilder(series, Timeframe.M5, 1).build(START + n * MINUTE_MS) for n in (0, 5))
    assert (first.quality, first.verified) == (Quality.PARTIAL, None)
    assert (second.quality, second.verified) == (Quality.COMPLETE, True)
    minute = CandleBuilder(series, Timeframe.M1, 1).build(START + 2 * MINUTE_MS)
    assert (minute.quality, minute.verified) == (Quality.COMPLETE, True)
    series.apply([(START + 1, 1, 100, 1)])  # a late trade from before: now its first minute is here
    again = CandleBuilder(series, Timeframe.M5, 1).build(START)
    assert (again.quality, again.n) == (Quality.PARTIAL, 4)


def test_a_candle_that_a_hole_reaches_into_is_never_verified():
    """Also where every minute of it that is here equals its kline."""
    series = Series()
    series.apply([(START + n * MINUTE_MS + 1, n, 100, 1) for n in (0, 1, 7)])
    series.open_gap(START + 2 * MINUTE_MS, START + 7 * MINUTE_MS + 1)
    series.verify({START: True, START + MINUTE_MS: True})
    candle = CandleBuilder(series, Timeframe.M5, 1).build(START)
    assert (candle.quality, candle.verified) == (Quality.GAP, None)


def test_a_candle_closes_with_the_first_trade_after_it():
    """A candle without trades in its last minutes is closed by the next one's first trade, not before."""
    series = Series()
    builder = CandleBuilder(series, Timeframe.M5, 1)
    series.apply([(START + MINUTE_MS, 1, 100, 1)])
    assert not builder.build(START).closed
    revision = builder.build(START).rev
    series.apply([(START + 5 * MINUTE_MS, 2, 100, 1)])
    assert builder.build(START).closed
    assert builder.build(START).rev > revision


def test_one_minute_at_the_tick_is_handed_on_as_it_is():
    """Nothing is copied or merged where a minute is asked for at the finest grain."""
    levels = np.array([[5, 1, 2, 3]], dtype=np.int64)
    assert bucket_levels([levels], 1) is levels
