"""The live part of a panel: its first content; ``assets/js/panel/live.mjs`` shows that and every update.

One component, not one output for each chart, table and text: Dash's renderer would notify every component of
a page of each output, once a second.
"""

from __future__ import annotations

from typing import Any, Final, TypedDict

from dash.development.base_component import Component

from orderflow_dash.web.status import FeedStatus

_TYPE: Final = "panel-live"
_PROPS: Final = ["id", "status", "content", "profile", "tick"]
_NONE: Final[list[str]] = []


class PanelTexts(TypedDict):
    """Texts of a panel; each goes to the elements that ``bind_text`` marks."""

    last: str  # price of the newest trade
    now: str  # newest CVD
    since: str  # start of the CVD
    units: str  # of times and volumes
    unit: str  # of volumes, such as "in BTC"
    chart_unit: str  # of the footprint chart; "≈ in USDT" if a row's volume is taken at the row's price
    fire: str  # definition of an imbalance


class PanelLive(Component):
    """Shows a panel's updates for as long as the panel is on the page.

    ``status``, ``content`` and ``profile`` are those of an answer to a poll; ``tick`` is that of the step
    menu.
    """

    # Dash reads these from the class.
    _namespace = "orderflow_dash"
    _type = "PanelLive"
    _prop_names = _PROPS
    _children_props = _NONE
    _valid_wildcard_attributes = _NONE

    def __init__(
        self, panel_id: str, status: FeedStatus, content: dict[str, Any], profile: dict[str, Any], tick: str
    ) -> None:
        super().__init__(  # type: ignore[no-untyped-call]
            id={"type": _TYPE, "panel": panel_id},
            status=status,
            content=content,
            profile=profile,
            tick=tick,
        )


def bind_text(name: str) -> dict[str, Any]:
    """Mark an element as the place of a text; names of the profile's texts start with ``profile-``."""
    return {"data-live": name}
