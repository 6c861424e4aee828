"""Binance USD-M futures: REST bodies to instruments and tickers. Facts: the venue's documentation."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from typing import Any, NamedTuple

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

INSTRUMENTS_PATH = "/fapi/v1/exchangeInfo"
TICKERS_PATH = "/fapi/v1/ticker/24hr"
FUNDING_PATH = "/fapi/v1/premiumIndex"
OPEN_INTEREST_PATH = "/fapi/v1/openInterest"
KLINES_PATH = "/fapi/v1/klines"
AGG_TRADES_PATH = "/fapi/v1/aggTrades"
TIME_PATH = "/fapi/v1/time"


class AggVolume(NamedTuple):
    """Volume of one aggregate trade, base currency; ``plain`` is without RPI fills, None where not given."""

    id: int
    time: int  # ms
    volume: Decimal
    plain: Decimal | None
    bought: bool  # the aggressor bought


_PERPETUAL = ("PERPETUAL", "TRADIFI_PERPETUAL")
_ENDING = "PERPETUAL_DELIVERING"
PENDING = "PENDING_TRADING"


def parse_instruments(venue: Venue, body: bytes) -> Instruments:
    """Tradable perpetuals, and the others.

    Rows that cannot be read are left out; ValueError for a wrong body.
    """
    return sort_instruments(
        _rows(orjson.loads(body), "symbols"), _status, lambda row: _instrument(venue, row)
    )


def _status(row: dict[str, Any]) -> str | None:
    symbol, status, contract = row.get("symbol"), row.get("status"), row.get("contractType")
    if contract in _PERPETUAL and status == "TRADING":
        return ""
    if contract not in (*_PERPETUAL, _ENDING) or not isinstance(symbol, str) or not isinstance(status, str):
        return None
    return _ENDING if status == "TRADING" else status[:40]


def parse_time(body: bytes) -> int:
    """The venue's clock, ms. ValueError for a wrong body."""
    answer = orjson.loads(body)
    time = answer.get("serverTime") if isinstance(answer, dict) else None
    if type(time) is not int or not is_time(time):
        raise ValueError("the response has no server time")
    return time


def parse_tickers(body: bytes) -> list[Ticker]:
    """Last price, change and turnover of 24 h."""
    return [
        Ticker(
            row["symbol"],
            last=optional_decimal(row.get("lastPrice")),
            change_24h=optional_decimal(row.get("priceChangePercent")),
            volume_24h=optional_decimal(row.get("quoteVolume")),
            time=_time(row.get("closeTime")),
        )
        for row in _named(orjson.loads(body))
    ]


def parse_funding(body: bytes) -> list[Ticker]:
    """Funding rates of the current interval."""
    tickers = []
    for row in _named(orjson.loads(body)):
        rate = optional_decimal(row.get("lastFundingRate"))
        if rate is not None:
            tickers.append(Ticker(row["symbol"], funding=rate * 100, time=_time(row.get("time"))))
    return tickers


def parse_open_interest(body: bytes) -> list[Ticker]:
    """Open interest of one symbol, base currency."""
    return [
        Ticker(
            row["symbol"],
            open_interest=optional_decimal(row.get("openInterest")),
            time=_time(row.get("time")),
        )
        for row in _named(orjson.loads(body))
    ]


def parse_agg_trades(instrument: Instrument, body: bytes) -> TradeBatch:
    """Past trades by rising id. A row without quantity keeps its id, which proves that no trade is missing.

    A row with an id and a time that cannot be counted is ``lost``; one without them is skipped, and its id
    stays missing. ValueError for a wrong body.
    """
    rows = orjson.loads(body)
    if not isinstance(rows, list):
        raise ValueError("a body without trades")
    batch = TradeBatch(instrument.symbol, [], grid=instrument.grid)
    for row in rows:
        try:
            trade = _trade(instrument.grid, batch, row)  # first: it may refine the trades before it
            batch.trades.append(trade)
        except (KeyError, TypeError, ValueError):
            batch.malformed += 1
            place = _place(row)
            if place is not None:
                batch.lost = (*batch.lost, place)
    batch.trades.sort(key=lambda trade: trade[1])
    return batch


def _place(row: object) -> tuple[int, int] | None:
    """Time (ms) and id of a row; None where they are missing or impossible."""
    time, order = (row.get("T"), row.get("a")) if isinstance(row, dict) else (None, None)
    if type(time) is not int or type(order) is not int:
        return None
    return (time, order) if is_time(time) and 0 <= order < 1 << 62 else None


def _trade(listed: Grid, batch: TradeBatch, row: dict[str, Any]) -> Trade:
    """A row on the batch's grid, which it refines where it must. Raises KeyError, TypeError or ValueError."""
    place = _place(row)
    if place is None or type(row["m"]) is not bool or batch.grid is None:
        raise TypeError("time, id or side of a wrong type")
    price, quantity, grid = exact_trade(listed, batch.grid, row["p"], row["q"])
    refine_batch(batch, grid)
    return *place, price, -quantity if row["m"] else quantity


def klines_query(symbol: str, first: int, last: int) -> dict[str, str | int]:
    """Parameters for the minutes that open from ``first`` to ``last`` (ms, both inclusive), at most 1,500.

    The request's weight goes by ``limit``: 1 under 100 minutes, 2 under 500.
    """
    limit = (last - first) // MINUTE_MS + 1
    return {"symbol": symbol, "interval": "1m", "startTime": first, "endTime": last, "limit": limit}


def hours_query(symbol: str, count: int) -> dict[str, str | int]:
    """Parameters for the newest hours; weight 1 where they are under 100."""
    return {"symbol": symbol, "interval": "1h", "limit": count}


def parse_klines(body: bytes, instrument: Instrument) -> list[Kline]:
    """Minutes or hours, old to new. Rows that cannot be read are left out; ValueError for a wrong body."""
    rows = orjson.loads(body)
    if not isinstance(rows, list):
        raise ValueError("a body without klines")
    return readable_klines(rows, instrument.grid, _kline)


def parse_agg_volumes(body: bytes) -> list[AggVolume]:
    """Volumes of aggregate trades, in the venue's order; ValueError for anything unreadable in the body.

    In decimals, because these volumes are only summed and compared.
    """
    rows = orjson.loads(body)
    if not isinstance(rows, list):
        raise ValueError("a body without aggregate trades")
    try:
        return [_agg_volume(row) for row in rows]
    except (KeyError, TypeError) as error:
        raise ValueError(f"an aggregate trade that cannot be read: {error}") from error


def _agg_volume(row: object) -> AggVolume:
    if not isinstance(row, dict):
        raise TypeError("not an object")
    plain = None if row.get("nq") is None else parse_decimal(row["nq"])
    return AggVolume(int(row["a"]), int(row["T"]), parse_decimal(row["q"]), plain, not row["m"])


def _kline(row: Any, listed: Grid, grid: Grid) -> Kline:  # noqa: ANN401 - checked here
    open_ts, count = row[0], row[8]
    if type(open_ts) is not int or type(count) is not int or open_ts % MINUTE_MS or count < 0:
        raise ValueError("a kline without open time and count")
    prices, volumes = row[1:5], [row[5], row[9]]
    (opening, high, low, close), (volume, buy_volume), grid = exact_units(listed, grid, prices, volumes)
    return checked_kline(Kline(open_ts, opening, high, low, close, volume, buy_volume, count, grid))


def _instrument(venue: Venue, row: dict[str, Any]) -> Instrument:
    # Not pricePrecision, which is not the tick.
    filters = {each["filterType"]: each for each in row["filters"]}
    return Instrument(
        venue=venue,
        symbol=str(row["symbol"]),
        base=str(row["baseAsset"]),
        quote=str(row["quoteAsset"]),
        tick=_unit(filters["PRICE_FILTER"]["tickSize"]),
        lot=_unit(filters["LOT_SIZE"]["stepSize"]),
        is_pre_market=row.get("underlyingType") == "PREMARKET",
    )


def _unit(text: str) -> Decimal:
    return parse_decimal(text).normalize()


def _time(value: object) -> int:
    return value if isinstance(value, int) else 0


def _named(body: object) -> Iterator[dict[str, Any]]:
    """Rows that name their symbol; one object counts as one row."""
    for row in _rows({"rows": body if isinstance(body, list) else [body]}, "rows"):
        if isinstance(row.get("symbol"), str):
            yield row


def _rows(body: object, name: str) -> Iterator[dict[str, Any]]:
    rows = body.get(name) if isinstance(body, dict) else None
    if not isinstance(rows, list):
        raise ValueError(f"a body without {name}")
    yield from (row for row in rows if isinstance(row, dict))
