"""The keyboard shortcuts on the help page, by part of the product."""

from __future__ import annotations

from typing import Final, NamedTuple


class KeyGroup(NamedTuple):
    """Shortcuts of one part: its name, its id on the page, and (keys, action)."""

    name: str
    anchor: str
    keys: tuple[tuple[str, str], ...]


KEY_GROUPS: Final = (
    KeyGroup(
        "Symbol table",
        "keys-symbols",
        (
            ("/", "Search, from anywhere on the page"),
            ("Enter", "Open the first match; on a row, open that symbol"),
            ("↓", "From the search into the rows"),
            ("↑ ↓", "Move over the rows"),
            ("Space", "On a star: toggle the favorite"),
            ("Esc", "Clear the search"),
        ),
    ),
    KeyGroup(
        "Panel",
        "keys-panel",
        (
            ("Tab", "Next control"),
            ("← →", "Change the timeframe (timeframe buttons focused)"),
            ("Esc", "Close"),
        ),
    ),
    KeyGroup(
        "Footprint chart, while it has the focus",
        "keys-chart",
        (
            ("← → ↑ ↓", "Move in time and price"),
            ("+ −", "Wider, narrower candles"),
            ("] [", "Higher, lower rows"),
            ("f", "Follow the last candle, fit the price"),
            ("a", "Fit the price to the visible candles"),
            ("e", "Automatic rows, or every level"),
            ("r", "Readable rows around the last price"),
            ("h l, k j", "Crosshair by candles, by rows"),
            ("c, g, s", "Content of the cells, their color, its scale"),
            ("?", "All keys of the chart"),
        ),
    ),
)
