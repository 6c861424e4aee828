"""From the live to the stored form, and back."""

from __future__ import annotations

from decimal import Decimal

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from orderflow_dash.footprint.candle import CandleBuilder
from orderflow_dash.footprint.series import Series
from orderflow_dash.market import HOUR_MS, MINUTE_MS, Quality, Timeframe, Trade
from orderflow_dash.store.candles import stored_candles
from orderflow_dash.store.minutes import combine, restore, to_stored, without_levels
from tests.store.market import START, minute

STEP = Decimal("0.1")
PRINTS = st.lists(
    st.tuples(st.integers(0, 3 * HOUR_MS // 7), st.integers(990, 1_040), st.integers(1, 9), st.booleans()),
    min_size=1,
    max_size=120,
)


def series_of(prints: list[tuple[int, int, int, bool]]) -> Series:
    """A series of trades at these times after START, prices, volumes and sides."""
    prints = sorted(prints)
    trades: list[Trade] = [
        (START + time * 7, order, price, volume if bought else -volume)
        for order, (time, price, volume, bought) in enumerate(prints)
    ]
    series = Series()
    series.apply(trades)
    return series


@given(PRINTS)
def test_a_restored_minute_is_the_minute(prints: list[tuple[int, int, int, bool]]) -> None:
    """It has the same levels, path, CVD and quality."""
    series = series_of(prints)
    for live in series.minutes():
        stored = to_stored(live, series.grid, series.quality(live))
        back = restore(stored, revision=4)
        assert np.array_equal(back.level_array(), live.level_array())
        assert to_stored(back, series.grid, series.quality(live)) == stored
        assert (back.cvd, back.partial, back.repaired, back.revision) == (
            live.cvd,
            live.partial,
            live.repaired,
            4,
        )


@given(
    PRINTS,
    st.sampled_from(list(Timeframe)),
    st.sampled_from([Decimal(1), Decimal(2), Decimal(5), Decimal(20)]),
)
@settings(max_examples=60)
def test_stored_candles_are_the_live_candles(
    prints: list[tuple[int, int, int, bool]], timeframe: Timeframe, step: Decimal
) -> None:
    """Candles of stored minutes equal those of the live series."""
    series = series_of(prints)
    kept = [to_stored(live, series.grid, series.quality(live)) for live in series.minutes()]
    if timeframe is Timeframe.H1:
        opens = {each.open_ts // HOUR_MS for each in kept}
        kept = [combine([each for each in kept if each.open_ts // HOUR_MS == hour]) for hour in sorted(opens)]
    builder = CandleBuilder(series, timeframe, step)
    for candle in stored_candles(kept, timeframe, step):
        live_candle = builder.build(candle.open_ts)
        assert np.array_equal(candle.levels, live_candle.levels)
        for name in ("open", "high", "low", "close", "bid", "ask", "cvd", "n", "poc", "quality"):
            assert getattr(candle, name) == getattr(live_candle, name), name
        assert (candle.min_delta, candle.max_delta) == (live_candle.min_delta, live_candle.max_delta)


def test_a_candle_that_lacks_its_end_is_a_gap() -> None:
    """An absence goes up to the next minute that is kept, which says that trades before it are missing."""
    before = [minute(index, verified=True) for index in (0, 1)]
    after = minute(70, quality=Quality.GAP)
    cut, missing = stored_candles([*before, after], Timeframe.M5, STEP)
    assert (cut.quality, cut.verified, missing.quality) == (Quality.GAP, None, Quality.GAP)
    hours = [combine(before), combine([after])]
    assert stored_candles(hours, Timeframe.H1, STEP)[0].quality is Quality.GAP
    quiet = stored_candles([*before, minute(70)], Timeframe.M5, STEP)[0]
    assert (quiet.quality, quiet.verified) == (Quality.COMPLETE, True)
    full = stored_candles([*before, minute(4, verified=False), after], Timeframe.M5, STEP)[0]
    assert (full.quality, full.verified) == (Quality.COMPLETE, False)


def test_a_candle_without_all_levels_is_a_gap() -> None:
    """A minute without levels counts in CVD and as a gap; alone it gives no candle."""
    kept = [minute(0), without_levels(minute(1)), without_levels(minute(5)), minute(10)]
    first, last = stored_candles(kept, Timeframe.M5, STEP)
    assert (first.quality, last.quality) == (Quality.GAP, Quality.COMPLETE)
    assert first.open_ts == START
    assert first.cvd == minute(0).cvd_before + minute(0).delta + minute(1).delta


def test_an_hour_is_as_whole_as_its_worst_minute() -> None:
    """Quality and verification of an hour never claim more than its minutes do."""
    good = [minute(0, verified=True), minute(1, verified=True)]
    assert (combine(good).quality, combine(good).verified) == (Quality.COMPLETE, True)
    unknown = [*good, minute(2, verified=None, quality=Quality.REPAIRED)]
    assert (combine(unknown).quality, combine(unknown).verified) == (Quality.REPAIRED, None)
    wrong = [*unknown, minute(3, verified=False, quality=Quality.GAP)]
    assert (combine(wrong).quality, combine(wrong).verified) == (Quality.GAP, False)


def test_a_minute_without_levels_keeps_its_delta() -> None:
    """Levels that were lost are not made up; the delta still counts."""
    dropped = without_levels(minute(1, verified=True))
    assert (dropped.delta, dropped.quality, dropped.verified) == (minute(1).delta, Quality.GAP, None)
    hour = combine([minute(0), dropped, minute(2)])
    assert hour.delta == sum(minute(index).delta for index in range(3))
    assert (hour.minutes, hour.quality) == (2, Quality.GAP)
    with pytest.raises(ValueError, match="were lost"):
        restore(dropped)


def test_a_partial_minute_stays_partial() -> None:
    """The first minute of a feed comes back as what it was."""
    series = series_of([(0, 1_000, 1, True), (MINUTE_MS // 7 + 1, 1_000, 1, True)])
    first = series.minutes()[0]
    assert restore(to_stored(first, series.grid, series.quality(first))).partial
