"""An estimate of a venue's clock, with its accuracy and its difference from this server's clock.

The estimate runs on the monotonic clock, so a step of this server's clock does not move it. Time requests to
the venue anchor it. A single trade time proves nothing: only a run of trade times that agree over some
seconds moves the estimate, because one wrong frame must not.
"""

from __future__ import annotations

import contextlib
import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, NamedTuple

from orderflow_dash.exchanges.protocol import AHEAD_MS
from orderflow_dash.feeds.rest import RestError

TIME_DEADLINE_S: Final = 3.0  # a slower answer is too inexact, and a frame may wait for it
_KEPT: Final = 10  # answers; the fastest that agrees with the newest is the most exact
_OLD_S: Final = 900.0
_DRIFT: Final = 0.001  # two clocks drift by less than this share of the time between two answers
_RUN: Final = 5  # consecutive trade times that must agree
_RUN_S: Final = 2.0  # over at least this time
_RUN_PAUSE_S: Final = 10.0  # and none further apart than this
_EARLY_MS: Final = 1_000
_ASK_AGAIN_S: Final = 5.0  # after an answer that did not confirm a trade's time
_TRUSTED_S: Final = 10.0  # an estimate by trades overrides the venue's answers while trades confirm it
_REPORTED_S: Final = 60.0  # a refused time is reported this long
_FAR_MS: Final = 600_000  # a difference from here on is reported


class ClockReading(NamedTuple):
    """``skew_ms``: the venue's clock minus this server's, exact to ``within_ms``, half of the round trip."""

    skew_ms: int
    within_ms: int


class _Answer(NamedTuple):
    at: float  # monotonic, s
    round_trip: float  # ms
    base: float  # the venue's time minus the monotonic clock, ms


@dataclass(slots=True)
class _Run:
    """Consecutive trade times that agree with each other and not with the estimate."""

    started: float  # monotonic, s
    seen: float
    first: int  # ms
    last: int
    count: int = 1


class VenueClock:
    """The estimate of one venue's clock. Thread-safe.

    ``ask`` requests the venue's time (ms); it raises RestError or ValueError, and is None if the venue has no
    such request. Before the first answer the estimate is this server's clock. Every attribute belongs to
    the one estimate: they change together, under its lock.
    """

    def __init__(
        self, clock: Callable[[], float] = time.monotonic, wall: Callable[[], float] = time.time
    ) -> None:
        self.ask: Callable[[], int] | None = None
        self._clock = clock
        self._wall = wall
        self._lock = threading.Lock()
        self._answers: deque[_Answer] = deque(maxlen=_KEPT)
        self._base: float | None = None  # ms, as in _Answer
        self._within = 1.0  # ms
        self._known_at = 0.0  # monotonic, s: when the estimate was last anchored
        self._is_by_trades = False
        self._agreed_at = 0.0  # monotonic, s: when a trade last agreed with an estimate by trades
        self._run: _Run | None = None
        self._early: list[int] = []
        self._ask_at = 0.0
        self._disproved = 0  # ms: how far ahead the last time was that the venue did not confirm
        self._refused: tuple[float, int] | None = None  # when (s), and how far ahead the time was (ms)

    def now(self) -> int:
        """The venue's time, ms."""
        base = self._base
        return int(self._wall() * 1000 if base is None else base + self._clock() * 1000)

    def reading(self) -> ClockReading | None:
        """The clocks' difference now; None without an answer in the last 15 minutes."""
        if self._base is None or self._clock() - self._known_at >= _OLD_S:
            return None
        return ClockReading(round(self.now() - self._wall() * 1000), max(1, round(self._within)))

    def difference(self) -> str:
        """A sentence if the clocks are ten minutes apart or more; empty otherwise."""
        reading = self.reading()
        if reading is None or abs(reading.skew_ms) < _FAR_MS:
            return ""
        direction = "ahead of" if reading.skew_ms > 0 else "behind"
        return f"the venue's clock is {_duration(abs(reading.skew_ms))} {direction} this server's"

    def disbelief(self) -> str:
        """A sentence if trades were refused for their time within the last minute; empty otherwise."""
        refused = self._refused
        if refused is None or self._clock() - refused[0] > _REPORTED_S:
            return ""
        return f"a trade's time is {_duration(refused[1])} ahead of the venue's clock and is not believed"

    # -- evidence ----------------------------------------------------------------------------

    def measure(self) -> None:
        """Request the time twice: the first request may have to open the connection. Raises as ``ask``."""
        if self.ask is not None:
            self.ask()
            self._ask_once(self.ask)

    def note(self, asked: float, answered: float, theirs: int) -> None:
        """Take an answer: when it was requested and arrived (monotonic, s), and the venue's time in it (ms).

        The venue is assumed to have read its clock half-way. Earlier answers that contradict it are dropped.
        """
        answer = _Answer(answered, (answered - asked) * 1000, theirs - (asked + answered) * 500)
        with self._lock:
            self._answers.append(answer)
            agreeing = [each for each in self._answers if _agree(each, answer)]
            self._answers = deque(agreeing, maxlen=_KEPT)
            best = min(agreeing, key=lambda each: each.round_trip)
            if self._is_by_trades and answered - self._agreed_at < _TRUSTED_S:
                assert self._base is not None  # noqa: S101 - trades have set it
                if abs(best.base - self._base) > AHEAD_MS:
                    return  # candles follow the trades' own times
            self._anchor(best.base, best.round_trip / 2, answered, is_by_trades=False)

    def saw(self, time_ms: int) -> None:
        """Take the time of a frame's newest trade: the estimate follows times that agree."""
        now = self._clock()
        apart = time_ms - self.now()
        if apart <= AHEAD_MS and (apart >= -_FAR_MS or not self._is_by_trades):
            self._run = None
            self._agreed_at = now
            if apart > _EARLY_MS:
                self._follow(time_ms, now)
            return
        with self._lock:
            run = self._run
            if run is None or abs(time_ms - run.last) > AHEAD_MS or now - run.seen > _RUN_PAUSE_S:
                self._run = _Run(now, now, time_ms, time_ms)
                return
            run.seen = now
            if time_ms > run.last:  # a repeat proves nothing
                run.last, run.count = time_ms, run.count + 1
            elapsed = now - run.started
            # A clock runs, unlike a few frames with the same wrong time.
            if run.count >= _RUN and elapsed >= _RUN_S and run.last - run.first >= elapsed * 250:
                self._run = None
                self._agreed_at = now
                self._anchor(run.last - now * 1000, _EARLY_MS, now, is_by_trades=True)

    def admits(self, time_ms: int) -> bool:
        """Whether a trade time ahead of the estimate can be true; asks the venue, within limits."""
        now, apart = self._clock(), time_ms - self.now()
        # A time far closer than the one just disproved may still be true.
        may_ask = now >= self._ask_at or apart < self._disproved / 2
        if self.ask is not None and may_ask and not self._reaches(time_ms):
            with contextlib.suppress(RestError, ValueError):  # then only trades can show it
                self._ask_once(self.ask)
            if not self._reaches(time_ms):
                self._ask_at = self._clock() + _ASK_AGAIN_S
                self._disproved = apart
        if not self._reaches(time_ms):
            self.saw(time_ms)
        if self._reaches(time_ms):
            return True
        self._refused = now, time_ms - self.now()
        return False

    def _reaches(self, time_ms: int) -> bool:
        return time_ms <= self.now() + AHEAD_MS

    def _ask_once(self, ask: Callable[[], int]) -> None:
        asked = self._clock()
        theirs = ask()
        self.note(asked, self._clock(), theirs)

    def _follow(self, time_ms: int, now: float) -> None:
        """Move the estimate to the earliest of three plausible times ahead of it."""
        with self._lock:
            self._early.append(time_ms)
            if len(self._early) == 3:
                base = min(self._early) - now * 1000
                self._early.clear()
                if self._base is not None and base > self._base:
                    self._base = base

    def _anchor(self, base: float, within: float, at: float, *, is_by_trades: bool) -> None:
        self._base, self._within, self._known_at = base, within, at
        self._is_by_trades = is_by_trades
        self._early.clear()


def _agree(one: _Answer, other: _Answer) -> bool:
    """Whether two answers fit one clock that was not set in between."""
    doubt = (one.round_trip + other.round_trip) / 2 + abs(one.at - other.at) * 1000 * _DRIFT + 2
    return abs(one.base - other.base) <= doubt


def _duration(ms: int) -> str:
    """``2 d 0 h``, ``3 h 20 min`` or ``12 min``, rounded to the last of them."""
    minutes = round(ms / 60_000)
    if minutes >= 24 * 60:
        days, hours = divmod(round(ms / 3_600_000), 24)
        return f"{days} d {hours} h"
    hours, rest = divmod(minutes, 60)
    return f"{hours} h {rest} min" if hours else f"{minutes} min"
