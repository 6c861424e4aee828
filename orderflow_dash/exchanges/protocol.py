"""The interface of a venue's protocol: frames in, events out, frames to send; and shared parsing."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from decimal import Decimal
from typing import Any, ClassVar, NamedTuple, Protocol

import msgspec

from orderflow_dash.market import LARGEST, Grid, Instrument, Kline, OffGridError, Ticker, Trade, parse_decimal

EARLIEST_MS = 1_262_304_000_000  # 2010: every supported venue is younger
_LATEST_MS = 4_102_444_800_000  # 2100: later values are not milliseconds
AHEAD_MS = 60_000  # no trade is further ahead of the venue's clock

_MEMO_SIZE = 1 << 14


class FrameError(ValueError):
    """A malformed frame; the text is the cause."""


class AheadOfClock(FrameError):
    """A trade time that is ahead of the venue's clock; ``time`` in ms."""

    def __init__(self, time: int) -> None:
        super().__init__(f"a trade time ahead of the venue's clock: {time}")
        self.time = time


class TradeBatch(msgspec.Struct, gc=False):
    """Trades of one frame in the venue's order.

    A trade with quantity 0 is an id that the venue used without volume that counts (insurance fund,
    ADL and "NA" prints). It proves that nothing is missing; footprints skip it.
    """

    symbol: str
    trades: list[Trade]
    uids: list[str] | None = None  # one per trade, where the venue has no contiguous ids
    grid: Grid | None = None  # of the trades; None: the one that the series has
    excluded: int = 0  # prints left out on purpose
    malformed: int = 0  # rows that could not be read
    # Trades that cannot be counted: time (ms, the frame's where a row has none) and the venue's id.
    lost: Sequence[tuple[int, int | str]] = ()
    ahead: int = 0  # ms: the latest time for which rows were refused; they count as malformed


class TickerBatch(msgspec.Struct, gc=False):
    """Changes of the symbol table; fields that are not in the frame are None."""

    tickers: list[Ticker]
    malformed: int = 0


class ListingChanged(msgspec.Struct, gc=False):
    """The venue announces a change of its listing."""

    symbol: str


class Rejected(msgspec.Struct, gc=False):
    """The venue refused topics; none of them will deliver."""

    topics: list[str]
    reason: str


class ReconnectAsked(msgspec.Struct, gc=False):
    """The venue announces that it is about to close."""

    reason: str


Event = TradeBatch | TickerBatch | ListingChanged | Rejected | ReconnectAsked


class Instruments(NamedTuple):
    """One page of a venue's listing.

    ``absent``: perpetuals on it that cannot be traded now, with the venue's status. ``cursor``: of the next
    page; empty on the last.
    """

    listed: dict[str, Instrument]
    absent: dict[str, str]
    cursor: str = ""


class Limits(msgspec.Struct, frozen=True):
    """A venue's limits on one connection."""

    topics: int
    topic_characters: int  # of all topics together
    topics_per_request: int
    requests_per_second: float
    life_s: float  # the venue cuts a connection that is older


class StreamProtocol(Protocol):
    """One connection's protocol state. ``receive`` raises FrameError only."""

    limits: ClassVar[Limits]
    heartbeat_s: ClassVar[float | None]  # how often ``heartbeat`` must be sent

    def trade_topic(self, symbol: str) -> str:
        """The topic of a symbol's trades."""

    def pulse_topic(self) -> str | None:
        """A topic that always has data, by which a dead connection differs from a quiet symbol."""

    def subscribe(self, topics: Sequence[str]) -> str:
        """The frame that subscribes to topics, at most ``limits.topics_per_request``."""

    def unsubscribe(self, topics: Sequence[str]) -> str:
        """The frame that unsubscribes from topics."""

    def heartbeat(self) -> str:
        """The frame that keeps the connection open."""

    def receive(self, frame: str | bytes, now: int) -> Event | None:
        """Decode a frame; None where it has no event. ``now``: the venue's clock, ms."""


class ExactUnits:
    """Caches the exact integers of a venue's decimal texts, per symbol.

    ``known[symbol]`` holds two plain dicts (price text to units, quantity text to units) and their grid: the
    fast path reads them itself and calls ``learn`` on a KeyError. The grid of a symbol starts with the
    instrument's tick and lot; a text that is not a whole multiple of them refines it.
    """

    def __init__(self, instruments: Mapping[str, Instrument]) -> None:
        self.known: dict[str, tuple[dict[str, int], dict[str, int], Grid]] = {}
        self._instruments = instruments

    def learn(self, symbol: str, price: str, quantity: str) -> tuple[int, int, Grid]:
        """Units of price and quantity, both above 0, and their grid.

        Raises FrameError for an unlisted symbol, and for a text that is not a number, out of range or finer
        than a trade of the venue can be.
        """
        instrument = self._instruments.get(symbol)
        if instrument is None:
            raise FrameError(f"unlisted symbol {symbol[:40]!r}")
        listed = instrument.grid
        known = self.known.get(symbol)
        if known is None or not listed.allows(known[2]):
            known = {}, {}, listed
        try:
            ticks, lots, grid = exact_trade(listed, known[2], price, quantity)
        except ValueError as error:
            raise FrameError(str(error)) from error
        if not lots:
            raise FrameError(f"out of range: {quantity[:40]}")
        if grid is not known[2]:
            known = {}, {}, grid
        self.known[symbol] = known
        for memo, text, units in ((known[0], price, ticks), (known[1], quantity, lots)):
            if len(memo) >= _MEMO_SIZE:
                memo.clear()
            memo[text] = units
        return ticks, lots, grid


def is_time(value: int) -> bool:
    """Whether a value can be a time of the venue, ms."""
    return EARLIEST_MS <= value < _LATEST_MS


def checked_time(time: int, now: int) -> int:
    """A plausible trade time (ms), given the venue's clock. The frame's own time proves nothing."""
    if not is_time(time):
        raise FrameError(f"an impossible trade time: {time}")
    if time > now + AHEAD_MS:
        raise AheadOfClock(time)
    return time


def checked_kline(kline: Kline) -> Kline:
    """A kline with consistent figures; ValueError otherwise."""
    held = kline.low <= min(kline.open, kline.close) and max(kline.open, kline.close) <= kline.high
    if not held or kline.low <= 0 or not 0 <= (kline.buy_volume or 0) <= kline.volume:
        raise ValueError(f"an inconsistent kline: {kline}")
    return kline


def sort_instruments(
    rows: Iterable[dict[str, Any]],
    status_of: Callable[[dict[str, Any]], str | None],
    read: Callable[[dict[str, Any]], Instrument],
) -> Instruments:
    """Rows of a listing as tradable instruments and absent symbols, without rows that cannot be read.

    ``status_of`` returns an empty text for a tradable contract, and None for one to leave out.
    """
    page = Instruments({}, {})
    for row in rows:
        status = status_of(row)
        if status:
            page.absent[str(row["symbol"])] = status
        elif status is not None:
            try:
                instrument = read(row)
                _ = instrument.grid  # raises where a unit cannot be used
            except (KeyError, TypeError, ValueError):
                continue
            page.listed[instrument.symbol] = instrument
    return page


def readable_klines(
    rows: Iterable[object], listed: Grid, read: Callable[[Any, Grid, Grid], Kline]
) -> list[Kline]:
    """Klines old to new, without the rows that ``read`` raises an error for.

    Each is on the coarsest grid that fits it and the ones before; the first starts with the ``listed`` one.
    """
    klines = {}
    grid = listed
    for row in rows:
        try:
            kline = read(row, listed, grid)
        except (IndexError, KeyError, TypeError, ValueError):
            continue
        grid = kline.grid
        klines[kline.open_ts] = kline
    return [klines[open_ts] for open_ts in sorted(klines)]


def refine_batch(batch: TradeBatch, grid: Grid) -> None:
    """Convert a batch to a finer grid, or set its first one."""
    if batch.grid is not None and batch.grid is not grid:
        batch.trades = batch.grid.scale_to(grid).trades(batch.trades)
    batch.grid = grid


def exact_units(
    listed: Grid, grid: Grid, prices: Sequence[str], quantities: Sequence[str]
) -> tuple[list[int], list[int], Grid]:
    """A row's prices and quantities as units, and the grid they count on: refined where the row needs it.

    ``listed`` is the grid of the venue's tick and lot. Raises ValueError for a text that is not a decimal,
    that is out of range, or that needs a grid which ``listed`` does not allow.
    """
    try:
        ticks = [grid.price.units(text) for text in prices]
        lots = [grid.quantity.units(text) for text in quantities]
    except OffGridError:
        for price in prices:
            grid = grid.fitting(price, quantities[0])
        for quantity in quantities:
            grid = grid.fitting(prices[0], quantity)
        if not listed.allows(grid):
            raise ValueError(f"too fine for {listed}: {', '.join((*prices, *quantities))[:80]}") from None
        ticks = [grid.price.units(text) for text in prices]
        lots = [grid.quantity.units(text) for text in quantities]
    if min(*ticks, *lots) < 0:
        raise ValueError(f"a negative price or quantity: {', '.join((*prices, *quantities))[:80]}")
    return ticks, lots, grid


def exact_trade(listed: Grid, grid: Grid, price: str, quantity: str) -> tuple[int, int, Grid]:
    """Units of a trade's price (above 0) and quantity, and their grid; ValueError as ``exact_units``."""
    (ticks,), (lots,), grid = exact_units(listed, grid, (price,), (quantity,))
    most_ticks, most_lots = (LARGEST, LARGEST) if grid is listed else listed.bounds(grid)
    if not 0 < ticks < most_ticks or lots >= most_lots:
        raise ValueError(f"out of range: {price[:40]}, {quantity[:40]}")
    return ticks, lots, grid


def optional_decimal(value: object) -> Decimal | None:
    """A decimal text that a venue may leave out or empty; None for everything unreadable."""
    if not isinstance(value, str):
        return None
    try:
        return parse_decimal(value)
    except ValueError:
        return None
