"""A websocket server on loopback that a test scripts, and parts that connections and feeds need."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from types import TracebackType
from typing import Any, Self

from websockets.exceptions import ConnectionClosed
from websockets.sync.server import ServerConnection, serve

from orderflow_dash.exchanges.protocol import Event
from orderflow_dash.feeds.connection import Connection, ConnectionPolicy

QUICK = ConnectionPolicy(open_timeout=2, stall=30, backoff_floor=0.05, backoff_ceiling=0.2)


class VenueServer:
    """Accepts websockets and gives each to ``script``; keeps what every client said."""

    def __init__(self, script: Callable[[VenueServer, ServerConnection], None]) -> None:
        self.requests: list[dict[str, Any]] = []
        self.sockets: list[ServerConnection] = []
        self.stopping = threading.Event()
        self._script = script
        self._server = serve(self._converse, "127.0.0.1", 0, compression=None, ping_interval=None)
        self.url = f"ws://127.0.0.1:{self._server.socket.getsockname()[1]}/market/stream"
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)

    def _converse(self, socket: ServerConnection) -> None:
        self.sockets.append(socket)
        try:
            self._script(self, socket)
        except ConnectionClosed:
            return

    def hear(self, socket: ServerConnection) -> dict[str, Any]:
        """The next request of a client, kept."""
        request = json.loads(socket.recv())
        self.requests.append(request)
        return request

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stopping.set()
        self._server.shutdown()
        self._thread.join()


class Owner:
    """A connection's handler that records its calls."""

    def __init__(self) -> None:
        self.events: list[Event] = []
        self.malformed: list[str] = []
        self.lost: list[str] = []
        self.aged = 0

    def on_event(self, connection: Connection, event: Event) -> None:
        self.events.append(event)

    def on_malformed(self, reason: str) -> None:
        self.malformed.append(reason)

    def on_lost(self, connection: Connection) -> None:
        self.lost.append(connection.detail)

    def on_aged(self, connection: Connection) -> None:
        self.aged += 1
