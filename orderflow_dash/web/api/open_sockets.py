"""The open websockets of a server, so that shutdown does not wait for stalled clients."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from socket import SHUT_RDWR
from typing import Final

from flask import Flask
from simple_websocket import Server

_KEY: Final = "orderflow_open_sockets"


class OpenSockets:
    """Thread-safe."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._open: set[Server] = set()

    @contextmanager
    def track(self, websocket: Server) -> Iterator[None]:
        """Count a websocket as open while the block runs."""
        with self._changed:
            self._open.add(websocket)
        try:
            yield
        finally:
            with self._changed:
                self._open.discard(websocket)
                self._changed.notify_all()

    def drain(self, timeout_s: float) -> None:
        """Wait until all have closed, at most ``timeout_s``; then disconnect the others."""
        with self._changed:
            self._changed.wait_for(lambda: not self._open, timeout_s)
            left = list(self._open)
        for websocket in left:
            with suppress(OSError):  # it has just closed
                websocket.sock.shutdown(SHUT_RDWR)


def open_sockets(server: Flask) -> OpenSockets:
    """The open websockets of a server."""
    sockets: OpenSockets = server.extensions.setdefault(_KEY, OpenSockets())
    return sockets
