"""Types shared by the whole package; imports none of its modules."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable
from dataclasses import dataclass, replace
from decimal import Decimal
from enum import StrEnum
from functools import cached_property, lru_cache
from math import gcd
from typing import Final, Literal, NamedTuple

MINUTE_MS = 60_000
HOUR_MS = 3_600_000
DAY_MS = 86_400_000

LARGEST: Final = 1 << 43
"""Ticks of a price and lots of a quantity stay below it: sums of a million trades still fit 64 bits."""

MOST_UNITS: Final = 1 << 50
"""The same bound for units of a grid that is finer than tick and lot."""

FINEST: Final = 10_000
"""A trade refines a grid to no less than this part of the venue's tick or lot. A finer trade is rejected."""

_DECIMAL_TEXT = re.compile(r"(-?)([0-9]{1,18})(?:\.([0-9]{1,18}))?", re.ASCII)


class Venue(StrEnum):
    """Where trades come from; the value is the name in URLs, on the socket and on the page."""

    BINANCE = "binance"
    BYBIT = "bybit"
    DEMO = "demo"

    @property
    def label(self) -> str:
        """The name a person reads."""
        return "Demo (simulated)" if self is Venue.DEMO else self.value.capitalize()


class Timeframe(StrEnum):
    """Length of a candle."""

    M1 = "1m"
    M5 = "5m"
    M15 = "15m"
    H1 = "1h"

    @property
    def ms(self) -> int:
        """Length in milliseconds."""
        return {"1m": 1, "5m": 5, "15m": 15, "1h": 60}[self.value] * MINUTE_MS


class State(StrEnum):
    """State of one symbol's trade stream; the value is used on the socket and the page."""

    CONNECTING = "connecting"
    LIVE = "live"
    STALE = "stale"
    REPAIRING = "repairing"
    DISCONNECTED = "disconnected"


class Quality(StrEnum):
    """Completeness of a candle: every trade seen, some fetched later, start missing, or trades missing."""

    COMPLETE = "complete"
    REPAIRED = "repaired"
    PARTIAL = "partial"
    GAP = "gap"

    @staticmethod
    def worst(qualities: Collection[Quality]) -> Quality:
        """The worst of at least one: gap, then partial, then repaired, then complete."""
        order = (Quality.GAP, Quality.PARTIAL, Quality.REPAIRED, Quality.COMPLETE)
        return next(quality for quality in order if quality in qualities)


Trade = tuple[int, int, int, int]
"""One trade record of a venue, exact: (time, order, price, quantity).

time: the venue's trade time, ms since the epoch. order: the venue's own order within a time (Binance:
aggregate trade id; Bybit: cross sequence). price, quantity: whole units of the grid that comes with
the trade; the quantity is positive where the aggressor bought (ask volume), negative where the aggressor
sold (bid volume). A plain tuple: a venue's whole market passes through it.
"""


def parse_decimal(text: str) -> Decimal:
    """A plain decimal ("0.10", "-3"; no exponent, no "nan"); ValueError for anything else."""
    if not _DECIMAL_TEXT.fullmatch(text):
        raise ValueError(f"not a plain decimal number: {text[:40]!r}")
    return Decimal(text)


class OffGridError(ValueError):
    """A decimal is not a whole multiple of a unit."""


class DecimalUnit:
    """A grid of decimal values (a tick or a lot): exact text to whole units and back.

    A unit of ``0.05`` is held as 5 hundredths, so that every conversion is integer arithmetic.
    """

    __slots__ = ("decimals", "size", "value")

    def __init__(self, value: Decimal) -> None:
        if not value.is_finite() or not 0 < value < 10**18 or value.as_tuple().exponent < -18:  # type: ignore[operator]
            raise ValueError(f"not a usable unit: {value}")
        numerator, denominator = value.as_integer_ratio()
        self.value = value
        self.decimals = next(decimals for decimals in range(19) if not 10**decimals % denominator)
        self.size: int = numerator * 10**self.decimals // denominator

    def units(self, text: str) -> int:
        """Whole units in a decimal text; OffGridError if not a multiple, ValueError if not a decimal."""
        match = _DECIMAL_TEXT.fullmatch(text)
        if match is None:
            raise ValueError(f"not a plain decimal number: {text[:40]!r}")
        sign, whole, fraction = match.groups("")
        kept, beyond = fraction[: self.decimals], fraction[self.decimals :]
        units, rest = divmod(int(whole + kept.ljust(self.decimals, "0")), self.size)
        if rest or beyond.strip("0"):
            raise OffGridError(f"{text[:40]} is not a whole multiple of {self.value}")
        return -units if sign else units

    def count(self, value: Decimal) -> int:
        """Whole units in a decimal; OffGridError if it is not a whole multiple."""
        numerator, denominator = value.as_integer_ratio()
        units, rest = divmod(numerator * int(10**self.decimals), denominator * self.size)
        if rest:
            raise OffGridError(f"{value} is not a whole multiple of {self.value}")
        return units

    def decimal(self, units: int) -> Decimal:
        """The exact value of a number of units."""
        return Decimal(units * self.size).scaleb(-self.decimals)

    def text(self, units: int) -> str:
        """The exact decimal text of a number of units, always with the unit's own number of decimals."""
        scaled = units * self.size
        if not self.decimals:
            return str(scaled)
        digits = f"{abs(scaled):0{self.decimals + 1}d}"
        sign = "-" if scaled < 0 else ""
        return f"{sign}{digits[: -self.decimals]}.{digits[-self.decimals :]}"

    def common(self, value: Decimal) -> Decimal:
        """The largest unit of which this one and ``value`` are whole multiples; this one if possible.

        ValueError where that takes more than 18 decimals.
        """
        numerator, denominator = value.as_integer_ratio()
        decimals = next((each for each in range(self.decimals, 19) if not 10**each % denominator), None)
        if decimals is None:
            raise ValueError(f"more than 18 decimals: {value}")
        whole = numerator * 10**decimals // denominator
        size = gcd(self.size * 10 ** (decimals - self.decimals), whole)
        return Decimal(size).scaleb(-decimals).normalize()


class Scale(NamedTuple):
    """Whole factors that convert prices and quantities to a finer grid."""

    price: int
    quantity: int

    def trades(self, trades: Iterable[Trade]) -> list[Trade]:
        """The same trades on the finer grid."""
        price, quantity = self
        return [(time, order, ticks * price, lots * quantity) for time, order, ticks, lots in trades]


class Grid:
    """The units of a series' prices and quantities. They are exact and only ever get finer.

    A grid starts with the venue's tick and lot. A row that is not a whole multiple of them refines it.
    Build grids with ``Grid.of``: equal grids are then nearly always the same object.
    """

    __slots__ = ("price", "quantity")

    def __init__(self, tick: Decimal, lot: Decimal) -> None:
        self.price = DecimalUnit(tick)
        self.quantity = DecimalUnit(lot)

    @staticmethod
    def of(tick: Decimal, lot: Decimal) -> Grid:
        """The grid of a tick and a lot; ValueError if one of them is not a usable unit."""
        return _grid(tick.normalize(), lot.normalize())

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Grid):
            return NotImplemented
        return self._units() == other._units()

    def __hash__(self) -> int:
        return hash(self._units())

    def __repr__(self) -> str:
        return f"Grid({self.price.value}, {self.quantity.value})"

    def _units(self) -> tuple[Decimal, Decimal]:
        return self.price.value, self.quantity.value

    def common(self, other: Grid) -> Grid:
        """The coarsest grid on which both fit."""
        if other is self:
            return self
        tick = self.price.common(other.price.value)
        lot = self.quantity.common(other.quantity.value)
        return self if (tick, lot) == self._units() else Grid.of(tick, lot)

    def fitting(self, price: str, quantity: str) -> Grid:
        """The coarsest grid that fits this one and a row's two texts; ValueError if one is not a number."""
        tick = self.price.common(parse_decimal(price))
        lot = self.quantity.common(parse_decimal(quantity))
        return self if (tick, lot) == self._units() else Grid.of(tick, lot)

    def allows(self, other: Grid) -> bool:
        """Whether trades of a venue whose tick and lot this is may count on another grid."""
        return (
            other.price.value * FINEST >= self.price.value
            and other.quantity.value * FINEST >= self.quantity.value
        )

    def bounds(self, other: Grid) -> tuple[int, int]:
        """Upper bounds of prices and quantities on another grid; this grid is the tick and lot."""
        price, quantity = (
            min(int(LARGEST * listed.value / unit.value), MOST_UNITS)
            for listed, unit in ((self.price, other.price), (self.quantity, other.quantity))
        )
        return max(price, 1), max(quantity, 1)

    def scale_to(self, finer: Grid) -> Scale:
        """The factors from this grid to a finer one; OffGridError if the other is not finer."""
        return Scale(finer.price.count(self.price.value), finer.quantity.count(self.quantity.value))


@lru_cache(maxsize=8_192)
def _grid(tick: Decimal, lot: Decimal) -> Grid:
    return Grid(tick, lot)


WHOLE: Final = Grid.of(Decimal(1), Decimal(1))
"""Whole numbers: the grid if none is known."""


@dataclass(frozen=True, slots=True)
class Kline:
    """One minute, from the venue's kline or from trades, exact, in units of its grid.

    ``buy_volume``: of trades whose aggressor bought; None where the venue leaves it out (Bybit).
    ``count``: Binance's klines count fills, the app's minutes aggregate trades: never compare the two.
    """

    open_ts: int  # ms since the epoch
    open: int
    high: int
    low: int
    close: int
    volume: int
    buy_volume: int | None = None
    count: int | None = None
    grid: Grid = WHOLE

    def on(self, grid: Grid) -> Kline:
        """The same on a finer grid."""
        if grid is self.grid:
            return self
        price, quantity = self.grid.scale_to(grid)
        return replace(
            self,
            open=self.open * price,
            high=self.high * price,
            low=self.low * price,
            close=self.close * price,
            volume=self.volume * quantity,
            buy_volume=None if self.buy_volume is None else self.buy_volume * quantity,
            grid=grid,
        )


class Difference(NamedTuple):
    """The first field of ``Kline`` in which a minute differs from the venue's, with both figures, exact.

    ``counted`` is from trades, ``reported`` from the venue. ``trades_missing``: proves a loss of trades.
    """

    open_ts: int
    field: str
    counted: Decimal
    reported: Decimal
    trades_missing: bool = False


Verdict = Difference | Literal[True] | None
"""Result of comparing a minute with the venue's kline: different, equal, or not comparable."""


@dataclass(frozen=True)
class Instrument:
    """A tradable perpetual with its price tick and quantity lot, from the venue's own filters."""

    venue: Venue
    symbol: str
    base: str
    quote: str
    tick: Decimal
    lot: Decimal
    is_pre_market: bool = False  # trades before the asset is listed elsewhere

    @cached_property
    def grid(self) -> Grid:
        """The venue's present tick and lot as a grid. A series may count on a finer one."""
        return Grid.of(self.tick, self.lot)


@dataclass(frozen=True, slots=True)
class Ticker:
    """One perpetual's figures in the symbol table; None if the venue has not sent one yet."""

    symbol: str
    last: Decimal | None = None  # quote currency
    change_24h: Decimal | None = None  # percent
    volume_24h: Decimal | None = None  # turnover, quote currency
    funding: Decimal | None = None  # rate of the current interval, percent
    open_interest: Decimal | None = None  # base currency, one side
    time: int = 0  # ms since the epoch, the venue's
