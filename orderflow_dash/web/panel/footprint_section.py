"""The section of the footprint chart: its controls and its place.

``assets/js/panel/footprint-chart.mjs`` fills it. The chart reads the socket (``assets/js/chart/``,
docs/footprint-chart.md); no callback has data of it.
"""

from __future__ import annotations

from typing import Any, Final

import dash_bootstrap_components as dbc
from dash import html
from dash.development.base_component import Component

from orderflow_dash.web.help_links import help_label
from orderflow_dash.web.panel.options import PanelOptions, offered, option_text
from orderflow_dash.web.panel.section import live_note, section

_CHOICES: Final = (
    ("cells", "Cells", "Figures in a cell"),
    ("color", "Color by", "Meaning of a cell's color"),
    (
        "scale",
        "Scale",
        "Full color: the strongest cell of the candle, the strongest in sight, or any cell from this volume "
        "in the quote currency",
    ),
    ("group", "Rows", "Levels that are too low for text: several per row, or one"),
)


def footprint_section(
    panel_id: str, mount_id: dict[str, Any], options: PanelOptions, *, quote: str, unit: str
) -> Component:
    """The section's component; ``quote``: currency; ``unit``: text on the unit of volumes."""
    notes = [
        live_note(unit, "chart_unit"),
        *(_choice(panel_id, options, quote, *choice) for choice in _CHOICES),
    ]
    return section(
        "footprint-section", "Footprint chart", notes, html.Div(id=mount_id, className="footprint-mount")
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
