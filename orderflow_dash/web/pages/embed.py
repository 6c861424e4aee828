"""The page ``/embed``: one panel and nothing else, for a frame on somebody else's page.

Its address names view, options and theme. What happens in it is told to the page around it by messages
(``assets/js/pages/embed.mjs``).
"""

from __future__ import annotations

from typing import Any, Final

import dash_bootstrap_components as dbc
from dash import ALL, Dash, Input, Output, State, dcc, html
from dash.development.base_component import Component

from orderflow_dash.live.hub import Hub
from orderflow_dash.replay.replay import Replay
from orderflow_dash.runtime.wording import either, not_accepted
from orderflow_dash.web.api.panel_updates import panel_polling
from orderflow_dash.web.client import current_client
from orderflow_dash.web.clientside import clientside
from orderflow_dash.web.grant import current_lock
from orderflow_dash.web.pages.replay_bar import replay_bar
from orderflow_dash.web.panel.opening import open_panel, panel_ids
from orderflow_dash.web.query import query_args, search_of
from orderflow_dash.web.theme import DARK

THEMES: Final = ("dark", "light", "auto")
_RETRY_MS: Final = 2000
_VIEWS: Final = {"type": "panel-view", "panel": ALL}


def embed_page(replay: Replay | None = None) -> Component:
    """The layout; the panel comes once the page has said what its address names."""
    return html.Div(
        [
            dcc.Store(id="theme", data=DARK),
            dcc.Store(id="address"),
            dcc.Store(id="address-shown"),
            dcc.Interval(id="embed-retry", interval=_RETRY_MS, disabled=True),
            *panel_polling(),
            html.Div(id="server-lost", className="server-lost", role="alert"),
            replay_bar(replay, is_steered=current_lock() is None),
            html.Main(
                [
                    html.H1("Order flow", className="visually-hidden"),
                    html.Div(id="embed-panel", className="embed-panel"),
                ]
            ),
        ],
        className="embed-page",
    )


def register_embed_page(app: Dash, hub: Hub) -> None:
    """Register the callbacks of the page ``/embed``."""
    clientside(
        app,
        "embed",
        "read",
        Output("address", "data"),
        Output("theme", "data"),
        Input("embed-retry", "n_intervals"),
    )
    clientside(
        app,
        "embed",
        "follow",
        Output("address-shown", "data"),
        Input(_VIEWS, "data"),
        Input("theme", "data"),
    )

    @app.callback(
        Output("embed-panel", "children"),
        Output("embed-retry", "disabled"),
        Input("address", "data"),
        State(_VIEWS, "id"),
        State("theme", "data"),
        prevent_initial_call=True,
    )
    def open_embedded(wish: object, open_panels: object, theme: object) -> tuple[Any, bool]:
        for panel_id in panel_ids(open_panels):
            hub.release(panel_id, current_client())
        query = query_args(search_of(wish))
        opened = open_panel(hub, query, str(theme), theme_notice(query.get("theme")))
        if opened.panel is not None:
            return opened.panel, True
        return dbc.Alert(opened.cause, color="warning", class_name="notice"), not opened.is_retryable


def theme_notice(theme: str | None) -> list[str]:
    """The sentence for a theme of an address that is not accepted."""
    if theme is None or theme in THEMES:
        return []
    return [f"{not_accepted('theme', theme, either(THEMES))}. The panel shows auto."]
