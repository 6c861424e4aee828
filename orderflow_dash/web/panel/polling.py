"""What takes the answers to the polls of a page (``assets/js/panel/updates.mjs``)."""

from __future__ import annotations

from typing import Final

from dash.development.base_component import Component

_PROPS: Final = ["id", "answers", "shown"]
_NONE: Final[list[str]] = []


class PanelUpdates(Component):
    """Hands each answer to its panel.

    The prop ``answers`` takes the answers to a poll. ``shown`` holds the cursors of what each panel shows, by
    panel; every poll sends it. A second callback for that would double the work of Dash's renderer.
    """

    ID: Final = "panel-updates"

    # Dash reads these from the class.
    _namespace = "orderflow_dash"
    _type = "PanelUpdates"
    _prop_names = _PROPS
    _children_props = _NONE
    _valid_wildcard_attributes = _NONE

    def __init__(self) -> None:
        super().__init__(id=self.ID, shown={})  # type: ignore[no-untyped-call]
