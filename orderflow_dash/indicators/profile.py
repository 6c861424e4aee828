"""The volume profile of a time span: its value area, its VWAP, and how much of it is known."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from orderflow_dash.footprint.measures import point_of_control
from orderflow_dash.footprint.minute import Ints, Levels
from orderflow_dash.market import Grid

VALUE_AREA_PERCENT = 70
_INT64 = 1 << 63


@dataclass(frozen=True, slots=True, eq=False)
class Profile:
    """Volume by price of ``[start_ts, end_ts)``, as far as it is known; units of its grid and ms, exact.

    ``known_ms`` of the ``elapsed_ms`` from the start through the newest trade are known; the first
    millisecond known is ``known_from``.
    """

    start_ts: int
    end_ts: int
    grid: Grid
    step: int  # price units
    levels: Levels  # rows of ``step``, at least one
    volume: int
    delta: int  # ask volume less bid volume
    poc: int
    value_low: int  # lowest and highest row of the value area
    value_high: int
    vwap: Fraction  # price units, from trade prices, independent of the step
    known_from: int
    known_ms: int
    elapsed_ms: int
    revision: tuple[int, int]  # of the series and of the hourly levels

    @property
    def known_share(self) -> float:
        """The known share of the time, 0 to 1."""
        return self.known_ms / self.elapsed_ms


def value_area(levels: Levels, step: int, rows: int = 2) -> tuple[int, int]:
    """Lowest and highest row (price units) around the POC that hold 70 % of the volume.

    ``levels``: shape (k, 4), k > 0, on multiples of ``step``, each with volume > 0; the rows without
    trades between them have volume 0. From the POC the larger of the next ``rows`` rows above or below is
    added, both rows of a pair at a time, until 70 % are reached. Tie: the side that reaches less far from
    the POC, then the lower. At the end of the range an incomplete pair counts as one.
    """
    volume = levels[:, 1] + levels[:, 2]
    poc = point_of_control(levels)
    distance = (levels[:, 0] - poc) // step
    middle = int(np.flatnonzero(distance == 0)[0])
    above = _turns(distance[:middle][::-1], volume[:middle][::-1], rows)
    below = _turns(-distance[middle + 1 :], volume[middle + 1 :], rows)
    held, wanted = 100 * int(volume[middle]), VALUE_AREA_PERCENT * int(volume.sum())
    up = down = a = b = 0  # turns taken on either side, and how many of them had levels
    while held < wanted:
        more_above = above[a][1] if above[a][0] <= up else 0
        more_below = below[b][1] if below[b][0] <= down else 0
        if not max(more_above, more_below):
            up, down = _beyond_empty(up, above[a][0], down, below[b][0])
        elif more_above > more_below or (more_above == more_below and up < down):
            held += 100 * more_above
            up, a = up + 1, a + 1
        else:
            held += 100 * more_below
            down, b = down + 1, b + 1
    low = max(poc - down * rows * step, int(levels[-1, 0]))
    return low, min(poc + up * rows * step, int(levels[0, 0]))


def _turns(distance: Ints, volume: Ints, rows: int) -> list[tuple[int, int]]:
    """(number, volume) of a side's turns that have volume, nearest first, and (-1, -1) as their end.

    Turn 0 adds the ``rows`` rows next to the POC, turn 1 those behind them, and so on.
    """
    if not len(distance):
        return [(-1, -1)]
    turn = (distance - 1) // rows
    starts = np.flatnonzero(np.concatenate(([True], turn[1:] != turn[:-1])))
    summed = zip(turn[starts].tolist(), np.add.reduceat(volume, starts).tolist(), strict=True)
    return [*((number, volume) for number, volume in summed if volume), (-1, -1)]


def _beyond_empty(up: int, next_up: int, down: int, next_down: int) -> tuple[int, int]:
    """Turns taken on either side after passing rows without levels; ``next_*`` has levels, -1: no more.

    In one go: a price far away must not cost a million turns. Empty sides are taken in turn, the one that
    reaches less far first, else the lower, until one of them has a level next.
    """
    if next_up < 0:
        return up, next_down
    if next_down < 0:
        return next_up, down
    if up < down:
        return min(next_up, down), down
    if down < up:
        return up, min(next_down, up)
    both = min(next_up - up, next_down - down) - 1
    return (up + both, down + both) if both > 0 else (up, down + 1)


def turnover(levels: Levels) -> int:
    """Sum of price times volume, units of both, shape (k, 4); never overflows."""
    if not len(levels):
        return 0
    price, volume = levels[:, 0], levels[:, 1] + levels[:, 2]
    if int(abs(price).max()) * int(volume.sum()) < _INT64:
        return int(price @ volume)
    return sum(each * amount for each, amount in zip(price.tolist(), volume.tolist(), strict=True))
