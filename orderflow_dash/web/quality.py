"""What the page says of a candle that is not whole."""

from __future__ import annotations

from typing import Final

from ..market import Quality

MARKS: Final = {
    Quality.COMPLETE: "",
    Quality.PARTIAL: "◐",
    Quality.GAP: "⚠\ufe0e",
    Quality.REPAIRED: "↻",
}

_NOTES: Final = {
    Quality.COMPLETE: "",
    Quality.PARTIAL: "Partial: the feed began inside this candle, so its earlier trades are not counted.",
    Quality.GAP: "Gap: trades are known to be missing here, so volumes, delta and CVD are incomplete.",
    Quality.REPAIRED: "Repaired: trades were missed live and fetched later; the candle is whole.",
}


def quality_note(quality: Quality) -> str:
    """One sentence for a person; empty for a complete candle."""
    return _NOTES[quality]


def quality_legend() -> list[tuple[str, str]]:
    """(mark, short meaning) of every quality that is marked."""
    return [
        (MARKS[Quality.PARTIAL], "feed began inside"),
        (MARKS[Quality.GAP], "trades missing"),
        (MARKS[Quality.REPAIRED], "fetched later, whole"),
    ]
