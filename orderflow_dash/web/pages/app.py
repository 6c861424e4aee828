"""The Dash applications: document, assets, layouts and callbacks."""

from __future__ import annotations

from typing import Any, Final, cast

from dash import Dash
from dash.development.base_component import ComponentRegistry
from dash.resources import Scripts
from flask import Flask

from orderflow_dash.feeds.sparklines import DayLines
from orderflow_dash.live.hub import Hub
from orderflow_dash.replay.replay import Replay
from orderflow_dash.settings import Settings
from orderflow_dash.web.assets import assets_folder, with_versions
from orderflow_dash.web.http.callback_timing import time_callbacks
from orderflow_dash.web.pages.compare import compare_page, register_compare_page
from orderflow_dash.web.pages.embed import embed_page, register_embed_page
from orderflow_dash.web.pages.front import front_page, register_front_page
from orderflow_dash.web.panel.panel import register_panel
from orderflow_dash.web.symbols.changes import TickerJournal
from orderflow_dash.web.symbols.table import register_symbol_table
from orderflow_dash.web.theme import register_theme

_DOCUMENT: Final = """<!DOCTYPE html>
<html lang="en" data-bs-theme="dark" data-page="PAGE">
  <head>
    {%metas%}
    <title>{%title%}</title>
    <link rel="icon" type="image/svg+xml" href="ROOTassets/favicon.svg">
    {%css%}
    <script src="ROOTassets/theme.js"></script>
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


class _Page(Dash):
    """The application of one page."""

    _document: str | None = None

    def index(self, *args: object, **kwargs: object) -> str:
        """The document, cached: to build it, Dash reads two hundred files."""
        if self._document is None:
            self._document = super().index(*args, **kwargs)  # type: ignore[no-untyped-call]
        return self._document

    def interpolate_index(self, *args: str, **parts: str) -> str:
        """The document with versioned URLs."""
        document: str = super().interpolate_index(*args, **parts)  # type: ignore[no-untyped-call]
        return with_versions(document)


class _PanelScripts(Scripts):
    """The scripts of a page without the symbol table, whose grid is a fifth of the page's size."""

    def get_all_scripts(self, dev_bundles: bool = False) -> list[dict[str, Any]]:
        """The scripts of all other component libraries."""
        others = [name for name in ComponentRegistry.registry if name != "dash_ag_grid"]
        scripts = self.get_library_scripts(others, dev_bundles)  # type: ignore[no-untyped-call]
        return cast(list[dict[str, Any]], scripts)


def create_dash(
    hub: Hub, settings: Settings, replay: Replay | None = None, days: DayLines | None = None
) -> Dash:
    """The Dash app over a hub, with its other pages on the same server.

    Each page is an application with its own layout, so that none carries the callbacks or waits for the
    layout of another. Streams start when a page requests them.
    """
    days = days or DayLines()
    app = _new_dash(settings.prefix)
    app.server.secret_key = settings.secret_key.get_secret_value()
    journal = TickerJournal()
    app.layout = lambda: front_page(hub, journal, days, replay)
    register_theme(app)
    register_symbol_table(app)
    register_panel(app)
    register_front_page(app, hub, journal, days)
    embed = _new_dash(settings.prefix, "embed", app.server)
    embed.layout = lambda: embed_page(replay)
    register_panel(embed)
    register_embed_page(embed, hub)
    compare = _new_dash(settings.prefix, "compare", app.server)
    compare.layout = lambda: compare_page(hub, replay)
    register_theme(compare)
    register_panel(compare)
    register_compare_page(compare, hub)
    return app


def _new_dash(root: str, page: str = "", server: Flask | None = None) -> Dash:
    """The application of one page under a path prefix; other pages share the front page's server."""
    path = f"{root}{page}/" if page else root
    app = _Page(
        "orderflow_dash",
        server=cast(Any, server or True),
        url_base_pathname=path,
        assets_folder=str(assets_folder()),
        assets_external_path=root,  # one URL for all pages, so that they share the browser's cache
        assets_ignore=r"^(theme\.js|help\.css)$",  # loaded in the head; of the help page
        title="Order flow",
        update_title=cast(str, None),  # Dash leaves the title alone
        enable_mcp=False,
        suppress_callback_exceptions=True,  # a panel's components exist once it opens
        meta_tags=[{"name": "viewport", "content": "width=device-width, initial-scale=1"}],
    )
    app.index_string = _DOCUMENT.replace("PAGE", page).replace("ROOT", root)
    time_callbacks(app)
    if page:
        app.scripts = _PanelScripts(serve_locally=True, eager=False)  # type: ignore[no-untyped-call]
        app.server.add_url_rule(f"{root}{page}", endpoint=f"page-{page}", view_func=app.index)
    return app
