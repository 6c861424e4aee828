"""The page ``/compare``: up to six panels side by side, each with its own settings.

A cell of the grid and the panel in it share one id, so that removing a cell releases the panel's lease.
"""

from __future__ import annotations

from typing import Any, Final

import dash_bootstrap_components as dbc
from dash import ALL, MATCH, Dash, Input, Output, Patch, State, ctx, dcc, html, no_update
from dash.development.base_component import Component

from orderflow_dash.live.hub import Hub
from orderflow_dash.replay.replay import Replay
from orderflow_dash.web import ids
from orderflow_dash.web.api.panel_updates import panel_polling
from orderflow_dash.web.clientside import clientside
from orderflow_dash.web.grant import current_client
from orderflow_dash.web.pages.notice import notice
from orderflow_dash.web.pages.replay_bar import replay_bar
from orderflow_dash.web.panel.compare_query import (
    LINKS,
    MOST_PANELS,
    completed,
    panel_args,
    parse_compare_query,
    unreadable,
)
from orderflow_dash.web.panel.opening import Opened, open_panel, panel_ids
from orderflow_dash.web.panel.panel import new_panel_id
from orderflow_dash.web.query import NAMES, search_of
from orderflow_dash.web.theme import theme_store, theme_switch

_RETRY_MS: Final = 3000
_HINT: Final = "Add two to six symbols to compare."
_GRID: Final = "compare-grid"
_LINK: Final = "compare-link"
_ADD: Final = "compare-add"
_ADD_BUTTON: Final = "compare-add-button"
_SYMBOLS: Final = "compare-symbols"


def compare_page(hub: Hub, replay: Replay | None = None) -> Component:
    """The layout, without panels: the page sends its address first."""
    symbols = [f"{each.venue.value}:{each.symbol}" for each in hub.instruments()]
    return html.Div(
        [
            theme_store(),
            dcc.Store(id=ids.ADDRESS),
            dcc.Store(id=ids.ADDRESS_SHOWN),
            *panel_polling(),
            html.Div(id=ids.SERVER_LOST, className="server-lost", role="alert"),
            html.Header(
                [
                    html.A(
                        html.H1("Order flow", className="product-name"),
                        href="./",
                        className="home-link",
                    ),
                    html.Datalist([html.Option(value=symbol) for symbol in symbols], id=_SYMBOLS),
                    _adder(),
                    dbc.Checklist(
                        id=_LINK,
                        options=[{"label": f"Link {link}", "value": link} for link in LINKS],
                        value=[],
                        class_name="compare-link",
                        inline=True,
                    ),
                    html.A("Help", href="help", target="_blank", rel="noopener", className="head-link"),
                    theme_switch(),
                ],
                className="page-head",
            ),
            replay_bar(replay),
            html.Div(id=ids.NOTICE, className="notice-place"),
            html.Main(
                [
                    html.Div(id=_GRID, className="compare-grid"),
                    html.P(_HINT, className="compare-hint"),
                ]
            ),
        ],
        className="compare-page",
    )


def register_compare_page(app: Dash, hub: Hub) -> None:
    """Register the callbacks of the page ``/compare``."""
    _register_clientside(app)
    _register_address(app, hub)
    _register_add(app, hub)
    _register_remove(app, hub)
    _register_retry(app, hub)


def _register_clientside(app: Dash) -> None:
    clientside(app, "address", "read", Output(ids.ADDRESS, "data"), Input(ids.ADDRESS, "id"))
    clientside(
        app,
        "compare",
        "follow",
        Output(ids.ADDRESS_SHOWN, "data"),
        Input(ids.PANEL_VIEWS, "data"),
        Input(_cell("text", ALL), "data"),
        Input(_LINK, "value"),
        State(ids.PANEL_VIEWS, "id"),
        State(_cell("text", ALL), "id"),
        State(_cell("cell", ALL), "id"),
        State(ids.PANEL_DEFAULTS, "data"),
        State(ids.ADDRESS, "data"),
    )


def _register_address(app: Dash, hub: Hub) -> None:
    @app.callback(
        Output(_GRID, "children"),
        Output(_LINK, "value"),
        Output(ids.NOTICE, "children"),
        Input(ids.ADDRESS, "data"),
        State(ids.PANEL_VIEWS, "id"),
        State(ids.THEME, "data"),
        prevent_initial_call=True,
    )
    def open_all(wish: object, open_panels: object, theme: object) -> tuple[Any, ...]:
        for panel_id in panel_ids(open_panels):
            hub.release(panel_id, current_client())
        query = parse_compare_query(search_of(wish))
        cells = [_new_cell(hub, text, str(theme)) for text in query.panels]
        return cells, query.links, notice(" ".join(query.notices))


def _register_add(app: Dash, hub: Hub) -> None:
    @app.callback(
        Output(_GRID, "children", allow_duplicate=True),
        Output(ids.NOTICE, "children", allow_duplicate=True),
        Output(_ADD, "value"),
        Input(_ADD_BUTTON, "n_clicks"),
        Input(_ADD, "n_submit"),
        State(_ADD, "value"),
        State(_cell("cell", ALL), "id"),
        State(ids.THEME, "data"),
        prevent_initial_call=True,
    )
    def add(_clicks: object, _submits: object, wanted: object, cells: Any, theme: object) -> tuple[Any, ...]:  # noqa: ANN401
        text = completed(str(wanted or ""), hub)
        if not text:
            return no_update, no_update, no_update
        if len(cells if isinstance(cells, list) else []) >= MOST_PANELS:
            limit = f"Limit of {MOST_PANELS} panels per page reached: remove one first."
            return no_update, notice(limit), no_update
        panel_id = new_panel_id()
        opened = _opened(hub, text, str(theme), panel_id)
        if opened.panel is None:
            return no_update, notice(opened.cause), no_update
        grid = Patch()
        grid.append(_cell_of(panel_id, opened.panel))
        return grid, None, ""


def _register_remove(app: Dash, hub: Hub) -> None:
    @app.callback(
        Output(_GRID, "children", allow_duplicate=True),
        Input(_cell("remove", ALL), "n_clicks"),
        State(_cell("cell", ALL), "id"),
        prevent_initial_call=True,
    )
    def remove(clicks: object, cells: object) -> Any:  # noqa: ANN401
        panels = panel_ids(cells)
        removed = ctx.triggered_id.get("panel") if isinstance(ctx.triggered_id, dict) else None
        if removed not in panels or not any(clicks if isinstance(clicks, list) else []):
            return no_update
        hub.release(str(removed), current_client())
        grid = Patch()
        del grid[panels.index(removed)]
        return grid


def _register_retry(app: Dash, hub: Hub) -> None:
    @app.callback(
        Output(_cell("cell", MATCH), "children"),
        Input(_cell("retry", MATCH), "n_intervals"),
        State(_cell("text", MATCH), "data"),
        State(_cell("cell", MATCH), "id"),
        State(ids.THEME, "data"),
        prevent_initial_call=True,
    )
    def retry(_ticks: object, text: object, cell: object, theme: object) -> Any:  # noqa: ANN401
        (panel_id,) = panel_ids([cell]) or ("",)
        opened = _opened(hub, str(text), str(theme), panel_id)
        return no_update if opened.panel is None else _filled(panel_id, opened.panel)


def _opened(hub: Hub, text: str, theme: str, panel_id: str) -> Opened:
    """The panel that a text names; none for a text without a symbol, which opens nothing."""
    args = panel_args(text)
    if not NAMES & args.keys():
        return Opened(None, unreadable(text))
    return open_panel(hub, args, theme, panel_id=panel_id)


def _new_cell(hub: Hub, text: str, theme: str) -> Component:
    """The cell of a panel, or of the cause of its absence, which keeps the text and may retry."""
    panel_id = new_panel_id()
    opened = _opened(hub, text, theme, panel_id)
    if opened.panel is not None:
        return _cell_of(panel_id, opened.panel)
    retry = dcc.Interval(id=_cell("retry", panel_id), interval=_RETRY_MS) if opened.is_retryable else None
    cause = dbc.Alert(opened.cause, color="warning", class_name="notice")
    return _cell_of(panel_id, html.Div([dcc.Store(id=_cell("text", panel_id), data=text), retry, cause]))


def _cell_of(panel_id: str, content: Component) -> Component:
    return html.Div(_filled(panel_id, content), id=_cell("cell", panel_id), className="compare-cell")


def _filled(panel_id: str, content: Component) -> list[Component]:
    label: dict[str, Any] = {"aria-label": "Remove this panel"}
    button = html.Button(
        id=_cell("remove", panel_id), className="compare-remove btn-close", type="button", n_clicks=0, **label
    )
    return [content, button]


def _cell(part: str, panel_id: object) -> dict[str, Any]:
    return {"type": f"compare-{part}", "panel": panel_id}


def _adder() -> Component:
    return html.Div(
        [
            html.Label(
                [
                    html.Span("Symbol of another panel", className="visually-hidden"),
                    dbc.Input(
                        id=_ADD,
                        list=_SYMBOLS,
                        placeholder="Add a symbol, such as binance:ETHUSDT",
                        size="sm",
                        autocomplete="off",
                        class_name="symbol-search",
                        value="",
                    ),
                ],
                className="search-label",
            ),
            html.Button("Add", id=_ADD_BUTTON, className="compare-add btn btn-sm", type="button"),
        ],
        className="compare-adder",
    )
