"""The recorded trades of one symbol, and the prints that they make."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from orderflow_dash.market import MINUTE_MS, DecimalUnit, Venue
from orderflow_dash.simulator.market.tape import Print
from orderflow_dash.simulator.recordings.capture import Kind
from orderflow_dash.simulator.recordings.cells import Truths
from orderflow_dash.simulator.recordings.columns import Columns

AGGREGATION_MS = 100  # Binance joins matches of one price and side within this time


@dataclass(frozen=True, eq=False)
class Recording:
    """One symbol's trades in the venue's order. ``RecordingBuilder`` makes it."""

    rows: Columns  # prices in units of ``price``, quantities and ``rpi`` of ``quantity``; no lines
    price: DecimalUnit
    quantity: DecimalUnit
    gaps: tuple[tuple[int, int], ...]
    """Stretches that lack trades (or may, where ids prove nothing) without a jump of ids that shows it.

    Each is the trade times (ms) before and after; the same time twice marks that minute as incomplete.
    """

    def __len__(self) -> int:
        return len(self.rows.times)

    @property
    def venue(self) -> Venue:
        return self.rows.venue

    @property
    def symbol(self) -> str:
        return self.rows.symbol

    @property
    def aggregates(self) -> bool:
        """Whether the rows are aggregate trades, so that the matches inside are unknown."""
        return self.rows.aggregates

    def row_at(self, time: int) -> int:
        """The first row that is not before a time (ms); rows may lag a little behind the ones before."""
        return int(np.searchsorted(np.maximum.accumulate(self.rows.times), time))

    def counting(self, row: int) -> Truths:
        """Which of the rows before one are trades of the book, with a quantity; shape (row,)."""
        kinds = self.rows.kinds[:row]
        truths: Truths = self.rows.quantities[:row] != 0
        truths &= (kinds == Kind.MARKET) | (kinds == Kind.RPI)
        return truths

    def prints(self, start: int = 0) -> Iterator[tuple[Print, int]]:
        """Every print from a row on, with the number of rows that it and all before it take up."""
        if self.aggregates:
            yield from self._recorded_aggregates(start)
        elif self.venue is Venue.BINANCE:
            yield from self._joined_matches(start)
        else:
            yield from self._single_trades(start)

    def _recorded_aggregates(self, start: int) -> Iterator[tuple[Print, int]]:
        rows = self.rows
        columns = (rows.ids, rows.times, rows.prices, rows.quantities, rows.rpi, rows.firsts, rows.lasts)
        for i, row in enumerate(_as_integers(columns, start), start):
            number, time, price, quantity, rpi, first, last = row
            yield (
                Print(number, time, price, quantity, abs(quantity) - rpi, first, max(first, last)),
                i + 1,
            )

    def _single_trades(self, start: int) -> Iterator[tuple[Print, int]]:
        number, rows = start, self.rows
        columns = (rows.times, rows.prices, rows.quantities, rows.kinds)
        for i, (time, price, quantity, kind) in enumerate(_as_integers(columns, start), start):
            if kind == Kind.BLOCK or not quantity:
                continue
            number += 1
            without = 0 if kind == Kind.RPI else abs(quantity)
            yield Print(number, time, price, quantity, without, number, number), i + 1

    def _joined_matches(self, start: int) -> Iterator[tuple[Print, int]]:
        """Aggregates as the venue makes them: one price, one side, 100 ms, within one minute.

        Such a recording has no ids of aggregates, so they count from the first row.
        """
        number, stop = start + 1, start
        run: Print | None = None
        rows = self.rows
        columns = (rows.ids, rows.times, rows.prices, rows.quantities, rows.kinds)
        for i, (match, time, price, quantity, kind) in enumerate(_as_integers(columns, start), start):
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
            yield run, len(self)


def _joins(run: Print, time: int, price: int, quantity: int) -> bool:
    return (
        run.price == price
        and (run.quantity > 0) == (quantity > 0)
        and 0 <= time - run.time < AGGREGATION_MS
        and time // MINUTE_MS == run.time // MINUTE_MS
    )


def _as_integers(columns: Iterable[NDArray[Any]], start: int) -> Iterator[tuple[int, ...]]:
    """Rows of equally long columns as plain integers, without holding all of them."""
    listed = list(columns)
    for at in range(start, len(listed[0]), 4096):
        yield from zip(*(column[at : at + 4096].tolist() for column in listed), strict=True)
