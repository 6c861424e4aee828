"""What moves in a panel, as it stands when that opens; ``assets/js/panel/live.mjs`` shows it and the rest.

A component of our own, because Dash's renderer tells every component of a page about each step of each
callback: a second's news go from ``/api/panels`` to the charts, the table and the words themselves.
"""

from __future__ import annotations

from typing import Any, Final, TypedDict

from dash.development.base_component import Component

from orderflow_dash.web.status import FeedStatus

_TYPE: Final = "panel-live"
_PROPS: Final = ["id", "status", "content", "profile", "tick"]
_NONE: Final[list[str]] = []


class PanelTexts(TypedDict):
    """Words of a panel; each stands in the element that ``bind_text`` names."""

    last: str  # price of the newest trade
    now: str  # the newest CVD, green or red as its line
    since: str  # where the CVD begins
    units: str  # of volumes and times
    unit: str  # of volumes, "in BTC"
    chart_unit: str  # the footprint chart's, "≈ in USDT" where a row's volume is taken at the row's price
    fire: str  # what counts as an imbalance


class PanelLive(Component):
    """Shows a panel's news, for as long as the panel is on the page.

    ``status``, ``content`` and ``profile`` are those of an answer of ``/api/panels``; ``tick`` is the one
    that the step menu is for.
    """

    # What Dash reads of a component's class.
    _namespace = "orderflow_dash"
    _type = "PanelLive"
    _prop_names = _PROPS
    _children_props = _NONE
    _valid_wildcard_attributes = _NONE

    def __init__(
        self, panel_id: str, status: FeedStatus, content: dict[str, Any], profile: dict[str, Any], tick: str
    ) -> None:
        super().__init__(  # type: ignore[no-untyped-call]
            id={"type": _TYPE, "panel": panel_id}, status=status, content=content, profile=profile, tick=tick
        )


def bind_text(name: str) -> dict[str, Any]:
    """Names an element as a place of a text; those of the profile have ``profile-`` before their name."""
    return {"data-live": name}
