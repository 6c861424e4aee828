"""What the simulated exchange asks of a market, whether invented or recorded."""

from __future__ import annotations

from collections.abc import Sequence, Set
from dataclasses import dataclass
from typing import NamedTuple, Protocol

from orderflow_dash.market import DecimalUnit, Venue

from .tape import Candle, Print, Tape


@dataclass(frozen=True, slots=True, eq=False)
class Listing:
    """A perpetual that the market trades, and the venues' protocols it is served on. Compared by identity."""

    symbol: str
    base: str
    quote: str
    price: DecimalUnit
    quantity: DecimalUnit
    venues: frozenset[Venue]


class Emission(NamedTuple):
    """A print that has just become public."""

    listing: Listing
    event_ms: int  # when the venue says it was sent; at or after the print's own time
    trade: Print


class Fill(NamedTuple):
    """One match, as Binance's ``@trade`` stream tells it."""

    id: int
    time: int  # ms
    price: str  # decimal text
    quantity: str  # decimal text, base currency
    kind: str  # MARKET, RPI, INSURANCE_FUND, ADL or NA
    sell: bool  # the aggressor sold


class BybitTrade(NamedTuple):
    """One trade as Bybit tells it."""

    id: str  # uuid text
    seq: int  # cross sequence, increasing, not contiguous
    time: int  # ms
    price: str
    quantity: str
    sell: bool
    block: bool  # off the book
    rpi: bool


@dataclass(frozen=True, slots=True)
class Day:
    """The last 24 h of one symbol, and what its contract says. Ticks, lots and their product."""

    open: int
    high: int
    low: int
    last: int
    last_quantity: int  # lots, unsigned
    volume: int  # lots
    turnover: int  # ticks x lots
    trades: int
    mark: int  # ticks
    index: int  # ticks
    funding: str  # rate per interval, decimal text, signed
    next_funding: int  # ms
    open_interest: int  # lots, one side


class Market(Protocol):
    """A source of prints. The exchange calls it from one thread only."""

    together: bool  # all symbols share a clock, which waits for listeners that cannot take more
    session: int  # changes where the listings do, or where the market begins anew at another time

    @property
    def listings(self) -> Sequence[Listing]:
        """Every perpetual, in a fixed order."""

    @property
    def paced(self) -> bool:
        """True where a clock decides when a print is due; False where it is the clients' reading."""

    def begin(self) -> None:
        """The exchange is up: market time starts to run."""

    def now(self) -> int:
        """Market time, ms since the epoch."""

    def poll(self, ready: Set[Listing]) -> Sequence[Emission]:
        """Every print that became due since the last call, in order.

        ``ready`` holds the listings that have a subscriber of trades, all of whom can take more.
        """

    def due_in(self, ready: Set[Listing]) -> float:
        """Seconds of wall time until ``poll`` may have something for ``ready``; infinite where never."""

    def tape(self, listing: Listing) -> Tape:
        """What was emitted of a symbol."""

    def day(self, listing: Listing) -> Day | None:
        """Statistics of the last 24 h, None where nothing is known yet."""

    def hours_before(self, listing: Listing) -> Sequence[Candle]:
        """Whole hours that ended before the tape begins, old to new; none where nothing is known of them."""

    def fills(self, listing: Listing, trade: Print) -> Sequence[Fill]:
        """The matches inside a print, with the off-book ones that came with it; none where unknown."""

    def bybit_trades(self, listing: Listing, trade: Print) -> Sequence[BybitTrade]:
        """The same print as Bybit would tell it."""
