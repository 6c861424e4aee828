"""Binance's figures of a contract over REST: tickers, mark price and funding, open interest, ratios."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any

from orderflow_dash.simulator.binance.frames import day_texts, product_text
from orderflow_dash.simulator.binance.query import Route, listing_of, period_of, times_of
from orderflow_dash.simulator.market.contract import DAY_MS, FUNDING_MS, rate_text
from orderflow_dash.simulator.market.day import Day
from orderflow_dash.simulator.market.klines import candles
from orderflow_dash.simulator.market.source import Listing, Market
from orderflow_dash.simulator.market.statistics import Share, fundings, interests, marks, shares
from orderflow_dash.simulator.rest import Refusal, Request

_SHARES = {
    "globalLongShortAccountRatio": "accounts",
    "topLongShortAccountRatio": "top accounts",
    "topLongShortPositionRatio": "top positions",
}


class BinanceStatisticsRoutes:
    """Answers from the tapes."""

    def __init__(self, market: Market, listings: Mapping[str, Listing]) -> None:
        self._market = market
        self._listings = listings
        self.routes: dict[str, Route] = {
            "/fapi/v1/ticker/24hr": lambda request: self._each(request, self._day_row, 1, 40),
            "/fapi/v1/ticker/price": lambda request: self._each(request, self._price_row, 1, 2),
            "/fapi/v2/ticker/price": lambda request: self._each(request, self._price_row, 1, 2),
            "/fapi/v1/premiumIndex": lambda request: self._each(request, self._premium_row, 1, 10),
            "/fapi/v1/openInterest": self._open_interest,
            "/fapi/v1/fundingRate": self._funding_rate,
            "/fapi/v1/fundingInfo": self._funding_info,
            "/futures/data/openInterestHist": self._open_interest_history,
            "/futures/data/takerlongshortRatio": self._taker_ratio,
            "/futures/data/basis": self._basis,
            **{f"/futures/data/{name}": self._shares(kind) for name, kind in _SHARES.items()},
        }

    def _each(
        self, request: Request, row: Callable[[Listing, Day], dict[str, Any]], one: int, every: int
    ) -> tuple[object, int]:
        if "symbol" in request.query:
            listing = listing_of(self._listings, request)
            day = self._market.day(listing)
            return (row(listing, day) if day else {}), one
        days = ((listing, self._market.day(listing)) for listing in self._listings.values())
        return [row(listing, day) for listing, day in days if day], every

    def _day_row(self, listing: Listing, day: Day) -> dict[str, Any]:
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

    def _price_row(self, listing: Listing, day: Day) -> dict[str, Any]:
        tape = self._market.tape(listing)
        time = tape.at(-1).time if len(tape) else self._market.now()
        return {"symbol": listing.symbol, "price": listing.price.text(day.last), "time": time}

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
        listing = listing_of(self._listings, request)
        day = self._market.day(listing)
        lots = listing.quantity.text(day.open_interest if day else 0)
        return {"openInterest": lots, "symbol": listing.symbol, "time": self._market.now()}, 1

    def _funding_rate(self, request: Request) -> tuple[object, int]:
        wanted = (
            [listing_of(self._listings, request)] if "symbol" in request.query else self._listings.values()
        )
        limit = request.limit(100, 1000)
        found = [
            (funding, listing)
            for listing in wanted
            for funding in fundings(self._market, listing, *times_of(request), limit)
        ]
        found.sort(key=lambda row: row[0].time)
        # The limit applies to all symbols together.
        kept = found[:limit] if "startTime" in request.query else found[-limit:]
        return [
            {
                "symbol": listing.symbol,
                "fundingTime": funding.time,
                "fundingRate": rate_text(funding.rate),
                "markPrice": "" if funding.mark is None else listing.price.text(funding.mark),
            }
            for funding, listing in kept
        ], 1

    def _funding_info(self, _: Request) -> tuple[object, int]:
        return [
            {
                "symbol": listing.symbol,
                "adjustedFundingRateCap": "0.00300000",
                "adjustedFundingRateFloor": "-0.00300000",
                "fundingIntervalHours": FUNDING_MS // 3_600_000,
                "disclaimer": False,
            }
            for listing in self._listings.values()
        ], 1

    def _open_interest_history(self, request: Request) -> tuple[object, int]:
        listing, period = listing_of(self._listings, request), period_of(request)
        found = interests(self._market, listing, period, *times_of(request), request.limit(30, 500))
        return [
            {
                "symbol": listing.symbol,
                "sumOpenInterest": listing.quantity.text(interest.lots),
                "sumOpenInterestValue": product_text(listing, interest.lots * interest.mark),
                "CMCCirculatingSupply": "0",
                "timestamp": interest.time,
            }
            for interest in found
        ], 0

    def _shares(self, kind: str) -> Route:
        def answer(request: Request) -> tuple[object, int]:
            listing, period = listing_of(self._listings, request), period_of(request)
            limit = request.limit(30, 500)
            found = shares(self._market, listing, kind, period, *times_of(request), limit)
            return [_share_row(listing.symbol, share) for share in found], 0

        return answer

    def _taker_ratio(self, request: Request) -> tuple[object, int]:
        listing, period = listing_of(self._listings, request), period_of(request)
        found = candles(self._market, listing, period, *times_of(request), request.limit(30, 500))
        rows = []
        for candle in found:
            sold = candle.volume - candle.buy_volume
            ratio = candle.buy_volume * 10_000 // sold if sold else 0
            rows.append(
                {
                    "buySellRatio": _ten_thousandths(ratio),
                    "sellVol": listing.quantity.text(sold),
                    "buyVol": listing.quantity.text(candle.buy_volume),
                    "timestamp": candle.start,
                }
            )
        return rows, 0

    def _basis(self, request: Request) -> tuple[object, int]:
        listing, period = listing_of(self._listings, request, "pair"), period_of(request)
        kind = request.query.get("contractType", "")
        if kind != "PERPETUAL":
            raise Refusal(-1130, "Data sent for parameter 'contractType' is not valid.")
        bounds = (*times_of(request), request.limit(30, 500))
        traded = candles(self._market, listing, period, *bounds)
        indexes = marks(self._market, listing, period, *bounds, index=True)
        return [
            {
                "indexPrice": listing.price.text(index.open),
                "contractType": kind,
                "basisRate": f"{Decimal(candle.open - index.open) / index.open:.4f}",
                "futuresPrice": listing.price.text(candle.open),
                "annualizedBasisRate": "",
                "basis": listing.price.text(candle.open - index.open),
                "pair": listing.symbol,
                "timestamp": candle.start,
            }
            for candle, index in zip(traded, indexes, strict=True)
        ], 0


def _share_row(symbol: str, share: Share) -> dict[str, Any]:
    short = 10_000 - share.long
    return {
        "symbol": symbol,
        "longAccount": _ten_thousandths(share.long),
        "longShortRatio": _ten_thousandths(share.long * 10_000 // short),
        "shortAccount": _ten_thousandths(short),
        "timestamp": share.time,
    }


def _ten_thousandths(value: int) -> str:
    return f"{value // 10_000}.{value % 10_000:04d}"
