"""Clients that read none of their answer, on the real server: they keep neither limits nor threads."""

from __future__ import annotations

import base64
import json
import socket
import sys
from collections.abc import Iterator
from contextlib import ExitStack, closing

import httpx
import pytest
from websockets.sync.client import connect

from orderflow_dash.server import PAGE_THREADS
from orderflow_dash.web.api.export import MAX_EXPORTS
from tests.conftest import wait_until
from tests.test_commands import Program, running

STALL_S = 5  # how long the server waits for a client that reads nothing
FULL = 150_000  # bytes that fill the buffers between
QUERY = "exchange=demo&lookback=500&step=0.1&emit_ms=50"
EXPORT = "/api/export.csv?exchange=demo&lookback=500&step=0.1&rows=levels"
UPGRADE = (
    "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
    f"Sec-WebSocket-Key: {base64.b64encode(bytes(16)).decode()}\r\n"
)


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Program]:
    """The app with one socket, a fast market, and pings as rare as its patience."""
    serve = [sys.executable, "-m", "orderflow_dash", "serve", "--port", "0"]
    log = tmp_path_factory.mktemp("stalled") / "log"
    settings = {"ORDERFLOW_MAX_SOCKETS": "1", "WS_PING_INTERVAL": str(STALL_S), "ORDERFLOW_DEMO_SPEED": "60"}
    with running(serve, log, **settings) as program:
        wait_until(program.ready, 60)
        yield program


def stalled(program: Program, path: str, headers: str = "") -> socket.socket:
    """A client that reads no byte of its answer; little fits into the buffers between."""
    port = int(program.url.rpartition(":")[2])
    connection = socket.socket()
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_MAXSEG, 536)
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2048)
    connection.connect(("127.0.0.1", port))
    connection.sendall(f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\n{headers}\r\n".encode())
    return connection


def holding_the_socket(program: Program) -> socket.socket:
    """A websocket client that is served, and reads no more than the start of its snapshot."""
    while True:
        connection = stalled(program, f"/ws/orderflow?{QUERY}", UPGRADE)
        start = b""
        while b"snapshot" not in start and b"too_many_clients" not in start:
            start += connection.recv(64)
        if b"snapshot" in start:
            return connection
        connection.close()


def first_message(program: Program) -> str:
    """The first message to a client that reads."""
    with connect(f"{program.url.replace('http', 'ws')}/ws/orderflow?{QUERY}", proxy=None) as client:
        return str(client.recv(timeout=5))


def is_served(program: Program) -> bool:
    """Whether another client is served."""
    return json.loads(first_message(program))["type"] == "snapshot"


def test_a_websocket_client_that_stops_reading_is_dropped(program: Program) -> None:
    """Although its buffers are too full even for a ping."""
    wait_until(lambda: len(first_message(program)) > FULL, 30, "a large snapshot")
    with closing(holding_the_socket(program)):
        assert not is_served(program)
        wait_until(lambda: is_served(program), 4 * STALL_S)
    assert "Traceback" not in program.output


def test_stalled_readers_give_their_threads_back(program: Program) -> None:
    """As many as there are threads request the largest file; the next request is answered."""
    with ExitStack() as held:
        for _ in range(PAGE_THREADS + 1):
            held.enter_context(closing(stalled(program, "/assets/vendor/plotly-cartesian.min.js")))
        answer = httpx.get(f"{program.url}/health", trust_env=False, timeout=4 * STALL_S)
        assert answer.status_code == 200
    assert "Traceback" not in program.output


def exports(program: Program) -> int:
    """The number of running exports by ``/health``."""
    health = httpx.get(f"{program.url}/health", trust_env=False, timeout=10).json()
    return int(health["process"]["exports"])


@pytest.mark.parametrize("is_cut", [True, False], ids=["cut", "stalled"])
def test_an_unread_export_ends(program: Program, is_cut: bool) -> None:
    """An address at its limit, whose readers leave or read nothing, gets an export again."""
    wait_until(lambda: len(first_message(program)) > FULL, 30, "a large export")
    with ExitStack() as held:
        for _ in range(MAX_EXPORTS // 4):
            client = held.enter_context(closing(stalled(program, EXPORT)))
            assert client.recv(12).startswith(b"HTTP/1.1 200")
        assert exports(program) == MAX_EXPORTS // 4
        assert httpx.get(program.url + EXPORT, trust_env=False, timeout=10).status_code == 503
        if is_cut:
            held.close()
        wait_until(lambda: exports(program) == 0, 4 * STALL_S)
    answer = httpx.get(program.url + EXPORT, trust_env=False, timeout=20)
    assert answer.status_code == 200
    assert "Traceback" not in program.output
