"""The Dash application: its document, its assets and its layout, with all callbacks registered."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final, cast

from dash import Dash
from flask import Flask

from ..feeds.days import DayLines
from ..hub import Hub
from ..replay import Replay
from ..settings import Settings
from .callback_timing import time_callbacks
from .compare_page import compare_page, register_compare_page
from .embed_page import embed_page, register_embed_page
from .front_page import front_page, register_front_page
from .panel import register_panel
from .symbol_table import register_symbol_table
from .theme import register_theme
from .ticker_journal import TickerJournal

_HERE: Final = Path(__file__).resolve()

_DOCUMENT: Final = """<!DOCTYPE html>
<html lang="en" data-bs-theme="dark" data-page="PAGE">
  <head>
    {%metas%}
    <title>{%title%}</title>
    <link rel="icon" type="image/svg+xml" href="FAVICON">
    {%css%}
    <script src="THEME_SCRIPT"></script>
  </head>
  <body>
    {%app_entry%}
    <footer hidden>
      {%config%}
      {%scripts%}
      {%renderer%}
    </footer>
  </body>
</html>
"""


def assets_folder() -> Path:
    """Where the CSS and JavaScript lie: beside the package in a checkout, inside it when installed."""
    checkout = _HERE.parents[2] / "assets"
    return checkout if checkout.is_dir() else _HERE.parents[1] / "assets"


def create_dash(
    hub: Hub, settings: Settings, replay: Replay | None = None, days: DayLines | None = None
) -> Dash:
    """The Dash app over a hub, with its other pages on the same server.

    Starts nothing: streams begin when a page asks for them. Each page is an application of its own with its
    own layout, so that none carries the callbacks or waits for the layout of another.
    """
    days = days or DayLines()
    app = _new_dash()
    app.server.secret_key = settings.secret_key.get_secret_value()
    journal = TickerJournal()
    app.layout = lambda: front_page(hub, journal, days, replay)
    register_theme(app)
    register_symbol_table(app)
    register_panel(app, hub)
    register_front_page(app, hub, journal, days)
    embed = _new_dash("embed", app.server)
    embed.layout = lambda: embed_page(replay)
    register_panel(embed, hub)
    register_embed_page(embed, hub)
    compare = _new_dash("compare", app.server)
    compare.layout = lambda: compare_page(hub, replay)
    register_theme(compare)
    register_panel(compare, hub, together=True)
    register_compare_page(compare, hub)
    return app


def _new_dash(page: str = "", server: Flask | None = None) -> Dash:
    """The application of one page; beside the front page on the server of that one."""
    path = f"/{page}/" if page else "/"
    app = Dash(
        "orderflow_dash",
        server=cast(Any, server or True),
        url_base_pathname=path,
        assets_folder=str(assets_folder()),
        assets_ignore=r"^(theme\.js|help\.css)$",  # one is loaded in the head, the other is of another page
        title="Order flow",
        update_title=cast(str, None),  # what Dash takes for "leave the title alone"
        enable_mcp=False,
        suppress_callback_exceptions=True,  # a panel's parts exist once it is opened
        meta_tags=[{"name": "viewport", "content": "width=device-width, initial-scale=1"}],
    )
    document = _DOCUMENT.replace("THEME_SCRIPT", app.get_asset_url("theme.js"))
    app.index_string = document.replace("FAVICON", app.get_asset_url("favicon.svg")).replace("PAGE", page)
    time_callbacks(app)
    if page:
        app.server.add_url_rule(f"/{page}", endpoint=f"page-{page}", view_func=app.index)
    return app
