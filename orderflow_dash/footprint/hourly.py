"""Hours before a series' window: one ladder each, at the finest grain."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple

import numpy as np

from orderflow_dash.footprint.bulk import merge_rows
from orderflow_dash.footprint.minute import Levels, refined_levels
from orderflow_dash.footprint.series import Series
from orderflow_dash.market import HOUR_MS, MINUTE_MS, Scale

KEPT_HOURS: Final = 25  # a day, and the hour in which it starts
_SUMMABLE: Final = 1 << 62
_BYTES: Final = 400  # of an hour without its levels, as Python holds it
NO_LEVELS: Final[Levels] = np.empty((0, 4), dtype=np.int64)


class HourLevels(NamedTuple):
    """One hour; ``known_ms`` of it are known, all of them in ``[known_from, known_to)`` (ms)."""

    open_ts: int
    levels: Levels
    known_ms: int
    known_from: int
    known_to: int


class HourlyLevels:
    """The newest 25 hours of one instrument, added in any order. Not thread-safe: the owner holds a lock."""

    def __init__(self) -> None:
        self.revision = 0  # rises with every change
        self._hours: dict[int, HourLevels] = {}

    def put(self, open_ts: int, levels: Levels, known_ms: int, span: tuple[int, int] | None = None) -> None:
        """Keep an hour: its ladder on the series' grid, shape (k, 4), and how many of its ms are known.

        ``span``: first ms known and the first after the last known; by default the whole hour. Minutes in
        memory after the span count in addition. Of two versions of an hour the one known for longer is
        kept, or else the newer. Raises ValueError if the figures do not fit an hour.
        """
        known_from, known_to = span or (open_ts, open_ts + HOUR_MS)
        if open_ts % HOUR_MS or not 0 <= known_ms <= known_to - known_from <= HOUR_MS:
            raise ValueError(
                f"invalid stored hour: opens at {open_ts}, {known_ms} ms known of {known_from} to {known_to}"
            )
        there = self._hours.get(open_ts)
        newest = max(self._hours, default=open_ts)
        if open_ts <= newest - KEPT_HOURS * HOUR_MS or (there is not None and there.known_ms > known_ms):
            return
        self._hours[open_ts] = HourLevels(open_ts, levels, known_ms, known_from, known_to)
        for old in [each for each in self._hours if each <= open_ts - KEPT_HOURS * HOUR_MS]:
            del self._hours[old]
        self.revision += 1

    def refine(self, scale: Scale) -> None:
        """Convert to a finer grid. Drops an hour whose sums would exceed 64 bits."""
        for open_ts, hour in list(self._hours.items()):
            volume = int(hour.levels[:, 1:3].sum())
            price = int(hour.levels[:, 0].max(initial=0))
            if max(volume * scale.quantity, price * scale.price) < _SUMMABLE:
                self._hours[open_ts] = hour._replace(levels=refined_levels(hour.levels, scale))
            else:
                del self._hours[open_ts]
        self.revision += 1

    def hours(self, start: int, end: int) -> list[HourLevels]:
        """Hours with ``start <= open_ts < end`` (ms), old to new."""
        return [self._hours[open_ts] for open_ts in sorted(self._hours) if start <= open_ts < end]

    def held_bytes(self) -> int:
        """Estimated size of its hours in memory; may be called without the lock."""
        return sum(_BYTES + int(hour.levels.nbytes) for hour in list(self._hours.values()))

    def take_over(self, series: Series, hour: int) -> None:
        """Keep the hour (its open, ms) that a series is about to drop, and hours without trades before it."""
        known_from = series.known_from
        oldest = max(known_from - known_from % HOUR_MS, hour - KEPT_HOURS * HOUR_MS)
        for open_ts in range(oldest, hour + 1, HOUR_MS):
            end = open_ts + HOUR_MS
            levels, known, known_from = NO_LEVELS, 0, max(series.known_from, open_ts)
            start_ts = open_ts
            for there in self.hours(open_ts, end):
                resumed = resumes(there, series.known_from, end, series.gaps)
                if resumed is not None:
                    levels, known, start_ts = there.levels, there.known_ms, resumed
                    known_from = min(known_from, there.known_from)
            minutes = [minute.level_array() for minute in series.minutes(start_ts, end)]
            known += known_ms(max(series.known_from, start_ts), end, series.gaps)
            self.put(open_ts, merge_rows(np.concatenate([levels, *minutes])), known, (known_from, end))


def resumes(hour: HourLevels, memory_from: int, end: int, gaps: Sequence[tuple[int, int]]) -> int | None:
    """The minute (ms) from which memory counts beside an hour kept here; None: memory alone counts.

    Trades must not count twice, and a ladder cannot be cut. So up to ``end`` the hour is either memory
    alone, or these levels and the minutes in memory after them, whichever knows more.
    """
    end = min(end, hour.open_ts + HOUR_MS)
    after = min(-(-hour.known_to // MINUTE_MS) * MINUTE_MS, hour.open_ts + HOUR_MS)
    if memory_from >= after:
        return after
    alone = known_ms(max(memory_from, hour.open_ts), end, gaps)
    both = hour.known_ms + known_ms(max(memory_from, after), end, gaps)
    return after if both > alone else None


def known_ms(start: int, end: int, gaps: Sequence[tuple[int, int]]) -> int:
    """Milliseconds of ``[start, end)`` outside all gaps; the trades at a gap's two ends are known."""
    known, known_to = 0, start
    for after, before in sorted(gaps):
        if before > known_to:
            known += max(min(after, end) - known_to, 0)
            known_to = before
    return known + max(end - known_to, 0)
