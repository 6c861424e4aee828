"""The composition root: settings in, a running application out."""

from __future__ import annotations

from functools import partial

from flask import Flask

from .exchanges.binance import BinanceProtocol, market_stream_url
from .exchanges.bybit import BybitProtocol
from .feeds.backoff import Backoff
from .feeds.board import TickerBoard
from .feeds.connection import ConnectionPolicy
from .feeds.continuity import ContiguousIds, UniqueIds
from .feeds.directory import BinanceListing, BybitListing, Directory
from .feeds.feed import Feed
from .feeds.klines import BinanceKlines, BybitKlines, KlineSource
from .feeds.reconcile import SETTLE_S, ReconcilePolicy, Reconciler
from .feeds.repair import BinanceRepair, BybitRepair, Repairer, RepairMethod
from .feeds.rest import RestClient
from .hub import Hub, VenueLink
from .market import MINUTE_MS, Instrument, Venue
from .settings import Settings
from .simulator import SimulatedExchange, SyntheticMarket
from .web import create_server

_LISTING_BACKOFF = 2.0, 60.0  # s
_DEMO_HISTORY = 35  # minutes that the simulated market has behind it when it opens, at most
_DEMO_RECONCILE_S = 1.0  # our own exchange need not be spared
_COALESCE_S = 0.04  # changes of a view this close together are encoded as one


class Application:
    """Everything that one process runs."""

    def __init__(self, settings: Settings) -> None:
        self._policy = ConnectionPolicy(stall=settings.stall, life=settings.connection_life)
        self._board = TickerBoard()
        self._directories: list[Directory] = []
        self._feeds: list[Feed] = []
        self._repairers: list[Repairer] = []
        self._history_ms = settings.history * MINUTE_MS
        self._reconcilers: list[Reconciler] = []
        self._reconcile_s = settings.reconcile
        self.exchange: SimulatedExchange | None = None
        links = {
            Venue.BINANCE: self._binance(Venue.BINANCE, settings.binance_ws, settings.binance_rest),
            Venue.BYBIT: self._bybit(settings.bybit_ws, settings.bybit_rest),
        }
        if settings.demo:
            before = min(settings.history, _DEMO_HISTORY) * MINUTE_MS
            market = SyntheticMarket(seed=settings.demo_seed, speed=settings.demo_speed, history_ms=before)
            self.exchange = SimulatedExchange(market)
            self.exchange.start()  # its port is known only then
            links[Venue.DEMO] = self._binance(Venue.DEMO, self.exchange.ws_root, self.exchange.rest_root)
        self.hub = Hub(
            links,
            self._board,
            window=settings.window,
            grace_s=settings.grace,
            lease_s=settings.lease,
            coalesce_s=_COALESCE_S,
            max_series=settings.max_series,
            max_leases=settings.max_panels,
        )
        self.server: Flask = create_server(self.hub, settings)

    def start(self) -> None:
        """Begin to reach the venues and to release what nobody watches."""
        for directory in self._directories:
            directory.start()
        for repairer in self._repairers:
            repairer.start()
        for reconciler in self._reconcilers:
            reconciler.start(partial(self.hub.books, reconciler.venue))
        self.hub.start()

    def stop(self) -> None:
        """Say goodbye to clients, then end every thread, within about a second."""
        self.hub.stop()
        for repairer in self._repairers:
            repairer.stop()
        for reconciler in self._reconcilers:
            reconciler.stop(wait=0)
        for directory in self._directories:
            directory.stop(wait=0)
        for directory in self._directories:
            directory.stop()
        for feed in self._feeds:
            feed.stop()
        for reconciler in self._reconcilers:
            reconciler.stop()
        if self.exchange is not None:
            self.exchange.stop()

    def _binance(self, venue: Venue, ws_root: str, rest_root: str) -> VenueLink:
        instruments: dict[str, Instrument] = {}
        rest = RestClient(rest_root)
        url, repairer = market_stream_url(ws_root), self._repairer(BinanceRepair(rest), venue)
        feed = Feed(venue, url, BinanceProtocol, ContiguousIds, instruments, self._policy, repairer)
        listing = BinanceListing(venue, rest, ws_root, self._policy, instruments)
        return self._link(
            feed,
            Directory(venue, listing, self._board, instruments, Backoff(*_LISTING_BACKOFF)),
            BinanceKlines(rest),
        )

    def _bybit(self, ws_url: str, rest_root: str) -> VenueLink:
        instruments: dict[str, Instrument] = {}
        rest = RestClient(rest_root)
        repairer = self._repairer(BybitRepair(rest), Venue.BYBIT)
        feed = Feed(Venue.BYBIT, ws_url, BybitProtocol, UniqueIds, instruments, self._policy, repairer)
        listing = BybitListing(Venue.BYBIT, rest)
        return self._link(
            feed,
            Directory(Venue.BYBIT, listing, self._board, instruments, Backoff(*_LISTING_BACKOFF)),
            BybitKlines(rest),
        )

    def _repairer(self, method: RepairMethod, venue: Venue) -> Repairer:
        repairer = Repairer(method, str(venue), self._history_ms)
        self._repairers.append(repairer)
        return repairer

    def _link(self, feed: Feed, directory: Directory, klines: KlineSource) -> VenueLink:
        self._feeds.append(feed)
        self._directories.append(directory)
        every = self._reconcile_s
        if not every:
            return VenueLink(directory, feed)
        if feed.venue is Venue.DEMO:
            every = min(every, _DEMO_RECONCILE_S)
        policy = ReconcilePolicy(every=every, settle=min(every, SETTLE_S))
        reconciler = Reconciler(feed.venue, klines, policy)
        self._reconcilers.append(reconciler)
        return VenueLink(directory, feed, reconciler)
