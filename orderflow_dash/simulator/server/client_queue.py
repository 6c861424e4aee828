"""One client's connection: its session, and a bounded queue between the market and its socket."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from socket import SO_SNDBUF, SOL_SOCKET

from websockets.asyncio.server import ServerConnection
from websockets.exceptions import ConnectionClosed

from orderflow_dash.market import Venue
from orderflow_dash.simulator.binance.protocol import BinanceSession
from orderflow_dash.simulator.bybit.protocol import BybitSession

_KERNEL_BYTES = 1 << 18
_CLOSE_SECONDS = 0.5


@dataclass(frozen=True, slots=True)
class ConnectionInfo:
    """An open connection, for tests."""

    venue: Venue
    path: str
    subscriptions: tuple[str, ...]
    remote: tuple[str, int]


class ClientQueue:
    """A connection with its session.

    A client that does not read fills its queue; at ``limit`` messages it is closed, as on the venues, so
    that it never delays others.
    """

    def __init__(
        self,
        socket: ServerConnection,
        session: BinanceSession | BybitSession,
        limit: int,
        drained: Callable[[], None],
    ) -> None:
        self.socket = socket
        self.session = session
        self.path = socket.request.path if socket.request else ""
        self.opened = self.heard = asyncio.get_running_loop().time()
        self._limit = limit
        # Without a limit the kernel buffers megabytes for a client that does not read.
        raw = socket.transport.get_extra_info("socket")
        raw.setsockopt(SOL_SOCKET, SO_SNDBUF, _KERNEL_BYTES)
        self._drained = drained
        self._queue: deque[tuple[bytes, bool]] = deque()
        self._filled = asyncio.Event()
        self._writer = asyncio.create_task(self._write())
        self._closing: asyncio.Task[None] | None = None

    @property
    def venue(self) -> Venue:
        return Venue.BINANCE if isinstance(self.session, BinanceSession) else Venue.BYBIT

    @property
    def info(self) -> ConnectionInfo:
        """A description of it, from any thread."""
        session = self.session
        names = session.streams if isinstance(session, BinanceSession) else session.topics
        host, port = self.socket.remote_address[:2]
        return ConnectionInfo(self.venue, self.path, tuple(names), (str(host), int(port)))

    @property
    def room(self) -> bool:
        """Whether less than half of the queue is full."""
        return len(self._queue) * 2 < self._limit

    def send(self, data: bytes, *, text: bool = True) -> None:
        """Queues a message; closes the connection if the queue is full."""
        if self._closing is not None:
            return
        if len(self._queue) >= self._limit:
            self._queue.clear()
            self.cut(1008, "slow consumer")
            return
        self._queue.append((data, text))
        self._filled.set()

    def cut(self, code: int, reason: str = "") -> None:
        """Closes the connection; 1006 ends it without a closing handshake."""
        if self._closing is None:
            self._closing = asyncio.create_task(self._close(code, reason))

    async def _close(self, code: int, reason: str) -> None:
        self._writer.cancel()
        try:
            if code != 1006:
                # A client that does not read does not receive the closing frame either.
                async with asyncio.timeout(_CLOSE_SECONDS):
                    await self.socket.close(code, reason)
        except TimeoutError:
            pass
        finally:
            self.abort()

    def abort(self) -> None:
        """Ends the TCP connection without a closing handshake."""
        self.socket.transport.abort()

    async def finish(self) -> None:
        """Ends the writer after the connection has closed."""
        self._writer.cancel()
        await asyncio.gather(self._writer, return_exceptions=True)
        if self._closing is not None:
            await asyncio.gather(self._closing, return_exceptions=True)

    async def _write(self) -> None:
        try:
            while True:
                await self._filled.wait()
                while self._queue:
                    had_room = self.room
                    data, text = self._queue.popleft()
                    await self.socket.send(data, text=text)
                    if not had_room and self.room:
                        self._drained()
                self._filled.clear()
                self._drained()
        except ConnectionClosed:
            return
