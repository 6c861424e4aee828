"""The symbol table: every perpetual of every venue in one grid, live.

The grid gets all rows once and then transactions of the rows that changed. Rows keep their place while the
pointer or the focus is on them; otherwise they are sorted again every few seconds.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

import dash_ag_grid as dag
import dash_bootstrap_components as dbc
from dash import Dash, Input, html
from dash.development.base_component import Component

from orderflow_dash.market import Venue
from orderflow_dash.web import ids
from orderflow_dash.web.clientside import clientside
from orderflow_dash.web.symbols.rows import Row
from orderflow_dash.web.symbols.toolbar import COLUMNS_ID, empty_state, table_bar

TABLE_ID: Final = "symbols"
SEARCH_ID: Final = "symbol-search"


def _figure(
    field: str, name: str, text: str, width: int, tip: str | None = None, **more: object
) -> dict[str, Any]:
    return {
        "field": field,
        "headerName": name,
        "type": "rightAligned",
        "valueFormatter": {"function": text},
        "headerTooltip": tip,
        "flex": 1,
        "minWidth": width,
        "getQuickFilterText": {"function": "noText()"},
        **more,
    }


_COLUMNS: Final = [
    {
        "colId": "favorite",
        "headerName": "★",
        "headerTooltip": "Favorites of this browser",
        "valueGetter": {"function": "isFavorite(params)"},
        "cellRenderer": "StarCell",
        "pinned": "left",
        "lockPinned": True,
        "width": 36,
        "resizable": False,
        "sortable": False,
        "getQuickFilterText": {"function": "noText()"},
    },
    {
        "field": "symbol",
        "headerName": "Symbol",
        "cellRenderer": "SymbolCell",
        "cellClassRules": {"is-streamed": "params.data.live"},
        "pinned": "left",
        "width": 200,
        "lockPinned": True,
        "getQuickFilterText": {"function": "symbolSearchText(params)"},
        "sortingOrder": ["asc", "desc", None],
    },
    {
        "field": "venue_name",
        "headerName": "Venue",
        "cellRenderer": "VenueCell",
        "flex": 1,
        "minWidth": 142,
        "sortingOrder": ["asc", "desc", None],
    },
    _figure("last", "Last", "lastText(params)", 94, comparator={"function": "byPrice"}),
    _figure(
        "change",
        "24 h %",
        "percent(params.value, 2, true)",
        64,
        cellClassRules={"rising": "params.value > 0", "falling": "params.value < 0"},
    ),
    {
        "field": "day",
        "headerName": "Day",
        "headerTooltip": "Hourly closes of the last 24 hours, from the venue's klines",
        "cellRenderer": "DayCell",
        "cellClassRules": {"rising": "params.data.change > 0", "falling": "params.data.change < 0"},
        "width": 98,
        "sortable": False,
        "getQuickFilterText": {"function": "noText()"},
    },
    _figure(
        "volume",
        "24 h volume",
        "compact(params.value)",
        84,
        tip="Turnover of the last 24 hours in the quote currency",
        sort="desc",
    ),
    _figure(
        "funding",
        "Funding %",
        "percent(params.value, 4, true)",
        100,
        tip="Rate of the current funding interval",
        cellClassRules={"falling": "params.value < 0"},
    ),
    _figure(
        "interest",
        "Open interest",
        "compact(params.value)",
        118,
        tip="Open contracts, one side, at the last price in the quote currency",
    ),
]


def symbol_search() -> Component:
    """The field that filters the table while typing."""
    return html.Label(
        [
            html.Span("Search symbols", className="visually-hidden"),
            dbc.Input(
                id=SEARCH_ID,
                type="search",
                placeholder="Search symbol or venue  ( / )",
                class_name="symbol-search",
                size="sm",
                autocomplete="off",
            ),
        ],
        className="search-label",
    )


def symbol_table(rows: list[Row], venues: Iterable[Venue], *, has_days: bool = True) -> list[Component]:
    """The bar and, inside its stable class name, the grid.

    ``has_days``: whether sparklines are fetched; without them the column is left out.
    """
    columns = [each for each in _COLUMNS if has_days or each.get("field") != "day"]
    chosen = [(each["field"], each["headerName"]) for each in columns if "pinned" not in each]
    grid = dag.AgGrid(
        id=TABLE_ID,
        rowData=rows,
        columnDefs=columns,
        defaultColDef={
            "sortable": True,
            "resizable": True,
            "suppressMovable": True,
            "suppressHeaderMenuButton": True,
            "sortingOrder": ["desc", "asc", None],
        },
        getRowId="params.data.id",
        dashGridOptions={
            "animateRows": False,
            "rowHeight": 28,
            "headerHeight": 30,
            "suppressCellFocus": False,
            "suppressScrollOnNewData": True,
            "suppressDragLeaveHidesColumns": True,
            "rowBuffer": 6,
            "theme": {"function": "symbolTheme(themeQuartz)"},
            "suppressNoRowsOverlay": True,
            "suppressOverlays": ["noRows", "noMatchingRows"],
            "suppressColumnVirtualisation": True,
            # A tick moves no row under the pointer; symbols/filter.mjs sorts when the table is idle.
            "suppressModelUpdateAfterUpdateTransaction": True,
        },
        eventListeners={
            "cellClicked": ["clickRow(params)"],
            "cellKeyDown": ["pressRow(params)"],
        },
        style={"height": "100%", "width": "100%"},
    )
    return [table_bar(venues, chosen), html.Div([grid, empty_state()], className="symbol-table")]


def register_symbol_table(app: Dash) -> None:
    """Register search, filters, columns and keyboard, all of which work in the browser."""
    clientside(app, "symbols", "start", Input(TABLE_ID, "id"))
    clientside(app, "symbols", "search", Input(SEARCH_ID, "value"), at_start=False)
    clientside(app, "symbols", "columns", Input(COLUMNS_ID, "value"), at_start=False)
    clientside(app, "symbols", "modal", Input(ids.MODAL, "is_open"), at_start=False)
