"""The state of playing a recording: its clock, and the served prints of each symbol."""

from __future__ import annotations

import math
from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

from orderflow_dash.simulator.market.contract import DayBefore
from orderflow_dash.simulator.market.source import Listing
from orderflow_dash.simulator.market.tape import Print, Tape
from orderflow_dash.simulator.recordings.recording import Recording

_KEEP_MINUTES = 50_000  # a month
_QUOTES = ("USDT", "USDC", "BUSD", "USD")


class PlaybackClock:
    """Recorded time. It is stopped until the first listener, and while paused."""

    def __init__(self, at: float) -> None:
        self.at = at  # ms, when it was last set
        self.started = False
        self._since: float | None = None  # the same instant of the steady clock, s; None while stopped

    def position(self, wall: float, speed: float) -> float:
        """Recorded time, ms, at a time of the steady clock."""
        return self.at if self._since is None else self.at + (wall - self._since) * 1000 * speed

    def set(self, at: float, wall: float | None) -> None:
        """Continues from a recorded time; without a wall time, stops there."""
        self.at, self._since = at, wall


@dataclass
class Playback:
    """The state of playing one symbol."""

    recording: Recording
    clock: PlaybackClock
    tape: Tape
    coming: Iterator[tuple[Print, int]]
    next: tuple[Print, int] | None
    start_row: int
    before: DayBefore | None
    event_ms: int = 0  # of the newest print
    stops: array[int] = field(default_factory=lambda: array("q"))  # by print: rows played up to its end
    numbers: array[int] = field(default_factory=lambda: array("q"))  # by print: its id

    @property
    def row(self) -> int:
        """The number of played rows."""
        return self.stops[-1] if self.stops else self.start_row

    def last_id_before(self, row: int) -> int:
        """The id of the last print that was made of rows before one (not the first)."""
        if self.recording.aggregates:
            return int(self.recording.rows.ids[row - 1])
        at = bisect_right(self.stops, row)
        if at:
            return self.numbers[at - 1]
        return (self.numbers[0] if self.numbers else self.tape.first_id) - 1

    def served(self, low: int, high: int) -> list[Print]:
        """The prints at positions ``low <= i < high`` among all served, whatever the tape still holds."""
        low, high = max(0, low), min(high, len(self.numbers))
        row = self.stops[low - 1] if low else self.start_row
        numbers = self.numbers[low:high]
        made = zip(numbers, self.recording.prints(row), strict=False)
        return [trade._replace(id=number) for number, (trade, _) in made]

    def by_id(self, first: int, last: int, limit: int) -> list[Print]:
        """At most ``limit`` of the prints served, from one id on up to another, both included."""
        low = bisect_left(self.numbers, first)
        return self.served(low, min(bisect_right(self.numbers, last), low + limit))

    def between(self, after: int, before: int) -> list[Print]:
        """The prints served that are of rows from one time up to another (ms), both included."""
        low = bisect_right(self.stops, self.recording.row_at(after))
        return self.served(low, bisect_right(self.stops, self.recording.row_at(before + 1)))


@dataclass(frozen=True, slots=True)
class Playing:
    """The playback state. Times are recorded ones, ms."""

    paused: bool
    speed: float  # recorded time per time; 0: as fast as the clients take it
    started: bool  # it has had a listener
    ended: bool
    clock_ms: int
    start_ms: int
    end_ms: int


class PlayedUpTo(NamedTuple):
    """The time up to which a symbol was played."""

    recording: Recording
    row: int  # exactly the rows before it are older than that time
    time_ms: int  # the start of a minute
    last_id: int  # of the last older print


def listing_of(recording: Recording) -> Listing:
    quote = next((quote for quote in _QUOTES if recording.symbol.endswith(quote)), "")
    base = recording.symbol.removesuffix(quote)
    return Listing(
        recording.symbol, base, quote, recording.price, recording.quantity, frozenset((recording.venue,))
    )


def playback_from(recording: Recording, row: int, clock: PlaybackClock) -> Playback:
    coming = recording.prints(row)
    first = next(coming, None)
    start = first[0] if first else None
    tape = Tape(start.id if start else 1, keep=200_000, keep_minutes=_KEEP_MINUTES)
    if start is None:
        return Playback(recording, clock, tape, coming, None, row, None)
    price = start.price
    nothing = DayBefore(start.time, price, price, price, price, 0, 0, 0, 0)
    return Playback(recording, clock, tape, coming, first, row, nothing)


def first_ms(playback: Playback) -> float:
    return math.inf if playback.next is None else playback.next[0].time
