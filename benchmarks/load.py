"""``make load``: the app under a team's load, with its clients and its venue on the same machine.

Every figure is of the app's own process, as ``orderflow-dash serve`` runs it, on a venue that sends trades at
an even pace. Exits with 1 if a bar is not met; ``python -m benchmarks.load viewers`` runs one part.
"""

from __future__ import annotations

import os
import socket as tcp
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.error import URLError
from urllib.request import urlopen

import orjson
from websockets.sync.client import connect

from benchmarks.load_venue import symbols

SOCKETS = 500
VIEWERS = 400  # panels without sockets
FULL_VIEWERS = 200  # panels with one socket each
POLL_BAR_MS = 50
EMIT_MS = 300
_WATCH_S = 100.0
_PAGES = 40
_PATIENCE_S = 90.0

Row = tuple[str, float, float, str]  # figure, value, most that it may be, unit


@dataclass
class App:
    """A running app."""

    root: str
    process: int  # the serving one

    def health(self) -> dict[str, object]:
        """The answer of ``/health``."""
        with urlopen(f"{self.root}/health", timeout=30) as answer:  # noqa: S310 - our own server
            health: dict[str, object] = orjson.loads(answer.read())
        return health

    def feed(self, name: str) -> float:
        """A figure of Binance's feed."""
        feeds = self.health()["feeds"]
        return float(feeds["binance"][name] or 0)  # type: ignore[index]

    def cpu_s(self) -> float:
        """Processor time used so far."""
        fields = Path(f"/proc/{self.process}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def resident_mb(self) -> float:
        """Memory held now."""
        return int(Path(f"/proc/{self.process}/statm").read_text().split()[1]) * 4096 / 1e6


@contextmanager
def running(count: int, every_ms: int, **settings: str) -> Iterator[App]:
    """An app on a venue of ``count`` perpetuals, each with a trade every ``every_ms``."""
    with ExitStack() as stack:
        venue = stack.enter_context(_process("benchmarks.load_venue", str(count), str(every_ms)))
        at = f"127.0.0.1:{int(_line(venue))}"
        folder = stack.enter_context(tempfile.TemporaryDirectory())
        environment = {
            "BINANCE_FUTURES_WS": f"ws://{at}",
            "BINANCE_FUTURES_REST": f"http://{at}",
            "BYBIT_WS_LINEAR": f"ws://{at}",  # not a Bybit: it has no viewers
            "BYBIT_REST": f"http://{at}",
            "DATABASE_URL": f"sqlite:///{folder}/history.sqlite3",
            "ORDERFLOW_BACKFILL_MINUTES": "0",
            "ORDERFLOW_MAX_SOCKETS": str(SOCKETS),
            "ORDERFLOW_MAX_SOCKETS_PER_CLIENT": str(SOCKETS),  # all of them come from here
            "ORDERFLOW_SOCKET_RATE": "100000",
            "ORDERFLOW_LOG_LEVEL": "WARNING",
        }
        yield stack.enter_context(server(None, **{**environment, **settings}))


@contextmanager
def server(log: Path | None, **settings: str) -> Iterator[App]:
    """A ready app with these settings and without the demo; its log goes to a file."""
    with tcp.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    command = ("orderflow_dash", "serve", "--no-demo", "--port", str(port))
    with _process(*command, log=log, **settings) as arbiter:
        root = f"http://127.0.0.1:{port}"
        _wait_for(f"{root}/ready")
        children = Path(f"/proc/{arbiter.pid}/task/{arbiter.pid}/children").read_text().split()
        yield App(root, int(children[0]))


@contextmanager
def _process(
    module: str, *arguments: str, log: Path | None = None, **environment: str
) -> Iterator[subprocess.Popen[str]]:
    with ExitStack() as stack:
        errors = None if log is None else stack.enter_context(log.open("w"))
        process = subprocess.Popen(  # noqa: S603
            [sys.executable, "-m", module, *arguments],
            env={**os.environ, **environment},
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
        )
        try:
            yield process
        finally:
            process.terminate()
            process.communicate(timeout=30)


def _wait_for(url: str) -> None:
    deadline = time.monotonic() + _PATIENCE_S
    while True:
        try:
            urlopen(url, timeout=5).close()  # noqa: S310
        except (URLError, OSError):
            if time.monotonic() > deadline:
                raise
            time.sleep(0.1)
        else:
            return


def _line(process: subprocess.Popen[str]) -> str:
    line = process.stdout.readline().strip() if process.stdout is not None else ""
    if not line:
        raise RuntimeError("a process of the load test ended without output")
    return line


def sockets() -> list[Row]:
    """500 clients of 10 symbols with 2,000 trades a second in all."""
    count, every_ms = 10, 5
    with running(count, every_ms) as app:
        root = app.root.replace("http", "ws")
        place = (root, str(SOCKETS), str(count), str(every_ms), str(EMIT_MS), str(_WATCH_S))
        with ExitStack() as stack:
            for name in symbols(count):  # starts the series, so that the difference is that of sockets
                stack.enter_context(_one(root, name))
            time.sleep(5)
            before = app.resident_mb()
        time.sleep(1)
        with _process("benchmarks.load_clients", *place) as clients:
            _expect(_line(clients), "ready")
            per_socket = (app.resident_mb() - before) * 1000 / SOCKETS
            refusal, pages = _beyond(app, root)
            _expect(_line(clients), "listening")
            started, used = time.monotonic(), app.cpu_s()
            seen = orjson.loads(_line(clients))
            share = (app.cpu_s() - used) / (time.monotonic() - started)
    if not seen["finals"]:
        raise RuntimeError("no candle was final")
    return [
        (f"{SOCKETS} sockets, 10 symbols: lateness of a delta, p99", seen["p99_ms"], EMIT_MS + 100, "ms"),
        ("  the same, median", seen["median_ms"], EMIT_MS + 100, "ms"),
        ("  of one core", 100 * share, 60, "%"),
        ("  resident memory of a socket", per_socket, 100, "KB"),
        (f"  final candles missed, of {seen['finals'] + seen['missed']:,}", seen["missed"], 0, ""),
        (
            f"  socket {SOCKETS + 1} not refused as too_many_clients",
            float(refusal != "too_many_clients"),
            0,
            "",
        ),
        ("  a page at the same time, median", statistics.median(pages), 50, "ms"),
        ("  a page at the same time, slowest of 40", max(pages), 50, "ms"),
    ]


@contextmanager
def _one(root: str, symbol: str) -> Iterator[None]:
    url = f"{root}/ws/orderflow?exchange=binance&symbol={symbol}"
    with connect(url, max_size=None, ping_interval=None) as client:  # it reads no pong either
        client.recv(timeout=30)
        yield


def _beyond(app: App, root: str) -> tuple[str, list[float]]:
    """The code that refuses one client too many, and the times (ms) of pages at the socket limit."""
    with connect(f"{root}/ws/orderflow?exchange=binance&symbol=BTCUSDT") as client:
        message = orjson.loads(client.recv(timeout=30))
    times = []
    for _ in range(_PAGES):
        start = time.monotonic()
        urlopen(app.root, timeout=30).close()  # noqa: S310
        times.append((time.monotonic() - start) * 1000)
    return str(message.get("code", message["type"])), times


def _expect(line: str, wanted: str) -> None:
    if line != wanted:
        raise RuntimeError(f"the clients printed {line!r} instead of {wanted!r}")


def many_symbols() -> list[Row]:
    """200 symbols with 20,000 trades a second in all, each with a viewer."""
    count, every_ms = 200, 10
    names = "ORDERFLOW_MAX_SERIES", "ORDERFLOW_MAX_SERIES_PER_CLIENT", "ORDERFLOW_MAX_VIEWS_PER_CLIENT"
    with running(count, every_ms, **dict.fromkeys(names, str(count))) as app:
        root = app.root.replace("http", "ws")
        place = (root, str(count), str(count), str(every_ms), "1000", str(_WATCH_S))
        with _process("benchmarks.load_clients", *place) as clients:
            _expect(_line(clients), "ready")
            _expect(_line(clients), "listening")
            started, used, trades = time.monotonic(), app.cpu_s(), app.feed("trades")
            ages = []
            while time.monotonic() < started + _WATCH_S - 5:
                ages.append(app.feed("age_ms"))
                time.sleep(0.5)
            took = time.monotonic() - started
            share, pace = (app.cpu_s() - used) / took, (app.feed("trades") - trades) / took
            resident, gaps, differing = app.resident_mb(), app.feed("gaps"), _differing(app)
            seen = orjson.loads(_line(clients))
    return [
        (f"{count} symbols: trades a second missing to 20,000", max(0.0, 20_000 - pace), 400, ""),
        ("  age of the feed, worst", max(ages), 1_000, "ms"),
        ("  lateness of a delta at emit_ms 1000, p99", seen["p99_ms"], 2_000, "ms"),
        ("  of one core", 100 * share, 90, "%"),
        ("  resident memory", resident, 700, "MB"),
        ("  gaps, and minutes that differ from the venue's", gaps + differing, 0, ""),
        (f"  final candles missed, of {seen['finals'] + seen['missed']:,}", seen["missed"], 0, ""),
    ]


def _differing(app: App) -> float:
    """Minutes that differ from the venue's; RuntimeError if none is equal."""
    minutes = app.health()["feeds"]["binance"]["klines"]  # type: ignore[index]
    if not minutes["verified"]:
        raise RuntimeError("no minute was compared with the venue's")
    return float(minutes["differing"])


def viewers() -> list[Row]:
    """400 open panels of 10 symbols with 2,000 trades a second in all."""
    count, every_ms = 10, 5
    with running(count, every_ms, **_panel_limits(VIEWERS)) as app:
        place = (app.root, str(VIEWERS), str(count), str(_WATCH_S))
        with _process("benchmarks.load_viewers", *place) as clients:
            _expect(_line(clients), "polling")
            start, used = time.monotonic(), app.cpu_s()
            seen = orjson.loads(_line(clients))
            share = (app.cpu_s() - used) / (time.monotonic() - start)
    return [
        *_poll_rows(f"{VIEWERS} panels at 1 Hz, 10 symbols", VIEWERS, seen),
        ("  of one core", 100 * share, 100, "%"),
    ]


def viewers_with_sockets() -> list[Row]:
    """200 open panels, each with its socket, of 10 symbols with 2,000 trades a second in all."""
    count, every_ms = 10, 5
    with running(count, every_ms, **_panel_limits(FULL_VIEWERS)) as app:
        root = app.root.replace("http", "ws")
        listening = (root, str(FULL_VIEWERS), str(count), str(every_ms), str(EMIT_MS), str(_WATCH_S + 30))
        polling = (app.root, str(FULL_VIEWERS), str(count), str(_WATCH_S))
        with _process("benchmarks.load_clients", *listening) as sockets:
            _expect(_line(sockets), "ready")
            _expect(_line(sockets), "listening")
            with _process("benchmarks.load_viewers", *polling) as clients:
                _expect(_line(clients), "polling")
                start, used = time.monotonic(), app.cpu_s()
                seen = orjson.loads(_line(clients))
                share = (app.cpu_s() - used) / (time.monotonic() - start)
            deltas = orjson.loads(_line(sockets))
    return [
        *_poll_rows(f"{FULL_VIEWERS} panels with sockets, 10 symbols", FULL_VIEWERS, seen),
        ("  lateness of a delta, p99", deltas["p99_ms"], EMIT_MS + 100, "ms"),
        ("  of one core", 100 * share, 100, "%"),
    ]


def _panel_limits(count: int) -> dict[str, str]:
    return {"ORDERFLOW_MAX_PANELS_PER_CLIENT": str(count), "ORDERFLOW_UPDATE_RATE": str(2 * count)}


def _poll_rows(what: str, count: int, seen: dict[str, float]) -> list[Row]:
    answers = seen["answers"]
    return [
        (f"{what}: a callback, p99", seen["p99_ms"], POLL_BAR_MS, "ms"),
        ("  the same, median", seen["median_ms"], POLL_BAR_MS, "ms"),
        ("  polls missing, of one per panel and second", count * _WATCH_S - answers, count, ""),
        ("  answers without news although all symbols trade", answers - seen["fresh"], answers / 100, ""),
    ]


PARTS = {each.__name__: each for each in (sockets, viewers, viewers_with_sockets, many_symbols)}


def main(names: list[str]) -> None:
    """Print the table of these parts, or of all."""
    print(f"{'figure':64}{'measured':>14}{'bar':>14}", flush=True)
    failed = False
    for part in names or PARTS:
        for name, value, most, unit in PARTS[part]():
            failed |= value > most
            print(f"{name:64}{value:>10,.0f} {unit:3}{most:>10,.0f} {unit:3}", flush=True)
    sys.exit(failed)


if __name__ == "__main__":
    main(sys.argv[1:])
