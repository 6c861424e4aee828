"""One client's connection under the websocket's library."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator

import pytest

from orderflow_dash.web.api.client_socket import MAX_RECEIVED, ClientSocket

Pair = tuple[ClientSocket, socket.socket]


@pytest.fixture
def pair() -> Iterator[Pair]:
    """The server's end and the client's."""
    server_end, client_end = socket.socketpair()
    yield ClientSocket(server_end), client_end
    server_end.close()
    client_end.close()


def test_what_two_threads_send_to_a_slow_reader_stays_in_pieces(pair: Pair) -> None:
    """A message that fills every buffer is sent whole before a ping that falls due during the send."""
    server, client = pair
    message, ping = b"m" * (8 << 20), b"p" * 100
    serving = threading.Thread(target=server.send, args=(message,))
    serving.start()
    received = bytearray(client.recv(1))  # it is under way, and far from done
    pinging = threading.Thread(target=server.send, args=(ping,))
    pinging.start()
    while len(received) < len(message) + len(ping):
        received += client.recv(65_536)
    serving.join()
    pinging.join()
    assert bytes(received) == message + ping


def test_a_reader_that_has_gone_ends_the_send(pair: Pair) -> None:
    """With an OSError, and the next sender is not kept waiting."""
    server, client = pair
    client.close()
    for _ in range(2):
        with pytest.raises(OSError, match=r"pipe|reset"):
            server.send(b"m" * (8 << 20))


def test_a_client_that_says_much_is_marked_and_read_slowly(pair: Pair) -> None:
    """What it says reaches the websocket all the same, but no faster than the pace."""
    server, client = pair
    client.sendall(b"x" * (MAX_RECEIVED + 2))
    heard = 0
    while heard < MAX_RECEIVED:
        heard += len(server.recv(MAX_RECEIVED - heard))
        assert not server.is_flooding
    assert server.recv(1) == b"x"
    assert server.is_flooding
    started = time.monotonic()
    assert server.recv(1) == b"x"
    assert time.monotonic() - started >= 0.1
