"""Streams on demand: views shared by all clients, held by references and leases.

A stream starts with its first viewer and ends a grace period after its last. All clients that ask for the
same venue, symbol, timeframe and step share one view.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from decimal import Decimal
from typing import Final, NamedTuple

from orderflow_dash.feeds.feed import Feed
from orderflow_dash.feeds.latency import LagMeter
from orderflow_dash.feeds.listings import InstrumentProvider
from orderflow_dash.feeds.reconcile import Reconciler
from orderflow_dash.feeds.tickers import TickerCache
from orderflow_dash.live.closed_minutes import ClosedMinutes
from orderflow_dash.live.history import HistoryLoader
from orderflow_dash.live.limits import COUNTED_IDLE_S, HubLimits, Panel, Symbol, WatchLimiter
from orderflow_dash.live.memory import held_memory
from orderflow_dash.live.stream import SeriesStream
from orderflow_dash.live.view import View, ViewKey
from orderflow_dash.market import Instrument, Venue
from orderflow_dash.runtime.client_limits import ANYONE, Client
from orderflow_dash.runtime.threads import SupervisedThread
from orderflow_dash.runtime.wording import quoted

log = logging.getLogger(__name__)

_FIRST_ANSWER_S: Final = 3.0  # longest wait of a first request for a venue's instruments
_LISTING_S: Final = 2.0  # longest wait of a request for an unlisted symbol while the instruments are reloaded
_SWEEP_S: Final = 0.5


class Unavailable(Exception):
    """The venue cannot be reached, or is not served here; the text names the cause."""


class UnknownSymbol(Exception):
    """The venue does not list the symbol; the text names examples that it lists."""


@dataclass(frozen=True, slots=True)
class VenueStatus:
    """Whether a venue can be reached; ``detail`` is the cause if not, as text for the page."""

    venue: Venue
    reachable: bool
    detail: str


@dataclass(frozen=True, slots=True)
class VenueLink:
    """One venue's parts.

    ``is_kept``: its minutes are stored. ``refetch_ms``: how far back it returns the trades of a gap.
    """

    listing: InstrumentProvider
    trades: Feed
    klines: Reconciler | None = None
    is_kept: bool = True
    refetch_ms: int = 0


class _Lease(NamedTuple):
    key: ViewKey
    until: float


class Hub:
    """Streams and views of all venues, by reference and by lease. Thread-safe."""

    def __init__(
        self,
        links: Mapping[Venue, VenueLink],
        board: TickerCache,
        limits: HubLimits = HubLimits(),  # noqa: B008 - frozen
        *,
        history: HistoryLoader | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._links = dict(links)
        self._board = board
        self._limits = limits
        self._history = history
        self._clock = clock
        self._lock = threading.Lock()
        self._streams: dict[Symbol, SeriesStream] = {}
        self._views: dict[ViewKey, View] = {}
        self._leases: dict[Panel, _Lease] = {}
        self._held = WatchLimiter(limits)
        self.stopping = threading.Event()
        self._sweeper = SupervisedThread(self._sweep_on, name="hub-sweeper", stopping=self.stopping)

    def start(self) -> None:
        """Start to release expired leases and idle streams."""
        self._sweeper.start()

    def stop(self) -> None:
        """Stop the hub; views that were handed out keep their last state."""
        self.stopping.set()

    # -- venues and instruments --------------------------------------------------------------

    def venues(self) -> list[VenueStatus]:
        """All venues served here."""
        return [
            VenueStatus(v, link.listing.reachable, link.listing.detail) for v, link in self._links.items()
        ]

    def default_venue(self) -> VenueStatus:
        """The venue of a view that names none: the first that can be reached, or else the first.

        Waits up to three seconds for the venues' instruments.
        """
        until = time.monotonic() + _FIRST_ANSWER_S
        for place, link in enumerate(self._links.values()):
            link.listing.answered.wait(max(0.0, until - time.monotonic()))
            if link.listing.reachable:
                return self.venues()[place]
        return self.venues()[0]

    def history_detail(self) -> str:
        """Why history is not stored, as text for the page; empty if it is."""
        health = {} if self._history is None else self._history.health()
        return str(health["detail"]) if health.get("state") == "memory" else ""

    def instruments(self) -> list[Instrument]:
        """The instruments of all venues, as far as loaded."""
        return [each for link in self._links.values() for each in list(link.listing.instruments.values())]

    def instrument(self, venue: Venue, symbol: str, *, at_once: bool = False) -> Instrument:
        """One instrument; waits up to three seconds for the venue's instruments unless ``at_once``.

        Raises Unavailable if they have not loaded, UnknownSymbol if the venue does not list the symbol.
        """
        link = self._links.get(venue)
        if link is None:
            served = ", ".join(each.label for each in self._links)
            raise Unavailable(f"{venue.label} is not served here; served: {served}")
        listing = link.listing
        with self._lock:
            stream = self._streams.get((venue, symbol))
        if symbol not in listing.instruments and stream is None and not at_once:
            listing.answered.wait(_FIRST_ANSWER_S)
        if symbol not in listing.instruments:
            # It may have been listed a moment ago.
            listing.refresh(0.0 if at_once or stream is not None else _LISTING_S, symbol)
        instrument = listing.instruments.get(symbol)
        if stream is not None:
            return self._relisted(stream, instrument)
        if instrument is None and not listing.instruments:
            raise Unavailable(f"{venue.label} cannot be reached: {listing.detail}")
        if instrument is None:
            some = ", ".join(sorted(listing.instruments, key=lambda each: (each != "BTCUSDT", each))[:3])
            status = listing.status_of(symbol)
            why = f" (its status is {status})" if status else ""
            raise UnknownSymbol(
                f"{venue.label} lists no perpetual {quoted(symbol)}{why}; it lists {some} and others"
            )
        return instrument

    @staticmethod
    def _relisted(stream: SeriesStream, listed: Instrument | None) -> Instrument:
        """A streaming instrument as the venue lists it now; the last known if it no longer does."""
        if listed is not None and listed != stream.instrument:
            try:
                stream.relist(listed)
            except OverflowError as error:
                raise Unavailable(f"{listed.symbol}: the venue's tick cannot be used: {error}") from error
        return stream.instrument

    def relisted(self, instrument: Instrument) -> Instrument:
        """An instrument as the venue lists it now; waits up to two seconds. Raises as ``instrument``."""
        self._links[instrument.venue].listing.refresh(_LISTING_S)
        return self.instrument(instrument.venue, instrument.symbol)

    def has_step(self, instrument: Instrument, step: Decimal) -> bool:
        """Whether a view of a step is open: it stays valid if the venue changes the tick."""
        symbol = instrument.venue, instrument.symbol
        with self._lock:
            return any((key.venue, key.symbol) == symbol and key.step == step for key in self._views)

    def price(self, instrument: Instrument) -> Decimal | None:
        """The last known price, quote currency; None before the first trade."""
        ticker = self._board.rows.get((instrument.venue, instrument.symbol))
        return None if ticker is None or not ticker.last or ticker.last < 0 else ticker.last

    def tickers(self) -> TickerCache:
        """The tickers of all venues; keeps them live for a while."""
        for link in self._links.values():
            link.listing.look()
        return self._board

    # -- streams and views -------------------------------------------------------------------

    def streamed(self) -> frozenset[Symbol]:
        """Every symbol that streams now."""
        with self._lock:
            return frozenset(self._streams)

    def closed_minutes(self, venue: Venue) -> list[ClosedMinutes]:
        """The minutes of every symbol of a venue that streams now."""
        with self._lock:
            return [stream.closed_minutes for (each, _), stream in self._streams.items() if each is venue]

    @contextmanager
    def watch(self, key: ViewKey, client: Client = ANYONE) -> Iterator[View]:
        """A reference for as long as the block runs, counted for ``client``. Raises as ``lease``."""
        view = self._acquire(key, client)
        try:
            yield view
        finally:
            with self._lock:
                self._release(key, client)

    def lease(self, holder: str, key: ViewKey, client: Client = ANYONE) -> View:
        """Start or renew the lease of a client's panel; it expires without a renewal.

        A panel has one lease: another key releases the old one. Panels are separate for each client, even
        if their names are equal. Raises as ``instrument``, and LimitReached.
        """
        if (view := self.renewed(holder, key, client)) is not None:
            return view
        panel, until = (client, holder), self._clock() + self._limits.lease_s
        panels = self._held.panels
        with self._lock:
            panels.check(client, panel)
            panels.acquire(client, panel)
            old = self._leases.get(panel)
        try:
            view = self._acquire(key, client, None if old is None else old.key)
        except BaseException:
            with self._lock:
                panels.release(client, panel)
            raise
        with self._lock:
            old = self._leases.get(panel)
            self._leases[panel] = _Lease(key, until)
            if old is not None:
                panels.release(client, panel)
                self._release(old.key, client)
        return view

    def renewed(self, holder: str, key: ViewKey, client: Client = ANYONE) -> View | None:
        """Renew the lease of a client's panel on this key; None if it has none."""
        with self._lock:
            lease = self._leases.get((client, holder))
            if lease is None or lease.key != key:
                return None
            self._leases[client, holder] = _Lease(key, self._clock() + self._limits.lease_s)
            return self._views[key]

    def release(self, holder: str, client: Client = ANYONE) -> None:
        """End the lease of a client's panel, if it has one."""
        with self._lock:
            self._end_lease((client, holder))

    def reset_series(self, move: Callable[[], None]) -> None:
        """Restart every series with no trades, after ``move`` has changed what the venues serve.

        Existing views close: their sockets end, and pages get the new views when they renew their lease.
        """
        # Hold the lock so that no caller sees a half-reset stream.
        with self._lock:
            for stream in self._streams.values():
                stream.end()
            try:
                move()
            finally:
                for symbol, old in list(self._streams.items()):
                    self._streams[symbol] = stream = old.reset()
                    self._start_stream(stream)
                for key, view in list(self._views.items()):
                    view.is_closed = True
                    self._views[key] = self._new_view(key)

    def sweep(self) -> None:
        """Release expired leases, and streams that had no viewer for the grace period."""
        now = self._clock()
        with self._lock:
            for panel in [panel for panel, lease in self._leases.items() if lease.until < now]:
                self._end_lease(panel)
            for symbol, stream in list(self._streams.items()):
                idle_s = 0.0 if stream.idle_since is None else now - stream.idle_since
                if stream.idle_since is not None and idle_s >= self._limits.grace_s:
                    self._end_stream(symbol)
                elif idle_s >= COUNTED_IDLE_S:
                    self._held.stop_counting_idle(symbol)

    # -- figures -----------------------------------------------------------------------------

    def lags(self) -> dict[Venue, LagMeter | None]:
        """The delay of each venue's trades; None if unknown."""
        return {venue: link.trades.lags() for venue, link in self._links.items()}

    def health(self) -> dict[str, object]:
        """Counts of streams, views and leases, and each venue's feed, for ``/health``."""
        with self._lock:
            streams, views = dict(self._streams), dict(self._views)
            counts = {"series": len(streams), "views": len(views), "leases": len(self._leases)}
            late = dict.fromkeys(self._links, 0)
            for (venue, _), stream in streams.items():
                late[venue] += stream.series.late
        feeds = {
            str(venue): {
                "reachable": link.listing.reachable,
                "detail": link.listing.detail,
                "symbols": len(link.listing.instruments),
                "late": late[venue],
                **link.trades.health(),
                "klines": link.klines.health() if link.klines is not None else None,
            }
            for venue, link in self._links.items()
        }
        store = None if self._history is None else self._history.health()
        return {**counts, "memory": held_memory(streams, views), "feeds": feeds, "store": store}

    # -- under the lock, but for _acquire and _sweep_on --------------------------------------

    def _acquire(self, key: ViewKey, client: Client, instead_of: ViewKey | None = None) -> View:
        """A reference to a view; ``instead_of`` is released for it and makes room."""
        instrument = self.instrument(key.venue, key.symbol)
        symbol = key.venue, key.symbol
        with self._lock:
            self._held.check(client, key, instead_of)
            stream = self._streams.get(symbol)
            if stream is None:
                self._make_room()
                stream = self._streams[symbol] = self._new_stream(instrument)
            self._held.acquire(client, key)
            stream.references += 1
            stream.idle_since = None
            view = self._views.get(key)
            if view is None:
                view = self._views[key] = self._new_view(key)
            return view

    def _release(self, key: ViewKey, client: Client) -> None:
        stream = self._streams[key.venue, key.symbol]
        stream.references -= 1
        self._held.release(client, key, is_last=not stream.references)
        if key not in self._held.views:
            del self._views[key]
        if not stream.references:
            stream.idle_since = self._clock()

    def _make_room(self) -> None:
        """End the stream that has been idle longest, if one more would exceed the limit."""
        if len(self._streams) < self._limits.series:
            return
        idle = [symbol for symbol in self._streams if symbol not in self._held.symbols]
        self._end_stream(min(idle, key=lambda symbol: self._streams[symbol].idle_since or 0.0))

    def _new_stream(self, instrument: Instrument) -> SeriesStream:
        link = self._links[instrument.venue]
        stream = SeriesStream(instrument, link.trades, self._limits.window, link.listing.refresh)
        self._start_stream(stream)
        return stream

    def _start_stream(self, stream: SeriesStream) -> None:
        history = self._history_of(stream.instrument.venue)
        if history is not None:
            history.start_stream(stream, self._links[stream.instrument.venue].refetch_ms)
        else:
            stream.start()

    def _new_view(self, key: ViewKey) -> View:
        stream = self._streams[key.venue, key.symbol]
        return View(key, stream, self._history_of(key.venue), self._limits.coalesce_s)

    def _history_of(self, venue: Venue) -> HistoryLoader | None:
        return self._history if self._links[venue].is_kept else None

    def _end_lease(self, panel: Panel) -> None:
        lease = self._leases.pop(panel, None)
        if lease is not None:
            self._held.panels.release(panel[0], panel)
            self._release(lease.key, panel[0])

    def _end_stream(self, symbol: Symbol) -> None:
        """End an idle stream; under the lock, so that no new viewer gets one that is ending."""
        self._held.stop_counting_idle(symbol)
        stream = self._streams.pop(symbol)
        stream.end()
        if self._history is not None:
            self._history.end_stream(stream)

    def _sweep_on(self) -> None:
        while not self.stopping.wait(_SWEEP_S):
            self.sweep()
