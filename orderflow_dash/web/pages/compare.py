"""The page ``/compare``: up to six panels side by side, each with settings of its own.

A cell of the grid and the panel in it share one id, so that whoever removes a cell knows which lease to give
back.
"""

from __future__ import annotations

from typing import Any, Final

import dash_bootstrap_components as dbc
from dash import ALL, MATCH, Dash, Input, Output, Patch, State, ctx, dcc, html, no_update
from dash.development.base_component import Component

from orderflow_dash.live.hub import Hub
from orderflow_dash.replay.replay import Replay
from orderflow_dash.web.api.panel_updates import panel_polling
from orderflow_dash.web.client import current_client
from orderflow_dash.web.clientside import clientside
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
_VIEWS: Final = {"type": "panel-view", "panel": ALL}
_HINT: Final = "Name a symbol above to put its panel here: two to six stand side by side."


def compare_page(hub: Hub, replay: Replay | None = None) -> Component:
    """The layout; the panels come once the page has said what its address names."""
    symbols = [f"{each.venue.value}:{each.symbol}" for each in hub.instruments()]
    return html.Div(
        [
            theme_store(),
            dcc.Store(id="address"),
            dcc.Store(id="address-shown"),
            *panel_polling(),
            html.Div(id="server-lost", className="server-lost", role="alert"),
            html.Header(
                [
                    html.A(
                        html.H1("Order flow", className="product-name"),
                        href="./",
                        className="home-link",
                    ),
                    html.Datalist([html.Option(value=symbol) for symbol in symbols], id="compare-symbols"),
                    _adder(),
                    dbc.Checklist(
                        id="compare-link",
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
            html.Div(id="notice", className="notice-place"),
            html.Main(
                [
                    html.Div(id="compare-grid", className="compare-grid"),
                    html.P(_HINT, className="compare-hint"),
                ]
            ),
        ],
        className="compare-page",
    )


def register_compare_page(app: Dash, hub: Hub) -> None:
    """Register the callbacks of the page ``/compare``."""
    _register_address(app, hub)
    _register_cells(app, hub)


def _register_address(app: Dash, hub: Hub) -> None:
    clientside(app, "address", "read", Output("address", "data"), Input("address", "id"))
    clientside(
        app,
        "compare",
        "follow",
        Output("address-shown", "data"),
        Input(_VIEWS, "data"),
        Input(_cell("text", ALL), "data"),
        Input("compare-link", "value"),
        State(_VIEWS, "id"),
        State(_cell("text", ALL), "id"),
        State(_cell("cell", ALL), "id"),
        State({"type": "panel-defaults", "panel": ALL}, "data"),
        State("address", "data"),
    )

    @app.callback(
        Output("compare-grid", "children"),
        Output("compare-link", "value"),
        Output("notice", "children"),
        Input("address", "data"),
        State(_VIEWS, "id"),
        State("theme", "data"),
        prevent_initial_call=True,
    )
    def open_all(wish: object, open_panels: object, theme: object) -> tuple[Any, ...]:
        for panel_id in panel_ids(open_panels):
            hub.release(panel_id, current_client())
        query = parse_compare_query(search_of(wish))
        cells = [_new_cell(hub, text, str(theme)) for text in query.panels]
        return cells, query.links, _notice(" ".join(query.notices))


def _register_cells(app: Dash, hub: Hub) -> None:
    @app.callback(
        Output("compare-grid", "children", allow_duplicate=True),
        Output("notice", "children", allow_duplicate=True),
        Output("compare-add", "value"),
        Input("compare-add-button", "n_clicks"),
        Input("compare-add", "n_submit"),
        State("compare-add", "value"),
        State(_cell("cell", ALL), "id"),
        State("theme", "data"),
        prevent_initial_call=True,
    )
    def add(_clicks: object, _submits: object, wanted: object, cells: Any, theme: object) -> tuple[Any, ...]:  # noqa: ANN401
        text = completed(str(wanted or ""), hub)
        if not text:
            return no_update, no_update, no_update
        if len(cells if isinstance(cells, list) else []) >= MOST_PANELS:
            return no_update, _notice(f"{MOST_PANELS} panels are as many as one page holds."), no_update
        panel_id = new_panel_id()
        opened = _opened(hub, text, str(theme), panel_id)
        if opened.panel is None:
            return no_update, _notice(opened.cause), no_update
        grid = Patch()
        grid.append(_cell_of(panel_id, opened.panel))
        return grid, None, ""

    @app.callback(
        Output("compare-grid", "children", allow_duplicate=True),
        Input(_cell("remove", ALL), "n_clicks"),
        State(_cell("cell", ALL), "id"),
        prevent_initial_call=True,
    )
    def remove(clicks: object, cells: object) -> Any:  # noqa: ANN401
        ids = panel_ids(cells)
        gone = ctx.triggered_id.get("panel") if isinstance(ctx.triggered_id, dict) else None
        if gone not in ids or not any(clicks if isinstance(clicks, list) else []):
            return no_update
        hub.release(str(gone), current_client())
        grid = Patch()
        del grid[ids.index(gone)]
        return grid

    @app.callback(
        Output(_cell("cell", MATCH), "children"),
        Input(_cell("retry", MATCH), "n_intervals"),
        State(_cell("text", MATCH), "data"),
        State(_cell("cell", MATCH), "id"),
        State("theme", "data"),
        prevent_initial_call=True,
    )
    def retry(_ticks: object, text: object, cell: object, theme: object) -> Any:  # noqa: ANN401
        (panel_id,) = panel_ids([cell]) or ("",)
        opened = _opened(hub, str(text), str(theme), panel_id)
        return no_update if opened.panel is None else _filled(panel_id, opened.panel)


def _opened(hub: Hub, text: str, theme: str, panel_id: str) -> Opened:
    """The panel that a text names; none where it names nothing, for no venue is asked for that."""
    args = panel_args(text)
    if not NAMES & args.keys():
        return Opened(None, unreadable(text))
    return open_panel(hub, args, theme, panel_id=panel_id)


def _new_cell(hub: Hub, text: str, theme: str) -> Component:
    """The cell of a panel, or of why there is none: that keeps its text, and asks again where it helps."""
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
                        id="compare-add",
                        list="compare-symbols",
                        placeholder="Add a symbol, such as binance:ETHUSDT",
                        size="sm",
                        autocomplete="off",
                        class_name="symbol-search",
                        value="",
                    ),
                ],
                className="search-label",
            ),
            html.Button("Add", id="compare-add-button", className="compare-add btn btn-sm", type="button"),
        ],
        className="compare-adder",
    )


def _notice(message: str) -> Component | None:
    if not message:
        return None
    alert: Component = dbc.Alert(message, color="warning", dismissable=True, class_name="notice", fade=False)
    return alert
