"""The levels of one candle: the rows of their table, and its place on the page.

The browser gets the rows as data and updates single cells (``assets/js/panel/level-table.mjs``), so hundreds
of live rows cost little.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final, TypedDict

import numpy as np
from dash import html
from dash.development.base_component import Component

from orderflow_dash.footprint.candle import Candle
from orderflow_dash.indicators.imbalance import STACKED, diagonal_imbalances
from orderflow_dash.indicators.profile import value_area
from orderflow_dash.live.view import ViewKey
from orderflow_dash.web.marks import MARKS, quality_note
from orderflow_dash.web.panel.options import PanelOptions
from orderflow_dash.web.panel.section import attrs
from orderflow_dash.web.panel.volume_units import VolumeUnits
from orderflow_dash.web.text import clock, grouped

MOST_LEVELS: Final = 600  # rows around the POC that are sent; the note counts the others


class LevelContent(TypedDict):
    """The levels of the open candle for the browser."""

    open_ts: int
    title: str
    note: str  # state of the candle, and the number of levels left out
    tip: str  # meaning of its quality
    unit: str
    swap: bool
    rows: list[list[Any]]  # price, bid, ask, delta, n, bid and ask bar in per cent, marks; high to low


def level_content(
    candles: Sequence[Candle],
    key: ViewKey,
    units: VolumeUnits,
    options: PanelOptions,
) -> LevelContent | None:
    """The levels of the candle that the options name; None without one."""
    if options.candle is None:
        return None
    candle = next((each for each in candles if each.open_ts == options.candle), None)
    title = f"{clock(options.candle)} to {clock(options.candle + key.timeframe.ms)} UTC"
    if candle is None or not len(candle.levels):
        note = "No data for this candle at this timeframe."
        return _content(options, title, note, "", units.name, [])
    rows = _rows(candle, candle.grid.price.count(key.step), units, options)
    first = _first_shown(candle)
    shown = rows[first : first + MOST_LEVELS]
    note = _note(candle, len(rows) - len(shown))
    return _content(options, title, note, quality_note(candle.quality), units.name, shown)


def level_section(content: LevelContent | None) -> Component:
    """The table's place, hidden while no candle is open."""
    return html.Div(
        html.Div(className="level-table", role="group", **attrs(aria_label="Levels of one candle")),
        className="level-section",
        hidden=content is None,
    )


def _content(
    options: PanelOptions, title: str, note: str, tip: str, unit: str, rows: list[list[Any]]
) -> LevelContent:
    return {
        "open_ts": options.candle or 0,
        "title": title,
        "note": note,
        "tip": tip,
        "unit": unit,
        "swap": options.swap,
        "rows": rows,
    }


def _rows(candle: Candle, step: int, units: VolumeUnits, options: PanelOptions) -> list[list[Any]]:
    sides = units.level_sides(candle)
    largest = max(max(bid + ask for bid, ask in sides), 1)
    marks = _marks(candle, step, units, options)
    price = candle.grid.price.text
    return [
        [
            grouped(price(level)),
            units.text(bid),
            units.text(ask),
            units.signed(ask - bid),
            f"{n:,}",
            round(100 * bid / largest, 1),
            round(100 * ask / largest, 1),
            mark,
        ]
        for (level, _, _, n), (bid, ask), mark in zip(candle.levels.tolist(), sides, marks, strict=True)
    ]


def _marks(candle: Candle, step: int, units: VolumeUnits, options: PanelOptions) -> list[str]:
    """The marks of each level as class names."""
    levels = candle.levels
    low, high = value_area(levels, step, options.va)
    found = diagonal_imbalances(
        levels,
        step,
        ratio=options.exact_ratio,
        minimum=units.minimum,
        turnover=candle.turnover,
        zero_opposite=options.zero,
    )
    price = levels[:, 0]
    columns = (
        ("poc", price == candle.poc),
        ("va", (price >= low) & (price <= high)),
        ("buy", found.buy),
        ("sell", found.sell),
        ("stacked-buy", found.stacked_buy),
        ("stacked-sell", found.stacked_sell),
    )
    marked = np.stack([marks for _, marks in columns], axis=1).tolist()
    return [" ".join(name for (name, _), is_so in zip(columns, row, strict=True) if is_so) for row in marked]


def _first_shown(candle: Candle) -> int:
    """The first row that is sent if there are too many: rows around the POC."""
    at = int(np.flatnonzero(candle.levels[:, 0] == candle.poc)[0])
    return max(0, min(at - MOST_LEVELS // 2, len(candle.levels) - MOST_LEVELS))


def _note(candle: Candle, left_out: int) -> str:
    parts = [
        "closed" if candle.closed else "still open",
        f"{mark} {candle.quality}" if (mark := MARKS[candle.quality]) else "",
        f"{left_out:,} levels far from the POC are not shown" if left_out else "",
    ]
    return " · ".join(part for part in parts if part)


LEGEND: Final = (
    ("▸", "buy or sell outweighs the other side one step away"),
    ("▸▸", f"{STACKED} or more such levels in a row"),
)
"""(mark, meaning) of the marks beside POC and value area."""
