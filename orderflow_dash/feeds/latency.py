"""The delay of trades: the time of their arrival minus the exchange's time of the trade.

Nothing is corrected: the lag includes a difference of the two clocks, which ``clock`` estimates. A frame
costs one ``append``; appended lags are counted once a second, all at once.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable
from itertools import pairwise
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt

# Upper bounds (ms, inclusive) of the histogram in ``/metrics``.
BUCKETS_MS: Final = (0, 5, 10, 25, 50, 100, 250, 500, 1_000, 2_500, 5_000, 10_000, 60_000)

_WINDOW_S: Final = 60.0
_SNAPSHOT_S: Final = 10.0
_FRESH_S: Final = 1.0  # a reading is recomputed at most this often

Counts = npt.NDArray[np.int64]


def _bounds() -> tuple[int, ...]:
    """Whole ms up to 20, then steps of 8 %, so that a quantile is off by 4 % at most; coarser below 0."""
    below = (-60_000, -10_000, -5_000, -2_500, -1_000, -500, -250, -100, -50, -25, -10, -1)
    above = [*range(21)]
    while above[-1] < BUCKETS_MS[-1]:
        above.append(round(above[-1] * 1.08))
    return tuple(sorted({*below, *above[:-1], *BUCKETS_MS}))


BOUNDS_MS: Final = _bounds()
_BOUNDS = np.array(BOUNDS_MS)
_BUCKETS = np.searchsorted(_BOUNDS, BUCKETS_MS)
_MIDDLES: Final = (
    BOUNDS_MS[0],
    *((below + 1 + bound) / 2 for below, bound in pairwise(BOUNDS_MS)),
    BOUNDS_MS[-1],
)


class LagReading(NamedTuple):
    """Lags of the last minute, ms, and of how many frames."""

    p50_ms: int
    p99_ms: int
    frames: int


class LagMeter:
    """Lags counted by ``BOUNDS_MS``, shape (len + 1,): each count is of lags up to its bound. Thread-safe.

    Call ``note(lag_ms)`` for every frame, and ``count`` about once a second.
    """

    __slots__ = ("_counts", "_lock", "_noted", "_sum_ms", "note")

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._noted: list[int] = []
        self._counts: Counts = np.zeros(len(BOUNDS_MS) + 1, dtype=np.int64)
        self._sum_ms = 0
        self.note: Callable[[int], None] = self._noted.append

    def count(self) -> tuple[Counts, int]:
        """The counts up to now, which callers must not change, and the sum of all lags, ms."""
        with self._lock:
            noted = self._noted[:]
            if noted:
                del self._noted[: len(noted)]
                places = np.searchsorted(_BOUNDS, noted)
                self._counts = self._counts + np.bincount(places, minlength=len(self._counts))
                self._sum_ms += sum(noted)
            return self._counts, self._sum_ms

    def take_over(self, other: LagMeter) -> None:
        """Add the counts of another meter."""
        counts, sum_ms = other.count()
        with self._lock:
            self._counts = self._counts + counts
            self._sum_ms += sum_ms


class LagWindow:
    """Quantiles of about the last minute, from counts that only grow. It costs nothing between readings.

    After a minute without a reading the first one is None: no snapshot is recent enough.
    """

    def __init__(self, counts: Callable[[], Counts], clock: Callable[[], float] = time.monotonic) -> None:
        self._counts = counts
        self._clock = clock
        self._lock = threading.Lock()
        self._snapshots: deque[tuple[float, Counts]] = deque([(clock(), counts())])
        self._reading: LagReading | None = None
        self._read_at = -_FRESH_S

    def reading(self) -> LagReading | None:
        """The last minute's quantiles; None without trades or without a recent snapshot."""
        with self._lock:
            now = self._clock()
            if now - self._read_at >= _FRESH_S:
                self._read_at = now
                self._reading = self._read(now)
            return self._reading

    def _read(self, now: float) -> LagReading | None:
        counts = self._counts()
        snapshots = self._snapshots
        while snapshots and now - snapshots[0][0] > _WINDOW_S + _SNAPSHOT_S:
            snapshots.popleft()
        before = snapshots[0][1] if snapshots else counts
        if not snapshots or now - snapshots[-1][0] >= _SNAPSHOT_S:
            snapshots.append((now, counts))
        return read(counts - before)


def read(counts: Counts) -> LagReading | None:
    """The quantiles of counts by ``BOUNDS_MS``; None where there are none."""
    reached = np.cumsum(counts)
    frames = int(reached[-1])
    if not frames:
        return None
    p50, p99 = (_MIDDLES[int(np.searchsorted(reached, share * frames))] for share in (0.5, 0.99))
    return LagReading(round(p50), round(p99), frames)


def histogram_buckets(counts: Counts) -> list[tuple[str, float]]:
    """The counts for ``/metrics``: upper bound in seconds, and how many lags are at most that."""
    reached = np.cumsum(counts)
    places = zip(BUCKETS_MS, _BUCKETS, strict=True)
    buckets = [(str(bound / 1000), float(reached[at])) for bound, at in places]
    return [*buckets, ("+Inf", float(reached[-1]))]
