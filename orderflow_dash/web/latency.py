"""Latency from the exchange to the page: the server's part, and the badge that shows it.

With each poll of a panel the server returns how late trades reached it, and the age of the newest trade in
each delta that it sent. The browser (``assets/js/panel/latency.mjs``) measures when those deltas arrive
and, by ``Server-Timing``, the offset of its clock; so only the browser can compute the age on arrival.
"""

from __future__ import annotations

import time
from typing import Any, Final, TypedDict

from dash import html
from dash.development.base_component import Component

from orderflow_dash.live.view import View

_SENT_MS: Final = 2_500  # two polls, in case one is late

# Stage of a trade, and its label.
STAGES: Final = {
    "received": "received by the server",
    "sent": "sent to this page",
    "here": "received by this browser",
}


class LatencyReport(TypedDict):
    """The server's part of a panel's latency. Times in ms; None if unknown."""

    venue: str
    series: str  # exchange, symbol and timeframe (ms), which identify deltas on the socket
    received: list[int] | None  # median and 99th percentile of the last minute
    clock: list[int] | None  # the venue's clock minus the server's, and its uncertainty
    sent: list[list[int]]  # ``server_ts`` and age of the newest trade, for each of the newest deltas


def latency_report(view: View) -> LatencyReport | None:
    """None for recorded trades and an accelerated market, whose trades have no age."""
    timeliness = view.timeliness()
    if timeliness is None:
        return None
    lag, clock, key = timeliness.lag, timeliness.clock, view.key
    return {
        "venue": key.venue.label,
        "series": f"{key.venue} {key.symbol} {key.timeframe.ms}",
        "received": None if lag is None else [lag.p50_ms, lag.p99_ms],
        "clock": None if clock is None else list(clock),
        "sent": [list(each) for each in view.sent_since(int(time.time() * 1000) - _SENT_MS)],
    }


def latency_badge() -> Component:
    """The badge in a panel's status line, filled by the browser; its details open on hover and focus."""
    return html.Span(
        [
            html.Button(
                className="latency-button",
                type="button",
                **{"aria-label": "Latency: age of the newest trade on arrival"},  # type: ignore[arg-type]
            ),
            html.Div(
                [
                    html.Div("Age of the newest trade, last minute", className="latency-title"),
                    html.Table(
                        [
                            html.Thead(html.Tr([html.Th("stage"), html.Th("median"), html.Th("p99")])),
                            html.Tbody([_stage(name, words) for name, words in STAGES.items()]),
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


def _stage(name: str, words: str) -> Component:
    return html.Tr([html.Td(words), html.Td(**_part(f"{name}-p50")), html.Td(**_part(f"{name}-p99"))])


def _part(name: str) -> dict[str, Any]:
    return {"data-latency": name}
