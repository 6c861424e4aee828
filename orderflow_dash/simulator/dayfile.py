"""The venues' public day files as columns of exact integers, without a loop over rows.

A line that is not of the plain form (an empty one, a repeated header, quoted cells, more zeros behind the
point than fit) is read by itself, by ``DayFormat.row``, which is also what says why a line is no good.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from orderflow_dash.market import Venue

PRICE_DECIMALS = 10
QUANTITY_DECIMALS = 8

MARKET, RPI = 0, 1  # of ``capture.Kind``: a day file has no other kinds

_TIME_DECIMALS = 7
_EARLIEST_MS = 1_262_304_000_000  # 2010
_LATEST_MS = 4_102_444_800_000  # 2100
_MICROSECONDS = 10**14  # a time that is not below is told in microseconds
_MOST_DIGITS = 18  # what surely fits 64 bits
_WIDEST_UUID = 40
_BLOCK = 1 << 22  # bytes that are parsed at once
_NUMBER = re.compile(r"([0-9]+)(?:\.([0-9]+))?", re.ASCII)
_COMMA, _NEWLINE, _RETURN, _POINT, _ZERO = b",\n\r.0"

Ints = NDArray[np.int64]
Bytes = NDArray[np.uint8]
Truths = NDArray[np.bool_]
Texts = NDArray[np.bytes_]

_NO_INTS: Ints = np.zeros(0, np.int64)
_NO_TEXTS: Texts = np.zeros(0, "S1")


class Columns(NamedTuple):
    """Rows of one symbol, shape (n,) each, in the file's order; what its format has not is empty."""

    venue: Venue
    symbol: str
    aggregates: bool
    ids: Ints  # Binance: match or aggregate id; Bybit: 0
    times: Ints  # ms
    prices: Ints  # 10**-10
    quantities: Ints  # 10**-8, negative where the aggressor sold
    sells: Bytes
    kinds: Bytes  # ``capture.Kind``
    firsts: Ints = _NO_INTS  # ids of the first and last match of an aggregate
    lasts: Ints = _NO_INTS
    rpi: Ints = _NO_INTS  # 10**-8, RPI volume inside an aggregate
    seqs: Ints = _NO_INTS
    uuids: Texts = _NO_TEXTS

    def backwards(self) -> Columns:
        """The same rows, the last one first."""
        flipped = {name: column[::-1] for name, column in self._asdict().items() if name in _COLUMN_NAMES}
        return self._replace(**flipped)


_COLUMN_NAMES = Columns._fields[3:]


class DayRow(NamedTuple):
    """One line's numbers, in the units of ``Columns``."""

    id: int
    time: int
    price: int
    quantity: int  # unsigned
    sell: bool
    kind: int
    first: int
    last: int
    uuid: str


class BadLine(ValueError):
    """A line that cannot be read: its number within the block (from 0), and why."""

    def __init__(self, line: int, reason: str) -> None:
        super().__init__(reason)
        self.line = line


class Source(Protocol):
    """Where bytes come from."""

    def read1(self, size: int, /) -> bytes:
        """Some bytes; none at the end."""


@dataclass(frozen=True)
class DayFormat:
    """Which column of a day file is what."""

    venue: Venue
    symbol: str
    names: tuple[str, ...]
    place: dict[str, int]  # of Binance's names, or Bybit's put into those words

    @property
    def aggregates(self) -> bool:
        """Whether its rows are aggregate trades."""
        return "first" in self.place

    def row(self, line: bytes) -> DayRow | None:
        """One line, read plainly; None for an empty one and a header. ValueError where it is no good."""
        text = line.decode("utf-8-sig").strip()
        if not text:
            return None
        cells = next(csv.reader([text]))
        if cells[0] == self.names[0]:
            return None
        if len(cells) != len(self.names):
            raise ValueError(f"{len(cells)} columns instead of {len(self.names)}")
        cell = {name: cells[at] for name, at in self.place.items()}
        price, quantity = scaled(cell["price"], PRICE_DECIMALS), scaled(cell["quantity"], QUANTITY_DECIMALS)
        if quantity and not price:
            raise ValueError("a trade at price 0")
        kind = RPI if cell.get("rpi", "0") == "1" else MARKET
        if self.venue is Venue.BYBIT:
            if cell["symbol"] != self.symbol:
                raise ValueError(f"a trade of {cell['symbol']!r:.40} in a file of {self.symbol}")
            if len(cell["uuid"]) > _WIDEST_UUID or not cell["uuid"].isascii():
                raise ValueError(f"not a trade id: {cell['uuid']!r:.60}")
            time = scaled(cell["time"], _TIME_DECIMALS) // 10 ** (_TIME_DECIMALS - 3)
            number = first = last = 0
        else:
            time, number = _whole(cell["time"]), _whole(cell["id"])
            time = time // 1000 if time >= _MICROSECONDS else time
            first, last = (_whole(cell.get(name, "0")) for name in ("first", "last"))
        if not _EARLIEST_MS <= time < _LATEST_MS:
            raise ValueError(f"a trade time that cannot be: {cell['time'][:40]}")
        sell = _flag(cell["sell"], self.venue)
        return DayRow(number, time, price, quantity, sell, kind, first, last, cell.get("uuid", ""))


_AGGREGATES = "agg_trade_id,price,quantity,first_trade_id,last_trade_id,transact_time,is_buyer_maker"
_MATCHES = "id,price,qty,quote_qty,time,is_buyer_maker"
_BYBIT = "timestamp,symbol,side,size,price,"


def day_format(head: list[bytes], name: str) -> DayFormat | None:
    """The format of a file that begins with these lines; None where it is no day file.

    ``name`` tells the symbol of Binance's files, which have it nowhere else.
    """
    text = head[0].decode("utf-8-sig", "replace").strip() if head else ""
    cells = text.split(",")
    if text.startswith(_BYBIT):
        row = next((line for line in head[1:] if line.strip()), b"")
        parts = row.decode("utf-8", "replace").strip().split(",")
        symbol = _symbol(parts[1], "line 2") if len(parts) > 1 else ""
        words = {"timestamp": "time", "symbol": "symbol", "side": "sell", "size": "quantity"}
        words |= {"price": "price", "trdMatchID": "uuid", "RPI": "rpi"}
        place = {words[cell]: at for at, cell in enumerate(cells) if cell in words}
        if "uuid" not in place:
            raise ValueError("no column trdMatchID")
        return DayFormat(Venue.BYBIT, symbol, tuple(cells), place)
    if text.startswith("agg_trade_id,") or (len(cells) == 7 and cells[0].isdigit()):
        place = {"id": 0, "price": 1, "quantity": 2, "first": 3, "last": 4, "time": 5, "sell": 6}
        return DayFormat(Venue.BINANCE, _named(name), tuple(_AGGREGATES.split(",")), place)
    if text.startswith("id,price,qty,") or (len(cells) == 6 and cells[0].isdigit()):
        place = {"id": 0, "price": 1, "quantity": 2, "time": 4, "sell": 5}
        return DayFormat(Venue.BINANCE, _named(name), tuple(_MATCHES.split(",")), place)
    return None


def _named(name: str) -> str:
    return _symbol(name.split("-")[0], "the file's name")


def _symbol(text: str, where: str) -> str:
    if not re.fullmatch(r"[A-Z0-9]{2,30}", text):
        raise ValueError(f"{where} does not begin with a symbol: {text!r:.60}")
    return text


def scaled(text: str, decimals: int) -> int:
    """An exact integer count of ``10**-decimals``; ValueError for anything but such a plain number."""
    found = _NUMBER.fullmatch(text) if isinstance(text, str) else None
    if found is None:
        raise ValueError(f"not a plain decimal number: {text!r:.40}")
    whole, fraction = found[1], (found[2] or "").rstrip("0")
    if len(fraction) > decimals or len(whole) > _MOST_DIGITS - decimals:
        raise ValueError(f"out of range: {text!r:.40}")
    return int(whole + fraction.ljust(decimals, "0"))


def _whole(text: str) -> int:
    return scaled(text, 0) if "." not in text else _not_whole(text)


def _not_whole(text: str) -> int:
    raise ValueError(f"not a whole number: {text!r:.40}")


def _flag(text: str, venue: Venue) -> bool:
    """Whether the aggressor sold, in any of the spellings that day files use."""
    if venue is Venue.BYBIT:
        if text not in ("Buy", "Sell"):
            raise ValueError(f"neither Buy nor Sell: {text!r:.40}")
        return text == "Sell"
    known = {"true": True, "false": False, "1": True, "0": False}.get(text.lower())
    if known is None:
        raise ValueError(f"neither true nor false: {text!r:.40}")
    return known


def blocks(source: Source, start: bytes = b"") -> Iterator[bytes]:
    """The bytes of a source in pieces that end with a line; what it raises comes after its last piece."""
    held, size = [start], len(start)
    trouble: Exception | None = None
    ended = False
    while not ended:
        try:
            part = source.read1(_BLOCK)
        except Exception as error:  # noqa: BLE001 - told once what came before it is out
            trouble, part = error, b""
        held.append(part)
        size += len(part)
        ended = not part
        if size < _BLOCK and not ended:
            continue
        block = b"".join(held)
        cut = len(block) if ended and trouble is None else block.rfind(b"\n") + 1
        if cut:
            yield block[:cut]
        held, size = [block[cut:]], len(block) - cut
    if trouble is not None:
        raise trouble


def parse(block: bytes, form: DayFormat) -> tuple[Columns, BadLine | None]:
    """The rows of a piece of a file; with a bad line, the rows before it and what is wrong."""
    if not block.endswith(b"\n"):
        block += b"\n"
    data: Bytes = np.frombuffer(block, np.uint8)
    line_ends = np.flatnonzero(data == _NEWLINE)
    line_starts = np.concatenate(([0], line_ends[:-1] + 1))
    lines, width = len(line_ends), len(form.names)
    breaks = np.flatnonzero((data == _COMMA) | (data == _NEWLINE))
    if len(breaks) == lines * width and bool((data[breaks[width - 1 :: width]] == _NEWLINE).all()):
        regular = np.arange(lines)
    else:
        line = np.searchsorted(line_ends, breaks)
        is_regular = np.bincount(line, minlength=lines) == width
        regular = np.flatnonzero(is_regular)
        breaks = breaks[is_regular[line]]
    ends = breaks.reshape(-1, width).T
    starts = np.concatenate((line_starts[regular][None], ends[:-1] + 1))
    returned = data[np.maximum(ends[-1] - 1, 0)] == _RETURN
    if len(regular) and returned.any():
        ends = np.concatenate((ends[:-1], (ends[-1] - returned)[None]))
    columns, good = _columns(data, starts, ends, form)
    if len(regular) == lines and good.all():
        return columns, None
    return _patched(block, form, columns, regular, good, line_starts, line_ends)


def _patched(
    block: bytes,
    form: DayFormat,
    columns: Columns,
    regular: Ints,
    good: Truths,
    line_starts: Ints,
    line_ends: Ints,
) -> tuple[Columns, BadLine | None]:
    """Reads the lines that are not of the plain form one by one, up to the first that is no good."""
    lines = len(line_ends)
    kept = np.zeros(lines, np.bool_)
    kept[regular[good]] = True
    narrow: list[np.ndarray] = list(columns[3:])
    spread = [np.zeros(lines if len(column) else 0, column.dtype) for column in narrow]
    if form.venue is Venue.BYBIT:
        spread[-1] = np.zeros(lines, f"S{_WIDEST_UUID}")
    for wide, column in zip(spread, narrow, strict=True):
        if len(wide) and len(column):
            wide[regular] = column
    trouble: BadLine | None = None
    for line in np.flatnonzero(~kept).tolist():
        try:
            row = form.row(block[line_starts[line] : line_ends[line]])
        except (ValueError, csv.Error, IndexError) as error:
            trouble = BadLine(line, str(error))
            kept[line:] = False
            break
        if row is None:
            continue
        kept[line] = True
        signed = -row.quantity if row.sell else row.quantity
        values = (row.id, row.time, row.price, signed, row.sell, row.kind, row.first, row.last, 0, 0)
        for wide, value in zip(spread, values, strict=False):
            if len(wide):
                wide[line] = value
        if form.venue is Venue.BYBIT:
            spread[-1][line] = row.uuid.encode()
    picked = [wide[kept] if len(wide) else wide for wide in spread]
    return Columns(*columns[:3], *picked), trouble


def _columns(data: Bytes, starts: Ints, ends: Ints, form: DayFormat) -> tuple[Columns, Truths]:
    """All rows as if they were plain, and which of them are."""
    place = form.place
    count = starts.shape[1]
    good: Truths = np.ones(count, np.bool_)

    def number(name: str, decimals: int) -> Ints:
        at = place[name]
        return _decimals(data, starts[at], ends[at], decimals, good)

    def words(name: str, *spellings: tuple[bytes, bool]) -> Truths:
        at = place[name]
        return _words(data, starts[at], ends[at], spellings, good)

    prices, quantities = number("price", PRICE_DECIMALS), number("quantity", QUANTITY_DECIMALS)
    kinds: Bytes = np.full(count, MARKET, np.uint8)
    firsts = lasts = seqs = _NO_INTS
    uuids = _NO_TEXTS
    if form.venue is Venue.BYBIT:
        times = number("time", _TIME_DECIMALS) // 10 ** (_TIME_DECIMALS - 3)
        sells = words("sell", (b"Sell", True), (b"Buy", False))
        words("symbol", (form.symbol.encode(), True))
        uuids = _texts(data, starts[place["uuid"]], ends[place["uuid"]], good)
        if "rpi" in place:
            kinds[words("rpi", (b"1", True), (b"0", False))] = RPI
        ids, seqs = np.zeros(count, np.int64), np.zeros(count, np.int64)
    else:
        times, ids = number("time", 0), number("id", 0)
        times = np.where(times >= _MICROSECONDS, times // 1000, times)
        spellings = ((b"true", True), (b"false", False), (b"True", True), (b"False", False))
        sells = words("sell", *spellings, (b"1", True), (b"0", False))
        if form.aggregates:
            firsts, lasts = number("first", 0), number("last", 0)
    good &= (times >= _EARLIEST_MS) & (times < _LATEST_MS) & ((prices > 0) | (quantities == 0))
    signed = np.where(sells, -quantities, quantities)
    rpi = np.zeros(count if form.aggregates else 0, np.int64)
    parsed = (ids, times, prices, signed, sells.astype(np.uint8), kinds, firsts, lasts, rpi, seqs, uuids)
    return Columns(form.venue, form.symbol, form.aggregates, *parsed), good


def _decimals(data: Bytes, starts: Ints, ends: Ints, decimals: int, good: Truths) -> Ints:
    """Exact counts of ``10**-decimals``; takes out of ``good`` what is not a short plain number.

    With decimals 0 a point is not accepted.
    """
    length = ends - starts
    value = np.zeros(len(starts), np.int64)
    if not len(starts):
        return value
    longest = min(int(length.max()), _MOST_DIGITS + 1)
    even = int(length.min()) == longest  # all of one length: nothing to mask
    scale = np.ones(len(starts), np.int64)  # of the next digit to the left
    behind = np.zeros(len(starts), np.int64)  # digits behind the point
    points = np.zeros(len(starts), np.int64)
    for back in range(longest):
        at = ends - 1 - back
        character = data[at] if even else data[np.maximum(at, 0)]
        digit = character - np.uint8(_ZERO)  # wraps round below "0"
        is_digit = digit <= 9
        if not even:
            is_inside = back < length
            is_digit &= is_inside
        if decimals:
            is_point = character == _POINT
            if not even:
                is_point &= is_inside
            if is_point.any():
                behind[is_point] = back
                points += is_point
            value += np.where(is_digit, digit, 0) * scale
            # Beyond eighteen digits it is not good, so that a scale that overflows does no harm.
            scale = np.where(is_digit, scale * 10, scale) if back < _MOST_DIGITS else scale
        elif even:
            value += digit * np.int64(10 ** min(back, _MOST_DIGITS))
        else:
            value += np.where(is_digit, digit, 0) * np.int64(10 ** min(back, _MOST_DIGITS))
        accepted = is_digit | is_point if decimals else is_digit
        good &= accepted if even else accepted | ~is_inside
    whole = length - behind - points
    good &= (points <= 1) & (length <= longest) & (whole >= 1) & (whole <= _MOST_DIGITS - decimals)
    if decimals:
        good &= (behind <= decimals) & ((points == 0) | (behind >= 1))
        powers = 10 ** np.arange(decimals + 1, dtype=np.int64)
        value *= powers[decimals - np.minimum(behind, decimals)]
    return value


def _words(
    data: Bytes, starts: Ints, ends: Ints, spellings: tuple[tuple[bytes, bool], ...], good: Truths
) -> Truths:
    """What each word means; takes out of ``good`` what is none of the spellings."""
    length = ends - starts
    meaning = np.zeros(len(starts), np.bool_)
    known = np.zeros(len(starts), np.bool_)
    for word, means in spellings:
        same = length == len(word)
        if not same.any():
            continue
        for place, letter in enumerate(word):
            same &= data[np.minimum(starts + place, len(data) - 1)] == letter
        known |= same
        if means:
            meaning |= same
    good &= known
    return meaning


def _texts(data: Bytes, starts: Ints, ends: Ints, good: Truths) -> Texts:
    """Short texts, padded with zeros as NumPy has them; longer ones are taken out of ``good``."""
    length = ends - starts
    width = max(1, min(int(length.max(initial=0)), _WIDEST_UUID))
    texts = np.zeros((len(starts), width), np.uint8)
    for place in range(width):
        inside = place < length
        texts[:, place] = np.where(inside, data[np.where(inside, starts + place, 0)], 0)
    good &= (length <= _WIDEST_UUID) & (texts < 128).all(axis=1) & (texts != ord('"')).all(axis=1)
    return texts.view(f"S{width}")[:, 0]
