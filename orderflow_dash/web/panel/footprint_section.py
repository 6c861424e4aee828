"""The footprint chart's part of a panel: its controls and its place.

``assets/js/panel/footprint-chart.mjs`` fills it. The chart reads the socket (``assets/js/chart/``,
docs/footprint-chart.md); nothing of it passes through a callback.
"""

from __future__ import annotations

from typing import Any, Final

import dash_bootstrap_components as dbc
from dash import html
from dash.development.base_component import Component

from orderflow_dash.web.help_links import help_label, help_link
from orderflow_dash.web.panel.live import bind_text
from orderflow_dash.web.panel.options import PanelOptions, offered, option_text

_CHOICES: Final = (
    ("cells", "Cells", "What a cell tells"),
    ("color", "Color by", "What the colour of a cell tells"),
    (
        "scale",
        "Scale",
        "What has the full colour: the strongest cell of the candle, of all in sight, or any cell of at "
        "least so much in the quote currency",
    ),
    ("group", "Rows", "Where levels are too low for text: some of them in a row, or every level a row"),
)


def footprint_section(
    panel_id: str, mount_id: dict[str, Any], options: PanelOptions, *, quote: str, unit: str
) -> Component:
    """The part's component for a quote currency; the chart appears in it once it stands on the page.

    ``unit``: the text that says what volumes are in; it follows the options.
    """
    return html.Div(
        [
            html.Div(
                [
                    html.H3("Footprint chart"),
                    help_link("Footprint chart"),
                    html.Span(unit, className="section-note", **bind_text("chart_unit")),
                    *(_choice(panel_id, options, quote, *choice) for choice in _CHOICES),
                ],
                className="section-head",
            ),
            html.Div(id=mount_id, className="footprint-mount"),
        ],
        className="footprint-section",
    )


def _choice(panel_id: str, options: PanelOptions, quote: str, name: str, label: str, tip: str) -> Component:
    return html.Label(
        [
            html.Span(help_label(label), className="control-label"),
            dbc.Select(
                id={"type": "panel-option", "panel": panel_id, "option": name},
                options=[
                    {
                        "label": f"from {text} {quote}" if value.isdecimal() and name == "scale" else text,
                        "value": value,
                    }
                    for value, text in offered(options, name).items()
                ],
                value=option_text(options, name),
                size="sm",
                class_name=f"control-select option-{name}",
            ),
        ],
        className="control",
        title=tip,
    )
