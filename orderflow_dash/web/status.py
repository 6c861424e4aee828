"""Words for the state of a feed and of the venues."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any, Final, TypedDict

from dash import html
from dash.development.base_component import Component

from orderflow_dash.feeds.stream import StreamStatus
from orderflow_dash.live.hub import Hub, VenueStatus
from orderflow_dash.market import State, Venue
from orderflow_dash.web.latency import LatencyReport

WORDS: Final = {
    State.CONNECTING: "Connecting",
    State.LIVE: "Live",
    State.STALE: "Stale",
    State.REPAIRING: "Repairing",
    State.DISCONNECTED: "Disconnected",
}

_DURATION: Final = re.compile(r"\bfor \d+ s\b")  # the browser counts it on

PRE_MARKET: Final = "Pre-market contract: expect thin and wide markets"


class FeedStatus(TypedDict):
    """A panel's status line; the browser counts age and duration between two answers."""

    state: str  # a value of State
    word: str
    cause: str
    age_ms: int | None  # of the last trade
    latency: LatencyReport | None
    cursor: list[Any]  # equal cursors show equal words, but for what the browser counts


def feed_status(status: StreamStatus, latency: LatencyReport | None = None) -> FeedStatus:
    """The status line of one stream, and how late its figures reach the page."""
    # Latency figures change with each trade, and trades bring content: alone they are not news.
    latency_shown = None if latency is None else [latency["received"] is not None, latency["clock"]]
    return {
        "state": status.state.value,
        "word": WORDS[status.state],
        "cause": status.detail,
        "age_ms": status.age_ms,
        "latency": latency,
        "cursor": [status.state.value, _DURATION.sub("", status.detail), latency_shown],
    }


def disconnected(cause: str) -> FeedStatus:
    """The status line of a panel without a stream."""
    return feed_status(StreamStatus(State.DISCONNECTED, cause, None))


def venue_lines(hub: Hub) -> list[tuple[str, str, str]]:
    """(name, level, sentence) of each venue, and of a failing store.

    The level is ``ok``, ``simulated`` or ``down``.
    """
    lines = [_line(status) for status in hub.venues()]
    if detail := hub.history_detail():
        lines.append(("Store", "down", f"{detail}. Retrying."))
    return lines


def _line(status: VenueStatus) -> tuple[str, str, str]:
    name = venue_name(status.venue)
    if not status.reachable:
        return name, "down", f"{status.detail.rstrip('.') or 'no answer'}. Retrying."
    if status.venue is Venue.DEMO:
        return name, "simulated", "simulated market"
    return name, "ok", "reachable"


def venue_strip(lines: Sequence[tuple[str, str, str]]) -> list[Component]:
    """One line per venue: its name, whether it is reachable, and the cause if not."""
    return [
        html.Div(
            [
                html.Span(className="venue-dot"),
                html.Span(name, className="venue-name"),
                html.Span(sentence, className="venue-sentence", title=sentence),
            ],
            className=f"venue-line venue-{level}",
        )
        for name, level, sentence in lines
    ]


def venue_name(venue: Venue) -> str:
    """The venue's short name; a badge beside it says "simulated"."""
    return "Demo" if venue is Venue.DEMO else venue.label
