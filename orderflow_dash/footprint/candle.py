"""Candles of any timeframe and step, derived from one-minute candles x price units."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal
from typing import Final

import numpy as np

from orderflow_dash.footprint.bulk import merge_rows
from orderflow_dash.footprint.measures import point_of_control
from orderflow_dash.footprint.minute import Ints, Levels, Minute, refined_levels
from orderflow_dash.footprint.series import Series
from orderflow_dash.market import WHOLE, Difference, Grid, Quality, Timeframe

_SUMMABLE: Final = 1 << 56  # turnovers of an hour's minutes below it add up in 64 bits


@dataclass(frozen=True, slots=True)
class Candle:
    """One footprint candle: prices and volumes in units of its grid, times in ms since the epoch."""

    open_ts: int
    open: int
    high: int
    low: int
    close: int
    bid: int  # volume of trades whose aggressor sold
    ask: int  # volume of trades whose aggressor bought
    cvd: int  # at the close
    n: int  # trade records of the venue
    min_delta: int  # lowest running delta inside the candle, which starts at 0
    max_delta: int
    poc: int  # the level with the most volume
    levels: Levels
    closed: bool
    quality: Quality
    rev: int
    verified: bool | None = None  # equals the venue's klines; None while not all of it could be compared
    difference: Difference | None = None  # of its first minute that differs
    grid: Grid = WHOLE
    # Bid and ask volume of each level in quote, each trade at its own price: price x quantity units, (k, 2).
    turnover: Ints = field(default_factory=lambda: np.empty((0, 2), dtype=np.int64))
    quote_cvd: int = 0  # running sum of ``quote_delta`` from the view's ``quote_from`` to the close

    @property
    def delta(self) -> int:
        """Ask volume less bid volume, lots."""
        return self.ask - self.bid

    @property
    def quote_bid(self) -> int:
        """Bid volume in quote, ticks x lots."""
        return int(self.turnover[:, 0].sum())

    @property
    def quote_ask(self) -> int:
        """Ask volume in quote, ticks x lots."""
        return int(self.turnover[:, 1].sum())

    @property
    def quote_delta(self) -> int:
        """Ask less bid volume in quote, ticks x lots."""
        return self.quote_ask - self.quote_bid

    def on(self, grid: Grid) -> Candle:
        """The same on a finer grid."""
        if grid is self.grid:
            return self
        scale = self.grid.scale_to(grid)
        price, quantity = scale
        turnover = self.turnover
        if len(turnover) and int(abs(turnover).max()) * price * quantity >= _SUMMABLE:
            turnover = turnover.astype(object)
        return replace(
            self,
            open=self.open * price,
            high=self.high * price,
            low=self.low * price,
            close=self.close * price,
            bid=self.bid * quantity,
            ask=self.ask * quantity,
            cvd=self.cvd * quantity,
            min_delta=self.min_delta * quantity,
            max_delta=self.max_delta * quantity,
            poc=self.poc * price,
            levels=refined_levels(self.levels, scale),
            turnover=turnover * (price * quantity),
            quote_cvd=self.quote_cvd * price * quantity,
            grid=grid,
        )

    def no_better_than(self, quality: Quality) -> Candle:
        """The same with a worse quality: no longer verified, but a difference stays one."""
        worst = Quality.worst({self.quality, quality})
        if worst is self.quality:
            return self
        return replace(self, quality=worst, verified=self.verified and None)


def level_of(price: Ints, step: int) -> Ints:
    """The nearest multiple of ``step``, ties up; both in price units."""
    return (price + step // 2) // step * step


def bucket_levels(parts: Sequence[Levels], step: int) -> Levels:
    """Levels of several minutes as one ladder with rows of ``step`` price units, high to low.

    All columns after the price are summed.
    Levels that are on the step already stay there, so a ladder can be built up in parts.
    """
    if len(parts) == 1 and step == 1:
        return parts[0]
    rows = np.concatenate(parts)
    rows[:, 0] = level_of(rows[:, 0], step)
    return merge_rows(rows)


def with_turnover(levels: Levels) -> Ints:
    """Levels at the finest grain with the turnover of both sides, price x quantity units, shape (k, 6).

    Python integers if the sum of an hour might exceed 64 bits.
    """
    price, volume = levels[:, :1], levels[:, 1:3]
    if len(levels) and int(abs(price).max()) * int(volume.sum()) >= _SUMMABLE:
        price = price.astype(object)
    return np.concatenate((levels, price * volume), axis=1)


class CandleBuilder:
    """Derives the candles of one timeframe and step from a series.

    The ladder of a candle's older minutes is cached until one of them changes, so that a live candle of an
    hour costs as much as one of a minute.
    """

    def __init__(self, series: Series, timeframe: Timeframe, step: Decimal) -> None:
        self._series = series
        self._timeframe = timeframe
        self._step = step
        self._settled: tuple[tuple[object, ...], Ints] = ((), np.empty((0, 6), dtype=np.int64))

    def build(self, open_ts: int) -> Candle:
        """The candle that opens at ``open_ts`` (ms, a multiple of the timeframe, with trades)."""
        series = self._series
        end = open_ts + self._timeframe.ms
        minutes = series.minutes(open_ts, end)
        first, last = minutes[0], minutes[-1]
        opening, closing = first.path(), last.path()
        running = min_delta = max_delta = 0
        has_gap, is_cut = series.has_gap_between(open_ts, end), series.starts_within(open_ts, end)
        # A minute without any trade here cannot carry the mark itself.
        qualities = {Quality.GAP} if has_gap else {Quality.PARTIAL} if is_cut else set()
        for minute in minutes:
            path = minute.path()
            min_delta = min(min_delta, running + path.min_delta)
            max_delta = max(max_delta, running + path.max_delta)
            running += minute.delta
            qualities.add(series.quality(minute))
        rows = self._rows(minutes)
        levels: Levels = rows[:, :4].astype(np.int64, copy=False)
        _, bid, ask, n = levels.sum(axis=0).tolist()
        newest = series.newest
        closed = newest is not None and newest.open_ts >= end
        verified = self._verified(minutes, whole=closed and not has_gap and not is_cut)
        return Candle(
            open_ts=open_ts,
            open=opening.open,
            high=max(minute.high for minute in minutes),
            low=min(minute.low for minute in minutes),
            close=closing.close,
            bid=bid,
            ask=ask,
            cvd=last.cvd,
            n=n,
            min_delta=min_delta,
            max_delta=max_delta,
            poc=point_of_control(levels),
            levels=levels,
            closed=closed,
            quality=Quality.worst(qualities),
            rev=last.revision,  # the highest: revisions never fall towards the newer minute
            verified=verified,
            difference=None if verified is not False else self._difference(minutes),
            grid=series.grid,
            turnover=rows[:, 4:],
            quote_cvd=last.quote_before + last.quote_delta,
        )

    def _verified(self, minutes: list[Minute], *, whole: bool) -> bool | None:
        """True if every minute equals its kline, False if one differs.

        A minute is compared after it has ended. A longer candle is verified only if it has ended too and
        none of its minutes is unknown.
        """
        verdicts = {minute.verified for minute in minutes}
        if False in verdicts:
            return False
        return True if verdicts == {True} and (whole or self._timeframe is Timeframe.M1) else None

    def _difference(self, minutes: list[Minute]) -> Difference | None:
        found = (self._series.differences.get(minute.open_ts) for minute in minutes)
        return next((difference for difference in found if difference is not None), None)

    def _rows(self, minutes: list[Minute]) -> Ints:
        """The candle's ladder with turnovers, shape (k, 6)."""
        *older, last = minutes
        step = self._series.grid.price.count(self._step)
        newest = with_turnover(last.level_array())
        if not older:
            return bucket_levels([newest], step)
        stamp = (self._series.grid, *((minute.open_ts, minute.revision) for minute in older))
        if self._settled[0] != stamp:
            ladders = [with_turnover(minute.level_array()) for minute in older]
            self._settled = stamp, bucket_levels(ladders, step)
        return bucket_levels([self._settled[1], newest], step)
