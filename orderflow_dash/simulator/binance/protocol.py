"""Binance's WebSocket protocol without I/O: routes, stream names, control frames and replies."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from enum import Enum
from typing import Any, TypeGuard
from urllib.parse import parse_qs, urlsplit

import orjson

from orderflow_dash.simulator.market.intervals import BINANCE_KLINES

MESSAGES_PER_SECOND = 10
MAX_STREAMS = 1024

_MARKET_SUFFIXES = frozenset(
    (
        *("aggTrade", "ticker", "miniTicker", "markPrice", "markPrice@1s", "forceOrder"),
        *(f"kline_{interval}" for interval in BINANCE_KLINES),
        *(f"continuousKline_{interval}" for interval in BINANCE_KLINES),
    )
)
_MARKET_ARRAYS = frozenset(
    (
        *("!ticker@arr", "!miniTicker@arr", "!markPrice@arr", "!markPrice@arr@1s"),
        *("!forceOrder@arr", "!contractInfo"),
    )
)
_PUBLIC_SUFFIXES = frozenset(("trade",))
_METHODS = ("SUBSCRIBE", "UNSUBSCRIBE", "LIST_SUBSCRIPTIONS", "SET_PROPERTY", "GET_PROPERTY")


class StreamRoute(Enum):
    """The part of the exchange that a path selects; each delivers only its own streams."""

    MARKET = "market"
    PUBLIC = "public"
    PRIVATE = "private"
    LEGACY = "legacy"  # the un-routed path: acks everything, delivers as PUBLIC does

    def delivers(self, stream: str) -> bool:
        """Whether a stream of this name sends data on this route."""
        symbol, _, suffix = stream.partition("@")
        if self is StreamRoute.MARKET:
            return stream in _MARKET_ARRAYS or (suffix in _MARKET_SUFFIXES and symbol.islower())
        if self is StreamRoute.PRIVATE:
            return False
        return suffix in _PUBLIC_SUFFIXES and symbol.islower()


@dataclass(frozen=True, slots=True)
class Address:
    """The route and streams that the path of a WebSocket handshake requests."""

    route: StreamRoute
    combined: bool
    streams: tuple[str, ...]


def address(path: str) -> Address | None:
    """Reads ``/market/ws/a/b``, ``/public/stream?streams=a/b``, ``/ws`` and so on; None for anything else."""
    parts = urlsplit(path)
    names = [name for name in parts.path.split("/") if name]
    route = StreamRoute.LEGACY
    if names and names[0] in ("market", "public", "private"):
        route = StreamRoute(names.pop(0))
    if not names or names[0] not in ("ws", "stream"):
        return None
    combined = names[0] == "stream"
    if combined:
        listed = [
            name for value in parse_qs(parts.query).get("streams", []) for name in value.split("/") if name
        ]
    else:
        listed = names[1:]
    return Address(route, combined, tuple(listed))


@dataclass
class BinanceSession:
    """The control messages of one connection.

    ``receive`` takes a text frame and returns the reply's text; it raises ``TooManyRequests`` when
    the venue would cut the connection.
    """

    route: StreamRoute
    combined: bool
    streams: dict[str, None] = field(default_factory=dict)  # a set that keeps its order
    _times: deque[float] = field(default_factory=deque)

    def receive(self, text: str | bytes, now: float) -> str:
        """The reply to a control frame that arrived at ``now`` (seconds of any steady clock)."""
        self._throttle(now)
        try:
            message = orjson.loads(text)
        except orjson.JSONDecodeError:
            return _error(3, "Invalid JSON: expected value at line 1 column 1")
        if not isinstance(message, dict):
            return _error(2, "Invalid request: expected a JSON object")
        return self._answer(message)

    def _throttle(self, now: float) -> None:
        self._times.append(now)
        while self._times and self._times[0] <= now - 1.0:
            self._times.popleft()
        if len(self._times) > MESSAGES_PER_SECOND:
            raise TooManyRequests

    def _answer(self, message: dict[str, Any]) -> str:
        method, params, number = message.get("method"), message.get("params", []), message.get("id")
        if "method" not in message:
            return _error(2, "Invalid request: missing field `method`")
        if method not in _METHODS:
            return _error(
                2, f"Invalid request: unknown variant `{method}`, expected one of {', '.join(_METHODS)}"
            )
        if not _is_id(number):
            return _error(2, "Invalid request: request ID must be an unsigned integer")
        if not isinstance(params, list):
            return _error(2, "Invalid request: params must be an array")
        if method == "LIST_SUBSCRIPTIONS":
            return _result(list(self.streams), number)
        if method in ("SET_PROPERTY", "GET_PROPERTY"):
            return self._property(method, params, number)
        if not all(isinstance(name, str) for name in params):
            return _error(2, "Invalid request: stream name must be a string")
        if method == "UNSUBSCRIBE":
            for name in params:
                self.streams.pop(name, None)
        elif len({*self.streams, *params}) > MAX_STREAMS:
            return orjson.dumps(
                {"error": {"code": 4, "msg": "Too many subscriptions"}, "id": number}
            ).decode()
        else:
            self.streams.update(dict.fromkeys(params))
        return _result(None, number)

    def _property(self, method: str, params: list[Any], number: int | str) -> str:
        if not params or not isinstance(params[0], str):
            return _error(2, "Invalid request: property name must be a string")
        if params[0] != "combined":
            return _error(0, "Unknown property")
        if len(params) > (2 if method == "SET_PROPERTY" else 1):
            return _error(2, "Invalid request: too many parameters")
        if method == "GET_PROPERTY":
            return _result(self.combined, number)
        if len(params) != 2 or not isinstance(params[1], bool):
            return _error(1, "Invalid value type: expected Boolean")
        self.combined = params[1]
        return _result(None, number)


class TooManyRequests(Exception):
    """More than ten messages within a second: the venue closes with 1008."""


def _is_id(number: object) -> TypeGuard[int | str]:
    """Whether it can be a request's id: the documentation says integers, the server accepts text too."""
    return isinstance(number, str) or (type(number) is int and number >= 0)


def _result(value: object, number: int | str) -> str:
    return orjson.dumps({"result": value, "id": number}).decode()


def _error(code: int, text: str) -> str:
    return orjson.dumps({"code": code, "msg": text}).decode()
