"""The page ``/``: the symbol table, the modal that a row opens, and the address bar that names it.

The address decides what is open. A clicked row, a typed address and the back button all write the
``address`` store; one callback opens the panel; the panel then writes its view into the address bar
(``assets/js/pages/address-bar.mjs``), as it does when its timeframe or step changes.
"""

from __future__ import annotations

from typing import Any, Final

import dash_bootstrap_components as dbc
from dash import Dash, Input, Output, State, dcc, html, no_update
from dash.development.base_component import Component

from orderflow_dash.feeds.sparklines import Sparklines
from orderflow_dash.live.hub import Hub
from orderflow_dash.replay.replay import Replay
from orderflow_dash.web import ids
from orderflow_dash.web.api.panel_updates import panel_polling
from orderflow_dash.web.clientside import clientside
from orderflow_dash.web.grant import current_client
from orderflow_dash.web.pages.notice import notice
from orderflow_dash.web.pages.replay_bar import replay_bar
from orderflow_dash.web.panel.opening import open_panel, panel_ids
from orderflow_dash.web.query import NAMES, query_args, search_of
from orderflow_dash.web.status import venue_lines, venue_strip
from orderflow_dash.web.symbols.changes import TickerJournal
from orderflow_dash.web.symbols.rows import row_keys
from orderflow_dash.web.symbols.table import TABLE_ID, symbol_search, symbol_table
from orderflow_dash.web.theme import theme_store, theme_switch

TICK_MS: Final = 1000  # slower while a panel covers the page, see assets/js/symbols/table.mjs
MAX_ROWS_A_TICK: Final = 400
MAX_ROWS_IN_VIEW: Final = 100
_INTERVAL: Final = "page-interval"
_TABLE_CURSOR: Final = "table-cursor"  # store: rows and venues that the page has
_ROWS_IN_VIEW: Final = "rows-in-view"
_VENUE_STRIP: Final = "venue-strip"
_MODAL_BODY: Final = "modal-body"
_VENUES: Final[dict[str, Any]] = {"aria-label": "Venues"}


def front_page(hub: Hub, journal: TickerJournal, days: Sparklines, replay: Replay | None = None) -> Component:
    """The layout, built for each page load."""
    _read_tickers(hub, journal, days)
    cursor, rows = journal.all_rows()
    lines = venue_lines(hub)
    return html.Div(
        [
            theme_store(),
            dcc.Store(id=ids.ADDRESS),
            dcc.Store(id=ids.ADDRESS_SHOWN),
            dcc.Store(id=ids.ADDRESS_RETRY, data=False),
            dcc.Store(id=_TABLE_CURSOR, data={"rows": list(cursor), "venues": lines}),
            dcc.Store(id=_ROWS_IN_VIEW, data=[]),
            dcc.Interval(id=_INTERVAL, interval=TICK_MS),
            *panel_polling(),
            html.Div(id=ids.SERVER_LOST, className="server-lost", role="alert"),
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
            html.Section(venue_strip(lines), id=_VENUE_STRIP, className="venue-strip", **_VENUES),
            html.Div(id=ids.NOTICE, className="notice-place"),
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
                    dbc.ModalBody(id=_MODAL_BODY),
                ],
                id=ids.MODAL,
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


def register_front_page(app: Dash, hub: Hub, journal: TickerJournal, days: Sparklines) -> None:
    """Register the callbacks of the page ``/``."""
    _register_tick(app, hub, journal, days)
    _register_modal(app, hub)
    _register_clientside(app)


def _register_tick(app: Dash, hub: Hub, journal: TickerJournal, days: Sparklines) -> None:
    @app.callback(
        Output(TABLE_ID, "rowData"),
        Output(TABLE_ID, "rowTransaction"),
        Output(_VENUE_STRIP, "children"),
        Output(_TABLE_CURSOR, "data"),
        Input(_INTERVAL, "n_intervals"),
        State(_TABLE_CURSOR, "data"),
        State(_ROWS_IN_VIEW, "data"),
        prevent_initial_call=True,
    )
    def tick(_ticks: object, have: object, in_view: object) -> tuple[Any, ...]:
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


def _register_modal(app: Dash, hub: Hub) -> None:
    @app.callback(
        Output(ids.MODAL, "is_open"),
        Output(_MODAL_BODY, "children"),
        Output(ids.NOTICE, "children"),
        Output(ids.ADDRESS_RETRY, "data"),
        Input(ids.ADDRESS, "data"),
        State(ids.PANEL_VIEWS, "id"),
        State(ids.THEME, "data"),
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
        # A retry does not reopen a notice that was dismissed.
        shown = no_update if opened.is_retryable and wanted.get("again") else notice(opened.cause)
        return False, [], shown, opened.is_retryable


def _register_clientside(app: Dash) -> None:
    address = Output(ids.ADDRESS, "data")
    changed_address = Output(ids.ADDRESS, "data", allow_duplicate=True)
    retry = Output(ids.ADDRESS_RETRY, "data", allow_duplicate=True)
    is_open = Input(ids.MODAL, "is_open")
    cursor, retries = Input(_TABLE_CURSOR, "data"), State(ids.ADDRESS_RETRY, "data")
    clientside(app, "symbols", "pace", Output(_INTERVAL, "interval"), is_open, at_start=False)
    clientside(app, "address", "read", address, Input(ids.ADDRESS, "id"))
    clientside(app, "address", "closed", changed_address, is_open, at_start=False)
    # Clears the retry flag, so that one request is under way at a time.
    clientside(app, "address", "retry", changed_address, retry, cursor, retries, at_start=False)
    # The output makes it run for a panel that appears.
    clientside(app, "address", "follow", Output(ids.ADDRESS_SHOWN, "data"), Input(ids.PANEL_VIEWS, "data"))


def _read_tickers(hub: Hub, journal: TickerJournal, days: Sparklines) -> None:
    board = hub.tickers()
    journal.update(hub.instruments(), board.revision, board.rows, hub.streamed(), days.rows)
