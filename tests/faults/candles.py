"""A socket client that stores the received candles, and the market's own to compare them with."""

from __future__ import annotations

import json
import time
from collections.abc import Iterable
from decimal import Decimal
from typing import Any

from websockets.sync.client import ClientConnection

from orderflow_dash.market import Venue
from orderflow_dash.simulator import SimulatedExchange
from orderflow_dash.simulator.market.source import Listing
from orderflow_dash.simulator.market.tape import Print


def parse(frame: str | bytes) -> Any:
    """A message with its numbers as Decimal, never float."""
    return json.loads(frame, parse_float=Decimal)


class CandleReader:
    """Follows one view over the socket; ``candles`` holds the newest state of each, by open."""

    def __init__(self, socket: ClientConnection) -> None:
        self.socket = socket
        self.candles: dict[int, dict[str, Any]] = {}
        self.last: dict[str, Any] = {}  # message
        self.messages: list[str] = []
        self.states: list[str] = []
        self.finals: list[int] = []  # opens of candles that arrived closed, in order
        self.cvd_from: int | None = None

    def read(self, seconds: float = 0.2) -> bool:
        """Takes one message; False after a timeout."""
        try:
            message = parse(self.socket.recv(timeout=seconds))
        except TimeoutError:
            return False
        self.last = message
        self.messages.append(message["type"])
        if message["type"] == "snapshot":
            self.cvd_from = message["cvd_from"]
            self.candles = {candle["open_ts"]: candle for candle in message["candles"]}
        elif message["type"] == "delta":
            self._take(message["candle"])
        elif message["type"] == "status":
            self.states.append(message["state"])
        return True

    def drain(self) -> None:
        """Reads until no message arrives."""
        while self.read():
            pass

    def catch_up(self) -> None:
        """Reads the messages sent until now; a running market sends more."""
        now = time.time() * 1000
        while self.read() and not self._is_newest_after(now):
            pass

    def _is_newest_after(self, moment: float) -> bool:
        """Whether the last message is later than a moment (ms) and of the newest candle, which comes last."""
        last = self.last
        return (
            last["type"] == "delta"
            and last["server_ts"] > moment
            and last["candle"]["open_ts"] == max(self.candles)
        )

    def _take(self, candle: dict[str, Any]) -> None:
        known = self.candles.get(candle["open_ts"])
        assert known is None or candle["rev"] > known["rev"], "a revision came twice or went back"
        self.candles[candle["open_ts"]] = candle
        if candle["closed"]:
            self.finals.append(candle["open_ts"])


def assert_consistent(candles: Iterable[dict[str, Any]]) -> None:
    """Level sums equal totals, delta is ask less bid, CVD steps equal deltas, extremes hold the delta."""
    before: Decimal | None = None
    for candle in candles:
        for side in ("bid", "ask", "n"):
            assert sum(level[side] for level in candle["levels"]) == candle[side]
        prices = [level["p"] for level in candle["levels"]]
        assert prices == sorted(set(prices), reverse=True)
        assert candle["delta"] == candle["ask"] - candle["bid"]
        assert candle["min_delta"] <= min(0, candle["delta"])
        assert candle["max_delta"] >= max(0, candle["delta"])
        assert candle["low"] <= min(candle["open"], candle["close"])
        assert candle["high"] >= max(candle["open"], candle["close"])
        assert before is None or candle["cvd"] - before == candle["delta"]
        before = candle["cvd"]


Truth = dict[int, dict[str, Any]]
"""A market's own minutes, by open: OHLC, bid, ask, n, and levels by price."""


def truth(exchange: SimulatedExchange, symbol: str, venue: Venue) -> Truth:
    """The market's own minutes, from all trades that it keeps."""
    listing = next(
        each for each in exchange.source.listings if each.symbol == symbol and venue in each.venues
    )
    tape = exchange.source.tape(listing)
    return minutes_of(listing, tape.prints(0, len(tape)))


def minutes_of(listing: Listing, prints: Iterable[Print]) -> Truth:
    """The minutes that all prints of a symbol make."""
    minutes: Truth = {}
    for trade in prints:
        if not trade.quantity:
            continue
        price = Decimal(listing.price.text(trade.price))
        quantity = Decimal(listing.quantity.text(abs(trade.quantity)))
        minute = minutes.setdefault(
            trade.time // 60_000 * 60_000,
            {
                "open": price,
                "high": price,
                "low": price,
                "bid": Decimal(0),
                "ask": Decimal(0),
                "n": 0,
                "levels": {},
            },
        )
        minute["high"] = max(minute["high"], price)
        minute["low"] = min(minute["low"], price)
        minute["close"] = price
        minute["n"] += 1
        side = "ask" if trade.quantity > 0 else "bid"
        minute[side] += quantity
        level = minute["levels"].setdefault(price, {"bid": Decimal(0), "ask": Decimal(0), "n": 0})
        level[side] += quantity
        level["n"] += 1
    return minutes


def assert_equals_truth(candle: dict[str, Any], minute: dict[str, Any]) -> None:
    """A one-minute candle at step = tick is the market's own minute, to the last digit."""
    for name in ("open", "high", "low", "close", "bid", "ask", "n"):
        assert candle[name] == minute[name], f"{name} of {candle['open_ts']}"
    levels = {level["p"]: {name: level[name] for name in ("bid", "ask", "n")} for level in candle["levels"]}
    assert levels == minute["levels"]
