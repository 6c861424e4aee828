"""The open connections: their control messages and their subscriptions."""

from __future__ import annotations

import asyncio
import itertools
import time
from collections.abc import Callable

from websockets.asyncio.server import ServerConnection
from websockets.exceptions import ConnectionClosed

from orderflow_dash.market import Venue
from orderflow_dash.simulator.binance.protocol import BinanceSession, TooManyRequests, address
from orderflow_dash.simulator.bybit.protocol import BybitSession, topic_symbol
from orderflow_dash.simulator.market.source import Market, Status, VenueListings
from orderflow_dash.simulator.server.client_queue import ClientQueue
from orderflow_dash.simulator.server.faults import Faults
from orderflow_dash.simulator.server.publisher import Subscribers
from orderflow_dash.simulator.server.schedule import Schedule

_BYBIT_ROUND_TRIP_S = 0.005


class Connections:
    """Serves clients, and keeps the subscribers in step with the clients' sessions.

    ``pump`` publishes every due print, so that a new subscriber receives nothing from before it subscribed;
    ``wake`` ends the sleep of the exchange's loop, because its next due time may have changed.
    """

    def __init__(
        self,
        market: Market,
        faults: Faults,
        subscribers: Subscribers,
        schedule: Schedule,
        *,
        queue_limit: int,
        pump: Callable[[], None],
        wake: Callable[[], None],
    ) -> None:
        self.clients: dict[ClientQueue, None] = {}  # a set that keeps its order
        self._faults = faults
        self._subscribers = subscribers
        self._schedule = schedule
        self._queue_limit = queue_limit
        self._pump = pump
        self._wake = wake
        self._bybit = VenueListings(market, Venue.BYBIT)
        self._serials = itertools.count(1)

    def use_schedule(self, schedule: Schedule) -> None:
        """Replaces the schedule, after the market was moved."""
        self._schedule = schedule

    async def serve(self, socket: ServerConnection) -> None:
        """Serves one connection until it ends."""
        where = address(socket.request.path if socket.request else "")
        session: BinanceSession | BybitSession
        if where is None:
            session = BybitSession(f"sim{next(self._serials):08d}", self._has_handler)
        else:
            session = BinanceSession(where.route, where.combined, dict.fromkeys(where.streams))
        client = ClientQueue(socket, session, self._queue_limit, self._wake)
        self.clients[client] = None
        joined: set[str] = set()
        try:
            if isinstance(session, BinanceSession):
                self._update_streams(client, session, joined)
            async for message in socket:
                client.heard = time.monotonic()
                if isinstance(session, BinanceSession):
                    client.send(session.receive(message, client.heard).encode())
                    self._update_streams(client, session, joined)
                else:
                    # No venue answers at once, and pybit registers a topic only after sending.
                    await asyncio.sleep(_BYBIT_ROUND_TRIP_S)
                    self._run_operation(client, session, message, joined)
        except TooManyRequests:
            client.cut(1008, "Too many requests")
        except ConnectionClosed:
            pass
        finally:
            for stream in joined:
                self._subscribers.leave(stream, client)
            await asyncio.shield(client.finish())
            self.clients.pop(client, None)
            self._wake()

    def _update_streams(self, client: ClientQueue, session: BinanceSession, joined: set[str]) -> None:
        """Subscribes to the session's Binance streams, except those that its route does not deliver."""
        wanted = {name for name in session.streams if session.route.delivers(name)}
        if wanted - joined:
            self._pump()
        for stream in joined - wanted:
            self._subscribers.leave(stream, client)
        for stream in wanted - joined:
            self._join(stream, client)
        joined.clear()
        joined.update(wanted)
        self._wake()

    def _run_operation(
        self, client: ClientQueue, session: BybitSession, message: str | bytes, joined: set[str]
    ) -> None:
        """Runs a Bybit operation and replies."""
        reply = session.receive(message).encode()
        for topic in joined - session.topics.keys():
            self._subscribers.leave(topic, client)
        if session.fresh:
            self._pump()
        for topic in session.fresh:
            if topic.startswith("tickers."):
                # As on the venue, the first data may arrive before the acknowledgement.
                self._schedule.bybit_ticker(topic)
                self._schedule.bybit_snapshot(topic, client)
            self._join(topic, client)
        joined.clear()
        joined.update(session.topics)
        client.send(reply)
        self._wake()

    def _join(self, stream: str, client: ClientQueue) -> None:
        if stream not in self._subscribers:
            self._schedule.restart_stream(stream)
        self._subscribers.join(stream, client)

    def _has_handler(self, topic: str) -> bool:
        parts = topic_symbol(topic)
        listing = self._bybit.get(parts[1]) if parts else None
        if listing is None or listing.status is Status.CLOSED:
            return False
        if self._faults.take("reject", topic) is None:
            return True
        self._faults.count("reject")
        return False
