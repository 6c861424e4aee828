"""The server starts, serves many clients, closes slow ones, and stops at once."""

import contextlib
import gc
import os
import signal
import socket
import subprocess
import sys
import threading
import time

import pytest
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect

from orderflow_dash.market import Venue
from orderflow_dash.simulator import SimulatedExchange, SyntheticMarket
from tests.conftest import wait_until

START_MS = 1_790_000_000_000 - 1_790_000_000_000 % 3_600_000
AGG = "/market/ws/btcusdt@aggTrade"


def test_stop_takes_less_than_a_second_with_clients_connected(running):
    """Open connections, one that never reads among them, do not hold up the stop."""
    exchange = running()
    with contextlib.ExitStack() as stack:
        for _ in range(5):
            client = stack.enter_context(connect(exchange.ws_root + AGG, close_timeout=0.1))
        client.recv(timeout=5)
        mute = stack.enter_context(socket.create_connection(("127.0.0.1", exchange.port)))
        mute.sendall(
            f"GET {AGG} HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n".encode()
        )
        wait_until(lambda: len(exchange.connections) == 6)
        start = time.monotonic()
        exchange.stop()
        assert time.monotonic() - start < 1.0
        assert exchange.connections == []
    exchange.stop()


def test_stop_closes_connections_that_arrive_during_it(running):
    """An unclosed transport would fail this test."""
    over = threading.Event()
    connected = [0] * 6

    def knock(port, number):
        while not over.is_set():
            with contextlib.suppress(OSError):
                socket.create_connection(("127.0.0.1", port), timeout=0.3).close()
                connected[number] += 1

    def compute():  # so that the exchange's thread falls behind, as on a machine with other work
        while not over.is_set():
            sum(range(2_000))

    exchange = running()
    busy = [threading.Thread(target=knock, args=(exchange.port, number)) for number in range(6)]
    busy.append(threading.Thread(target=compute))
    for each in busy:
        each.start()
    wait_until(lambda: min(connected) > 20)  # all of them keep connecting
    exchange.stop()
    over.set()
    for each in busy:
        each.join()
    gc.collect()


def test_connections_come_and_go_in_the_list(running, joined):
    """The list holds path, venue, subscriptions and the peer of each open connection."""
    exchange = running()
    client = joined(exchange.ws_root + AGG)
    joined(exchange.bybit_ws).ask(op="subscribe", args=["publicTrade.BTCUSDT"])
    infos = {info.venue: info for info in exchange.connections}
    assert infos[Venue.BINANCE].path == AGG
    assert infos[Venue.BINANCE].subscriptions == ("btcusdt@aggTrade",)
    assert infos[Venue.BYBIT].subscriptions == ("publicTrade.BTCUSDT",)
    assert infos[Venue.BINANCE].remote == client.socket.local_address[:2]
    client.socket.close()
    wait_until(lambda: [info.venue for info in exchange.connections] == [Venue.BYBIT])


def test_every_client_gets_the_same_trades(running, joined):
    """Two subscribers of a stream get the same frames."""
    exchange = running()
    one, two = joined(exchange.ws_root + AGG), joined(exchange.ws_root + AGG)
    start = two.receive()["a"] + 5
    first = [f for f in one.take(60) if f["a"] >= start][:20]
    second = [f for f in two.take(60) if f["a"] >= start][:20]
    assert first == second


def test_a_slow_client_is_closed_and_delays_no_other(running, joined):
    """A client that does not read is closed; another receives every trade."""
    # The queue holds two seconds of this market, so that a busy machine closes no client that reads.
    exchange = running(SyntheticMarket(7, 40.0, START_MS), queue_limit=6_000)
    good = joined(exchange.ws_root + AGG)
    numbers = []
    stop = threading.Event()

    def read():
        with contextlib.suppress(ConnectionClosed):
            while not stop.is_set():
                numbers.append(good.receive()["a"])

    reader = threading.Thread(target=read)
    reader.start()
    with socket.create_connection(("127.0.0.1", exchange.port)) as mute:
        mute.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        mute.sendall(
            f"GET {AGG} HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n".encode()
        )
        wait_until(lambda: len(exchange.connections) == 2)
        wait_until(lambda: len(exchange.connections) == 1, 45)
    before = len(numbers)
    wait_until(lambda: len(numbers) > before + 200)
    stop.set()
    reader.join()
    assert numbers == list(range(numbers[0], numbers[0] + len(numbers)))


def test_a_restart_keeps_the_port_and_the_market(running, joined):
    """After a stop and a start the same address serves the same market, later ids."""
    exchange = running()
    port, first = exchange.port, joined(exchange.ws_root + AGG).receive()
    exchange.stop()
    with exchange:
        assert exchange.port == port
        assert joined(exchange.ws_root + AGG).receive()["a"] > first["a"]


def test_a_taken_port_raises_at_start(running):
    """start raises OSError if the address is in use, and can be called again."""
    exchange = running()
    second = SimulatedExchange(SyntheticMarket(1, 1.0, START_MS), port=exchange.port)
    for _ in range(2):
        with pytest.raises(OSError, match=str(exchange.port)):
            second.start()
    second.stop()


def test_the_server_pings(running, joined):
    """Pings go out at the configured interval, and a client that answers stays."""
    exchange = running(ping_interval=0.05)
    client = joined(exchange.bybit_ws)
    assert client.silent(0.3)
    assert client.ask(op="ping")["ret_msg"] == "pong"


def test_the_command_prints_the_environment_and_ends_on_sigterm():
    """run_exchange serves until SIGTERM, at the addresses that it prints."""
    code = "from orderflow_dash.simulator import run_exchange; run_exchange('127.0.0.1', 0, 10.0, [])"
    with subprocess.Popen(
        [sys.executable, "-c", code],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONUNBUFFERED": "1"},
    ) as process:
        try:
            lines = [process.stdout.readline().strip() for _ in range(5)]
            values = dict(line.removeprefix("export ").split("=", 1) for line in lines[1:])
            with connect(values["BINANCE_FUTURES_WS"] + AGG) as client:
                assert "aggTrade" in client.recv(timeout=5)
            assert values["BYBIT_WS_LINEAR"].endswith("/v5/public/linear")
            assert values["BINANCE_FUTURES_REST"] == values["BYBIT_REST"]
        finally:
            process.send_signal(signal.SIGTERM)
        assert process.wait(5) == 0
