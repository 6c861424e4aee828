"""The session's volume profile of a live series, updated incrementally."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from decimal import Decimal
from enum import StrEnum
from fractions import Fraction
from typing import Final, Literal, NamedTuple

import numpy as np

from orderflow_dash.footprint.candle import bucket_levels
from orderflow_dash.footprint.hourly import NO_LEVELS, HourLevels, HourlyLevels, known_ms, resumes
from orderflow_dash.footprint.measures import point_of_control
from orderflow_dash.footprint.minute import Levels, Minute
from orderflow_dash.footprint.series import Series
from orderflow_dash.indicators.profile import Profile, turnover, value_area
from orderflow_dash.market import DAY_MS, HOUR_MS, MINUTE_MS, Grid

Rows = Literal[1, 2]

_AT_ONCE: Final = 16  # minutes per hold of the lock
_TRIES: Final = 3  # a replay at full speed may pass an hour while it is read
_EVERY_S: Final = 10.0  # shortest time between two computations of a profile


class ProfileKind(StrEnum):
    """The time a profile covers; the value is its name on the page."""

    SESSION = "session"
    DAY = "24h"

    def start(self, newest_end: int) -> int:
        """Start (ms) of the time that ends with the newest minute (its end, ms), always a full hour.

        ``session``: the UTC day. ``24h``: the 24 hours before, extended to the full hour, because hourly
        levels cannot be cut.
        """
        if self is ProfileKind.SESSION:
            newest = newest_end - 1
            return newest - newest % DAY_MS
        start = newest_end - DAY_MS
        return start - start % HOUR_MS


class _Sum(NamedTuple):
    """Summed trades: their ladder at a step, and their price times volume, in units of a grid."""

    levels: Levels
    turnover: int


class _Extent(NamedTuple):
    """The data to sum, as found in one hold of the lock."""

    revision: tuple[int, int]  # of the series and of the hourly levels
    grid: Grid
    start: int  # of the profile, ms
    newest: int  # open of the newest minute, ms
    last_time: int  # of the newest trade, ms
    memory_from: int  # first ms that the series knows
    gaps: tuple[tuple[int, int], ...]
    hours: tuple[HourLevels, ...]  # of the hourly levels, those that count
    taken: tuple[tuple[int, int], ...]  # (start, end) ms of memory that the hours include

    @property
    def hour(self) -> int:
        """Open of the newest hour, ms."""
        return self.newest - self.newest % HOUR_MS

    @property
    def plan(self) -> tuple[object, ...]:
        """While it is equal, and no minute changes, so is the sum of the hours before the newest."""
        opens = tuple(each.open_ts for each in self.hours)
        return self.revision[1], self.grid, self.start, self.hour, self.taken, opens


class _Ladder:
    """The ladder of one kind and step, in three parts: full hours, the newest hour's older minutes, the rest.

    A live market costs a merge with the newest minute, a closed minute a merge of at most sixty.
    """

    def __init__(
        self, lock: threading.Lock, series: Series, hourly: HourlyLevels, kind: ProfileKind, step: Decimal
    ) -> None:
        self._lock = lock
        self._series = series
        self._hourly = hourly
        self._kind = kind
        self._step = step
        self._revision = -1  # of the series, when the sums below were made
        self._plan: tuple[object, ...] = ()
        self._full = self._settled = _Sum(NO_LEVELS, 0)
        self._settled_to = 0  # open of the first minute that is in neither, ms

    def sum_up(self) -> tuple[_Extent, _Sum] | None:
        """The ladder and its extent; None before the first trade, or if hours pass too fast."""
        for _ in range(_TRIES):
            with self._lock:
                extent = self._extent()
                changed = self._series.changed_since(self._revision)
            if extent is None:
                return None
            self._settle(extent, extent.newest if changed is None else changed)
            self._revision = extent.revision[0]
            with self._lock:
                now = self._extent()
                # If an hour started or left since, the parts do not fit together.
                if now is None or now.plan != extent.plan:
                    continue
                newest = self._counted(extent, self._series.minutes(extent.newest))
                rest = self._sum(extent, [minute.level_array() for minute in newest])
            turnovers = self._full.turnover + self._settled.turnover + rest.turnover
            ladders = [self._full.levels, self._settled.levels, rest.levels]
            # With the first revision: the next call finds later changes of older minutes.
            now = now._replace(revision=extent.revision)
            return now, _Sum(bucket_levels(ladders, extent.grid.price.count(self._step)), turnovers)
        return None

    def _settle(self, extent: _Extent, changed: int) -> None:
        """Sum what changed from a minute (its open, ms) on, except for the newest minute."""
        if self._plan != extent.plan or changed < extent.hour:
            hours = [hour.levels for hour in extent.hours]
            self._full = self._sum(extent, [*hours, *self._minutes(extent, extent.start, extent.hour)])
            self._plan = extent.plan
            self._settled_to = 0
        if not extent.hour <= self._settled_to <= changed:
            self._settled, self._settled_to = _Sum(NO_LEVELS, 0), extent.hour
        added = self._sum(extent, self._minutes(extent, self._settled_to, extent.newest))
        ladder = bucket_levels([self._settled.levels, added.levels], extent.grid.price.count(self._step))
        self._settled = _Sum(ladder, self._settled.turnover + added.turnover)
        self._settled_to = extent.newest

    def _minutes(self, extent: _Extent, start: int, end: int) -> list[Levels]:
        """Ladders of the minutes that count, in short holds of the lock."""
        with self._lock:
            minutes = self._counted(extent, self._series.minutes(max(start, extent.start), end))
        ladders: list[Levels] = []
        for first in range(0, len(minutes), _AT_ONCE):
            with self._lock:
                ladders += [minute.level_array() for minute in minutes[first : first + _AT_ONCE]]
        return ladders

    @staticmethod
    def _counted(extent: _Extent, minutes: list[Minute]) -> list[Minute]:
        """Without minutes that the hours include."""
        return [
            minute
            for minute in minutes
            if not any(start <= minute.open_ts < end for start, end in extent.taken)
        ]

    def _sum(self, extent: _Extent, ladders: list[Levels]) -> _Sum:
        """Of ladders at the finest grain."""
        ladders = [NO_LEVELS, *ladders]
        step = extent.grid.price.count(self._step)
        return _Sum(bucket_levels(ladders, step), turnover(np.concatenate(ladders)))

    def _extent(self) -> _Extent | None:
        """Called with the lock held."""
        series, newest = self._series, self._series.newest
        if newest is None:
            return None
        start = self._kind.start(newest.end_ts)
        last_time = newest.path().last_time
        hours, taken = [], []
        for hour in self._hourly.hours(start, newest.end_ts):
            goes_on = resumes(hour, series.known_from, last_time + 1, series.gaps)
            if goes_on is not None:
                hours.append(hour)
                if goes_on > series.known_from:
                    taken.append((hour.open_ts, goes_on))
        return _Extent(
            revision=(series.revision, self._hourly.revision),
            grid=series.grid,
            start=start,
            newest=newest.open_ts,
            last_time=last_time,
            memory_from=series.known_from,
            gaps=tuple(series.gaps),
            hours=tuple(hours),
            taken=tuple(taken),
        )


class SessionProfiles:
    """The profiles of one series at one step, shared by all clients. Thread-safe.

    ``lock`` is the series' own; the series and the hourly levels are read in short holds of it.
    """

    def __init__(
        self,
        lock: threading.Lock,
        series: Series,
        hourly: HourlyLevels,
        step: Decimal,
        *,
        every_s: float = _EVERY_S,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._lock = threading.Lock()
        self._series_lock = lock
        self._step = step
        self._every_s = every_s
        self._clock = clock
        self._series = series
        self._hourly = hourly
        self._ladders = {kind: _Ladder(lock, series, hourly, kind, step) for kind in ProfileKind}
        self._found: dict[ProfileKind, tuple[_Extent, _Sum]] = {}
        self._next: dict[ProfileKind, float] = {}
        self._profiles: dict[tuple[ProfileKind, Rows], Profile] = {}

    def profile(self, kind: ProfileKind, rows: Rows = 2) -> Profile | None:
        """The profile, at most ten seconds old; None before the first trade.

        It is recomputed at once if older history has arrived. Returns the same object until it changes.
        ``rows``: how many rows the value area grows by at a time.
        """
        with self._lock:
            self._refresh(kind)
            if kind not in self._found:
                return None
            profile = self._profiles.get((kind, rows))
            if profile is None:
                extent, found = self._found[kind]
                step = extent.grid.price.count(self._step)
                profile = self._profiles[kind, rows] = _profile(extent, found, step, rows)
            return profile

    def _refresh(self, kind: ProfileKind) -> None:
        found = self._found.get(kind)
        now = self._clock()
        if found is not None and (
            found[0].revision == (self._series.revision, self._hourly.revision)
            or (now < self._next[kind] and not self._has_more_past(found[0]))
        ):
            return
        fresh = self._ladders[kind].sum_up()
        if fresh is not None and len(fresh[1].levels):  # else the last result stays
            self._found[kind] = fresh
            self._next[kind] = now + self._every_s
            self._profiles = {place: each for place, each in self._profiles.items() if place[0] is not kind}

    def _has_more_past(self, extent: _Extent) -> bool:
        if self._hourly.revision != extent.revision[1]:
            return True
        with self._series_lock:
            return self._series.known_from < extent.memory_from


def _profile(extent: _Extent, found: _Sum, step: int, rows: Rows) -> Profile:
    levels, end = found.levels, extent.last_time + 1
    _, bid, ask, _ = levels.sum(axis=0).tolist()
    low, high = value_area(levels, step, rows)
    kept_hours = [hour for hour in extent.hours if hour.known_ms]
    memory_from = max(extent.memory_from, extent.start)
    return Profile(
        start_ts=extent.start,
        end_ts=extent.newest + MINUTE_MS,
        grid=extent.grid,
        step=step,
        levels=levels,
        volume=bid + ask,
        delta=ask - bid,
        poc=point_of_control(levels),
        value_low=low,
        value_high=high,
        vwap=Fraction(found.turnover, bid + ask),
        known_from=min([memory_from, *(hour.known_from for hour in kept_hours)]),
        known_ms=sum(hour.known_ms for hour in kept_hours)
        + known_ms(memory_from, end, (*extent.gaps, *extent.taken)),
        elapsed_ms=end - extent.start,
        revision=extent.revision,
    )
