"""Detects a stale symbol by how often it usually trades."""

from __future__ import annotations

_WEIGHT = 0.02  # of the newest interval in the running mean
_FACTOR = 25.0  # mean intervals of silence that are stale, bursts included
_UNKNOWN_S = 30.0  # threshold until enough intervals are known
_SHORTEST_S = 8.0
_LONGEST_S = 1_800.0
_LEARNED = 5  # intervals until the mean is used


class StaleDetector:
    """Intervals between one symbol's trades on the local clock (seconds, monotonic)."""

    def __init__(self) -> None:
        self.last: float | None = None  # when the newest trade came
        self._mean = 0.0
        self._longest = 0.0
        self._intervals = 0

    def record(self, now: float) -> None:
        """Note the arrival of trades."""
        if self.last is not None:
            interval = now - self.last
            self._intervals += 1
            # A plain mean at first, then a running one.
            self._mean += (interval - self._mean) * max(_WEIGHT, 1 / self._intervals)
            self._longest = max(interval, self._longest * (1 - _WEIGHT / 10))
        self.last = now

    @property
    def threshold_s(self) -> float:
        """Seconds of silence after which the symbol is stale."""
        if self._intervals < _LEARNED:
            return min(max(_UNKNOWN_S, 3 * self._longest), _LONGEST_S)
        return min(max(_SHORTEST_S, _FACTOR * self._mean, 2 * self._longest), _LONGEST_S)

    def reset(self) -> None:
        """Forget the last trade: the connection broke, so the next interval would say nothing."""
        self.last = None
