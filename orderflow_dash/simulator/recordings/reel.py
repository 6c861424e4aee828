"""The recorded trades of one symbol, put in order, and the prints that they make."""

from __future__ import annotations

from array import array
from collections.abc import Collection, Iterable, Iterator
from decimal import Decimal
from itertools import pairwise
from time import time_ns
from typing import Any, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from orderflow_dash.market import DAY_MS, MINUTE_MS, DecimalUnit, Venue
from orderflow_dash.simulator.market.tape import Print
from orderflow_dash.simulator.recordings.capture import Kind, Row
from orderflow_dash.simulator.recordings.cells import Ints, Truths
from orderflow_dash.simulator.recordings.columns import Columns, joined
from orderflow_dash.simulator.recordings.dayfile import PRICE_DECIMALS, QUANTITY_DECIMALS, scaled
from orderflow_dash.simulator.recordings.splicing import (
    LONG_MS,
    misplaced,
    missing_matches,
    repeated_ids,
    repeated_texts,
)

_EARLIEST_MS = 1_262_304_000_000  # 2010: no venue had perpetuals before
AGGREGATION_MS = 100  # Binance joins matches of one price and side within this long


class Finding(NamedTuple):
    """What closing a reel found out about rows of a source."""

    kind: Literal["misplaced", "repeat", "conflict"]
    source: int
    line: int = 0
    rows: int = 1
    id: str = ""  # of a conflict: two trades have it
    other_source: int = 0  # where the one stands that counts
    other_line: int = 0


class _Part(NamedTuple):
    """Rows that came from one source."""

    source: int
    columns: Columns
    is_day_file: bool


class Reel:
    """One symbol's recording, in columns.

    Feed it with ``add`` (rows) and ``extend`` (columns), then ``close`` it; only then the rest works. A
    trade that is recorded twice counts once. ``gaps`` are stretches that lack trades (or may, where ids
    cannot prove it) without a jump of ids that shows it: the trade times (ms) before and after.
    """

    def __init__(self, venue: Venue, symbol: str) -> None:
        self.venue = venue
        self.symbol = symbol
        self.gaps: list[tuple[int, int]] = []
        self._shape: bool | None = None  # whether rows are aggregates
        self._parts: list[_Part] = []
        self._source = 0
        self._length = 0
        self._begin_rows()

    def _begin_rows(self) -> None:
        self._ids, self._times, self._prices, self._quantities = (array("q") for _ in range(4))
        self._kinds, self._sells = array("B"), array("B")
        self._firsts, self._lasts, self._rpi, self._seqs = (array("q") for _ in range(4))
        self._lines = array("q")
        self._uuids: list[bytes] = []

    def __len__(self) -> int:
        return self._length

    @property
    def aggregates(self) -> bool:
        """Whether it was recorded as aggregate trades, so that the matches inside are unknown."""
        return bool(self._shape)

    def take_from(self, source: int) -> None:
        """All that is added from now on comes from this source."""
        if source != self._source:
            self._flush()
            self._source = source

    def add(self, row: Row, line: int = 0) -> None:
        """Adds a row; ValueError where it makes no sense or mixes aggregates with matches."""
        if row.time <= 0:
            raise ValueError(f"trade time {row.time}")
        price = scaled(row.price, PRICE_DECIMALS)
        quantity = scaled(row.quantity, QUANTITY_DECIMALS)
        if row.kind in (Kind.MARKET, Kind.RPI) and quantity and not price:
            raise ValueError("a trade at price 0")
        self._agree(aggregates=row.matches is not None)
        self._length += 1
        self._lines.append(line)
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
        self._parts.append(_Part(self._source, columns, is_day_file=True))
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
        ints = ("ids", "times", "prices", "quantities", "firsts", "lasts", "rpi", "seqs", "lines")
        columns: dict[str, Any] = {name: np.array(getattr(self, f"_{name}"), np.int64) for name in ints}
        columns |= {name: np.array(getattr(self, f"_{name}"), np.uint8) for name in ("sells", "kinds")}
        columns["uuids"] = np.array(self._uuids, np.bytes_) if self._uuids else np.zeros(0, "S1")
        rows = Columns(self.venue, self.symbol, self.aggregates, **columns)
        self._parts.append(_Part(self._source, rows, is_day_file=False))
        self._begin_rows()

    def close(self, broken: Collection[int] = ()) -> list[Finding]:
        """Puts the rows in order, drops repeats, finds gaps, tick and lot. Returns findings about rows.

        ``broken`` are the sources that end in damage. Aggregates of nothing, which some day files have, are
        dropped as well; the ids after one move up by one, so that it leaves no hole and a real hole stays as
        wide as it is.
        """
        self._flush()
        findings: list[Finding] = []
        whole = _by_source(self._parts)
        self._parts = []  # at once: a day is large
        pieces = [self._in_order(piece, findings) for piece in whole]
        # What stood behind the last row of a damaged file is lost, and its minute with it.
        ends = (int(p.columns.times[-1]) for p in pieces if p.source in broken and len(p.columns.times))
        self.gaps += [(end, end) for end in ends]
        if self.venue is Venue.BYBIT:
            self._find_seams(pieces, broken)
        rows = joined([piece.columns for piece in pieces])
        sources = np.concatenate([np.full(len(p.columns.times), p.source, np.int32) for p in pieces])
        if len(pieces) > 1:
            order = np.argsort(rows.ids if self.venue is Venue.BINANCE else rows.times, kind="stable")
            rows, sources = rows.taken(order), sources[order]
        rows = self._without_repeats(rows, sources, findings)
        if self.venue is Venue.BINANCE and not self.aggregates:
            leaves_out = any(piece.is_day_file for piece in pieces)
            self.gaps += missing_matches(rows.ids, rows.times, leaves_out=leaves_out)
        self.gaps.sort(key=lambda gap: gap[1])
        self._adopt(rows)
        return findings

    def _in_order(self, part: _Part, findings: list[Finding]) -> _Part:
        """The rows of one source in the venue's order, without those whose time cannot be."""
        rows = part.columns
        if self.venue is Venue.BINANCE:
            if bool(np.any(rows.ids[1:] < rows.ids[:-1])):
                rows = rows.taken(np.argsort(rows.ids, kind="stable"))
        elif _runs_backwards(rows.times):
            rows = rows.taken(slice(None, None, -1))  # older day files run backwards
        earliest = _EARLIEST_MS if part.is_day_file else 0
        wrong = misplaced(rows.times, earliest, time_ns() // 1_000_000 + DAY_MS)
        if wrong.any():
            findings += [
                Finding("misplaced", part.source, line) for line in sorted(rows.lines[wrong].tolist())
            ]
            if not self.aggregates:  # else the ids show it
                self.gaps += _around(rows.times, wrong)
            rows = rows.taken(~wrong)
        if self.venue is Venue.BYBIT and bool(np.any(rows.times[1:] < rows.times[:-1])):
            rows = rows.taken(np.argsort(rows.times, kind="stable"))
        return part._replace(columns=rows)

    def _find_seams(self, pieces: list[_Part], broken: Collection[int]) -> None:
        """Between two recordings of a venue whose ids prove nothing trades may lack.

        Not between the whole files of two days in a row, if the stretch is not unusually long.
        """
        filled = sorted((p for p in pieces if len(p.columns.times)), key=lambda p: int(p.columns.times[0]))
        for before, after in pairwise(filled):
            last, first = int(before.columns.times[-1]), int(after.columns.times[0])
            if first <= last:
                continue  # they overlap
            is_next_day = before.is_day_file and after.is_day_file and first // DAY_MS == last // DAY_MS + 1
            usual = max(LONG_MS, *(int(np.diff(p.columns.times).max(initial=0)) for p in (before, after)))
            if before.source in broken or not is_next_day or first - last > usual:
                self.gaps.append((last, first))

    def _without_repeats(self, rows: Columns, sources: Ints, findings: list[Finding]) -> Columns:
        """Each id once: the row that comes first counts. Another trade with its id leaves a gap."""
        if self.venue is Venue.BINANCE:
            first, again = repeated_ids(rows.ids)
        else:
            first, again = repeated_texts(rows.uuids)
        if not len(again):
            return rows
        same: Truths = np.ones(len(again), np.bool_)
        for column in (rows.times, rows.prices, rows.quantities, rows.firsts, rows.lasts):
            if len(column):
                same &= column[again] == column[first]
        counts = np.bincount(sources[again[same]])
        findings += [Finding("repeat", int(s), rows=int(counts[s])) for s in np.flatnonzero(counts)]
        for one, other in zip(first[~same].tolist(), again[~same].tolist(), strict=True):
            number = str(rows.ids[one]) if self.venue is Venue.BINANCE else rows.uuids[one].decode()
            place, kept = (int(sources[at]) for at in (other, one))
            findings.append(
                Finding("conflict", place, int(rows.lines[other]), 1, number, kept, int(rows.lines[one]))
            )
            self.gaps.append((int(rows.times[other]),) * 2)
        keep: Truths = np.ones(len(rows.times), np.bool_)
        keep[again] = False
        return rows.taken(keep)

    def _adopt(self, rows: Columns) -> None:
        """Take over rows that are in order, in whole ticks and lots: the finest that any of them needs."""
        if self.aggregates:
            nothing = rows.quantities == 0
            if nothing.any():
                rows = rows._replace(ids=rows.ids - np.cumsum(nothing)).taken(~nothing)
        self.ids, self.times = rows.ids, rows.times
        self.price, divisor = _grid(rows.prices, PRICE_DECIMALS)
        self.prices = rows.prices // divisor
        self.quantity, divisor = _grid(np.concatenate((rows.quantities, rows.rpi)), QUANTITY_DECIMALS)
        self.quantities, self.rpi = rows.quantities // divisor, rows.rpi // divisor
        self.kinds, self.sells = rows.kinds, rows.sells
        self.firsts, self.lasts = rows.firsts, rows.lasts
        self.seqs, self.uuids = rows.seqs, rows.uuids
        self._length = len(rows.times)

    def row_at(self, time: int) -> int:
        """The first row that is not before a time (ms); rows may lag a little behind the ones before."""
        return int(np.searchsorted(np.maximum.accumulate(self.times), time))

    def counting(self, row: int) -> Truths:
        """Which of the rows before one are trades of the book, with a quantity; shape (row,)."""
        kinds = self.kinds[:row]
        truths: Truths = (self.quantities[:row] != 0) & ((kinds == Kind.MARKET) | (kinds == Kind.RPI))
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


def _by_source(parts: list[_Part]) -> list[_Part]:
    """One part for each source, in the order in which they were read."""
    by_source: dict[int, list[_Part]] = {}
    for part in parts:
        by_source.setdefault(part.source, []).append(part)
    return [
        _Part(source, joined([part.columns for part in group]), any(part.is_day_file for part in group))
        for source, group in by_source.items()
    ]


def _runs_backwards(times: Ints) -> bool:
    """Whether most rows come before the one that they follow; a few wrong times do not matter."""
    forwards = int(np.sign(np.diff(times)).sum())
    return forwards < 0 or (forwards == 0 and bool(times[0] > times[-1]))


def _around(times: Ints, wrong: Truths) -> list[tuple[int, int]]:
    """The times of the good rows before and after wrong ones."""
    good = np.flatnonzero(~wrong)
    gaps = set()
    for at in np.searchsorted(good, np.flatnonzero(wrong)).tolist():
        if 0 < at < len(good):
            pair = int(times[good[at - 1]]), int(times[good[at]])
            gaps.add((min(pair), max(pair)))
    return list(gaps)


def _grid(values: Ints, decimals: int) -> tuple[DecimalUnit, int]:
    """The largest power of ten, at most 1, that all values are multiples of; and what to divide them by."""
    common = int(np.gcd.reduce(values)) if len(values) else 0
    power = 0
    while power < decimals and common and common % 10 ** (power + 1) == 0:
        power += 1
    return DecimalUnit(Decimal(1).scaleb(power - decimals)), 10**power
