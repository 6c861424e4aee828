"""The plain baseline: json, floats, a dict per candle and level."""

from __future__ import annotations

import json
from typing import Any

Candles = dict[int, dict[str, Any]]


def decode(frame: bytes) -> tuple[int, float, float, bool]:
    """Time, price, quantity and whether the aggressor sold."""
    data = json.loads(frame)["data"]
    return data["T"], float(data["p"]), float(data["q"]), data["m"]


def apply(candles: Candles, trade: tuple[int, float, float, bool], step: float) -> None:
    """Adds a trade to its candle and level."""
    time, price, quantity, sold = trade
    open_ts = time - time % 60_000
    candle = candles.get(open_ts)
    if candle is None:
        candle = candles[open_ts] = {"bid": 0.0, "ask": 0.0, "levels": {}}
    key = round(price / step) * step
    level = candle["levels"].get(key)
    if level is None:
        level = candle["levels"][key] = {"bid": 0.0, "ask": 0.0, "n": 0}
    side = "bid" if sold else "ask"
    candle[side] += quantity
    level[side] += quantity
    level["n"] += 1


def encode_delta(open_ts: int, candle: dict[str, Any]) -> str:
    """One candle as a delta message."""
    levels = sorted(candle["levels"].items(), reverse=True)
    return json.dumps(
        {
            "type": "delta",
            "candle": {
                "open_ts": open_ts,
                "bid": candle["bid"],
                "ask": candle["ask"],
                "delta": candle["ask"] - candle["bid"],
                "levels": [{"p": price, **level} for price, level in levels],
            },
        }
    )
