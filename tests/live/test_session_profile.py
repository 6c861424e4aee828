"""The session's profile out of memory and hourly equals the one counted trade by trade."""

from __future__ import annotations

import threading
from fractions import Fraction
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from orderflow_dash.footprint.hourly import HourlyLevels
from orderflow_dash.footprint.series import Series
from orderflow_dash.indicators.profile import Profile, value_area
from orderflow_dash.live.session_profile import ProfileKind, SessionProfiles
from orderflow_dash.live.stream import SeriesStream
from orderflow_dash.live.view import View, ViewKey
from orderflow_dash.market import DAY_MS, HOUR_MS, MINUTE_MS, Timeframe, Trade
from tests.footprint.reference import START, nearest_level, ordered_trades, poc_of, rows
from tests.live.hub_bench import BTC, ManualFeed

DAY = START // DAY_MS * DAY_MS
kinds = st.sampled_from(ProfileKind)


class Live:
    """A series with its hourly and profiles that are never older than the last trade."""

    def __init__(self, window: int = 60, step: int = 1, every_s: float = 0.0) -> None:
        self.now = 0.0
        self.hourly = HourlyLevels()
        self.series = Series(window, on_evict=self.hourly.take_over)
        self.profiles = SessionProfiles(
            threading.Lock(), self.series, self.hourly, step, every_s=every_s, clock=lambda: self.now
        )

    def profile(self, kind: ProfileKind = ProfileKind.SESSION, rows: int = 2) -> Profile:
        profile = self.profiles.profile(kind, rows)
        assert profile is not None
        return profile


def at(ms: int, order: int = 0, price: int = 100, quantity: int = 1) -> Trade:
    """A trade ``ms`` after the day's start."""
    return DAY + ms, order, price, quantity


def assert_counts(profile: Profile, trades: list[Trade], step: int, size: int) -> None:
    """The profile is that of exactly these trades."""
    levels: dict[int, list[int]] = {}
    for _, _, price, quantity in trades:
        row = levels.setdefault(nearest_level(price, step), [0, 0, 0])
        row[1 if quantity > 0 else 0] += abs(quantity)
        row[2] += 1
    volume = sum(abs(quantity) for *_, quantity in trades)
    assert profile.levels.tolist() == rows(levels)
    assert profile.volume == volume
    assert profile.delta == sum(quantity for *_, quantity in trades)
    assert profile.poc == poc_of(levels)
    array = np.array(rows(levels), dtype=np.int64)
    assert (profile.value_low, profile.value_high) == value_area(array, step, size)
    assert profile.vwap == Fraction(sum(p * abs(q) for _, _, p, q in trades), volume)


@given(
    ordered_trades(most=50, longest_gap=90 * MINUTE_MS),
    st.sampled_from([1, 3, 10]),
    kinds,
    st.sampled_from([1, 2]),
    st.sampled_from([1, 3, 60]),
    st.data(),
)
def test_a_profile_is_that_of_the_trades_of_its_time(trades, step, kind, size, window, data):
    """Over evictions, late trades and new days it equals a full count."""
    live = Live(window, step)
    counted: list[Trade] = []
    late = data.draw(st.lists(st.sampled_from(trades), max_size=3))
    for trade in [*trades, *late]:
        live.series.apply([trade])
        if trade[0] >= live.series.evicted_to:  # else only the CVD took it
            counted.append(trade)
        if data.draw(st.booleans()):
            live.profile(kind, size)
    profile = live.profile(kind, size)
    newest = max(time for time, *_ in trades)
    end = newest - newest % MINUTE_MS + MINUTE_MS
    start = newest - newest % DAY_MS if kind is ProfileKind.SESSION else (end - DAY_MS) // HOUR_MS * HOUR_MS
    assert (profile.start_ts, profile.end_ts, profile.step) == (start, end, step)
    assert_counts(profile, [trade for trade in counted if trade[0] >= start], step, size)
    assert profile.known_from == max(trades[0][0], start)
    assert profile.known_ms == newest + 1 - profile.known_from
    assert profile.elapsed_ms == newest + 1 - start


def test_there_is_no_profile_before_the_first_trade():
    """There is no profile, even with hourly levels."""
    live = Live()
    assert live.profiles.profile(ProfileKind.SESSION) is None
    live.hourly.put(DAY, np.array([[100, 1, 2, 3]], dtype=np.int64), HOUR_MS)
    assert live.profiles.profile(ProfileKind.DAY) is None


def test_a_session_is_the_utc_day_of_the_newest_trade():
    """The first trade of a day starts a new one; the 24 hours start at the full hour."""
    live = Live()
    live.series.apply([at(DAY_MS - 1, 1), at(DAY_MS, 2)])
    session, day = live.profile(), live.profile(ProfileKind.DAY)
    assert (session.start_ts, session.volume, session.known_share) == (DAY + DAY_MS, 1, 1.0)
    assert (day.start_ts, day.volume) == (DAY, 2)
    live.series.apply([at(DAY_MS + 59 * MINUTE_MS, 3)])
    assert live.profile(ProfileKind.DAY).start_ts == DAY + HOUR_MS
    live.series.apply([at(DAY_MS + 70 * MINUTE_MS, 4)])
    assert live.profile(ProfileKind.DAY).start_ts == DAY + HOUR_MS


def test_known_time_starts_with_the_first_trade():
    """Known since 09:00, and of the ten hours to 10:00 half an hour, less a gap of ten minutes."""
    live = Live()
    live.series.apply([at(9 * HOUR_MS + 30 * MINUTE_MS, 1), at(9 * HOUR_MS + 40 * MINUTE_MS, 2)])
    live.series.open_gap(DAY + 9 * HOUR_MS + 40 * MINUTE_MS, DAY + 9 * HOUR_MS + 50 * MINUTE_MS)
    live.series.apply([at(9 * HOUR_MS + 50 * MINUTE_MS, 3), at(10 * HOUR_MS - 1, 4)])
    profile = live.profile()
    assert profile.known_from == DAY + 9 * HOUR_MS + 30 * MINUTE_MS
    assert (profile.known_ms, profile.elapsed_ms) == (20 * MINUTE_MS, 10 * HOUR_MS)
    assert profile.known_share == pytest.approx(1 / 30)


def with_hours(*hours: tuple[int, int]) -> Live:
    """A series that starts at 05:30, with hours (number of the day, minutes known) from a store."""
    live = Live()
    for hour, minutes in hours:
        levels = np.array([[100 + hour, 1, 2, 3]], dtype=np.int64)
        live.hourly.put(DAY + hour * HOUR_MS, levels, minutes * MINUTE_MS)
    live.series.apply([at(5 * HOUR_MS + 30 * MINUTE_MS, 1), at(6 * HOUR_MS - 1, 2)])
    return live


def test_stored_hours_count_without_missing_times():
    """Known since the first of them, without missing times."""
    profile = with_hours((1, 60), (3, 30)).profile()
    assert profile.volume == 2 * 3 + 2
    assert profile.known_from == DAY + HOUR_MS
    assert (profile.known_ms, profile.elapsed_ms) == (120 * MINUTE_MS, 6 * HOUR_MS)


def test_hours_that_are_added_later_are_seen():
    """A store may be slower than the first look."""
    live = with_hours()
    before = live.profile()
    live.hourly.put(DAY, np.array([[7, 1, 1, 2]], dtype=np.int64), HOUR_MS)
    assert live.profile().volume == before.volume + 2
    assert live.profile().known_ms == before.known_ms + HOUR_MS


def test_of_an_hour_that_both_have_no_trade_counts_twice():
    """Memory alone where it knows more, else the hourly levels and what memory has after it."""
    whole = with_hours((5, 60))
    assert (whole.profile().volume, whole.profile().known_ms) == (3, HOUR_MS)
    live = with_hours()
    start = DAY + 5 * HOUR_MS
    live.hourly.put(
        start, np.array([[7, 1, 1, 2]], dtype=np.int64), 29 * MINUTE_MS, (start, start + 29 * MINUTE_MS)
    )
    assert live.profile().volume == 4
    assert live.profile().known_ms == 59 * MINUTE_MS
    assert live.profile().known_from == start
    cut = with_hours()
    cut.hourly.put(
        start, np.array([[7, 1, 1, 2]], dtype=np.int64), 20 * MINUTE_MS, (start, start + 31 * MINUTE_MS)
    )
    assert cut.profile().volume == 3  # the trade of 05:30 is on the hourly levels already
    assert cut.profile().known_ms == 49 * MINUTE_MS
    late = with_hours()
    late.hourly.put(
        start,
        np.array([[7, 1, 1, 2]], dtype=np.int64),
        MINUTE_MS,
        (start + 30 * MINUTE_MS, start + 31 * MINUTE_MS),
    )
    assert late.profile().volume == 2


def test_the_same_object_comes_back_until_something_changes():
    """It is computed at most every ten seconds."""
    live = Live(every_s=2.0)
    live.series.apply([at(1, 1)])
    first = live.profile()
    assert live.profile() is first
    assert live.profile(rows=1) is live.profile(rows=1) is not first
    live.series.apply([at(2, 2)])
    live.now += 1.9
    assert live.profile() is first
    live.now += 0.1
    assert live.profile().volume == 2
    live.now += 10
    assert live.profile() is live.profile()


def test_more_of_the_past_is_shown_at_once():
    """Who opens a panel sees history arrive, and the profile with it."""
    live = Live(every_s=100.0)
    live.series.apply([at(10 * MINUTE_MS, 10)])
    assert live.profile().volume == 1
    live.series.apply([at(10 * MINUTE_MS + 1, 11)])
    assert live.profile().volume == 1, "the newest trades may wait"
    live.series.apply([at(5 * MINUTE_MS, 5)])
    profile = live.profile()
    assert profile.volume == 3
    assert profile.known_from == DAY + 5 * MINUTE_MS


def test_looks_while_trades_come_see_every_moment_whole():
    """Volume and turnover of one look belong together, though the lock is given away in between."""
    lock = threading.Lock()
    hourly = HourlyLevels()
    series = Series(60, on_evict=hourly.take_over)
    profiles = SessionProfiles(lock, series, hourly, 1, every_s=0)
    stop = threading.Event()

    def trade() -> None:
        for number in range(20_000):
            with lock:
                series.apply([at(number * 2_000, number, 100 + number % 7, 1)])
        stop.set()

    thread = threading.Thread(target=trade)
    thread.start()
    seen = []
    while not stop.is_set():
        profile = profiles.profile(ProfileKind.SESSION)
        if profile is not None:
            seen.append(profile)
    thread.join()
    final = profiles.profile(ProfileKind.SESSION)
    assert final is not None
    for profile in [*seen, final]:
        assert profile.volume == profile.elapsed_ms // 2_000 + 1
        assert profile.known_share == 1.0
    assert final.volume == 20_000
    assert all(before.volume <= after.volume for before, after in pairwise(seen))


class Restless:
    """A lock that lets a minute or an hour pass whenever it is given back."""

    def __init__(self) -> None:
        self.pass_by = lambda: None

    def __enter__(self) -> None:
        pass

    def __exit__(self, *_: object) -> None:
        self.pass_by()


@pytest.mark.parametrize("pace", [MINUTE_MS, HOUR_MS])
def test_a_market_that_outruns_the_look_does_not_hold_it(pace):
    """Minutes that pass during the reading count; after hours the last result stays until the next."""
    lock, hourly = Restless(), HourlyLevels()
    series = Series(60, on_evict=hourly.take_over)
    profiles = SessionProfiles(lock, series, hourly, 1, every_s=0)
    series.apply([at(0, 0)])
    first = profiles.profile(ProfileKind.SESSION)
    passed = 0

    def pass_by() -> None:
        nonlocal passed
        passed += 1
        series.apply([at(passed * pace, passed)])

    lock.pass_by = pass_by
    pass_by()
    during = profiles.profile(ProfileKind.SESSION)
    assert during is not None
    assert (during is first) == (pace == HOUR_MS)
    lock.pass_by = lambda: None
    rested = profiles.profile(ProfileKind.SESSION)
    assert rested.volume == passed + 1
    assert rested.known_share == 1.0


def test_dropped_hours_are_kept_until_a_reset():
    """Through the hub's own stream: the view's profile reaches back over what the window dropped."""
    source = ManualFeed()
    key = ViewKey(BTC.venue, BTC.symbol, Timeframe.M1, BTC.tick)
    stream = SeriesStream(BTC, source, 60)
    view = View(key, stream)
    stream.on_trades([at(minute * MINUTE_MS, minute) for minute in range(200)])
    assert len(stream.series) < 200
    assert [hour.open_ts for hour in stream.hourly.hours(DAY, DAY + DAY_MS)] == [DAY, DAY + HOUR_MS]
    profile = view.profiles.profile(ProfileKind.SESSION)
    assert (profile.volume, profile.known_from, profile.known_share) == (200, DAY, 1.0)
    reset = stream.reset()
    assert reset.hourly.hours(0, 1 << 62) == []
    assert View(key, reset).profiles.profile(ProfileKind.SESSION) is None
