"""Bybit's public v5 REST of linear contracts, answered from the tapes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from orderflow_dash.market import HOUR_MS, MINUTE_MS, Venue

from .binance_frames import product_text
from .bybit_frames import ticker
from .klines import candles
from .rest import BadParameter, Reply, Request, json_reply
from .source import BybitTrade, Listing, Market

_INTERVALS = {"1": MINUTE_MS, "5": 5 * MINUTE_MS, "15": 15 * MINUTE_MS, "60": HOUR_MS}
_INTEREST_INTERVALS = {"5min": 5 * MINUTE_MS, "15min": 15 * MINUTE_MS, "30min": 30 * MINUTE_MS, "1h": HOUR_MS}


class BybitRest:
    """``/v5/market`` over a market."""

    def __init__(self, market: Market) -> None:
        self._market = market
        self._listings = {x.symbol: x for x in market.listings if Venue.BYBIT in x.venues}
        self._routes: dict[str, Callable[[Request], object]] = {
            "/v5/market/time": self._time,
            "/v5/market/instruments-info": self._instruments,
            "/v5/market/tickers": self._tickers,
            "/v5/market/recent-trade": self._recent_trade,
            "/v5/market/kline": self._kline,
            "/v5/market/open-interest": self._open_interest,
        }

    def answer(self, request: Request) -> Reply:
        """The reply to a request; a refusal is HTTP 200 with a retCode, as on the venue."""
        route = self._routes.get(request.path)
        if route is None:
            return Reply(404, b"404 page not found", "text/plain")
        try:
            if request.path != "/v5/market/time" and request.query.get("category") != "linear":
                raise Refusal(10001, "params error: Category is invalid")
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

    def _listing(self, request: Request) -> Listing:
        listing = self._listings.get(request.query.get("symbol", ""))
        if listing is None:
            raise Refusal(10001, "params error: symbol invalid")
        return listing

    def _time(self, _: Request) -> object:
        now = self._market.now()
        return {"timeSecond": str(now // 1000), "timeNano": str(now * 1_000_000)}

    def _instruments(self, request: Request) -> object:
        rows = [_instrument_row(listing) for listing in self._listings.values()]
        if rows:
            # What an adapter must leave out: a dated contract, and a perpetual that does not trade.
            first = rows[0]
            rows.insert(
                1, {**first, "symbol": f"{first['baseCoin']}-26MAR27", "contractType": "LinearFutures"}
            )
            rows.append({**first, "symbol": "SOONUSDT", "baseCoin": "SOON", "status": "PreLaunch"})
        for name, wanted in (
            ("status", request.query.get("status")),
            ("symbol", request.query.get("symbol")),
        ):
            rows = [row for row in rows if wanted is None or row[name] == wanted]
        limit = request.limit(500, 1000)
        cursor = request.query.get("cursor", "")
        if cursor and not cursor.startswith("first%3D") and not cursor.startswith("first="):
            raise Refusal(10001, "params error: cursor invalid")
        at = int(cursor[-6:]) if cursor else 0
        following = f"first={at + limit:06d}" if at + limit < len(rows) else ""
        return {"category": "linear", "list": rows[at : at + limit], "nextPageCursor": following}

    def _tickers(self, request: Request) -> object:
        listings = [self._listing(request)] if "symbol" in request.query else list(self._listings.values())
        days = ((listing, self._market.day(listing)) for listing in listings)
        return {"category": "linear", "list": [ticker(listing, day) for listing, day in days if day]}

    def _recent_trade(self, request: Request) -> object:
        listing = self._listing(request)
        limit = request.limit(500, 1000)
        tape = self._market.tape(listing)
        trades: list[BybitTrade] = []
        for trade in tape.prints(len(tape) - limit, len(tape)):
            trades.extend(self._market.bybit_trades(listing, trade))
        newest = trades[-limit:][::-1]
        return {"category": "linear", "list": [_trade_row(listing.symbol, trade) for trade in newest]}

    def _kline(self, request: Request) -> object:
        listing = self._listing(request)
        interval = _INTERVALS.get(request.query.get("interval", ""))
        if interval is None:
            raise Refusal(10001, "params error: Invalid period!")
        limit = request.limit(200, 1000)
        start, end = request.integer("start"), request.integer("end")
        # With both bounds the venue keeps the newest rows of the range.
        found = candles(self._market, listing, interval, None, end, limit)
        rows = [
            [
                str(candle.start),
                *(listing.price.text(p) for p in candle[1:5]),
                listing.quantity.text(candle.volume),
                product_text(listing, candle.turnover),
            ]
            for candle in reversed(found)
            if start is None or candle.start >= start
        ]
        return {"category": "linear", "symbol": listing.symbol, "list": rows}

    def _open_interest(self, request: Request) -> object:
        listing = self._listing(request)
        interval = _INTEREST_INTERVALS.get(request.query.get("intervalTime", ""))
        if interval is None:
            raise Refusal(10001, "params error: intervalTime invalid")
        day = self._market.day(listing)
        now = self._market.now()
        # Only the present value is known: one row, at the interval that it belongs to.
        row = {
            "openInterest": listing.quantity.text(2 * day.open_interest if day else 0),
            "timestamp": str(now - now % interval),
        }
        return {"category": "linear", "symbol": listing.symbol, "list": [row], "nextPageCursor": ""}


class Refusal(Exception):
    """A retCode other than 0 with its text."""

    def __init__(self, code: int, text: str) -> None:
        super().__init__(text)
        self.code = code
        self.text = text


def _instrument_row(listing: Listing) -> dict[str, Any]:
    tick, lot = listing.price, listing.quantity
    return {
        "symbol": listing.symbol,
        "contractType": "LinearPerpetual",
        "status": "Trading",
        "baseCoin": listing.base,
        "quoteCoin": listing.quote,
        "launchTime": "1584230400000",
        "deliveryTime": "0",
        "deliveryFeeRate": "",
        "priceScale": str(tick.decimals),
        "leverageFilter": {"minLeverage": "1", "maxLeverage": "50.00", "leverageStep": "0.01"},
        "priceFilter": {
            "minPrice": tick.text(1),
            "maxPrice": tick.text(100_000_000),
            "tickSize": f"{tick.value:f}",
        },
        "lotSizeFilter": {
            "maxOrderQty": lot.text(1_000_000),
            "minOrderQty": lot.text(1),
            "qtyStep": f"{lot.value:f}",
            "minNotionalValue": "5",
        },
        "unifiedMarginTrade": True,
        "fundingInterval": 480,
        "settleCoin": listing.quote,
        "symbolType": "",
        "isPreListing": False,
    }


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
