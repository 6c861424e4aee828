"""``/ws/orderflow`` and clients that take more than their share, say too much, or nothing at all."""

from __future__ import annotations

import base64
import json
import socket as tcp
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from typing import Any

import pytest
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection, connect

from tests.conftest import UNREACHABLE, Served, wait_until

LIMITS: dict[str, Any] = {"demo": True, "proxy_hops": 1, "max_sockets": 3, "max_sockets_per_client": 2}
NEAR, FAR = "192.0.2.1", "192.0.2.2"


@pytest.fixture(scope="module")
def app() -> Iterator[Served]:
    """Three places, at most two per address; a proxy header sets the address."""
    served = Served(**UNREACHABLE, **LIMITS, database_url="off")
    wait_until(served.hub.instruments)
    yield served
    served.stop()


def client(app: Served, address: str = NEAR) -> ClientConnection:
    """A client of the simulated market from an address."""
    root = app.url.replace("http", "ws")
    headers = {"X-Forwarded-For": address}
    return connect(f"{root}/ws/orderflow?exchange=demo", additional_headers=headers, proxy=None)


def first(socket: ClientConnection) -> dict[str, Any]:
    """The first message."""
    message: dict[str, Any] = json.loads(socket.recv(timeout=20))
    return message


def end(socket: ClientConnection) -> tuple[int | None, str | None]:
    """Read on to the end; code and reason of the server's close."""
    with suppress(ConnectionClosed):
        while True:
            socket.recv(timeout=20)
    return socket.close_code, socket.close_reason


def is_served(app: Served, address: str = NEAR) -> bool:
    """Whether an address gets a place now."""
    with client(app, address) as socket:
        return first(socket)["type"] == "snapshot"


def test_one_address_does_not_take_every_place(app: Served) -> None:
    """Beyond its share it is refused by name, with what to do; others are served, to the last place."""
    with ExitStack() as held:
        for _ in range(2):
            assert first(held.enter_context(client(app)))["type"] == "snapshot"
        with client(app) as refused:
            message = first(refused)
            assert (message["type"], message["code"]) == ("error", "too_many_clients")
            assert "Socket limit per client (2) reached: " in message["message"]
            assert "close a panel" in message["message"]
            assert end(refused)[0] == 1013
        assert first(held.enter_context(client(app, FAR)))["type"] == "snapshot"
        with client(app, FAR) as refused:
            assert "Socket limit (3) reached: " in first(refused)["message"]
            assert end(refused)[0] == 1013
    wait_until(lambda: is_served(app))


@pytest.mark.parametrize("kind", ["messages", "pings", "fragments"])
def test_a_client_that_floods_is_sent_away(app: Served, kind: str) -> None:
    """1008, whatever it floods with; the place is another's then."""
    with client(app) as socket:
        first(socket)
        with suppress(ConnectionClosed):
            for number in range(300):
                if kind == "messages":
                    socket.send("x" * 900)
                elif kind == "pings":
                    socket.ping(f"{number:>120}")
                else:
                    socket.send(["x" * 400, "y" * 400])
        code, reason = end(socket)
    assert (code, reason) == (1008, "too many messages")
    wait_until(lambda: is_served(app))


def test_a_client_that_talks_a_little_stays(app: Served) -> None:
    """Pings and small messages do not count as a flood."""
    with client(app) as socket:
        for _ in range(20):
            socket.send("hello")
            assert socket.ping().wait(20)
        while first(socket)["type"] != "delta":
            pass


def test_a_client_that_answers_no_ping_loses_its_place(serve: Callable[..., Served]) -> None:
    """A peer that has gone without a word: its two places are free again after some pings."""
    app = serve(**LIMITS, ping_interval=3)
    wait_until(app.hub.instruments)
    gone = [silent(app) for _ in range(2)]
    with client(app) as socket:
        assert first(socket)["code"] == "too_many_clients"
    wait_until(lambda: is_served(app), 20)
    for each in gone:
        each.close()


def silent(app: Served) -> tcp.socket:
    """A client that has a place, and reads and says nothing more."""
    host, _, port = app.url.removeprefix("http://").partition(":")
    connection = tcp.create_connection((host, int(port)))
    key = base64.b64encode(bytes(16)).decode()
    connection.sendall(
        f"GET /ws/orderflow?exchange=demo HTTP/1.1\r\nHost: {host}\r\nX-Forwarded-For: {NEAR}\r\n"
        f"Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
        f"Sec-WebSocket-Key: {key}\r\n\r\n".encode()
    )
    received = b""
    while b"snapshot" not in received:
        received += connection.recv(4096)
    return connection
