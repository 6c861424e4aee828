"""Binance's public REST of USD-M futures, answered from the tapes."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Any

from orderflow_dash.market import HOUR_MS, MINUTE_MS, Venue

from .binance_frames import day_texts, product_text
from .contract import DAY_MS
from .klines import candles
from .rest import BadParameter, Reply, Request, json_reply
from .source import Day, Listing, Market
from .tape import Candle, Print

WEIGHT_PER_MINUTE = 2_400
INTERVALS = {"1m": MINUTE_MS, "5m": 5 * MINUTE_MS, "15m": 15 * MINUTE_MS, "1h": HOUR_MS}


class BinanceRest:
    """``/fapi`` over a market. Counts request weight as the venue does."""

    def __init__(self, market: Market) -> None:
        self._market = market
        self._listings = {x.symbol: x for x in market.listings if Venue.BINANCE in x.venues}
        self._used: deque[tuple[float, int]] = deque()
        self._routes: dict[str, Callable[[Request], tuple[object, int]]] = {
            "/fapi/v1/ping": lambda _: ({}, 1),
            "/fapi/v1/time": lambda _: ({"serverTime": market.now()}, 1),
            "/fapi/v1/exchangeInfo": self._exchange_info,
            "/fapi/v1/aggTrades": self._agg_trades,
            "/fapi/v1/klines": self._klines,
            "/fapi/v1/ticker/24hr": self._ticker,
            "/fapi/v1/premiumIndex": self._premium_index,
            "/fapi/v1/openInterest": self._open_interest,
        }

    def answer(self, request: Request, now: float) -> Reply:
        """The reply to a request at ``now`` (seconds of any steady clock)."""
        route = self._routes.get(request.path)
        if route is None:
            return Reply(404, b"<html><body><h2>404 Not found</h2></body></html>", "text/html")
        weight, status, body = 1, 200, None
        try:
            body, weight = route(request)
        except Refusal as refusal:
            status, body = 400, {"code": refusal.code, "msg": refusal.text}
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

    def _listing(self, request: Request) -> Listing:
        symbol = request.query.get("symbol")
        if symbol is None:
            raise Refusal(-1102, "Mandatory parameter 'symbol' was not sent, was empty/null, or malformed.")
        listing = self._listings.get(symbol)
        if listing is None:
            raise Refusal(-1121, "Invalid symbol.")
        return listing

    def _exchange_info(self, _: Request) -> tuple[object, int]:
        rows = [_symbol_row(listing) for listing in self._listings.values()]
        if rows:
            # What an adapter must leave out: a dated contract, and perpetuals that do not trade.
            first = rows[0]
            rows.append(
                {
                    **first,
                    "symbol": f"{first['symbol']}_270326",
                    "contractType": "CURRENT_QUARTER",
                    "deliveryDate": 1,
                }
            )
            rows.append(
                {**first, "symbol": "OLDUSDT", "pair": "OLDUSDT", "baseAsset": "OLD", "status": "SETTLING"}
            )
            rows.append(
                {
                    **first,
                    "symbol": "SOONUSDT",
                    "pair": "SOONUSDT",
                    "baseAsset": "SOON",
                    "status": "PENDING_TRADING",
                }
            )
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
            "symbols": rows,
        }
        return body, 1

    def _agg_trades(self, request: Request) -> tuple[object, int]:
        listing = self._listing(request)
        limit = request.limit(500, 1000)
        from_id, start, end = (request.integer(name) for name in ("fromId", "startTime", "endTime"))
        tape = self._market.tape(listing)
        if from_id is not None and (start is not None or end is not None):
            raise Refusal(-1128, "Combination of optional parameters invalid.")
        if start is not None and end is not None and not 0 <= end - start < HOUR_MS:
            raise Refusal(-4166, "Search window is restricted to recent 1 hours only.")
        if from_id is not None:
            found = tape.since_id(from_id, limit)
        elif start is not None and end is None:
            found = tape.between(start, start + HOUR_MS - 1, limit)
        else:
            found = tape.between(start, end, limit)
        oldest = self._market.now() - 2 * DAY_MS
        return [_agg_row(listing, trade) for trade in found if trade.time >= oldest], 20

    def _klines(self, request: Request) -> tuple[object, int]:
        listing = self._listing(request)
        interval = INTERVALS.get(request.query.get("interval", ""))
        if interval is None:
            raise Refusal(-1120, "Invalid interval.")
        limit = request.limit(500, 1500)
        start, end = request.integer("startTime"), request.integer("endTime")
        found = candles(self._market, listing, interval, start, end, limit)
        weight = 1 if limit < 100 else 2 if limit < 500 else 5 if limit <= 1000 else 10
        return [_kline_row(listing, candle, interval) for candle in found], weight

    def _each(
        self, request: Request, row: Callable[[Listing, Day], dict[str, Any]], one: int, every: int
    ) -> tuple[object, int]:
        if "symbol" in request.query:
            listing = self._listing(request)
            day = self._market.day(listing)
            return (row(listing, day) if day else {}), one
        days = ((listing, self._market.day(listing)) for listing in self._listings.values())
        return [row(listing, day) for listing, day in days if day], every

    def _ticker(self, request: Request) -> tuple[object, int]:
        return self._each(request, self._ticker_row, 1, 40)

    def _ticker_row(self, listing: Listing, day: Day) -> dict[str, Any]:
        text, now = day_texts(listing, day), self._market.now()
        return {
            "symbol": listing.symbol,
            "priceChange": text["change"],
            "priceChangePercent": text["percent"],
            "weightedAvgPrice": text["average"],
            "lastPrice": text["last"],
            "lastQty": text["last_quantity"],
            "openPrice": text["open"],
            "highPrice": text["high"],
            "lowPrice": text["low"],
            "volume": text["volume"],
            "quoteVolume": text["turnover"],
            "openTime": now - DAY_MS,
            "closeTime": now,
            "firstId": 1,
            "lastId": day.trades,
            "count": day.trades,
        }

    def _premium_index(self, request: Request) -> tuple[object, int]:
        return self._each(request, self._premium_row, 1, 10)

    def _premium_row(self, listing: Listing, day: Day) -> dict[str, Any]:
        return {
            "symbol": listing.symbol,
            "markPrice": listing.price.text(day.mark),
            "indexPrice": listing.price.text(day.index),
            "estimatedSettlePrice": listing.price.text(day.index),
            "lastFundingRate": day.funding,
            "interestRate": "0.00010000",
            "nextFundingTime": day.next_funding,
            "time": self._market.now(),
        }

    def _open_interest(self, request: Request) -> tuple[object, int]:
        listing = self._listing(request)
        day = self._market.day(listing)
        lots = listing.quantity.text(day.open_interest if day else 0)
        return {"openInterest": lots, "symbol": listing.symbol, "time": self._market.now()}, 1


class Refusal(Exception):
    """A 400 with the venue's own code and text."""

    def __init__(self, code: int, text: str) -> None:
        super().__init__(text)
        self.code = code
        self.text = text


def _symbol_row(listing: Listing) -> dict[str, Any]:
    tick, lot = listing.price, listing.quantity
    return {
        "symbol": listing.symbol,
        "pair": listing.symbol,
        "contractType": "PERPETUAL",
        "deliveryDate": 4133404800000,
        "onboardDate": 1569398400000,
        "status": "TRADING",
        "baseAsset": listing.base,
        "quoteAsset": listing.quote,
        "marginAsset": listing.quote,
        # As on the venue, these count more digits than the tick and the lot have.
        "pricePrecision": tick.decimals + 1,
        "quantityPrecision": lot.decimals,
        "baseAssetPrecision": 8,
        "quotePrecision": 8,
        "underlyingType": "COIN",
        "underlyingSubType": [],
        "triggerProtect": "0.0500",
        "filters": [
            {
                "filterType": "PRICE_FILTER",
                "minPrice": tick.text(1),
                "maxPrice": tick.text(100_000_000),
                "tickSize": f"{tick.value:f}",
            },
            {
                "filterType": "LOT_SIZE",
                "minQty": lot.text(1),
                "maxQty": lot.text(1_000_000),
                "stepSize": f"{lot.value:f}",
            },
            {
                "filterType": "MARKET_LOT_SIZE",
                "minQty": lot.text(1),
                "maxQty": lot.text(120_000),
                "stepSize": f"{lot.value:f}",
            },
            {"filterType": "MIN_NOTIONAL", "notional": "5"},
        ],
        "orderTypes": ["LIMIT", "MARKET"],
        "timeInForce": ["GTC", "IOC", "FOK", "GTX"],
    }


def _agg_row(listing: Listing, trade: Print) -> dict[str, Any]:
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


def _kline_row(listing: Listing, candle: Candle, interval: int) -> list[Any]:
    price, quantity = listing.price, listing.quantity
    return [
        candle.start,
        price.text(candle.open),
        price.text(candle.high),
        price.text(candle.low),
        price.text(candle.close),
        quantity.text(candle.volume),
        candle.start + interval - 1,
        product_text(listing, candle.turnover),
        candle.matches,
        quantity.text(candle.buy_volume),
        product_text(listing, candle.buy_turnover),
        "0",
    ]
