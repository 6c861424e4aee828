"""Reads recorded trades, whatever the format: raw captures of frames, and the venues' public day files.

The format is told by the content, not by the name. The name is asked for the symbol only where the
content has none (Binance's day files: ``BTCUSDT-aggTrades-2026-09-15.zip``).
"""

from __future__ import annotations

import csv
import gzip
import io
import re
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from decimal import Decimal, InvalidOperation
from enum import IntEnum
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

import orjson
import zstandard

from orderflow_dash.market import Venue, parse_decimal


class Kind(IntEnum):
    """What a recorded row is. The first two count as volume."""

    MARKET = 0
    RPI = 1
    INSURANCE_FUND = 2
    ADL = 3
    NA = 4
    BLOCK = 5  # Bybit, off the book


class Row(NamedTuple):
    """One recorded trade, its numbers still as text."""

    venue: Venue
    symbol: str
    id: int  # Binance: match or aggregate id; Bybit: 0
    time: int  # ms
    price: str
    quantity: str
    sell: bool  # the aggressor sold
    kind: Kind
    matches: tuple[int, int] | None = None  # first and last match id of an aggregate
    without_rpi: str | None = None
    uuid: str = ""
    seq: int = 0


class DamagedFile(ValueError):
    """A file that cannot be read as recorded trades; the message names file and line."""


_FRAME_LINE = re.compile(rb"[0-9.]+:? \{")
_AGG_HEADER = "agg_trade_id,"
_TRADES_HEADER = "id,price,qty,"
_BYBIT_HEADER = "timestamp,symbol,side,size,price,"
_REWRITTEN_HEADER = "TimestampOfReceive,Stream,EventType,"


def read(path: Path) -> Iterator[Row]:
    """The trades of a file, in its order; DamagedFile names the line at which it cannot go on."""
    at = 0
    try:
        with ExitStack() as stack:
            stream, name = _opened(path, stack)
            lines = iter(io.BufferedReader(stream, 1 << 20))
            first = next(lines, b"")
            parse = _format(first, name)
            for line in _again(first, lines):
                at += 1
                if line.strip():
                    yield from parse(line)
    except OSError as error:
        if isinstance(error, FileNotFoundError | PermissionError | IsADirectoryError):
            raise
        raise DamagedFile(f"{path}, after line {at}: {error}") from error
    except (EOFError, zlib.error, zipfile.BadZipFile, zstandard.ZstdError) as error:
        raise DamagedFile(f"{path}, after line {at}: {error}") from error
    except (ValueError, KeyError, IndexError, TypeError, InvalidOperation) as error:
        raise DamagedFile(f"{path}, line {max(1, at)}: {_reason(error)}") from error


def _reason(error: Exception) -> str:
    return f"no field {error}" if isinstance(error, KeyError) else str(error) or type(error).__name__


def _again(first: bytes, rest: Iterator[bytes]) -> Iterator[bytes]:
    yield first
    yield from rest


def _opened(path: Path, stack: ExitStack) -> tuple[Any, str]:
    """A raw byte stream of the content, unpacked, and the name that tells the symbol."""
    file: BinaryIO = stack.enter_context(path.open("rb"))
    magic = file.read(4)
    file.seek(0)
    if magic.startswith(b"\x1f\x8b"):
        return stack.enter_context(gzip.GzipFile(fileobj=file)), path.name
    if magic == b"\x28\xb5\x2f\xfd":
        return stack.enter_context(zstandard.ZstdDecompressor().stream_reader(file)), path.name
    if magic == b"PK\x03\x04":
        archive = stack.enter_context(zipfile.ZipFile(file))
        names = archive.namelist()
        if len(names) != 1:
            raise ValueError(f"the archive holds {len(names)} files instead of one")
        return stack.enter_context(archive.open(names[0])), names[0]
    return file, path.name


def _format(first: bytes, name: str) -> Callable[[bytes], Iterator[Row]]:
    """How to read the lines of a file that begins so; ValueError where it is nothing known."""
    if _FRAME_LINE.match(first):
        return _frame_line
    if first.startswith(b'{"t":'):
        return _Cryptofeed()
    text = first.decode("utf-8-sig", "replace").strip()
    cells = text.split(",")
    if text.startswith(_REWRITTEN_HEADER):
        return _table(cells, _rewritten_row)
    if text.startswith(_BYBIT_HEADER):
        return _table(cells, _bybit_row)
    symbol = name.split("-")[0]
    if text.startswith(_AGG_HEADER) or (len(cells) == 7 and cells[0].isdigit()):
        names = [
            "agg_trade_id",
            "price",
            "quantity",
            "first_trade_id",
            "last_trade_id",
            "transact_time",
            "is_buyer_maker",
        ]
        return _table(names, lambda row: _agg_row(_symbol(symbol), row))
    if text.startswith(_TRADES_HEADER) or (len(cells) == 6 and cells[0].isdigit()):
        names = ["id", "price", "qty", "quote_qty", "time", "is_buyer_maker"]
        return _table(names, lambda row: _match_row(_symbol(symbol), row))
    raise ValueError(f"not a recording of trades that is known here: {text[:60]!r}")


def _symbol(text: str) -> str:
    if not re.fullmatch(r"[A-Z0-9]{2,30}", text):
        raise ValueError(f"the file's name does not begin with a symbol: {text!r}")
    return text


def _table(names: list[str], convert: Callable[[dict[str, str]], Row]) -> Callable[[bytes], Iterator[Row]]:
    """A reader of comma separated lines; a line that repeats the names is a header."""

    def parse(line: bytes) -> Iterator[Row]:
        cells = next(csv.reader([line.decode("utf-8-sig")]))
        if cells[0] == names[0]:
            return
        if len(cells) != len(names):
            raise ValueError(f"{len(cells)} columns instead of {len(names)}")
        yield convert(dict(zip(names, cells, strict=True)))

    return parse


def _flag(text: str) -> bool:
    """A truth value in any of the spellings that day files use."""
    try:
        return {"true": True, "false": False, "1": True, "0": False}[text.lower()]
    except KeyError:
        raise ValueError(f"neither true nor false: {text!r}") from None


def _agg_row(symbol: str, row: dict[str, str]) -> Row:
    matches = int(row["first_trade_id"]), int(row["last_trade_id"])
    return Row(
        Venue.BINANCE,
        symbol,
        int(row["agg_trade_id"]),
        int(row["transact_time"]),
        row["price"],
        row["quantity"],
        _flag(row["is_buyer_maker"]),
        Kind.MARKET,
        matches,
    )


def _match_row(symbol: str, row: dict[str, str]) -> Row:
    number, time, sell = int(row["id"]), int(row["time"]), _flag(row["is_buyer_maker"])
    return Row(Venue.BINANCE, symbol, number, time, row["price"], row["qty"], sell, Kind.MARKET)


def _rewritten_row(row: dict[str, str]) -> Row:
    return Row(
        Venue.BINANCE,
        row["Symbol"],
        int(row["TradeId"]),
        int(row["TransactionTime"]),
        row["Price"],
        row["Quantity"],
        _flag(row["IsBuyerMarketMaker"]),
        # Its writer turned the venue's "NA" into an empty cell.
        _kind(row["XUnknownParameter"] or "NA"),
    )


def _bybit_row(row: dict[str, str]) -> Row:
    # Seconds with four decimals; the venue's own frames give whole milliseconds.
    time = int(parse_decimal(row["timestamp"]) * Decimal(1000))
    kind = Kind.RPI if row.get("RPI", "0") == "1" else Kind.MARKET
    sell = _bybit_side(row["side"])
    return Row(
        Venue.BYBIT, row["symbol"], 0, time, row["price"], row["size"], sell, kind, uuid=row["trdMatchID"]
    )


def _bybit_side(text: str) -> bool:
    if text not in ("Buy", "Sell"):
        raise ValueError(f"neither Buy nor Sell: {text!r}")
    return text == "Sell"


def _frame_line(line: bytes) -> Iterator[Row]:
    """``<receive time> <combined frame>``; what is no trade is passed over."""
    frame = orjson.loads(line[line.index(b"{") :])
    if "data" in frame:
        yield from _binance_frame(frame["data"])


def _kind(text: str) -> Kind:
    if text not in Kind.__members__:
        raise ValueError(f"not a known kind of trade: {text!r:.40}")
    return Kind[text]


def _binance_frame(data: object) -> Iterator[Row]:
    if not isinstance(data, dict):
        return
    event = data.get("e")
    if event in ("trade", "aggTrade") and "M" in data:
        raise ValueError("a trade of the spot market, which is not served here")
    if event == "trade":
        kind = _kind(data.get("X", "MARKET"))
        yield Row(
            Venue.BINANCE, data["s"], int(data["t"]), int(data["T"]), data["p"], data["q"], data["m"], kind
        )
    elif event == "aggTrade":
        matches = int(data["f"]), int(data["l"])
        yield Row(
            Venue.BINANCE,
            data["s"],
            int(data["a"]),
            int(data["T"]),
            data["p"],
            data["q"],
            data["m"],
            Kind.MARKET,
            matches,
            data.get("nq"),
        )


class _Cryptofeed:
    """Lines of cryptofeed's recorder: who connected where, and every frame received.

    Only Binance's USD-M futures and Bybit's linear contracts count; a spot connection is passed over.
    """

    def __init__(self) -> None:
        self._venues: dict[str, Venue] = {}

    def __call__(self, line: bytes) -> Iterator[Row]:
        entry = orjson.loads(line)
        if entry["t"] == "connect":
            address = entry["addr"]
            if "fstream.binance" in address:
                self._venues[entry["conn"]] = Venue.BINANCE
            elif address.endswith("/v5/public/linear"):
                self._venues[entry["conn"]] = Venue.BYBIT
        elif entry["t"] == "recv":
            venue = self._venues.get(entry["conn"])
            if venue is Venue.BINANCE:
                yield from _binance_frame(orjson.loads(entry["data"]).get("data"))
            elif venue is Venue.BYBIT:
                yield from _bybit_frame(orjson.loads(entry["data"]))


def _bybit_frame(frame: dict[str, Any]) -> Iterator[Row]:
    if not str(frame.get("topic", "")).startswith("publicTrade."):
        return
    for row in frame["data"]:
        kind = Kind.BLOCK if row["BT"] else Kind.RPI if row.get("RPI") else Kind.MARKET
        yield Row(
            Venue.BYBIT,
            row["s"],
            0,
            int(row["T"]),
            row["p"],
            row["v"],
            _bybit_side(row["S"]),
            kind,
            uuid=row["i"],
            seq=int(row["seq"]),
        )
