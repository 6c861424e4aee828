"""Bybit's data messages, composed from trades and statistics."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import orjson

from orderflow_dash.simulator.binance.frames import product_text
from orderflow_dash.simulator.bybit.protocol import TRADES_PER_MESSAGE
from orderflow_dash.simulator.market.day import Day
from orderflow_dash.simulator.market.intervals import BYBIT_KLINES
from orderflow_dash.simulator.market.source import BybitTrade, Listing
from orderflow_dash.simulator.market.tape import Print, TapeCandle


def public_trades(symbol: str, trades: Sequence[BybitTrade], now: int) -> Iterable[tuple[bytes, int]]:
    """``publicTrade`` messages with the number of trades in each; more than 1024 trades are split."""
    for at in range(0, len(trades), TRADES_PER_MESSAGE):
        part = trades[at : at + TRADES_PER_MESSAGE]
        rows = [_trade_row(symbol, trade) for trade in part]
        message = {
            "topic": f"publicTrade.{symbol}",
            "type": "snapshot",
            "ts": max(now, part[-1].time),
            "data": rows,
        }
        yield orjson.dumps(message), len(part)


def _trade_row(symbol: str, trade: BybitTrade) -> dict[str, Any]:
    return {
        "T": trade.time,
        "s": symbol,
        "S": "Sell" if trade.sell else "Buy",
        "v": trade.quantity,
        "p": trade.price,
        "L": "ZeroMinusTick" if trade.sell else "ZeroPlusTick",
        "i": trade.id,
        "BT": trade.block,
        "RPI": trade.rpi,
        "seq": trade.seq,
    }


def ticker(listing: Listing, day: Day) -> dict[str, str]:
    """All fields of a ``tickers`` snapshot, which are also those of REST."""
    price, quantity = listing.price, listing.quantity
    share = (day.last - day.open) * 1_000_000 // day.open
    sign = "-" if share < 0 else ""
    single, double = day.open_interest, 2 * day.open_interest
    return {
        "symbol": listing.symbol,
        "tickDirection": "ZeroPlusTick",
        "price24hPcnt": f"{sign}{abs(share) // 1_000_000}.{abs(share) % 1_000_000:06d}",
        "lastPrice": price.text(day.last),
        "prevPrice24h": price.text(day.open),
        "highPrice24h": price.text(day.high),
        "lowPrice24h": price.text(day.low),
        "prevPrice1h": price.text(day.open),
        "markPrice": price.text(day.mark),
        "indexPrice": price.text(day.index),
        # The venue counts both sides here and one side in the "single" fields.
        "openInterest": quantity.text(double),
        "openInterestValue": product_text(listing, double * day.mark),
        "turnover24h": product_text(listing, day.turnover),
        "volume24h": quantity.text(day.volume),
        "fundingIntervalHour": "8",
        "fundingCap": "0.005",
        "singleOpenInterest": quantity.text(single),
        "singleOpenInterestValue": product_text(listing, single * day.mark),
        "nextFundingTime": str(day.next_funding),
        "fundingRate": day.funding,
        "bid1Price": price.text(max(1, day.last - 1)),
        "bid1Size": quantity.text(day.last_quantity),
        "ask1Price": price.text(day.last),
        "ask1Size": quantity.text(day.last_quantity),
        "preOpenPrice": "",
        "preQty": "",
        "curPreListingPhase": "",
    }


def ticker_message(fields: dict[str, str], kind: str, sequence: int, now: int) -> bytes:
    """A ``tickers`` message; ``kind`` is snapshot or delta."""
    message = {
        "topic": f"tickers.{fields['symbol']}",
        "type": kind,
        "data": fields,
        "cs": sequence,
        "ts": now,
    }
    return orjson.dumps(message)


def kline(listing: Listing, candle: TapeCandle, interval: str, now: int, *, closed: bool) -> bytes:
    """A ``kline`` message; ``interval`` is the venue's name of it."""
    price = listing.price
    row = {
        "start": candle.start,
        "end": candle.start + BYBIT_KLINES[interval] - 1,
        "interval": interval,
        "open": price.text(candle.open),
        "close": price.text(candle.close),
        "high": price.text(candle.high),
        "low": price.text(candle.low),
        "volume": listing.quantity.text(candle.volume),
        "turnover": product_text(listing, candle.turnover),
        "confirm": closed,
        "timestamp": now,
    }
    topic = f"kline.{interval}.{listing.symbol}"
    return orjson.dumps({"topic": topic, "data": [row], "ts": now, "type": "snapshot"})


def liquidations(listing: Listing, closed: Sequence[tuple[Print, int]], now: int) -> bytes:
    """An ``allLiquidation`` message of trades with their bankruptcy prices.

    S is the side of the position, so Buy is a long that was closed by a sale.
    """
    rows = [
        {
            "T": trade.time,
            "s": listing.symbol,
            "S": "Buy" if trade.quantity < 0 else "Sell",
            "v": listing.quantity.text(abs(trade.quantity)),
            "p": listing.price.text(bankruptcy),
        }
        for trade, bankruptcy in closed
    ]
    message = {"topic": f"allLiquidation.{listing.symbol}", "type": "snapshot", "ts": now, "data": rows}
    return orjson.dumps(message)
