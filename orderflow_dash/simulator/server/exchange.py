"""The simulated exchange: a loopback server that speaks Binance USD-M and Bybit linear, sockets and REST."""

from __future__ import annotations

import asyncio
import logging
import threading
from functools import partial
from types import TracebackType
from typing import Any, Self
from weakref import WeakSet

from websockets.asyncio.server import Server, ServerConnection, serve
from websockets.datastructures import Headers
from websockets.http11 import Request as HandshakeRequest
from websockets.http11 import Response

from orderflow_dash.runtime.threads import SupervisedThread
from orderflow_dash.simulator.binance.protocol import address
from orderflow_dash.simulator.bybit import protocol as bybit_protocol
from orderflow_dash.simulator.market.source import Market
from orderflow_dash.simulator.rest import Reply, Request
from orderflow_dash.simulator.server.client_queue import ConnectionInfo
from orderflow_dash.simulator.server.engine import Engine
from orderflow_dash.simulator.server.faults import Faults
from orderflow_dash.simulator.server.refusals import refusal

_PONG_TIMEOUT = 600.0  # s

# Clients that vanish, rejected handshakes and plain GETs are routine here and not worth a log line.
_QUIET = logging.getLogger("orderflow_dash.simulator.wire")
_QUIET.addHandler(logging.NullHandler())
_QUIET.propagate = False


class _Connection(ServerConnection):
    """A connection that is registered before its handshake, so that ``stop`` can close it."""

    def __init__(self, accepted: WeakSet[_Connection], *arguments: Any, **options: Any) -> None:  # noqa: ANN401
        super().__init__(*arguments, **options)
        self._registry = accepted

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        self._registry.add(self)


class SimulatedExchange:
    """Serves a market on ``host:port`` from its own daemon thread.

    Args:
        source: the market; only this exchange may use it while it runs.
        host: where to listen.
        port: 0 takes a free one. A restart uses the same port.
        faults: the faults to inject; new ones if None.
        ping_interval: seconds between the server's pings; None disables them.
        queue_limit: queued messages at which a slow client is closed.
    """

    def __init__(
        self,
        source: Market,
        *,
        host: str = "127.0.0.1",
        port: int = 0,
        faults: Faults | None = None,
        ping_interval: float | None = 180.0,
        queue_limit: int = 8_192,
    ) -> None:
        self.source = source
        self.faults = Faults() if faults is None else faults
        self._host = host
        self._port = port
        self._ping_interval = ping_interval
        self._engine = Engine(source, self.faults, queue_limit=queue_limit, wake=lambda: self._wake.set())
        self._accepted: WeakSet[_Connection] = WeakSet()
        self._thread: SupervisedThread | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._wake = asyncio.Event()
        self._stopping = threading.Event()
        self._up = threading.Event()
        self._failure: BaseException | None = None

    @property
    def port(self) -> int:
        """The port it listens on; the requested one before ``start``."""
        return self._port

    @property
    def rest_root(self) -> str:
        """The value for ``BINANCE_FUTURES_REST`` and ``BYBIT_REST``."""
        return f"http://{self._host}:{self._port}"

    @property
    def ws_root(self) -> str:
        """The value for ``BINANCE_FUTURES_WS``."""
        return f"ws://{self._host}:{self._port}"

    @property
    def bybit_ws(self) -> str:
        """The value for ``BYBIT_WS_LINEAR``."""
        return self.ws_root + bybit_protocol.PATH

    @property
    def connections(self) -> list[ConnectionInfo]:
        """The open connections."""
        return [client.info for client in list(self._engine.connections.clients)]

    def start(self) -> Self:
        """Returns once it listens; OSError if it cannot."""
        if self._thread is not None:
            raise RuntimeError("the exchange is already running")
        self._stopping.clear()
        self._failure = None
        self._up.clear()
        self._thread = SupervisedThread(self._run, name="simulated-exchange", stopping=self._stopping)
        self._thread.start()
        self._up.wait()
        if self._failure is not None:
            self._thread.join()
            self._thread = None
            raise self._failure
        return self

    def stop(self) -> None:
        """Closes every connection and ends the thread within a second; idempotent."""
        thread, self._thread = self._thread, None
        if thread is not None:
            self._stopping.set()
            self.rouse()
            thread.join()

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def rouse(self) -> None:
        """Ends the present sleep of the loop, so that it sees changes of its market; from any thread."""
        loop = self._loop
        if loop is not None and not loop.is_closed():
            try:
                loop.call_soon_threadsafe(self._wake.set)
            except RuntimeError:  # it closed in between
                return

    def _run(self) -> None:
        try:
            asyncio.run(self._serve())
        except OSError as error:
            if self._up.is_set():
                raise
            self._failure = error
        finally:
            self._loop = None
            self._up.set()

    async def _serve(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._wake = asyncio.Event()
        self.faults.wake = self.rouse
        server = await serve(
            self._engine.connections.serve,
            self._host,
            self._port,
            process_request=self._answer,
            create_connection=partial(_Connection, self._accepted),  # type: ignore[arg-type]
            compression=None,
            server_header=None,
            ping_interval=self._ping_interval,
            ping_timeout=_PONG_TIMEOUT,
            close_timeout=0.3,
            max_size=1 << 20,
            logger=_QUIET,
        )
        self._port = next(iter(server.sockets)).getsockname()[1]
        self.source.start()
        self._up.set()
        try:
            while not self._stopping.is_set():
                self._engine.run_due()
                await self._sleep(self._engine.due_in())
        finally:
            await self._close(server)

    async def _close(self, server: Server) -> None:
        # Stop accepting first: asyncio loses connections that are accepted but not set up when it closes.
        for listening in server.sockets:
            asyncio.get_running_loop().remove_reader(listening.fileno())
        await _some_turns()
        server.close(code=1001)
        closing = asyncio.ensure_future(server.wait_closed())
        await asyncio.wait([closing], timeout=0.4)
        for connection in list(self._accepted):  # of REST too
            connection.transport.abort()
        await asyncio.wait([closing], timeout=0.3)
        await _some_turns()

    async def _sleep(self, seconds: float) -> None:
        if seconds <= 0:
            await asyncio.sleep(0)
            return
        try:
            async with asyncio.timeout(seconds):
                await self._wake.wait()
        except TimeoutError:
            return
        self._wake.clear()

    async def _answer(self, socket: ServerConnection, handshake: HandshakeRequest) -> Response | None:
        """Answers a plain GET as REST; lets a WebSocket handshake continue, or rejects it."""
        if handshake.headers.get("Upgrade", "").lower() != "websocket":
            request = Request.parse(handshake.path, handshake.headers)
            milliseconds = self.faults.take("slow", request.path)
            if milliseconds is not None:
                self.faults.count("slow")
                await asyncio.sleep(milliseconds / 1000)
            return _response(self._engine.answer(request))
        fault = self.faults.take_http("refuse", handshake.path)
        if fault is not None:
            if not fault.status:
                socket.transport.abort()
            return _response(refusal(handshake.path, fault.status or 503, fault.retry_after))
        if handshake.path.partition("?")[0] == bybit_protocol.PATH or address(handshake.path) is not None:
            return None
        return _response(Reply(404, b"404 page not found", "text/plain"))


async def _some_turns() -> None:
    """An accepted connection is set up after three turns of the loop, an aborted one closed after one."""
    for _ in range(10):
        await asyncio.sleep(0)


def _response(reply: Reply) -> Response:
    headers = Headers(
        {
            "Content-Type": reply.content_type,
            "Content-Length": str(len(reply.body)),
            "Connection": "close",
            **reply.headers,
        }
    )
    reason = {200: "OK", 400: "Bad Request", 404: "Not Found", 418: "I'm a teapot", 429: "Too Many Requests"}
    return Response(reply.status, reason.get(reply.status, "Error"), headers, reply.body)
