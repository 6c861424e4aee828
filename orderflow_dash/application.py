"""The composition root: settings in, a running application out."""

from __future__ import annotations

import math
from collections.abc import Callable

from flask import Flask

from .exchanges.binance import BinanceProtocol, market_stream_url
from .exchanges.bybit import BybitProtocol
from .feeds.backoff import Backoff
from .feeds.board import TickerBoard
from .feeds.connection import ConnectionPolicy
from .feeds.continuity import ContiguousIds, UniqueIds
from .feeds.directory import BinanceListing, BybitListing, Directory, VenueListing
from .feeds.feed import Feed
from .feeds.rest import RestClient
from .hub import Hub, VenueLink
from .market import Instrument, Venue
from .replay import Replay, replay_files
from .settings import Settings
from .simulator import SimulatedExchange, SyntheticMarket
from .web import create_server

_LISTING_BACKOFF = 2.0, 60.0  # s
_LOADING_BACKOFF = 0.3, 0.6  # s, while a replay's files are being loaded
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
        self.exchange: SimulatedExchange | None = None
        self._feed: Callable[..., Feed] = Feed if self.replay is None else self.replay.feed
        if self.replay is not None:
            links = self._replayed(self.replay)
        else:
            links = {
                Venue.BINANCE: self._binance(Venue.BINANCE, settings.binance_ws, settings.binance_rest),
                Venue.BYBIT: self._bybit(settings.bybit_ws, settings.bybit_rest),
            }
        if settings.demo and self.replay is None:
            market = SyntheticMarket(seed=settings.demo_seed, speed=settings.demo_speed)
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
        self.server: Flask = create_server(self.hub, settings, self.replay)

    def start(self) -> None:
        """Begin to reach the venues and to release what nobody watches."""
        for directory in self._directories:
            directory.start()
        self.hub.start()
        if self.replay is not None:
            self.replay.start(self.hub.begin_anew)

    def stop(self) -> None:
        """Say goodbye to clients, then end every thread, within about a second."""
        self.hub.stop()
        for directory in self._directories:
            directory.stop(wait=0)
        for directory in self._directories:
            directory.stop()
        for feed in self._feeds:
            feed.stop()
        if self.exchange is not None:
            self.exchange.stop()
        if self.replay is not None:
            self.replay.stop()

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
        feed = self._feed(
            venue, market_stream_url(ws_root), BinanceProtocol, ContiguousIds, instruments, self._policy
        )
        listing = BinanceListing(venue, RestClient(rest_root), ws_root, self._policy, instruments)
        return self._link(feed, self._directory(venue, listing, instruments))

    def _bybit(self, ws_url: str, rest_root: str) -> VenueLink:
        instruments: dict[str, Instrument] = {}
        feed = self._feed(Venue.BYBIT, ws_url, BybitProtocol, UniqueIds, instruments, self._policy)
        listing = BybitListing(Venue.BYBIT, RestClient(rest_root))
        return self._link(feed, self._directory(Venue.BYBIT, listing, instruments))

    def _directory(
        self, venue: Venue, listing: VenueListing, instruments: dict[str, Instrument]
    ) -> Directory:
        backoff = Backoff(*_LISTING_BACKOFF)
        if self.replay is not None:
            listing, backoff = self.replay.listing(venue, listing), Backoff(*_LOADING_BACKOFF)
        return Directory(venue, listing, self._board, instruments, backoff)

    def _link(self, feed: Feed, directory: Directory) -> VenueLink:
        self._feeds.append(feed)
        self._directories.append(directory)
        return VenueLink(directory, feed)
