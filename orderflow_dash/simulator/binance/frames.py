"""Binance's WebSocket payloads, composed from prints and statistics. Every function returns a raw payload."""

from __future__ import annotations

from typing import Any

import orjson

from orderflow_dash.market import DecimalUnit
from orderflow_dash.simulator.market.contract import DAY_MS
from orderflow_dash.simulator.market.day import Day
from orderflow_dash.simulator.market.intervals import BINANCE_KLINES
from orderflow_dash.simulator.market.source import Emission, Fill, Listing
from orderflow_dash.simulator.market.tape import Print, TapeCandle


def combined(stream: str, payload: bytes) -> bytes:
    """The wrapped form of a payload."""
    return b'{"stream":"%s","data":%s}' % (stream.encode(), payload)


def agg_trade(listing: Listing, emission: Emission) -> bytes:
    """An ``aggTrade`` payload."""
    trade = emission.trade
    quantity = listing.quantity
    return orjson.dumps(
        {
            "e": "aggTrade",
            "E": emission.event_ms,
            "a": trade.id,
            "s": listing.symbol,
            "p": listing.price.text(trade.price),
            "q": quantity.text(abs(trade.quantity)),
            "nq": quantity.text(trade.without_rpi),
            "f": trade.first,
            "l": trade.last,
            "T": trade.time,
            "m": trade.quantity < 0,
            "st": 1,
        }
    )


def trade(symbol: str, fill: Fill, event_ms: int) -> bytes:
    """A ``trade`` payload."""
    return orjson.dumps(
        {
            "e": "trade",
            "E": max(event_ms, fill.time),
            "T": fill.time,
            "s": symbol,
            "t": fill.id,
            "p": fill.price,
            "q": fill.quantity,
            "X": fill.kind,
            "m": fill.sell,
            "st": 1,
        }
    )


def day_texts(listing: Listing, day: Day) -> dict[str, str]:
    """Decimal texts of a day, by plain names; change in per cent with three decimals."""
    price = listing.price
    change = day.last - day.open
    milli = change * 100_000 // day.open
    sign = "-" if milli < 0 else ""
    return {
        "last": price.text(day.last),
        "open": price.text(day.open),
        "high": price.text(day.high),
        "low": price.text(day.low),
        "change": price.text(change),
        "percent": f"{sign}{abs(milli) // 1000}.{abs(milli) % 1000:03d}",
        "average": price.text(day.turnover // day.volume if day.volume else day.last),
        "volume": listing.quantity.text(day.volume),
        "turnover": product_text(listing, day.turnover),
        "last_quantity": listing.quantity.text(day.last_quantity),
    }


def product_text(listing: Listing, amount: int) -> str:
    """Exact decimal text of an amount in ticks x lots, in quote currency."""
    return DecimalUnit(listing.price.value * listing.quantity.value).text(amount)


def ticker(listing: Listing, day: Day, now: int) -> dict[str, Any]:
    """A ``24hrTicker`` object."""
    text = day_texts(listing, day)
    return {
        "e": "24hrTicker",
        "E": now,
        "s": listing.symbol,
        "ps": listing.symbol,
        "p": text["change"],
        "P": text["percent"],
        "w": text["average"],
        "c": text["last"],
        "Q": text["last_quantity"],
        "o": text["open"],
        "h": text["high"],
        "l": text["low"],
        "v": text["volume"],
        "q": text["turnover"],
        "O": now - DAY_MS,
        "C": now,
        "F": 1,
        "L": day.trades,
        "n": day.trades,
        "st": 1,
    }


def mini_ticker(listing: Listing, day: Day, now: int) -> dict[str, Any]:
    """A ``24hrMiniTicker`` object."""
    full = ticker(listing, day, now)
    return {
        "e": "24hrMiniTicker",
        **{key: full[key] for key in ("E", "s", "ps", "c", "o", "h", "l", "v", "q", "st")},
    }


def coin_margined(row: dict[str, Any]) -> dict[str, Any]:
    """The COIN-M row that the merged array streams carry beside a USD-M row."""
    pair = row["s"].removesuffix("T")
    return {**row, "s": f"{pair}_PERP", "ps": pair, "st": 2}


def mark_price(listing: Listing, day: Day, now: int) -> dict[str, Any]:
    """A ``markPriceUpdate`` object."""
    price = listing.price
    return {
        "e": "markPriceUpdate",
        "E": now,
        "s": listing.symbol,
        "ps": listing.symbol,
        "p": price.text(day.mark),
        "ap": price.text(day.mark),
        "i": price.text(day.index),
        "P": price.text(day.index),
        "r": day.funding,
        "T": day.next_funding,
        "st": 1,
    }


def kline(listing: Listing, candle: TapeCandle, interval: str, now: int, *, closed: bool) -> bytes:
    """A ``kline`` payload; ``interval`` is the venue's name of it."""
    row = _kline_row(listing, candle, interval, closed=closed)
    # The venue names the symbol after the times.
    row = {"t": row.pop("t"), "T": row.pop("T"), "s": listing.symbol, **row}
    return orjson.dumps({"e": "kline", "E": now, "s": listing.symbol, "k": row, "st": 1})


def continuous_kline(listing: Listing, candle: TapeCandle, interval: str, now: int, *, closed: bool) -> bytes:
    """A ``continuous_kline`` payload of the pair's perpetual."""
    row = _kline_row(listing, candle, interval, closed=closed)
    event = {"e": "continuous_kline", "E": now, "ps": listing.symbol, "ct": "PERPETUAL", "k": row, "st": 1}
    return orjson.dumps(event)


def _kline_row(listing: Listing, candle: TapeCandle, interval: str, *, closed: bool) -> dict[str, Any]:
    price, quantity = listing.price, listing.quantity
    return {
        "t": candle.start,
        "T": candle.start + BINANCE_KLINES[interval] - 1,
        "i": interval,
        "f": candle.first,
        "L": candle.last,
        "o": price.text(candle.open),
        "c": price.text(candle.close),
        "h": price.text(candle.high),
        "l": price.text(candle.low),
        "v": quantity.text(candle.volume),
        "n": candle.matches,
        "x": closed,
        "q": product_text(listing, candle.turnover),
        "V": quantity.text(candle.buy_volume),
        "Q": product_text(listing, candle.buy_turnover),
        "B": "0",
    }


def force_order(listing: Listing, trade: Print, bankruptcy: int, now: int) -> bytes:
    """A ``forceOrder`` payload; S is the side of the order, so SELL closes a long position."""
    quantity = listing.quantity.text(abs(trade.quantity))
    order = {
        "s": listing.symbol,
        "S": "SELL" if trade.quantity < 0 else "BUY",
        "o": "LIMIT",
        "f": "IOC",
        "q": quantity,
        "p": listing.price.text(bankruptcy),
        "ap": listing.price.text(trade.price),
        "X": "FILLED",
        "l": quantity,
        "z": quantity,
        "T": trade.time,
        "ps": listing.symbol,
        "st": 1,
    }
    return orjson.dumps({"e": "forceOrder", "E": now, "o": order})


def server_shutdown(now: int) -> bytes:
    """The event that asks clients to reconnect."""
    return orjson.dumps({"e": "serverShutdown", "E": now})
