"""Bybit's candles over REST: of trades, of the mark, index and premium prices. Newest first, as text."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import TypeVar

from orderflow_dash.simulator.binance.frames import product_text
from orderflow_dash.simulator.bybit.query import Route, listing_of
from orderflow_dash.simulator.market.contract import rate_text
from orderflow_dash.simulator.market.intervals import BYBIT_KLINES
from orderflow_dash.simulator.market.klines import candles
from orderflow_dash.simulator.market.source import Listing, Market
from orderflow_dash.simulator.market.statistics import Prices, marks, premiums
from orderflow_dash.simulator.market.tape import TapeCandle
from orderflow_dash.simulator.rest import Refusal, Request

Bounds = tuple[int | None, int | None, int]
"""Start and end, ms, and the limit."""

Row = TypeVar("Row", TapeCandle, Prices)


class BybitKlineRoutes:
    """Answers from the tapes."""

    def __init__(self, market: Market, listings: Mapping[str, Listing]) -> None:
        self._market = market
        self._listings = listings
        self.routes: dict[str, Route] = {
            "/v5/market/kline": self._traded,
            "/v5/market/mark-price-kline": lambda request: self._marks(request, index=False),
            "/v5/market/index-price-kline": lambda request: self._marks(request, index=True),
            "/v5/market/premium-index-price-kline": self._premiums,
        }

    def _traded(self, request: Request) -> object:
        listing, interval, bounds = self._asked(request)
        price = listing.price
        rows = [
            [
                str(candle.start),
                *(price.text(units) for units in candle[1:5]),
                listing.quantity.text(candle.volume),
                product_text(listing, candle.turnover),
            ]
            for candle in within(bounds, partial(candles, self._market, listing, interval))
        ]
        return _result(request, listing, rows)

    def _marks(self, request: Request, *, index: bool) -> object:
        listing, interval, bounds = self._asked(request)
        found = within(bounds, partial(marks, self._market, listing, interval, index=index))
        return _result(request, listing, [_price_row(prices, listing.price.text) for prices in found])

    def _premiums(self, request: Request) -> object:
        listing, interval, bounds = self._asked(request)
        found = within(bounds, partial(premiums, self._market, listing, interval))
        return _result(request, listing, [_price_row(prices, rate_text) for prices in found])

    def _asked(self, request: Request) -> tuple[Listing, int, Bounds]:
        listing = listing_of(self._listings, request)
        interval = BYBIT_KLINES.get(request.query.get("interval", ""))
        if interval is None:
            raise Refusal(10001, "params error: Invalid period!")
        limit = request.limit(200, 1000)
        return listing, interval, (request.integer("start"), request.integer("end"), limit)


def within(bounds: Bounds, find: Callable[[int | None, int | None, int], list[Row]]) -> list[Row]:
    """Rows newest first: the oldest ``limit`` from a start alone, else the newest up to the end."""
    start, end, limit = bounds
    if start is not None and end is None:
        found = find(start, None, limit)
    else:
        found = [row for row in find(None, end, limit) if start is None or row.start >= start]
    return found[::-1]


def _price_row(prices: Prices, text: Callable[[int], str]) -> list[str]:
    return [str(prices.start), *map(text, prices[1:])]


def _result(request: Request, listing: Listing, rows: list[list[str]]) -> object:
    return {"symbol": listing.symbol, "category": request.query.get("category", "linear"), "list": rows}
