"""The invented market: perpetuals of every kind of price and pace, the same trades for the same seed."""

from __future__ import annotations

import heapq
import math
import time
import uuid
from collections import deque
from collections.abc import Callable, Iterator, Sequence, Set
from dataclasses import dataclass, replace
from decimal import Decimal
from functools import partial

from orderflow_dash.market import DecimalUnit, Venue
from orderflow_dash.simulator.market.contract import DayBefore, draw, hours_of, statistics
from orderflow_dash.simulator.market.day import Day
from orderflow_dash.simulator.market.flow import Character, OrderFlow
from orderflow_dash.simulator.market.forced import is_liquidation
from orderflow_dash.simulator.market.source import BybitTrade, Emission, Fill, Listing, Status
from orderflow_dash.simulator.market.tape import Print, Tape, TapeCandle
from orderflow_dash.simulator.market.terms import ContractTerms

_KEEP = 45_000  # prints per symbol: a market stays under 25 MB
_OFF_KINDS = ("", "INSURANCE_FUND", "ADL", "NA")

# symbol, launch price, tick, lot, market orders per second, median order in quote, mean step in ticks
_CATALOGUE = (
    ("BTCUSDT", "97250.0", "0.1", "0.001", 24.0, 900, 12.0),
    ("ETHUSDT", "3412.40", "0.01", "0.001", 12.0, 600, 7.0),
    ("SOLUSDT", "187.330", "0.01", "0.1", 6.0, 400, 1.0),
    ("XRPUSDT", "2.4150", "0.0001", "0.1", 4.0, 300, 1.2),
    ("DOGEUSDT", "0.18420", "0.00001", "1", 3.0, 250, 1.3),
    ("1000PEPEUSDT", "0.0071250", "0.0000001", "1", 2.2, 200, 6.0),
    ("BNBUSDT", "884.600", "0.01", "0.01", 1.6, 350, 11.0),
    ("ADAUSDT", "0.6120", "0.0001", "1", 1.0, 200, 1.2),
    ("LINKUSDT", "17.842", "0.001", "0.01", 0.8, 220, 5.0),
    ("AVAXUSDT", "22.160", "0.001", "1", 0.5, 180, 7.0),
    ("BCHUSDT", "512.35", "0.05", "0.001", 0.35, 240, 3.0),
    ("NEARUSDT", "2.811", "0.001", "1", 0.2, 150, 1.4),
    ("1INCHUSDT", "0.2407", "0.0001", "1", 0.1, 120, 1.3),
    ("YFIUSDT", "4931", "1", "0.001", 0.05, 140, 2.0),
    ("BABYDOGEUSDT", "0.0000412", "0.0000001", "10", 0.06, 90, 1.0),
)


@dataclass(slots=True)
class _Contract:
    """A listing and the state of its trading."""

    listing: Listing
    flow: OrderFlow
    prints: Iterator[Print]  # of the flow
    terms: ContractTerms
    salt: int  # of liquidations
    tape: Tape
    before: DayBefore | None
    released_ms: int = 0  # event time of the newest print
    halted: tuple[int, Print] | None = None  # without trades since when, and the print that comes next


class SyntheticMarket:
    """Fifteen invented perpetuals, and those listed while it runs.

    The prints of a symbol (times, prices, sizes, sides, ids) are a function of ``seed`` and of the
    instant at which the market started, ``start_ms - history_ms``, alone: ``speed``, the wall
    clock and listeners do not change them.

    ``list_contract``, ``change_contract`` and ``set_status`` may be called from any thread. The market
    applies them at its next advance; ``SimulatedExchange.rouse`` triggers that.

    Args:
        seed: which market.
        speed: market milliseconds per wall millisecond; above 0.
        start_ms: market time when the exchange starts, ms since the epoch; if None, the clock's.
        history_ms: the traded time before that (REST returns it, streams do not).
    """

    paced = True
    together = False
    session = 0

    def __init__(
        self, seed: int = 1, speed: float = 1.0, start_ms: int | None = None, *, history_ms: int = 0
    ) -> None:
        if not (speed > 0 and math.isfinite(speed)):
            raise ValueError(f"invalid speed {speed}: use a finite number above 0")
        self.seed = seed
        self.speed = speed
        # A market of the present runs from here on, because inventing its past takes a second or two.
        self._made = time.monotonic() if start_ms is None else None
        self.start_ms = time.time_ns() // 1_000_000 if start_ms is None else start_ms
        self._origin = self.start_ms - history_ms
        self._started_at: float | None = None
        self.revision = 0
        self.listings: Sequence[Listing] = ()
        self._contracts: list[_Contract] = []  # in the order of ``listings``
        self._by_listing: dict[Listing, _Contract] = {}
        self._due: list[tuple[int, int, Print]] = []  # a heap of (event time, position in listings, print)
        self._changes: deque[Callable[[int], None]] = deque()
        for row in _CATALOGUE:
            listing, character = _listing(row[0], row[2], row[3]), _character(*row[1:])
            self._open(listing, character, self._origin, self._yesterday(row[0], character))
        for _ in self._released_until(self.start_ms - 1):
            pass  # the tapes keep the newest of it

    def _open(self, listing: Listing, character: Character, start_ms: int, before: DayBefore | None) -> None:
        symbol = listing.symbol
        first_id = 1_000_000_000 + draw(self.seed, symbol, "id") % 1_000_000_000
        flow = OrderFlow(character, f"{self.seed}:{symbol}", start_ms, first_id, first_id * 2)
        salt = draw(self.seed, symbol, "liquidations")
        tape = Tape(first_id, keep=_KEEP)
        contract = _Contract(listing, flow, iter(flow), ContractTerms(listing), salt, tape, before)
        self._contracts.append(contract)
        self._by_listing[listing] = contract
        self.listings = (*self.listings, listing)
        trade = next(contract.prints)
        if listing.status.trades:
            self._schedule(len(self._contracts) - 1, trade)
        else:
            contract.halted = start_ms, trade

    # -- changes of contracts ----------------------------------------------------------------

    def list_contract(
        self,
        symbol: str,
        price: str,
        tick: str,
        lot: str,
        *,
        rate: float = 2.0,
        order: int = 200,
        status: Status = Status.TRADING,
    ) -> None:
        """Lists a new contract on both venues.

        Args:
            symbol: such as NEWUSDT; ValueError if it is already listed.
            price: the launch price; a multiple of ``tick``.
            tick: decimal text, as is ``lot``.
            rate: market orders per second.
            order: the median order in quote currency.
            status: the initial status; without trades until ``set_status`` if it is not a trading one.
        """
        if self._is_listed(symbol):
            raise ValueError(f"{symbol} is already listed")
        listing, character = _listing(symbol, tick, lot), _character(price, tick, lot, rate, order, 2.0)
        listing.status = status
        self._changes.append(partial(self._list, listing, character))

    def change_contract(self, symbol: str, *, tick: str | None = None, lot: str | None = None) -> None:
        """Changes a contract's tick or lot; KeyError for an unknown symbol, ValueError for a bad unit."""
        listing = self.find(symbol)
        units = [None if text is None else DecimalUnit(Decimal(text)).value for text in (tick, lot)]
        self._changes.append(lambda _: self._change(listing, *units))

    def set_status(self, symbol: str, status: Status) -> None:
        """Lets a contract trade, or ends its trades; KeyError for an unknown symbol."""
        listing = self.find(symbol)
        self._changes.append(lambda now: self._set_status(listing, status, now))

    def _list(self, listing: Listing, character: Character, now: int) -> None:
        if not self._is_listed(listing.symbol):
            listing.onboard_ms = now
            self._open(listing, character, now, None)

    def _change(self, listing: Listing, tick: Decimal | None, lot: Decimal | None) -> None:
        contract = self._by_listing[listing]
        price, quantity = contract.terms.change(contract.tape, tick, lot)
        before = contract.before
        if before is not None:
            contract.before = replace(
                before,
                open=before.open * price,
                high=before.high * price,
                low=before.low * price,
                last=before.last * price,
                volume=before.volume * quantity,
                turnover=before.turnover * price * quantity,
                open_interest=before.open_interest * quantity,
            )

    def _set_status(self, listing: Listing, status: Status, now: int) -> None:
        contract, position = self._by_listing[listing], self.listings.index(listing)
        listing.status = status
        if status.trades and contract.halted is not None:
            since, trade = contract.halted
            contract.halted = None
            contract.flow.delay(now - since)
            self._schedule(position, trade._replace(time=trade.time + now - since))
        elif not status.trades and contract.halted is None:
            trade = next(trade for _, at, trade in self._due if at == position)
            contract.halted = now, trade
            self._due = [entry for entry in self._due if entry[1] != position]
            heapq.heapify(self._due)

    def _is_listed(self, symbol: str) -> bool:
        return any(listing.symbol == symbol for listing in self.listings)

    # -- the flow ----------------------------------------------------------------------------

    def _yesterday(self, symbol: str, character: Character) -> DayBefore:
        """The day before the first print, consistent with the symbol's pace and price."""
        change = draw(self.seed, symbol, "change") % 1_001 - 450  # tenths of a per mille
        opened = max(1, character.price * 10_000 // (10_000 + change))
        trades = round(character.rate * 86_400 * 2.2)
        volume = round(character.rate * 86_400 * character.order * 2.4)
        reach = 1 + character.price * (20 + draw(self.seed, symbol, "reach") % 150) // 10_000
        return DayBefore(
            self._origin,
            opened,
            max(opened, character.price) + reach,
            max(1, min(opened, character.price) - reach),
            character.price,
            volume,
            volume * ((opened + character.price) // 2 or 1),
            trades,
            volume // 2 + draw(self.seed, symbol, "interest") % (volume or 1),
        )

    def _schedule(self, position: int, trade: Print) -> None:
        # An aggregate is published up to 100 ms after its trade time, never before the one ahead of it.
        contract = self._contracts[position]
        event = max(contract.released_ms, trade.time + trade.id * 37 % 90)
        contract.released_ms = event
        heapq.heappush(self._due, (event, position, trade))

    def advance(self, until_ms: int) -> list[Emission]:
        """Emits every print whose event time is at or before a market time, in order of event time.

        Pending changes of contracts are applied after them.
        """
        emitted = list(self._released_until(until_ms))
        while self._changes:
            self._changes.popleft()(until_ms)
            self.revision += 1
        return emitted

    def _released_until(self, until_ms: int) -> Iterator[Emission]:
        while self._due and self._due[0][0] <= until_ms:
            event, position, trade = heapq.heappop(self._due)
            contract = self._contracts[position]
            self._schedule(position, next(contract.prints))
            trade = contract.terms.fit(trade)
            forced = is_liquidation(contract.salt, contract.tape.minute_open(trade.time), trade)
            contract.tape.append(trade)
            yield Emission(contract.listing, event, trade, forced)

    def start(self) -> None:
        """Starts market time, which continues over a restart of the exchange."""
        if self._started_at is None:
            self._started_at = time.monotonic() if self._made is None else self._made

    def now(self) -> int:
        """Market time, ms since the epoch; ``start_ms`` until the exchange starts."""
        if self._started_at is None:
            return self.start_ms
        return self.start_ms + int((time.monotonic() - self._started_at) * 1000 * self.speed)

    def poll(self, ready: Set[Listing]) -> Sequence[Emission]:
        """Every print due by now, with or without listeners."""
        del ready
        return self.advance(self.now())

    def due_in(self, ready: Set[Listing]) -> float:
        """Seconds until the next print of a symbol that has listeners."""
        if not ready:
            return math.inf
        event = min((event for event, at, _ in self._due if self.listings[at] in ready), default=None)
        return math.inf if event is None else max(0.0, (event - self.now()) / 1000 / self.speed)

    def find(self, symbol: str) -> Listing:
        """The listing of a symbol; KeyError if unknown."""
        for listing in self.listings:
            if listing.symbol == symbol:
                return listing
        raise KeyError(symbol)

    def tape(self, listing: Listing) -> Tape:
        """The emitted prints of a symbol."""
        return self._by_listing[listing].tape

    def day(self, listing: Listing) -> Day | None:
        """Statistics of the last 24 h."""
        contract = self._by_listing[listing]
        return statistics(listing.symbol, contract.tape, contract.before, self.now())

    def hours_before(self, listing: Listing) -> Sequence[TapeCandle]:
        """The hours of the invented day before."""
        before = self._by_listing[listing].before
        return () if before is None else hours_of(listing.symbol, before)

    def fills(self, listing: Listing, trade: Print) -> Sequence[Fill]:
        """The matches inside a print, after its off-book match if it has one."""
        sell = trade.quantity < 0
        price = listing.price.text(trade.price)
        made = []
        if trade.off:
            made.append(self._off_book(listing, trade))
        count = trade.last - trade.first + 1
        lots = abs(trade.quantity)
        rpi = lots - trade.without_rpi
        # In a print of both kinds the first match is the RPI one.
        unit = listing.lot_units
        mixed = 0 < rpi < lots
        sizes = [rpi, *_shares(lots - rpi, count - 1, unit)] if mixed else _shares(lots, count, unit)
        for i, size in enumerate(sizes):
            kind = "RPI" if rpi and (i == 0 or rpi == lots) else "MARKET"
            made.append(Fill(trade.first + i, trade.time, price, listing.quantity.text(size), kind, sell))
        return made

    def _off_book(self, listing: Listing, trade: Print) -> Fill:
        kind = _OFF_KINDS[trade.off]
        if kind == "NA":
            return Fill(trade.first - 1, trade.time, "0", "0", kind, sell=True)
        tick = listing.tick_units
        away = trade.price // 50 // tick * tick
        far = max(tick, trade.price - away) if trade.id % 2 else trade.price + away
        size = listing.quantity.text(abs(trade.quantity) * 3)
        return Fill(trade.first - 1, trade.time, listing.price.text(far), size, kind, trade.id % 2 == 1)

    def bybit_trades(self, listing: Listing, trade: Print) -> Sequence[BybitTrade]:
        """The print as one Bybit trade; an off-book match becomes a block trade before it."""
        symbol = listing.symbol
        made: list[BybitTrade] = []
        if trade.off in (1, 2):
            fill = self._off_book(listing, trade)
            key, seq = _uuid(symbol, fill.id, fill.time), trade.last * 3 - 1
            made.append(BybitTrade(key, seq, fill.time, fill.price, fill.quantity, fill.sell, True, False))
        price, quantity = listing.price.text(trade.price), listing.quantity.text(abs(trade.quantity))
        key, seq = _uuid(symbol, trade.last, trade.time), trade.last * 3
        rpi = trade.without_rpi == 0
        made.append(BybitTrade(key, seq, trade.time, price, quantity, trade.quantity < 0, False, rpi))
        return made


def _listing(symbol: str, tick: str, lot: str) -> Listing:
    venues = frozenset((Venue.BINANCE, Venue.BYBIT))
    base = symbol.removesuffix("USDT")
    return Listing(symbol, base, "USDT", DecimalUnit(Decimal(tick)), DecimalUnit(Decimal(lot)), venues)


def _character(price: str, tick: str, lot: str, rate: float, order: int, gap: float) -> Character:
    ticks = DecimalUnit(Decimal(tick)).units(price)
    return Character(ticks, rate, max(1.0, order / float(Decimal(price) * Decimal(lot))), gap)


def _shares(lots: int, count: int, unit: int) -> list[int]:
    """Cuts a quantity into ``count`` parts of at least one listed lot, the larger ones first.

    A print from before the lot became coarser may not be a multiple of it.
    """
    if lots % unit or lots // unit < count:
        unit = 1
    parts = []
    lots //= unit
    for left in range(count, 0, -1):
        part = lots if left == 1 else max(1, min(lots - left + 1, lots * 3 // (left * 2)))
        parts.append(part * unit)
        lots -= part
    return parts


def _uuid(symbol: str, match: int, time: int) -> str:
    return str(uuid.uuid5(uuid.NAMESPACE_OID, f"{symbol}:{match}:{time}"))
