"""When a minute equals the venue's kline."""

from __future__ import annotations

from dataclasses import replace

import pytest

from orderflow_dash.feeds.kline_rules import may_lack_rpi
from orderflow_dash.feeds.venues import binance, bybit
from orderflow_dash.market import Difference, Kline

CANDLE = Kline(60_000, open=100, high=110, low=90, close=105, volume=50, buy_volume=20, count=7)


@pytest.mark.parametrize("name", ["open", "high", "low", "close", "volume", "buy_volume"])
def test_binance_reports_any_field_that_differs_by_one_unit(name):
    """Each field counts, and the difference has both figures."""
    kline = replace(CANDLE, **{name: getattr(CANDLE, name) + 1})
    assert binance.kline_difference(CANDLE, kline) == Difference(
        60_000, name, getattr(CANDLE, name), getattr(CANDLE, name) + 1
    )


def test_the_count_is_never_compared():
    """A kline counts fills, a minute aggregate trades."""
    assert binance.kline_difference(CANDLE, replace(CANDLE, count=9_999)) is None


@pytest.mark.parametrize("name", ["high", "low", "close", "volume"])
def test_bybit_reports_the_field_that_differs(name):
    """A kline that opens at the candle's first trade is compared as it is, without a buy volume."""
    kline = replace(CANDLE, buy_volume=None, count=None)
    assert bybit.kline_difference(CANDLE, kline) is None
    other = replace(kline, **{name: getattr(CANDLE, name) + 1})
    assert bybit.kline_difference(CANDLE, other) == Difference(
        60_000, name, getattr(CANDLE, name), getattr(other, name), trades_missing=name == "volume"
    )


def test_only_a_larger_bybit_kline_proves_missing_trades():
    """A smaller one differs too, but nothing was missed."""
    smaller = bybit.kline_difference(CANDLE, replace(CANDLE, volume=CANDLE.volume - 1))
    assert smaller is not None
    assert not smaller.trades_missing


BEFORE = Kline(0, 100, 130, 80, 120, 5)


@pytest.mark.parametrize(
    ("opening", "high", "low", "field"),
    [
        (120, 120, 90, None),  # opens at the close before, above every trade: that is its high
        (85, 110, 85, None),  # below every trade: that is its low
        (104, 110, 90, None),  # inside
        (120, 121, 90, "high"),
        (85, 110, 84, "low"),
        (104, 111, 90, "high"),
        (104, 109, 90, "high"),
        (104, 110, 91, "low"),
        (109, 109, 90, "high"),  # a high below a trade differs
    ],
)
def test_bybit_may_open_at_the_close_of_the_minute_before(opening, high, low, field):
    """An open that no trade made explains itself and an extreme that it makes, and nothing else."""
    kline = Kline(60_000, opening, high, low, CANDLE.close, CANDLE.volume)
    found = bybit.kline_difference(CANDLE, kline, replace(BEFORE, close=opening))
    assert (found.field if found else None) == field
    assert bybit.kline_difference(CANDLE, kline) == found  # nor does a missing minute before make it differ


def test_bybit_reports_an_open_of_neither_price():
    """Neither the candle's first trade nor the close before."""
    kline = Kline(60_000, 104, 110, 90, CANDLE.close, CANDLE.volume)
    assert bybit.kline_difference(CANDLE, kline, BEFORE) == Difference(60_000, "open", 100, 104)


@pytest.mark.parametrize(
    ("kline", "may"),
    [
        (replace(CANDLE, volume=49), True),
        (replace(CANDLE, volume=49, buy_volume=19), True),
        (replace(CANDLE, volume=49, high=109, open=101), True),
        (CANDLE, False),
        (replace(CANDLE, volume=51), False),
        (replace(CANDLE, volume=49, buy_volume=21), False),
        (replace(CANDLE, volume=49, buy_volume=18), False),  # more was sold
        (replace(CANDLE, volume=49, high=111), False),
    ],
)
def test_fills_left_out_only_ever_make_a_kline_less(kline, may):
    """Less volume on either side, inside our range."""
    assert may_lack_rpi(CANDLE, kline) is may
