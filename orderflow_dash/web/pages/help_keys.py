"""The keys that the help page lists, by the part of the product that they work in."""

from __future__ import annotations

from typing import Final, NamedTuple


class KeyGroup(NamedTuple):
    """Keys of one part: its name, its id on the page, and (keys, what they do)."""

    name: str
    anchor: str
    keys: tuple[tuple[str, str], ...]


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
    KeyGroup(
        "Footprint chart, where it has the focus",
        "keys-chart",
        (
            ("← → ↑ ↓", "Move in time and price"),
            ("+ −", "Wider, narrower candles"),
            ("] [", "Higher, lower rows"),
            ("f", "Follow the last candle, fit the price"),
            ("a", "Fit the price to what is in sight"),
            ("e", "Rows grouped so that they can be read, or every level"),
            ("r", "Readable rows around the last price"),
            ("h l, k j", "Crosshair by candles, by rows"),
            ("c, g, s", "What cells tell, their colour, its scale"),
            ("?", "All keys of the chart"),
        ),
    ),
)
