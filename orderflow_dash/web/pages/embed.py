"""The page ``/embed``: one panel, for a frame on another site's page.

Its address names view, options and theme. It reports its state to the page around it by messages
(``assets/js/pages/embed.mjs``).
"""

from __future__ import annotations

from typing import Any, Final

import dash_bootstrap_components as dbc
from dash import Dash, Input, Output, State, dcc, html
from dash.development.base_component import Component

from orderflow_dash.live.hub import Hub
from orderflow_dash.replay.replay import Replay
from orderflow_dash.runtime.wording import invalid_value, join_or
from orderflow_dash.web import ids
from orderflow_dash.web.api.panel_updates import panel_polling
from orderflow_dash.web.clientside import clientside
from orderflow_dash.web.grant import current_client, current_scope
from orderflow_dash.web.pages.replay_bar import replay_bar
from orderflow_dash.web.panel.opening import open_panel, panel_ids
from orderflow_dash.web.query import query_args, search_of
from orderflow_dash.web.theme import DARK

THEMES: Final = ("dark", "light", "auto")
_RETRY_MS: Final = 2000
_RETRY: Final = "embed-retry"
_PANEL: Final = "embed-panel"


def embed_page(replay: Replay | None = None) -> Component:
    """The layout, without the panel: the page sends its address first."""
    return html.Div(
        [
            dcc.Store(id=ids.THEME, data=DARK),
            dcc.Store(id=ids.ADDRESS),
            dcc.Store(id=ids.ADDRESS_SHOWN),
            dcc.Interval(id=_RETRY, interval=_RETRY_MS, disabled=True),
            *panel_polling(),
            html.Div(id=ids.SERVER_LOST, className="server-lost", role="alert"),
            replay_bar(replay, is_steered=current_scope() is None),
            html.Main(
                [
                    html.H1("Order flow", className="visually-hidden"),
                    html.Div(id=_PANEL, className="embed-panel"),
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
        Output(ids.ADDRESS, "data"),
        Output(ids.THEME, "data"),
        Input(_RETRY, "n_intervals"),
    )
    clientside(
        app,
        "embed",
        "follow",
        Output(ids.ADDRESS_SHOWN, "data"),
        Input(ids.PANEL_VIEWS, "data"),
        Input(ids.THEME, "data"),
    )

    @app.callback(
        Output(_PANEL, "children"),
        Output(_RETRY, "disabled"),
        Input(ids.ADDRESS, "data"),
        State(ids.PANEL_VIEWS, "id"),
        State(ids.THEME, "data"),
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
    """The notice for an invalid theme."""
    if theme is None or theme in THEMES:
        return []
    return [f"{invalid_value('theme', theme, join_or(THEMES))}. The panel shows auto."]
