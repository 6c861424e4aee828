"""A listing source that a test controls."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from decimal import Decimal

from orderflow_dash.feeds.rest import RestError
from orderflow_dash.market import Instrument, Ticker
from tests.exchanges.frames import instrument

BTC, ETH = instrument("BTCUSDT", "0.1", "0.001"), instrument("ETHUSDT", "0.01", "0.001")


class ScriptedListing:
    """A listing source whose answers a test sets."""

    poll_s = 0.01
    reload_s = 60.0

    def __init__(self) -> None:
        self.absent: dict[str, str] = {}
        self.statuses: dict[str, str] = {}
        self.asked_for: list[str] = []
        self.loads = 0
        self.changed: Callable[[], None] | None = None
        self.may_load = threading.Event()  # a load waits until it is set
        self.may_load.set()
        self.listed: dict[str, Instrument] = {"BTCUSDT": BTC}
        self.failure: Exception | None = None
        self.polls = 0
        self.watched: list[bool] = []
        self.closed = False
        self.times = 0
        self.clock_ahead: int | None = 0  # ms

    def load(self) -> dict[str, Instrument]:
        self.loads += 1
        self.may_load.wait()
        if self.failure is not None:
            raise self.failure
        return dict(self.listed)

    def poll(self, report) -> None:
        if self.failure is not None:
            raise self.failure
        self.polls += 1
        report([Ticker("BTCUSDT", last=Decimal(self.polls)), Ticker("UNLISTED", last=Decimal(1))])

    def time(self) -> int:
        self.times += 1
        if self.clock_ahead is None:
            raise RestError("HTTP 404", 404)
        return int(time.time() * 1000) + self.clock_ahead

    def attend(self, changed: Callable[[], None]) -> None:
        self.changed = changed

    def status_of(self, symbol: str) -> str:
        self.asked_for.append(symbol)
        if symbol == "BROKEN":
            raise RestError("HTTP 500", 500)
        return self.absent.get(symbol) or self.statuses.get(symbol, "")

    def watch(self, report) -> None:
        self.watched.append(report is not None)

    def close(self) -> None:
        self.closed = True
