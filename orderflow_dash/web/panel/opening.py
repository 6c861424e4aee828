"""Opening the panel of an address, on any page."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from dash.development.base_component import Component

from orderflow_dash.live.hub import Hub, Unavailable, UnknownSymbol
from orderflow_dash.live.view import ViewKey
from orderflow_dash.runtime.client_limits import LimitReached
from orderflow_dash.web.grant import current_scope
from orderflow_dash.web.limit_text import error_text
from orderflow_dash.web.panel.options import parse_options
from orderflow_dash.web.panel.panel import new_panel_id, panel
from orderflow_dash.web.panel.step_options import step_text
from orderflow_dash.web.query import QueryError, parse_view_query, view_args


class Opened(NamedTuple):
    """A panel, or the reason there is none; ``is_retryable``: a later attempt may succeed."""

    panel: Component | None
    cause: str = ""
    is_retryable: bool = False


def open_panel(
    hub: Hub,
    query: Mapping[str, str],
    theme: str,
    notices: Sequence[str] = (),
    *,
    panel_id: str | None = None,
) -> Opened:
    """Open the panel of a query; invalid options fall back to their defaults, with notices."""
    try:
        query, moved = _with_venue(hub, query)
        key, replaced = _key(hub, query)
        options, corrected = parse_options(query)
        opened = panel(
            hub,
            panel_id or new_panel_id(),
            key,
            theme,
            options,
            [*notices, *moved, *replaced, *corrected],
        )
        return Opened(opened)
    except (QueryError, Unavailable, UnknownSymbol, LimitReached) as error:
        is_retryable = (
            isinstance(error, (Unavailable, LimitReached)) or getattr(error, "code", "") == "unavailable"
        )
        return Opened(None, error_text(error), is_retryable)


def _key(hub: Hub, query: Mapping[str, str]) -> tuple[ViewKey, list[str]]:
    """The view of a query; with a notice if its step does not fit the tick (any more)."""
    names = view_args(query)
    try:
        return parse_view_query(names, hub, current_scope()).key, []
    except QueryError as error:
        if error.param != "step":
            raise
        key = parse_view_query(
            {name: names[name] for name in names if name != "step"}, hub, current_scope()
        ).key
        return key, [f"{str(error).rstrip('.')}. Step {step_text(key)} is shown."]


def _with_venue(hub: Hub, query: Mapping[str, str]) -> tuple[Mapping[str, str], list[str]]:
    """The query with a venue if it names none, and a notice if that is not the first choice."""
    if "exchange" in query or current_scope() is not None:  # a token names its own
        return query, []
    chosen, first = hub.default_venue(), hub.venues()[0]
    notices = []
    if chosen.venue is not first.venue:
        notices = [
            f"{first.venue.label} cannot be reached: {first.detail.rstrip('.')}. "
            f"{chosen.venue.label} is shown."
        ]
    return {**query, "exchange": chosen.venue.value}, notices


def panel_ids(open_panels: object) -> list[str]:
    """The ids of a page's panels in what a browser sends."""
    panels = open_panels if isinstance(open_panels, list) else []
    ids = [each.get("panel") for each in panels if isinstance(each, dict)]
    return [each for each in ids if isinstance(each, str)]
