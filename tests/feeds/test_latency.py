"""How late trades come: counts, quantiles of a minute, and the histogram of /metrics."""

from __future__ import annotations

import statistics
import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orderflow_dash.feeds.latency import (
    BOUNDS_MS,
    BUCKETS_MS,
    LagMeter,
    LagReading,
    LagWindow,
    histogram_buckets,
    read,
)


class Bench:
    """A meter, its window, and a clock that the test moves."""

    def __init__(self) -> None:
        self.now = 1_000.0
        self.meter = LagMeter()
        self.window = LagWindow(lambda: self.meter.count()[0], lambda: self.now)

    def frames(self, *lags: int) -> None:
        for lag in lags:
            self.meter.note(lag)

    def after(self, seconds: float) -> LagReading | None:
        self.now += seconds
        return self.window.reading()


@given(st.lists(st.integers(-200_000, 200_000), min_size=1, max_size=300))
def test_every_lag_is_counted_once_in_its_bucket(lags: list[int]) -> None:
    """Whatever it is, and however often one looks."""
    meter = LagMeter()
    for number, lag in enumerate(lags):
        meter.note(lag)
        if number % 7 == 0:
            meter.count()
    counts, sum_ms = meter.count()
    assert counts.sum() == len(lags)
    assert sum_ms == sum(lags)
    for bound, reached in zip(BOUNDS_MS, counts.cumsum(), strict=False):
        assert reached == sum(lag <= bound for lag in lags)


@given(st.lists(st.integers(0, 50_000), min_size=20, max_size=300))
def test_a_quantile_is_off_by_five_percent_at_most(lags: list[int]) -> None:
    """Or by a millisecond."""
    meter = LagMeter()
    for lag in lags:
        meter.note(lag)
    reading = read(meter.count()[0])
    assert reading is not None
    ordered = sorted(lags)
    for found, share in ((reading.p50_ms, 0.5), (reading.p99_ms, 0.99)):
        true = ordered[max(0, -int(-share * len(ordered) // 1) - 1)]
        assert abs(found - true) <= max(1, 0.05 * true)


def test_monitors_get_buckets_in_seconds() -> None:
    """Each bucket's bound is a bound of the counts, so that no count is split between two."""
    meter = LagMeter()
    for lag in (-3, 0, 1, 5, 6, 84, 250, 251, 70_000):
        meter.note(lag)
    buckets = dict(histogram_buckets(meter.count()[0]))
    assert set(BUCKETS_MS) <= set(BOUNDS_MS)
    assert [buckets[bound] for bound in ("0.0", "0.005", "0.01", "0.1", "0.25", "0.5", "60.0", "+Inf")] == [
        2,
        4,
        5,
        6,
        7,
        8,
        8,
        9,
    ]


def test_a_reading_is_of_the_last_minute() -> None:
    """What came before it has no part in it."""
    bench = Bench()
    bench.frames(*[500] * 100)
    assert bench.after(1) == LagReading(pytest.approx(500, rel=0.04), pytest.approx(500, rel=0.04), 100)
    for _ in range(8):
        bench.frames(*[20] * 10)
        reading = bench.after(10)
    assert reading is not None
    assert (reading.p50_ms, reading.p99_ms) == (20, 20)
    assert reading.frames == 70


def test_a_reading_is_made_once_a_second_for_all_who_ask() -> None:
    """A hundred clients cost as much as one."""
    bench = Bench()
    bench.frames(10)
    first = bench.after(1)
    bench.frames(10)
    assert bench.after(0.5) is first
    assert bench.after(0.6) == LagReading(10, 10, 2)


def test_after_a_pause_nothing_is_known_of_the_last_minute() -> None:
    """A reading of an hour must not pass for one of a minute."""
    bench = Bench()
    bench.frames(10)
    bench.after(1)
    bench.frames(10, 10)
    assert bench.after(3_600) is None
    bench.frames(30)
    assert bench.after(1) == LagReading(30, 30, 1)


def test_nothing_came_means_none() -> None:
    """Zero would look like a very good lag."""
    assert Bench().after(1) is None


def test_a_clock_that_is_behind_shows_as_it_is() -> None:
    """A negative lag is reported: it shows that clocks differ."""
    bench = Bench()
    bench.frames(*[-300] * 10)
    reading = bench.after(1)
    assert reading is not None
    assert -500 <= reading.p50_ms <= -250


def test_threads_that_look_while_frames_come_count_each_once() -> None:
    """Nothing is lost or doubled between who notes and who counts."""
    meter, total, over = LagMeter(), 50_000, threading.Event()

    def look() -> None:
        while not over.is_set():
            meter.count()

    lookers = [threading.Thread(target=look) for _ in range(3)]
    for looker in lookers:
        looker.start()
    for lag in range(total):
        meter.note(lag % 100)
    over.set()
    for looker in lookers:
        looker.join()
    assert meter.count()[0].sum() == total


def test_a_total_takes_over_what_ended() -> None:
    """Counts and sum."""
    total, ended = LagMeter(), LagMeter()
    for lag in (1, 2, 3):
        ended.note(lag)
    total.note(10)
    total.take_over(ended)
    assert total.count()[0].sum() == 4
    assert total.count()[1] == 16


def test_the_middle_is_what_statistics_calls_it() -> None:
    """A plain check of the median against another implementation."""
    meter = LagMeter()
    lags = [3, 9, 4, 7, 5]
    for lag in lags:
        meter.note(lag)
    assert read(meter.count()[0]).p50_ms == statistics.median(lags)
