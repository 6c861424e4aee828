"""The composition root: settings in, a running application out."""

from __future__ import annotations

import logging
import math
import os
import time
from dataclasses import replace
from functools import partial

from flask import Flask

from orderflow_dash import __version__
from orderflow_dash.feeds.connection import ConnectionPolicy
from orderflow_dash.feeds.feed import Feed
from orderflow_dash.feeds.reconcile import SETTLE_S, ReconcilePolicy
from orderflow_dash.feeds.sparklines import Sparklines
from orderflow_dash.feeds.tickers import TickerCache
from orderflow_dash.feeds.venues import binance, bybit
from orderflow_dash.feeds.venues.runtime import VenueOptions, VenueParts, VenueRuntime
from orderflow_dash.live.history import HistoryLoader
from orderflow_dash.live.hub import Hub, VenueLink
from orderflow_dash.live.limits import HubLimits
from orderflow_dash.market import MINUTE_MS, Venue
from orderflow_dash.replay.played import ALL_HISTORY_MS, RecordedBackfill, RecordedHistory
from orderflow_dash.replay.replay import Replay, replay_files
from orderflow_dash.runtime.client_limits import client_limit
from orderflow_dash.runtime.logs import fields
from orderflow_dash.settings import Settings, unknown_variables
from orderflow_dash.simulator import SimulatedExchange, SyntheticMarket
from orderflow_dash.store.null import OFF, history_place, open_history
from orderflow_dash.store.retention import Retention
from orderflow_dash.web import create_server
from orderflow_dash.web.api.open_sockets import open_sockets

log = logging.getLogger(__name__)

_DEMO_HISTORY = 35  # minutes of history that the simulated market opens with, at most
_DEMO_RECONCILE_S = 1.0  # the simulated exchange has no request limit
_LOADING_BACKOFF_S = 0.3, 0.6  # while a replay's files are loading
_FLUSH_S = 1.0  # for storing minutes during shutdown
_CLOSE_S = 0.6  # for clients to receive the closing message
_COALESCE_S = 0.04  # a view is rebuilt at most once in this time


class Application:
    """Everything that one process runs."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        files = replay_files(settings.replay)
        self.replay = Replay(files, settings.replay_speed) if files else None
        store = open_history(
            self._store_place(settings), Retention(days=settings.keep_days, megabytes=settings.keep_mb)
        )
        self.history = (
            HistoryLoader(store, settings.memory_minutes)
            if self.replay is None
            else RecordedHistory(self.replay.market, settings.memory_minutes)
        )
        self.exchange: SimulatedExchange | None = None
        tickers = TickerCache()
        self._venues = self._live(tickers) if self.replay is None else self._replayed(self.replay, tickers)
        self._sparklines = Sparklines()
        if self.replay is None:  # a recording's hours would show prices that are still to be played
            for each in self._venues:
                self._sparklines.add(each.venue, each.klines, each.instruments.instruments)
        self.hub = Hub(
            {each.venue: _link(each) for each in self._venues},
            tickers,
            _hub_limits(settings),
            history=self.history,
        )
        self.server: Flask = create_server(self.hub, settings, self.replay, self._sparklines)

    def start(self) -> None:
        """Open the store, connect to the venues, and start to release streams without viewers."""
        self._log_start()
        self.history.start()
        for each in self._venues:
            each.start(partial(self.hub.closed_minutes, each.venue))
        self._sparklines.start()
        self.hub.start()
        if self.replay is not None:
            self.replay.start(self.hub.reset_series)

    def stop(self) -> None:
        """Close clients, store closed minutes and stop every thread, within 1.5 s."""
        started = time.monotonic()
        self.hub.stop()
        parts: list[VenueRuntime | Sparklines] = [*self._venues, self._sparklines]
        for part in parts:
            part.stop(wait=0)
        self.history.stop(_FLUSH_S)
        for part in parts:
            part.stop(wait=max(0.0, started + _FLUSH_S - time.monotonic()))
        open_sockets(self.server).drain(max(0.0, started + _CLOSE_S - time.monotonic()))
        if self.exchange is not None:
            self.exchange.stop()
        if self.replay is not None:
            self.replay.stop()

    def _log_start(self) -> None:
        settings = self._settings
        names = (
            "max_sockets",
            "max_panels",
            "max_series",
            "memory_minutes",
            "backfill_minutes",
            "keep_days",
            "keep_mb",
        )
        limits = {name: getattr(settings, name) for name in names}
        place = history_place(self._store_place(settings))
        log.info("starting", extra=fields(version=__version__, port=settings.port, store=place, **limits))
        for sentence in unknown_variables(os.environ):
            log.warning("%s", sentence)
        for each in self._venues:
            log.info("venue", extra=fields(venue=each.venue.value, stream=each.feed.url))

    def _store_place(self, settings: Settings) -> str:
        """The place where history is stored.

        Not in the user's file if a simulator, a testnet or a recording stands in for a venue: its candles
        must never appear in the history of the venue itself.
        """
        if self.replay is not None:
            return OFF
        return settings.database_url or ("" if settings.venues_are_their_own else OFF)

    def _live(self, tickers: TickerCache) -> list[VenueRuntime]:
        """Both venues, and the demo venue with its own exchange if it is enabled."""
        settings = self._settings
        options = VenueOptions(
            tickers,
            ConnectionPolicy(stall=settings.stall_timeout_s, life=settings.connection_life_s),
            settings.backfill_minutes * MINUTE_MS,
            _reconcile_policy(settings.verify_interval_s),
        )
        venues = [
            binance.build(Venue.BINANCE, settings.binance_ws, settings.binance_rest, options),
            bybit.build(settings.bybit_ws, settings.bybit_rest, options),
        ]
        if settings.demo:
            history_ms = min(settings.backfill_minutes, _DEMO_HISTORY) * MINUTE_MS
            market = SyntheticMarket(
                seed=settings.demo_seed, speed=settings.demo_speed, history_ms=history_ms
            )
            self.exchange = SimulatedExchange(market)
            self.exchange.start()  # which picks its port
            demo = replace(
                options,
                reconcile=_reconcile_policy(min(settings.verify_interval_s, _DEMO_RECONCILE_S)),
                is_timely=settings.demo_speed == 1,
            )
            venues.append(binance.build(Venue.DEMO, self.exchange.ws_root, self.exchange.rest_root, demo))
        return venues

    def _replayed(self, replay: Replay, tickers: TickerCache) -> list[VenueRuntime]:
        """The venues that the files may hold, served by the exchange that plays the files."""

        def adapt(venue: Venue, parts: VenueParts) -> VenueParts:
            return replace(
                parts,
                listing=replay.listing(venue, parts.listing),
                backfill=RecordedBackfill(replay.market, venue),  # the recording has more than a venue's REST
                feed=partial(Feed, status_override=replay.status, deliver=replay.deliver),
                listing_backoff_s=_LOADING_BACKOFF_S,
            )

        options = VenueOptions(
            tickers,
            ConnectionPolicy(stall=math.inf, life=self._settings.connection_life_s),  # a pause is silent
            ALL_HISTORY_MS,
            _reconcile_policy(self._settings.verify_interval_s),
            is_timely=False,
            adapt=adapt,
        )
        exchange = replay.exchange.start()
        venues = []
        if Venue.BINANCE in replay.venues:
            venues.append(binance.build(Venue.BINANCE, exchange.ws_root, exchange.rest_root, options))
        if Venue.BYBIT in replay.venues:
            venues.append(bybit.build(exchange.bybit_ws, exchange.rest_root, options))
        return venues


def _link(runtime: VenueRuntime) -> VenueLink:
    """A venue as the hub sees it. The demo market differs after each start, so it is not stored."""
    is_kept = runtime.venue is not Venue.DEMO
    return VenueLink(runtime.instruments, runtime.feed, runtime.reconciler, is_kept, runtime.refetch_ms)


def _reconcile_policy(every: float) -> ReconcilePolicy | None:
    """The policy of one comparison in ``every`` seconds; None for 0, which turns it off."""
    if not every:
        return None
    return ReconcilePolicy(every=every, settle=min(every, SETTLE_S), learn_every=4 * every)


def _hub_limits(settings: Settings) -> HubLimits:
    return HubLimits(
        window=settings.memory_minutes,
        grace_s=settings.stream_idle_s,
        lease_s=settings.panel_timeout_s,
        coalesce_s=_COALESCE_S,
        panels=settings.max_panels,
        panels_per_client=client_limit(settings.max_panels, settings.max_panels_per_client),
        views=settings.max_views,
        views_per_client=client_limit(settings.max_views, settings.max_views_per_client),
        series=settings.max_series,
        series_per_client=client_limit(settings.max_series, settings.max_series_per_client),
    )
