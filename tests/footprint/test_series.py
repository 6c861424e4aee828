"""The rolling window: every trade in its own minute, whatever the order in which they come."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from orderflow_dash.exchanges.protocol import TradeBatch
from orderflow_dash.feeds.sequencing import Gap, SequenceTracker
from orderflow_dash.footprint.series import Series
from orderflow_dash.market import HOUR_MS, MINUTE_MS, Grid, Quality, Trade
from tests.feeds.driver import Driver
from tests.footprint.reference import (
    START,
    assert_whole,
    ordered_trades,
    plain_candles,
    quantities,
    rows,
    state_of,
    states_of,
    wild_trades,
)


class SeriesSink:
    """Feeds a series as the hub does."""

    def __init__(self, series: Series) -> None:
        self.series = series

    def on_trades(self, trades: list[Trade], grid: Grid | None = None) -> None:
        self.series.apply(trades)

    def on_gap(self, gap: Gap) -> None:
        self.series.open_gap(gap.after, gap.before, gap.missing_to)

    def on_gap_filled(self, gap: Gap) -> None:
        self.series.close_gap(gap.after, gap.before, fetched=False)


def columns(trades: list[Trade]) -> tuple[np.ndarray, ...]:
    """Trades as the batch path takes them."""
    return tuple(np.array(trades, dtype=np.int64).reshape(-1, 4).T.copy())


def batches(draw: st.DrawFn, trades: list[Trade]) -> list[list[Trade]]:
    """The same trades cut into batches."""
    cuts = sorted(draw(st.sets(st.integers(0, len(trades)), max_size=6)))
    return [trades[a:b] for a, b in zip([0, *cuts], [*cuts, len(trades)], strict=True)]


@given(wild_trades, st.data())
def test_level_sums_totals_and_cvd_agree_for_any_sequence(trades, data):
    """Each minute's levels, delta and CVD are the sums over its trades, in whatever order they came."""
    series = Series()
    for batch in batches(data.draw, trades):
        series.apply(batch)
        assert_whole(series)
    plain = plain_candles(trades, MINUTE_MS)
    assert [minute.open_ts for minute in series.minutes()] == list(plain)
    cvd = 0
    for minute in series.minutes():
        expected = plain[minute.open_ts]
        cvd += expected.running[-1]
        assert minute.level_array().tolist() == rows(expected.levels)
        assert (minute.high, minute.low) == (max(expected.prices), min(expected.prices))
        assert (minute.delta, minute.cvd) == (expected.running[-1], cvd)


@given(ordered_trades())
def test_trades_in_order_give_the_reference_path(trades):
    """Open, close and the extremes of the running delta are those of the trades in the venue's order."""
    series = Series()
    series.apply(trades)
    assert series.late == 0
    plain = plain_candles(trades, MINUTE_MS)
    for minute in series.minutes():
        expected, path = plain[minute.open_ts], minute.path()
        assert (path.open, path.close) == (expected.prices[0], expected.prices[-1])
        assert (path.min_delta, path.max_delta) == (min(expected.running), max(expected.running))


@given(ordered_trades(), st.data())
def test_contiguous_ids_in_any_order_give_what_in_order_gives(trades, data):
    """Holes that open and close, repeats and ids without volume leave no trace once all has arrived."""
    without_volume = data.draw(st.sets(st.sampled_from(trades[1:]))) if len(trades) > 1 else set()
    sent = [(*trade[:2], 0, 0) if trade in without_volume else trade for trade in trades]
    in_order = Series()
    in_order.apply([trade for trade in sent if trade[3]])
    # The first comes first: before it nothing is known, and older trades look like repeats.
    rest = data.draw(st.permutations(sent[1:]))
    rest += data.draw(st.lists(st.sampled_from(sent), max_size=5))
    series = Series()
    driver = Driver(SequenceTracker(), SeriesSink(series))
    for trade in [sent[0], *rest]:
        driver.receive(TradeBatch("X", [trade]))
        assert_whole(series)
    assert states_of(series) == states_of(in_order)
    assert not series.gaps
    assert {series.quality(minute) for minute in series.minutes()} <= {Quality.COMPLETE, Quality.PARTIAL}


@given(ordered_trades(), st.data())
def test_missing_trades_leave_a_gap_and_nothing_else(trades, data):
    """What never arrives marks the minutes around it; every other minute is what in-order delivery gives."""
    lost = set(data.draw(st.lists(st.sampled_from(trades[1:-1]), max_size=8))) if len(trades) > 2 else set()
    series, in_order = Series(), Series()
    in_order.apply(trades)
    driver = Driver(SequenceTracker(), SeriesSink(series))
    for trade in trades:
        if trade not in lost:
            driver.receive(TradeBatch("X", [trade]))
    assert_whole(series)
    touched = {trade[0] - trade[0] % MINUTE_MS for trade in lost}
    whole = {minute.open_ts: state_of(minute) for minute in in_order.minutes()}
    for minute in series.minutes():
        if minute.open_ts in touched:
            assert series.quality(minute) is Quality.GAP
        else:
            state, expected = state_of(minute), whole[minute.open_ts]
            for shifted in ("cvd_before", "cvd"):
                del state[shifted], expected[shifted]
            assert state == expected


@given(st.one_of(wild_trades, ordered_trades(most=40)), st.data())
def test_the_batch_path_gives_bit_for_bit_what_apply_gives(trades, data):
    """``apply_arrays`` leaves the same minutes, window and path as ``apply``, in any mixture of both."""
    window = data.draw(st.sampled_from([1, 3, 500]))
    one, other = Series(window), Series(window)
    for batch in batches(data.draw, trades):
        one.apply(batch)
        if batch and data.draw(st.booleans()):
            other.apply_arrays(*columns(batch))
        else:
            other.apply(batch)
        assert states_of(other) == states_of(one)
    assert (other.late, other.first_open) == (one.late, one.first_open)
    following = [(trades[-1][0] + 5, 10_000, 7, -3)]
    one.apply(following)
    other.apply(following)
    assert states_of(other) == states_of(one)
    assert [m.partial for m in other.minutes()] == [m.partial for m in one.minutes()]


@pytest.mark.parametrize("spread", [10, 1 << 40])
def test_a_batch_of_wide_or_heavy_trades_is_exact(spread):
    """Prices too far apart for a table, and volumes beyond exact floats, are summed in integers."""
    trades = [(START + n, n, 1 + (n % 3) * spread, (-1) ** n * ((1 << 49) - n)) for n in range(200)]
    one, other = Series(), Series()
    one.apply(trades)
    other.apply_arrays(*columns(trades))
    assert states_of(other) == states_of(one)


def test_a_long_batch_is_cut_at_every_minute():
    """Minutes of many thousand trades and minutes of one are found alike."""
    times = [START + n * 17 for n in range(9_000)] + [START + HOUR_MS * n for n in (1, 2, 3)]
    trades = [(time, n, 100 + n % 7, 1 - 2 * (n % 2)) for n, time in enumerate(times)]
    one, other = Series(), Series()
    one.apply(trades)
    other.apply_arrays(*columns(trades))
    assert states_of(other) == states_of(one)


@given(wild_trades, st.data())
def test_what_changed_is_a_suffix(trades, data):
    """After any operation, every minute that differs from before is at or after ``changed_since``."""
    series = Series(window=data.draw(st.sampled_from([2, 500])))
    gaps: list[tuple[int, int]] = []

    def revisions() -> dict[int, object]:
        newest = series.newest
        return {
            minute.open_ts: (state_of(minute), series.quality(minute), minute is newest)
            for minute in series.minutes()
        }

    for batch in batches(data.draw, trades):
        revision, before = series.revision, revisions()
        action = data.draw(st.sampled_from(["apply", "arrays", "hole", "close", "interrupt"]))
        if action == "hole":
            gap = sorted(data.draw(st.tuples(*[st.sampled_from(trades).map(lambda t: t[0])] * 2)))
            gaps.append((gap[0], gap[1]))
            series.open_gap(*gap)
        elif action == "close" and gaps:
            series.close_gap(*gaps.pop(), fetched=data.draw(st.booleans()))
        elif action == "interrupt":
            series.interrupt()
        elif action == "arrays" and batch:
            series.apply_arrays(*columns(batch))
        else:
            series.apply(batch)
        after = revisions()
        changed = {open_ts for open_ts in after if after[open_ts] != before.get(open_ts)}
        since = series.changed_since(revision)
        if changed:
            assert since is not None
            assert since <= min(changed)
        assert series.changed_since(series.revision) is None


@given(ordered_trades(most=80, longest_gap=8 * MINUTE_MS), st.integers(1, 8), st.data())
def test_eviction_keeps_whole_hours_and_never_shifts_the_cvd(trades, window, data):
    """Memory holds the newest minutes in whole hours, with the values that an endless memory has."""
    short, endless = Series(window), Series(10**6)
    late = data.draw(st.lists(st.sampled_from(trades), max_size=3))
    for trade in trades + late:
        short.apply([trade])
        endless.apply([trade])
        kept = short.minutes()
        assert states_of(short) == [state_of(m) for m in endless.minutes(kept[0].open_ts)]
        hour = kept[0].open_ts - kept[0].open_ts % HOUR_MS
        assert len(kept) >= min(window, len(endless))
        in_first_hour = sum(minute.open_ts < hour + HOUR_MS for minute in kept)
        assert len(kept) - in_first_hour < window or trade in late
        whole_hour = [m.open_ts for m in endless.minutes(hour, hour + HOUR_MS)]
        assert [m.open_ts for m in short.minutes(hour, hour + HOUR_MS)] == whole_hour
    assert short.first_open == endless.first_open == trades[0][0] - trades[0][0] % MINUTE_MS


def test_a_trade_older_than_the_window_moves_only_the_cvd():
    """Its minute was dropped, so no candle shows it, but the CVD counts it."""
    series = Series(window=2)
    for n in range(200):
        series.apply([(START + n * MINUTE_MS, n, 100, 1)])
    oldest = series.minutes()[0]
    levels, cvd = oldest.level_array().tolist(), oldest.cvd
    revision = series.revision
    series.apply([(START, 1_000, 100, -50)])
    assert series.minutes()[0] is oldest
    assert oldest.level_array().tolist() == levels
    assert oldest.cvd == cvd - 50
    assert series.changed_since(revision) == oldest.open_ts
    assert_whole(series)


def test_a_late_trade_corrects_a_packed_minute():
    """A minute that closed long ago takes a late trade into its levels, path and all later CVDs."""
    series = Series()
    for n in range(10):
        series.apply([(START + n * MINUTE_MS, 10 * n, 100, 1)])
    series.apply([(START + 5, 1, 90, -7)])
    first = series.minutes()[0]
    assert first.level_array().tolist() == [[100, 0, 1, 1], [90, 7, 0, 1]]
    assert (first.path().close, first.path().min_delta, first.path().max_delta) == (90, -6, 1)
    assert [m.cvd for m in series.minutes()] == [n - 6 for n in range(10)]
    series.apply([(START + 10 * MINUTE_MS, 200, 100, 1), (START + 11 * MINUTE_MS, 201, 100, 1)])
    assert series.minutes()[0].level_array().tolist() == [[100, 0, 1, 1], [90, 7, 0, 1]]
    assert series.late == 1


def test_a_late_trade_may_add_an_older_minute():
    """A minute without known trades is inserted; the oldest is partial."""
    series = Series()
    series.apply([(START + 5 * MINUTE_MS, 5, 100, 2), (START + 8 * MINUTE_MS, 8, 100, 3)])
    series.apply([(START + 6 * MINUTE_MS, 6, 99, -1)])
    series.apply([(START + 2 * MINUTE_MS, 2, 98, 10)])
    assert [m.cvd for m in series.minutes()] == [10, 12, 11, 14]
    assert series.first_open == START + 2 * MINUTE_MS
    assert [series.quality(m).value for m in series.minutes()] == [
        "partial",
        "partial",
        "complete",
        "complete",
    ]


def test_the_closing_minute_changes_when_the_next_one_opens():
    """A client that has the last state of a minute gets it once more, because it is closed now."""
    series = Series()
    series.apply([(START, 1, 100, 1)])
    revision = series.revision
    series.apply([(START + 3 * MINUTE_MS, 2, 100, 1)])
    assert series.changed_since(revision) == START


def test_quality_is_the_worst():
    """Gap before partial before repaired before complete; a closed hole leaves repaired where fetched."""
    series = Series()
    for n in range(6):
        series.apply([(START + n * MINUTE_MS + 10, n, 100, 1)])
    first, *_ = minutes = series.minutes()
    assert series.quality(first) is Quality.PARTIAL
    series.open_gap(START + 500, START + 2 * MINUTE_MS)
    assert [series.quality(m).value for m in minutes] == ["gap"] * 3 + ["complete"] * 3
    series.open_gap(START + 3 * MINUTE_MS + 1, START + 3 * MINUTE_MS + 1)
    series.close_gap(START + 500, START + 2 * MINUTE_MS, fetched=True)
    expected = ["partial", "repaired", "repaired", "gap", "complete", "complete"]
    assert [series.quality(m).value for m in minutes] == expected
    series.close_gap(START + 3 * MINUTE_MS + 1, START + 3 * MINUTE_MS + 1, fetched=False)
    assert series.quality(minutes[3]) is Quality.COMPLETE


def test_a_hole_that_left_the_window_can_still_close():
    """A trade of a dropped minute raises no error."""
    series = Series(window=1)
    series.apply([(START, 1, 100, 1)])
    series.open_gap(START, START + 5, 2)
    for n in range(1, 200):
        series.apply([(START + n * MINUTE_MS, n + 2, 100, 1)])
    assert series.gaps == []
    revision = series.revision
    series.close_gap(START, START + 5, fetched=True)
    assert series.changed_since(revision) is None


@given(st.lists(quantities, min_size=2, max_size=9))
def test_an_interruption_alone_changes_no_number(volumes):
    """A stretch that is cut in two and goes on gives the same path as one stretch."""
    trades = [(START + n, n, 50 + n % 3, quantity) for n, quantity in enumerate(volumes)]
    one, other = Series(), Series()
    one.apply(trades)
    for trade in trades:
        other.apply([trade])
        other.interrupt()
    assert states_of(other) == states_of(one)
    assert other.late == 0


def test_an_empty_series_has_no_minutes():
    """No minute, change or oldest open before the first trade."""
    series = Series()
    series.apply([])
    assert (len(series), series.newest, series.oldest_open, series.changed_since(-1)) == (0, None, 0, None)
