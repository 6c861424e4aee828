"""Bybit v5 linear perpetuals: websocket frames to trades. Facts: the venue's v5 documentation."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from itertools import count
from typing import Annotated, ClassVar, Literal

import msgspec
import orjson

from orderflow_dash.exchanges.protocol import (
    AHEAD_MS,
    AheadOfClock,
    Event,
    ExactUnits,
    FrameError,
    Limits,
    Rejected,
    TickerBatch,
    TradeBatch,
    checked_time,
    refine_batch,
)
from orderflow_dash.market import Instrument

_TRADES = "publicTrade."
_TICKERS = "tickers."


class _Print(msgspec.Struct, gc=False):
    T: int
    s: str
    S: Literal["Buy", "Sell"]
    v: str
    p: str
    i: Annotated[str, msgspec.Meta(min_length=1, max_length=64)]
    BT: bool = False
    seq: Annotated[int, msgspec.Meta(ge=0, lt=1 << 62)] = 0


class _PublicTrade(msgspec.Struct, gc=False):
    topic: Annotated[str, msgspec.Meta(pattern=r"^publicTrade\.")]
    data: list[_Print]
    ts: int = 0


class _LooseTrade(msgspec.Struct, gc=False):
    topic: str
    data: list[msgspec.Raw]
    ts: int = 0


_decode_trades = msgspec.json.Decoder(_PublicTrade).decode
_decode_loose = msgspec.json.Decoder(_LooseTrade).decode
_decode_print = msgspec.json.Decoder(_Print).decode

_UNREADABLE = (msgspec.DecodeError, RecursionError, UnicodeError)
_OLDEST_MS = 3_600_000  # no live trade is older
_CLOCK_ERROR_MS = 1_000  # upper bound of the clock estimate's error


_Lost = Sequence[tuple[int, str]]
_CUT_TRADES = re.compile(rb'\s*\{\s*"topic"\s*:\s*"publicTrade\.([^"\\]{1,64})"')


def _time_of(time: int, now: int) -> int:
    """The time (ms) of a row that cannot be counted: its own if plausible, otherwise a bound after now."""
    return time if now - _OLDEST_MS < time <= now + AHEAD_MS else now + _CLOCK_ERROR_MS


def _uid_of(row: msgspec.Raw) -> str:
    """The id of a row that cannot be decoded; empty where it has none."""
    try:
        content = orjson.loads(bytes(row))
    except orjson.JSONDecodeError:
        return ""
    uid = content.get("i") if isinstance(content, dict) else None
    return uid if isinstance(uid, str) else ""


def _lost_frame(symbol: str, now: int) -> TradeBatch:
    return TradeBatch(symbol, [], [], malformed=1, lost=[(now + _CLOCK_ERROR_MS, "")])


class BybitProtocol:
    """One connection to ``/v5/public/linear``.

    One unknown topic makes the venue refuse the whole request, so requests are small and every
    refusal names its topics.
    """

    limits: ClassVar[Limits] = Limits(
        topics=200, topic_characters=20_000, topics_per_request=10, requests_per_second=10, life_s=86_400
    )
    heartbeat_s: ClassVar[float | None] = 20.0

    def __init__(self, instruments: Mapping[str, Instrument]) -> None:
        self._exact = ExactUnits(instruments)
        self._instruments = instruments
        self._ids = count(1)
        self._requests: dict[str, list[str]] = {}

    def trade_topic(self, symbol: str) -> str:
        """The ``publicTrade`` topic."""
        return _TRADES + symbol

    def pulse_topic(self) -> str | None:
        """The ticker of BTCUSDT, several times a second."""
        return f"{_TICKERS}BTCUSDT" if "BTCUSDT" in self._instruments else None

    def subscribe(self, topics: Sequence[str]) -> str:
        """A subscribe request with its own ``req_id``."""
        return self._request("subscribe", topics)

    def unsubscribe(self, topics: Sequence[str]) -> str:
        """An unsubscribe request."""
        return self._request("unsubscribe", topics)

    def heartbeat(self) -> str:
        """The ping that keeps the venue from closing an idle connection."""
        return '{"op":"ping"}'

    def receive(self, frame: str | bytes, now: int) -> Event | None:
        """Decode trades on a fast path, and everything else after it."""
        try:
            message = _decode_trades(frame)
        except _UNREADABLE:
            return self._receive_other(frame, now)
        return self._trades(message.topic, message.data, now)

    def _trades(self, topic: str, prints: list[_Print], now: int, lost: _Lost = ()) -> Event:
        symbol = topic[len(_TRADES) :]
        batch = TradeBatch(symbol, [], [], malformed=len(lost), lost=lost)
        uids: list[str] = []
        for item in prints:
            if item.BT:  # block trades are made off the order book
                batch.excluded += 1
                continue
            try:
                if item.s != symbol:
                    raise FrameError(f"a trade of {item.s[:40]!r} among those of another symbol")
                price, quantity, grid = self._exact.learn(symbol, item.p, item.v)
                time = checked_time(item.T, now)
            except AheadOfClock as error:
                batch.ahead = max(batch.ahead, error.time)
                batch.malformed += 1
                batch.lost = (*batch.lost, (now + _CLOCK_ERROR_MS, item.i))
                continue
            except FrameError:
                batch.malformed += 1
                batch.lost = (*batch.lost, (_time_of(item.T, now), item.i))
                continue
            if grid is not batch.grid:
                refine_batch(batch, grid)
            batch.trades.append((time, item.seq, price, quantity if item.S == "Buy" else -quantity))
            uids.append(item.i)
        batch.uids = uids
        return batch

    def _receive_other(self, frame: str | bytes, now: int) -> Event | None:
        try:
            message = orjson.loads(frame)
        except orjson.JSONDecodeError as error:
            cut = _CUT_TRADES.match(frame if isinstance(frame, bytes) else frame.encode(errors="replace"))
            if cut is not None:  # its trades are lost, which no id shows
                return _lost_frame(cut[1].decode(errors="replace"), now)
            raise FrameError(f"not JSON: {error}") from error
        if not isinstance(message, dict):
            raise FrameError("not an object")
        topic = message.get("topic")
        if isinstance(topic, str):
            if topic.startswith(_TICKERS):
                return TickerBatch([])  # the pulse; the symbol table uses one REST request for all symbols
            return self._salvage(topic, frame, now) if topic.startswith(_TRADES) else None
        if "op" in message or "success" in message:
            return self._reply(message)
        raise FrameError("an object of no known form")

    def _salvage(self, topic: str, frame: str | bytes, now: int) -> Event:
        """Count the good rows of a trade frame with malformed ones."""
        try:
            loose = _decode_loose(frame)
        except _UNREADABLE:
            return _lost_frame(topic[len(_TRADES) :], now)
        prints: list[_Print] = []
        lost: list[tuple[int, str]] = []
        for row in loose.data:
            try:
                prints.append(_decode_print(row))
            except _UNREADABLE:
                lost.append((now + _CLOCK_ERROR_MS, _uid_of(row)))
        return self._trades(topic, prints, now, lost)

    def _request(self, operation: str, topics: Sequence[str]) -> str:
        name = f"{operation}-{next(self._ids)}"
        if operation == "subscribe":
            self._requests[name] = list(topics)
        return orjson.dumps({"req_id": name, "op": operation, "args": list(topics)}).decode()

    def _reply(self, reply: dict[str, object]) -> Event | None:
        topics = self._requests.pop(str(reply.get("req_id", "")), [])
        reason = str(reply.get("ret_msg", "refused"))[:200]
        if reply.get("success", True):
            return None  # pong or acknowledgement: neither is data
        if len(topics) == 1 and "already subscribed" in reason:
            return None  # as good as an acknowledgement, but only for one topic
        return Rejected(topics, reason)
