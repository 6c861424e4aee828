"""Bybit's contracts: the rows of ``instruments-info``."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from orderflow_dash.simulator.market.delivery import next_delivery
from orderflow_dash.simulator.market.source import Listing, Status

STATUS = {
    Status.PENDING: "PreLaunch",
    Status.PRE_MARKET: "PreLaunch",
    Status.TRADING: "Trading",
    Status.SETTLING: "Delivering",
    Status.CLOSED: "Closed",
}


def instrument_rows(listings: Iterable[Listing], now: int) -> list[dict[str, Any]]:
    """A row of each listing, and rows that an adapter must ignore.

    That is a dated contract, and a perpetual that does not trade yet.
    """
    rows = [_instrument_row(listing) for listing in listings]
    if rows:
        first, delivery = rows[0], next_delivery(now)
        dated = {
            **first,
            "symbol": f"{first['symbol']}-{f'{delivery:%d%b%y}'.upper()}",
            "contractType": "LinearFutures",
            "status": "Trading",
            "deliveryTime": str(int(delivery.timestamp() * 1000)),
            "deliveryFeeRate": "0.0005",
            "fundingInterval": 0,
        }
        rows.insert(1, dated)
        soon = {"symbol": "SOONUSDT", "baseCoin": "SOON"}
        rows.append({**first, **soon, **_status_fields(Status.PENDING)})
    return rows


def _status_fields(status: Status) -> dict[str, Any]:
    early = status in (Status.PENDING, Status.PRE_MARKET)
    phase = "ContinuousTrading" if status is Status.PRE_MARKET else "NotStarted"
    return {
        "status": STATUS[status],
        "isPreListing": early,
        "preListingInfo": {
            "curAuctionPhase": phase,
            "phases": [{"phase": phase, "startTime": "0", "endTime": ""}],
            "auctionFeeInfo": {"auctionFeeRate": "0", "takerFeeRate": "0.001", "makerFeeRate": "0.0004"},
            "skipCallAuction": False,
        }
        if early
        else None,
    }


def _instrument_row(listing: Listing) -> dict[str, Any]:
    price, quantity = listing.price, listing.quantity
    tick, lot = f"{listing.tick:f}", f"{listing.lot:f}"
    return {
        "symbol": listing.symbol,
        "contractType": "LinearPerpetual",
        "baseCoin": listing.base,
        "quoteCoin": listing.quote,
        "launchTime": str(listing.onboard_ms),
        "deliveryTime": "0",
        "deliveryFeeRate": "",
        "priceScale": str(price.decimals),
        "leverageFilter": {"minLeverage": "1", "maxLeverage": "50.00", "leverageStep": "0.01"},
        "priceFilter": {
            "minPrice": price.text(listing.tick_units),
            "maxPrice": price.text(100_000_000 * listing.tick_units),
            "tickSize": tick,
        },
        "lotSizeFilter": {
            "maxOrderQty": quantity.text(1_000_000 * listing.lot_units),
            "minOrderQty": quantity.text(listing.lot_units),
            "qtyStep": lot,
            "postOnlyMaxOrderQty": quantity.text(1_000_000 * listing.lot_units),
            "maxMktOrderQty": quantity.text(120_000 * listing.lot_units),
            "minNotionalValue": "5",
        },
        "unifiedMarginTrade": True,
        "fundingInterval": 480,
        "settleCoin": listing.quote,
        "copyTrading": "none",
        "upperFundingRate": "0.003",
        "lowerFundingRate": "-0.003",
        "displayName": "",
        "symbolType": "",
        **_status_fields(listing.status),
    }
