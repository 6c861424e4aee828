"""One connection's life against real websocket servers on loopback."""

from __future__ import annotations

import json
import socket as sockets
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import pairwise

import pytest
from websockets.frames import Opcode

from orderflow_dash.exchanges.binance.stream import BinanceProtocol
from orderflow_dash.exchanges.bybit.stream import BybitProtocol
from orderflow_dash.exchanges.protocol import Limits, Rejected, TradeBatch
from orderflow_dash.feeds.connection import Connection, ConnectionPolicy, Link
from tests.conftest import wait_until
from tests.exchanges.frames import LISTED, aggregate, combined
from tests.feeds.venue_server import QUICK, Owner, VenueServer

QUIET = {"ETHUSDT": LISTED["ETHUSDT"]}  # no BTCUSDT, so no pulse


class Binance(BinanceProtocol):
    """Binance's protocol without its pulse, at a pace that tests can wait for."""

    limits = Limits(
        topics=200, topic_characters=1 << 20, topics_per_request=3, requests_per_second=50, life_s=1
    )

    def pulse_topic(self) -> str | None:
        return None


class Bybit(BybitProtocol):
    """Bybit's protocol at a pace that tests can wait for."""

    limits = Limits(
        topics=200, topic_characters=20_000, topics_per_request=10, requests_per_second=50, life_s=1
    )
    heartbeat_s = 0.1


@pytest.fixture
def connected() -> Iterator[Callable[..., tuple[Connection, Owner]]]:
    """Starts connections, and stops them after the test."""
    made: list[Connection] = []

    def start(url: str, topics: list[str], policy: ConnectionPolicy = QUICK, protocol=Binance, listed=LISTED):
        owner = Owner()
        connection = Connection(url, lambda: protocol(listed), owner, policy, name="test")
        connection.add(topics)
        connection.start()
        made.append(connection)
        return connection, owner

    yield start
    for connection in made:
        connection.stop()
        assert not connection._thread.is_alive()


def obey(server: VenueServer, socket) -> None:
    """Acknowledge everything and send one trade for each subscription."""
    while True:
        request = server.hear(socket)
        socket.send(json.dumps({"result": None, "id": request["id"]}))
        if request["method"] == "SUBSCRIBE":
            socket.send(combined(aggregate()))


def acknowledge(server: VenueServer, socket) -> None:
    """Acknowledge everything and never send data."""
    while True:
        request = server.hear(socket)
        socket.send(json.dumps({"result": None, "id": request.get("id", 0)}))


def hang_up(server: VenueServer, socket) -> None:  # noqa: ARG001
    """Accept and drop."""
    socket.close()


def test_trades_come_through(connected):
    """From the first request to the first trade."""
    with VenueServer(obey) as server:
        connection, owner = connected(server.url, ["btcusdt@aggTrade"])
        wait_until(lambda: owner.events)
        assert isinstance(owner.events[0], TradeBatch)
        assert connection.link is Link.CONNECTED
        assert connection.detail == ""


def test_a_server_that_drops_connections_is_retried_less_often(connected):
    """A handshake does not reset the backoff, which never falls under its floor."""
    times: list[float] = []

    def script(server, socket):
        times.append(time.monotonic())
        hang_up(server, socket)

    policy = replace(QUICK, backoff_floor=0.1, backoff_ceiling=30)
    with VenueServer(script) as server:
        connection, owner = connected(server.url, ["btcusdt@aggTrade"], policy)
        wait_until(lambda: len(times) >= 3)
        assert connection._backoff._failures >= 2
        assert all(after - before >= 0.1 for before, after in pairwise(times))
        assert owner.lost[0] == "127.0.0.1: closed the connection (code 1000)"
        wait_until(lambda: connection.link is Link.LOST)
        assert connection.retry_at > 0


def test_data_starts_the_back_off_over(connected):
    """What resets the wait is a trade."""

    def script(server, socket):
        server.hear(socket)
        socket.send(combined(aggregate()))
        socket.close(1001)

    with VenueServer(script) as server:
        connection, owner = connected(server.url, ["btcusdt@aggTrade"])
        wait_until(lambda: len(owner.lost) >= 4)
        assert connection._backoff._failures <= 1
        assert connection.reconnects >= 4
        assert "code 1001" in owner.lost[0]


@pytest.mark.parametrize("protocol", [Binance, Bybit])
def test_acknowledgements_and_pongs_do_not_pass_for_data(connected, protocol):
    """A connection on which only they come is given up, and its successor is waited for longer."""
    with VenueServer(acknowledge) as server:
        policy = replace(QUICK, stall=0.3)
        connection, owner = connected(server.url, ["btcusdt@aggTrade"], policy, protocol)
        wait_until(lambda: len(owner.lost) >= 2)
        assert owner.lost[0].startswith("127.0.0.1: no data for")
        assert connection._stall_after() > 0.3
        assert connection._fruitless >= 2
        assert not owner.events


def test_a_stall_never_waits_longer_than_ten_minutes(connected):
    """However often a venue was silent, it is asked again."""
    with VenueServer(obey) as server:
        connection, _ = connected(server.url, ["btcusdt@aggTrade"])
        connection._fruitless = 500
        assert connection._stall_after() == 600


def test_heartbeats_go_out_at_the_protocols_pace(connected):
    """Bybit cuts who does not ping."""
    with VenueServer(acknowledge) as server:
        connected(server.url, ["publicTrade.BTCUSDT"], protocol=Bybit)
        wait_until(lambda: sum(request.get("op") == "ping" for request in server.requests) >= 3)


def test_requests_are_batched_and_paced(connected):
    """No request asks for more topics than the venue takes, and requests keep their distance."""
    times: list[float] = []

    def script(server, socket):
        while True:
            request = server.hear(socket)
            times.append(time.monotonic())
            socket.send(json.dumps({"result": None, "id": request["id"]}))

    with VenueServer(script) as server:
        topics = [f"s{n}@aggTrade" for n in range(20)]
        connected(server.url, topics)
        wait_until(lambda: len(server.requests) >= 7)
        assert [topic for request in server.requests for topic in request["params"]] == topics
        assert all(len(request["params"]) <= 3 for request in server.requests)
        assert times[-1] - times[0] >= 6 / 50 * 0.9


def test_topics_come_and_go_while_connected(connected):
    """Added topics are subscribed to, removed ones unsubscribed from; a short-lived one is neither."""
    with VenueServer(acknowledge) as server:
        connection, _ = connected(server.url, ["a@aggTrade"])
        wait_until(lambda: len(server.requests) == 1)
        connection.add(["b@aggTrade"])
        wait_until(lambda: len(server.requests) == 2)
        connection.remove(["a@aggTrade"])
        wait_until(lambda: len(server.requests) == 3)
        connection.add(["a@aggTrade"])
        wait_until(lambda: len(server.requests) == 4)
        asked = [(request["method"], request["params"]) for request in server.requests]
        assert asked == [
            ("SUBSCRIBE", ["a@aggTrade"]),
            ("SUBSCRIBE", ["b@aggTrade"]),
            ("UNSUBSCRIBE", ["a@aggTrade"]),
            ("SUBSCRIBE", ["a@aggTrade"]),
        ]


def test_a_silent_topic_is_asked_for_again(connected):
    """Alone, and only while it is still wanted."""
    with VenueServer(acknowledge) as server:
        connection, _ = connected(server.url, ["a@aggTrade", "b@aggTrade"])
        wait_until(lambda: len(server.requests) == 1)
        connection.renew("gone@aggTrade")
        connection.renew("b@aggTrade")
        wait_until(lambda: len(server.requests) == 2)
        assert server.requests[1]["params"] == ["b@aggTrade"]


def test_of_a_refused_batch_each_topic_is_asked_for_alone(connected):
    """One bad topic affects no other; only it is reported as refused."""

    def script(server, socket):
        while True:
            request = server.hear(socket)
            bad = "publicTrade.BAD" in request["args"]
            text = "error:handler not found" if bad else ""
            socket.send(
                json.dumps(
                    {"success": not bad, "ret_msg": text, "req_id": request["req_id"], "op": "subscribe"}
                )
            )

    class Silent(Bybit):
        heartbeat_s = None

    with VenueServer(script) as server:
        topics = ["publicTrade.A", "publicTrade.BAD", "publicTrade.B"]
        _, owner = connected(server.url, topics, protocol=Silent, listed=LISTED)
        wait_until(lambda: owner.events and len(server.requests) == 5)
        assert owner.events == [Rejected(["publicTrade.BAD"], "error:handler not found")]
        alone = [request["args"][0] for request in server.requests[1:]]
        assert sorted(alone) == sorted([*topics, "tickers.BTCUSDT"])


def test_a_refused_pulse_is_not_reported(connected):
    """Only the connection itself subscribed to it."""

    def script(server, socket):
        while True:
            request = server.hear(socket)
            bad = "tickers.BTCUSDT" in request["args"]
            socket.send(
                json.dumps(
                    {"success": not bad, "ret_msg": "no", "req_id": request["req_id"], "op": "subscribe"}
                )
            )

    class Silent(Bybit):
        heartbeat_s = None

    with VenueServer(script) as server:
        _, owner = connected(server.url, ["publicTrade.A"], protocol=Silent)
        wait_until(lambda: len(server.requests) == 3)
        assert not owner.events


GARBAGE = ["", "{", "null", '{"event":{}}', b"\xff\x00", "[" * 4_000, '{"e":"aggTrade"}', "<html>"]


def test_garbage_is_counted_and_skipped(connected):
    """No frame ends the connection; the trade after it comes through."""

    def script(server, socket):
        server.hear(socket)
        for frame in GARBAGE:
            socket.send(frame)
        socket.send(combined(aggregate()))
        server.stopping.wait(5)

    with VenueServer(script) as server:
        connection, owner = connected(server.url, ["btcusdt@aggTrade"])
        wait_until(lambda: owner.events)
        assert len(owner.malformed) == len(GARBAGE)
        assert not owner.lost
        assert connection.link is Link.CONNECTED


def test_a_defect_in_the_owner_is_survived(connected, caplog):
    """An exception in a connection's thread is logged, and the connection comes back."""
    with VenueServer(obey) as server:
        connection, owner = connected(server.url, [])
        receive, owner.on_event = owner.on_event, lambda *_: 1 / 0
        connection.add(["btcusdt@aggTrade"])
        wait_until(lambda: owner.lost)
        owner.on_event = receive
        wait_until(lambda: owner.events)
        assert owner.lost[0] == "internal error: ZeroDivisionError"
        assert "crashed; restarting" in caplog.text


def test_the_owner_is_notified_of_an_aged_connection(connected):
    """Before the venue cuts it, and again if it was not replaced."""
    with VenueServer(obey) as server:
        _, owner = connected(server.url, ["btcusdt@aggTrade"], replace(QUICK, life=0.3))
        wait_until(lambda: owner.aged >= 2)
        assert not owner.lost


def silent_port() -> tuple[sockets.socket, str]:
    """A port that accepts and never answers a handshake."""
    listener = sockets.create_server(("127.0.0.1", 0))
    return listener, f"ws://127.0.0.1:{listener.getsockname()[1]}"


def test_a_handshake_without_answer_is_given_up(connected):
    """No answer in time, in words."""
    listener, url = silent_port()
    with listener:
        _, owner = connected(url, ["a"], replace(QUICK, open_timeout=0.2))
        wait_until(lambda: owner.lost)
        assert owner.lost[0] == "127.0.0.1: no answer in time"


def test_a_refused_handshake_reports_the_status(connected):
    """The detail has the venue's response."""
    listener, url = silent_port()

    def refuse():
        client, _ = listener.accept()
        with client:
            client.recv(4_096)
            client.sendall(b"HTTP/1.1 451 No\r\nContent-Length: 0\r\n\r\n")

    with listener:
        thread = threading.Thread(target=refuse)
        thread.start()
        _, owner = connected(url, ["a"], replace(QUICK, backoff_floor=5, backoff_ceiling=9))
        wait_until(lambda: owner.lost)
        thread.join()
        assert owner.lost[0] == "127.0.0.1: not available from this location (HTTP 451)"


@pytest.mark.parametrize("state", ["handshake", "connected", "silent", "waiting"])
def test_a_stop_takes_at_most_a_second_in_every_state(state):
    """Nothing that a connection does delays a stop."""
    listener, silent = silent_port()
    owner = Owner()
    with VenueServer(obey if state == "connected" else acknowledge) as server, listener:
        url = {"handshake": silent, "waiting": "ws://127.0.0.1:9"}.get(state, server.url)
        policy = replace(QUICK, open_timeout=1.5, backoff_floor=60, backoff_ceiling=60)
        connection = Connection(url, lambda: Binance(LISTED), owner, policy, name="test")
        connection.add(["btcusdt@aggTrade"])
        connection.start()
        reached = {
            "handshake": lambda: connection._thread.is_alive(),
            "connected": lambda: owner.events,
            "silent": lambda: server.requests,
            "waiting": lambda: owner.lost,
        }
        wait_until(reached[state])
        started = time.monotonic()
        connection.stop()
        assert time.monotonic() - started < 1.2
        assert state == "handshake" or not connection._thread.is_alive()
        wait_until(lambda: not connection._thread.is_alive())
        assert len(owner.lost) == (state == "waiting")


def test_a_connection_with_data_stays_though_no_ping_is_answered(connected):
    """The venue reads our pings and sends trades, but no pong: data is proof of life."""
    pings = []

    def mute(server: VenueServer, socket) -> None:
        send = socket.protocol.send_frame

        def without_pongs(frame) -> None:
            if frame.opcode is Opcode.PONG:
                pings.append(frame)
            else:
                send(frame)

        socket.protocol.send_frame = without_pongs
        server.hear(socket)
        while not server.stopping.wait(0.02):
            socket.send(combined(aggregate()))

    with VenueServer(mute) as server:
        connection, owner = connected(server.url, ["btcusdt@aggTrade"], replace(QUICK, ping=0.05))
        wait_until(lambda: len(pings) > 5)
        seen = len(owner.events)
        wait_until(lambda: len(owner.events) > seen + 10)
        assert (connection.link, connection.reconnects) == (Link.CONNECTED, 0)


def test_a_connection_without_data_ends_despite_pongs(connected):
    """A pong does not count as data."""
    with VenueServer(acknowledge) as server:
        _, owner = connected(server.url, ["btcusdt@aggTrade"], replace(QUICK, ping=0.05, stall=0.5))
        wait_until(lambda: owner.lost)
        assert "no data for" in owner.lost[0]
