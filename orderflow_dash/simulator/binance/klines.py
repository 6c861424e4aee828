"""Binance's candles over REST: of trades, of a pair's contract, and of prices that are not traded."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from orderflow_dash.market import MINUTE_MS
from orderflow_dash.simulator.binance.frames import product_text
from orderflow_dash.simulator.binance.query import Route, interval_of, listing_of, times_of
from orderflow_dash.simulator.market.contract import rate_text
from orderflow_dash.simulator.market.klines import candles
from orderflow_dash.simulator.market.source import Listing, Market
from orderflow_dash.simulator.market.statistics import Prices, marks, premiums
from orderflow_dash.simulator.market.tape import TapeCandle
from orderflow_dash.simulator.rest import Refusal, Request

_CONTRACT_TYPES = ("PERPETUAL", "CURRENT_QUARTER", "NEXT_QUARTER", "TRADIFI_PERPETUAL")


class BinanceKlineRoutes:
    """Answers from the tapes."""

    def __init__(self, market: Market, listings: Mapping[str, Listing]) -> None:
        self._market = market
        self._listings = listings
        self.routes: dict[str, Route] = {
            "/fapi/v1/klines": lambda request: self._traded(request, "symbol"),
            "/fapi/v1/continuousKlines": self._continuous,
            "/fapi/v1/markPriceKlines": lambda request: self._marks(request, "symbol", index=False),
            "/fapi/v1/indexPriceKlines": lambda request: self._marks(request, "pair", index=True),
            "/fapi/v1/premiumIndexKlines": self._premiums,
        }

    def _traded(self, request: Request, name: str) -> tuple[object, int]:
        listing, interval = listing_of(self._listings, request, name), interval_of(request)
        limit = request.limit(500, 1500)
        found = candles(self._market, listing, interval, *times_of(request), limit)
        return [_row(listing, candle, interval) for candle in found], _weight(limit)

    def _continuous(self, request: Request) -> tuple[object, int]:
        listing_of(self._listings, request, "pair")
        kind = request.query.get("contractType", "")
        if kind not in _CONTRACT_TYPES:
            raise Refusal(
                -1102, "Mandatory parameter 'contractType' was not sent, was empty/null, or malformed."
            )
        rows, weight = self._traded(request, "pair")
        return (rows if kind == "PERPETUAL" else []), weight

    def _marks(self, request: Request, name: str, *, index: bool) -> tuple[object, int]:
        listing, interval = listing_of(self._listings, request, name), interval_of(request)
        limit = request.limit(500, 1500)
        found = marks(self._market, listing, interval, *times_of(request), limit, index=index)
        return [_price_row(prices, interval, listing.price.text) for prices in found], _weight(limit)

    def _premiums(self, request: Request) -> tuple[object, int]:
        listing, interval = listing_of(self._listings, request), interval_of(request)
        limit = request.limit(500, 1500)
        found = premiums(self._market, listing, interval, *times_of(request), limit)
        return [_price_row(prices, interval, rate_text) for prices in found], _weight(limit)


def _weight(limit: int) -> int:
    return 1 if limit < 100 else 2 if limit < 500 else 5 if limit <= 1000 else 10


def _row(listing: Listing, candle: TapeCandle, interval: int) -> list[Any]:
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


def _price_row(prices: Prices, interval: int, text: Callable[[int], str]) -> list[Any]:
    # The venue sends zeros in the other columns, except for the number of seconds.
    return [
        prices.start,
        *map(text, prices[1:]),
        "0",
        prices.start + interval - 1,
        "0",
        60 * interval // MINUTE_MS,
        "0",
        "0",
        "0",
    ]
