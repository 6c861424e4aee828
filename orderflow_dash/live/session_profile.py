"""The session's volume profile of a live series, out of memory and hourly, at the cost of what changed."""

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

_AT_ONCE: Final = 16  # minutes read in one hold of the lock
_TRIES: Final = 3  # a replay at full speed passes an hour in less time than its reading takes
_EVERY_S: Final = 10.0  # a profile that is looked at is computed and drawn anew at most so often


class ProfileKind(StrEnum):
    """Which time a profile covers; the value is what the page calls it."""

    SESSION = "session"
    DAY = "24h"

    def start(self, newest_end: int) -> int:
        """Start (ms) of the time that ends with the newest minute (its end, ms), always a full hour.

        ``session``: the UTC day. ``24h``: the 24 hours before, begun at the full hour: the hour that
        they would cut is in it whole, because hours on the hourly levels cannot be cut.
        """
        if self is ProfileKind.SESSION:
            newest = newest_end - 1
            return newest - newest % DAY_MS
        start = newest_end - DAY_MS
        return start - start % HOUR_MS


class _Sum(NamedTuple):
    """Trades summed up: their ladder at a step, and price times volume of each, in units of a grid."""

    levels: Levels
    turnover: int


class _Extent(NamedTuple):
    """What there is to sum up, as found in one hold of the lock."""

    revision: tuple[int, int]  # of the series and of the hourly levels
    grid: Grid
    start: int  # of the profile, ms
    newest: int  # open of the newest minute, ms
    last_time: int  # of the newest trade, ms
    memory_from: int  # first ms that the series knows
    gaps: tuple[tuple[int, int], ...]
    hours: tuple[HourLevels, ...]  # of the hourly levels, those that count
    taken: tuple[tuple[int, int], ...]  # (start, end) ms of memory that counts on the hourly levels already

    @property
    def hour(self) -> int:
        """Open of the newest hour, ms."""
        return self.newest - self.newest % HOUR_MS

    @property
    def plan(self) -> tuple[object, ...]:
        """While it stands, and no minute changes, the hours before the newest sum up to the same."""
        opens = tuple(each.open_ts for each in self.hours)
        return self.revision[1], self.grid, self.start, self.hour, self.taken, opens


class _Ladder:
    """The ladder of one kind and step: full hours, the newest hour's older minutes and the rest, kept apart.

    So a live market costs a merge with the newest minute, a closed minute a merge of at most sixty.
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
        """The ladder and what it covers; None before the first trade, or where hours pass too fast."""
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
                # An hour may have begun or gone meanwhile: then what was summed up is no longer a whole.
                if now is None or now.plan != extent.plan:
                    continue
                newest = self._counted(extent, self._series.minutes(extent.newest))
                rest = self._sum(extent, [minute.level_array() for minute in newest])
            turnovers = self._full.turnover + self._settled.turnover + rest.turnover
            ladders = [self._full.levels, self._settled.levels, rest.levels]
            # With the first revision: what an older minute got meanwhile is found the next time.
            now = now._replace(revision=extent.revision)
            return now, _Sum(bucket_levels(ladders, extent.grid.price.count(self._step)), turnovers)
        return None

    def _settle(self, extent: _Extent, changed: int) -> None:
        """Sum up anew what changed from a minute (its open, ms) on, but for the newest minute."""
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
        """Ladders of the minutes that count; the lock is never held for long."""
        with self._lock:
            minutes = self._counted(extent, self._series.minutes(max(start, extent.start), end))
        ladders: list[Levels] = []
        for first in range(0, len(minutes), _AT_ONCE):
            with self._lock:
                ladders += [minute.level_array() for minute in minutes[first : first + _AT_ONCE]]
        return ladders

    @staticmethod
    def _counted(extent: _Extent, minutes: list[Minute]) -> list[Minute]:
        """Without those that count on the hourly levels."""
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
    """The profiles of one series at one step, shared by everybody who looks. Thread-safe.

    ``lock`` is the series' own; what it and the hourly levels hold is read in short holds of it.
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
        """The profile as it was within the last ten seconds; None before the first trade.

        Where more of the past has come meanwhile, from the venue or a store, it is that of now.

        ``rows``: how many the value area grows by at a time. The same object comes back as long as
        nothing changed.
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
        if fresh is not None and len(fresh[1].levels):  # else what was found before stays
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
