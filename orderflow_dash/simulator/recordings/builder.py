"""Collects the rows of one symbol from several sources and builds a recording of them."""

from __future__ import annotations

from array import array
from collections.abc import Collection
from decimal import Decimal
from itertools import pairwise
from time import time_ns
from typing import Any, Literal, NamedTuple

import numpy as np

from orderflow_dash.market import DAY_MS, DecimalUnit, Venue
from orderflow_dash.simulator.recordings.capture import CapturedTrade, Kind
from orderflow_dash.simulator.recordings.cells import Ints, Truths
from orderflow_dash.simulator.recordings.columns import NO_INTS, Columns, joined
from orderflow_dash.simulator.recordings.dayfile import PRICE_DECIMALS, QUANTITY_DECIMALS, scaled
from orderflow_dash.simulator.recordings.recording import Recording
from orderflow_dash.simulator.recordings.splicing import (
    LONG_MS,
    misplaced,
    missing_matches,
    repeated_ids,
    repeated_texts,
)

_EARLIEST_MS = 1_262_304_000_000  # 2010: no venue had perpetuals before
_CODES = {
    **dict.fromkeys(("ids", "times", "prices", "quantities", "firsts", "lasts", "rpi", "seqs", "lines"), "q"),
    **dict.fromkeys(("sells", "kinds"), "B"),
}


class Finding(NamedTuple):
    """A problem in the rows of a source."""

    kind: Literal["misplaced", "repeat", "conflict"]
    source: int
    line: int = 0
    rows: int = 1
    id: str = ""  # of a conflict: two trades have it
    other_source: int = 0  # of the row that is kept
    other_line: int = 0


class _Part(NamedTuple):
    """Rows of one source."""

    source: int
    columns: Columns
    is_day_file: bool


class _Numbers(NamedTuple):
    """The numbers of a row as exact integers."""

    price: int
    quantity: int  # unsigned
    rpi: int


def _numbers(row: CapturedTrade) -> _Numbers:
    """ValueError if they are invalid."""
    if row.time <= 0:
        raise ValueError(f"trade time {row.time}")
    price = scaled(row.price, PRICE_DECIMALS)
    quantity = scaled(row.quantity, QUANTITY_DECIMALS)
    if row.kind in (Kind.MARKET, Kind.RPI) and quantity and not price:
        raise ValueError("a trade at price 0")
    known = row.without_rpi
    return _Numbers(price, quantity, 0 if known is None else quantity - scaled(known, QUANTITY_DECIMALS))


class _RowBuffer:
    """Single rows as growing columns of machine integers."""

    def __init__(self) -> None:
        self._columns = {name: array(code) for name, code in _CODES.items()}
        self._uuids: list[bytes] = []

    def __len__(self) -> int:
        return len(self._columns["times"])

    def append(self, row: CapturedTrade, numbers: _Numbers, line: int) -> None:
        columns = self._columns
        columns["lines"].append(line)
        columns["ids"].append(row.id)
        columns["times"].append(row.time)
        columns["prices"].append(numbers.price)
        columns["quantities"].append(-numbers.quantity if row.sell else numbers.quantity)
        columns["kinds"].append(row.kind)
        columns["sells"].append(row.sell)
        if row.matches is not None:
            columns["firsts"].append(row.matches[0])
            columns["lasts"].append(row.matches[1])
            columns["rpi"].append(numbers.rpi)
        if row.venue is Venue.BYBIT:
            columns["seqs"].append(row.seq)
            self._uuids.append(row.uuid.encode())

    def columns(self, venue: Venue, symbol: str, *, aggregates: bool) -> Columns:
        """The rows as fixed columns."""
        columns: dict[str, Any] = {name: np.array(column) for name, column in self._columns.items()}
        columns["uuids"] = np.array(self._uuids, np.bytes_) if self._uuids else np.zeros(0, "S1")
        return Columns(venue, symbol, aggregates, **columns)


class RecordingBuilder:
    """Takes rows (``add``) and columns (``extend``) of one symbol, then ``build`` makes a recording of them.

    A trade that is recorded twice counts once.
    """

    def __init__(self, venue: Venue, symbol: str) -> None:
        self.venue = venue
        self.symbol = symbol
        self._aggregates: bool | None = None  # whether rows are aggregates; None before the first
        self._parts: list[_Part] = []
        self._buffer = _RowBuffer()
        self._source = 0
        self._length = 0
        self._gaps: list[tuple[int, int]] = []
        self._findings: list[Finding] = []

    def __len__(self) -> int:
        return self._length

    def set_source(self, source: int) -> None:
        """Assigns the rows added from now on to this source."""
        if source != self._source:
            self._flush()
            self._source = source

    def add(self, row: CapturedTrade, line: int = 0) -> None:
        """Adds a row; ValueError if it is invalid or mixes aggregates with matches."""
        numbers = _numbers(row)
        self._check_mix(aggregates=row.matches is not None)
        self._buffer.append(row, numbers, line)
        self._length += 1

    def extend(self, columns: Columns) -> None:
        """Adds the rows of a day file; ValueError if aggregates and matches would mix."""
        self._check_mix(aggregates=columns.aggregates)
        self._flush()
        self._parts.append(_Part(self._source, columns, is_day_file=True))
        self._length += len(columns.times)

    def _check_mix(self, *, aggregates: bool) -> None:
        if self._aggregates is None:
            self._aggregates = aggregates
        elif self._aggregates != aggregates:
            raise ValueError(f"{self.symbol} is recorded both as aggregates and as single matches")

    def _flush(self) -> None:
        if len(self._buffer):
            rows = self._buffer.columns(self.venue, self.symbol, aggregates=bool(self._aggregates))
            self._parts.append(_Part(self._source, rows, is_day_file=False))
            self._buffer = _RowBuffer()

    def build(self, broken: Collection[int] = ()) -> tuple[Recording, list[Finding]]:
        """Sorts the rows, drops repeats, finds gaps, tick and lot; to be called once, after a row was added.

        ``broken`` are the sources that end in damage. Aggregates of nothing, which some day files have, are
        dropped as well; the ids after one move up by one, so that a real gap keeps its width.
        """
        self._flush()
        merged = _by_source(self._parts)
        self._parts = []  # freed early: a day is large
        pieces = [self._in_order(piece) for piece in merged]
        # The rows after the damage are lost, so the minute of the last row is incomplete.
        ends = (int(p.columns.times[-1]) for p in pieces if p.source in broken and len(p.columns.times))
        self._gaps += [(end, end) for end in ends]
        if self.venue is Venue.BYBIT:
            self._find_seams(pieces, broken)
        rows = joined([piece.columns for piece in pieces])
        sources = np.concatenate([np.full(len(p.columns.times), p.source, np.int32) for p in pieces])
        if len(pieces) > 1:
            order = np.argsort(rows.ids if self.venue is Venue.BINANCE else rows.times, kind="stable")
            rows, sources = rows.taken(order), sources[order]
        rows = self._without_repeats(rows, sources)
        if self.venue is Venue.BINANCE and not rows.aggregates:
            leaves_out = any(piece.is_day_file for piece in pieces)
            self._gaps += missing_matches(rows.ids, rows.times, leaves_out=leaves_out)
        self._gaps.sort(key=lambda gap: gap[1])
        return _recording(rows, tuple(self._gaps)), self._findings

    def _in_order(self, part: _Part) -> _Part:
        """The rows of one source in the venue's order, without those of an impossible time."""
        rows = part.columns
        if self.venue is Venue.BINANCE:
            if bool(np.any(rows.ids[1:] < rows.ids[:-1])):
                rows = rows.taken(np.argsort(rows.ids, kind="stable"))
        elif _runs_backwards(rows.times):
            rows = rows.taken(slice(None, None, -1))  # older day files run backwards
        earliest = _EARLIEST_MS if part.is_day_file else 0
        wrong = misplaced(rows.times, earliest, time_ns() // 1_000_000 + DAY_MS)
        if wrong.any():
            lines = sorted(rows.lines[wrong].tolist())
            self._findings += [Finding("misplaced", part.source, line) for line in lines]
            if not rows.aggregates:  # else the ids show it
                self._gaps += _around(rows.times, wrong)
            rows = rows.taken(~wrong)
        if self.venue is Venue.BYBIT and bool(np.any(rows.times[1:] < rows.times[:-1])):
            rows = rows.taken(np.argsort(rows.times, kind="stable"))
        return part._replace(columns=rows)

    def _find_seams(self, pieces: list[_Part], broken: Collection[int]) -> None:
        """Marks a possible gap between two sources of a venue whose ids prove nothing.

        The complete files of two days in a row have none, unless the stretch between them is unusually long.
        """
        filled = sorted((p for p in pieces if len(p.columns.times)), key=lambda p: int(p.columns.times[0]))
        for before, after in pairwise(filled):
            last, first = int(before.columns.times[-1]), int(after.columns.times[0])
            if first <= last:
                continue  # they overlap
            is_next_day = before.is_day_file and after.is_day_file and first // DAY_MS == last // DAY_MS + 1
            usual = max(LONG_MS, *(int(np.diff(p.columns.times).max(initial=0)) for p in (before, after)))
            if before.source in broken or not is_next_day or first - last > usual:
                self._gaps.append((last, first))

    def _without_repeats(self, rows: Columns, sources: Ints) -> Columns:
        """Keeps the first row of each id; another trade with the same id leaves a gap."""
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
        self._findings += [Finding("repeat", int(s), rows=int(counts[s])) for s in np.flatnonzero(counts)]
        for one, other in zip(first[~same].tolist(), again[~same].tolist(), strict=True):
            number = str(rows.ids[one]) if self.venue is Venue.BINANCE else rows.uuids[one].decode()
            place, kept = (int(sources[at]) for at in (other, one))
            self._findings.append(
                Finding("conflict", place, int(rows.lines[other]), 1, number, kept, int(rows.lines[one]))
            )
            self._gaps.append((int(rows.times[other]),) * 2)
        keep: Truths = np.ones(len(rows.times), np.bool_)
        keep[again] = False
        return rows.taken(keep)


def _recording(rows: Columns, gaps: tuple[tuple[int, int], ...]) -> Recording:
    """The rows in whole ticks and lots, in the finest unit that any of them needs."""
    if rows.aggregates:
        nothing = rows.quantities == 0
        if nothing.any():
            rows = rows._replace(ids=rows.ids - np.cumsum(nothing)).taken(~nothing)
    price, tick = _unit(rows.prices, PRICE_DECIMALS)
    quantity, lot = _unit(np.concatenate((rows.quantities, rows.rpi)), QUANTITY_DECIMALS)
    rows = rows._replace(
        prices=rows.prices // tick, quantities=rows.quantities // lot, rpi=rows.rpi // lot, lines=NO_INTS
    )
    return Recording(rows, price, quantity, gaps)


def _by_source(parts: list[_Part]) -> list[_Part]:
    """One part per source, in the order in which they were read."""
    by_source: dict[int, list[_Part]] = {}
    for part in parts:
        by_source.setdefault(part.source, []).append(part)
    return [
        _Part(source, joined([part.columns for part in group]), any(part.is_day_file for part in group))
        for source, group in by_source.items()
    ]


def _runs_backwards(times: Ints) -> bool:
    """Whether most rows are older than the one before; a few wrong times do not matter."""
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


def _unit(values: Ints, decimals: int) -> tuple[DecimalUnit, int]:
    """The largest power of ten, at most 1, that divides all values; and the divisor for them."""
    common = int(np.gcd.reduce(values)) if len(values) else 0
    power = 0
    while power < decimals and common and common % 10 ** (power + 1) == 0:
        power += 1
    return DecimalUnit(Decimal(1).scaleb(power - decimals)), 10**power
