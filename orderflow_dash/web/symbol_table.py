"""The symbol table: every perpetual of every venue in one grid, live.

The grid gets all rows once and then transactions of the rows that changed. Rows keep their place while
prices tick; they are sorted when a person asks for it.
"""

from __future__ import annotations

from typing import Any, Final

import dash_ag_grid as dag
import dash_bootstrap_components as dbc
from dash import Dash, Input, html
from dash.development.base_component import Component

from .in_browser import in_browser
from .symbol_rows import Row

TABLE_ID: Final = "symbols"
SEARCH_ID: Final = "symbol-search"


def symbol_search() -> Component:
    """The field that filters the table as one types."""
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


def symbol_table(rows: list[Row]) -> Component:
    """The grid inside its stable class name."""
    grid = dag.AgGrid(
        id=TABLE_ID,
        rowData=rows,
        columnDefs=_columns(),
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
            "localeText": {"noRowsToShow": "No symbol to show"},
            "suppressColumnVirtualisation": True,
        },
        eventListeners={
            "cellClicked": ["openRow(params)"],
            "cellKeyDown": ["openRowByKey(params)"],
        },
        style={"height": "100%", "width": "100%"},
    )
    return html.Div(grid, className="symbol-table")


def register_symbol_table(app: Dash) -> None:
    """Let the grid follow its width, and the search field filter it, in the browser."""
    in_browser(app, "symbols", "fit", Input(TABLE_ID, "id"))
    in_browser(
        app,
        "symbols",
        "search",
        Input(SEARCH_ID, "value"),
        at_start=False,
    )


def _columns() -> list[dict[str, Any]]:
    return [
        {
            "field": "symbol",
            "headerName": "Symbol",
            "cellRenderer": "SymbolCell",
            "pinned": "left",
            "width": 186,
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
        _figure("last", "Last", "lastText(params)", 108, comparator={"function": "byPrice"}),
        _figure(
            "change",
            "24 h %",
            "percent(params.value, 2, true)",
            84,
            cellClassRules={"rising": "params.value > 0", "falling": "params.value < 0"},
        ),
        _figure(
            "volume",
            "24 h volume",
            "compact(params.value)",
            112,
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
