"""The volume profile of a stretch of time: its value area, its VWAP, and how much of it is known."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

from .measures import point_of_control
from .minute import Levels

VALUE_AREA_PERCENT = 70
_INT64 = 1 << 63


@dataclass(frozen=True, slots=True, eq=False)
class Profile:
    """Volume by price of ``[start_ts, end_ts)``, as far as it is known. Ticks, lots and ms, exact.

    ``known_ms`` of the ``elapsed_ms`` from the start through the newest trade are known; the first
    millisecond known is ``known_from``.
    """

    start_ts: int
    end_ts: int
    step: int  # ticks
    levels: Levels  # rows of ``step`` ticks, at least one
    volume: int
    delta: int  # ask volume less bid volume
    poc: int
    value_low: int  # lowest and highest row of the value area
    value_high: int
    vwap: Fraction  # ticks, of the trades' own prices, whatever the step
    known_from: int
    known_ms: int
    elapsed_ms: int
    revision: tuple[int, int]  # of the series and of the shelf that it shows

    @property
    def known_share(self) -> float:
        """How much of the time is known, 0 to 1."""
        return self.known_ms / self.elapsed_ms


def value_area(levels: Levels, step: int, rows: int = 2) -> tuple[int, int]:
    """Lowest and highest row (ticks) around the POC that hold 70 % of the volume.

    ``levels``: shape (k, 4), k > 0, on multiples of ``step``; the rows without trades between them have
    volume 0. From the POC the larger of the next ``rows`` rows above or below is added, both rows of a
    pair at a time, until 70 % are reached. Tie: the side that reaches less far from the POC, then the
    lower. At the end of the range what is left of a pair counts as one.
    """
    volume = (levels[:, 1] + levels[:, 2]).tolist()
    poc = point_of_control(levels)
    distance = ((levels[:, 0] - poc) // step).tolist()
    middle = distance.index(0)
    wanted = VALUE_AREA_PERCENT * sum(volume)
    held = volume[middle]
    above = _Side(distance[:middle][::-1], volume[:middle][::-1], rows)
    below = _Side([-each for each in distance[middle + 1 :]], volume[middle + 1 :], rows)
    while 100 * held < wanted:
        _skip_empty(above, below)
        if below.is_done or (not above.is_done and above.beats(below)):
            held += above.take()
        else:
            held += below.take()
    return poc - below.reach * step, poc + above.reach * step


class _Side:
    """The rows on one side of the POC, by their distance from it in rows, nearest first."""

    def __init__(self, distances: list[int], volumes: list[int], rows: int) -> None:
        self._distances = distances
        self._volumes = volumes
        self._rows = rows
        self._next = 0  # of the levels, the nearest that is not taken
        self.reach = 0  # rows taken, empty ones too
        self._find()

    def take(self) -> int:
        """Add the next rows; their volume."""
        volume = self._volume
        self.reach = min(self.reach + self._rows, self._distances[-1])
        self._next = self._after
        self._find()
        return volume

    def beats(self, lower: _Side) -> bool:
        """Whether the next rows of this side, the upper one, come before those of the lower one."""
        return (self._volume, lower.reach) > (lower._volume, self.reach)

    @property
    def is_done(self) -> bool:
        """Whether no row is left."""
        return self._next == len(self._distances)

    @property
    def empty(self) -> int:
        """How often the next rows are without any level."""
        return (self._distances[self._next] - 1 - self.reach) // self._rows

    def skip(self, times: int) -> None:
        """Take rows without levels so many times."""
        if times:
            self.reach += times * self._rows
            self._find()

    def _find(self) -> None:
        """Sum up the next rows."""
        edge, after, volume = self.reach + self._rows, self._next, 0
        while after < len(self._distances) and self._distances[after] <= edge:
            volume += self._volumes[after]
            after += 1
        self._after, self._volume = after, volume


def _skip_empty(above: _Side, below: _Side) -> None:
    """Pass wide stretches without a level in one go: a price far away must not cost a million turns.

    As long as both sides are empty they are taken in turn, so as many of each can be taken at once, but
    for the last: a level that then comes next on one side goes before the other's.
    """
    if above.is_done or below.is_done:
        rest = below if above.is_done else above
        if not rest.is_done:
            rest.skip(rest.empty)
    elif abs(above.reach - below.reach) < above._rows:
        times = max(min(above.empty, below.empty) - 1, 0)
        above.skip(times)
        below.skip(times)


def turnover(levels: Levels) -> int:
    """Sum of price times volume, ticks times lots, shape (k, 4); never overflows."""
    if not len(levels):
        return 0
    price, volume = levels[:, 0], levels[:, 1] + levels[:, 2]
    if int(abs(price).max()) * int(volume.sum()) < _INT64:
        return int(price @ volume)
    return sum(each * amount for each, amount in zip(price.tolist(), volume.tolist(), strict=True))
