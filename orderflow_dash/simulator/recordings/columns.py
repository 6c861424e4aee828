"""The rows of a day file as columns of exact integers, without a loop over rows.

``DayFormat.row`` parses lines that are not of the plain form (an empty one, a repeated header, quoted
cells, more decimal zeros than fit) one by one, and says why a line is invalid.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple, Protocol

import numpy as np

from orderflow_dash.market import Venue
from orderflow_dash.simulator.recordings.cells import (
    Bytes,
    Ints,
    Texts,
    Truths,
    decimals_of,
    texts_of,
    words_of,
)
from orderflow_dash.simulator.recordings.dayfile import (
    MARKET,
    MICROSECONDS,
    PRICE_DECIMALS,
    QUANTITY_DECIMALS,
    RPI,
    TIME_DECIMALS,
    WIDEST_UUID,
    DayFormat,
    DayRow,
)

_BLOCK = 1 << 22  # bytes that are parsed at once
LONGEST_LINE = 1 << 20  # bytes
_COMMA, _NEWLINE, _RETURN = b",\n\r"

NO_INTS: Ints = np.zeros(0, np.int64)
_NO_TEXTS: Texts = np.zeros(0, "S1")


class Columns(NamedTuple):
    """Rows of one symbol, shape (n,) each, in the file's order; columns that its format lacks are empty.

    More than fourteen fields, because a venue's row has that many.
    """

    venue: Venue
    symbol: str
    aggregates: bool
    ids: Ints  # Binance: match or aggregate id; Bybit: 0
    times: Ints  # ms
    prices: Ints  # 10**-10
    quantities: Ints  # 10**-8, negative if the aggressor sold
    sells: Bytes
    kinds: Bytes  # ``capture.Kind``
    firsts: Ints = NO_INTS  # ids of the first and last match of an aggregate
    lasts: Ints = NO_INTS
    rpi: Ints = NO_INTS  # 10**-8, RPI volume inside an aggregate
    seqs: Ints = NO_INTS
    uuids: Texts = _NO_TEXTS
    lines: Ints = NO_INTS  # line number in the file, from 1; 0 if unknown

    def taken(self, rows: Ints | Truths | slice) -> Columns:
        """The selected rows, in the order of the selection."""
        picked: dict[str, Any] = {}
        for name, column in self.by_name().items():
            picked[name] = column[rows] if len(column) else column
        return self._replace(**picked)

    def by_name(self) -> dict[str, Any]:
        """The columns by their names."""
        return {name: column for name, column in self._asdict().items() if name in _COLUMN_NAMES}


_COLUMN_NAMES = Columns._fields[3:]


def joined(parts: Sequence[Columns]) -> Columns:
    """The rows of at least one part, one after the other."""
    if len(parts) == 1:
        return parts[0]
    columns: dict[str, Any] = {
        name: np.concatenate([getattr(part, name) for part in parts]) for name in _COLUMN_NAMES
    }
    return parts[0]._replace(**columns)


class BadLine(ValueError):
    """A line that cannot be read: its number within the block (from 0), and why."""

    def __init__(self, line: int, reason: str) -> None:
        super().__init__(reason)
        self.line = line


class ByteSource(Protocol):
    """A source of bytes."""

    def read1(self, size: int, /) -> bytes:
        """Some bytes; empty at the end."""


def blocks(source: ByteSource, start: bytes = b"") -> Iterator[bytes]:
    """The bytes of a source in blocks of whole lines; raises an error of the source after its last block."""
    held, size = [start], len(start)
    trouble: Exception | None = None
    ended = False
    while not ended:
        try:
            part = source.read1(_BLOCK)
        except Exception as error:  # noqa: BLE001 - raised once all before it is out
            trouble, part = error, b""
        held.append(part)
        size += len(part)
        ended = not part
        if size < _BLOCK and not ended:
            continue
        block = b"".join(held)
        cut = len(block) if ended and trouble is None else block.rfind(b"\n") + 1
        if len(block) - cut > LONGEST_LINE:
            trouble, ended = ValueError(f"a line of more than {LONGEST_LINE} bytes"), True
        if cut:
            yield block[:cut]
        held, size = [block[cut:]], len(block) - cut
    if trouble is not None:
        raise trouble


def parse(block: bytes, form: DayFormat, line: int = 1) -> tuple[Columns, BadLine | None]:
    """The rows of a block of a file; with a bad line, the rows before it and the reason.

    ``line`` is the file's line number of the block's first line.
    """
    if not block.endswith(b"\n"):
        block += b"\n"
    data: Bytes = np.frombuffer(block, np.uint8)
    first = line
    line_ends = np.flatnonzero(data == _NEWLINE)
    line_starts = np.concatenate(([0], line_ends[:-1] + 1))
    lines, width = len(line_ends), len(form.names)
    breaks = np.flatnonzero((data == _COMMA) | (data == _NEWLINE))
    if len(breaks) == lines * width and bool((data[breaks[width - 1 :: width]] == _NEWLINE).all()):
        regular = np.arange(lines)
    else:
        of_line = np.searchsorted(line_ends, breaks)
        is_regular = np.bincount(of_line, minlength=lines) == width
        regular = np.flatnonzero(is_regular)
        breaks = breaks[is_regular[of_line]]
    ends = breaks.reshape(-1, width).T
    starts = np.concatenate((line_starts[regular][None], ends[:-1] + 1))
    returned = data[np.maximum(ends[-1] - 1, 0)] == _RETURN
    if len(regular) and returned.any():
        ends = np.concatenate((ends[:-1], (ends[-1] - returned)[None]))
    columns, good = _columns(data, starts, ends, form)
    columns = columns._replace(lines=regular + first)
    if len(regular) == lines and good.all():
        return columns, None
    patched, bad = _patched(block, form, columns, regular, good, (line_starts, line_ends))
    return patched._replace(lines=patched.lines + first), bad


def _patched(
    block: bytes,
    form: DayFormat,
    columns: Columns,
    regular: Ints,
    good: Truths,
    bounds: tuple[Ints, Ints],
) -> tuple[Columns, BadLine | None]:
    """Parses the lines that are not of the plain form one by one, up to the first invalid one.

    ``bounds`` are the first byte and the end of each line; ``lines`` of the result count from 0.
    """
    line_starts, line_ends = bounds
    lines = len(line_ends)
    kept = np.zeros(lines, np.bool_)
    kept[regular[good]] = True
    narrow = columns.by_name()
    spread: dict[str, Any] = {
        name: np.zeros(lines if len(column) else 0, column.dtype) for name, column in narrow.items()
    }
    # Also where no line is regular.
    for name in _names_of(form):
        spread[name] = np.zeros(lines, spread[name].dtype)
    if form.venue is Venue.BYBIT:
        spread["uuids"] = np.zeros(lines, f"S{WIDEST_UUID}")
    for name, column in narrow.items():
        if len(column):
            spread[name][regular] = column
    spread["lines"] = np.arange(lines)
    trouble: BadLine | None = None
    for line in np.flatnonzero(~kept).tolist():
        try:
            row = form.row(block[line_starts[line] : line_ends[line]])
        except (ValueError, csv.Error, IndexError) as error:
            trouble = BadLine(line, str(error))
            kept[line:] = False
            break
        if row is not None:
            kept[line] = True
            _write(spread, line, row)
    picked = {name: wide[kept] if len(wide) else wide for name, wide in spread.items()}
    return columns._replace(**picked), trouble


def _names_of(form: DayFormat) -> list[str]:
    """The columns that a format has."""
    names = ["ids", "times", "prices", "quantities", "sells", "kinds"]
    if form.aggregates:
        names += ["firsts", "lasts", "rpi"]
    return [*names, "seqs", "uuids"] if form.venue is Venue.BYBIT else names


def _write(columns: dict[str, Any], at: int, row: DayRow) -> None:
    values: dict[str, object] = {
        "ids": row.id,
        "times": row.time,
        "prices": row.price,
        "quantities": -row.quantity if row.sell else row.quantity,
        "sells": row.sell,
        "kinds": row.kind,
        "firsts": row.first,
        "lasts": row.last,
        "uuids": row.uuid.encode(),
    }
    for name, value in values.items():
        if len(columns[name]):
            columns[name][at] = value


def _columns(data: Bytes, starts: Ints, ends: Ints, form: DayFormat) -> tuple[Columns, Truths]:
    """All rows parsed as plain ones, and which of them are."""
    place = form.place
    count = starts.shape[1]
    good: Truths = np.ones(count, np.bool_)

    def number(name: str, decimals: int) -> Ints:
        at = place[name]
        return decimals_of(data, starts[at], ends[at], decimals, good)

    def words(name: str, *spellings: tuple[bytes, bool]) -> Truths:
        at = place[name]
        return words_of(data, starts[at], ends[at], spellings, good)

    prices, quantities = number("price", PRICE_DECIMALS), number("quantity", QUANTITY_DECIMALS)
    kinds: Bytes = np.full(count, MARKET, np.uint8)
    firsts = lasts = seqs = NO_INTS
    uuids = _NO_TEXTS
    if form.venue is Venue.BYBIT:
        times = number("time", TIME_DECIMALS) // 10 ** (TIME_DECIMALS - 3)
        sells = words("sell", (b"Sell", True), (b"Buy", False))
        words("symbol", (form.symbol.encode(), True))
        uuids = texts_of(data, starts[place["uuid"]], ends[place["uuid"]], good)
        if "rpi" in place:
            kinds[words("rpi", (b"1", True), (b"0", False))] = RPI
        ids, seqs = np.zeros(count, np.int64), np.zeros(count, np.int64)
    else:
        times, ids = number("time", 0), number("id", 0)
        times = np.where(times >= MICROSECONDS, times // 1000, times)
        spellings = ((b"true", True), (b"false", False), (b"True", True), (b"False", False))
        sells = words("sell", *spellings, (b"1", True), (b"0", False))
        if form.aggregates:
            firsts, lasts = number("first", 0), number("last", 0)
    good &= (prices > 0) | (quantities == 0)
    signed = np.where(sells, -quantities, quantities)
    rpi = np.zeros(count if form.aggregates else 0, np.int64)
    parsed = (ids, times, prices, signed, sells.astype(np.uint8), kinds, firsts, lasts, rpi, seqs, uuids)
    return Columns(form.venue, form.symbol, form.aggregates, *parsed), good
