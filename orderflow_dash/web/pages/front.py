"""The page ``/``: the symbol table, the modal that a row opens, and the address bar that names it.

The address decides what is open. A clicked row, a typed address and the back button all put a wish into
the ``address`` store; one callback answers it; the opened panel then writes its own name into the address
bar (``assets/js/pages/address-bar.mjs``), as it does when its timeframe or step is changed.
"""

from __future__ import annotations

from typing import Any, Final

import dash_bootstrap_components as dbc
from dash import ALL, Dash, Input, Output, State, dcc, html, no_update
from dash.development.base_component import Component

from orderflow_dash.feeds.sparklines import DayLines
from orderflow_dash.live.hub import Hub
from orderflow_dash.replay.replay import Replay
from orderflow_dash.web.api.panel_updates import panel_polling
from orderflow_dash.web.client import current_client
from orderflow_dash.web.clientside import clientside
from orderflow_dash.web.pages.replay_bar import replay_bar
from orderflow_dash.web.panel.opening import open_panel, panel_ids
from orderflow_dash.web.query import NAMES, query_args, search_of
from orderflow_dash.web.status import venue_lines, venue_strip
from orderflow_dash.web.symbols.changes import TickerJournal
from orderflow_dash.web.symbols.rows import row_keys
from orderflow_dash.web.symbols.table import TABLE_ID, symbol_search, symbol_table
from orderflow_dash.web.theme import theme_store, theme_switch

TICK_MS: Final = 1000  # and slower while a panel covers the page, see assets/js/symbols/table.mjs
MAX_ROWS_A_TICK: Final = 400
MAX_ROWS_IN_VIEW: Final = 100
_VENUES: Final[dict[str, Any]] = {"aria-label": "Venues"}
_PANEL_VIEWS: Final = {"type": "panel-view", "panel": ALL}


def front_page(hub: Hub, journal: TickerJournal, days: DayLines, replay: Replay | None = None) -> Component:
    """The layout, built anew for each page that is loaded."""
    _read_tickers(hub, journal, days)
    cursor, rows = journal.all_rows()
    lines = venue_lines(hub)
    return html.Div(
        [
            theme_store(),
            dcc.Store(id="address"),
            dcc.Store(id="address-shown"),
            dcc.Store(id="address-retry", data=False),
            dcc.Store(id="table-cursor", data={"rows": list(cursor), "venues": lines}),
            dcc.Store(id="rows-in-view", data=[]),
            dcc.Interval(id="page-interval", interval=TICK_MS),
            *panel_polling(),
            html.Div(id="server-lost", className="server-lost", role="alert"),
            html.Header(
                [
                    html.H1("Order flow", className="product-name"),
                    symbol_search(),
                    html.A("Help", href="help", target="_blank", rel="noopener", className="head-link"),
                    html.A("Compare", href="compare", className="head-link"),
                    theme_switch(),
                ],
                className="page-head",
            ),
            replay_bar(replay),
            html.Section(venue_strip(lines), id="venue-strip", className="venue-strip", **_VENUES),
            html.Div(id="notice", className="notice-place"),
            html.Main(
                symbol_table(rows, [each.venue for each in hub.venues()], has_days=days.has_venues),
                className="page-main",
            ),
            dbc.Modal(
                [
                    dbc.ModalHeader(
                        html.Span("Order flow of a symbol", id="modal-name", className="visually-hidden"),
                        close_button=True,
                        class_name="modal-close",
                    ),
                    replay_bar(replay),
                    dbc.ModalBody(id="modal-body"),
                ],
                id="modal",
                labelledby="modal-name",
                is_open=False,
                size="lg",
                fullscreen="md-down",
                class_name="orderflow-modal",
                scrollable=False,
            ),
        ],
        className="front-page",
    )


def register_front_page(app: Dash, hub: Hub, journal: TickerJournal, days: DayLines) -> None:
    """Register the callbacks of the page ``/``."""
    _register_tick(app, hub, journal, days)
    _register_address(app, hub)


def _register_tick(app: Dash, hub: Hub, journal: TickerJournal, days: DayLines) -> None:
    @app.callback(
        Output(TABLE_ID, "rowData"),
        Output(TABLE_ID, "rowTransaction"),
        Output("venue-strip", "children"),
        Output("table-cursor", "data"),
        Input("page-interval", "n_intervals"),
        State("table-cursor", "data"),
        State("rows-in-view", "data"),
        prevent_initial_call=True,
    )
    def tick(_beat: object, have: object, in_view: object) -> tuple[Any, ...]:
        days.look(row_keys(in_view, MAX_ROWS_IN_VIEW))
        _read_tickers(hub, journal, days)
        rows: Any = no_update
        transaction: Any = no_update
        known = have if isinstance(have, dict) else {}
        cursor, changed = journal.changes(known.get("rows"), MAX_ROWS_A_TICK)
        if changed is None:
            cursor, rows = journal.all_rows()
        elif changed:
            transaction = {"update": changed, "async": False}
        lines = venue_lines(hub)
        is_same = [list(line) for line in lines] == known.get("venues")
        strip = no_update if is_same else venue_strip(lines)
        return rows, transaction, strip, {"rows": list(cursor), "venues": lines}

    clientside(
        app,
        "symbols",
        "pace",
        Output("page-interval", "interval"),
        Input("modal", "is_open"),
        at_start=False,
    )


def _register_address(app: Dash, hub: Hub) -> None:
    clientside(
        app,
        "address",
        "read",
        Output("address", "data"),
        Input("address", "id"),
    )
    clientside(
        app,
        "address",
        "closed",
        Output("address", "data", allow_duplicate=True),
        Input("modal", "is_open"),
        at_start=False,
    )
    clientside(
        app,
        "address",
        "retry",
        Output("address", "data", allow_duplicate=True),
        Output("address-retry", "data", allow_duplicate=True),  # one question at a time
        Input("table-cursor", "data"),
        State("address-retry", "data"),
        at_start=False,
    )
    clientside(
        app,
        "address",
        "follow",
        Output("address-shown", "data"),  # without an output it would not run for a panel that appears
        Input(_PANEL_VIEWS, "data"),
    )

    @app.callback(
        Output("modal", "is_open"),
        Output("modal-body", "children"),
        Output("notice", "children"),
        Output("address-retry", "data"),
        Input("address", "data"),
        State(_PANEL_VIEWS, "id"),
        State("theme", "data"),
        prevent_initial_call=True,
    )
    def open_address(wish: object, open_panels: object, theme: object) -> tuple[Any, ...]:
        for panel_id in panel_ids(open_panels):
            hub.release(panel_id, current_client())
        wanted = wish if isinstance(wish, dict) else {}
        query = query_args(search_of(wish))
        if not NAMES & query.keys():
            return False, [], None, False
        opened = open_panel(hub, query, str(theme))
        if opened.panel is not None:
            return True, opened.panel, None, False
        # Asked again by itself, the page does not open a notice anew that was dismissed.
        notice = no_update if opened.is_retryable and wanted.get("again") else _notice(opened.cause)
        return False, [], notice, opened.is_retryable


def _notice(message: str) -> Component:
    alert: Component = dbc.Alert(message, color="warning", dismissable=True, class_name="notice", fade=False)
    return alert


def _read_tickers(hub: Hub, journal: TickerJournal, days: DayLines) -> None:
    board = hub.tickers()
    journal.update(hub.instruments(), board.revision, board.rows, hub.streamed(), days.rows)
