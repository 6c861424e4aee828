"""What a series and its candles say of their comparison with the venue's klines."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orderflow_dash.footprint.candle import CandleBuilder
from orderflow_dash.footprint.series import Series
from orderflow_dash.market import HOUR_MS, MINUTE_MS, Difference, Kline, Quality, Timeframe, Verdict
from tests.footprint.reference import START, ordered_trades, plain_candles

HOUR = START // HOUR_MS * HOUR_MS
VERDICTS: dict[str, Verdict] = {"t": True, "f": Difference(0, "volume", 1, 2), "n": None}


def series_of(minutes: int) -> Series:
    """One trade in each minute from a full hour on."""
    series = Series()
    series.apply([(HOUR + minute * MINUTE_MS + 5, minute, 100, 1) for minute in range(minutes)])
    return series


def open_of(minute: int) -> int:
    """Open of a minute, ms."""
    return HOUR + minute * MINUTE_MS


@given(ordered_trades(longest_gap=3 * MINUTE_MS))
def test_a_minute_as_a_kline_is_that_of_its_trades(trades):
    """OHLC, volume, volume bought and count, open and packed minutes alike."""
    series = Series()
    series.apply(trades)
    for minute in series.minutes():
        inside = [trade for trade in trades if minute.open_ts <= trade[0] < minute.end_ts]
        prices = [trade[2] for trade in inside]
        quantities = [trade[3] for trade in inside]
        assert minute.kline() == Kline(
            minute.open_ts,
            prices[0],
            max(prices),
            min(prices),
            prices[-1],
            sum(map(abs, quantities)),
            sum(quantity for quantity in quantities if quantity > 0),
            len(inside),
        )
    assert len(series) == len(plain_candles(trades, MINUTE_MS, 1))


def test_a_verdict_is_a_change_that_clients_get():
    """The revision rises once for all verdicts, from the oldest minute on; an equal one changes nothing."""
    series = series_of(5)
    before = series.revision
    difference = Difference(open_of(2), "high", 100, 101)
    series.verify({open_of(1): True, open_of(2): difference})
    assert series.revision == before + 1
    assert series.changed_since(before) == open_of(1)
    assert [minute.verified for minute in series.minutes()] == [None, True, False, None, None]
    assert series.differences == {open_of(2): difference}
    series.verify({open_of(1): True, open_of(2): difference, open_of(99): True})
    assert series.revision == before + 1
    series.verify({open_of(2): Difference(open_of(2), "high", 100, 102)})
    assert series.revision == before + 2


@pytest.mark.parametrize("verdict", [True, Difference(open_of(2), "volume", 1, 2)])
@pytest.mark.parametrize(
    "change",
    [
        lambda series: series.apply([(open_of(2) + 9, 2, 101, 1)]),
        lambda series: series.open_gap(open_of(2) + 5, open_of(3) + 5),
        lambda series: series.apply([(open_of(2) + 1, 1, 101, -1)]),
    ],
    ids=["a late trade", "a hole", "an earlier trade"],
)
def test_a_change_takes_the_verdict_back(verdict, change):
    """Its figures are no longer those compared."""
    series = series_of(5)
    series.verify({open_of(1): True, open_of(2): verdict})
    change(series)
    assert [minute.verified for minute in series.minutes()][:3] == [None, True, None]
    assert series.differences == {}


def test_a_minute_whose_kline_shows_missing_trades_is_a_gap():
    """Only the kline shows them, no hole; without that verdict the minute is whole again."""
    series = series_of(3)
    lacking = series.minutes()[1]
    series.verify({lacking.open_ts: Difference(lacking.open_ts, "volume", 1, 2, trades_missing=True)})
    assert [series.quality(minute) for minute in series.minutes()[1:]] == [Quality.GAP, Quality.COMPLETE]
    assert not series.has_gap(lacking)
    series.verify({lacking.open_ts: True})
    assert series.quality(lacking) is Quality.COMPLETE


def test_a_hole_that_closes_takes_verdicts_back_too():
    """A repaired minute is compared again."""
    series = series_of(5)
    series.open_gap(open_of(2) + 5, open_of(3) + 5)
    series.verify({open_of(2): Difference(open_of(2), "volume", 1, 2)})
    series.close_gap(open_of(2) + 5, open_of(3) + 5, fetched=True)
    assert series.minutes()[2].verified is None
    assert series.differences == {}


def test_a_later_trade_unverifies_its_minute():
    """Also the newest minute, whose trades take the short way, and its path stays one."""
    series = series_of(2)
    series.apply([(open_of(1) + 10, 2, 103, 4)])
    series.verify({open_of(1): True})
    series.apply([(open_of(1) + 20, 3, 99, -7), (open_of(1) + 21, 4, 98, 1)])
    newest = series.minutes()[-1]
    assert newest.verified is None
    assert newest.kline() == Kline(open_of(1), 100, 103, 98, 98, 13, 6, 4)
    assert (newest.path().min_delta, newest.path().max_delta) == (-2, 5)


@given(st.text("tfn", min_size=5, max_size=5), st.booleans())
def test_a_longer_candle_is_verified_if_all_its_minutes_are(marks, closed):
    """It has the first difference; an open candle is never verified."""
    series = series_of(6 if closed else 5)
    verdicts = {}
    for number, mark in enumerate(marks):
        verdict = VERDICTS[mark]
        if isinstance(verdict, Difference):
            verdict = verdict._replace(open_ts=open_of(number))
        verdicts[open_of(number)] = verdict
    series.verify(verdicts)
    candle = CandleBuilder(series, Timeframe.M5, 1).build(HOUR)
    if "f" in marks:
        assert candle.verified is False
        assert candle.difference == verdicts[open_of(marks.index("f"))]
    else:
        assert candle.verified is (True if set(marks) == {"t"} and closed else None)
        assert candle.difference is None


def test_differences_leave_with_their_minutes():
    """The window drops both."""
    series = Series(window=60)
    series.apply([(HOUR + minute * MINUTE_MS, minute, 100, 1) for minute in range(60)])
    series.verify({open_of(5): Difference(open_of(5), "volume", 1, 2)})
    series.apply([(HOUR + minute * MINUTE_MS, minute, 100, 1) for minute in range(60, 125)])
    assert series.oldest_open == open_of(60)
    assert series.differences == {}
