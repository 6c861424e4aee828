"""The footprint table: the newest candles as rows of a Dash DataTable.

DataTable is deprecated since Dash 4.2 and stays because users asked for it by name; no other module uses it.
Only ``data`` and ``tooltip_data`` change: every style is a fixed rule over hidden fields of the row, so an
update costs the browser a few cells. The table applies each rule to each row, so there are few: the length
of a delta bar is a CSS variable of its row (``assets/js/panel/footprint-table.mjs``).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final, cast

from dash import html
from dash.dash_table.DataTable import DataTable
from dash.development.base_component import Component

from orderflow_dash.footprint.candle import Candle
from orderflow_dash.market import Quality, Timeframe
from orderflow_dash.web.marks import FIRE, MARKS, VERIFIED_MARKS, quality_note, verified_note
from orderflow_dash.web.panel.options import DEFAULTS, PanelOptions
from orderflow_dash.web.panel.volume_units import VolumeUnits
from orderflow_dash.web.text import clock

_MIN_BAR: Final = 1.0  # percent of the cell
_GAP_TINT: Final = "inset 0 0 0 100px var(--of-warn-tint)"
_PICKED: Final = "inset 0 1px 0 var(--of-accent), inset 0 -1px 0 var(--of-accent)"
_TORN_EDGE: Final = "inset 0 -3px 0 var(--of-warn)"
_CENTER: Final = "linear-gradient(var(--of-line-strong), var(--of-line-strong))"
_HATCH: Final = "repeating-linear-gradient(135deg, var(--of-warn-tint) 0 5px, transparent 5px 10px)"

Row = dict[str, str]
Tooltip = dict[str, str]

_COLUMNS: Final = (
    ("time", "Time", "Open of the candle, UTC"),
    ("bid", "Bid Vol", "Volume whose aggressor sold"),
    ("ask", "Ask Vol", "Volume whose aggressor bought"),
    ("delta", "Delta", "Ask volume less bid volume; the bar is its size among the rows shown"),
    ("cvd", "CVD", "Running sum of delta at the close of the candle"),
    ("levels", "Levels", "Price levels with trades, at the chosen step"),
)


def footprint_rows(
    candles: Sequence[Candle],
    units: VolumeUnits,
    timeframe: Timeframe = Timeframe.M1,
    options: PanelOptions = DEFAULTS,
) -> list[Row]:
    """The last candles, newest first; hidden fields select the styles of a row."""
    shown = list(candles)[-options.rows :]
    widest = max((abs(units.delta(candle)) for candle in shown), default=0)
    rows = [_row(candle, units, widest, is_picked=candle.open_ts == options.candle) for candle in shown]
    for row, candle, before in zip(rows[1:], shown[1:], shown, strict=False):
        row["stretch"] = "below" if _is_torn(before, candle, timeframe) else ""
    return rows[::-1]


def footprint_tooltips(
    candles: Sequence[Candle],
    timeframe: Timeframe = Timeframe.M1,
    options: PanelOptions = DEFAULTS,
) -> list[Tooltip]:
    """Tooltips of the Time cells: quality of the candle, and whether it is still open."""
    shown = list(candles)[-options.rows :]
    tooltips: list[Tooltip] = []
    for before, candle in zip([None, *shown], shown, strict=False):
        torn = before is not None and _is_torn(before, candle, timeframe)
        parts = (
            "" if candle.closed else "Still open.",
            quality_note(candle.quality),
            _nothing_between(before, candle, timeframe) if torn and before is not None else "",
            verified_note(candle),
        )
        tooltips.append({"time": " ".join(part for part in parts if part)})
    return tooltips[::-1]


def _is_torn(before: Candle, candle: Candle, timeframe: Timeframe) -> bool:
    """Whether nothing was received between two neighboring candles with missing trades."""
    is_marked = before.quality is Quality.GAP and candle.quality is Quality.GAP
    return is_marked and candle.open_ts > before.open_ts + timeframe.ms


def _nothing_between(before: Candle, candle: Candle, timeframe: Timeframe) -> str:
    return f"Nothing was received from {clock(before.open_ts + timeframe.ms)} to {clock(candle.open_ts)}."


def footprint_columns(options: PanelOptions) -> list[dict[str, str]]:
    """Ids and names of the columns in the order of the options."""
    columns = [{"id": column, "name": name} for column, name, _ in _COLUMNS]
    if options.swap:
        columns[1:3] = columns[2:0:-1]
    return columns


def footprint_table(
    component_id: dict[str, Any],
    rows: list[Row],
    tooltips: list[Tooltip],
    options: PanelOptions = DEFAULTS,
) -> Component:
    """The table's component in an element with its class name."""
    return html.Div(
        DataTable(
            id=component_id,
            columns=cast(Any, footprint_columns(options)),
            data=cast(Any, rows),
            tooltip_data=cast(Any, tooltips),
            tooltip_header={column: tip for column, _, tip in _COLUMNS},
            tooltip_delay=0,  # each update redraws it: with a delay it would flicker
            tooltip_duration=None,
            cell_selectable=False,
            style_as_list_view=True,
            style_table={"overflowX": "auto"},
            style_cell={
                "textAlign": "right",
                "padding": "4px var(--of-cell-gap)",
                "fontFamily": "inherit",
                "backgroundColor": "transparent",
                "color": "inherit",
            },
            style_header={"backgroundColor": "transparent", "color": "var(--of-muted)"},
            style_cell_conditional=_column_styles(),
            style_data_conditional=_row_styles(),
        ),
        className="footprint-table",
    )


def _row(candle: Candle, units: VolumeUnits, widest: int, *, is_picked: bool) -> Row:
    imbalanced = units.is_imbalanced(candle)
    (bid, ask), delta, cvd = units.sides(candle), units.delta(candle), units.cvd(candle)
    side = "" if delta == 0 else "ask" if delta > 0 else "bid"
    marks = [
        clock(candle.open_ts),
        FIRE if imbalanced else "",
        MARKS[candle.quality],
        VERIFIED_MARKS[candle.verified],
    ]
    return {
        "id": str(candle.open_ts),
        "time": " ".join(mark for mark in marks if mark),
        "bid": units.text(bid),
        "ask": units.text(ask),
        "delta": units.signed(delta),
        "cvd": units.signed(cvd),
        "levels": str(len(candle.levels)),
        "side": side,
        "tint": ("ask" if candle.ask > candle.bid else "bid") if imbalanced else "",
        "bar": _bar_length(delta, widest),
        "cvd_side": "" if cvd is None else "ask" if cvd >= 0 else "bid",
        "picked": "yes" if is_picked else "",
        "state": "closed" if candle.closed else "open",
        "quality": candle.quality.value,
        "verified": {True: "yes", False: "no", None: ""}[candle.verified],
        "stretch": "",
    }


def _bar_length(delta: int, widest: int) -> str:
    """Percent of the cell, with the sign of the delta; at most half a cell, and visible unless zero."""
    if delta == 0:
        return "0"
    length = max(50 * abs(delta) / widest, _MIN_BAR)
    return f"{'-' if delta < 0 else ''}{length:.1f}"


def _column_styles() -> list[dict[str, Any]]:
    widths = {"time": "17%", "bid": "16%", "ask": "16%", "delta": "21%", "cvd": "18%", "levels": "12%"}
    return [
        {"if": {"column_id": "time"}, "textAlign": "left"},
        *({"if": {"column_id": column}, "width": width} for column, width in widths.items()),
    ]


def _row_styles() -> list[dict[str, Any]]:
    """Fixed rules; a later one wins. Colors are tokens of the page, so both themes share the rules."""
    rules: list[dict[str, Any]] = [
        {"if": {"column_id": "bid"}, "color": "var(--of-bid)"},
        {"if": {"column_id": "ask"}, "color": "var(--of-ask)"},
    ]
    rules.append({"if": {"column_id": "delta"}, "backgroundImage": _CENTER})
    for side in ("ask", "bid"):
        color = f"var(--of-{side})"
        rules += [
            {"if": {"filter_query": f'{{tint}} = "{side}"'}, "backgroundColor": f"var(--of-{side}-tint)"},
            {
                "if": {"column_id": "delta", "filter_query": f'{{side}} = "{side}"'},
                "color": color,
                "backgroundImage": f"{_CENTER}, {_bar(side)}",
            },
            {"if": {"column_id": "cvd", "filter_query": f'{{cvd_side}} = "{side}"'}, "color": color},
        ]
    rules.append({"if": {"filter_query": '{state} = "open"'}, "fontWeight": "600"})
    rules.append({"if": {"filter_query": '{picked} = "yes"'}, "boxShadow": _PICKED})
    rules += [
        {
            "if": {"column_id": "time", "filter_query": f'{{quality}} = "{quality}"'},
            "color": "var(--of-warn)",
        }
        for quality in (Quality.GAP, Quality.PARTIAL)
    ]
    gap, torn = f'{{quality}} = "{Quality.GAP}"', '{stretch} = "below"'
    rules += [
        # A shadow is above any background of a cell, a delta bar included.
        {"if": {"filter_query": gap}, "boxShadow": _GAP_TINT},
        {"if": {"filter_query": torn}, "boxShadow": f"{_TORN_EDGE}, {_GAP_TINT}"},
        {"if": {"column_id": "time", "filter_query": gap}, "backgroundImage": _HATCH},
        {
            "if": {"column_id": "time", "filter_query": '{verified} = "no"'},
            "color": "var(--of-bid)",
            "fontWeight": "600",
        },
    ]
    return rules


def _bar(side: str) -> str:
    """A strip from the center line of the cell: selling to the left, buying to the right.

    Its place in the cell is in ``assets/css/panel.css``.
    """
    color, start, end = f"var(--of-{side}-bar)", "var(--of-bar-start, 50%)", "var(--of-bar-end, 50%)"
    return f"linear-gradient(90deg, transparent {start}, {color} {start} {end}, transparent {end})"
