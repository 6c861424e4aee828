"""Sharing a panel: its link, the snippet that embeds it, its exports, and the link to ``/compare``."""

from __future__ import annotations

from typing import Any

import dash_bootstrap_components as dbc
from dash import MATCH, Dash, Input, Output, html
from dash.development.base_component import Component

from orderflow_dash.web.clientside import clientside
from orderflow_dash.web.panel.section import attrs


def share_menu(panel_id: str) -> Component:
    """The disclosure; ``assets/js/panel/share.mjs`` fills it for the panel's current view."""
    return html.Details(
        [
            html.Summary("Share", className="btn btn-sm"),
            html.Div(
                [
                    _copied(
                        "Link", dbc.Input(id=_id("link", panel_id), type="text", readonly=True, size="sm")
                    ),
                    _copied(
                        "Embed",
                        dbc.Textarea(id=_id("snippet", panel_id), readonly=True, rows=4),
                    ),
                    html.Div(
                        [
                            html.A("Compare with others", id=_id("compare", panel_id)),
                            html.A("CSV of candles", id=_id("candles", panel_id), className="export-candles"),
                            html.A("CSV of levels", id=_id("levels", panel_id), className="export-levels"),
                        ],
                        className="share-links",
                    ),
                ],
                className="share-box",
            ),
        ],
        className="panel-share",
    )


def register_share(app: Dash) -> None:
    """Register the callback that fills the fields."""
    clientside(
        app,
        "share",
        "fill",
        Output(_id("link", MATCH), "value"),
        Output(_id("snippet", MATCH), "value"),
        Output(_id("compare", MATCH), "href"),
        Output(_id("candles", MATCH), "href"),
        Output(_id("levels", MATCH), "href"),
        Input({"type": "panel-view", "panel": MATCH}, "data"),
        Input("theme", "data"),
    )


def _copied(name: str, field: Component) -> Component:
    copy = attrs(aria_label=f"Copy the {name.lower()}")
    return html.Div(
        [
            html.Label([html.Span(name, className="control-label"), field]),
            html.Button("Copy", className="share-copy btn btn-sm", type="button", **copy),
        ],
        className=f"share-field share-{name.lower()}",
    )


def _id(part: str, panel_id: object) -> dict[str, Any]:
    return {"type": f"share-{part}", "panel": panel_id}
