"""The notice at the top of a page."""

from __future__ import annotations

import dash_bootstrap_components as dbc
from dash.development.base_component import Component


def notice(message: str) -> Component | None:
    """A notice that can be dismissed; None for an empty message."""
    if not message:
        return None
    alert: Component = dbc.Alert(message, color="warning", dismissable=True, class_name="notice", fade=False)
    return alert
