"""What the page says of how far a candle can be trusted: its quality, its verification, what is missing."""

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

FIRE: Final = "🔥"  # the largest imbalance of the levels in sight

VERIFIED_MARKS: Final = {True: "✓", False: "≠", None: ""}

_FIELDS: Final = {"buy_volume": "taker-buy volume"}
_VOLUMES: Final = ("volume", "buy_volume")

_NOTES: Final = {
    Quality.COMPLETE: "",
    Quality.PARTIAL: "Partial: the feed began inside this candle, so its earlier trades are not counted.",
    Quality.GAP: "Gap: trades are known to be missing here, so volumes, delta and CVD are incomplete.",
    Quality.REPAIRED: "Repaired: fetched from the venue afterwards (from before the stream began, or missed "
    "by it); the candle is whole.",
}


def quality_note(quality: Quality) -> str:
    """One sentence for a person; empty for a complete candle."""
    return _NOTES[quality]


def verified_note(candle: Candle) -> str:
    """One sentence on the comparison with the exchange's klines; empty while there was none."""
    if candle.verified:
        return "Verified: equals the exchange's own one-minute klines, to the last digit."
    if candle.difference is None:
        return ""
    return f"Differs from the exchange's kline: {_figures(candle.difference)}."


def _figures(difference: Difference) -> str:
    ours, theirs = (grouped(f"{figure:f}") for figure in (difference.counted, difference.reported))
    name = _FIELDS.get(difference.field, difference.field)
    return f"{name} of {clock(difference.open_ts)} is {ours} here, {theirs} there"


def missing_stretches(candles: Sequence[Candle], timeframe: Timeframe) -> list[tuple[int, int]]:
    """(start, end) in ms of what lacks trades, candles old to new.

    A stretch runs from the first of neighbouring gap candles to the end of the last, over the time
    between them in which nothing was received at all, and from where the candle before the first one ended.
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
    """(mark, short meaning) of everything that is marked."""
    return [
        (MARKS[Quality.PARTIAL], "feed began inside"),
        (MARKS[Quality.GAP], "trades missing"),
        (MARKS[Quality.REPAIRED], "fetched afterwards, whole"),
        (VERIFIED_MARKS[True], "equals the exchange's kline"),
        (VERIFIED_MARKS[False], "differs from it"),
    ]
