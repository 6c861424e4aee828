"""How old figures are when they reach the page: what the server knows of it, and where the page shows it.

The server tells, with each poll of a panel, how late trades reached it and how old the newest trade was in
each delta that it sent. The browser (``assets/js/panel/latency.mjs``) knows when those deltas came, and by
the answers' ``Server-Timing`` how far its clock is off; so it alone can tell the age at which figures arrive.
"""

from __future__ import annotations

import time
from typing import Any, Final, TypedDict

from dash import html
from dash.development.base_component import Component

from orderflow_dash.live.view import View

_SENT_MS: Final = 2_500  # two polls, should one be late

# Part of a trade's way, and what the page calls it.
STATIONS: Final = {
    "received": "received by the server",
    "sent": "sent to this page",
    "here": "here, in this browser",
}


class LatencyTold(TypedDict):
    """What the server knows of one panel's latency. Times in ms; None for what is not known."""

    venue: str
    series: str  # exchange, symbol and timeframe (ms): what deltas on the socket are told apart by
    received: list[int] | None  # median and 99th percentile of the last minute
    clock: list[int] | None  # the venue's clock less the server's, and how far that may be off
    sent: list[list[int]]  # of each of the newest deltas its ``server_ts``, and the age of its newest trade


def latency_told(view: View) -> LatencyTold | None:
    """None where trades have no age: recorded ones, and those of a market that runs faster than life."""
    timeliness = view.timeliness()
    if timeliness is None:
        return None
    lag, clock, key = timeliness.lag, timeliness.clock, view.key
    return {
        "venue": key.venue.label,
        "series": f"{key.venue} {key.symbol} {key.timeframe.ms}",
        "received": None if lag is None else [lag.p50_ms, lag.p99_ms],
        "clock": None if clock is None else list(clock),
        "sent": [list(each) for each in view.sent(int(time.time() * 1000) - _SENT_MS)],
    }


def latency_place() -> Component:
    """A place in a panel's status line, which the browser fills; its details open on hover and focus."""
    return html.Span(
        [
            html.Button(
                className="latency-button",
                type="button",
                **{"aria-label": "Latency: age of the newest trade when it came"},  # type: ignore[arg-type]
            ),
            html.Div(
                [
                    html.Div("Age of the newest trade, last minute", className="latency-title"),
                    html.Table(
                        [
                            html.Thead(html.Tr([html.Th("when it was"), html.Th("median"), html.Th("p99")])),
                            html.Tbody([_station(name, words) for name, words in STATIONS.items()]),
                        ]
                    ),
                    html.P(**_part("venue-clock")),
                    html.P(**_part("browser-clock")),
                ],
                className="latency-details",
                role="tooltip",
            ),
        ],
        className="feed-latency",
        hidden=True,
    )


def _station(name: str, words: str) -> Component:
    return html.Tr([html.Td(words), html.Td(**_part(f"{name}-p50")), html.Td(**_part(f"{name}-p99"))])


def _part(name: str) -> dict[str, Any]:
    return {"data-latency": name}
