"""Feeds of a simulated exchange or of a server that the test controls, and a sink of their trades."""

from __future__ import annotations

import json
from collections.abc import Callable
from decimal import Decimal

from orderflow_dash.exchanges.binance import rest as binance_rest
from orderflow_dash.exchanges.binance.stream import market_stream_url
from orderflow_dash.exchanges.bybit.stream import BybitProtocol
from orderflow_dash.feeds.clock import VenueClock
from orderflow_dash.feeds.connection import ConnectionPolicy
from orderflow_dash.feeds.feed import Feed
from orderflow_dash.feeds.rest import RestClient
from orderflow_dash.feeds.sequencing import Deduplicator, Gap
from orderflow_dash.market import Grid, Instrument, Trade, Venue
from orderflow_dash.simulator import SimulatedExchange
from tests.exchanges.frames import aggregate, combined
from tests.feeds.venue_server import QUICK, VenueServer


class Sink:
    """Collects what a stream passes on."""

    def __init__(self) -> None:
        self.trades: list[Trade] = []
        self.grids: list[Grid | None] = []
        self.gaps: list[Gap] = []
        self.filled: list[Gap] = []

    def on_trades(self, trades: list[Trade], grid: Grid | None = None) -> None:
        self.trades += trades
        self.grids += [grid] * len(trades)

    def on_gap(self, gap: Gap) -> None:
        self.gaps.append(gap)

    def on_gap_filled(self, gap: Gap) -> None:
        self.filled.append(gap)

    @property
    def ids(self) -> list[int]:
        return [order for _, order, _, _ in self.trades]

    @property
    def prices(self) -> list[Decimal]:
        return [grid.price.decimal(trade[2]) for trade, grid in zip(self.trades, self.grids, strict=True)]


def listed_on(exchange: SimulatedExchange, venue: Venue) -> dict[str, Instrument]:
    """What the exchange lists, as instruments."""
    return {
        each.symbol: Instrument(
            venue, each.symbol, each.base, each.quote, each.price.value, each.quantity.value
        )
        for each in exchange.source.listings
        if venue in each.venues
    }


def clock_of(exchange: SimulatedExchange) -> VenueClock:
    """The clock of a market that is faster than this one."""
    clock, rest = VenueClock(), RestClient(exchange.rest_root)
    clock.ask = lambda: binance_rest.parse_time(rest.get(binance_rest.TIME_PATH))
    clock.measure()
    return clock


def binance(feeds, exchange, policy: ConnectionPolicy = QUICK) -> Feed:
    """A feed of the exchange's Binance side."""
    url, clock = market_stream_url(exchange.ws_root), clock_of(exchange)
    return feeds(url, listed_on(exchange, Venue.BINANCE), policy, clock=clock)


def bybit(feeds, exchange, policy: ConnectionPolicy = QUICK) -> Feed:
    """A feed of the exchange's Bybit side."""
    listed, clock = listed_on(exchange, Venue.BYBIT), clock_of(exchange)
    return feeds(exchange.bybit_ws, listed, policy, BybitProtocol, Deduplicator, clock)


def obey(server: VenueServer, socket) -> None:
    """Acknowledge everything, send nothing else."""
    while True:
        request = server.hear(socket)
        socket.send(json.dumps({"result": None, "id": request["id"]}))


def send_trade(server: VenueServer, socket_number: int, number: int, symbol: str = "BTCUSDT") -> None:
    """The venue sends one trade."""
    price = "100.00" if symbol != "DOGEUSDT" else "0.10000"
    server.sockets[socket_number].send(combined(aggregate(s=symbol, p=price, q="1", a=number)))


def subscribed(server: VenueServer, count: int) -> Callable[[], bool]:
    """Whether ``count`` topics were subscribed to, pulse included."""
    return lambda: sum(len(r["params"]) for r in server.requests if r["method"] == "SUBSCRIBE") >= count


def look_again(feed: Feed) -> None:
    """Let the next event look after handovers at once, not within a second."""
    feed._next_check = 0.0
