"""Bybit's figures of a contract over REST: tickers, funding, open interest, the ratio of accounts."""

from __future__ import annotations

from collections.abc import Mapping

from orderflow_dash.simulator.bybit.frames import ticker
from orderflow_dash.simulator.bybit.query import Route, cursor_after, listing_of, offset_of, period_of
from orderflow_dash.simulator.market.contract import rate_text
from orderflow_dash.simulator.market.intervals import BYBIT_PERIODS
from orderflow_dash.simulator.market.source import Listing, Market
from orderflow_dash.simulator.market.statistics import fundings, interests, shares
from orderflow_dash.simulator.rest import Refusal, Request


class BybitStatisticsRoutes:
    """Answers from the tapes."""

    def __init__(self, market: Market, listings: Mapping[str, Listing]) -> None:
        self._market = market
        self._listings = listings
        self.routes: dict[str, Route] = {
            "/v5/market/tickers": self._tickers,
            "/v5/market/funding/history": self._funding_history,
            "/v5/market/open-interest": self._open_interest,
            "/v5/market/account-ratio": self._account_ratio,
        }

    def _tickers(self, request: Request) -> object:
        category = request.query.get("category")
        wanted: list[Listing] = []
        if "symbol" in request.query:
            wanted = [listing_of(self._listings, request)]
        elif category == "linear":
            base = request.query.get("baseCoin")
            wanted = [listing for listing in self._listings.values() if base in (None, listing.base)]
        days = ((listing, self._market.day(listing)) for listing in wanted)
        return {"category": category, "list": [ticker(listing, day) for listing, day in days if day]}

    def _funding_history(self, request: Request) -> object:
        listing = listing_of(self._listings, request)
        start, end = request.integer("startTime"), request.integer("endTime")
        if start is not None and end is None:
            raise Refusal(10001, "params error: endTime is required with startTime")
        found = fundings(self._market, listing, start, end, request.limit(200, 200))
        rows = [
            {
                "symbol": listing.symbol,
                "fundingRate": rate_text(funding.rate),
                "fundingRateTimestamp": str(funding.time),
            }
            for funding in reversed(found)
        ]
        return {"category": "linear", "list": rows}

    def _open_interest(self, request: Request) -> object:
        listing = listing_of(self._listings, request)
        period = period_of(request, "intervalTime", BYBIT_PERIODS)
        limit, offset = request.limit(50, 200), offset_of(request, "lastid")
        start, end = request.integer("startTime"), request.integer("endTime")
        # One row more than the page shows whether another page follows.
        most = offset + limit + 1
        found = interests(self._market, listing, period, start, end or self._market.now(), most)[::-1]
        rows = [
            # The venue counts both sides here.
            {"openInterest": listing.quantity.text(2 * interest.lots), "timestamp": str(interest.time)}
            for interest in found[offset : offset + limit]
        ]
        following = cursor_after("lastid", offset + limit, len(found))
        return {"symbol": listing.symbol, "category": "linear", "list": rows, "nextPageCursor": following}

    def _account_ratio(self, request: Request) -> object:
        listing = listing_of(self._listings, request)
        period = period_of(request, "period", BYBIT_PERIODS)
        limit, offset = request.limit(50, 500), offset_of(request, "lastid")
        start, end = request.integer("startTime"), request.integer("endTime")
        end, most = end or self._market.now(), offset + limit + 1
        found = list(shares(self._market, listing, "accounts", period, start, end, most))[::-1]
        rows = [
            {
                "symbol": listing.symbol,
                "buyRatio": f"0.{share.long:04d}",
                "sellRatio": f"0.{10_000 - share.long:04d}",
                "timestamp": str(share.time),
            }
            for share in found[offset : offset + limit]
        ]
        return {"list": rows, "nextPageCursor": cursor_after("lastid", offset + limit, len(found))}
