"""Marks and notes of a candle's quality, verification and missing trades."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from orderflow_dash.footprint.candle import Candle
from orderflow_dash.market import Difference, Quality, Timeframe
from orderflow_dash.web.text import clock, grouped

MARKS: Final = {
    Quality.COMPLETE: "",
    Quality.PARTIAL: "◐",
    Quality.GAP: "⚠\ufe0e",
    Quality.REPAIRED: "↻",
}

FIRE: Final = "🔥"  # the largest imbalance of the visible levels

VERIFIED_MARKS: Final = {True: "✓", False: "≠", None: ""}

_FIELDS: Final = {"buy_volume": "taker-buy volume"}
_VOLUMES: Final = ("volume", "buy_volume")

_NOTES: Final = {
    Quality.COMPLETE: "",
    Quality.PARTIAL: "Partial: the feed started mid-candle, so earlier trades are not counted.",
    Quality.GAP: "Gap: trades are known to be missing, so volumes, delta and CVD are incomplete.",
    Quality.REPAIRED: "Backfilled: fetched from the venue (from before the stream started, or missed by it);"
    " the candle is complete.",
}


def quality_note(quality: Quality) -> str:
    """One sentence on the quality; empty for a complete candle."""
    return _NOTES[quality]


def verified_note(candle: Candle) -> str:
    """One sentence on the comparison with the exchange's klines; empty before it."""
    if candle.verified:
        return "Verified: equals the exchange's own one-minute klines, to the last digit."
    if candle.difference is None:
        return ""
    return f"Differs from the exchange's kline: {_figures(candle.difference)}."


def _figures(difference: Difference) -> str:
    here, there = (grouped(f"{figure:f}") for figure in (difference.counted, difference.reported))
    name = _FIELDS.get(difference.field, difference.field)
    return f"{name} of {clock(difference.open_ts)} is {here} here, {there} there"


def missing_stretches(candles: Sequence[Candle], timeframe: Timeframe) -> list[tuple[int, int]]:
    """(start, end) in ms of the stretches with missing trades, candles old to new.

    A stretch runs from the end of the candle before the first of neighboring gap candles to the end of the
    last, including the time between them without any candle.
    """
    stretches: list[tuple[int, int]] = []
    before: Candle | None = None
    for candle in candles:
        if candle.quality is Quality.GAP:
            start, end = candle.open_ts, candle.open_ts + timeframe.ms
            if before is not None and before.quality is Quality.GAP:
                start, _ = stretches.pop()
            elif before is not None:
                start = before.open_ts + timeframe.ms
            stretches.append((start, end))
        before = candle
    return stretches


def quality_legend() -> list[tuple[str, str]]:
    """(mark, short meaning) of each mark."""
    return [
        (MARKS[Quality.PARTIAL], "partial (started mid-candle)"),
        (MARKS[Quality.GAP], "missing trades"),
        (MARKS[Quality.REPAIRED], "backfilled"),
        (VERIFIED_MARKS[True], "equals the exchange's kline"),
        (VERIFIED_MARKS[False], "differs from it"),
    ]
