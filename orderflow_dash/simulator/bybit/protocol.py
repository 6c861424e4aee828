"""Bybit v5's public linear protocol without I/O: topics, operations and their replies."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import orjson

from orderflow_dash.simulator.market.intervals import BYBIT_KLINES

MAX_ARGS_TEXT = 21_000
PATH = "/v5/public/linear"
TRADES_PER_MESSAGE = 1024

_KINDS = ("publicTrade", "tickers", "allLiquidation", *(f"kline.{interval}" for interval in BYBIT_KLINES))


def topic_symbol(topic: str) -> tuple[str, str] | None:
    """From ``publicTrade.BTCUSDT`` or ``kline.1.BTCUSDT``: kind and symbol; None for no topic."""
    kind, _, symbol = topic.rpartition(".")
    return (kind, symbol) if kind in _KINDS and symbol else None


@dataclass
class BybitSession:
    """The control messages of one connection.

    ``known`` says whether a topic has a handler. ``receive`` returns the replies' texts and records in
    ``fresh`` the topics that this message added.
    """

    connection_id: str
    known: Callable[[str], bool]
    topics: dict[str, None] = field(default_factory=dict)
    fresh: list[str] = field(default_factory=list)

    def receive(self, text: str | bytes) -> str:
        """The reply to an operation."""
        self.fresh = []
        try:
            message = orjson.loads(text)
        except orjson.JSONDecodeError:
            return self._reply(None, "", "", "error:invalid JSON")
        if not isinstance(message, dict):
            return self._reply(None, "", "", "error:invalid request")
        operation, number = message.get("op"), message.get("req_id", "")
        number = number if isinstance(number, str) else ""
        if operation == "ping":
            return self._reply("pong", number, "ping", None)
        if operation not in ("subscribe", "unsubscribe"):
            return self._reply(None, number, str(operation), f"error:unknown op {operation}")
        return self._topics(operation, number, message.get("args"))

    def _topics(self, operation: str, number: str, args: object) -> str:
        if not isinstance(args, list) or not args or not all(isinstance(topic, str) for topic in args):
            return self._reply(None, number, operation, "error:invalid args")
        if operation == "unsubscribe":
            for topic in args:
                self.topics.pop(topic, None)
            return self._reply("", number, operation, None)
        if sum(map(len, {*self.topics, *args})) > MAX_ARGS_TEXT:
            return self._reply(None, number, operation, "error:args size exceeds 21000")
        for topic in args:
            if topic in self.topics:
                return self._reply(None, number, operation, f"error:already subscribed,topic:{topic}")
            # One unknown topic rejects the whole batch.
            if not self.known(topic):
                return self._reply(None, number, operation, f"error:handler not found,topic:{topic}")
        self.fresh = list(dict.fromkeys(args))
        self.topics.update(dict.fromkeys(args))
        return self._reply("", number, operation, None)

    def _reply(self, good: str | None, number: str, operation: str, bad: str | None) -> str:
        body = {
            "success": bad is None,
            "ret_msg": good if bad is None else bad,
            "conn_id": self.connection_id,
            "req_id": number,
            "op": operation,
        }
        return orjson.dumps(body).decode()
