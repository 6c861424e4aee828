"""Invented order flow of one symbol: bursts, trends, absorption, climaxes and divergences, by seed.

Only aggression moves the price. Market orders consume the quantity at the best bid or ask; when a side
is used up, the price steps. So trends come from one-sided flow, absorption from a
side that refills, divergence from a side that is thin while the other is thick.
"""

from __future__ import annotations

import math
import random
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import NamedTuple

from orderflow_dash.simulator.market.tape import Print


@dataclass(frozen=True, slots=True)
class Character:
    """The character of a symbol's market."""

    price: int  # ticks, at the start
    rate: float  # market orders per second, on average
    order: float  # median market order, lots
    gap: float  # ticks that the price steps when a side is used up, on average
    depth: float = 9.0  # quantity resting at the best price, in median orders


@dataclass(frozen=True, slots=True)
class _Mood:
    """The character of a stretch of time; each factor multiplies the symbol's own value."""

    weight: float
    seconds: float  # how long it lasts, median
    rate: float
    buys: float  # share of orders that buy
    bid_depth: float
    ask_depth: float


# One-sided moods are written for buyers; half of the time they are mirrored for sellers.
_MOODS = (
    _Mood(4.0, 90, 0.8, 0.50, 1.0, 1.0),  # balance
    _Mood(2.2, 120, 1.1, 0.60, 1.1, 0.9),  # trend: flow and price agree
    _Mood(1.2, 60, 1.6, 0.78, 0.9, 7.0),  # absorption: buyers run into an offer that refills
    _Mood(0.6, 14, 4.5, 0.86, 1.3, 0.8),  # climax
    _Mood(1.2, 100, 0.9, 0.41, 2.4, 0.5),  # divergence: sellers dominate, the price climbs
    _Mood(1.2, 150, 0.35, 0.50, 1.2, 1.2),  # lull
)
_CLIMAX, _TREND = 3, 1  # positions in _MOODS
_SPREAD = 1  # ticks
_BRANCHING = 0.7  # orders that each order causes
_DECAY = 2.5  # 1/s, how fast that excitement fades
_LAUNCH_LEAN = 0.03  # relative distance from the launch price at which the book leans against it fully


class _Stretch(NamedTuple):
    """A stretch of time in one mood."""

    number: int  # in _MOODS
    mirrored: bool
    mood: _Mood  # mirrored if ``mirrored``
    ends: float  # s since the start


class OrderFlow:
    """An endless, repeatable sequence of prints of one symbol, from ``start_ms`` on."""

    def __init__(
        self, character: Character, key: str, start_ms: int, first_id: int, first_match: int
    ) -> None:
        self._random = random.Random(key)
        self._character = character
        self._start_ms = start_ms
        self._seconds = 0.0
        self._excitement = 0.0
        self._next_print = first_id
        self._next_match = first_match
        self._ask = character.price + 1
        self._last_buy = True
        self._stretch = self._new_stretch(0, mirrored=False)
        self._ask_left = self._refill(buying=True)
        self._bid_left = self._refill(buying=False)

    def __iter__(self) -> Iterator[Print]:
        while True:
            self._wait()
            yield from self._order()

    def delay(self, milliseconds: int) -> None:
        """Shifts all coming prints by this time."""
        self._start_ms += milliseconds

    def _wait(self) -> None:
        """Moves on to the next order: a Hawkes process with an exponential kernel, by thinning."""
        rng = self._random
        base = self._character.rate * (1.0 - _BRANCHING)
        while True:
            ceiling = base * self._stretch.mood.rate + self._excitement
            step = rng.expovariate(ceiling)
            self._seconds += step
            self._excitement *= math.exp(-_DECAY * step)
            if self._seconds >= self._stretch.ends:
                self._stretch = self._next_stretch()
                # The new mood's rate may exceed the ceiling: draw again from here.
                continue
            if rng.random() * ceiling <= base * self._stretch.mood.rate + self._excitement:
                self._excitement += _BRANCHING * _DECAY
                return

    def _next_stretch(self) -> _Stretch:
        rng = self._random
        index = rng.choices(range(len(_MOODS)), [mood.weight for mood in _MOODS])[0]
        mirrored = rng.random() < 0.5
        if self._stretch.number == _CLIMAX:  # the other side ends a climax
            index, mirrored = _TREND, not self._stretch.mirrored
        return self._new_stretch(index, mirrored=mirrored)

    def _new_stretch(self, index: int, *, mirrored: bool) -> _Stretch:
        mood = _MOODS[index]
        if mirrored:
            mood = replace(mood, buys=1 - mood.buys, bid_depth=mood.ask_depth, ask_depth=mood.bid_depth)
        ends = self._seconds + mood.seconds * self._random.lognormvariate(0.0, 0.5)
        return _Stretch(index, mirrored, mood, ends)

    def _refill(self, *, buying: bool) -> int:
        """Lots that rest at a new best price, on the side that buyers or sellers hit."""
        character = self._character
        # Far from its launch price the book leans back, which bounds the price of a week's run.
        lean = (self._ask / character.price - 1.0) / _LAUNCH_LEAN
        depth = self._stretch.mood.ask_depth if buying else self._stretch.mood.bid_depth
        depth *= math.exp(max(-1.5, min(1.5, lean if buying else -lean)))
        mean = character.order * character.depth * depth
        return max(1, round(mean * self._random.gammavariate(1.3, 1 / 1.3)))

    def _size(self) -> int:
        """Lots of one market order: log-normal, with rare whales and a preference for round numbers."""
        rng = self._random
        size = self._character.order * rng.lognormvariate(0.0, 1.15)
        if rng.random() < 0.006:
            size *= rng.paretovariate(1.3) * 6
        size = min(size, self._character.order * 2_000)
        if size >= 3 and rng.random() < 0.35:
            power = 10 ** math.floor(math.log10(size))
            size = min((1, 2, 2.5, 5, 10), key=lambda nice: abs(nice * power - size)) * power
        return max(1, round(size))

    def _order(self) -> Iterator[Print]:
        """One market order: a print at every price that it reaches."""
        rng = self._random
        # Large orders are worked in slices, so a side repeats more often than the mood implies.
        repeat = rng.random() < 0.35
        buy = self._last_buy if repeat else rng.random() < self._stretch.mood.buys
        self._last_buy = buy
        time = self._start_ms + int(self._seconds * 1000)
        left = self._size()
        for level in range(6):
            rests = self._ask_left if buy else self._bid_left
            taken = left if level == 5 else min(left, rests)
            yield self._print(time, buy, taken)
            left -= taken
            if taken >= rests:
                self._step(up=buy)
            elif buy:
                self._ask_left -= taken
            else:
                self._bid_left -= taken
            if not left:
                return

    def _step(self, *, up: bool) -> None:
        """Moves both quotes after the best price of one side is used up."""
        gap = 1 + int(self._random.expovariate(1.0) * max(0.0, self._character.gap - 1))
        if up:
            self._ask += gap
        else:
            self._ask = max(_SPREAD + 1, self._ask - gap)
        self._ask_left = self._refill(buying=True)
        self._bid_left = self._refill(buying=False)

    def _print(self, time: int, buy: bool, lots: int) -> Print:
        rng = self._random
        draw = rng.random()
        off = 0
        if draw < 0.0009:
            off = 1 + int(draw / 0.0003)
            self._next_match += 1
        matches = min(lots, 1 + int(rng.expovariate(1.0 / 1.2)))
        without_rpi = lots
        if rng.random() < 0.05:
            without_rpi = 0 if matches == 1 else lots - max(1, lots // matches)
        first = self._next_match
        self._next_match += matches
        made = Print(
            self._next_print,
            time,
            self._ask if buy else self._ask - _SPREAD,
            lots if buy else -lots,
            without_rpi,
            first,
            first + matches - 1,
            off,
        )
        self._next_print += 1
        return made
