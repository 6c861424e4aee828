"""The Dash applications: document, assets, layouts and callbacks."""

from __future__ import annotations

from string import Template
from typing import Any, Final, cast

from dash import Dash
from dash.development.base_component import ComponentRegistry
from dash.resources import Scripts
from flask import Flask, Response, send_from_directory

from orderflow_dash.feeds.sparklines import Sparklines
from orderflow_dash.live.hub import Hub
from orderflow_dash.replay.replay import Replay
from orderflow_dash.settings import Settings
from orderflow_dash.web.api.panel_updates import PanelPoll, register_panel_updates
from orderflow_dash.web.assets import (
    ADDRESS,
    ICON,
    MAIN,
    PLOTLY,
    STYLES,
    THEME,
    address_of,
    assets_folder,
    modules,
)
from orderflow_dash.web.http.callback_timing import time_callbacks
from orderflow_dash.web.pages.compare import compare_page, register_compare_page
from orderflow_dash.web.pages.embed import embed_page, register_embed_page
from orderflow_dash.web.pages.front import front_page, register_front_page
from orderflow_dash.web.panel.panel import register_panel
from orderflow_dash.web.symbols.changes import TickerJournal
from orderflow_dash.web.symbols.table import register_symbol_table
from orderflow_dash.web.theme import register_theme

_DOCUMENT: Final = Template("""<!DOCTYPE html>
<html lang="en" data-bs-theme="dark" data-page="$page">
  <head>
    {%metas%}
    <title>{%title%}</title>
    <link rel="icon" type="image/svg+xml" href="$icon">
    {%css%}
    $styles
    <script src="$theme"></script>
    $modules
    <script type="module" src="$main"></script>
  </head>
  <body>
    {%app_entry%}
    <footer hidden>
      {%config%}
      <script src="$plotly"></script>
      {%scripts%}
      {%renderer%}
    </footer>
  </body>
</html>
""")

# After the main module, which registers what the renderer looks up. Without the address, so that one hash of
# the policy holds for every page and prefix.
_RENDERER: Final = "import(document.querySelector('script[type=module]').src).then(() => new DashRenderer())"


class _Page(Dash):
    """The application of one page."""

    _document: str | None = None

    def index(self, *args: object, **kwargs: object) -> str:
        """The document, cached: to build it, Dash reads two hundred files."""
        if self._document is None:
            self._document = super().index(*args, **kwargs)  # type: ignore[no-untyped-call]
        return self._document


class _PanelScripts(Scripts):
    """The scripts of a page without the symbol table, as the grid's are a fifth of the page's size."""

    def get_all_scripts(self, dev_bundles: bool = False) -> list[dict[str, Any]]:
        """The scripts that Dash lists in the page."""
        others = [name for name in ComponentRegistry.registry if name != "dash_ag_grid"]
        scripts = self.get_library_scripts(others, dev_bundles)  # type: ignore[no-untyped-call]
        return cast(list[dict[str, Any]], scripts)


def create_dash(
    hub: Hub, settings: Settings, replay: Replay | None = None, days: Sparklines | None = None
) -> Dash:
    """The Dash app over a hub, with its other pages on the same server.

    Starts no stream: those start when a page needs them. Each page is an application of its own with its own
    layout, so that none carries the callbacks or waits for the layout of another.
    """
    days = days or Sparklines()
    app = _new_dash(settings.prefix)
    app.server.secret_key = settings.secret_key.get_secret_value()
    journal = TickerJournal()
    app.layout = lambda: front_page(hub, journal, days, replay)
    polls = PanelPoll(hub)
    register_theme(app)
    register_symbol_table(app)
    _register_panels(app, polls)
    register_front_page(app, hub, journal, days)
    embed = _new_dash(settings.prefix, "embed", app.server)
    embed.layout = lambda: embed_page(replay)
    _register_panels(embed, polls)
    register_embed_page(embed, hub)
    compare = _new_dash(settings.prefix, "compare", app.server)
    compare.layout = lambda: compare_page(hub, replay)
    register_theme(compare)
    _register_panels(compare, polls)
    register_compare_page(compare, hub)
    return app


def _register_panels(app: Dash, polls: PanelPoll) -> None:
    register_panel(app)
    register_panel_updates(app, polls)


def _new_dash(root: str, page: str = "", server: Flask | None = None) -> Dash:
    """The application of one page under a path prefix; other pages share the front page's server."""
    path = f"{root}{page}/" if page else root
    app = _Page(
        "orderflow_dash",
        server=cast(Any, server or True),
        url_base_pathname=path,
        assets_folder=str(assets_folder()),
        include_assets_files=False,  # the document names them
        title="Order flow",
        update_title=cast(str, None),  # Dash must not change the title
        enable_mcp=False,
        suppress_callback_exceptions=True,  # a panel's components exist only while it is open
        meta_tags=[{"name": "viewport", "content": "width=device-width, initial-scale=1"}],
    )
    app.index_string = _document(root, page)
    app.renderer = _RENDERER
    app.server.add_url_rule(path + ADDRESS, endpoint=f"asset-{page}", view_func=_send_asset)
    time_callbacks(app)
    if page:
        app.scripts = _PanelScripts(serve_locally=True, eager=False)  # type: ignore[no-untyped-call]
        app.server.add_url_rule(f"{root}{page}", endpoint=f"page-{page}", view_func=app.index)
    return app


def _document(root: str, page: str) -> str:
    """The document of one page; all pages name the same address of a file, so that they share it."""
    styles = [f'<link rel="stylesheet" href="{root}{address_of(name)}">' for name in STYLES]
    preloads = [f'<link rel="modulepreload" href="{root}{address_of(name)}">' for name in modules()]
    return _DOCUMENT.substitute(
        page=page,
        icon=root + address_of(ICON),
        styles="\n    ".join(styles),
        theme=root + address_of(THEME),
        modules="\n    ".join(preloads),
        main=root + address_of(MAIN),
        plotly=root + address_of(PLOTLY),
    )


def _send_asset(version: str, filename: str) -> Response:  # noqa: ARG001 - compression.py compares it
    return send_from_directory(assets_folder(), filename)
