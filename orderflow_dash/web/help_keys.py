"""The keys that the help page lists, by the part of the product that they work in."""

from __future__ import annotations

from typing import Final, NamedTuple


class KeyGroup(NamedTuple):
    """Keys of one part: its name, its id on the page, and (keys, what they do)."""

    name: str
    anchor: str
    keys: tuple[tuple[str, str], ...]


# The footprint chart's keys belong here, as a group of their own.
KEY_GROUPS: Final = (
    KeyGroup(
        "Symbol table",
        "keys-symbols",
        (
            ("/", "Search, from anywhere on the page"),
            ("Enter", "Open the first symbol found; on a row, open that one"),
            ("↓", "From the search into the rows"),
            ("↑ ↓", "Move over the rows"),
            ("Space", "On a star: favourite or not"),
            ("Esc", "Empty the search"),
        ),
    ),
    KeyGroup(
        "Panel",
        "keys-panel",
        (
            ("Tab", "Next control"),
            ("← →", "Another timeframe, where the timeframes have the focus"),
            ("Esc", "Close"),
        ),
    ),
)
