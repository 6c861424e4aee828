"""A hub whose trades, instruments and time a test controls."""

from __future__ import annotations

import json
import threading
from decimal import Decimal

from orderflow_dash.exchanges.protocol import TradeBatch
from orderflow_dash.feeds.sequencing import Known, SequenceTracker
from orderflow_dash.feeds.stream import StreamStatus, TradeSink
from orderflow_dash.feeds.tickers import TickerCache
from orderflow_dash.live.hub import Hub, VenueLink
from orderflow_dash.live.limits import HubLimits
from orderflow_dash.live.view import ViewKey
from orderflow_dash.market import MINUTE_MS, Instrument, State, Timeframe, Trade, Venue
from orderflow_dash.runtime.client_limits import Client
from tests.exchanges.frames import instrument
from tests.feeds.driver import Driver
from tests.footprint.reference import START

NEAR, FAR = Client("192.0.2.1"), Client("192.0.2.2")

BTC, ETH = instrument("BTCUSDT", "0.1", "0.001"), instrument("ETHUSDT", "0.01", "0.001")


class ManualFeed:
    """Trades that a test gives by hand, through the real sequencing."""

    def __init__(self) -> None:
        self.sinks: dict[str, TradeSink] = {}
        self.drivers: dict[str, Driver] = {}
        self.started: list[str] = []
        self.ended: list[str] = []

    def subscribe(self, symbol: str, sink: TradeSink, known: Known | None = None) -> None:
        assert known is None
        assert symbol not in self.sinks
        self.sinks[symbol] = sink
        self.drivers[symbol] = Driver(SequenceTracker(), sink)
        self.started.append(symbol)

    def unsubscribe(self, symbol: str) -> None:
        del self.sinks[symbol], self.drivers[symbol]
        self.ended.append(symbol)

    def status(self, symbol: str) -> StreamStatus:
        return StreamStatus(State.LIVE if symbol in self.sinks else State.DISCONNECTED, "by hand", 5)

    def health(self) -> dict[str, object]:
        return {"state": "live", "gaps": 0}

    def give(self, *trades: Trade, symbol: str = "BTCUSDT") -> None:
        for trade in trades:
            self.drivers[symbol].receive(TradeBatch(symbol, [trade]))


class FixedInstruments:
    """A venue's list that a test sets."""

    def __init__(self, *instruments: Instrument) -> None:
        self.instruments = {each.symbol: each for each in instruments}
        self.reachable = bool(instruments)
        self.detail = "" if instruments else "connection refused"
        self.answered = threading.Event()
        self.answered.set()
        self.looks = 0
        self.refreshed: list[tuple[float, str]] = []
        self.about_to_list: dict[str, Instrument] = {}
        self.statuses: dict[str, str] = {}

    def look(self) -> None:
        self.looks += 1

    def refresh(self, wait_s: float = 0.0, symbol: str = "") -> None:
        self.refreshed.append((wait_s, symbol))
        self.instruments.update(self.about_to_list)

    def status_of(self, symbol: str) -> str:
        return self.statuses.get(symbol, "")


class HubBench:
    """A hub on sources by hand, with a clock that stands still."""

    def __init__(self, **limits: float) -> None:
        self.now = 1_000.0
        self.source, self.listed, self.board = ManualFeed(), FixedInstruments(BTC, ETH), TickerCache()
        links = {
            Venue.BINANCE: VenueLink(self.listed, self.source),
            Venue.BYBIT: VenueLink(FixedInstruments(), ManualFeed()),
        }
        self.hub = Hub(links, self.board, HubLimits(**limits), clock=lambda: self.now)

    def later(self, seconds: float) -> None:
        """Time passes, and the sweeper comes round."""
        self.now += seconds
        self.hub.sweep()

    @property
    def counts(self) -> tuple[int, int, int]:
        """Series, views and leases that are held."""
        health = self.hub.health()
        return health["series"], health["views"], health["leases"]


def key(symbol: str = "BTCUSDT", timeframe: Timeframe = Timeframe.M1, step: int = 1) -> ViewKey:
    """A view of Binance."""
    return ViewKey(Venue.BINANCE, symbol, timeframe, step * BTC.tick)


def at(number: int, minute: int = 0, quantity: int = 5, price: int = 1_000) -> Trade:
    """A trade of a minute; ids and times rise together."""
    return (START + minute * MINUTE_MS + number, number, price, quantity)


def parsed(messages: list[str]) -> list[dict]:
    """Candles of delta messages."""
    return [json.loads(message, parse_float=Decimal)["candle"] for message in messages]
