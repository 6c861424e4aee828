"""How far a venue's clock and ours are apart, from its answers to "what time is it?"."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable
from typing import Final, NamedTuple

_KEPT: Final = 10  # answers; the quickest of them tells most
_OLD_S: Final = 900.0


class ClockReading(NamedTuple):
    """``skew_ms``: the venue's clock less ours. It is true to ``within_ms``, half of the round trip."""

    skew_ms: int
    within_ms: int


class _Answer(NamedTuple):
    at: float  # monotonic
    round_trip: float  # ms
    skew: float  # ms


class VenueClock:
    """Keeps the newest answers. Written by one thread, read by any."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._answers: deque[_Answer] = deque(maxlen=_KEPT)

    def note(self, asked_ms: float, answered_ms: float, theirs_ms: int) -> None:
        """An answer: our times of the question and of its coming, and the time that it tells.

        The venue is taken to have read its clock half-way.
        """
        skew = theirs_ms - (asked_ms + answered_ms) / 2
        self._answers.append(_Answer(self._clock(), answered_ms - asked_ms, skew))

    def reading(self) -> ClockReading | None:
        """By the quickest of the newest answers; None where there is none of the last quarter of an hour."""
        now = self._clock()
        fresh = [answer for answer in tuple(self._answers) if now - answer.at < _OLD_S]
        if not fresh:
            return None
        best = min(fresh, key=lambda answer: answer.round_trip)
        return ClockReading(round(best.skew), max(1, round(best.round_trip / 2)))
