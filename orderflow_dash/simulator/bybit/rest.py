"""Bybit's public v5 REST of linear contracts, answered from the tapes."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from orderflow_dash.market import Venue
from orderflow_dash.simulator.bybit.instruments import instrument_rows
from orderflow_dash.simulator.bybit.klines import BybitKlineRoutes
from orderflow_dash.simulator.bybit.query import CATEGORIES, Route, cursor_after, listing_of, offset_of
from orderflow_dash.simulator.bybit.statistics import BybitStatisticsRoutes
from orderflow_dash.simulator.market.source import BybitTrade, Market, VenueListings
from orderflow_dash.simulator.rest import BadParameter, Refusal, Reply, Request, json_reply

_WITHOUT_CATEGORY = ("/v5/market/time", "/v5/system/status")


class BybitRest:
    """``/v5/market`` over a market."""

    def __init__(self, market: Market) -> None:
        self._market = market
        self._listings = VenueListings(market, Venue.BYBIT)
        self._routes: dict[str, Route] = {
            "/v5/market/time": self._time,
            "/v5/system/status": lambda _: {"list": []},  # no maintenance
            "/v5/market/instruments-info": self._instruments,
            "/v5/market/recent-trade": self._recent_trade,
            **BybitKlineRoutes(market, self._listings).routes,
            **BybitStatisticsRoutes(market, self._listings).routes,
        }

    @property
    def paths(self) -> Iterable[str]:
        """Every path that it answers."""
        return self._routes

    def answer(self, request: Request) -> Reply:
        """The reply to a request; a refusal is HTTP 200 with a retCode, as on the venue."""
        route = self._routes.get(request.path)
        if route is None:
            return Reply(404, b"404 page not found", "text/plain")
        try:
            self._check_category(request)
            code, text, result = 0, "OK", route(request)
        except Refusal as refusal:
            code, text, result = refusal.code, refusal.text, {}
        except BadParameter as error:
            code, text, result = 10001, f"params error: {error} invalid", {}
        body = {
            "retCode": code,
            "retMsg": text,
            "result": result,
            "retExtInfo": {},
            "time": self._market.now(),
        }
        return json_reply(body)

    def _check_category(self, request: Request) -> None:
        """Rejects an unknown category; without one, candles are those of linear contracts."""
        optional = request.path in _WITHOUT_CATEGORY or request.path.endswith("kline")
        if request.query.get("category", "linear" if optional else "") not in CATEGORIES:
            raise Refusal(10001, "params error: Category is invalid")

    def _time(self, _: Request) -> object:
        now = self._market.now()
        return {"timeSecond": str(now // 1000), "timeNano": str(now * 1_000_000)}

    def _instruments(self, request: Request) -> object:
        category = request.query["category"]
        if category != "linear":
            return {"category": category, "list": [], "nextPageCursor": ""}
        rows = instrument_rows(self._listings.values(), self._market.now())
        wanted = {
            name: request.query[name] for name in ("status", "symbol", "baseCoin") if name in request.query
        }
        if not {"status", "symbol"} & wanted.keys():
            wanted["status"] = "Trading"
        rows = [row for row in rows if all(row[name] == value for name, value in wanted.items())]
        limit, at = request.limit(500, 1000), offset_of(request, "first")
        following = cursor_after("first", at + limit, len(rows))
        return {"category": category, "list": rows[at : at + limit], "nextPageCursor": following}

    def _recent_trade(self, request: Request) -> object:
        listing = listing_of(self._listings, request)
        limit = request.limit(500, 1000)
        tape = self._market.tape(listing)
        trades: list[BybitTrade] = []
        for trade in tape.prints(len(tape) - limit, len(tape)):
            trades.extend(self._market.bybit_trades(listing, trade))
        newest = trades[-limit:][::-1]
        return {"category": "linear", "list": [_trade_row(listing.symbol, trade) for trade in newest]}


def _trade_row(symbol: str, trade: BybitTrade) -> dict[str, Any]:
    return {
        "execId": trade.id,
        "symbol": symbol,
        "price": trade.price,
        "size": trade.quantity,
        "side": "Sell" if trade.sell else "Buy",
        "time": str(trade.time),
        "isBlockTrade": trade.block,
        "isRPITrade": trade.rpi,
        "seq": str(trade.seq),
    }
