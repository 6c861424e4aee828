"""Who watches what: streams on demand, shared views, references and leases.

A stream starts with its first watcher and ends a grace period after its last. Everybody who asks for the
same venue, symbol, timeframe and step shares one view.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from decimal import Decimal
from typing import NamedTuple

from orderflow_dash.feeds.feed import Feed
from orderflow_dash.feeds.latency import LagMeter
from orderflow_dash.feeds.listings import InstrumentProvider
from orderflow_dash.feeds.reconcile import Reconciler
from orderflow_dash.feeds.tickers import TickerCache
from orderflow_dash.live.closed_minutes import MinuteBook
from orderflow_dash.live.history import History
from orderflow_dash.live.memory import held_memory
from orderflow_dash.live.stream import SeriesStream
from orderflow_dash.live.view import View, ViewKey
from orderflow_dash.live.watch_limits import COUNTED_IDLE_S, WatchLimits, WatchPlaces
from orderflow_dash.market import Instrument, Venue
from orderflow_dash.runtime.client_limits import ANYONE, Client, NoPlace
from orderflow_dash.runtime.threads import SupervisedThread
from orderflow_dash.runtime.wording import quoted

log = logging.getLogger(__name__)

_FIRST_ANSWER_S = 3.0  # how long a first visitor waits for a venue's first answer
_LISTING_S = 2.0  # how long somebody who asks for an unlisted symbol waits for the venue's present listing
_SWEEP_S = 0.5


class Unavailable(Exception):
    """The venue cannot be reached, or is not served here; the text says why."""


class UnknownSymbol(Exception):
    """The venue does not list the symbol; the text says so."""


@dataclass(frozen=True, slots=True)
class VenueStatus:
    """Whether a venue answers; ``detail`` tells why not, in plain words."""

    venue: Venue
    reachable: bool
    detail: str


@dataclass(frozen=True, slots=True)
class VenueLink:
    """One venue as the hub sees it.

    ``is_kept`` tells whether its minutes are stored; ``refetch_ms`` is how far back it gives the trades of
    a gap again.
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
        *,
        history: History | None = None,
        window: int = 500,
        grace_s: float = 30.0,
        lease_s: float = 15.0,
        coalesce_s: float = 0.0,
        limits: WatchLimits | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._links = dict(links)
        self._board = board
        self._history = history
        self._window = window
        self._grace_s = grace_s
        self._lease_s = lease_s
        self._coalesce_s = coalesce_s
        limits = limits or WatchLimits()
        self._max_series = limits.series
        self._clock = clock
        self._lock = threading.Lock()
        self._streams: dict[tuple[Venue, str], SeriesStream] = {}
        self._views: dict[ViewKey, View] = {}
        self._leases: dict[tuple[Client, str], _Lease] = {}
        self._places = WatchPlaces(limits)
        self.stopping = threading.Event()
        self._sweeper = SupervisedThread(self._sweep_on, name="hub-sweeper", stopping=self.stopping)

    def start(self) -> None:
        """Begin to release what nobody watches."""
        self._sweeper.start()

    def stop(self) -> None:
        """End the hub; what it handed out shows its last state."""
        self.stopping.set()

    # -- what there is -----------------------------------------------------------------------

    def venues(self) -> list[VenueStatus]:
        """All venues served here and whether they answer."""
        return [
            VenueStatus(v, link.listing.reachable, link.listing.detail) for v, link in self._links.items()
        ]

    def default_venue(self) -> VenueStatus:
        """The venue of a view that names none: the first that can be reached; where none can, the first.

        Waits for the venues' first answers, some seconds at most.
        """
        until = time.monotonic() + _FIRST_ANSWER_S
        for place, link in enumerate(self._links.values()):
            link.listing.answered.wait(max(0.0, until - time.monotonic()))
            if link.listing.reachable:
                return self.venues()[place]
        return self.venues()[0]

    def history_detail(self) -> str:
        """What is wrong with the storing of history, as a sentence; empty where nothing is."""
        health = {} if self._history is None else self._history.health()
        return str(health["detail"]) if health.get("state") == "memory" else ""

    def instruments(self) -> list[Instrument]:
        """Everything listed by the venues that have answered."""
        return [each for link in self._links.values() for each in list(link.listing.instruments.values())]

    def instrument(self, venue: Venue, symbol: str, *, at_once: bool = False) -> Instrument:
        """One instrument. Waits for the venue's first answer, some seconds at most, if not wanted at once.

        Raises Unavailable where the venue has not answered, UnknownSymbol where it does not list it.
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
            told = f" (its status is {status})" if status else ""
            raise UnknownSymbol(
                f"{venue.label} lists no perpetual {quoted(symbol)}{told}; it lists {some} and others"
            )
        return instrument

    @staticmethod
    def _relisted(stream: SeriesStream, listed: Instrument | None) -> Instrument:
        """A streaming instrument as the venue lists it now; the last known where it no longer does."""
        if listed is not None and listed != stream.instrument:
            try:
                stream.relist(listed)
            except OverflowError as error:
                raise Unavailable(f"{listed.symbol}: the venue's tick cannot be used: {error}") from error
        return stream.instrument

    def has_step(self, instrument: Instrument, step: Decimal) -> bool:
        """Whether a view of a step is open: it stays, whatever tick the venue lists by then."""
        with self._lock:
            return any(
                key[:2] == (instrument.venue, instrument.symbol) and key.step == step for key in self._views
            )

    def relisted(self, instrument: Instrument) -> Instrument:
        """An instrument as the venue lists it now; waits some seconds for that. Raises as ``instrument``."""
        self._links[instrument.venue].listing.refresh(_LISTING_S)
        return self.instrument(instrument.venue, instrument.symbol)

    def price(self, instrument: Instrument) -> Decimal | None:
        """The last price known, quote currency; None before the first trade."""
        ticker = self._board.rows.get((instrument.venue, instrument.symbol))
        return None if ticker is None or not ticker.last or ticker.last < 0 else ticker.last

    def tickers(self) -> TickerCache:
        """The tickers of all venues; keeps them live for a while."""
        for link in self._links.values():
            link.listing.look()
        return self._board

    def streamed(self) -> frozenset[tuple[Venue, str]]:
        """Every symbol that streams now, by venue and name."""
        with self._lock:
            return frozenset(self._streams)

    def books(self, venue: Venue) -> list[MinuteBook]:
        """The minutes of every symbol of a venue that streams now."""
        with self._lock:
            return [stream.book for (each, _), stream in self._streams.items() if each is venue]

    # -- watching ----------------------------------------------------------------------------

    @contextmanager
    def watch(self, key: ViewKey, client: Client = ANYONE) -> Iterator[View]:
        """A reference for as long as the block runs, counted for ``client``. Raises as ``lease`` does."""
        view = self._acquire(key, client)
        try:
            yield view
        finally:
            with self._lock:
                self._drop_reference(key, client)

    def lease(self, holder: str, key: ViewKey, client: Client = ANYONE) -> View:
        """Begin or renew the lease of a client's holder: without a renewal it ends by itself.

        A holder has one lease; asking for another key gives the old one back. Holders of other clients are
        others, whatever they are called. Raises as ``instrument`` does, and Unavailable where the limit of
        all clients or of this one is reached.
        """
        if (view := self.renewed(holder, key, client)) is not None:
            return view
        place, until = (client, holder), self._clock() + self._lease_s
        panels = self._places.panels
        with self._lock:
            with _as_unavailable():
                panels.check(client, place)
            panels.hold(client, place)
            held = self._leases.get(place)
        try:
            view = self._acquire(key, client, None if held is None else held.key)
        except BaseException:
            with self._lock:
                panels.give_back(client, place)
            raise
        with self._lock:
            held = self._leases.get(place)
            self._leases[place] = _Lease(key, until)
            if held is not None:
                panels.give_back(client, place)
                self._drop_reference(held.key, client)
        return view

    def renewed(self, holder: str, key: ViewKey, client: Client = ANYONE) -> View | None:
        """Renew a lease that the client's holder has on this key; None where it has none."""
        with self._lock:
            held = self._leases.get((client, holder))
            if held is None or held.key != key:
                return None
            self._leases[client, holder] = _Lease(key, self._clock() + self._lease_s)
            return self._views[key]

    def release(self, holder: str, client: Client = ANYONE) -> None:
        """Give the lease of a client's holder back; one that is not there is no error."""
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

    def lags(self) -> dict[Venue, LagMeter | None]:
        """How late the trades of each venue have come; None where that cannot be told."""
        return {venue: link.trades.lags() for venue, link in self._links.items()}

    def health(self) -> dict[str, object]:
        """What is watched, and each venue's feed, for ``/health``."""
        with self._lock:
            streams, views = dict(self._streams), dict(self._views)
            watched = {
                "series": len(self._streams),
                "views": len(self._views),
                "leases": len(self._leases),
            }
            late = dict.fromkeys(self._links, 0)
            for (venue, _), stream in self._streams.items():
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
        return {**watched, "memory": held_memory(streams, views), "feeds": feeds, "store": store}

    # -- inside ------------------------------------------------------------------------------

    def _acquire(self, key: ViewKey, client: Client, instead_of: ViewKey | None = None) -> View:
        """A reference to a view; the one that is given back for it, if any, makes room for it."""
        instrument = self.instrument(key.venue, key.symbol)
        symbol = key.venue, key.symbol
        with self._lock:
            with _as_unavailable():
                self._places.check(client, key, instead_of)
            stream = self._streams.get(symbol)
            if stream is None:
                self._make_room()
                stream = self._streams[symbol] = self._new_stream(instrument)
            self._places.hold(client, key)
            stream.references += 1
            stream.idle_since = None
            view = self._views.get(key)
            if view is None:
                view = self._views[key] = self._new_view(key)
            return view

    def _make_room(self) -> None:
        """End the stream that has been idle longest, where all may run no more without it."""
        if len(self._streams) < self._max_series:
            return
        idle = [symbol for symbol in self._streams if symbol not in self._places.symbols]
        self._end(min(idle, key=lambda symbol: self._streams[symbol].idle_since or 0.0))

    def _new_stream(self, instrument: Instrument) -> SeriesStream:
        link = self._links[instrument.venue]
        stream = SeriesStream(instrument, link.trades, self._window, link.listing.refresh)
        self._start_stream(stream)
        return stream

    def _start_stream(self, stream: SeriesStream) -> None:
        history = self._history_of(stream.instrument.venue)
        if history is not None:
            history.begin(stream, self._links[stream.instrument.venue].refetch_ms)
        else:
            stream.start()

    def _new_view(self, key: ViewKey) -> View:
        stream = self._streams[key.venue, key.symbol]
        return View(key, stream, self._history_of(key.venue), self._coalesce_s)

    def _history_of(self, venue: Venue) -> History | None:
        return self._history if self._links[venue].is_kept else None

    def _drop_reference(self, key: ViewKey, client: Client) -> None:
        stream = self._streams[key.venue, key.symbol]
        stream.references -= 1
        self._places.give_back(client, key, is_last=not stream.references)
        if key not in self._places.views:
            del self._views[key]
        if not stream.references:
            stream.idle_since = self._clock()

    def _end_lease(self, place: tuple[Client, str]) -> None:
        held = self._leases.pop(place, None)
        if held is not None:
            self._places.panels.give_back(place[0], place)
            self._drop_reference(held.key, place[0])

    def _sweep_on(self) -> None:
        while not self.stopping.wait(_SWEEP_S):
            self.sweep()

    def sweep(self) -> None:
        """Release expired leases, then streams that nobody watched for the grace period."""
        now = self._clock()
        with self._lock:
            for place in [place for place, lease in self._leases.items() if lease.until < now]:
                self._end_lease(place)
            for symbol, stream in list(self._streams.items()):
                idle_s = 0.0 if stream.idle_since is None else now - stream.idle_since
                if stream.idle_since is not None and idle_s >= self._grace_s:
                    self._end(symbol)
                elif idle_s >= COUNTED_IDLE_S:
                    self._places.stop_counting_idle(symbol)

    def _end(self, symbol: tuple[Venue, str]) -> None:
        """End an idle stream; under the lock, because a new watcher must not meet one that is ending."""
        self._places.stop_counting_idle(symbol)
        stream = self._streams.pop(symbol)
        stream.end()
        if self._history is not None:
            self._history.end(stream)


@contextmanager
def _as_unavailable() -> Iterator[None]:
    try:
        yield
    except NoPlace as error:
        raise Unavailable(str(error)) from None
