"""A place whose content comes once the footprint chart has painted its first candles, see its JavaScript."""

from __future__ import annotations

from typing import Final

from dash.development.base_component import Component

_PROPS: Final = ["children", "className"]
_NONE: Final[list[str]] = []


class Deferred(Component):
    """An element with a class name, empty at first; without a feed it is filled after a moment."""

    # What Dash reads of a component's class.
    _namespace = "orderflow_dash"
    _type = "Deferred"
    _prop_names = _PROPS
    _children_props = _NONE
    _valid_wildcard_attributes = _NONE

    def __init__(self, children: Component, class_name: str) -> None:
        super().__init__(children=children, className=class_name)  # type: ignore[no-untyped-call]
