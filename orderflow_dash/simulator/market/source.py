"""What the simulated exchange asks of a market, whether invented or recorded."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence, Set
from dataclasses import dataclass
from decimal import Decimal
from enum import Enum
from typing import NamedTuple, Protocol

from orderflow_dash.market import DecimalUnit, Venue
from orderflow_dash.simulator.market.day import Day as Day  # the word of every market
from orderflow_dash.simulator.market.tape import Print, Tape, TapeCandle

LISTED_LONG_AGO_MS = 1_569_398_400_000


class Status(Enum):
    """What a contract is allowed to do; each venue has its own word for it."""

    PENDING = "pending"  # listed, not traded yet
    PRE_MARKET = "pre-market"  # trades before its full listing: Bybit's PreLaunch
    TRADING = "trading"
    SETTLING = "settling"  # delisted: no more trades
    CLOSED = "closed"

    @property
    def trades(self) -> bool:
        """Whether prints come."""
        return self in (Status.TRADING, Status.PRE_MARKET)


@dataclass(slots=True, eq=False)
class Listing:
    """A perpetual of the market, and the venues that list it. Compared by identity.

    The tape counts in ``price`` and ``quantity``. The tick and the lot that the venue lists are whole
    multiples of them, so that prices of before a change of the tick stay exact.
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
    event_ms: int  # when the venue says it was sent; at or after the print's own time
    trade: Print
    liquidation: bool = False  # the aggressor's order closed a position by force


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


class Market(Protocol):
    """A source of prints. The exchange calls it from one thread only."""

    together: bool  # all symbols share a clock, which waits for listeners that cannot take more
    session: int  # changes where the market moves to another time, with other listings perhaps
    revision: int  # changes where a contract is listed, or its tick, lot or status changes

    @property
    def listings(self) -> Sequence[Listing]:
        """Every perpetual, the newest last."""

    @property
    def paced(self) -> bool:
        """True where a clock decides when a print is due; False where it is the clients' reading."""

    def start(self) -> None:
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

    def hours_before(self, listing: Listing) -> Sequence[TapeCandle]:
        """Whole hours that ended before the tape begins, old to new; none where nothing is known of them."""

    def fills(self, listing: Listing, trade: Print) -> Sequence[Fill]:
        """The matches inside a print, with the off-book ones that came with it; none where unknown."""

    def bybit_trades(self, listing: Listing, trade: Print) -> Sequence[BybitTrade]:
        """The same print as Bybit would tell it."""


class VenueListings(Mapping[str, Listing]):
    """What a venue lists now, by symbol."""

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
