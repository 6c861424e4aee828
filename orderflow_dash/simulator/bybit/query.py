"""Parameters that Bybit's endpoints share."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from orderflow_dash.simulator.market.source import Listing
from orderflow_dash.simulator.rest import BadParameter, Refusal, Request

CATEGORIES = ("linear", "inverse", "spot", "option")

Route = Callable[[Request], object]
"""From a request to the ``result`` of the reply."""


def listing_of(listings: Mapping[str, Listing], request: Request) -> Listing:
    """The listing that a request names; ``Refusal`` if its category has none."""
    listing = listings.get(request.query.get("symbol", ""))
    if listing is None or request.query.get("category", "linear") != "linear":
        raise Refusal(10001, "params error: symbol invalid")
    return listing


def period_of(request: Request, name: str, periods: Mapping[str, int]) -> int:
    """The period that a parameter names, ms."""
    period = periods.get(request.query.get(name, ""))
    if period is None:
        raise Refusal(10001, f"params error: {name} invalid")
    return period


def offset_of(request: Request, prefix: str) -> int:
    """The number of rows on the pages before, from a cursor made by ``cursor_after``."""
    cursor = request.query.get("cursor", "").replace("%3D", "=")
    if not cursor:
        return 0
    name, _, number = cursor.partition("=")
    if name != prefix or not number.isdecimal():
        raise BadParameter("cursor")
    return int(number)


def cursor_after(prefix: str, offset: int, total: int) -> str:
    """The cursor of the page that starts at an offset; empty after the last page."""
    return f"{prefix}={offset:06d}" if offset < total else ""
