"""The composition root: settings in, a running application out."""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Callable
from functools import partial

from flask import Flask

from orderflow_dash import __version__
from orderflow_dash.exchanges.binance.stream import BinanceProtocol, market_stream_url
from orderflow_dash.exchanges.bybit.stream import BybitProtocol
from orderflow_dash.feeds.backfill import BinanceRepair, BybitRepair, Repairer, RepairMethod
from orderflow_dash.feeds.clock import VenueClock
from orderflow_dash.feeds.connection import ConnectionPolicy
from orderflow_dash.feeds.feed import Feed
from orderflow_dash.feeds.klines import BinanceKlines, BybitKlines
from orderflow_dash.feeds.listing_sources import BinanceListing, BybitListing, VenueListing
from orderflow_dash.feeds.listings import Directory
from orderflow_dash.feeds.reconcile import SETTLE_S, ReconcilePolicy, Reconciler
from orderflow_dash.feeds.rest import RestClient
from orderflow_dash.feeds.sequencing import ContiguousIds, UniqueIds
from orderflow_dash.feeds.sparklines import DayLines
from orderflow_dash.feeds.tickers import TickerBoard
from orderflow_dash.live.history import HistoryLoader
from orderflow_dash.live.hub import Hub, VenueLink
from orderflow_dash.live.limits import HubLimits
from orderflow_dash.market import MINUTE_MS, Instrument, Venue
from orderflow_dash.replay.played import ALL_HISTORY_MS, RecordedHistory, RecordedRepair
from orderflow_dash.replay.replay import Replay, replay_files
from orderflow_dash.runtime.backoff import Backoff
from orderflow_dash.runtime.client_limits import client_limit
from orderflow_dash.runtime.logs import fields
from orderflow_dash.settings import Settings
from orderflow_dash.simulator import SimulatedExchange, SyntheticMarket
from orderflow_dash.store.null import OFF, history_place, open_history
from orderflow_dash.store.retention import Retention
from orderflow_dash.web import create_server
from orderflow_dash.web.api.open_sockets import open_sockets

log = logging.getLogger(__name__)

_LISTING_BACKOFF = 2.0, 60.0  # s
_DEMO_HISTORY = 35  # minutes that the simulated market has behind it when it opens, at most
_DEMO_RECONCILE_S = 1.0  # our own exchange need not be spared
_LOADING_BACKOFF = 0.3, 0.6  # s, while a replay's files are being loaded
_FLUSH_S = 1.0  # how long the end waits for minutes to be stored
_GOODBYE_S = 0.6  # how long clients have to take theirs
_COALESCE_S = 0.04  # changes of a view this close together are encoded as one


class Application:
    """Everything that one process runs."""

    def __init__(self, settings: Settings) -> None:
        files = replay_files(settings.replay)
        self.replay = Replay(files, settings.replay_speed) if files else None
        # A replay that is paused is silent for as long as it pleases.
        stall = settings.stall if self.replay is None else math.inf
        self._policy = ConnectionPolicy(stall=stall, life=settings.connection_life)
        self._board = TickerBoard()
        self._directories: list[Directory] = []
        self._feeds: list[Feed] = []
        self._repairers: list[Repairer] = []
        self._history_ms = ALL_HISTORY_MS if self.replay is not None else settings.history * MINUTE_MS
        self._settings = settings
        store = open_history(
            self._store_place(settings), Retention(days=settings.keep_days, megabytes=settings.keep_mb)
        )
        self.history = (
            HistoryLoader(store, settings.window)
            if self.replay is None
            else RecordedHistory(self.replay.market, settings.window)
        )
        self._days = DayLines()
        self._reconcilers: list[Reconciler] = []
        self._reconcile_s = settings.reconcile
        self.exchange: SimulatedExchange | None = None
        self._feed: Callable[..., Feed] = Feed
        if self.replay is not None:
            self._feed = partial(
                Feed, is_timely=False, status_override=self.replay.status, deliver=self.replay.deliver
            )
            links = self._replayed(self.replay)
        else:
            links = {
                Venue.BINANCE: self._binance(Venue.BINANCE, settings.binance_ws, settings.binance_rest),
                Venue.BYBIT: self._bybit(settings.bybit_ws, settings.bybit_rest),
            }
        if settings.demo and self.replay is None:
            before = min(settings.history, _DEMO_HISTORY) * MINUTE_MS
            market = SyntheticMarket(seed=settings.demo_seed, speed=settings.demo_speed, history_ms=before)
            self.exchange = SimulatedExchange(market)
            self.exchange.start()  # its port is known only then
            links[Venue.DEMO] = self._binance(Venue.DEMO, self.exchange.ws_root, self.exchange.rest_root)
            self._feeds[-1].is_timely = settings.demo_speed == 1
        self.hub = Hub(
            links,
            self._board,
            _hub_limits(settings),
            history=self.history,
        )
        self.server: Flask = create_server(self.hub, settings, self.replay, self._days)

    def start(self) -> None:
        """Open the store, begin to reach the venues and to release what nobody watches."""
        self._log_start()
        self.history.start()
        for directory in self._directories:
            directory.start()
        for repairer in self._repairers:
            repairer.start()
        for reconciler in self._reconcilers:
            reconciler.start(partial(self.hub.closed_minutes, reconciler.venue))
        self._days.start()
        self.hub.start()
        if self.replay is not None:
            self.replay.start(self.hub.reset_series)

    def stop(self) -> None:
        """Say goodbye to clients, keep what has closed, end every thread: within 1.5 s, whoever answers."""
        begun = time.monotonic()
        self.hub.stop()
        for repairer in self._repairers:
            repairer.stop()
        asking: list[Reconciler | DayLines | Directory | Feed] = [
            *self._reconcilers, self._days, *self._directories, *self._feeds
        ]  # fmt: skip
        for part in asking:
            part.stop(wait=0)
        self.history.stop(_FLUSH_S)
        for part in asking:
            part.stop(wait=max(0.0, begun + _FLUSH_S - time.monotonic()))
        open_sockets(self.server).end(max(0.0, begun + _GOODBYE_S - time.monotonic()))
        if self.exchange is not None:
            self.exchange.stop()
        if self.replay is not None:
            self.replay.stop()

    def _log_start(self) -> None:
        settings = self._settings
        names = "max_sockets", "max_panels", "max_series", "window", "history", "keep_days", "keep_mb"
        limits = {name: getattr(settings, name) for name in names}
        place = history_place(self._store_place(settings))
        log.info("starting", extra=fields(version=__version__, port=settings.port, store=place, **limits))
        for feed in self._feeds:
            log.info("venue", extra=fields(venue=feed.venue.value, stream=feed.url))

    def _store_place(self, settings: Settings) -> str:
        """Where history is kept. Not in the user's own file where a venue's place is taken by something else:

        what a simulator, a testnet or a recording told must never turn up in the history of the venue itself.
        """
        if self.replay is not None:
            return OFF
        return settings.database_url or ("" if settings.venues_are_their_own else OFF)

    def _replayed(self, replay: Replay) -> dict[Venue, VenueLink]:
        """Both venues, as far as the files may hold them, at the exchange that plays the files."""
        exchange = replay.exchange.start()
        links = {}
        if Venue.BINANCE in replay.venues:
            links[Venue.BINANCE] = self._binance(Venue.BINANCE, exchange.ws_root, exchange.rest_root)
        if Venue.BYBIT in replay.venues:
            links[Venue.BYBIT] = self._bybit(exchange.bybit_ws, exchange.rest_root)
        return links

    def _binance(self, venue: Venue, ws_root: str, rest_root: str) -> VenueLink:
        instruments: dict[str, Instrument] = {}
        rest, clock = RestClient(rest_root), VenueClock()
        url, repairer = market_stream_url(ws_root), self._repairer(BinanceRepair(rest), venue)
        feed = self._feed(
            venue, url, BinanceProtocol, ContiguousIds, instruments, self._policy, repairer, clock
        )
        listing = BinanceListing(venue, rest, ws_root, self._policy, instruments)
        directory = self._directory(venue, listing, instruments, clock)
        return self._link(feed, directory, BinanceKlines(rest), clock, refetches=True)

    def _bybit(self, ws_url: str, rest_root: str) -> VenueLink:
        instruments: dict[str, Instrument] = {}
        rest, clock = RestClient(rest_root), VenueClock()
        repairer = self._repairer(BybitRepair(rest), Venue.BYBIT)
        feed = self._feed(
            Venue.BYBIT, ws_url, BybitProtocol, UniqueIds, instruments, self._policy, repairer, clock
        )
        directory = self._directory(Venue.BYBIT, BybitListing(Venue.BYBIT, rest), instruments, clock)
        return self._link(feed, directory, BybitKlines(rest), clock, refetches=False)

    def _directory(
        self, venue: Venue, listing: VenueListing, instruments: dict[str, Instrument], clock: VenueClock
    ) -> Directory:
        backoff = Backoff(*_LISTING_BACKOFF)
        if self.replay is not None:
            listing, backoff = self.replay.listing(venue, listing), Backoff(*_LOADING_BACKOFF)
        return Directory(venue, listing, self._board, instruments, backoff, clock)

    def _repairer(self, method: RepairMethod, venue: Venue) -> Repairer:
        if self.replay is not None:  # the recording gives more than a venue's REST
            method = RecordedRepair(self.replay.market, venue)
        repairer = Repairer(method, str(venue), self._history_ms)
        self._repairers.append(repairer)
        return repairer

    def _link(
        self,
        feed: Feed,
        directory: Directory,
        klines: BinanceKlines | BybitKlines,
        clock: VenueClock,
        *,
        refetches: bool,
    ) -> VenueLink:
        feed.listing = directory
        self._feeds.append(feed)
        self._directories.append(directory)
        if self.replay is None:  # a line of a day would show what is still to be played
            self._days.add(feed.venue, klines, directory.instruments)
        kept = feed.venue is not Venue.DEMO  # a simulated market is another one after each start
        refetch_ms = self._history_ms if refetches else 0
        every = self._reconcile_s
        if not every:
            return VenueLink(directory, feed, None, kept, refetch_ms)
        if feed.venue is Venue.DEMO:
            every = min(every, _DEMO_RECONCILE_S)
        policy = ReconcilePolicy(every=every, settle=min(every, SETTLE_S), learn_every=4 * every)
        reconciler = Reconciler(feed.venue, klines, policy, clock)
        self._reconcilers.append(reconciler)
        return VenueLink(directory, feed, reconciler, kept, refetch_ms)


def _hub_limits(settings: Settings) -> HubLimits:
    return HubLimits(
        window=settings.window,
        grace_s=settings.grace,
        lease_s=settings.lease,
        coalesce_s=_COALESCE_S,
        panels=settings.max_panels,
        panels_per_client=client_limit(settings.max_panels, settings.max_panels_per_client),
        views=settings.max_views,
        views_per_client=client_limit(settings.max_views, settings.max_views_per_client),
        series=settings.max_series,
        series_per_client=client_limit(settings.max_series, settings.max_series_per_client),
    )
