"""The two colour themes: what Plotly must be told, and the switch between them.

The page takes its colours from ``assets/css/tokens.css``. Plotly cannot read CSS variables, so the few
colours of the chart are repeated here; a test holds the two equal.
"""

from __future__ import annotations

from typing import Final, Literal, NamedTuple

import dash_bootstrap_components as dbc
from dash import Dash, Input, Output, State, dcc
from dash.development.base_component import Component

from orderflow_dash.web.clientside import clientside

PaletteName = Literal["red-green", "blue-orange"]

DARK: Final = "dark"
LIGHT: Final = "light"


class Palette(NamedTuple):
    """Chart colours of one theme; each field is the CSS token ``--of-<field>``."""

    surface: str
    line: str
    line_strong: str
    text: str
    muted: str
    ask: str
    bid: str
    warn: str
    ask_tint: str
    bid_tint: str
    warn_tint: str


PALETTES: Final = {
    DARK: Palette(
        surface="#13171e",
        line="#262e3a",
        line_strong="#6a7686",
        text="#dce2ea",
        muted="#94a0b0",
        ask="#36c48f",
        bid="#f46a78",
        warn="#e3b55b",
        ask_tint="rgba(54, 196, 143, 0.1)",
        bid_tint="rgba(244, 106, 120, 0.11)",
        warn_tint="rgba(227, 181, 91, 0.12)",
    ),
    LIGHT: Palette(
        surface="#ffffff",
        line="#dde2e9",
        line_strong="#808b9a",
        text="#18202b",
        muted="#566173",
        ask="#08704a",
        bid="#bb2233",
        warn="#7d5200",
        ask_tint="rgba(8, 112, 74, 0.08)",
        bid_tint="rgba(187, 34, 51, 0.07)",
        warn_tint="rgba(176, 122, 10, 0.13)",
    ),
}


BLUE_ORANGE: Final = {
    DARK: PALETTES[DARK]._replace(
        ask="#58b0ff",
        bid="#ff8a4c",
        ask_tint="rgba(88, 176, 255, 0.1)",
        bid_tint="rgba(255, 138, 76, 0.1)",
    ),
    LIGHT: PALETTES[LIGHT]._replace(
        ask="#0a58b5",
        bid="#a63d00",
        ask_tint="rgba(10, 88, 181, 0.08)",
        bid_tint="rgba(166, 61, 0, 0.07)",
    ),
}


def palette(theme: object, name: PaletteName = "red-green") -> Palette:
    """The palette of a theme's name as the browser sends it; dark for anything unknown."""
    palettes = BLUE_ORANGE if name == "blue-orange" else PALETTES
    return palettes[LIGHT if theme == LIGHT else DARK]


def theme_store() -> Component:
    """The chosen theme, kept in the browser under the key that ``assets/js/theme.js`` reads."""
    return dcc.Store(id="theme", storage_type="local", data=DARK)


def theme_switch() -> Component:
    """The button that changes the theme."""
    switch: Component = dbc.Button(
        "Theme",
        id="theme-switch",
        class_name="theme-switch",
        color="link",
        size="sm",
        title="Light or dark",
        n_clicks=0,
    )
    return switch


def register_theme(app: Dash) -> None:
    """Let the button change the stored theme, and the page follow it."""
    clientside(
        app,
        "theme",
        "toggle",
        Output("theme", "data"),
        Input("theme-switch", "n_clicks"),
        State("theme", "data"),
        at_start=False,
    )
    clientside(
        app,
        "theme",
        "apply",
        Output("theme-switch", "children"),
        Input("theme", "data"),
    )
