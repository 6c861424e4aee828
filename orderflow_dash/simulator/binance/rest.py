"""Binance's public REST of USD-M futures, answered from the tapes."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable

from orderflow_dash.market import Venue
from orderflow_dash.simulator.binance.instruments import symbol_rows
from orderflow_dash.simulator.binance.klines import BinanceKlineRoutes
from orderflow_dash.simulator.binance.query import Route
from orderflow_dash.simulator.binance.statistics import BinanceStatisticsRoutes
from orderflow_dash.simulator.binance.trades import BinanceTradeRoutes
from orderflow_dash.simulator.market.source import Market, VenueListings
from orderflow_dash.simulator.rest import BadParameter, Refusal, Reply, Request, json_reply

WEIGHT_PER_MINUTE = 2_400


class BinanceRest:
    """``/fapi`` and ``/futures/data`` over a market. Counts request weight as the venue does."""

    def __init__(self, market: Market) -> None:
        self._market = market
        self._listings = VenueListings(market, Venue.BINANCE)
        self._used: deque[tuple[float, int]] = deque()
        self._routes: dict[str, Route] = {
            "/fapi/v1/ping": lambda _: ({}, 1),
            "/fapi/v1/time": lambda _: ({"serverTime": market.now()}, 1),
            "/fapi/v1/exchangeInfo": self._exchange_info,
            "/sapi/v1/system/status": lambda _: ({"status": 0, "msg": "normal"}, 1),
            **BinanceTradeRoutes(market, self._listings).routes,
            **BinanceKlineRoutes(market, self._listings).routes,
            **BinanceStatisticsRoutes(market, self._listings).routes,
        }

    @property
    def paths(self) -> Iterable[str]:
        """Every path that it answers."""
        return self._routes

    def answer(self, request: Request, now: float) -> Reply:
        """The reply to a request at ``now`` (seconds of any steady clock)."""
        route = self._routes.get(request.path)
        if route is None:
            return Reply(404, b"<html><body><h2>404 Not found</h2></body></html>", "text/html")
        weight, status, body = 1, 200, None
        try:
            body, weight = route(request)
        except Refusal as refusal:
            status, body = refusal.status, {"code": refusal.code, "msg": refusal.text}
        except BadParameter as error:
            status, body = 400, {"code": -1130, "msg": f"Data sent for parameter '{error}' is not valid."}
        used = self._spend(weight, now)
        headers = {"X-MBX-USED-WEIGHT-1M": str(used)}
        if used > WEIGHT_PER_MINUTE:
            headers["Retry-After"] = "60"
            return json_reply({"code": -1003, "msg": "Too many requests."}, 429, headers)
        return json_reply(body, status, headers)

    def _spend(self, weight: int, now: float) -> int:
        self._used.append((now, weight))
        while self._used[0][0] <= now - 60:
            self._used.popleft()
        return sum(spent for _, spent in self._used)

    def _exchange_info(self, _: Request) -> tuple[object, int]:
        limits = [
            {
                "rateLimitType": "REQUEST_WEIGHT",
                "interval": "MINUTE",
                "intervalNum": 1,
                "limit": WEIGHT_PER_MINUTE,
            }
        ]
        body = {
            "timezone": "UTC",
            "serverTime": self._market.now(),
            "futuresType": "U_MARGINED",
            "rateLimits": limits,
            "exchangeFilters": [],
            "assets": [{"asset": "USDT", "marginAvailable": True, "autoAssetExchange": "-10000"}],
            "symbols": symbol_rows(self._listings.values(), self._market.now()),
        }
        return body, 1
