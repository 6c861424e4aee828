"""The bar above the symbol table: favourites, venues, how many symbols are shown, which columns.

All of it works in the browser (``assets/js/symbols/filter.mjs``), which also keeps what was chosen.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Final

import dash_bootstrap_components as dbc
from dash import html
from dash.development.base_component import Component

from orderflow_dash.market import Venue
from orderflow_dash.web.status import venue_name

COLUMNS_ID: Final = "symbol-columns"


def table_bar(venues: Iterable[Venue], columns: Sequence[tuple[str, str]]) -> Component:
    """The bar for the venues served here and the columns, as (field, name), that can be chosen."""
    return html.Div(
        [
            html.Button(
                [
                    html.Span("★", **_attributes({"aria-hidden": "true"})),
                    html.Span("Favourites", className="chip-word"),
                ],
                id="only-favorites",
                type="button",
                className="chip",
                title="Favourites alone",
                **_attributes({"aria-pressed": "false", "aria-label": "Favourites alone"}),
            ),
            html.Div(
                [_venue_chip("", "All"), *(_venue_chip(venue.value, venue_name(venue)) for venue in venues)],
                role="group",
                className="venue-chips",
                **_attributes({"aria-label": "Venue"}),
            ),
            html.Span(id="symbol-count", className="symbol-count", role="status"),
            _column_menu(columns),
        ],
        className="table-bar",
    )


def nothing_shown() -> Component:
    """What stands in the table's place where no row is left: why, and the way back."""
    return html.Div(
        [
            html.P(id="symbol-none-text", role="status"),
            html.Button("Show all symbols", id="symbol-none-reset", type="button", className="chip"),
        ],
        id="symbol-none",
        className="empty-state",
        hidden=True,
    )


def _venue_chip(venue: str, name: str) -> Component:
    return html.Button(
        name,
        type="button",
        className="chip venue-chip",
        **_attributes({"aria-pressed": "false", "data-venue": venue}),
    )


def _column_menu(columns: Sequence[tuple[str, str]]) -> Component:
    choice = dbc.Checklist(
        id=COLUMNS_ID,
        options=[{"value": field, "label": name} for field, name in columns],
        value=[],  # the browser knows
        class_name="column-choice",
    )
    return html.Details([html.Summary("Columns", className="chip"), choice], className="column-menu")


def _attributes(named: dict[str, Any]) -> dict[str, Any]:
    """Attributes with a dash in their names, which Dash takes as keywords of any type."""
    return named
