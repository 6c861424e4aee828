"""The words that every part of the product shares. Imports nothing of ours."""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from functools import cached_property
from typing import Literal, NamedTuple

MINUTE_MS = 60_000
HOUR_MS = 3_600_000
DAY_MS = 86_400_000

_DECIMAL_TEXT = re.compile(r"(-?)([0-9]{1,18})(?:\.([0-9]{1,18}))?", re.ASCII)


class Venue(StrEnum):
    """Where trades come from; the value is the name in URLs, on the socket and on the page."""

    BINANCE = "binance"
    BYBIT = "bybit"
    DEMO = "demo"

    @property
    def label(self) -> str:
        """The name a person reads."""
        return {"binance": "Binance", "bybit": "Bybit", "demo": "Demo (simulated)"}[self.value]


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
    """State of one symbol's trade stream, as the socket and the page tell it."""

    CONNECTING = "connecting"
    LIVE = "live"
    STALE = "stale"
    REPAIRING = "repairing"
    DISCONNECTED = "disconnected"


class Quality(StrEnum):
    """How whole a candle is: every trade seen, fetched afterwards, begun inside, or missing some."""

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
aggregate trade id; Bybit: cross sequence). price: ticks. quantity: lots, positive where the aggressor
bought (ask volume), negative where the aggressor sold (bid volume). A plain tuple: a venue's whole
market passes through it.
"""


@dataclass(frozen=True, slots=True)
class Kline:
    """One minute, as the venue's own kline tells it or as our trades give it. Ticks and lots, exact.

    ``buy_volume``: of trades whose aggressor bought; None where the venue does not tell it (Bybit).
    ``count``: Binance's klines count fills, our minutes count aggregate trades: never compare the two.
    """

    open_ts: int  # ms since the epoch
    open: int
    high: int
    low: int
    close: int
    volume: int
    buy_volume: int | None = None
    count: int | None = None


class Difference(NamedTuple):
    """Where a minute of ours differs from the venue's kline: a field of ``Kline`` and the two figures.

    ``trades_missing``: it shows that trades never came, which nothing else could have shown.
    """

    open_ts: int
    field: str
    ours: int
    theirs: int
    trades_missing: bool = False


Verdict = Difference | Literal[True] | None
"""What comparing a minute with the venue's kline gave: equal, different, or not comparable."""


def parse_decimal(text: str) -> Decimal:
    """A plain decimal ("0.10", "-3"; no exponent, no "nan"); ValueError for anything else."""
    if not _DECIMAL_TEXT.fullmatch(text):
        raise ValueError(f"not a plain decimal number: {text[:40]!r}")
    return Decimal(text)


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
        """Whole units in a decimal text; ValueError where the text is no whole multiple."""
        match = _DECIMAL_TEXT.fullmatch(text)
        if match is None:
            raise ValueError(f"not a plain decimal number: {text[:40]!r}")
        sign, whole, fraction = match.groups("")
        kept, beyond = fraction[: self.decimals], fraction[self.decimals :]
        units, rest = divmod(int(whole + kept.ljust(self.decimals, "0")), self.size)
        if rest or beyond.strip("0"):
            raise ValueError(f"{text[:40]} is not a whole multiple of {self.value}")
        return -units if sign else units

    def text(self, units: int) -> str:
        """The exact decimal text of so many units, always with the unit's own number of decimals."""
        scaled = units * self.size
        if not self.decimals:
            return str(scaled)
        digits = f"{abs(scaled):0{self.decimals + 1}d}"
        sign = "-" if scaled < 0 else ""
        return f"{sign}{digits[: -self.decimals]}.{digits[-self.decimals :]}"


@dataclass(frozen=True)
class Instrument:
    """A tradable perpetual with its price tick and quantity lot, from the venue's own filters."""

    venue: Venue
    symbol: str
    base: str
    quote: str
    tick: Decimal
    lot: Decimal
    is_pre_market: bool = False  # it trades before the asset does elsewhere

    @cached_property
    def price(self) -> DecimalUnit:
        """Prices count in ticks."""
        return DecimalUnit(self.tick)

    @cached_property
    def quantity(self) -> DecimalUnit:
        """Quantities count in lots."""
        return DecimalUnit(self.lot)


@dataclass(frozen=True, slots=True)
class Ticker:
    """What a symbol table shows of one perpetual. None where the venue has not said it (yet)."""

    symbol: str
    last: Decimal | None = None  # quote currency
    change_24h: Decimal | None = None  # per cent
    volume_24h: Decimal | None = None  # turnover, quote currency
    funding: Decimal | None = None  # rate of the current interval, per cent
    open_interest: Decimal | None = None  # base currency, one side
    time: int = 0  # ms since the epoch, the venue's
