"""Bybit v5: REST bodies to instruments and tickers. Paths and limits: the venue's documentation."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import orjson

from orderflow_dash.exchanges.protocol import (
    Instruments,
    TradeBatch,
    checked_kline,
    exact_trade,
    exact_units,
    is_time,
    optional_decimal,
    readable_klines,
    refine_batch,
    sort_instruments,
)
from orderflow_dash.market import MINUTE_MS, Grid, Instrument, Kline, Ticker, Trade, Venue, parse_decimal

INSTRUMENTS_PATH = "/v5/market/instruments-info"
TICKERS_PATH = "/v5/market/tickers"
RECENT_TRADES_PATH = "/v5/market/recent-trade"
KLINES_PATH = "/v5/market/kline"
TIME_PATH = "/v5/market/time"

PRE_LAUNCH = "PreLaunch"


def parse_instruments(venue: Venue, body: bytes) -> Instruments:
    """Tradable linear perpetuals, and the others.

    Rows that cannot be read are left out; ValueError for a wrong body.
    """
    result = _result(body)
    page = sort_instruments(_list(result), _status, lambda row: _instrument(venue, row))
    return page._replace(cursor=str(result.get("nextPageCursor") or ""))


def _is_pre_market(row: dict[str, Any]) -> bool:
    """Whether a contract trades before its launch: after its opening auction."""
    return row.get("status") == PRE_LAUNCH and _phase(row) == "ContinuousTrading"


def _phase(row: dict[str, Any]) -> str:
    before = row.get("preListingInfo")
    return str(before.get("curAuctionPhase") or "")[:40] if isinstance(before, dict) else ""


def _status(row: dict[str, Any]) -> str | None:
    status, phase = row.get("status"), _phase(row)
    if row.get("contractType") != "LinearPerpetual":
        return None
    if status == "Trading" or _is_pre_market(row):
        return ""
    if not isinstance(row.get("symbol"), str) or not isinstance(status, str):
        return None
    return f"{status}, {phase}" if status == PRE_LAUNCH and phase else status[:40]


def parse_time(body: bytes) -> int:
    """The venue's clock, ms. ValueError for a wrong body."""
    nanoseconds = _result(body).get("timeNano")
    if not isinstance(nanoseconds, str) or not nanoseconds.isdecimal():
        raise ValueError("the response has no server time")
    time = int(nanoseconds) // 1_000_000
    if not is_time(time):
        raise ValueError("the response has no server time")
    return time


def parse_tickers(body: bytes) -> list[Ticker]:
    """The tickers of all symbols."""
    return [_ticker(row) for row in _list(_result(body)) if isinstance(row.get("symbol"), str)]


def parse_recent_trades(instrument: Instrument, body: bytes) -> TradeBatch:
    """The newest trades, old to new, with their ids, without block trades. ValueError for a wrong body.

    A row that cannot be counted is ``lost``; without a time of its own it has that of the row before.
    """
    batch = TradeBatch(instrument.symbol, [], grid=instrument.grid)
    uids: list[str] = []
    rows = _list(_result(body))[::-1]  # the venue sends the newest first
    time = next((found for row in rows if (found := _row_time(row))), 0)
    for row in rows:
        time = _row_time(row) or time
        if row.get("isBlockTrade") is True:
            batch.excluded += 1
            continue
        try:
            trade = _trade(instrument.grid, batch, row)  # first: it may refine the trades before it
            batch.trades.append(trade)
            uids.append(str(row["execId"]))
        except (KeyError, TypeError, ValueError):
            batch.malformed += 1
            batch.lost = (*batch.lost, (time, ""))
    batch.uids = uids
    return batch


def _row_time(row: dict[str, Any]) -> int:
    """A row's time, ms; 0 where it is missing or impossible."""
    text = row.get("time")
    time = int(text) if isinstance(text, str) and text.isascii() and text.isdecimal() else 0
    return time if is_time(time) else 0


def _trade(listed: Grid, batch: TradeBatch, row: dict[str, Any]) -> Trade:
    """A row on the batch's grid, which it refines where it must. Raises KeyError, TypeError or ValueError."""
    time, order, side = _row_time(row), int(row.get("seq") or 0), {"Buy": 1, "Sell": -1}[row["side"]]
    if not isinstance(row["execId"], str) or batch.grid is None:
        raise TypeError("a trade without an id")
    price, quantity, grid = exact_trade(listed, batch.grid, row["price"], row["size"])
    if not time or not quantity or not 0 <= order < 1 << 62:
        raise ValueError("a trade out of range")
    refine_batch(batch, grid)
    return time, order, price, side * quantity


def klines_query(symbol: str, first: int, last: int) -> dict[str, str | int]:
    """Parameters for the minutes that open from ``first`` to ``last`` (ms, both inclusive), at most 1,000."""
    limit = (last - first) // MINUTE_MS + 1
    return {
        "category": "linear",
        "symbol": symbol,
        "interval": "1",
        "start": first,
        "end": last,
        "limit": limit,
    }


def hours_query(symbol: str, count: int) -> dict[str, str | int]:
    """Parameters for the newest hours, at most 1,000."""
    return {"category": "linear", "symbol": symbol, "interval": "60", "limit": count}


def parse_klines(body: bytes, instrument: Instrument) -> list[Kline]:
    """Minutes or hours, old to new. The venue sends them newest first, without buy volume and count.

    Rows that cannot be read are left out; ValueError for a wrong body.
    """
    result = _result(body)
    rows = result.get("list")
    if not isinstance(rows, list) or result.get("symbol") != instrument.symbol:
        raise ValueError("a body without klines of the symbol")
    return readable_klines(rows, instrument.grid, _kline)


def _kline(row: Any, listed: Grid, grid: Grid) -> Kline:  # noqa: ANN401 - checked here
    if not isinstance(row[0], str) or not row[0].isdecimal() or int(row[0]) % MINUTE_MS:
        raise ValueError("a kline without open time")
    (opening, high, low, close), (volume,), grid = exact_units(listed, grid, row[1:5], row[5:6])
    return checked_kline(Kline(int(row[0]), opening, high, low, close, volume, grid=grid))


def _ticker(row: dict[str, Any]) -> Ticker:
    change, rate = optional_decimal(row.get("price24hPcnt")), optional_decimal(row.get("fundingRate"))
    return Ticker(
        row["symbol"],
        last=optional_decimal(row.get("lastPrice")),
        change_24h=None if change is None else change * 100,
        volume_24h=optional_decimal(row.get("turnover24h")),
        funding=None if rate is None else rate * 100,
        open_interest=_one_side(row),
    )


def _one_side(row: dict[str, Any]) -> Decimal | None:
    """Open interest of one side: the venue's plain figure counts both."""
    single = optional_decimal(row.get("singleOpenInterest"))
    both = optional_decimal(row.get("openInterest"))
    return single if single is not None or both is None else both / 2


def _instrument(venue: Venue, row: dict[str, Any]) -> Instrument:
    return Instrument(
        venue=venue,
        symbol=str(row["symbol"]),
        base=str(row["baseCoin"]),
        quote=str(row["quoteCoin"]),
        tick=parse_decimal(row["priceFilter"]["tickSize"]).normalize(),
        lot=parse_decimal(row["lotSizeFilter"]["qtyStep"]).normalize(),
        is_pre_market=_is_pre_market(row),
    )


def _result(body: bytes) -> dict[str, Any]:
    message = orjson.loads(body)
    if not isinstance(message, dict) or message.get("retCode") != 0:
        reason = message.get("retMsg") if isinstance(message, dict) else message
        raise ValueError(f"refused: {str(reason)[:200]}")
    result = message.get("result")
    if not isinstance(result, dict):
        raise ValueError("a body without result")
    return result


def _list(result: dict[str, Any]) -> list[dict[str, Any]]:
    rows = result.get("list")
    if not isinstance(rows, list):
        raise ValueError("a result without list")
    return [row for row in rows if isinstance(row, dict)]
