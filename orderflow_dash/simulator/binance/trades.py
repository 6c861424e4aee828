"""Binance's trades over REST: aggregates, the newest single trades, and old ones by id."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from orderflow_dash.market import HOUR_MS
from orderflow_dash.simulator.binance.query import Route, listing_of, times_of
from orderflow_dash.simulator.market.contract import DAY_MS
from orderflow_dash.simulator.market.source import Fill, Listing, Market
from orderflow_dash.simulator.market.tape import Print
from orderflow_dash.simulator.rest import Refusal, Request

_RETURNED_KINDS = ("MARKET", "RPI")  # REST leaves out insurance fund and ADL trades


class BinanceTradeRoutes:
    """Answers from the tapes; returns nothing older than ``kept_ms``."""

    kept_ms = 2 * DAY_MS

    def __init__(self, market: Market, listings: Mapping[str, Listing]) -> None:
        self._market = market
        self._listings = listings
        self.routes: dict[str, Route] = {
            "/fapi/v1/aggTrades": self._aggregates,
            "/fapi/v1/trades": self._newest,
            "/fapi/v1/historicalTrades": self._historical,
        }

    def _aggregates(self, request: Request) -> tuple[object, int]:
        listing = listing_of(self._listings, request)
        limit = request.limit(500, 1000)
        from_id, (start, end) = request.integer("fromId"), times_of(request)
        tape = self._market.tape(listing)
        if from_id is not None and (start is not None or end is not None):
            raise Refusal(-1128, "Combination of optional parameters invalid.")
        if start is not None and end is not None and not 0 <= end - start < HOUR_MS:
            raise Refusal(-4166, "Search window is restricted to recent 1 hours only.")
        oldest = self._market.now() - self.kept_ms
        if from_id is not None:
            kept = tape.between(oldest, None, 1)
            found = tape.since_id(max(from_id, kept[0].id), limit) if kept else []
        elif start is not None:
            start = max(start, oldest)
            found = tape.between(start, start + HOUR_MS - 1 if end is None else end, limit)
        else:
            found = [trade for trade in tape.between(start, end, limit) if trade.time >= oldest]
        return [_aggregate_row(listing, trade) for trade in found], 20

    def _newest(self, request: Request) -> tuple[object, int]:
        listing = listing_of(self._listings, request)
        limit = request.limit(500, 1000)
        tape = self._market.tape(listing)
        found = self._fills(listing, tape.prints(len(tape) - limit, len(tape)))
        return [_fill_row(fill) for fill in found[-limit:]], 5

    def _historical(self, request: Request) -> tuple[object, int]:
        if not request.headers.get("X-MBX-APIKEY"):
            raise Refusal(-2014, "API-key format invalid.", status=401)
        listing = listing_of(self._listings, request)
        limit, from_id = request.limit(100, 500), request.integer("fromId")
        tape = self._market.tape(listing)
        if from_id is None:
            found = self._fills(listing, tape.prints(len(tape) - limit, len(tape)))[-limit:]
        else:
            fills = self._fills(listing, tape.since_match(from_id, limit))
            found = [fill for fill in fills if fill.id >= from_id][:limit]
        return [_fill_row(fill) for fill in found], 20

    def _fills(self, listing: Listing, trades: list[Print]) -> list[Fill]:
        fills = (fill for trade in trades for fill in self._market.fills(listing, trade))
        return [fill for fill in fills if fill.kind in _RETURNED_KINDS]


def _aggregate_row(listing: Listing, trade: Print) -> dict[str, Any]:
    return {
        "a": trade.id,
        "p": listing.price.text(trade.price),
        "q": listing.quantity.text(abs(trade.quantity)),
        "nq": listing.quantity.text(trade.without_rpi),
        "f": trade.first,
        "l": trade.last,
        "T": trade.time,
        "m": trade.quantity < 0,
    }


def _fill_row(fill: Fill) -> dict[str, Any]:
    return {
        "id": fill.id,
        "price": fill.price,
        "qty": fill.quantity,
        "quoteQty": f"{Decimal(fill.price) * Decimal(fill.quantity):f}",
        "time": fill.time,
        "isBuyerMaker": fill.sell,
        "isRPITrade": fill.kind == "RPI",
    }
