"""The formats of the venues' public day files: recognizing one and parsing its lines."""

from __future__ import annotations

import csv
import re
import unicodedata
from dataclasses import dataclass
from typing import NamedTuple

from orderflow_dash.market import Venue

PRICE_DECIMALS = 10
QUANTITY_DECIMALS = 8
TIME_DECIMALS = 7
MICROSECONDS = 10**14  # times from here on are in microseconds
MOST_DIGITS = 18  # always fits 64 bits
WIDEST_UUID = 40

MARKET, RPI = 0, 1  # of ``capture.Kind``: a day file has no other kinds

_NUMBER = re.compile(r"([0-9]+)(?:\.([0-9]+))?(?:[eE]([+-]?[0-9]{1,3}))?", re.ASCII)
_WHOLE = re.compile(r"[0-9]+", re.ASCII)
_LONGEST_NUMBER = 64  # characters
_LOOKED_AT = 100  # lines in which the format must be recognized
_SYMBOL_NAME = re.compile(r"([^\W_]{2,40})-(?:aggTrades|trades)(?![^\W_])")
_PLAIN_NAME = re.compile(r"\s*([^\W_]{2,40})-")


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


@dataclass(frozen=True)
class DayFormat:
    """The columns of a day file."""

    venue: Venue
    symbol: str
    names: tuple[str, ...]
    place: dict[str, int]  # of Binance's names, or Bybit's put into those words

    @property
    def aggregates(self) -> bool:
        """Whether its rows are aggregate trades."""
        return "first" in self.place

    def row(self, line: bytes) -> DayRow | None:
        """Parses one line; None for an empty one and a header. ValueError if it is invalid.

        A time is checked later, against those of other rows.
        """
        try:
            text = line.decode("utf-8-sig").strip()
        except UnicodeDecodeError:
            raise ValueError(f"not text: {line[:20]!r}") from None
        if not text:
            return None
        cells = _cells(text)
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
            if len(cell["uuid"]) > WIDEST_UUID or not cell["uuid"].isascii():
                raise ValueError(f"not a trade id: {cell['uuid']!r:.60}")
            time = scaled(cell["time"], TIME_DECIMALS) // 10 ** (TIME_DECIMALS - 3)
            number = first = last = 0
        else:
            time, number = _whole(cell["time"]), _whole(cell["id"])
            time = time // 1000 if time >= MICROSECONDS else time
            first, last = (_whole(cell.get(name, "0")) for name in ("first", "last"))
        sell = _flag(cell["sell"], self.venue)
        return DayRow(number, time, price, quantity, sell, kind, first, last, cell.get("uuid", ""))


_AGGREGATES = "agg_trade_id,price,quantity,first_trade_id,last_trade_id,transact_time,is_buyer_maker"
_MATCHES = "id,price,qty,quote_qty,time,is_buyer_maker"
_BYBIT = "timestamp,symbol,side,size,price,tickDirection,trdMatchID,grossValue,homeNotional,foreignNotional"
_FLAGS = {"true": True, "false": False, "1": True, "0": False}
_SIDES = ("Buy", "Sell")


def day_format(head: list[bytes], *names: str) -> DayFormat | None:
    """The format of a file that starts with these lines; None if it is not a day file.

    The first line in a known format decides, so damage before it does not matter. ``names`` (of the file
    inside an archive, of the archive) give the symbol of Binance's files, whose rows lack it.
    """
    for at, line in enumerate(head[:_LOOKED_AT]):
        text = line.decode("utf-8-sig", "replace").strip()
        try:
            cells = _cells(text) if text else []
        except (csv.Error, ValueError):
            continue
        shape = _shape(cells)
        if shape == "bybit":
            return _bybit(tuple(cells), head[at + 1 :])
        if shape == "bybit row":
            plain = _BYBIT.split(",")
            return _bybit(tuple([*plain, "RPI"][: len(cells)]), head[at:])
        if shape == "aggregates":
            place = {"id": 0, "price": 1, "quantity": 2, "first": 3, "last": 4, "time": 5, "sell": 6}
            return DayFormat(Venue.BINANCE, _named(names), tuple(_AGGREGATES.split(",")), place)
        if shape == "matches":
            place = {"id": 0, "price": 1, "quantity": 2, "time": 4, "sell": 5}
            return DayFormat(Venue.BINANCE, _named(names), tuple(_MATCHES.split(",")), place)
    return None


def _cells(text: str) -> list[str]:
    return next(csv.reader([text]), [""])


def _shape(cells: list[str]) -> str:
    """The format of a line, which is a header or a row; empty if unknown."""
    if cells[:5] == _BYBIT.split(",")[:5]:
        return "bybit"
    if cells[:1] == ["agg_trade_id"]:
        return "aggregates"
    if cells[:3] == ["id", "price", "qty"]:
        return "matches"
    if len(cells) in (10, 11) and cells[2] in _SIDES and _NUMBER.fullmatch(cells[0]):
        return "bybit row"
    if len(cells) in (6, 7) and _WHOLE.fullmatch(cells[0]) and cells[-1].lower() in _FLAGS:
        return "aggregates" if len(cells) == 7 else "matches"
    return ""


def _bybit(names: tuple[str, ...], rows: list[bytes]) -> DayFormat:
    words = {"timestamp": "time", "symbol": "symbol", "side": "sell", "size": "quantity"}
    words |= {"price": "price", "trdMatchID": "uuid", "RPI": "rpi"}
    place = {words[name]: at for at, name in enumerate(names) if name in words}
    if "uuid" not in place:
        raise ValueError("no column trdMatchID")
    listed = (row.decode("utf-8", "replace").strip().split(",") for row in rows)
    whole = (cells for cells in listed if len(cells) == len(names) and cells[2] in _SIDES)
    symbol = next((cells[1] for cells in whole if _is_symbol(cells[1])), "")
    return DayFormat(Venue.BYBIT, symbol, names, place)


def _named(names: tuple[str, ...]) -> str:
    """The symbol that a file's name gives."""
    plain = [unicodedata.normalize("NFC", re.split(r"[/\\]", name)[-1]) for name in names]
    for name in plain:
        if (found := _SYMBOL_NAME.search(name)) and _is_symbol(found[1]):
            return found[1]
    for name in plain:
        if (found := _PLAIN_NAME.match(name)) and _is_symbol(found[1]):
            return found[1]
    shown = plain[0] if plain else ""
    raise ValueError(f"the file's name does not start with a symbol: {shown!r:.60}")


def _is_symbol(text: str) -> bool:
    """Whether it is letters and digits of any script, without lower case."""
    return re.fullmatch(r"[^\W_]{2,40}", text) is not None and text == text.upper()


def scaled(text: str, decimals: int) -> int:
    """An exact integer count of ``10**-decimals``; ValueError for anything but a plain number.

    An exponent is accepted (``1e-05``, ``5.1E+3``).
    """
    is_short = isinstance(text, str) and len(text) <= _LONGEST_NUMBER
    found = _NUMBER.fullmatch(text) if is_short else None
    if found is None:
        raise ValueError(f"not a plain decimal number: {text!r:.40}")
    whole, fraction, exponent = found[1], found[2] or "", int(found[3] or 0)
    shift = decimals - len(fraction) + exponent
    value, rest = int(whole + fraction) * 10 ** max(0, shift), 0
    if shift < 0:
        value, rest = divmod(value, 10**-shift)
    if rest or value >= 10**MOST_DIGITS or len(whole) > MOST_DIGITS - decimals:
        raise ValueError(f"out of range: {text!r:.40}")
    return int(value)


def _whole(text: str) -> int:
    if _WHOLE.fullmatch(text):
        return scaled(text, 0)
    reason = "not a whole number" if _NUMBER.fullmatch(text) else "not a plain decimal number"
    raise ValueError(f"{reason}: {text!r:.40}")


def _flag(text: str, venue: Venue) -> bool:
    """Whether the aggressor sold, in any spelling that day files use."""
    if venue is Venue.BYBIT:
        if text not in _SIDES:
            raise ValueError(f"neither Buy nor Sell: {text!r:.40}")
        return text == "Sell"
    known = _FLAGS.get(text.lower())
    if known is None:
        raise ValueError(f"invalid boolean {text!r:.40}: use true or false")
    return known
