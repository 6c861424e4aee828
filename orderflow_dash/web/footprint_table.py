"""The footprint table: the newest candles as rows of a Dash DataTable.

DataTable is deprecated in Dash 4.2 and stays here because users asked for it by name; nothing else of the
product knows it. Only ``data`` and ``tooltip_data`` change while it lives: every style is a fixed rule
over hidden fields of the row, so a new second costs the browser a few cells.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final, cast

from dash import html
from dash.dash_table.DataTable import DataTable
from dash.development.base_component import Component

from ..footprint.candle import Candle
from ..footprint.measures import is_imbalanced
from ..market import Instrument, Quality, Timeframe
from .number_text import clock, grouped, signed
from .quality import MARKS, VERIFIED_MARKS, quality_note, verified_note

TABLE_CANDLES: Final = 8
BAR_STEPS: Final = 20  # a delta bar is drawn in twentieths of its cell
FIRE: Final = "🔥"

_GAP_TINT: Final = "inset 0 0 0 100px var(--of-warn-tint)"
_TORN_EDGE: Final = "inset 0 -3px 0 var(--of-warn)"
_HATCH: Final = "repeating-linear-gradient(135deg, var(--of-warn-tint) 0 5px, transparent 5px 10px)"

Row = dict[str, str]
Tooltip = dict[str, str]

_COLUMNS: Final = (
    ("time", "Time", "Open of the candle, UTC"),
    ("bid", "Bid Vol", "Volume whose aggressor sold, in the base currency"),
    ("ask", "Ask Vol", "Volume whose aggressor bought, in the base currency"),
    ("delta", "Delta", "Ask volume less bid volume; the bar is its size among the rows shown"),
    ("cvd", "CVD", "Running sum of delta at the close of the candle"),
    ("levels", "Levels", "Price levels with trades, at the step chosen"),
)


def footprint_rows(
    candles: Sequence[Candle], instrument: Instrument, timeframe: Timeframe = Timeframe.M1, ratio: int = 3
) -> list[Row]:
    """The last 8 candles, newest first, as exact text; hidden fields choose the styles of a row."""
    shown = list(candles)[-TABLE_CANDLES:]
    widest = max((abs(candle.delta) for candle in shown), default=0)
    rows = [_row(candle, instrument, ratio, widest) for candle in shown]
    for row, candle, before in zip(rows[1:], shown[1:], shown, strict=False):
        row["stretch"] = "below" if _is_torn(before, candle, timeframe) else ""
    return rows[::-1]


def footprint_tooltips(
    candles: Sequence[Candle], instrument: Instrument, timeframe: Timeframe = Timeframe.M1
) -> list[Tooltip]:
    """What the Time cell of each row explains: how far the candle can be trusted, and whether it is open."""
    shown = list(candles)[-TABLE_CANDLES:]
    tooltips: list[Tooltip] = []
    for before, candle in zip([None, *shown], shown, strict=False):
        torn = before is not None and _is_torn(before, candle, timeframe)
        parts = (
            "" if candle.closed else "Still open.",
            quality_note(candle.quality),
            _nothing_between(before, candle, timeframe) if torn and before is not None else "",
            verified_note(candle, instrument),
        )
        tooltips.append({"time": " ".join(part for part in parts if part)})
    return tooltips[::-1]


def _is_torn(before: Candle, candle: Candle, timeframe: Timeframe) -> bool:
    """Whether nothing at all was received between two neighbouring candles, both of which lack trades."""
    is_marked = before.quality is Quality.GAP and candle.quality is Quality.GAP
    return is_marked and candle.open_ts > before.open_ts + timeframe.ms


def _nothing_between(before: Candle, candle: Candle, timeframe: Timeframe) -> str:
    return f"Nothing was received from {clock(before.open_ts + timeframe.ms)} to {clock(candle.open_ts)}."


def footprint_table(component_id: dict[str, Any], rows: list[Row], tooltips: list[Tooltip]) -> Component:
    """The table's component inside its stable class name."""
    return html.Div(
        DataTable(
            id=component_id,
            columns=[{"id": column, "name": name} for column, name, _ in _COLUMNS],
            data=cast(Any, rows),
            tooltip_data=cast(Any, tooltips),
            tooltip_header={column: tip for column, _, tip in _COLUMNS},
            tooltip_delay=0,  # a new second draws it anew: any delay would flicker
            tooltip_duration=None,
            cell_selectable=False,
            style_as_list_view=True,
            style_table={"overflowX": "auto"},
            style_cell={
                "textAlign": "right",
                "padding": "4px var(--of-cell-gap)",
                "fontFamily": "inherit",
                "background": "transparent",
                "color": "inherit",
            },
            style_header={"background": "transparent", "color": "var(--of-muted)"},
            style_cell_conditional=_column_styles(),
            style_data_conditional=_row_styles(),
        ),
        className="footprint-table",
    )


def _row(candle: Candle, instrument: Instrument, ratio: int, widest: int) -> Row:
    imbalanced = is_imbalanced(candle.bid, candle.ask, ratio)
    side = "" if candle.delta == 0 else "ask" if candle.delta > 0 else "bid"
    bar = -(-BAR_STEPS * abs(candle.delta) // widest) if widest else 0
    marks = [
        clock(candle.open_ts),
        FIRE if imbalanced else "",
        MARKS[candle.quality],
        VERIFIED_MARKS[candle.verified],
    ]
    text = instrument.quantity.text
    return {
        "id": str(candle.open_ts),
        "time": " ".join(mark for mark in marks if mark),
        "bid": grouped(text(candle.bid)),
        "ask": grouped(text(candle.ask)),
        "delta": signed(text(candle.delta)),
        "cvd": signed(text(candle.cvd)),
        "levels": str(len(candle.levels)),
        "side": side,
        "tint": side if imbalanced else "",
        "bar": f"{side}{bar}",
        "cvd_side": "ask" if candle.cvd >= 0 else "bid",
        "state": "closed" if candle.closed else "open",
        "quality": candle.quality.value,
        "verified": {True: "yes", False: "no", None: ""}[candle.verified],
        "stretch": "",
    }


def _column_styles() -> list[dict[str, Any]]:
    widths = {"time": "17%", "bid": "16%", "ask": "16%", "delta": "21%", "cvd": "18%", "levels": "12%"}
    return [
        {"if": {"column_id": "time"}, "textAlign": "left"},
        *({"if": {"column_id": column}, "width": width} for column, width in widths.items()),
    ]


def _row_styles() -> list[dict[str, Any]]:
    """Fixed rules; a later one wins. Colours are the page's own tokens, so both themes share them."""
    rules: list[dict[str, Any]] = [
        {"if": {"column_id": "bid"}, "color": "var(--of-bid)"},
        {"if": {"column_id": "ask"}, "color": "var(--of-ask)"},
    ]
    for side in ("ask", "bid"):
        colour, tint = f"var(--of-{side})", f"var(--of-{side}-tint)"
        tinted = f'{{tint}} = "{side}"'
        rules += [
            {"if": {"filter_query": tinted}, "background": tint},
            {"if": {"column_id": "delta", "filter_query": f'{{side}} = "{side}"'}, "color": colour},
            {"if": {"column_id": "cvd", "filter_query": f'{{cvd_side}} = "{side}"'}, "color": colour},
        ]
        for step in range(1, BAR_STEPS + 1):
            long = f'{{bar}} = "{side}{step}"'
            rules += [
                {"if": {"column_id": "delta", "filter_query": long}, "background": _bar(side, step, "")},
                {
                    "if": {"column_id": "delta", "filter_query": f"{long} && {tinted}"},
                    "background": _bar(side, step, tint),
                },
            ]
    rules.append({"if": {"filter_query": '{state} = "open"'}, "fontWeight": "600"})
    rules += [
        {
            "if": {"column_id": "time", "filter_query": f'{{quality}} = "{quality}"'},
            "color": "var(--of-warn)",
        }
        for quality in (Quality.GAP, Quality.PARTIAL)
    ]
    gap, torn = f'{{quality}} = "{Quality.GAP}"', '{stretch} = "below"'
    rules += [
        # A shadow lies over whatever ground a cell has, a delta bar's too.
        {"if": {"filter_query": gap}, "boxShadow": _GAP_TINT},
        {"if": {"filter_query": torn}, "boxShadow": f"{_TORN_EDGE}, {_GAP_TINT}"},
        {"if": {"column_id": "time", "filter_query": gap}, "background": _HATCH},
        {
            "if": {"column_id": "time", "filter_query": '{verified} = "no"'},
            "color": "var(--of-bid)",
            "fontWeight": "600",
        },
    ]
    return rules


def _bar(side: str, step: int, ground: str) -> str:
    """A strip along the cell's lower edge, so that the figure keeps its plain ground."""
    colour = f"var(--of-{side}-bar)"
    size = f"{step * 100 // BAR_STEPS}% 4px"
    return f"linear-gradient({colour}, {colour}) 0 100% / {size} no-repeat {ground}".rstrip()
