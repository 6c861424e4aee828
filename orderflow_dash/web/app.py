"""The Dash application: its document, its assets and its layout, with all callbacks registered."""

from __future__ import annotations

from pathlib import Path
from typing import Final, cast

from dash import Dash

from ..feeds.days import DayLines
from ..hub import Hub
from ..replay import Replay
from ..settings import Settings
from .front_page import front_page, register_front_page
from .panel import register_panel
from .symbol_table import register_symbol_table
from .theme import register_theme
from .ticker_journal import TickerJournal

_HERE: Final = Path(__file__).resolve()

_DOCUMENT: Final = """<!DOCTYPE html>
<html lang="en" data-bs-theme="dark">
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
    """The Dash app over a hub. Starts nothing: streams begin when a page asks for them."""
    days = days or DayLines()
    app = Dash(
        "orderflow_dash",
        assets_folder=str(assets_folder()),
        assets_ignore=r"^(theme\.js|help\.css)$",  # one is loaded in the head, the other is of another page
        title="Order flow",
        update_title=cast(str, None),  # what Dash takes for "leave the title alone"
        enable_mcp=False,
        suppress_callback_exceptions=True,  # a panel's parts exist once it is opened
        meta_tags=[{"name": "viewport", "content": "width=device-width, initial-scale=1"}],
    )
    app.index_string = _DOCUMENT.replace("THEME_SCRIPT", app.get_asset_url("theme.js")).replace(
        "FAVICON", app.get_asset_url("favicon.svg")
    )
    app.server.secret_key = settings.secret_key.get_secret_value()
    journal = TickerJournal()
    app.layout = lambda: front_page(hub, journal, days, replay)
    register_theme(app)
    register_symbol_table(app)
    register_panel(app, hub)
    register_front_page(app, hub, journal, days)
    return app
