"""What the Plotly figures of a panel have in common."""

from __future__ import annotations

from typing import Any

from orderflow_dash.web.theme import Palette


def base_layout(palette: Palette) -> dict[str, Any]:
    """A layout without axes and margin: transparent, with the page's type and a tooltip at the pointer."""
    return {
        "autosize": True,
        "paper_bgcolor": "rgba(0,0,0,0)",
        "plot_bgcolor": "rgba(0,0,0,0)",
        "font": {"family": "Inter, system-ui, sans-serif", "size": 11, "color": palette.muted},
        "showlegend": False,
        "hovermode": "closest",
        "dragmode": False,
        "hoverlabel": {
            "bgcolor": palette.surface,
            "bordercolor": palette.line_strong,
            "font": {"color": palette.text, "size": 12},
            "align": "left",
        },
    }
