"""The venues' side of the exchange: due messages on the streams, and REST responses."""

from __future__ import annotations

import math
import time
from collections.abc import Callable

from orderflow_dash.market import Venue
from orderflow_dash.simulator.binance import frames as binance_frames
from orderflow_dash.simulator.binance.protocol import BinanceSession
from orderflow_dash.simulator.binance.rest import BinanceRest
from orderflow_dash.simulator.bybit.rest import BybitRest
from orderflow_dash.simulator.market.source import Market
from orderflow_dash.simulator.rest import Reply, Request
from orderflow_dash.simulator.server.connections import Connections
from orderflow_dash.simulator.server.faults import Cut, Faults
from orderflow_dash.simulator.server.publisher import Publisher, Subscribers
from orderflow_dash.simulator.server.refusals import refusal
from orderflow_dash.simulator.server.schedule import Schedule

_TICK = 0.025  # s, the finest step of delivery: frames that fall due within it go out together
_IDLE = 1.0  # s, how often the market moves on without listeners
_LIFE = 86_400.0  # s, Binance cuts every connection at 24 h
_BYBIT_IDLE = 600.0  # s, Bybit cuts a silent client after this time


class Engine:
    """Moves a market on and serves it; called from the exchange's event loop only.

    ``wake`` ends the sleep of that loop.
    """

    def __init__(self, market: Market, faults: Faults, *, queue_limit: int, wake: Callable[[], None]) -> None:
        self._market = market
        self._faults = faults
        self._subscribers = Subscribers()
        self._compose()
        self.connections = Connections(
            market,
            faults,
            self._subscribers,
            self._schedule,
            queue_limit=queue_limit,
            pump=self.pump,
            wake=wake,
        )

    def _compose(self) -> None:
        """Creates everything that depends on the market's listings or on the messages sent about them."""
        self._session = self._market.session
        self._publisher = Publisher(self._market, self._faults, self._subscribers)
        self._schedule = Schedule(self._market, self._publisher, self._subscribers)
        self.binance_rest = BinanceRest(self._market)
        self._bybit_rest = BybitRest(self._market)

    def run_due(self) -> None:
        """Does everything that is due now."""
        now = time.monotonic()
        for command in self._faults.take_commands():
            if isinstance(command, Cut):
                self._cut(command)
            else:
                self._announce_shutdown()
        self.pump()
        self._publisher.release_late(now)
        self._schedule.run(now)
        for client in list(self.connections.clients):
            is_bybit = client.venue is Venue.BYBIT
            limit, since = (_BYBIT_IDLE, client.heard) if is_bybit else (_LIFE, client.opened)
            if now - since > limit:
                client.cut(1000)

    def pump(self) -> None:
        """Publishes every print that the market made public by now."""
        if self._session != self._market.session:
            self._compose()
            self.connections.use_schedule(self._schedule)
            # A listener from before the move would take the first trades after it for a jump.
            for client in self._subscribers.remove_trade_subscribers():
                client.cut(1012, "the market was moved")
        if self._market.together and self._publisher.crowded():
            return
        emissions = self._market.poll(self._publisher.ready())
        self._schedule.note(emissions)
        self._publisher.emit(emissions, time.monotonic())

    def due_in(self) -> float:
        """Seconds until ``run_due`` is to be called again."""
        now = time.monotonic()
        crowded = self._market.together and self._publisher.crowded()
        due = math.inf if crowded else self._market.due_in(self._publisher.ready())
        rest = min(due, self._schedule.due_in(now), self._publisher.late_in(now), _IDLE)
        return max(rest, _TICK) if self._market.paced else rest

    def _cut(self, command: Cut) -> None:
        for client in list(self.connections.clients):
            if command.venue in (None, client.venue):
                self._faults.count("close")
                client.cut(command.code, command.reason)

    def _announce_shutdown(self) -> None:
        payload = binance_frames.server_shutdown(self._market.now())
        for client in list(self.connections.clients):
            if isinstance(client.session, BinanceSession):
                self._faults.count("shutdown")
                combined = client.session.combined
                client.send(binance_frames.combined("!serverShutdown", payload) if combined else payload)

    def answer(self, request: Request) -> Reply:
        """The reply of a venue's REST."""
        fault = self._faults.take_http("http", request.path)
        if fault is not None:
            return refusal(request.path, fault.status, fault.retry_after)
        self.pump()  # REST returns at least what the streams have sent
        if request.path.startswith("/v5/"):
            return self._bybit_rest.answer(request)
        return self.binance_rest.answer(request, time.monotonic())
