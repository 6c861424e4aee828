"""What the page says of a feed and of the venues, in words."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, TypedDict

from dash import html
from dash.development.base_component import Component

from ..feeds.feed import StreamStatus
from ..hub import VenueStatus
from ..market import State, Venue
from .number_text import age

WORDS: Final = {
    State.CONNECTING: "Connecting",
    State.LIVE: "Live",
    State.STALE: "Stale",
    State.REPAIRING: "Repairing",
    State.DISCONNECTED: "Disconnected",
}


class FeedStatus(TypedDict):
    """A panel's status light as the browser gets it once a second."""

    state: str  # a value of State
    word: str
    cause: str
    age: str  # of the last trade; empty where there was none


def feed_status(status: StreamStatus) -> FeedStatus:
    """The status light of one stream."""
    return {
        "state": status.state.value,
        "word": WORDS[status.state],
        "cause": status.detail,
        "age": "" if status.age_ms is None else f"{age(status.age_ms)} ago",
    }


def disconnected(cause: str) -> FeedStatus:
    """The status light of a stream that cannot be had at all."""
    return {"state": State.DISCONNECTED.value, "word": WORDS[State.DISCONNECTED], "cause": cause, "age": ""}


def venue_lines(venues: Sequence[VenueStatus]) -> list[tuple[str, str, str]]:
    """(venue, level, sentence) of each venue; level is ``ok``, ``simulated`` or ``down``."""
    lines = []
    for venue in venues:
        if not venue.reachable:
            cause = venue.detail.rstrip(".") or "no answer"
            lines.append((venue.venue.value, "down", f"{cause}. Retrying."))
        elif venue.venue is Venue.DEMO:
            lines.append((venue.venue.value, "simulated", "simulated market"))
        else:
            lines.append((venue.venue.value, "ok", "reachable"))
    return lines


def venue_strip(venues: Sequence[VenueStatus]) -> list[Component]:
    """One line a venue: its name, whether it can be reached, and if not, why."""
    return [
        html.Div(
            [
                html.Span(className="venue-dot"),
                html.Span(venue_name(Venue(venue)), className="venue-name"),
                html.Span(sentence, className="venue-sentence", title=sentence),
            ],
            className=f"venue-line venue-{level}",
        )
        for venue, level, sentence in venue_lines(venues)
    ]


def venue_name(venue: Venue) -> str:
    """The venue's short name; the word "simulated" stands beside it as a badge."""
    return "Demo" if venue is Venue.DEMO else venue.label
