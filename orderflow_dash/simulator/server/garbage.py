"""Malformed frames for the ``garbage`` fault, which an adapter must survive.

Each is a good frame with one thing wrong. The good frame itself follows it.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import orjson

Frame = bytes | str  # bytes go out as a binary message, str as text


def _changed(field: str, value: object) -> Callable[[dict[str, Any]], dict[str, Any]]:
    return lambda row: {**row, field: value}


def _without(field: str) -> Callable[[dict[str, Any]], dict[str, Any]]:
    return lambda row: {key: value for key, value in row.items() if key != field}


# kind -> changed field and its value; the two tables below map fields to the venues' names
_ROW_CHANGES: dict[str, tuple[str, object]] = {
    "price-nan": ("price", "NaN"),
    "price-infinite": ("price", "Infinity"),
    "price-negative": ("price", "-1.5"),
    "price-zero": ("price", "0"),
    "price-huge": ("price", "9" * 40),
    "price-exponent": ("price", "1e3"),
    "price-number": ("price", 123.45),
    "price-null": ("price", None),
    "price-off-tick": ("price", "1.00000000000000001"),
    "quantity-nan": ("quantity", "NaN"),
    "quantity-negative": ("quantity", "-0.5"),
    "quantity-zero": ("quantity", "0"),
    "quantity-huge": ("quantity", "9" * 40),
    "quantity-list": ("quantity", ["1"]),
    "time-text": ("time", "yesterday"),
    "time-negative": ("time", -1),
    "time-zero": ("time", 0),
    "time-far": ("time", 253402300799000),
    "time-huge": ("time", 10**30),
    "side-text": ("side", "maybe"),
    "symbol-wrong": ("symbol", "WRONGUSDT"),
    "symbol-number": ("symbol", 7),
    "id-text": ("id", {"not": "an id"}),
}
_BINANCE = {"price": "p", "quantity": "q", "time": "T", "side": "m", "symbol": "s", "id": "a"}
_BYBIT = {"price": "p", "quantity": "v", "time": "T", "side": "S", "symbol": "s", "id": "i"}

_WHOLE: dict[str, Frame] = {
    "empty": "",
    "not-json": "{",
    "html": "<html><body>502 Bad Gateway</body></html>",
    "binary": b"\x00\xff\xfe\x80garbage",
    "null": "null",
    "number": "42",
    "list": "[1,2,3]",
    "object": "{}",
    "nested": '{"stream":' * 2_000 + "1" + "}" * 2_000,
    "nested-list": "[" * 5_000 + "]" * 5_000,
    "unknown-event": '{"e":"somethingNew","data":{"x":1}}',
}

KINDS = (
    *_WHOLE,
    *_ROW_CHANGES,
    "missing-price",
    "missing-quantity",
    "missing-time",
    "missing-id",
    "missing-side",
)
"""Every kind, in the order in which they are sent."""


def malformed(kind: str, good: bytes, *, bybit: bool) -> Frame:
    """The malformed frame of a kind, from a raw Binance payload or a Bybit message; KeyError if unknown."""
    if kind in _WHOLE:
        return _WHOLE[kind]
    names = _BYBIT if bybit else _BINANCE
    if kind.startswith("missing-"):
        change = _without(names[kind.removeprefix("missing-")])
    else:
        field, value = _ROW_CHANGES[kind]
        change = _changed(names[field], value)
    content = orjson.loads(good)
    if bybit:
        content["data"] = [change(content["data"][0])]
    else:
        content = change(content)
    # Not orjson: one kind needs an integer above 64 bits.
    return json.dumps(content, separators=(",", ":"))
