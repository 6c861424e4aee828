"""Reads raw captures of frames, row by row.

The content shows the format, not the name. ``dayfile`` reads the venues' day files.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Callable, Iterator
from enum import IntEnum
from typing import Any, NamedTuple

import orjson

from orderflow_dash.market import Venue


class Kind(IntEnum):
    """The kind of a recorded trade. Only the first two count as volume."""

    MARKET = 0
    RPI = 1
    INSURANCE_FUND = 2
    ADL = 3
    NA = 4
    BLOCK = 5  # Bybit, off the book


class CapturedTrade(NamedTuple):
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


LineReader = Callable[[bytes], Iterator[CapturedTrade]]

_FRAME_LINE = re.compile(rb"[0-9.]+:? \{")
_REWRITTEN_HEADER = "TimestampOfReceive,Stream,EventType,"


def line_reader(first: bytes) -> LineReader:
    """A reader for a capture that starts with this line; ValueError for an unknown format."""
    if _FRAME_LINE.match(first):
        return _frame_line
    if first.startswith(b'{"t":'):
        return _Cryptofeed()
    text = first.decode("utf-8-sig", "replace").strip()
    if text.startswith(_REWRITTEN_HEADER):
        return _table(text.split(","), _rewritten_row)
    raise ValueError(f"unknown recording format: {text[:60]!r}")


def _table(
    names: list[str], convert: Callable[[dict[str, str]], CapturedTrade]
) -> Callable[[bytes], Iterator[CapturedTrade]]:
    """A reader of comma separated lines; a line that repeats the names is a header."""

    def parse(line: bytes) -> Iterator[CapturedTrade]:
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
        raise ValueError(f"invalid boolean {text!r}: use true or false") from None


def _rewritten_row(row: dict[str, str]) -> CapturedTrade:
    return CapturedTrade(
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


def _bybit_side(text: str) -> bool:
    if text not in ("Buy", "Sell"):
        raise ValueError(f"neither Buy nor Sell: {text!r}")
    return text == "Sell"


def _frame_line(line: bytes) -> Iterator[CapturedTrade]:
    """``<receive time> <combined frame>``; skips frames that are not trades."""
    frame = orjson.loads(line[line.index(b"{") :])
    if "data" in frame:
        yield from _binance_frame(frame["data"])


def _kind(text: str) -> Kind:
    if text not in Kind.__members__:
        raise ValueError(f"not a known kind of trade: {text!r:.40}")
    return Kind[text]


def _binance_frame(data: object) -> Iterator[CapturedTrade]:
    if not isinstance(data, dict):
        return
    event = data.get("e")
    if event in ("trade", "aggTrade") and "M" in data:
        raise ValueError("a trade of the spot market, which is not served here")
    if event == "trade":
        kind = _kind(data.get("X", "MARKET"))
        yield CapturedTrade(
            Venue.BINANCE, data["s"], int(data["t"]), int(data["T"]), data["p"], data["q"], data["m"], kind
        )
    elif event == "aggTrade":
        matches = int(data["f"]), int(data["l"])
        yield CapturedTrade(
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
    """Lines of cryptofeed's recorder: every connection and every received frame.

    Only Binance's USD-M futures and Bybit's linear contracts count; spot connections are skipped.
    """

    def __init__(self) -> None:
        self._venues: dict[str, Venue] = {}

    def __call__(self, line: bytes) -> Iterator[CapturedTrade]:
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


def _bybit_frame(frame: dict[str, Any]) -> Iterator[CapturedTrade]:
    if not str(frame.get("topic", "")).startswith("publicTrade."):
        return
    for row in frame["data"]:
        kind = Kind.BLOCK if row["BT"] else Kind.RPI if row.get("RPI") else Kind.MARKET
        yield CapturedTrade(
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
