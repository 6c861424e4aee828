"""Which place of ``/help`` explains a label, and the link that stands beside it."""

from __future__ import annotations

from typing import Any, Final

from dash import html
from dash.development.base_component import Component

from .footprint_table import FIRE
from .quality import MARKS, VERIFIED_MARKS

PATH: Final = "help"

ANCHORS: Final = {
    # panel
    "Time": "candle",
    "Timeframe": "candle",
    "Step": "step",
    "Units": "units",
    "Footprint": "footprint",
    "Footprint chart": "footprint-chart",
    "Cells": "footprint-chart",
    "Colour by": "footprint-chart",
    "Scale": "footprint-chart",
    "Rows": "chart-rows",
    "Bid Vol": "bid-ask",
    "Ask Vol": "bid-ask",
    "Bid": "bid-ask",
    "Ask": "bid-ask",
    "Volume": "volume",
    "Trades": "volume",
    "Delta": "delta",
    "Delta %": "delta",
    "Min delta": "min-max-delta",
    "Max delta": "min-max-delta",
    "CVD": "cvd",
    "since": "cvd-from",
    "Levels": "levels",
    "Price": "levels",
    "Imbalance": "imbalance",
    "Imbalance over": "imbalance",
    "Imbalance from": "imbalance",
    "Lookback": "lookback",
    "Table rows": "lookback",
    "Diagonal imbalance": "diagonal",
    "Stacked imbalance": "stacked",
    "POC": "poc",
    "Value area": "value-area",
    "Value area by": "value-area",
    "VAH": "value-area",
    "VAL": "value-area",
    "VWAP": "vwap",
    "Volume profile": "session-profile",
    "Session": "session-profile",
    "24 h": "session-profile",
    "Quality": "quality",
    "Verified": "verified",
    "Status": "states",
    "CSV": "csv",
    "Link": "sharing",
    "Embed": "sharing",
    # marks
    FIRE: "imbalance",
    **{mark: "quality" for mark in MARKS.values() if mark},
    **{mark: "verified" for mark in VERIFIED_MARKS.values() if mark},
    # symbol table
    "★": "favourite",
    "Day": "day",
    "Symbol": "perpetual",
    "Venue": "venue",
    "Last": "last",
    "24 h %": "last",
    "24 h volume": "turnover",
    "Funding %": "funding",
    "Open interest": "open-interest",
}
"""Label as it is shown, and the id on the help page."""


def help_href(label: str) -> str:
    """The address that explains a label, relative to any page; KeyError for one that nothing explains."""
    return f"{PATH}#{ANCHORS[label]}"


def help_link(label: str) -> Component:
    """A small question mark that opens the explanation of a label in a new tab. KeyError as ``help_href``."""
    named: dict[str, Any] = {"aria-label": f"Help on {label} (opens in a new tab)"}
    return html.A(
        "?",
        href=help_href(label),
        target="_blank",
        rel="noopener",
        title=f"What is {label}?",
        className="help-link",
        **named,
    )
