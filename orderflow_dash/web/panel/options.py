"""The options of a panel: their names and valid values in an address, and back.

An invalid option falls back to its default, with a notice: it never keeps a panel from opening. The panel's
``view`` store holds options beside exchange, symbol, timeframe, and step; the server checks them again each
time a browser sends them.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, fields
from decimal import Decimal
from fractions import Fraction
from typing import Final, Literal, NamedTuple

from orderflow_dash.live.session_profile import ProfileKind, Rows
from orderflow_dash.market import parse_decimal
from orderflow_dash.runtime.wording import either, not_accepted
from orderflow_dash.web.theme import PaletteName

Units = Literal["base", "quote"]
Anchor = Literal["running", "session"]
Cells = Literal["bid-ask", "delta", "volume", "trades"]
Coloring = Literal["delta", "volume", "imbalance"]
Scale = Literal["candle", "visible"] | int

MOST_ROWS: Final = 60
MOST_CANDLES: Final = 500
MOST_QUOTE: Final = 10**15 - 1
MOST_QUOTE_TEXT: Final = "10^15 - 1"
_RATIO: Final = re.compile(r"[0-9]{1,3}(?:\.[0-9]{1,2})?", re.ASCII)
_WHOLE: Final = re.compile(r"[0-9]{1,15}", re.ASCII)
_LATEST: Final = 4_102_444_800_000  # ms, 2100: no candle opens later


@dataclass(frozen=True, slots=True)
class PanelOptions:
    """The options of a panel, by their names in an address."""

    lookback: int = 30  # candles of the chart
    rows: int = 8  # of the footprint table
    units: Units = "base"
    anchor: Anchor = "running"  # start of the CVD
    ratio: Decimal = Decimal(3)  # of an imbalance, strictly more than
    min: int = 0  # volume of the heavier side of an imbalance, quote currency
    zero: bool = False  # a level without trades on the other side is imbalanced
    va: Rows = 2  # rows that the value area grows by
    profile: ProfileKind = ProfileKind.SESSION
    swap: bool = False  # ask before bid
    palette: PaletteName = "red-green"
    cells: Cells = "bid-ask"  # figures in a cell of the footprint chart
    color: Coloring = "delta"  # meaning of its color
    scale: Scale = (
        "candle"  # cell with the full color: strongest of its candle, of all in sight, or a cut-off
    )
    group: bool = True  # rows of the footprint chart that are too low for text hold several levels
    candle: int | None = None  # open (ms) of the candle whose levels are shown

    @property
    def exact_ratio(self) -> Fraction:
        """The ratio for comparisons of integers."""
        return Fraction(self.ratio)


class _Accepts(NamedTuple):
    """Valid values of one option; ``offered`` are those of its control."""

    offered: Mapping[str, str]  # value: label
    beyond: str = ""  # all valid values in words, if there are others


def _counts(*values: int) -> dict[str, str]:
    return {str(value): f"{value:,}" for value in values}


ACCEPTED: Final[Mapping[str, _Accepts]] = {
    "lookback": _Accepts(_counts(30, 60, 120, 240, 500), f"a whole number from 1 to {MOST_CANDLES}"),
    "rows": _Accepts(_counts(4, 8, 12, 16, 24, 40), f"a whole number from 1 to {MOST_ROWS}"),
    "units": _Accepts({"base": "base", "quote": "quote"}),
    "anchor": _Accepts({"running": "running", "session": "UTC session"}),
    "ratio": _Accepts(
        {text: f"{text}×" for text in ("1.5", "2", "2.5", "3", "4", "5", "10")},
        "a number from 1 to 100 with at most two decimals",
    ),
    "min": _Accepts(
        {"0": "none", **_counts(1_000, 5_000, 10_000, 50_000, 100_000, 500_000, 1_000_000)},
        f"a whole number of the quote currency from 0 to {MOST_QUOTE_TEXT}",
    ),
    "zero": _Accepts({"0": "skip", "1": "count"}),
    "va": _Accepts({"2": "two rows", "1": "one row"}),
    "profile": _Accepts({ProfileKind.SESSION.value: "Session", ProfileKind.DAY.value: "24 h"}),
    "swap": _Accepts({"0": "bid | ask", "1": "ask | bid"}),
    "palette": _Accepts({"red-green": "red / green", "blue-orange": "orange / blue"}),
    "cells": _Accepts({"bid-ask": "bid × ask", "delta": "delta", "volume": "volume", "trades": "trades"}),
    "color": _Accepts({"delta": "delta", "volume": "volume", "imbalance": "imbalance"}),
    "scale": _Accepts(
        {
            "candle": "candle",
            "visible": "in sight",
            **_counts(10_000, 50_000, 100_000, 500_000, 1_000_000, 5_000_000),
        },
        f"candle, visible, or a cut-off: a whole number of the quote currency from 1 to {MOST_QUOTE_TEXT}",
    ),
    "group": _Accepts({"1": "readable", "0": "every level"}),
    "candle": _Accepts({}, "the open of a candle in milliseconds"),
}

NAMES: Final = tuple(field.name for field in fields(PanelOptions))
DEFAULTS: Final = PanelOptions()


def parse_options(args: Mapping[str, object]) -> tuple[PanelOptions, list[str]]:
    """The options of a query, and a notice for each invalid value."""
    found: dict[str, object] = {}
    notices: list[str] = []
    for name in NAMES:
        if name not in args:
            continue
        text = str(args[name])
        try:
            found[name] = _value(name, text)
        except ValueError:
            notices.append(f"{not_accepted(name, text, _accepted(name))}. {_instead(name)}")
    return PanelOptions(**found), notices  # type: ignore[arg-type]  # each fits its field


def option_args(options: PanelOptions) -> dict[str, str]:
    """The names and values for an address: those that differ from the defaults, in order."""
    texts = {name: option_text(options, name) for name in NAMES}
    return {name: text for name, text in texts.items() if text != option_text(DEFAULTS, name)}


def option_text(options: PanelOptions, name: str) -> str:
    """The value of one option as in an address; empty if no candle is open."""
    value = getattr(options, name)
    if value is None:
        return ""
    if isinstance(value, bool):
        return str(int(value))
    return f"{value.normalize():f}" if isinstance(value, Decimal) else str(value)


def offered(options: PanelOptions, name: str) -> dict[str, str]:
    """(value: label) of an option's control; with the current value, which may come from an address."""
    choices, own = dict(ACCEPTED[name].offered), option_text(options, name)
    if own and own not in choices:
        choices[own] = f"{own}×" if name == "ratio" else f"{int(own):,}"
        # Words stay before the numbers, in their order.
        choices = dict(sorted(choices.items(), key=lambda choice: _number(choice[0])))
    return choices


def _number(text: str) -> Decimal:
    return Decimal(text) if text[:1].isdecimal() else Decimal(-1)


def _value(name: str, text: str) -> object:
    """The value of an option's text. Raises ValueError."""
    match name:
        case "lookback":
            return _whole(text, 1, MOST_CANDLES)
        case "rows":
            return _whole(text, 1, MOST_ROWS)
        case "min":
            return _whole(text, 0, MOST_QUOTE)
        case "scale" if text not in ACCEPTED[name].offered:
            return _whole(text, 1, MOST_QUOTE)
        case "candle":
            return _whole(text, 0, _LATEST)
        case "ratio":
            if not _RATIO.fullmatch(text) or not 1 <= (ratio := parse_decimal(text)) <= 100:
                raise ValueError(text)
            return ratio
    if text not in ACCEPTED[name].offered:
        raise ValueError(text)
    match name:
        case "scale" if text.isdecimal():
            return int(text)
        case "zero" | "swap" | "group":
            return text == "1"
        case "va":
            return int(text)
        case "profile":
            return ProfileKind(text)
    return text


def _whole(text: str, least: int, most: int) -> int:
    if not _WHOLE.fullmatch(text) or not least <= int(text) <= most:
        raise ValueError(text)
    return int(text)


def _accepted(name: str) -> str:
    accepted = ACCEPTED[name]
    return accepted.beyond or either(accepted.offered)


def _instead(name: str) -> str:
    default = option_text(DEFAULTS, name)
    return f"The panel shows {default}." if default else "No candle is open."
