"""Hourly levels, and how they combine with minutes in memory."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from orderflow_dash.footprint.hourly import KEPT_HOURS, HourlyLevels, known_ms, resumes
from orderflow_dash.footprint.series import Series
from orderflow_dash.market import HOUR_MS, MINUTE_MS
from tests.footprint.reference import START, ordered_trades, plain_candles, rows

ONE = np.array([[100, 1, 2, 3]], dtype=np.int64)
stretches = st.lists(st.tuples(st.integers(0, 60), st.integers(0, 60)).map(sorted).map(tuple), max_size=6)


@given(st.integers(0, 60), st.integers(0, 60), stretches)
def test_known_time_is_what_no_hole_covers(start, end, gaps):
    """Gaps may overlap, reach out of the stretch or be empty."""
    covered = {ms for after, before in gaps for ms in range(after, before)}
    assert known_ms(start, end, gaps) == len([ms for ms in range(start, end) if ms not in covered])


def test_the_newest_25_hours_stay():
    """In whatever order they come; an older one is not taken."""
    hourly = HourlyLevels()
    assert hourly.hours(0, 1 << 62) == []
    for hour in (3, 1, 0, 2, 25, 26, 1):
        hourly.put(START + hour * HOUR_MS, ONE, HOUR_MS)
    opens = [(hour.open_ts - START) // HOUR_MS for hour in hourly.hours(0, 1 << 62)]
    assert opens == [2, 3, 25, 26]
    assert KEPT_HOURS == 25


def test_hours_are_found_by_their_open():
    """From a start on and before an end."""
    hourly = HourlyLevels()
    for hour in range(4):
        hourly.put(START + hour * HOUR_MS, ONE, HOUR_MS)
    found = hourly.hours(START + HOUR_MS, START + 3 * HOUR_MS)
    assert [hour.open_ts for hour in found] == [START + HOUR_MS, START + 2 * HOUR_MS]


def test_of_the_same_hour_the_one_known_for_longer_stays():
    """Or else the newer one; only a change is a revision."""
    hourly = HourlyLevels()
    hourly.put(START, ONE, 5)
    hourly.put(START, ONE * 2, 5)
    revision = hourly.revision
    hourly.put(START, ONE * 3, 4)
    (hour,) = hourly.hours(START, START + 1)
    assert hour.levels.tolist() == (ONE * 2).tolist()
    assert hourly.revision == revision == 2


@pytest.mark.parametrize(
    ("open_ts", "known", "span"),
    [(START + 1, 5, None), (START, -1, None), (START, HOUR_MS + 1, None), (START, 5, (START, START + 4))],
)
def test_invalid_hours_are_rejected(open_ts, known, span):
    """An open that is none, or more known than there is time."""
    with pytest.raises(ValueError, match="invalid stored hour"):
        HourlyLevels().put(open_ts, ONE, known, span)


@given(ordered_trades(most=60, longest_gap=40 * MINUTE_MS), st.integers(1, 8))
def test_hourly_levels_and_memory_hold_every_trade_once(trades, window):
    """Whatever the window drops is on the hourly levels, hour by hour, and all time since then is known."""
    hourly = HourlyLevels()
    series = Series(window, on_evict=hourly.take_over)
    series.apply(trades)
    oldest = max(series.oldest_open // HOUR_MS - KEPT_HOURS, 0) * HOUR_MS
    plain = plain_candles(trades, HOUR_MS)
    hours = {hour.open_ts: hour for hour in hourly.hours(oldest, 1 << 62)}
    for open_ts, candle in plain.items():
        if open_ts < series.evicted_to and open_ts in hours:
            assert hours[open_ts].levels.tolist() == rows(candle.levels)
    newest = max(hours, default=0)
    start = max(trades[0][0], newest - (KEPT_HOURS - 1) * HOUR_MS)
    assert sum(hour.known_ms for hour in hours.values()) == max(series.evicted_to - start, 0)
    assert all(open_ts in hours or open_ts >= series.evicted_to for open_ts in plain if open_ts >= start)
    memory = sum(int(minute.level_array()[:, 3].sum()) for minute in series.minutes())
    assert memory == len([trade for trade in trades if trade[0] >= series.evicted_to])


def filled(*minutes: int, window: int = 1) -> tuple[Series, HourlyLevels]:
    """A series with one trade of each minute after START, and its hourly."""
    hourly = HourlyLevels()
    series = Series(window, on_evict=hourly.take_over)
    for minute in minutes:
        series.apply([(START + minute * MINUTE_MS, minute, 100 + minute, 1)])
    return series, hourly


def test_an_hour_with_a_hole_is_known_for_less():
    """The gap's time is not counted; the first millisecond known is the first trade's."""
    series, hourly = filled(10, 20, 30)
    series.open_gap(START + 12 * MINUTE_MS, START + 20 * MINUTE_MS)
    series.apply([(START + 61 * MINUTE_MS, 61, 100, 1)])
    (hour,) = hourly.hours(START, START + HOUR_MS)
    assert hour.known_ms == 42 * MINUTE_MS
    assert (hour.known_from, hour.known_to) == (START + 10 * MINUTE_MS, START + HOUR_MS)


def test_quiet_hours_are_known_too():
    """Hours without a trade between two with trades are put there, empty."""
    series, hourly = filled(0, 61, 5 * 60, 9 * 60)
    hours = hourly.hours(START, START + 24 * HOUR_MS)
    assert [(hour.open_ts - START) // HOUR_MS for hour in hours] == [0, 1, 2, 3, 4, 5]
    assert all(hour.known_ms == HOUR_MS for hour in hours)
    assert [len(hour.levels) for hour in hours] == [1, 1, 0, 0, 0, 1]
    assert series.known_from == series.evicted_to == START + 6 * HOUR_MS


def test_memory_follows_an_hour_unless_it_knows_more():
    """What both have counts once: what the hourly levels has first, or memory alone."""
    hourly = HourlyLevels()
    hourly.put(START, ONE, 20 * MINUTE_MS - 7, (START, START + 20 * MINUTE_MS - 7))
    (hour,) = hourly.hours(START, START + 1)
    after = START + 20 * MINUTE_MS
    end = START + 50 * MINUTE_MS
    assert resumes(hour, START + HOUR_MS, START + 2 * HOUR_MS, []) == after
    assert resumes(hour, after, end, []) == after
    assert resumes(hour, START + 15 * MINUTE_MS, end, []) == after
    assert resumes(hour, START, end, []) is None
    assert resumes(hour, START, end, [(START, START + 30 * MINUTE_MS)]) == after


def test_an_evicted_hour_joins_what_the_store_had_of_it():
    """A restart inside an hour: the part before it and the part after it become one ladder."""
    hourly = HourlyLevels()
    hourly.put(START, ONE, 20 * MINUTE_MS, (START, START + 20 * MINUTE_MS))
    series = Series(1, on_evict=hourly.take_over)
    series.apply([(START + minute * MINUTE_MS, minute, 100, 1) for minute in (15, 30, 61)])
    (hour,) = hourly.hours(START, START + HOUR_MS)
    assert hour.levels.tolist() == [
        [100, 1, 3, 4]
    ]  # the trade of minute 15 counts on the hourly levels already
    assert hour.known_ms == HOUR_MS
    assert hour.known_from == START
