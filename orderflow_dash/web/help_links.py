"""Links from labels to their explanation on ``/help``."""

from __future__ import annotations

from typing import Any, Final

from dash import html
from dash.development.base_component import Component

from orderflow_dash.web.marks import FIRE, MARKS, VERIFIED_MARKS
from orderflow_dash.web.routes import HELP

ANCHORS: Final = {
    # panel
    "Time": "candle",
    "Candle": "candle",
    "Timeframe": "candle",
    "Step": "step",
    "Units": "units",
    "Footprint": "footprint",
    "Footprint chart": "footprint-chart",
    "Cells": "set-cells",
    "Color by": "set-color",
    "Scale": "set-scale",
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
    "Level": "levels",
    "n": "volume",
    "Imbalance": "imbalance",
    "Imbalance ratio": "set-ratio",
    "Imbalance from": "set-minimum",
    "Zero opposite": "set-zero",
    "CVD from": "set-anchor",
    "Sides": "set-sides",
    "Colors": "set-palette",
    "Lookback": "lookback",
    "Table rows": "lookback",
    "Diagonal imbalance": "diagonal",
    "Stacked imbalance": "stacked",
    "POC": "poc",
    "Value area": "value-area",
    "Value area by": "set-value-area",
    "VAH": "value-area",
    "VAL": "value-area",
    "VA high": "value-area",
    "VA low": "value-area",
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
    "▸": "diagonal",
    "▸▸": "stacked",
    **{mark: "quality" for mark in MARKS.values() if mark},
    **{mark: "verified" for mark in VERIFIED_MARKS.values() if mark},
    # symbol table
    "★": "favorite",
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

_DRAWN: Final = (
    *("Time", "Bid Vol", "Ask Vol", "Delta", "CVD", "Levels"),  # heads of the footprint table
    *("Price", "Bid", "Ask", "n", "Volume"),  # of the level table
    *("Candle", "Quality", "Delta %", "Min delta", "Max delta"),  # names of the chart's readout
    *("Trades", "POC", "VA high", "VA low", "Level"),
)  # drawn by the browser


def help_href(label: str) -> str:
    """The address that explains a label, relative to any page. Raises KeyError for an unknown label."""
    return f"{HELP}#{ANCHORS[label]}"


def drawn_labels() -> dict[str, str]:
    """Addresses of the labels that a panel's scripts draw: table headers and the chart's readout."""
    own = {"Imbalance": help_href("Diagonal imbalance")}  # of the row under the crosshair
    return {label: help_href(label) for label in _DRAWN} | own


def help_label(label: str, shown: str | Component | None = None) -> Component:
    """A label, or ``shown`` instead, as a link to its explanation. Raises KeyError as ``help_href``."""
    return html.A(
        label if shown is None else shown,
        href=help_href(label),
        target="_blank",
        rel="noopener",
        className="help-label",
    )


def help_link(label: str) -> Component:
    """A question mark that opens a label's explanation in a new tab. Raises KeyError as ``help_href``."""
    named: dict[str, Any] = {"aria-label": f"Help on {label} (opens in a new tab)"}
    return html.A(
        "?",
        href=help_href(label),
        target="_blank",
        rel="noopener",
        title=f"Help on {label}",
        className="help-link",
        **named,
    )
