"""``make soak``: half an hour of accelerated market, with clients coming and going and venues failing.

The app begins as one that has run for long: a day of every symbol is stored, which is the most that anybody
looks at here. It is a day of the market itself, whose prices wander: were less stored than is looked at, or
less wide, then what is looked at would grow for hours. A first round of clients comes and goes; what the app
holds then is its rest. The next stay. After their warm-up memory must be flat, and once they have gone too
the app must hold as many threads and files as after the first. Whatever it logs as an error is a failure.
MINUTES is how long.
"""

from __future__ import annotations

import os
import random
import statistics
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable
from contextlib import ExitStack, suppress
from pathlib import Path
from socket import SHUT_RDWR, create_connection
from urllib.error import HTTPError, URLError
from urllib.parse import urlsplit
from urllib.request import urlopen

from websockets.exceptions import WebSocketException
from websockets.sync.client import connect

from benchmarks.load import App, server
from orderflow_dash.footprint.hourly import SHELF_HOURS
from orderflow_dash.footprint.series import Series
from orderflow_dash.market import HOUR_MS, MINUTE_MS, Grid, Instrument, Quality
from orderflow_dash.server import PAGE_THREADS
from orderflow_dash.simulator import Listing, SimulatedExchange, SyntheticMarket
from orderflow_dash.simulator.command import environment
from orderflow_dash.store.minutes import to_stored
from orderflow_dash.store.store import Batch, open_store

SPEED = 20
SOCKETS = 24
_FIRST_S = 60.0
_WARM_UP = 0.3  # of the time
_EVERY_S = 5.0
_FAULT_S = 20.0
_REST_S = 25.0  # until what nobody watches any more is let go
_MOST = 1.05
_VIEWS = ("tf=1m&lookback=60", "tf=5m&lookback=60", "tf=1h&lookback=24")  # there is a day from the begin
_SETTINGS = {
    "ORDERFLOW_STALL": "3",
    "ORDERFLOW_RECONCILE": "1",
    "ORDERFLOW_HISTORY": "10",
    "ORDERFLOW_WINDOW": "60",
    "ORDERFLOW_GRACE": "2",
    "ORDERFLOW_MAX_SOCKETS": str(SOCKETS),
    "ORDERFLOW_MAX_SOCKETS_PER_CLIENT": str(SOCKETS),
    "ORDERFLOW_KEEP_MB": "50",
    "ORDERFLOW_LOG_LEVEL": "ERROR",
}


def a_market_of_a_day(url: str) -> SyntheticMarket:
    """A market that has traded for a day, which is stored; it goes on from there."""
    day_ms = SHELF_HOURS * HOUR_MS
    market = SyntheticMarket(seed=5, speed=SPEED, start_ms=time.time_ns() // 1_000_000 - day_ms)
    days = {
        listing: Series(day_ms // MINUTE_MS, grid=Grid.of(listing.price.value, listing.quantity.value))
        for listing in market.listings
    }
    for hour in range(1, SHELF_HOURS + 1):
        trades: dict[Listing, list[tuple[int, int, int, int]]] = {listing: [] for listing in days}
        for listing, _, trade in market.advance(market.start_ms + hour * HOUR_MS - 1):
            if trade.quantity:
                trades[listing].append((trade.time, trade.id, trade.price, trade.quantity))
        for listing, series in days.items():
            series.apply(trades[listing])
    market.start_ms += day_ms
    store = open_store(url)
    for listing, series in days.items():
        minutes = [to_stored(minute, series.grid, Quality.COMPLETE) for minute in series.minutes()[1:-1]]
        units = listing.price.value, listing.quantity.value
        for venue in listing.venues:
            instrument = Instrument(venue, listing.symbol, listing.base, listing.quote, *units)
            store.save([Batch(instrument, minutes)])
    store.close()
    return market


class Crowd:
    """Clients that come, look at something for a while and go, some of them without a word."""

    def __init__(self, root: str, symbols: list[str]) -> None:
        self._root = root
        self._symbols = symbols
        self._over = threading.Event()
        self._threads: list[threading.Thread] = []
        self._chance = random.Random(7)
        self.done: Counter[str] = Counter()

    def come(self) -> None:
        """Begin; more sockets than there are places for."""
        self._over.clear()
        tasks: list[Callable[[random.Random], None]] = [self._watch] * (SOCKETS + 4) + [self._browse] * 4
        self._threads = [
            threading.Thread(
                target=self._live, args=(task, random.Random(self._chance.random())), daemon=True
            )
            for task in tasks
        ]
        for thread in self._threads:
            thread.start()

    def go(self) -> None:
        """All of them end."""
        self._over.set()
        for thread in self._threads:
            thread.join(30)

    def _live(self, task: Callable[[random.Random], None], chance: random.Random) -> None:
        while not self._over.is_set():
            # A venue that is down, a place that is taken, a connection that is cut: clients live with it.
            with suppress(WebSocketException, URLError, OSError, TimeoutError):
                task(chance)
            self._over.wait(chance.uniform(0.1, 1.5))

    def _view(self, chance: random.Random) -> str:
        venue, symbol = chance.choice(("binance", "bybit")), chance.choice(self._symbols)
        return f"exchange={venue}&symbol={symbol}&{chance.choice(_VIEWS)}"

    def _watch(self, chance: random.Random) -> None:
        url = f"{self._root.replace('http', 'ws')}/ws/orderflow?{self._view(chance)}&emit_ms=200"
        until = time.monotonic() + chance.uniform(0.5, 20)
        with connect(url, max_size=None, open_timeout=20) as client:
            self.done["sockets"] += 1
            while time.monotonic() < until and not self._over.is_set():
                with suppress(TimeoutError):
                    client.recv(timeout=0.5)
            if chance.random() < 0.3:
                client.socket.shutdown(SHUT_RDWR)  # gone without a word

    def _browse(self, chance: random.Random) -> None:
        pages = ("", "health", "metrics", "help", f"embed?{self._view(chance)}", f"?{self._view(chance)}")
        exports = (f"api/export.csv?{self._view(chance)}&rows={rows}" for rows in ("candles", "levels"))
        with suppress(HTTPError):
            urlopen(f"{self._root}/{chance.choice((*pages, *exports))}", timeout=30).read()  # noqa: S310
        self.done["pages"] += 1


class Trouble(threading.Thread):
    """A venue that fails again and again, each time in another way."""

    def __init__(self, exchange: SimulatedExchange) -> None:
        super().__init__(daemon=True)
        self.done: Counter[str] = Counter()
        self._exchange = exchange
        self._over = threading.Event()

    def run(self) -> None:
        """A fault every so often, until stopped."""
        faults, chance = self._exchange.faults, random.Random(11)
        kinds: dict[str, Callable[[], None]] = {
            "cut": lambda: faults.close(None, 1006),
            "drop": lambda: faults.drop(chance.choice((1, 50, 2_000))),
            "refuse": lambda: faults.http(chance.choice((429, 418, 503)), retry_after=1, n=3),
            "repeat": lambda: faults.repeat(200),
            "reorder": lambda: faults.reorder(50),
            "garbage": faults.garbage,
            "stall": faults.stall,
        }
        while not self._over.wait(_FAULT_S):
            kind = chance.choice(list(kinds))
            kinds[kind]()
            self.done[kind] += 1
            if kind == "stall":
                self._over.wait(6)
                faults.clear("stall")

    def stop(self) -> None:
        """End it; what waits is taken back."""
        self._over.set()
        self.join()
        self._exchange.faults.clear()


def _threads(app: App) -> int:
    return len(os.listdir(f"/proc/{app.process}/task"))


def _files(app: App) -> int:
    return len(os.listdir(f"/proc/{app.process}/fd"))


def _begin_all_threads(app: App) -> None:
    """Take every thread there is for requests: one that is begun later would look like a leak."""
    with ExitStack() as held:
        for _ in range(SOCKETS + PAGE_THREADS):
            place = urlsplit(app.root)
            half_way = held.enter_context(create_connection((place.hostname, place.port)))
            half_way.sendall(b"GET /health HTTP/1.1\r\n")
        time.sleep(3)


def _sample(app: App, seconds: float) -> list[float]:
    until, found = time.monotonic() + seconds, []
    while time.monotonic() < until:
        time.sleep(_EVERY_S)
        found.append(app.resident_mb())
        print(f"  {found[-1]:6.1f} MB  {_threads(app):4} threads  {_files(app):4} files", flush=True)
    return found


def soak(minutes: float) -> bool:
    """Print what happens; whether all of it held."""
    with tempfile.TemporaryDirectory() as folder:
        store = f"sqlite:///{folder}/history.sqlite3"
        market = a_market_of_a_day(store)
        log = Path(folder, "errors.log")
        with (
            SimulatedExchange(market) as exchange,
            server(log, **environment(exchange), **_SETTINGS, DATABASE_URL=store) as app,
        ):
            symbols = [each.symbol for each in market.listings]
            crowd, trouble = Crowd(app.root, symbols), Trouble(exchange)
            trouble.start()
            _begin_all_threads(app)
            crowd.come()
            _sample(app, _FIRST_S)
            crowd.go()
            time.sleep(_REST_S)
            threads, files = _threads(app), _files(app)
            crowd.come()
            _sample(app, minutes * 60 * _WARM_UP)
            found = _sample(app, minutes * 60 * (1 - _WARM_UP))
            crowd.go()
            trouble.stop()
            time.sleep(_REST_S)
            after = _threads(app), _files(app)
        errors = log.read_text().splitlines()
    part = max(1, len(found) // 4)
    begin, end = statistics.median(found[:part]), statistics.median(found[-part:])
    print(f"clients: {dict(crowd.done)}; faults: {dict(trouble.done)}")
    print(f"resident memory, first and last quarter after the warm-up: {begin:.1f} and {end:.1f} MB")
    print(f"threads and files at rest: {threads} and {files}, in the end {after[0]} and {after[1]}")
    print(f"errors logged: {len(errors)}", *errors[:20], sep="\n")
    return end <= begin * _MOST and after[0] <= threads and after[1] <= files + 2 and not errors


if __name__ == "__main__":
    sys.exit(not soak(float(sys.argv[1])))
