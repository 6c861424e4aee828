"""Closed minutes and hours in stored form, and their conversion from and to the live series."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Self

import numpy as np

from orderflow_dash.footprint.bulk import merge_rows
from orderflow_dash.footprint.minute import Levels, Minute, Run, refined_levels
from orderflow_dash.market import HOUR_MS, Grid, Quality

NO_LEVELS: Levels = np.empty((0, 4), dtype=np.int64)


@dataclass(frozen=True, slots=True, eq=False)
class StoredMinute:
    """One stored minute: prices and volumes in units of its grid, times in ms since the epoch."""

    open_ts: int
    levels: Levels  # shape (k, 4), high to low: price, bid, ask, trade records
    open: int
    close: int
    delta: int
    min_delta: int
    max_delta: int
    first: tuple[int, int]  # (time, order) of its first trade
    last: tuple[int, int]
    quality: Quality
    grid: Grid
    verified: bool | None = None  # equals the venue's kline; None if not compared
    cvd_before: int = 0  # CVD at the open, units; derived, not stored

    def __eq__(self, other: object) -> bool:
        """Whether both are stored equally; ignores ``cvd_before``, which is derived."""
        if not isinstance(other, StoredMinute):
            return NotImplemented
        return self._kept() == other._kept() and np.array_equal(self.levels, other.levels)

    __hash__ = None  # type: ignore[assignment]

    def _kept(self) -> tuple[object, ...]:
        path = (self.open_ts, self.open, self.close, self.delta, self.min_delta, self.max_delta)
        return (*path, self.first, self.last, self.quality, self.verified, self.grid)

    def on(self, grid: Grid) -> Self:
        """The same on a finer grid."""
        if grid == self.grid:
            return self
        scale = self.grid.scale_to(grid)
        return replace(
            self,
            levels=refined_levels(self.levels, scale),
            open=self.open * scale.price,
            close=self.close * scale.price,
            delta=self.delta * scale.quantity,
            min_delta=self.min_delta * scale.quantity,
            max_delta=self.max_delta * scale.quantity,
            cvd_before=self.cvd_before * scale.quantity,
            grid=grid,
        )

    @property
    def cvd(self) -> int:
        """CVD at the close, units."""
        return self.cvd_before + self.delta

    @property
    def levels_dropped(self) -> bool:
        """Whether only its delta is known, which keeps CVD right."""
        return not len(self.levels)


@dataclass(frozen=True, slots=True, eq=False)
class StoredHour(StoredMinute):
    """The minutes of one hour as one ladder at the finest grain."""

    minutes: int = 0  # with levels


def to_stored(minute: Minute, grid: Grid, quality: Quality, verified: bool | None = None) -> StoredMinute:
    """The stored form of a live minute; its runs become one path."""
    path = minute.path()
    return StoredMinute(
        open_ts=minute.open_ts,
        levels=minute.level_array(),
        open=path.open,
        close=path.close,
        delta=path.delta,
        min_delta=path.min_delta,
        max_delta=path.max_delta,
        first=path.first,
        last=(path.last_time, path.last_order),
        quality=quality,
        grid=grid,
        verified=verified,
        cvd_before=minute.cvd_before,
    )


def restore(stored: StoredMinute, cvd_before: int | None = None, revision: int = 0) -> Minute:
    """The live form of a stored minute. Raises ValueError without levels.

    For a minute of quality ``gap`` the series also needs the hole.
    """
    if stored.levels_dropped:
        raise ValueError(f"the levels of the minute at {stored.open_ts} were lost")
    run = Run(*stored.first, stored.open)
    run.last_time, run.last_order = stored.last
    run.close = stored.close
    run.delta, run.min_delta, run.max_delta = stored.delta, stored.min_delta, stored.max_delta
    minute = Minute(stored.open_ts, stored.cvd_before if cvd_before is None else cvd_before, revision)
    minute.partial = stored.quality is Quality.PARTIAL
    minute.repaired = stored.quality is Quality.REPAIRED
    minute.verified = stored.verified or None  # the figures of a difference are not stored
    minute.adopt(stored.levels, run)
    return minute


def without_levels(minute: StoredMinute) -> StoredMinute:
    """A minute without its levels: its path, marked as a gap."""
    return replace(minute, levels=NO_LEVELS, quality=Quality.GAP, verified=None)


def common_grid(minutes: Iterable[StoredMinute], grid: Grid) -> Grid:
    """The coarsest grid that fits all of these and ``grid``."""
    for each in minutes:
        if each.grid is not grid:
            grid = grid.common(each.grid)
    return grid


def combine(minutes: Sequence[StoredMinute]) -> StoredHour:
    """Minutes of one grid, old to new, at least one, as one ladder from the hour of the first."""
    known = [minute for minute in minutes if not minute.levels_dropped] or list(minutes)
    running = min_delta = max_delta = 0
    for minute in minutes:
        min_delta = min(min_delta, running + minute.min_delta)
        max_delta = max(max_delta, running + minute.max_delta)
        running += minute.delta
    qualities = {minute.quality for minute in minutes}
    checks = {minute.verified for minute in minutes}
    return StoredHour(
        open_ts=minutes[0].open_ts // HOUR_MS * HOUR_MS,
        levels=merge_rows(np.concatenate([minute.levels for minute in minutes])),
        open=known[0].open,
        close=known[-1].close,
        delta=running,
        min_delta=min_delta,
        max_delta=max_delta,
        first=minutes[0].first,
        last=minutes[-1].last,
        quality=Quality.worst(qualities),
        grid=minutes[0].grid,
        verified=False if False in checks else None if None in checks else True,
        cvd_before=minutes[0].cvd_before,
        minutes=len(minutes) - sum(minute.levels_dropped for minute in minutes),
    )
