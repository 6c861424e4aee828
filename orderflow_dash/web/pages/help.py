"""``/help``: the meaning of each figure and mark.

A static page that is built once and loads nothing from other hosts. Its only script applies the theme from
the browser's storage.
"""

from __future__ import annotations

from typing import Final

from flask import Flask, Response, request
from jinja2 import Environment, PackageLoader, StrictUndefined

from orderflow_dash.footprint.measures import IMBALANCE_RATIO
from orderflow_dash.market import Quality, State, Timeframe
from orderflow_dash.web.api.export import CANDLE_COLUMNS, LEVEL_COLUMNS
from orderflow_dash.web.marks import FIRE, MARKS, VERIFIED_MARKS
from orderflow_dash.web.pages import help_example
from orderflow_dash.web.pages.help_keys import KEY_GROUPS
from orderflow_dash.web.routes import HELP
from orderflow_dash.web.status import WORDS

_POLICY: Final = (
    "default-src 'none'; style-src 'self'; script-src 'self'; font-src 'self'; img-src 'self';"
    " base-uri 'none'; form-action 'none'"
)


def help_html(prefix: str = "/") -> str:
    """The page under a path prefix."""
    templates = Environment(
        loader=PackageLoader("orderflow_dash.web"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return templates.get_template("help/page.html").render(
        root=prefix,
        example=help_example,
        figures=help_example.FIGURES,
        ratio=IMBALANCE_RATIO,
        fire=FIRE,
        quality={quality.value: MARKS[quality] for quality in Quality},
        verified=VERIFIED_MARKS,
        states={state.value: WORDS[state] for state in State},
        timeframes=[timeframe.value for timeframe in Timeframe],
        key_groups=KEY_GROUPS,
        candle_columns=CANDLE_COLUMNS,
        level_columns=LEVEL_COLUMNS,
    )


def register_help(server: Flask, prefix: str = "/") -> None:
    """Serve it under a path prefix."""
    page = help_html(prefix)

    @server.get(prefix + HELP)
    def help_page() -> Response:
        """The page, or 304 for a cached one."""
        response = Response(page, mimetype="text/html")
        response.headers["Content-Security-Policy"] = _POLICY
        response.headers["Cache-Control"] = "no-cache"
        response.add_etag()
        response.make_conditional(request)
        return response
