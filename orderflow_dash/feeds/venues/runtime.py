"""Everything that runs for one venue, assembled from its venue-specific parts."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Final, Protocol

from orderflow_dash.exchanges.protocol import StreamProtocol
from orderflow_dash.feeds.backfill import Backfiller, BackfillMethod
from orderflow_dash.feeds.clock import VenueClock
from orderflow_dash.feeds.connection import ConnectionPolicy
from orderflow_dash.feeds.feed import Feed
from orderflow_dash.feeds.klines import KlineSource
from orderflow_dash.feeds.listings import InstrumentProvider, ListingSource
from orderflow_dash.feeds.reconcile import Minutes, ReconcilePolicy, Reconciler
from orderflow_dash.feeds.sequencing import Sequencer
from orderflow_dash.feeds.sparklines import HourSource
from orderflow_dash.feeds.tickers import TickerCache
from orderflow_dash.market import Instrument, Venue
from orderflow_dash.runtime.backoff import Backoff

_LISTING_BACKOFF_S: Final = 2.0, 60.0


class VenueKlines(KlineSource, HourSource, Protocol):
    """A venue's klines: the minutes that prove candles, and the hours of sparklines."""


@dataclass(frozen=True, slots=True)
class VenueParts:
    """The venue-specific parts."""

    url: str  # of the trade stream
    protocol: Callable[[Mapping[str, Instrument]], StreamProtocol]
    sequencer: Callable[[], Sequencer]
    listing: ListingSource
    klines: VenueKlines
    backfill: BackfillMethod
    refetches_gaps: bool  # the venue serves the trades of an old gap, as far back as history is wanted
    feed: Callable[..., Feed] = Feed
    listing_backoff_s: tuple[float, float] = _LISTING_BACKOFF_S


@dataclass(frozen=True, slots=True)
class VenueOptions:
    """The application's choices for a venue; ``adapt`` may replace some of its parts."""

    tickers: TickerCache
    policy: ConnectionPolicy
    history_ms: int  # backfilled before a stream's first trade
    reconcile: ReconcilePolicy | None = None
    is_timely: bool = True  # the trades are of now
    adapt: Callable[[Venue, VenueParts], VenueParts] | None = None


@dataclass(frozen=True, slots=True)
class VenueRuntime:
    """One venue's running parts; ``refetch_ms`` is how far back it serves the trades of a gap."""

    venue: Venue
    feed: Feed
    instruments: InstrumentProvider
    backfiller: Backfiller
    klines: VenueKlines
    reconciler: Reconciler | None
    refetch_ms: int

    def start(self, streaming: Callable[[], Collection[Minutes]]) -> None:
        """Start the threads; ``streaming`` returns the minutes of every symbol that streams now."""
        self.instruments.start()
        self.backfiller.start()
        if self.reconciler is not None:
            self.reconciler.start(streaming)

    def stop(self, wait: float) -> None:
        """Stop the threads; requests and handshakes under way are waited for ``wait`` seconds at most."""
        self.backfiller.stop()
        until = time.monotonic() + wait
        stops = [self.instruments.stop, self.feed.stop]
        if self.reconciler is not None:
            stops.insert(0, self.reconciler.stop)
        for stop in stops:
            stop(max(0.0, until - time.monotonic()))


def assemble(
    venue: Venue, instruments: dict[str, Instrument], parts: VenueParts, options: VenueOptions
) -> VenueRuntime:
    """A venue's runtime, not started. ``instruments`` is filled in place as the venue lists them."""
    if options.adapt is not None:
        parts = options.adapt(venue, parts)
    clock = VenueClock()
    backfiller = Backfiller(parts.backfill, str(venue), options.history_ms)
    provider = InstrumentProvider(
        venue, parts.listing, options.tickers, instruments, Backoff(*parts.listing_backoff_s), clock
    )
    feed = parts.feed(
        venue,
        parts.url,
        parts.protocol,
        parts.sequencer,
        instruments,
        options.policy,
        backfiller,
        clock,
        is_timely=options.is_timely,
    )
    feed.listing = provider
    reconciler = None
    if options.reconcile is not None:
        reconciler = Reconciler(venue, parts.klines, options.reconcile, clock)
    refetch_ms = options.history_ms if parts.refetches_gaps else 0
    return VenueRuntime(venue, feed, provider, backfiller, parts.klines, reconciler, refetch_ms)
