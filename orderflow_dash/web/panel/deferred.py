"""Content that waits for the footprint chart's first picture (``assets/js/panel/deferred.mjs``)."""

from __future__ import annotations

from typing import Final

from dash.development.base_component import Component

_PROPS: Final = ["children", "className"]
_NONE: Final[list[str]] = []


class Deferred(Component):
    """An element that is empty at first; without a feed its content comes after a moment."""

    # Dash reads these from the class.
    _namespace = "orderflow_dash"
    _type = "Deferred"
    _prop_names = _PROPS
    _children_props = _NONE
    _valid_wildcard_attributes = _NONE

    def __init__(self, children: Component, class_name: str) -> None:
        super().__init__(children=children, className=class_name)  # type: ignore[no-untyped-call]
