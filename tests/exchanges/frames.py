"""Frames as the venues send them, written by hand from the protocol facts, and the market they are of."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

from orderflow_dash.market import Instrument, Venue

NOW = 1_791_391_083_000  # ms, our clock while frames are read


def instrument(symbol: str, tick: str, lot: str, venue: Venue = Venue.BINANCE) -> Instrument:
    """A USDT perpetual."""
    return Instrument(venue, symbol, symbol.removesuffix("USDT"), "USDT", Decimal(tick), Decimal(lot))


LISTED = {
    each.symbol: each
    for each in (
        instrument("BTCUSDT", "0.1", "0.001"),
        instrument("1000PEPEUSDT", "0.0000001", "1"),
        instrument("DOGEUSDT", "0.00001", "1"),
        instrument("ETHUSDT", "0.01", "0.001"),
    )
}


def aggregate(**changes: Any) -> dict[str, Any]:
    """The payload of an aggTrade; a change to ``...`` leaves the field out."""
    payload = {
        "e": "aggTrade", "E": NOW - 976, "a": 3478018549, "s": "BTCUSDT", "p": "83434.40", "q": "0.016",
        "nq": "0.016", "f": 8154045700, "l": 8154045704, "T": NOW - 1_126, "m": True, "st": 1,
    }  # fmt: skip
    return {key: value for key, value in {**payload, **changes}.items() if value is not ...}


def fill(**changes: Any) -> dict[str, Any]:
    """The payload of a trade (one fill)."""
    payload = {
        "e": "trade", "E": NOW - 976, "T": NOW - 977, "s": "BTCUSDT", "t": 8121136411, "p": "83680.00",
        "q": "0.001", "X": "MARKET", "m": True, "st": 1,
    }  # fmt: skip
    return {key: value for key, value in {**payload, **changes}.items() if value is not ...}


def combined(payload: Any, stream: str = "btcusdt@aggTrade") -> str:
    """A payload in the wrapper of ``/stream``."""
    return json.dumps({"stream": stream, "data": payload})


def print_row(**changes: Any) -> dict[str, Any]:
    """One row of a publicTrade message."""
    row = {
        "T": NOW - 10, "s": "BTCUSDT", "S": "Sell", "v": "0.004", "p": "65114.20", "L": "MinusTick",
        "i": "a9188a0a-82bc-50de-be60-03eedbe3cdd7", "BT": False, "RPI": False, "seq": 753843954913,
    }  # fmt: skip
    return {key: value for key, value in {**row, **changes}.items() if value is not ...}


def public_trade(*rows: Any, **changes: Any) -> str:
    """A publicTrade message."""
    message = {"topic": "publicTrade.BTCUSDT", "type": "snapshot", "ts": NOW - 9, "data": list(rows)}
    return json.dumps({key: value for key, value in {**message, **changes}.items() if value is not ...})
