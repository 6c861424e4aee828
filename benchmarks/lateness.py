"""How late deltas and pages are while the app repairs, and while klines are slow.

``python -m benchmarks.lateness``; part of ``make bench``. The app runs as its own process on a simulated
exchange in real time. A delta's lateness is that of the oldest trade that it is the first to hold: from
the time at which the exchange sent the trade (``E``) to the delta's arrival at a socket client. So it
includes the wait for the next emission, up to ``EMIT_MS``. Only the live candle counts, because repaired
trades are late by nature.
"""

from __future__ import annotations

import json
import os
import socket as tcp
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any
from urllib.error import URLError
from urllib.request import urlopen

from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect

from benchmarks.page_client import PageClient
from orderflow_dash.simulator import SimulatedExchange, SyntheticMarket
from orderflow_dash.simulator.command import environment

EMIT_MS = 300
ALLOWED_MS = EMIT_MS + 150
LOST = 5_000  # trades of one repair, at least
CLIENTS = 4

_SYMBOL, _STREAM = "BTCUSDT", "btcusdt@aggTrade"
_MINUTE_MS = 60_000
_PAGE_MS = 100  # typical duration of a REST page
_SLOW_KLINES_MS = 4_000
_LEAP_MS = 10_000  # market time of a leap while trades are dropped
_BEFORE_MS = 600
_PATIENCE_S = 45.0


@dataclass
class Lateness:
    """Lateness of every delta, and duration of every page, ms."""

    deltas: list[float] = field(default_factory=list)
    pages: list[float] = field(default_factory=list)


def p99(values: list[float]) -> float:
    """The 99th percentile; of fewer than a hundred values the largest."""
    return sorted(values)[-1 - len(values) // 100]


class _Listener(threading.Thread):
    """A socket that keeps every message with the time of its arrival (monotonic, s)."""

    def __init__(self, url: str) -> None:
        super().__init__(daemon=True)
        self.messages: list[tuple[float, str | bytes]] = []
        self._url = url
        self._over = threading.Event()

    def run(self) -> None:
        """Reads until it is stopped or the connection ends."""
        with connect(self._url, max_size=1 << 26, proxy=None) as socket, suppress(ConnectionClosed):
            while not self._over.is_set():
                with suppress(TimeoutError):
                    message = socket.recv(timeout=0.5)
                    self.messages.append((time.monotonic(), message))

    def stop(self) -> None:
        self._over.set()
        self.join()


@dataclass
class Bench:
    """The app on its exchange, with its clients."""

    exchange: SimulatedExchange
    market: SyntheticMarket
    sent: _Listener  # the exchange's frames of the symbol
    clients: list[_Listener]
    page: PageClient
    url: str

    def repaired(self) -> int:
        """Trades that the app has fetched so far."""
        with urlopen(f"{self.url}/health", timeout=10) as answer:  # noqa: S310 - our own server
            return int(json.loads(answer.read())["feeds"]["binance"]["repaired"])

    def leap(self, milliseconds: int) -> None:
        """Moves the market's clock: all trades in between come at once."""
        self.market.start_ms += milliseconds
        self.exchange.rouse()

    def start_minute(self) -> tuple[int, float]:
        """Leaps to just before a new minute, and waits until its trades are out.

        Returns the minute's open (ms), and the offset from market seconds to monotonic seconds.
        """
        now = self.market.now()
        open_ts = now - now % _MINUTE_MS + _MINUTE_MS
        self.leap(max(0, open_ts - _BEFORE_MS - now))
        _wait(lambda: self.market.now() >= open_ts - _BEFORE_MS // 2, "the leap is over")
        return open_ts, time.monotonic() - self.market.now() / 1000

    def lose(self) -> tuple[int, float]:
        """Drops trades up to just before a new minute; returns as ``start_minute``."""
        faults = self.exchange.faults
        until = faults.counts.get("drop", 0) + LOST
        faults.drop(1 << 60, _STREAM)
        while (dropped := faults.counts.get("drop", 0)) < until:
            self.leap(_LEAP_MS)
            _wait(lambda before=dropped: faults.counts.get("drop", 0) > before, "trades are dropped")
        open_ts, offset = self.start_minute()
        faults.clear("drop")
        if self.market.now() >= open_ts:
            raise TimeoutError("the machine was too slow for a complete minute")
        return open_ts, offset

    def states(self) -> list[tuple[float, str]]:
        """The times and states that the first client received."""
        parsed = ((at, json.loads(text)) for at, text in list(self.clients[0].messages))
        return [(at, each["state"]) for at, each in parsed if each["type"] == "status"]

    def observe(self, open_ts: int, offset: float, started: float, ended: float, into: Lateness) -> None:
        """Records the lateness of a minute's deltas and the duration of pages between two times."""
        seen = [list(_candles(list(client.messages), open_ts)) for client in self.clients]
        most = max((candle["n"] for deltas in seen for _, candle in deltas), default=0)
        _wait(lambda: len(self._sent(open_ts)) >= most, "the exchange's stream has caught up")
        sent = [event_ms / 1000 + offset for event_ms in self._sent(open_ts)]
        for deltas in seen:
            received = 0
            for at, candle in deltas:
                if candle["n"] > received and started <= at <= ended:
                    into.deltas.append((at - sent[received]) * 1000)
                received = max(received, candle["n"])
        into.pages += [took * 1000 for at, took in self.page.answers if started <= at <= ended]

    def _sent(self, open_ts: int) -> list[int]:
        """The market times (ms) at which the exchange sent the trades of a minute, in order."""
        frames = (json.loads(text)["data"] for _, text in list(self.sent.messages))
        return [each["E"] for each in frames if open_ts <= each["T"] < open_ts + _MINUTE_MS]


def _candles(
    messages: list[tuple[float, str | bytes]], open_ts: int
) -> Iterator[tuple[float, dict[str, Any]]]:
    """Every delta of a candle with its time of arrival."""
    for at, text in messages:
        message = json.loads(text)
        if message["type"] == "delta" and message["candle"]["open_ts"] == open_ts:
            yield at, message["candle"]


@contextmanager
def running(clients: int = CLIENTS) -> Iterator[Bench]:
    """Everything started and live, after some minutes."""
    market = SyntheticMarket(seed=3)
    with SimulatedExchange(market) as exchange, _app(exchange) as url, ExitStack() as stack:
        sent = _Listener(f"{exchange.ws_root}/market/stream?streams={_STREAM}")
        root = url.replace("http", "ws")
        query = f"exchange=binance&symbol={_SYMBOL}&emit_ms={EMIT_MS}"
        listeners = [sent, *(_Listener(f"{root}/ws/orderflow?{query}") for _ in range(clients))]
        page = PageClient(url, {"exchange": "binance", "symbol": _SYMBOL, "tf": "1m", "step": "0.5"})
        bench = Bench(exchange, market, sent, listeners[1:], page, url)
        for each in listeners:
            each.start()
            stack.callback(each.stop)
        _wait(lambda: bench.states()[-1:] and bench.states()[-1][1] == "live", "the symbol is live")
        page.start()
        stack.callback(page.stop)
        yield bench


def while_repairing(bench: Bench, rounds: int) -> Lateness:
    """During repeated repairs of 5,000 trades, from a venue with realistic delays."""
    found = Lateness()
    bench.exchange.faults.slow(_PAGE_MS)
    for _ in range(rounds):
        before = time.monotonic()
        open_ts, offset = bench.lose()
        started = time.monotonic()
        _wait(lambda since=before: _repaired(bench, since), "the trades are backfilled")
        bench.observe(open_ts, offset, started, bench.states()[-1][0], found)
    bench.exchange.faults.clear("slow")
    return found


def while_klines_are_slow(bench: Bench, seconds: float) -> Lateness:
    """While each request for klines takes seconds."""
    found = Lateness()
    faults = bench.exchange.faults
    asked = faults.counts.get("slow", 0)
    faults.slow(_SLOW_KLINES_MS, path="*klines")
    open_ts, offset = bench.start_minute()  # the minute before is closed and is compared
    _wait(lambda: faults.counts.get("slow", 0) > asked, "klines are asked for")
    started = time.monotonic()
    _wait(lambda: time.monotonic() > started + seconds, "time has passed")
    bench.observe(open_ts, offset, started, time.monotonic(), found)
    faults.clear("slow")
    return found


def _repaired(bench: Bench, since: float) -> bool:
    """Whether a repair started and ended since a time."""
    received = [state for at, state in bench.states() if at > since]
    return received[-1:] == ["live"] and "repairing" in received


@contextmanager
def _app(exchange: SimulatedExchange) -> Iterator[str]:
    """The app as its own process on an exchange; its root."""
    with tcp.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "orderflow_dash", "serve", "--no-demo", "--port", str(port)]
    settings = {
        **environment(exchange),
        "ORDERFLOW_BACKFILL_MINUTES": "0",
        "ORDERFLOW_VERIFY_INTERVAL_S": "1",
    }
    process = subprocess.Popen(  # noqa: S603
        command, env={**os.environ, **settings}, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    url = f"http://127.0.0.1:{port}"
    try:
        _wait(lambda: _answers(f"{url}/ready"), "the app is up")
        yield url
    finally:
        process.terminate()
        process.wait(15)


def _answers(url: str) -> bool:
    try:
        urlopen(url, timeout=5).close()  # noqa: S310
    except (URLError, OSError):
        return False
    return True


def _wait(condition: Callable[[], object], what: str) -> None:
    deadline = time.monotonic() + _PATIENCE_S
    while not condition():
        if time.monotonic() > deadline:
            raise TimeoutError(f"not within {_PATIENCE_S:.0f} s: {what}")
        time.sleep(0.02)


def rows() -> list[tuple[str, str, str, str, str]]:
    """For the table of ``make bench``: p99 instead of the best, and the median."""
    with running() as bench:
        found = {
            # In this order, because repairs use up the venue's request weight.
            "while klines take 4 s": while_klines_are_slow(bench, 20),
            f"while {LOST:,} trades are backfilled": while_repairing(bench, 10),
        }

    def row(name: str, values: list[float], bar: str) -> tuple[str, str, str, str, str]:
        return f"{name}, p99", f"{p99(values):.0f} ms", f"{statistics.median(values):.0f} ms", "", bar

    table = []
    for name, lateness in found.items():
        table.append(row(f"lateness of deltas {name}", lateness.deltas, f"{ALLOWED_MS} ms"))
        table.append(row(f"  response to a page {name}", lateness.pages, ""))
    return table


if __name__ == "__main__":
    for line in rows():
        print(*line, sep="  ")
