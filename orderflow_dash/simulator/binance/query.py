"""Parameters that Binance's endpoints share."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from orderflow_dash.simulator.market.intervals import BINANCE_KLINES, BINANCE_PERIODS
from orderflow_dash.simulator.market.source import Listing
from orderflow_dash.simulator.rest import Refusal, Request

Route = Callable[[Request], tuple[object, int]]
"""From a request to the body of the reply and the request's weight."""


def listing_of(listings: Mapping[str, Listing], request: Request, name: str = "symbol") -> Listing:
    """The listing that a parameter names; ``Refusal`` if missing or unknown."""
    symbol = request.query.get(name)
    if not symbol:
        raise Refusal(-1102, f"Mandatory parameter '{name}' was not sent, was empty/null, or malformed.")
    listing = listings.get(symbol)
    if listing is None:
        raise Refusal(-1121, "Invalid symbol.")
    return listing


def interval_of(request: Request) -> int:
    """The candle interval that a request names, ms."""
    interval = BINANCE_KLINES.get(request.query.get("interval", ""))
    if interval is None:
        raise Refusal(-1120, "Invalid interval.")
    return interval


def period_of(request: Request) -> int:
    """The period of statistics that a request names, ms."""
    period = BINANCE_PERIODS.get(request.query.get("period", ""))
    if period is None:
        raise Refusal(-1130, "Data sent for parameter 'period' is not valid.")
    return period


def times_of(request: Request) -> tuple[int | None, int | None]:
    """The bounds ``startTime`` and ``endTime``, ms."""
    return request.integer("startTime"), request.integer("endTime")
