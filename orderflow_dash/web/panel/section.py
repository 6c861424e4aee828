"""Parts common to the sections of a panel."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from dash import html
from dash.development.base_component import Component

from orderflow_dash.web.help_links import help_link
from orderflow_dash.web.panel.live import bind_text


def attrs(**values: str) -> dict[str, Any]:
    """HTML attributes with a dash in their name, for a component: ``aria_label`` sets ``aria-label``."""
    return {name.replace("_", "-"): value for name, value in values.items()}


def section(class_name: str, title: str, notes: Sequence[Component], *content: Component) -> Component:
    """A section under its title, with a help link and notes beside the title."""
    head = html.Div([html.H3(title), help_link(title), *notes], className="section-head")
    return html.Div([head, *content], className=class_name)


def live_note(text: str, name: str, title: str | None = None) -> Component:
    """A text beside a title, and its name in an update."""
    return html.Span(text, className="section-note", title=title, **bind_text(name))
