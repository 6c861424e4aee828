"""Binance's contracts: the rows of ``exchangeInfo`` and the event ``contractInfo``."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from orderflow_dash.simulator.market.delivery import next_delivery
from orderflow_dash.simulator.market.source import Listing, Status

PERPETUAL_DELIVERY_MS = 4_133_404_800_000
STATUS = {
    Status.PENDING: "PENDING_TRADING",
    Status.PRE_MARKET: "PENDING_TRADING",
    Status.TRADING: "TRADING",
    Status.SETTLING: "SETTLING",
    Status.CLOSED: "CLOSE",
}


def symbol_rows(listings: Iterable[Listing], now: int) -> list[dict[str, Any]]:
    """A row of each listing, and rows that an adapter must ignore.

    Those are a dated contract, and perpetuals that do not trade.
    """
    rows = [_symbol_row(listing) for listing in listings]
    if rows:
        first, delivery = rows[0], next_delivery(now)
        rows.append(
            {
                **first,
                "symbol": f"{first['symbol']}_{delivery:%y%m%d}",
                "contractType": "CURRENT_QUARTER",
                "deliveryDate": int(delivery.timestamp() * 1000),
                "status": "TRADING",
            }
        )
        for base, status in (("OLD", "SETTLING"), ("SOON", "PENDING_TRADING")):
            symbol = f"{base}USDT"
            rows.append({**first, "symbol": symbol, "pair": symbol, "baseAsset": base, "status": status})
    return rows


def _symbol_row(listing: Listing) -> dict[str, Any]:
    price, quantity = listing.price, listing.quantity
    tick, lot = f"{listing.tick:f}", f"{listing.lot:f}"
    return {
        "symbol": listing.symbol,
        "pair": listing.symbol,
        "contractType": "PERPETUAL",
        "deliveryDate": PERPETUAL_DELIVERY_MS,
        "onboardDate": listing.onboard_ms,
        "status": STATUS[listing.status],
        "baseAsset": listing.base,
        "quoteAsset": listing.quote,
        "marginAsset": listing.quote,
        # As on the venue, these count more digits than the tick and the lot have.
        "pricePrecision": price.decimals + 1,
        "quantityPrecision": quantity.decimals,
        "baseAssetPrecision": 8,
        "quotePrecision": 8,
        "underlyingType": "COIN",
        "underlyingSubType": [],
        "triggerProtect": "0.0500",
        "filters": [
            {
                "filterType": "PRICE_FILTER",
                "minPrice": price.text(listing.tick_units),
                "maxPrice": price.text(100_000_000 * listing.tick_units),
                "tickSize": tick,
            },
            {
                "filterType": "LOT_SIZE",
                "minQty": quantity.text(listing.lot_units),
                "maxQty": quantity.text(1_000_000 * listing.lot_units),
                "stepSize": lot,
            },
            {
                "filterType": "MARKET_LOT_SIZE",
                "minQty": quantity.text(listing.lot_units),
                "maxQty": quantity.text(120_000 * listing.lot_units),
                "stepSize": lot,
            },
            {"filterType": "MIN_NOTIONAL", "notional": "5"},
        ],
        "orderTypes": ["LIMIT", "MARKET"],
        "timeInForce": ["GTC", "IOC", "FOK", "GTX"],
    }


def contract_info(listing: Listing, now: int) -> dict[str, Any]:
    """A ``contractInfo`` event: the contract and its status. Tick and lot are in ``exchangeInfo``."""
    return {
        "e": "contractInfo",
        "E": now,
        "s": listing.symbol,
        "ps": listing.symbol,
        "ct": "PERPETUAL",
        "dt": PERPETUAL_DELIVERY_MS,
        "ot": listing.onboard_ms,
        "cs": STATUS[listing.status],
        "st": 1,
    }
