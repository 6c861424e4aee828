"""The replay's bar: its files and its controls, which ``assets/js/pages/replay.mjs`` fills and drives."""

from __future__ import annotations

from typing import Any

from dash import html
from dash.development.base_component import Component

from orderflow_dash.replay.replay import Replay
from orderflow_dash.web.routes import REPLAY

_SHOWN = 2  # file names before "and n more"


def replay_bar(replay: Replay | None, *, is_steered: bool = True) -> Component | None:
    """The bar; None where nothing is replayed. It may stand any number of times on a page.

    ``is_steered``: with the controls; else it only says what is shown.
    """
    if replay is None:
        return None
    names = replay.names
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    data: dict[str, Any] = {"data-url": REPLAY}  # relative: each page lies at the root
    label: dict[str, Any] = {"aria-label": "Replay"}
    return html.Div(
        [
            html.Div(
                [
                    html.Span("Replay", className="replay-badge"),
                    html.Span(
                        ", ".join(names[:_SHOWN]) + more, className="replay-files", title="\n".join(names)
                    ),
                    html.Span("recorded trades, not today's market", className="replay-caution"),
                ],
                className="replay-banner",
            ),
            html.Div(className="replay-controls", **data) if is_steered else None,
        ],
        className="replay-bar",
        role="group",
        **label,
    )
