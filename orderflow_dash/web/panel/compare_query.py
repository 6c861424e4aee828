"""The address of the page ``/compare``: ``panel=binance:BTCUSDT:1m:0.5:units=quote&panel=...&link=time``."""

from __future__ import annotations

from typing import Final, NamedTuple
from urllib.parse import parse_qsl

from orderflow_dash.live.hub import Hub
from orderflow_dash.runtime.wording import either, not_accepted, quoted
from orderflow_dash.web.panel.options import NAMES

MOST_PANELS: Final = 6
LINKS: Final = ("crosshair", "time")
_PLACES: Final = ("exchange", "symbol", "tf", "step")


class CompareQuery(NamedTuple):
    """The content of an address of ``/compare``, with a notice for each correction."""

    panels: list[str]
    links: list[str]
    notices: list[str]


def parse_compare_query(search: str) -> CompareQuery:
    """The panels, at most six, and links of a query string; the panels are not checked yet."""
    pairs = parse_qsl(search.lstrip("?"), keep_blank_values=True)
    panels = [value for name, value in pairs if name == "panel"]
    named = dict.fromkeys(link for name, value in pairs if name == "link" for link in value.split(","))
    notices = [
        f"{not_accepted('link', link, either(LINKS))}. It is ignored." for link in named if link not in LINKS
    ]
    if len(panels) > MOST_PANELS:
        notices.append(f"The address has {len(panels)} panels; a page shows the first {MOST_PANELS}.")
    return CompareQuery(panels[:MOST_PANELS], [link for link in LINKS if link in named], notices)


def panel_args(text: str) -> dict[str, str]:
    """The names and values of a panel's text: places by position, then options as ``name=value``.

    Repeated and unknown options are ignored.
    """
    parts = text.split(":")
    args: dict[str, str] = {}
    places = list(_PLACES)
    for part in parts:
        name, equals, value = part.partition("=")
        if equals:
            if name in NAMES:
                args.setdefault(name, value)
        elif places and part:
            args[places.pop(0)] = part
    return args


def unreadable(text: str) -> str:
    """The notice for a panel's text with neither a venue nor a symbol."""
    shown = quoted(text) if text.strip() else "An empty text"
    return f"{shown} names no panel. Write venue:symbol:timeframe:step, such as binance:BTCUSDT:1m:0.5."


def completed(text: str, hub: Hub) -> str:
    """A panel's text from what a person types: a symbol alone gets the first venue that lists it."""
    text = text.strip()
    name, colon, rest = text.partition(":")
    if any(name.lower() == status.venue.value for status in hub.venues()):
        return text
    for instrument in hub.instruments():
        if instrument.symbol == name.upper():
            return f"{instrument.venue.value}:{instrument.symbol}{colon}{rest}"
    return text
