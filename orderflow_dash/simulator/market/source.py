"""The interface of a market, invented or recorded, to the simulated exchange."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence, Set
from dataclasses import dataclass
from decimal import Decimal
from enum import Enum
from typing import NamedTuple, Protocol

from orderflow_dash.market import DecimalUnit, Venue
from orderflow_dash.simulator.market.day import Day as Day  # part of the interface
from orderflow_dash.simulator.market.tape import Print, Tape, TapeCandle

LISTED_LONG_AGO_MS = 1_569_398_400_000


class Status(Enum):
    """The trading status of a contract; each venue has its own word for it."""

    PENDING = "pending"  # listed, not traded yet
    PRE_MARKET = "pre-market"  # trades before its full listing: Bybit's PreLaunch
    TRADING = "trading"
    SETTLING = "settling"  # delisted: no more trades
    CLOSED = "closed"

    @property
    def trades(self) -> bool:
        """Whether it has prints."""
        return self in (Status.TRADING, Status.PRE_MARKET)


@dataclass(slots=True, eq=False)
class Listing:
    """A perpetual of the market, and the venues that list it. Compared by identity.

    The tape counts in ``price`` and ``quantity``. The tick and the lot that the venue lists are whole
    multiples of them, so that prices from before a change of the tick stay exact.
    """

    symbol: str
    base: str
    quote: str
    price: DecimalUnit
    quantity: DecimalUnit
    venues: frozenset[Venue]
    tick_units: int = 1
    lot_units: int = 1
    status: Status = Status.TRADING
    onboard_ms: int = LISTED_LONG_AGO_MS

    @property
    def tick(self) -> Decimal:
        """The listed tick."""
        return self.price.value * self.tick_units

    @property
    def lot(self) -> Decimal:
        """The listed lot."""
        return self.quantity.value * self.lot_units


class Emission(NamedTuple):
    """A print that has just become public."""

    listing: Listing
    event_ms: int  # the venue's time of sending; at or after the print's own time
    trade: Print
    liquidation: bool = False  # the aggressor's order closed a position by force


class Fill(NamedTuple):
    """One match of Binance's ``@trade`` stream."""

    id: int
    time: int  # ms
    price: str  # decimal text
    quantity: str  # decimal text, base currency
    kind: str  # MARKET, RPI, INSURANCE_FUND, ADL or NA
    sell: bool  # the aggressor sold


class BybitTrade(NamedTuple):
    """One trade of Bybit."""

    id: str  # uuid text
    seq: int  # cross sequence, increasing, not contiguous
    time: int  # ms
    price: str
    quantity: str
    sell: bool
    block: bool  # off the book
    rpi: bool


class Market(Protocol):
    """A source of prints. The exchange calls it from one thread only."""

    together: bool  # all symbols share a clock, which waits for slow listeners
    session: int  # changes when the market moves to another time, which may change its listings
    revision: int  # changes when a contract is listed, or its tick, lot or status changes

    @property
    def listings(self) -> Sequence[Listing]:
        """Every perpetual, the newest last."""

    @property
    def paced(self) -> bool:
        """True where a clock decides when a print is due; False if it is the clients' reading."""

    def start(self) -> None:
        """Starts market time, once the exchange listens."""

    def now(self) -> int:
        """Market time, ms since the epoch."""

    def poll(self, ready: Set[Listing]) -> Sequence[Emission]:
        """Every print that became due since the last call, in order.

        ``ready`` holds the listings whose trades have subscribers, all with room in their queues.
        """

    def due_in(self, ready: Set[Listing]) -> float:
        """Seconds of wall time until ``poll`` may have something for ``ready``; infinite if never."""

    def tape(self, listing: Listing) -> Tape:
        """The emitted prints of a symbol."""

    def day(self, listing: Listing) -> Day | None:
        """Statistics of the last 24 h; None if unknown."""

    def hours_before(self, listing: Listing) -> Sequence[TapeCandle]:
        """Whole hours before the start of the tape, old to new; empty if unknown."""

    def fills(self, listing: Listing, trade: Print) -> Sequence[Fill]:
        """The matches inside a print, with the off-book ones before it; empty if unknown."""

    def bybit_trades(self, listing: Listing, trade: Print) -> Sequence[BybitTrade]:
        """The same print as Bybit's trades."""


class VenueListings(Mapping[str, Listing]):
    """A venue's present listings, by symbol."""

    def __init__(self, market: Market, venue: Venue) -> None:
        self._market = market
        self._venue = venue
        self._seen: tuple[int, int] | None = None
        self._by_symbol: dict[str, Listing] = {}

    def _now(self) -> dict[str, Listing]:
        seen = self._market.session, self._market.revision
        if seen != self._seen:
            self._seen = seen
            self._by_symbol = {x.symbol: x for x in self._market.listings if self._venue in x.venues}
        return self._by_symbol

    def __getitem__(self, symbol: str) -> Listing:
        return self._now()[symbol]

    def __iter__(self) -> Iterator[str]:
        return iter(self._now())

    def __len__(self) -> int:
        return len(self._now())
