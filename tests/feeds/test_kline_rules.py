"""When a minute equals the venue's kline."""

from __future__ import annotations

from dataclasses import replace

import pytest

from orderflow_dash.feeds.kline_rules import may_lack_rpi
from orderflow_dash.feeds.venues import binance, bybit
from orderflow_dash.market import Difference, Kline

OURS = Kline(60_000, open=100, high=110, low=90, close=105, volume=50, buy_volume=20, count=7)


@pytest.mark.parametrize("name", ["open", "high", "low", "close", "volume", "buy_volume"])
def test_binance_tells_any_field_that_differs_by_one_unit(name):
    """Each figure counts, and both figures are told."""
    theirs = replace(OURS, **{name: getattr(OURS, name) + 1})
    assert binance.kline_difference(OURS, theirs) == Difference(
        60_000, name, getattr(OURS, name), getattr(OURS, name) + 1
    )


def test_the_count_is_never_compared():
    """A kline counts fills, a minute aggregate trades."""
    assert binance.kline_difference(OURS, replace(OURS, count=9_999)) is None


@pytest.mark.parametrize("name", ["high", "low", "close", "volume"])
def test_bybit_tells_what_differs(name):
    """A kline that opens at our first trade is compared as it is, without a buy volume."""
    theirs = replace(OURS, buy_volume=None, count=None)
    assert bybit.kline_difference(OURS, theirs) is None
    other = replace(theirs, **{name: getattr(OURS, name) + 1})
    assert bybit.kline_difference(OURS, other) == Difference(
        60_000, name, getattr(OURS, name), getattr(other, name), trades_missing=name == "volume"
    )


def test_only_a_larger_bybit_kline_tells_that_trades_are_missing():
    """A smaller one differs too, but nothing was missed."""
    smaller = bybit.kline_difference(OURS, replace(OURS, volume=OURS.volume - 1))
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
        (109, 109, 90, "high"),  # a high below one of our trades is no high
    ],
)
def test_bybit_may_open_at_the_close_of_the_minute_before(opening, high, low, field):
    """An open that no trade made explains itself and an extreme that it makes, and nothing else."""
    theirs = Kline(60_000, opening, high, low, OURS.close, OURS.volume)
    found = bybit.kline_difference(OURS, theirs, replace(BEFORE, close=opening))
    assert (found.field if found else None) == field
    assert bybit.kline_difference(OURS, theirs) == found  # nor is a minute false because none came before it


def test_bybit_tells_an_open_that_is_neither():
    """Neither our first trade nor the close before."""
    theirs = Kline(60_000, 104, 110, 90, OURS.close, OURS.volume)
    assert bybit.kline_difference(OURS, theirs, BEFORE) == Difference(60_000, "open", 100, 104)


@pytest.mark.parametrize(
    ("theirs", "may"),
    [
        (replace(OURS, volume=49), True),
        (replace(OURS, volume=49, buy_volume=19), True),
        (replace(OURS, volume=49, high=109, open=101), True),
        (OURS, False),
        (replace(OURS, volume=51), False),
        (replace(OURS, volume=49, buy_volume=21), False),
        (replace(OURS, volume=49, buy_volume=18), False),  # it has more that was sold
        (replace(OURS, volume=49, high=111), False),
    ],
)
def test_fills_left_out_only_ever_make_a_kline_less(theirs, may):
    """Less volume on either side, inside our range."""
    assert may_lack_rpi(OURS, theirs) is may
