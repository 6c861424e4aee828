"""Trades as a client received them, by minute and price, and the same minutes as the app serves them."""

from __future__ import annotations

import contextlib
import json
import threading
import time
from collections.abc import Callable
from decimal import Decimal
from typing import Any

from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection

MINUTE_MS = 60_000

Levels = dict[Decimal, tuple[Decimal, Decimal]]
"""By price: what was sold and what was bought by aggressors."""


class Ledger:
    """Counts trades by minute and price. Any thread may add."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._minutes: dict[int, dict[Decimal, list[Decimal]]] = {}
        self.trades = 0

    def add(self, time_ms: int, price: object, quantity: object, *, sell: bool) -> None:
        """Counts a trade; price and quantity as the client has them."""
        with self._lock:
            self.trades += 1
            levels = self._minutes.setdefault(time_ms - time_ms % MINUTE_MS, {})
            level = levels.setdefault(Decimal(str(price)), [Decimal(0), Decimal(0)])
            level[0 if sell else 1] += Decimal(str(quantity))

    def full_minutes(self) -> dict[int, Levels]:
        """Minutes that lie within the client's listening."""
        with self._lock:
            starts = sorted(self._minutes)[1:-1]
            return {
                start: {price: tuple(level) for price, level in self._minutes[start].items()}
                for start in starts
            }

    def wait_for(self, minutes: int, seconds: float = 20) -> dict[int, Levels]:
        """Full minutes, as soon as there are ``minutes`` of them."""
        end = time.monotonic() + seconds
        while len(found := self.full_minutes()) < minutes:
            assert time.monotonic() < end, f"{len(found)} full minutes of {self.trades} trades in {seconds} s"
            threading.Event().wait(0.02)
        return found


class ServedCandles:
    """The candles that ``/ws/orderflow`` sent, the newest state of each, read by a thread of its own."""

    def __init__(self, socket: ClientConnection) -> None:
        self._socket = socket
        self._candles: dict[int, dict[str, Any]] = {}
        self._news = threading.Condition()
        threading.Thread(target=self._read, daemon=True).start()
        # The stream runs before the client starts, so that the app has every trade that the client gets.
        self._wait(lambda: any(candle["levels"] for candle in self._candles.values()), "no trade was served")

    def _read(self) -> None:
        with contextlib.suppress(ConnectionClosed):
            for text in self._socket:
                message = json.loads(text, parse_float=Decimal)
                changed = message.get("candles", [message["candle"]] if "candle" in message else [])
                with self._news:
                    self._candles.update((candle["open_ts"], candle) for candle in changed)
                    self._news.notify_all()

    def _wait(self, condition: Callable[[], bool], failure: str) -> None:
        with self._news:
            assert self._news.wait_for(condition, timeout=10), failure

    def _whole(self, start: int) -> bool:
        candle = self._candles.get(start)
        return bool(candle and candle["closed"] and candle["quality"] in ("complete", "repaired"))

    def levels(self, start: int) -> Levels:
        """The levels of a closed candle; waits until it is served as whole."""
        self._wait(lambda: self._whole(start), f"the candle at {start} was not served as whole")
        return {
            Decimal(level["p"]): (Decimal(level["bid"]), Decimal(level["ask"]))
            for level in self._candles[start]["levels"]
        }


def assert_equal(minutes: dict[int, Levels], served: ServedCandles) -> None:
    """Every full minute has the levels that the app serves, and no other."""
    for start, levels in minutes.items():
        assert served.levels(start) == levels
