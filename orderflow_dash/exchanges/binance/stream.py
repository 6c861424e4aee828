"""Binance USD-M futures: websocket frames to trades and tickers.

Facts: the venue's market-stream documentation; routes after the split of 2026 (trades and tickers on
``/market``; the un-routed path acknowledges and stays silent).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import count
from typing import Annotated, ClassVar, Literal
from urllib.parse import urlsplit, urlunsplit

import msgspec
import orjson

from orderflow_dash.exchanges.protocol import (
    EARLIEST_MS,
    Event,
    ExactUnits,
    FrameError,
    Limits,
    ListingChanged,
    ReconnectAsked,
    Rejected,
    TickerBatch,
    TradeBatch,
    checked_time,
    optional_decimal,
)
from orderflow_dash.market import Instrument, Ticker

_Id = Annotated[int, msgspec.Meta(ge=0, lt=1 << 62)]
_COUNTED_PRINTS = ("MARKET", "RPI")  # a kline's volume; q of an aggTrade includes RPI fills
_USD_M: Literal[1] = 1  # st; the venue mixes in COIN-M (2)


class _AggTrade(msgspec.Struct, gc=False, tag_field="e", tag="aggTrade"):
    a: _Id
    s: str
    p: str
    q: str
    T: int
    m: bool
    st: Literal[1] = _USD_M


class _Fill(msgspec.Struct, gc=False, tag_field="e", tag="trade"):
    t: _Id
    s: str
    p: str
    q: str
    T: int
    m: bool
    st: Literal[1] = _USD_M
    X: str = "MARKET"


class _CombinedAggTrade(msgspec.Struct, gc=False):
    data: _AggTrade


class _CombinedFill(msgspec.Struct, gc=False):
    data: _Fill


_decode_agg_trade = msgspec.json.Decoder(_CombinedAggTrade).decode
_decode_fill = msgspec.json.Decoder(_CombinedFill).decode
_decode_raw = msgspec.json.Decoder(_AggTrade | _Fill).decode

_UNREADABLE = (msgspec.DecodeError, RecursionError, UnicodeError)


def _other_trade(frame: str | bytes) -> _AggTrade | _Fill | None:
    """A single fill, or a trade outside the combined wrapper; None for anything else."""
    try:
        trade: _AggTrade | _Fill = _decode_raw(frame)
    except _UNREADABLE:
        try:
            trade = _decode_fill(frame).data
        except _UNREADABLE:
            return None
    return trade


def market_stream_url(root: str) -> str:
    """URL of the routed combined stream.

    ``root`` is the venue's websocket root, with or without the retired ``/stream`` or ``/ws``, or any
    route already: trades are on ``/market`` only.
    """
    parts = urlsplit(root)
    path = parts.path.rstrip("/")
    for ending in ("/stream", "/ws", "/market", "/public", "/private"):
        path = path.removesuffix(ending)
    return urlunsplit((parts.scheme, parts.netloc, f"{path}/market/stream", "", ""))


class BinanceProtocol:
    """One connection to ``/market/stream``. Reads the combined and the raw form."""

    limits: ClassVar[Limits] = Limits(
        topics=200, topic_characters=1 << 20, topics_per_request=50, requests_per_second=5, life_s=86_400
    )
    heartbeat_s: ClassVar[float | None] = None  # the venue pings; the websocket library answers
    ticker_topics: ClassVar[tuple[str, ...]] = ("!ticker@arr", "!markPrice@arr")
    listing_topic: ClassVar[str] = "!contractInfo"

    def __init__(self, instruments: Mapping[str, Instrument]) -> None:
        self._aggregates = ExactUnits(instruments)
        self._known = self._aggregates.known
        self._fills = ExactUnits(instruments)
        self._instruments = instruments
        self._ids = count(1)
        self._requests: dict[int, list[str]] = {}

    def trade_topic(self, symbol: str) -> str:
        """Aggregate trades: their ids ``a`` are contiguous."""
        return f"{symbol.lower()}@aggTrade"

    def pulse_topic(self) -> str | None:
        """The mark price of BTCUSDT, once a second, on the same route as the trades."""
        return "btcusdt@markPrice@1s" if "BTCUSDT" in self._instruments else None

    def subscribe(self, topics: Sequence[str]) -> str:
        """A SUBSCRIBE request."""
        return self._request("SUBSCRIBE", topics)

    def unsubscribe(self, topics: Sequence[str]) -> str:
        """An UNSUBSCRIBE request."""
        return self._request("UNSUBSCRIBE", topics)

    def heartbeat(self) -> str:
        """LIST_SUBSCRIPTIONS, which has no effect; not needed, because the venue sends pings."""
        return self._request("LIST_SUBSCRIPTIONS", ())

    def receive(self, frame: str | bytes, now: int) -> Event | None:
        """Decode trades on a fast path, and everything else after it."""
        try:
            trade = _decode_agg_trade(frame).data
        except _UNREADABLE:
            other = _other_trade(frame)
            if other is None:
                return self._receive_other(frame)
            if isinstance(other, _Fill):
                return self._fill(other, now)
            trade = other
        # Not split into functions: this runs once per trade of a venue.
        symbol, time = trade.s, trade.T
        try:
            prices, quantities, grid = self._known[symbol]
            price, quantity = prices[trade.p], quantities[trade.q]
        except KeyError:
            try:
                price, quantity, grid = self._aggregates.learn(symbol, trade.p, trade.q)
            except FrameError:
                if symbol not in self._instruments:
                    raise
                return TradeBatch(symbol, [], malformed=1, lost=((checked_time(time, now), trade.a),))
            self._fills.known.pop(symbol, None)  # the feed subscribes to aggregates: they take precedence
        if not EARLIEST_MS <= time <= now:
            checked_time(time, now)
        return TradeBatch(symbol, [(time, trade.a, price, -quantity if trade.m else quantity)], None, grid)

    def _fill(self, trade: _Fill, now: int) -> Event | None:
        """One fill of ``@trade``, for a server that has no aggregates. Their ids differ: never mix them."""
        symbol = trade.s
        if symbol in self._aggregates.known:
            raise FrameError(f"{symbol}: a single fill beside aggregates")
        time = checked_time(trade.T, now)
        if trade.X not in _COUNTED_PRINTS:
            return TradeBatch(symbol, [(time, trade.t, 0, 0)], excluded=1)
        price, quantity, grid = self._fills.learn(symbol, trade.p, trade.q)
        return TradeBatch(symbol, [(time, trade.t, price, -quantity if trade.m else quantity)], grid=grid)

    # -- everything that is not a trade in the combined form -----------------------------------

    def _receive_other(self, frame: str | bytes) -> Event | None:
        try:
            message = orjson.loads(frame)
        except orjson.JSONDecodeError as error:
            raise FrameError(f"not JSON: {error}") from error
        if isinstance(message, dict) and "stream" in message:
            message = message.get("data")
        if isinstance(message, list):
            return self._rows(message)
        if not isinstance(message, dict):
            raise FrameError("neither an object nor an array")
        if "e" in message:
            return self._event(message)
        if "id" in message or "error" in message or "code" in message:
            return self._reply(message)
        if "event" in message and isinstance(message["event"], dict):
            return self._event(message["event"])
        raise FrameError("an object of no known form")

    def _event(self, event: dict[str, object]) -> Event | None:
        kind = event.get("e")
        if kind == "serverShutdown":
            return ReconnectAsked("the venue is shutting this server down")
        market = event.get("st", _USD_M)
        if isinstance(market, int) and market != _USD_M:
            return None
        if kind in ("aggTrade", "trade"):
            raise FrameError(f"a malformed {kind}")
        if kind == "contractInfo":
            return ListingChanged(str(event.get("s", ""))[:40])
        return self._rows([event])

    @staticmethod
    def _rows(rows: list[object]) -> Event | None:
        tickers: list[Ticker] = []
        malformed = 0
        for row in rows:
            if not isinstance(row, dict) or not isinstance(row.get("s"), str):
                malformed += 1
            elif row.get("st", _USD_M) == _USD_M:
                ticker = _ticker(row)
                if ticker is not None:
                    tickers.append(ticker)
        if malformed and not tickers:
            raise FrameError("rows of no known form")
        return TickerBatch(tickers, malformed) if tickers else None

    def _request(self, method: str, topics: Sequence[str]) -> str:
        number = next(self._ids)
        if method == "SUBSCRIBE":
            self._requests[number] = list(topics)
        return orjson.dumps({"method": method, "params": list(topics), "id": number}).decode()

    def _reply(self, reply: dict[str, object]) -> Event | None:
        number = reply.get("id")
        topics = self._requests.pop(number, []) if isinstance(number, int) else []
        error = reply.get("error", reply if "code" in reply else None)
        if error is None:
            return None  # an acknowledgement proves nothing: unknown streams get one too
        text = error.get("msg") if isinstance(error, dict) else error
        return Rejected(topics, str(text)[:200])


def _ticker(row: dict[str, object]) -> Ticker | None:
    time = row.get("E")
    stamp = time if isinstance(time, int) else 0
    symbol = str(row["s"])
    if row.get("e") == "24hrTicker":
        return Ticker(
            symbol,
            last=optional_decimal(row.get("c")),
            change_24h=optional_decimal(row.get("P")),
            volume_24h=optional_decimal(row.get("q")),
            time=stamp,
        )
    if row.get("e") == "markPriceUpdate":
        rate = optional_decimal(row.get("r"))
        return Ticker(symbol, funding=None if rate is None else rate * 100, time=stamp)
    return None
