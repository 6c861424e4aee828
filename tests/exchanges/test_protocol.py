"""What every venue's protocol rests on: exact memos and times that can be true."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orderflow_dash.exchanges import protocol
from orderflow_dash.exchanges.protocol import (
    EARLIEST_MS,
    AheadOfClock,
    ExactUnits,
    FrameError,
    checked_time,
    optional_decimal,
)
from tests.exchanges.frames import LISTED, NOW

GRID = LISTED["BTCUSDT"].grid


@given(st.integers(1, 10**9), st.integers(1, 10**9))
def test_cached_units_are_the_exact_integers(ticks, lots):
    """Learned units are the text's, the second time as the first."""
    exact = ExactUnits(LISTED)
    price, quantity = GRID.price.text(ticks), GRID.quantity.text(lots)
    for _ in range(2):
        assert exact.learn("BTCUSDT", price, quantity) == (ticks, lots, GRID)
    prices, quantities, _ = exact.known["BTCUSDT"]
    assert (prices[price], quantities[quantity]) == (ticks, lots)


@pytest.mark.parametrize(
    ("symbol", "price", "quantity"),
    [
        ("NOPE", "1.0", "1"),
        ("BTCUSDT", "1." + "0" * 17 + "1", "1"),
        ("BTCUSDT", "0.0", "1"),
        ("BTCUSDT", "1.0", "0"),
        ("BTCUSDT", "-1.0", "1"),
        ("BTCUSDT", "1.0", "-1"),
        ("BTCUSDT", "nan", "1"),
        ("BTCUSDT", "9" * 18, "1"),
        ("BTCUSDT", "1.0", "9" * 18),
        ("", "", ""),
    ],
)
def test_what_cannot_be_a_trade_is_refused_and_leaves_no_memo(symbol, price, quantity):
    """Unlisted, negative or out of range: FrameError, and the symbol stays unknown."""
    exact = ExactUnits(LISTED)
    with pytest.raises(FrameError):
        exact.learn(symbol, price, quantity)
    assert exact.known == {}


def test_memo_is_bounded(monkeypatch):
    """However many different texts come in a day, the memo does not grow without end."""
    monkeypatch.setattr(protocol, "_MEMO_SIZE", 10)
    exact = ExactUnits(LISTED)
    for ticks in range(1, 100):
        assert exact.learn("BTCUSDT", GRID.price.text(ticks), "1")[:2] == (ticks, 1000)
        assert len(exact.known["BTCUSDT"][0]) <= 10


@pytest.mark.parametrize(
    ("time", "refusal"),
    [
        (NOW, None),
        (EARLIEST_MS, None),
        (EARLIEST_MS - 1, FrameError),
        (NOW + 60_000, None),
        (NOW + 60_001, AheadOfClock),
        (NOW + 23 * 3_600_000, AheadOfClock),
        (10**30, FrameError),
        (-1, FrameError),
    ],
)
def test_a_trade_time_must_be_possible(time, refusal):
    """Not before the venues existed, not far ahead of the venue's clock, not in another unit."""
    if refusal is None:
        assert checked_time(time, NOW) == time
    else:
        with pytest.raises(FrameError) as raised:
            checked_time(time, NOW)
        assert type(raised.value) is refusal


@given(st.none() | st.integers() | st.floats() | st.text() | st.lists(st.text()))
def test_optional_decimals_are_decimals_or_none(value):
    """Whatever a ticker holds, a value that cannot be read is None."""
    result = optional_decimal(value)
    assert result is None or (isinstance(result, Decimal) and result.is_finite())


def test_an_empty_text_is_none():
    """Bybit sends "" where it has nothing to say."""
    assert optional_decimal("") is None
    assert optional_decimal("-0.0001") == Decimal("-0.0001")
