"""The recorded trades of one symbol, put in order, and the prints that they make."""

from __future__ import annotations

import re
from array import array
from collections.abc import Iterable, Iterator
from decimal import Decimal

import numpy as np
from numpy.typing import NDArray

from orderflow_dash.market import MINUTE_MS, DecimalUnit, Venue

from .capture import Kind, Row
from .tape import Print

AGGREGATION_MS = 100  # Binance joins matches of one price and side within this long

_PRICE_DECIMALS = 10
_QUANTITY_DECIMALS = 8
_NUMBER = re.compile(r"([0-9]+)(?:\.([0-9]+))?", re.ASCII)


class Reel:
    """One symbol's recording, in columns.

    Feed it with ``add``, then ``close`` it; only then the rest works. A trade that is recorded twice
    (by its id) counts once.
    """

    def __init__(self, venue: Venue, symbol: str) -> None:
        self.venue = venue
        self.symbol = symbol
        self._shape: bool | None = None  # whether rows are aggregates
        self._ids, self._times, self._prices, self._quantities = (array("q") for _ in range(4))
        self._kinds = array("B")
        self._sells = array("B")
        self._firsts, self._lasts, self._rpi = (array("q") for _ in range(3))
        self.seqs = array("q")
        self.uuids: list[str] = []

    def __len__(self) -> int:
        return len(self._times)

    @property
    def aggregates(self) -> bool:
        """Whether it was recorded as aggregate trades, so that the matches inside are unknown."""
        return bool(self._shape)

    def add(self, row: Row) -> None:
        """Adds a row; ValueError where it makes no sense or mixes aggregates with matches."""
        if row.time <= 0:
            raise ValueError(f"trade time {row.time}")
        price = _scaled(row.price, _PRICE_DECIMALS)
        quantity = _scaled(row.quantity, _QUANTITY_DECIMALS)
        if row.kind in (Kind.MARKET, Kind.RPI) and not price:
            raise ValueError("a trade at price 0")
        if self._shape is None:
            self._shape = row.matches is not None
        elif self._shape != (row.matches is not None):
            raise ValueError(f"{self.symbol} is recorded both as aggregates and as single matches")
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
            self._rpi.append(0 if known is None else quantity - _scaled(known, _QUANTITY_DECIMALS))
        if self.venue is Venue.BYBIT:
            self.seqs.append(row.seq)
            self.uuids.append(row.uuid)

    def close(self) -> None:
        """Puts the rows in order, drops repeats and finds tick and lot."""
        order = self._order()
        self.prices = np.array(self._prices, np.int64)[order]
        self.quantities = np.array(self._quantities, np.int64)[order]
        self.price, divisor = _grid(self.prices, _PRICE_DECIMALS)
        self.prices //= divisor
        rpi = np.array(self._rpi, np.int64)[order] if self._shape else np.zeros(len(order), np.int64)
        self.quantity, divisor = _grid(np.concatenate((self.quantities, rpi)), _QUANTITY_DECIMALS)
        self.quantities //= divisor
        self.rpi = rpi // divisor
        self.ids = np.array(self._ids, np.int64)[order]
        self.times = np.array(self._times, np.int64)[order]
        self.kinds = np.array(self._kinds, np.uint8)[order]
        self.sells = np.array(self._sells, np.uint8)[order]
        if self._shape:
            self.firsts, self.lasts = (np.array(a, np.int64)[order] for a in (self._firsts, self._lasts))
        if self.venue is Venue.BYBIT:
            self.seqs = array("q", (self.seqs[i] for i in order))
            self.uuids = [self.uuids[i] for i in order]
        self._ids, self._prices, self._quantities = (array("q") for _ in range(3))

    def _order(self) -> NDArray[np.int64]:
        """Row numbers in the venue's order, each trade once."""
        if self.venue is Venue.BINANCE:
            _, once = np.unique(np.array(self._ids, np.int64), return_index=True)
            return once.astype(np.int64)
        times = np.array(self._times, np.int64)
        rows = np.arange(len(times))
        if len(times) and times[0] > times[-1]:  # older day files run backwards
            rows = rows[::-1]
        rows = rows[np.argsort(times[rows], kind="stable")]
        seen: dict[str, int] = {}
        for row in rows.tolist():
            # A day file of an early year may lack ids: then every row is its own.
            seen.setdefault(self.uuids[row] or f"row {row}", row)
        return np.array(list(seen.values()), np.int64)

    def prints(self) -> Iterator[tuple[Print, int]]:
        """Every print, with the number of rows that it and all before it take up."""
        if self.aggregates:
            yield from self._recorded_aggregates()
        elif self.venue is Venue.BINANCE:
            yield from self._joined_matches()
        else:
            yield from self._single_trades()

    def _recorded_aggregates(self) -> Iterator[tuple[Print, int]]:
        columns = (self.ids, self.times, self.prices, self.quantities, self.rpi, self.firsts, self.lasts)
        for i, row in enumerate(_rows(columns)):
            number, time, price, quantity, rpi, first, last = row
            if quantity:  # some day files have aggregates of nothing
                yield (
                    Print(number, time, price, quantity, abs(quantity) - rpi, first, max(first, last)),
                    i + 1,
                )

    def _single_trades(self) -> Iterator[tuple[Print, int]]:
        number = 0
        for i, (time, price, quantity, kind) in enumerate(
            _rows((self.times, self.prices, self.quantities, self.kinds))
        ):
            if kind == Kind.BLOCK or not quantity:
                continue
            number += 1
            without = 0 if kind == Kind.RPI else abs(quantity)
            yield Print(number, time, price, quantity, without, number, number), i + 1

    def _joined_matches(self) -> Iterator[tuple[Print, int]]:
        """Aggregates as the exchange makes them: one price, one side, 100 ms; never over a minute's end.

        Ids of aggregates are not in such a recording; they count from 1.
        """
        number, stop = 1, 0
        run: Print | None = None
        columns = (self.ids, self.times, self.prices, self.quantities, self.kinds)
        for i, (match, time, price, quantity, kind) in enumerate(_rows(columns)):
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


def _rows(columns: Iterable[NDArray[np.signedinteger] | NDArray[np.uint8]]) -> Iterator[tuple[int, ...]]:
    """Rows of equally long columns as plain integers, without holding all of them."""
    listed = list(columns)
    for at in range(0, len(listed[0]), 4096):
        yield from zip(*(column[at : at + 4096].tolist() for column in listed), strict=True)


def _scaled(text: str, decimals: int) -> int:
    """An exact integer count of ``10**-decimals``; ValueError for anything but such a plain number."""
    found = _NUMBER.fullmatch(text) if isinstance(text, str) else None
    if found is None:
        raise ValueError(f"not a plain decimal number: {text!r:.40}")
    whole, fraction = found[1], (found[2] or "").rstrip("0")
    if len(fraction) > decimals or len(whole) > 18 - decimals:
        raise ValueError(f"out of range: {text!r:.40}")
    return int(whole + fraction.ljust(decimals, "0"))


def _grid(values: NDArray[np.int64], decimals: int) -> tuple[DecimalUnit, int]:
    """The largest power of ten, at most 1, that all values are multiples of; and what to divide them by."""
    common = int(np.gcd.reduce(values)) if len(values) else 0
    power = 0
    while power < decimals and common and common % 10 ** (power + 1) == 0:
        power += 1
    return DecimalUnit(Decimal(1).scaleb(power - decimals)), 10**power
