"""One websocket connection to a venue, and the thread that keeps it up from handshake to stop."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Collection
from dataclasses import dataclass
from enum import Enum
from typing import Protocol
from urllib.parse import urlsplit

from websockets.exceptions import WebSocketException
from websockets.sync.client import ClientConnection, connect

from orderflow_dash.exchanges.protocol import (
    AheadOfClock,
    Event,
    FrameError,
    Rejected,
    StreamProtocol,
    TickerBatch,
    TradeBatch,
)
from orderflow_dash.feeds.clock import VenueClock
from orderflow_dash.feeds.failure import describe_failure
from orderflow_dash.feeds.proxies import Proxy, ProxyRefused, proxy_of
from orderflow_dash.runtime.backoff import Backoff
from orderflow_dash.runtime.threads import SupervisedThread

log = logging.getLogger(__name__)

_TICK_S = 0.2  # delay until a silent connection notices a new topic, a stop or a stall
_LARGEST_FRAME = 8 << 20
_QUEUE_FRAMES = 4_096
_SLOWEST_STALL_S = 600.0


class Link(Enum):
    """State of a connection."""

    CONNECTING = "connecting"
    CONNECTED = "connected"
    LOST = "lost"


@dataclass(frozen=True, slots=True)
class ConnectionPolicy:
    """Times of a connection's life, in seconds."""

    open_timeout: float = 10.0
    stall: float = 20.0  # silence after which a connection is reopened
    ping: float = 20.0  # between pings, which keep proxies and routers from closing it
    life: float = 82_800.0  # planned reconnect, before the venue's own cut at 24 h
    backoff_floor: float = 0.5
    backoff_ceiling: float = 10.0


class ConnectionHandler(Protocol):
    """The owner of connections. All calls come from the connection's own thread."""

    def on_event(self, connection: Connection, event: Event) -> None:
        """Called with each decoded event."""

    def on_malformed(self, reason: str) -> None:
        """Called for each malformed frame, which is skipped."""

    def on_lost(self, connection: Connection) -> None:
        """Called when the connection breaks; ``connection.detail`` is the cause. A retry follows."""

    def on_aged(self, connection: Connection) -> None:
        """Called before the venue cuts the connection for its age: time for a successor."""


class Connection:
    """A set of topics on one websocket, reconnected until ``stop``. Owns one thread.

    Its attributes are the state that the feed reads without a lock: each is written by its own thread only.
    """

    def __init__(
        self,
        url: str,
        protocol: Callable[[], StreamProtocol],
        handler: ConnectionHandler,
        policy: ConnectionPolicy,
        *,
        name: str,
        clock: VenueClock | None = None,
    ) -> None:
        self.url = url
        self.clock = clock or VenueClock()  # the venue's
        self.link = Link.CONNECTING
        self.detail = ""
        self.reconnects = 0
        self.retry_at = 0.0  # monotonic, while lost
        self.received_ms = 0  # when the newest frame arrived, by this server's clock
        self.turned_at = 0.0  # monotonic: when its thread last looped, while connected
        self._new_protocol = protocol
        self._handler = handler
        self._policy = policy
        self._backoff = Backoff(policy.backoff_floor, policy.backoff_ceiling)
        self._wanted: dict[str, None] = {}
        self._silent: list[str] = []
        self._changed = threading.Event()
        self._stop = threading.Event()
        self._fruitless = 0  # consecutive sessions without data
        self._proxy: Proxy | None = None  # of the last session
        self._thread = SupervisedThread(
            self._run, name=name, stopping=self._stop, backoff=self._backoff, on_crash=self._crashed
        )

    def start(self) -> None:
        """Start its thread; topics can be added before and after."""
        self._thread.start()

    def stop(self, wait: float = 1.0) -> None:
        """Stop within ``wait`` seconds, unless a handshake is under way."""
        self._stop.set()
        self._changed.set()
        if self._thread.is_alive() and self._thread is not threading.current_thread():
            self._thread.join(wait)

    @property
    def topics(self) -> Collection[str]:
        """The topics that it carries or requests."""
        return tuple(self._wanted)

    def add(self, topics: Collection[str]) -> None:
        """Subscribe to topics."""
        self._wanted.update(dict.fromkeys(topics))
        self._changed.set()

    def remove(self, topics: Collection[str]) -> None:
        """Unsubscribe from topics."""
        for topic in topics:
            self._wanted.pop(topic, None)
        self._changed.set()

    def renew(self, topic: str) -> None:
        """Subscribe to a silent topic again."""
        self._silent.append(topic)
        self._changed.set()

    # -- the loop ----------------------------------------------------------------------------

    def _run(self) -> None:
        while not self._stop.is_set():
            self.link = Link.CONNECTING
            try:
                self._session()
            except ProxyRefused as error:
                self.detail = str(error)
            except (OSError, WebSocketException, TimeoutError, EOFError) as error:
                self.detail = describe_failure(error, self.url, self._proxy)
            if self._stop.is_set():
                return
            wait = self._backoff.next()
            log.info("connection lost: %s; next attempt in %.1f s", self.detail, wait)
            self._lose(wait)
            self._stop.wait(wait)

    def _crashed(self, error: BaseException, wait: float) -> None:
        self.detail = f"internal error: {type(error).__name__}"
        self._lose(wait)

    def _lose(self, wait: float) -> None:
        """Report the loss; the next attempt follows in ``wait`` seconds."""
        self.link = Link.LOST
        self.reconnects += 1
        self.retry_at = time.monotonic() + wait
        self._handler.on_lost(self)

    def _session(self) -> None:
        self._proxy = proxy_of(self.url)
        with connect(
            self.url,
            open_timeout=self._policy.open_timeout,
            close_timeout=0.3,
            compression=None,
            max_size=_LARGEST_FRAME,
            max_queue=_QUEUE_FRAMES,
            proxy=None if self._proxy is None else self._proxy.url,
            # A venue that sends data without answering pings is alive: only missing data ends a connection.
            ping_interval=self._policy.ping,
            ping_timeout=None,
        ) as websocket:
            self.turned_at = time.monotonic()
            self.link = Link.CONNECTED
            self.detail = ""
            _Session(self, websocket, self._new_protocol(), self._handler, self._policy).run()

    # Called by the session.

    def _stopping(self) -> bool:
        return self._stop.is_set()

    def _data_came(self) -> None:
        self._backoff.reset()
        self._fruitless = 0

    def _stall_after(self) -> float:
        threshold_s = min(self._policy.stall * 2.0**self._fruitless, _SLOWEST_STALL_S)
        return max(self._policy.stall, threshold_s)

    def _stalled(self, silence: float) -> None:
        self._fruitless += 1
        self.detail = f"{urlsplit(self.url).hostname}: no data for {silence:.0f} s"


class _Session:
    """A connection from one handshake to its end."""

    def __init__(
        self,
        connection: Connection,
        websocket: ClientConnection,
        protocol: StreamProtocol,
        handler: ConnectionHandler,
        policy: ConnectionPolicy,
    ) -> None:
        self._connection = connection
        self._websocket = websocket
        self._protocol = protocol
        self._handler = handler
        self._policy = policy
        self._requested: dict[str, None] = {}
        self._alone: list[str] = []  # silent, or of a refused request: requested one by one
        self._next_request = 0.0
        self._pulse = protocol.pulse_topic()

    def run(self) -> None:
        """Run until the connection stops or is silent for too long; raises where it breaks."""
        connection, websocket, protocol = self._connection, self._websocket, self._protocol
        started = last_data = last_heartbeat = time.monotonic()
        renew_at = started + self._policy.life
        connection._changed.set()
        while not connection._stopping():
            now = connection.turned_at = time.monotonic()
            if connection._changed.is_set() or self._alone:
                self._request(now)
            if protocol.heartbeat_s is not None and now - last_heartbeat >= protocol.heartbeat_s:
                websocket.send(protocol.heartbeat())
                last_heartbeat = now
            if now >= renew_at:
                renew_at = now + self._policy.life
                self._handler.on_aged(connection)
            if now - last_data > connection._stall_after():
                connection._stalled(now - last_data)
                return
            try:
                frame = websocket.recv(timeout=_TICK_S, decode=False)
            except TimeoutError:
                continue
            if self._receive(frame):
                last_data = now
                connection._data_came()

    def _receive(self, frame: bytes) -> bool:
        """Handle a frame; returns whether it was data, unlike an acknowledgement or a pong."""
        self._connection.received_ms = int(time.time() * 1000)
        try:
            event = self._read(frame)
        except FrameError as error:
            self._handler.on_malformed(str(error))
            return False
        if event is None:
            return False
        if isinstance(event, Rejected) and len(event.topics) > 1:
            self._alone.extend(event.topics)  # one bad topic makes the venue refuse the whole request
            return False
        if isinstance(event, Rejected) and event.topics == [self._pulse]:
            return False
        self._handler.on_event(self._connection, event)
        return isinstance(event, TradeBatch | TickerBatch)

    def _read(self, frame: bytes) -> Event | None:
        """Decode a frame; again where the venue's clock turns out to be ahead. Raises FrameError."""
        clock = self._connection.clock
        try:
            event = self._protocol.receive(frame, clock.now())
        except AheadOfClock as error:
            if not clock.admits(error.time):
                raise
            return self._protocol.receive(frame, clock.now())
        if isinstance(event, TradeBatch):
            if event.ahead and clock.admits(event.ahead):
                return self._protocol.receive(frame, clock.now())
            if event.trades:
                clock.saw(event.trades[-1][0])
        return event

    def _request(self, now: float) -> None:
        """Send at most one request, if the venue's rate limit allows it."""
        if now < self._next_request:
            return
        limits, connection = self._protocol.limits, self._connection
        connection._changed.clear()
        while connection._silent:
            self._alone.append(connection._silent.pop())
        wanted = list(connection.topics)
        if self._pulse is not None and wanted:
            wanted.append(self._pulse)
        gone = [topic for topic in self._requested if topic not in wanted]
        fresh = [topic for topic in wanted if topic not in self._requested]
        batch = (gone or fresh)[: limits.topics_per_request]
        if gone:
            for topic in batch:
                del self._requested[topic]
            self._websocket.send(self._protocol.unsubscribe(batch))
        elif fresh:
            self._requested.update(dict.fromkeys(batch))
            self._websocket.send(self._protocol.subscribe(batch))
        elif self._alone:
            topic = self._alone.pop(0)
            if topic in self._requested:
                self._websocket.send(self._protocol.subscribe([topic]))
        else:
            return
        self._next_request = now + 1 / limits.requests_per_second
        connection._changed.set()
