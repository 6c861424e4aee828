"""The recorded trades of one symbol, put in order, and the prints that they make."""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Iterator
from decimal import Decimal
from typing import Any

import numpy as np
from numpy.typing import NDArray

from orderflow_dash.market import MINUTE_MS, DecimalUnit, Venue

from .capture import Kind, Row
from .dayfile import PRICE_DECIMALS, QUANTITY_DECIMALS, Columns, Ints, Texts, scaled
from .tape import Print

AGGREGATION_MS = 100  # Binance joins matches of one price and side within this long


class Reel:
    """One symbol's recording, in columns.

    Feed it with ``add`` (rows) and ``extend`` (columns), then ``close`` it; only then the rest works. A
    trade that is recorded twice (by its id) counts once.
    """

    def __init__(self, venue: Venue, symbol: str) -> None:
        self.venue = venue
        self.symbol = symbol
        self._shape: bool | None = None  # whether rows are aggregates
        self._parts: list[Columns] = []
        self._length = 0
        self._begin_rows()

    def _begin_rows(self) -> None:
        self._ids, self._times, self._prices, self._quantities = (array("q") for _ in range(4))
        self._kinds, self._sells = array("B"), array("B")
        self._firsts, self._lasts, self._rpi, self._seqs = (array("q") for _ in range(4))
        self._uuids: list[bytes] = []

    def __len__(self) -> int:
        return self._length

    @property
    def aggregates(self) -> bool:
        """Whether it was recorded as aggregate trades, so that the matches inside are unknown."""
        return bool(self._shape)

    def add(self, row: Row) -> None:
        """Adds a row; ValueError where it makes no sense or mixes aggregates with matches."""
        if row.time <= 0:
            raise ValueError(f"trade time {row.time}")
        price = scaled(row.price, PRICE_DECIMALS)
        quantity = scaled(row.quantity, QUANTITY_DECIMALS)
        if row.kind in (Kind.MARKET, Kind.RPI) and quantity and not price:
            raise ValueError("a trade at price 0")
        self._agree(aggregates=row.matches is not None)
        self._length += 1
        self._ids.append(row.id)
        self._times.append(row.time)
        self._prices.append(price)
        self._quantities.append(-quantity if row.sell else quantity)
        self._kinds.append(row.kind)
        self._sells.append(row.sell)
        if row.matches is not None:
            self._firsts.append(row.matches[0])
            self._lasts.append(row.matches[1])
            known = row.without_rpi
            self._rpi.append(0 if known is None else quantity - scaled(known, QUANTITY_DECIMALS))
        if self.venue is Venue.BYBIT:
            self._seqs.append(row.seq)
            self._uuids.append(row.uuid.encode())

    def extend(self, columns: Columns) -> None:
        """Adds many rows; ValueError where aggregates and matches would mix."""
        self._agree(aggregates=columns.aggregates)
        self._flush()
        self._parts.append(columns)
        self._length += len(columns.times)

    def _agree(self, *, aggregates: bool) -> None:
        if self._shape is None:
            self._shape = aggregates
        elif self._shape != aggregates:
            raise ValueError(f"{self.symbol} is recorded both as aggregates and as single matches")

    def _flush(self) -> None:
        """Makes columns of the rows."""
        if not self._times:
            return
        ints = ("ids", "times", "prices", "quantities", "firsts", "lasts", "rpi", "seqs")
        columns: dict[str, Any] = {name: np.array(getattr(self, f"_{name}"), np.int64) for name in ints}
        columns |= {name: np.array(getattr(self, f"_{name}"), np.uint8) for name in ("sells", "kinds")}
        columns["uuids"] = np.array(self._uuids, np.bytes_) if self._uuids else np.zeros(0, "S1")
        self._parts.append(Columns(self.venue, self.symbol, self.aggregates, **columns))
        self._begin_rows()

    def close(self) -> None:
        """Puts the rows in order, drops repeats and finds tick and lot.

        Aggregates of nothing, which some day files have, are dropped as well; the ids after one move up by
        one, so that it leaves no hole and a real hole stays as wide as it is.
        """
        self._flush()
        parts, self._parts = self._parts, []
        ids, times = (np.concatenate([part[i] for part in parts]) for i in (3, 4))
        uuids = np.concatenate([part.uuids for part in parts])
        order = _binance_order(ids) if self.venue is Venue.BINANCE else _bybit_order(times, uuids)

        if self.aggregates:
            nothing = np.concatenate([part.quantities for part in parts]) == 0
            if nothing.any():
                order = np.arange(len(ids)) if order is None else order
                moved = np.cumsum(nothing[order])
                ids[order] -= moved
                order = order[~nothing[order]]

        def joined(name: str) -> Any:  # noqa: ANN401 - a column of whatever type it has
            column = np.concatenate([getattr(part, name) for part in parts])
            return column if order is None or not len(column) else column[order]

        self.ids = ids if order is None else ids[order]
        self.times, self.prices = joined("times"), joined("prices")
        self.price, divisor = _grid(self.prices, PRICE_DECIMALS)
        self.prices //= divisor
        self.quantities = joined("quantities")
        self.rpi = joined("rpi")
        self.quantity, divisor = _grid(np.concatenate((self.quantities, self.rpi)), QUANTITY_DECIMALS)
        self.quantities //= divisor
        self.rpi //= divisor
        self.kinds, self.sells = joined("kinds"), joined("sells")
        self.firsts, self.lasts = joined("firsts"), joined("lasts")
        self.seqs, self.uuids = joined("seqs"), joined("uuids")
        self._length = len(self.times)

    def row_at(self, time: int) -> int:
        """The first row that is not before a time (ms); rows may lag a little behind the ones before."""
        return int(np.searchsorted(np.maximum.accumulate(self.times), time))

    def prints(self, start: int = 0) -> Iterator[tuple[Print, int]]:
        """Every print from a row on, with the number of rows that it and all before it take up."""
        if self.aggregates:
            yield from self._recorded_aggregates(start)
        elif self.venue is Venue.BINANCE:
            yield from self._joined_matches(start)
        else:
            yield from self._single_trades(start)

    def _recorded_aggregates(self, start: int) -> Iterator[tuple[Print, int]]:
        columns = (self.ids, self.times, self.prices, self.quantities, self.rpi, self.firsts, self.lasts)
        for i, row in enumerate(_rows(columns, start), start):
            number, time, price, quantity, rpi, first, last = row
            yield (
                Print(number, time, price, quantity, abs(quantity) - rpi, first, max(first, last)),
                i + 1,
            )

    def _single_trades(self, start: int) -> Iterator[tuple[Print, int]]:
        number = start
        columns = (self.times, self.prices, self.quantities, self.kinds)
        for i, (time, price, quantity, kind) in enumerate(_rows(columns, start), start):
            if kind == Kind.BLOCK or not quantity:
                continue
            number += 1
            without = 0 if kind == Kind.RPI else abs(quantity)
            yield Print(number, time, price, quantity, without, number, number), i + 1

    def _joined_matches(self, start: int) -> Iterator[tuple[Print, int]]:
        """Aggregates as the exchange makes them: one price, one side, 100 ms; never over a minute's end.

        Ids of aggregates are not in such a recording; they count from the first row on.
        """
        number, stop = start + 1, start
        run: Print | None = None
        columns = (self.ids, self.times, self.prices, self.quantities, self.kinds)
        for i, (match, time, price, quantity, kind) in enumerate(_rows(columns, start), start):
            if kind not in (Kind.MARKET, Kind.RPI) or not quantity:
                continue
            plain = abs(quantity) if kind == Kind.MARKET else 0
            if run is not None and _joins(run, time, price, quantity):
                run = run._replace(
                    quantity=run.quantity + quantity, without_rpi=run.without_rpi + plain, last=match
                )
            else:
                if run is not None:
                    yield run, stop
                    number += 1
                run = Print(number, time, price, quantity, plain, match, match)
            stop = i + 1
        if run is not None:
            yield run, len(self.ids)


def _joins(run: Print, time: int, price: int, quantity: int) -> bool:
    return (
        run.price == price
        and (run.quantity > 0) == (quantity > 0)
        and 0 <= time - run.time < AGGREGATION_MS
        and time // MINUTE_MS == run.time // MINUTE_MS
    )


def _rows(columns: Iterable[NDArray[Any]], start: int) -> Iterator[tuple[int, ...]]:
    """Rows of equally long columns as plain integers, without holding all of them."""
    listed = list(columns)
    for at in range(start, len(listed[0]), 4096):
        yield from zip(*(column[at : at + 4096].tolist() for column in listed), strict=True)


def _binance_order(ids: Ints) -> Ints | None:
    """Row numbers by id, each id once; None where the rows are so already."""
    if bool(np.all(ids[1:] > ids[:-1])):
        return None
    return np.unique(ids, return_index=True)[1].astype(np.int64)


def _bybit_order(times: Ints, uuids: Texts) -> Ints | None:
    """Row numbers by time, else as recorded, each trade id once; None where the rows are so already."""
    order: Ints | None = None
    if bool(np.any(times[1:] < times[:-1])):
        order = np.argsort(times, kind="stable").astype(np.int64)
    texts = uuids if order is None else uuids[order]
    hashes = _hashes(texts)
    by_hash = np.argsort(hashes, kind="stable")
    suspects = np.flatnonzero(hashes[by_hash[1:]] == hashes[by_hash[:-1]])
    first, again = by_hash[suspects], by_hash[suspects + 1]
    # A day file of an early year may lack ids: then every row is its own.
    repeats = again[(texts[again] == texts[first]) & (texts[again] != b"")]
    if not len(repeats):
        return order
    rows = np.arange(len(times)) if order is None else order
    return np.delete(rows, repeats)


def _hashes(texts: Texts) -> NDArray[np.uint64]:
    """A number for each text: sorting these is many times faster than sorting the texts."""
    width = max(1, -(-texts.dtype.itemsize // 8))
    words = np.ascontiguousarray(texts.astype(f"S{width * 8}")).view(np.uint64).reshape(len(texts), width)
    hashes = np.zeros(len(texts), np.uint64)
    for i in range(width):
        hashes = (hashes ^ words[:, i]) * np.uint64(0x9E3779B97F4A7C15)
        hashes ^= hashes >> np.uint64(29)
    return hashes


def _grid(values: Ints, decimals: int) -> tuple[DecimalUnit, int]:
    """The largest power of ten, at most 1, that all values are multiples of; and what to divide them by."""
    common = int(np.gcd.reduce(values)) if len(values) else 0
    power = 0
    while power < decimals and common and common % 10 ** (power + 1) == 0:
        power += 1
    return DecimalUnit(Decimal(1).scaleb(power - decimals)), 10**power
