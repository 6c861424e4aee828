"""How often a symbol trades, and so how long a silence is still normal."""

from __future__ import annotations

_WEIGHT = 0.02  # of the newest gap in the running mean
_FACTOR = 25.0  # a silence this many mean gaps long is out of rhythm, bursts included
_UNKNOWN_S = 30.0  # before a rhythm is known
_SHORTEST_S = 8.0
_LONGEST_S = 1_800.0
_LEARNED = 5  # gaps until the rhythm is believed


class StaleDetector:
    """Running rhythm of one symbol's trades on the local clock (seconds, monotonic)."""

    def __init__(self) -> None:
        self.last: float | None = None  # when the newest trade came
        self._mean = 0.0
        self._longest = 0.0
        self._gaps = 0

    def record(self, now: float) -> None:
        """Trades came."""
        if self.last is not None:
            gap = now - self.last
            self._gaps += 1
            # Early on a plain mean, then a running one.
            self._mean += (gap - self._mean) * max(_WEIGHT, 1 / self._gaps)
            self._longest = max(gap, self._longest * (1 - _WEIGHT / 10))
        self.last = now

    @property
    def threshold_s(self) -> float:
        """Seconds of silence that are still normal."""
        if self._gaps < _LEARNED:
            return min(max(_UNKNOWN_S, 3 * self._longest), _LONGEST_S)
        return min(max(_SHORTEST_S, _FACTOR * self._mean, 2 * self._longest), _LONGEST_S)

    def reset(self) -> None:
        """The connection broke: the next gap says nothing about the market."""
        self.last = None
