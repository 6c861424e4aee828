"""The simulated exchange: a loopback server that speaks Binance USD-M and Bybit linear, sockets and REST."""

from __future__ import annotations

import asyncio
import logging
import math
import threading
import time
from functools import partial
from types import TracebackType
from typing import Any, Self
from weakref import WeakSet

from websockets.asyncio.server import Server, ServerConnection, serve
from websockets.datastructures import Headers
from websockets.http11 import Request as HandshakeRequest
from websockets.http11 import Response

from orderflow_dash.market import Venue
from orderflow_dash.runtime.threads import SupervisedThread
from orderflow_dash.simulator.binance import frames as binance_frames
from orderflow_dash.simulator.binance.protocol import BinanceSession, address
from orderflow_dash.simulator.binance.rest import BinanceRest
from orderflow_dash.simulator.bybit import protocol as bybit_protocol
from orderflow_dash.simulator.bybit.rest import BybitRest
from orderflow_dash.simulator.market.source import Market
from orderflow_dash.simulator.rest import Reply, Request
from orderflow_dash.simulator.server.client_queue import ConnectionInfo
from orderflow_dash.simulator.server.connections import Connections
from orderflow_dash.simulator.server.faults import Cut, Faults
from orderflow_dash.simulator.server.publisher import Publisher, Subscribers
from orderflow_dash.simulator.server.refusals import refusal
from orderflow_dash.simulator.server.schedule import Schedule

_TICK = 0.025  # s, the finest step of delivery: frames that fall due within it go out together
_IDLE = 1.0  # s, how often the market is moved on when nobody listens
_LIFE = 86_400.0  # s, Binance cuts every connection at 24 h
_BYBIT_IDLE = 600.0  # s, Bybit cuts a connection that says nothing for so long
_PONG_TIMEOUT = 600.0  # s

# Clients that vanish, refused handshakes and plain GETs are this server's daily work, not news.
_QUIET = logging.getLogger("orderflow_dash.simulator.wire")
_QUIET.addHandler(logging.NullHandler())
_QUIET.propagate = False


class _Connection(ServerConnection):
    """A connection that is known from its first moment on, whatever it turns out to be."""

    def __init__(self, accepted: WeakSet[_Connection], *arguments: Any, **options: Any) -> None:  # noqa: ANN401
        super().__init__(*arguments, **options)
        self._known_in = accepted

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """It has a transport now, which must be closed."""
        super().connection_made(transport)
        self._known_in.add(self)


class SimulatedExchange:
    """Serves a market on ``host:port`` from its own daemon thread.

    Args:
        source: the market; only this exchange may use it while it runs.
        host: where to listen.
        port: 0 takes a free one. A restart listens on the same port again.
        faults: the switchboard of faults; ``exchange.faults`` either way.
        ping_interval: seconds between the server's pings, None for none.
        queue_limit: messages that may wait for a client before it is closed as too slow.
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
        self._subscribers = Subscribers()
        self._compose()
        self._connections = Connections(
            source,
            self.faults,
            self._subscribers,
            self._schedule,
            queue_limit=queue_limit,
            pump=self._pump,
            wake=lambda: self._wake.set(),
        )
        self._accepted: WeakSet[_Connection] = WeakSet()
        self._thread: SupervisedThread | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._wake = asyncio.Event()
        self._stopping = threading.Event()
        self._up = threading.Event()
        self._failure: BaseException | None = None

    def _compose(self) -> None:
        """Makes what depends on the market's listings and remembers what was told of them."""
        self._session = self.source.session
        self._publisher = Publisher(self.source, self.faults, self._subscribers)
        self._schedule = Schedule(self.source, self._publisher, self._subscribers)
        self._binance_rest = BinanceRest(self.source)
        self._bybit_rest = BybitRest(self.source)

    @property
    def port(self) -> int:
        """The port it listens on; what was asked for, before ``start``."""
        return self._port

    @property
    def rest_root(self) -> str:
        """What ``BINANCE_FUTURES_REST`` and ``BYBIT_REST`` are set to."""
        return f"http://{self._host}:{self._port}"

    @property
    def ws_root(self) -> str:
        """What ``BINANCE_FUTURES_WS`` is set to."""
        return f"ws://{self._host}:{self._port}"

    @property
    def bybit_ws(self) -> str:
        """What ``BYBIT_WS_LINEAR`` is set to."""
        return self.ws_root + bybit_protocol.PATH

    @property
    def connections(self) -> list[ConnectionInfo]:
        """The open connections."""
        return [client.info for client in list(self._connections.clients)]

    def start(self) -> Self:
        """Returns when it listens; OSError where it cannot."""
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
        """Closes every connection and ends the thread, in less than a second; may be repeated."""
        thread, self._thread = self._thread, None
        if thread is not None:
            self._stopping.set()
            self._rouse()
            thread.join()

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def rouse(self) -> None:
        """Lets it see at once that its market was changed, from any thread."""
        self._rouse()

    def _rouse(self) -> None:
        """Ends the present sleep of the loop, from any thread."""
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
        self.faults.wake = self._rouse
        server = await serve(
            self._connections.receive,
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
        self.source.begin()
        self._up.set()
        try:
            while not self._stopping.is_set():
                self._turn()
                await self._sleep()
        finally:
            await self._close(server)

    async def _close(self, server: Server) -> None:
        # Nobody more is let in before it closes: what asyncio has accepted but not set up by then, it loses.
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

    def _turn(self) -> None:
        """Everything that is due now."""
        now = time.monotonic()
        for command in self.faults.take_commands():
            if isinstance(command, Cut):
                self._cut(command)
            else:
                self._announce_shutdown()
        self._pump()
        self._publisher.release_late(now)
        self._schedule.run(now)
        for client in list(self._connections.clients):
            limit, since = (
                (_BYBIT_IDLE, client.heard) if client.venue is Venue.BYBIT else (_LIFE, client.opened)
            )
            if now - since > limit:
                client.cut(1000)

    def _pump(self) -> None:
        """Publishes what the market made public by now."""
        if self._session != self.source.session:
            self._compose()
            self._connections.adopt(self._schedule)
            # Who listened before the market moved would take the first trades after it for a jump.
            for client in self._subscribers.remove_trade_subscribers():
                client.cut(1012, "the market was moved")
        if self.source.together and self._publisher.crowded():
            return
        emissions = self.source.poll(self._publisher.ready())
        self._schedule.note(emissions)
        self._publisher.emit(emissions, time.monotonic())

    async def _sleep(self) -> None:
        now = time.monotonic()
        ready = self._publisher.ready()
        crowded = self.source.together and self._publisher.crowded()
        due = math.inf if crowded else self.source.due_in(ready)
        rest = min(due, self._schedule.due_in(now), self._publisher.late_in(now), _IDLE)
        if self.source.paced:
            rest = max(rest, _TICK)
        if rest <= 0:
            await asyncio.sleep(0)
            return
        try:
            async with asyncio.timeout(rest):
                await self._wake.wait()
        except TimeoutError:
            return
        self._wake.clear()

    def _cut(self, command: Cut) -> None:
        for client in list(self._connections.clients):
            if command.venue in (None, client.venue):
                self.faults.count("close")
                client.cut(command.code, command.reason)

    def _announce_shutdown(self) -> None:
        payload = binance_frames.server_shutdown(self.source.now())
        for client in list(self._connections.clients):
            if isinstance(client.session, BinanceSession):
                self.faults.count("shutdown")
                combined = client.session.combined
                client.send(binance_frames.combined("!serverShutdown", payload) if combined else payload)

    async def _answer(self, socket: ServerConnection, handshake: HandshakeRequest) -> Response | None:
        """A plain GET is answered as REST; a WebSocket handshake goes on, or is refused."""
        if handshake.headers.get("Upgrade", "").lower() != "websocket":
            request = Request.parse(handshake.path, handshake.headers)
            milliseconds = self.faults.take("slow", request.path)
            if milliseconds is not None:
                self.faults.count("slow")
                await asyncio.sleep(milliseconds / 1000)
            return _response(self._rest(request))
        fault = self.faults.take_http("refuse", handshake.path)
        if fault is not None:
            if not fault.status:
                socket.transport.abort()
            return _response(refusal(handshake.path, fault.status or 503, fault.retry_after))
        if handshake.path.partition("?")[0] == bybit_protocol.PATH or address(handshake.path) is not None:
            return None
        return _response(Reply(404, b"404 page not found", "text/plain"))

    def _rest(self, request: Request) -> Reply:
        now = time.monotonic()
        fault = self.faults.take_http("http", request.path)
        if fault is not None:
            return refusal(request.path, fault.status, fault.retry_after)
        self._pump()  # REST tells nothing less than the streams have told
        if request.path.startswith("/v5/"):
            return self._bybit_rest.answer(request)
        return self._binance_rest.answer(request, now)


async def _some_turns() -> None:
    """Let the loop turn: what it accepted is set up after three turns, what was aborted closed after one."""
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
