"""Waits between attempts."""

from __future__ import annotations

import random


class Backoff:
    """Waits that double from ``floor`` to ``ceiling`` seconds, each with jitter, never under the floor."""

    def __init__(self, floor: float, ceiling: float) -> None:
        self._floor = floor
        self._ceiling = ceiling
        self._failures = 0
        self._random = random.Random()  # noqa: S311 - spreads reconnects, guards nothing

    def next(self) -> float:
        """The next wait, s."""
        longest = min(self._ceiling, self._floor * 2 ** min(self._failures + 1, 32))
        self._failures += 1
        return self._random.uniform(self._floor, longest)

    def reset(self) -> None:
        """Start over after a success."""
        self._failures = 0
