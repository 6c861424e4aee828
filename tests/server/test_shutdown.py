"""SIGTERM to the real server: clients get a close frame, closed minutes are stored, it ends in time."""

from __future__ import annotations

import json
import math
import os
import re
import signal
import socket
import sqlite3
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager, suppress
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection, connect

from benchmarks.page_client import PATH, panel_poll
from orderflow_dash.simulator import SimulatedExchange, SyntheticMarket
from orderflow_dash.simulator.command import environment
from tests.conftest import wait_until
from tests.test_commands import Program, running

SERVE = [sys.executable, "-m", "orderflow_dash", "serve", "--port", "0"]
AT_MOST_S = 4.5  # gunicorn cuts after 3 s what is open then
GOODBYE_S = 2.0  # until clients of the socket have their close frame
EVERY_TICK = "exchange=demo&symbol=BTCUSDT&tf=1h&step=0.1&emit_ms=50"  # hundreds of kilobytes a delta


@contextmanager
def serving(tmp_path: Path, *options: str, **environment: str) -> Iterator[Program]:
    """A server that is ready."""
    with running([*SERVE, *options], tmp_path / "log", **environment) as program:
        wait_until(program.ready, 30)
        yield program


def seconds_to_stop(program: Program) -> float:
    """Seconds from SIGTERM to the end of the process, which exits with 0."""
    start = time.monotonic()
    program.process.send_signal(signal.SIGTERM)
    assert program.process.wait(15) == 0
    return time.monotonic() - start


def listening(program: Program, query: str) -> ClientConnection:
    """A client of the socket."""
    root = program.url.replace("http", "ws")
    return connect(f"{root}/ws/orderflow?{query}", proxy=None, max_size=1 << 26)


def metric(program: Program, name: str) -> float:
    """One figure of /metrics."""
    text = httpx.get(f"{program.url}/metrics", trust_env=False).text
    found = re.search(rf"^{name} (\S+)$", text, re.MULTILINE)
    assert found is not None, name
    return float(found[1])


class Reader(threading.Thread):
    """Reads a socket to its end."""

    def __init__(self, websocket: ClientConnection) -> None:
        super().__init__(daemon=True)
        self.messages = 0
        self.code: int | None = None
        self.closed_at = math.inf  # monotonic
        self._websocket = websocket
        self.start()

    def run(self) -> None:
        try:
            while True:
                self._websocket.recv(timeout=30)
                self.messages += 1
        except ConnectionClosed as closed:
            self.closed_at = time.monotonic()
            self.code = closed.rcvd.code if closed.rcvd is not None else None


def stalled(program: Program) -> socket.socket:
    """A client that opened a busy stream and has read nothing since."""
    place = urlsplit(program.url)
    client = socket.socket()
    client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
    client.connect((place.hostname, place.port))
    client.sendall(
        f"GET /ws/orderflow?{EVERY_TICK} HTTP/1.1\r\nHost: {place.netloc}\r\nUpgrade: websocket\r\n"
        "Connection: Upgrade\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n"
        "Sec-WebSocket-Version: 13\r\n\r\n".encode()
    )
    return client


def is_stuck(program: Program) -> bool:
    """Whether no delta was sent for a second: a send waits for its reader."""
    before = metric(program, "orderflow_deltas_sent_total")
    threading.Event().wait(1)
    return before > 0 and metric(program, "orderflow_deltas_sent_total") == before


def test_twenty_clients_get_their_close_frames_in_time(tmp_path: Path) -> None:
    """Each of them gets 1012, also if several share a view."""
    symbols = ("BTCUSDT", "ETHUSDT", "SOLUSDT", "XRPUSDT")
    with serving(tmp_path) as program, ExitStack() as sockets:
        readers = [
            Reader(sockets.enter_context(listening(program, f"exchange=demo&symbol={symbols[number % 4]}")))
            for number in range(20)
        ]
        wait_until(lambda: all(reader.messages > 2 for reader in readers), 30)
        start = time.monotonic()
        seconds = seconds_to_stop(program)
        for reader in readers:
            reader.join(5)
    assert [reader.code for reader in readers] == [1012] * 20
    assert max(reader.closed_at for reader in readers) - start < GOODBYE_S
    assert seconds < AT_MOST_S
    assert "Traceback" not in program.output


def test_a_client_that_reads_nothing_does_not_delay_the_stop(tmp_path: Path) -> None:
    """The other clients get their close frames."""
    with serving(tmp_path) as program, closing(stalled(program)):
        wait_until(lambda: is_stuck(program), 60)
        with listening(program, "exchange=demo&symbol=ETHUSDT") as websocket:
            reader = Reader(websocket)
            wait_until(lambda: reader.messages > 2)
            seconds = seconds_to_stop(program)
            reader.join(5)
    assert reader.code == 1012
    assert seconds < AT_MOST_S
    assert "Traceback" not in program.output


def stored(path: Path) -> list[int]:
    """Opens (ms) of the minutes that are stored."""
    with closing(sqlite3.connect(path)) as database:
        return [open_ts for (open_ts,) in database.execute("SELECT open_ts FROM minute ORDER BY open_ts")]


def test_closed_minutes_are_stored_at_the_stop(tmp_path: Path) -> None:
    """Every minute that a client has received as closed is in the file after SIGTERM."""
    path, closed = tmp_path / "store.sqlite3", set()
    with SimulatedExchange(SyntheticMarket(seed=5, speed=60)) as exchange:
        settings = {**environment(exchange), "ORDERFLOW_HISTORY": "0", "DATABASE_URL": f"sqlite:///{path}"}
        with (
            serving(tmp_path, "--no-demo", **settings) as program,
            listening(program, "exchange=binance&symbol=BTCUSDT&emit_ms=50") as websocket,
        ):
            while len(closed) < 6:
                message = json.loads(websocket.recv(timeout=20))
                if message["type"] == "delta" and message["candle"]["closed"]:
                    closed.add(message["candle"]["open_ts"])
            seconds = seconds_to_stop(program)
    assert closed <= set(stored(path))
    assert seconds < AT_MOST_S


def test_a_busy_store_does_not_delay_the_stop(tmp_path: Path) -> None:
    """Another process holds the database: the log reports that minutes were lost."""
    path = tmp_path / "store.sqlite3"
    with SimulatedExchange(SyntheticMarket(seed=5, speed=60)) as exchange:
        settings = {**environment(exchange), "ORDERFLOW_HISTORY": "0", "DATABASE_URL": f"sqlite:///{path}"}
        with (
            serving(tmp_path, "--no-demo", **settings) as program,
            listening(program, "exchange=binance&symbol=BTCUSDT&emit_ms=50") as websocket,
        ):
            reader = Reader(websocket)
            wait_until(lambda: metric(program, "orderflow_store_written_total") >= 1, 30)
            with closing(sqlite3.connect(path, timeout=10, isolation_level=None)) as other:
                other.execute("BEGIN IMMEDIATE")
                wait_until(lambda: metric(program, "orderflow_store_queued") >= 2, 30)
                seconds = seconds_to_stop(program)
            reader.join(5)
    assert reader.code == 1012
    assert seconds < AT_MOST_S
    assert "not all minutes could be stored before the end" in program.output


def test_silent_venues_do_not_delay_the_stop(tmp_path: Path) -> None:
    """Connections that open and then stay silent are awaited together, not one after another."""
    with closing(socket.create_server(("127.0.0.1", 0), backlog=64)) as silent:
        place = f"127.0.0.1:{silent.getsockname()[1]}"
        settings = {
            "BINANCE_FUTURES_WS": f"ws://{place}",
            "BINANCE_FUTURES_REST": f"http://{place}",
            "BYBIT_WS_LINEAR": f"ws://{place}/v5/public/linear",
            "BYBIT_REST": f"http://{place}",
        }
        with serving(tmp_path, **settings) as program, listening(program, "exchange=demo") as websocket:
            reader = Reader(websocket)
            wait_until(lambda: reader.messages > 2)
            seconds = seconds_to_stop(program)
            reader.join(5)
    assert reader.code == 1012
    assert seconds < AT_MOST_S


def test_open_pages_do_not_delay_the_stop(tmp_path: Path) -> None:
    """Browsers keep their connections for longer than a minute."""
    view = {"exchange": "demo", "symbol": "BTCUSDT", "tf": "1m", "step": "0.5"}
    with serving(tmp_path) as program, ExitStack() as stack:
        for number in range(5):
            page = stack.enter_context(httpx.Client(base_url=program.url, trust_env=False))
            for _ in range(3):
                assert page.post(f"/{PATH}", json=panel_poll([view], [f"page-{number}"])).status_code == 200
        assert seconds_to_stop(program) < AT_MOST_S
    assert "Traceback" not in program.output


@pytest.mark.parametrize(
    ("sent", "times"),
    [
        (b"", 1),
        (b"GET / HT", 1),
        (b"POST /%b HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\n{" % PATH.encode(), 1),
        (b"GET /assets/vendor/plotly-cartesian.min.js HTTP/1.1\r\nHost: x\r\n\r\n", 5_000),
    ],
    ids=["nothing", "half a head", "half a body", "reads no answer"],
)
def test_a_slow_client_does_not_delay_the_stop(tmp_path: Path, sent: bytes, times: int) -> None:
    """Whatever its connection waits for is cut."""
    with serving(tmp_path) as program, ExitStack() as stack:
        place = urlsplit(program.url)
        for _ in range(3):
            client = stack.enter_context(closing(socket.socket()))
            client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
            client.settimeout(2)
            client.connect((place.hostname, place.port))
            with suppress(TimeoutError):  # its answers are not read, so the server stops reading too
                for _ in range(times):
                    client.sendall(sent)
        time.sleep(0.5)  # until threads wait for it
        assert seconds_to_stop(program) < AT_MOST_S
    assert "Traceback" not in program.output


def test_an_interrupt_stops_it_as_well(tmp_path: Path) -> None:
    """Ctrl-C in a terminal signals both processes."""
    with serving(tmp_path) as program, listening(program, "exchange=demo") as websocket:
        reader = Reader(websocket)
        wait_until(lambda: reader.messages > 2)
        start = time.monotonic()
        os.killpg(program.process.pid, signal.SIGINT)
        assert program.process.wait(15) == 0
        assert time.monotonic() - start < AT_MOST_S
        reader.join(5)
    assert reader.code == 1012
