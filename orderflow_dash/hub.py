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
from typing import NamedTuple, Protocol

from .feeds.board import TickerBoard
from .feeds.lag import LagMeter
from .market import Instrument, Venue
from .memory import held_memory
from .minute_book import MinuteBook
from .refusal import quoted
from .supervised import SupervisedThread
from .view import Past, SeriesStream, TradeSource, View, ViewKey

log = logging.getLogger(__name__)

_FIRST_ANSWER_S = 3.0  # how long a first visitor waits for a venue's first answer
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


class Listing(Protocol):
    """What a venue lists."""

    instruments: dict[str, Instrument]
    reachable: bool
    detail: str
    answered: threading.Event

    def look(self) -> None:
        """Somebody looks at its tickers."""


class KlineCheck(Protocol):
    """What compares minutes with the venue's klines."""

    def health(self) -> dict[str, object]:
        """Counters for ``/health``."""


class History(Past, Protocol):
    """What was before, and what keeps what comes."""

    def begin(self, stream: SeriesStream, refetch_ms: int) -> None:
        """Begin a stream after what is stored of it, and keep what it closes; returns at once."""

    def end(self, stream: SeriesStream) -> None:
        """Keep the last of a stream that has ended."""

    def health(self) -> dict[str, object]:
        """Figures for ``/health``; ``detail`` is a sentence where it does not store."""


@dataclass(frozen=True, slots=True)
class VenueLink:
    """One venue as the hub sees it.

    ``is_kept`` tells whether its minutes are stored; ``refetch_ms`` is how far back it gives the trades of
    a gap again.
    """

    listing: Listing
    trades: TradeSource
    klines: KlineCheck | None = None
    is_kept: bool = True
    refetch_ms: int = 0


class _Lease(NamedTuple):
    key: ViewKey
    until: float
    client: str


class Hub:
    """Streams and views of all venues, by reference and by lease. Thread-safe."""

    def __init__(
        self,
        links: Mapping[Venue, VenueLink],
        board: TickerBoard,
        *,
        history: History | None = None,
        window: int = 500,
        grace_s: float = 30.0,
        lease_s: float = 15.0,
        coalesce_s: float = 0.0,
        max_series: int = 200,
        max_leases: int = 1_000,
        max_leases_per_client: int = 1_000,
        max_views: int = 1_000,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._links = dict(links)
        self._board = board
        self._history = history
        self._window = window
        self._grace_s = grace_s
        self._lease_s = lease_s
        self._coalesce_s = coalesce_s
        self._max_series = max_series
        self._max_leases = max_leases
        self._max_leases_per_client = max_leases_per_client
        self._max_views = max_views
        self._clock = clock
        self._lock = threading.Lock()
        self._streams: dict[tuple[Venue, str], SeriesStream] = {}
        self._view_references: dict[ViewKey, int] = {}
        self._leases: dict[str, _Lease] = {}
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
        with self._lock:
            stream = self._streams.get((venue, symbol))
        if stream is not None:
            return stream.instrument  # its tick and lot stand while it streams, whatever the venue lists now
        listing = link.listing
        if symbol not in listing.instruments and not at_once:
            listing.answered.wait(_FIRST_ANSWER_S)
        instrument = listing.instruments.get(symbol)
        if instrument is None and not listing.instruments:
            raise Unavailable(f"{venue.label} cannot be reached: {listing.detail}")
        if instrument is None:
            some = ", ".join(sorted(listing.instruments, key=lambda each: (each != "BTCUSDT", each))[:3])
            raise UnknownSymbol(
                f"{venue.label} lists no perpetual {quoted(symbol)}; it lists {some} and others"
            )
        return instrument

    def price(self, instrument: Instrument) -> int | None:
        """The last price known, in ticks; None where the venue has not told one."""
        ticker = self._board.rows.get((instrument.venue, instrument.symbol))
        if ticker is None or ticker.last is None:
            return None
        return int(ticker.last / instrument.tick)

    def tickers(self) -> TickerBoard:
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
    def watch(self, key: ViewKey) -> Iterator[View]:
        """A reference for as long as the block runs. Raises as ``lease`` does."""
        view = self._acquire(key)
        try:
            yield view
        finally:
            self._drop(key)

    def lease(self, holder: str, key: ViewKey, client: str = "") -> View:
        """Begin or renew a holder's lease: without a renewal it ends by itself.

        A holder has one lease; asking for another key gives the old one back. ``client`` is the address
        that it counts for. Raises as ``instrument`` does, and Unavailable where all places are taken.
        """
        if (view := self.renewed(holder, key, client)) is not None:
            return view
        until = self._clock() + self._lease_s
        with self._lock:
            held = self._leases.get(holder)
            if held is None:
                self._refuse_beyond_places(client)
        view = self._acquire(key, None if held is None else held.key)
        with self._lock:
            held = self._leases.get(holder)
            self._leases[holder] = _Lease(key, until, client)
        if held is not None:
            self._drop(held.key)
        return view

    def renewed(self, holder: str, key: ViewKey, client: str = "") -> View | None:
        """Renew a lease that the holder has on this key; None where it has none."""
        with self._lock:
            held = self._leases.get(holder)
            if held is None or held.key != key:
                return None
            self._leases[holder] = _Lease(key, self._clock() + self._lease_s, client)
            return self._streams[key.venue, key.symbol].views[key.timeframe, key.step]

    def release(self, holder: str) -> None:
        """Give a lease back; one that is not there is no error."""
        with self._lock:
            held = self._leases.pop(holder, None)
        if held is not None:
            self._drop(held.key)

    def begin_anew(self, move: Callable[[], None]) -> None:
        """Begin every series anew at another time: ``move`` changes what the venues serve meanwhile.

        Views of before are over: sockets that follow them close, pages get the new ones with their lease.
        """
        # Under the lock: nobody must meet a stream that is between two times.
        with self._lock:
            for stream in self._streams.values():
                stream.end()
            try:
                move()
            finally:
                for place, old in list(self._streams.items()):
                    self._streams[place] = stream = old.begun_anew(self._window, self._coalesce_s)
                    self._begin(stream)

    def lags(self) -> dict[Venue, LagMeter | None]:
        """How late the trades of each venue have come; None where that cannot be told."""
        return {venue: link.trades.lags() for venue, link in self._links.items()}

    def health(self) -> dict[str, object]:
        """What is watched, and each venue's feed, for ``/health``."""
        with self._lock:
            streams = dict(self._streams)
            watched = {
                "series": len(self._streams),
                "views": sum(len(stream.views) for stream in self._streams.values()),
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
        return {**watched, "memory": held_memory(streams), "feeds": feeds, "store": store}

    # -- inside ------------------------------------------------------------------------------

    def _refuse_beyond_places(self, client: str) -> None:
        """Raise Unavailable where nobody, or not this client, may have one panel more."""
        most, most_each = self._max_leases, self._max_leases_per_client
        if len(self._leases) >= most:
            raise Unavailable(
                f"too many panels are open: all {most} places are taken. Close one and try again"
            )
        if sum(lease.client == client for lease in self._leases.values()) >= most_each:
            raise Unavailable(
                f"too many panels are open from your address{f' ({client})' if client else ''}:"
                f" it has all {most_each} places that one address may have. Close one and try again"
            )

    def _acquire(self, key: ViewKey, instead_of: ViewKey | None = None) -> View:
        """A reference to a view; the one that is given back for it, if any, makes room for it."""
        instrument = self.instrument(key.venue, key.symbol)
        with self._lock:
            if key not in self._view_references:
                leaving = instead_of is not None and self._view_references.get(instead_of) == 1
                if len(self._view_references) - leaving >= self._max_views:
                    raise Unavailable(
                        f"too many views are open: all {self._max_views} places for another timeframe or step"
                        " of a symbol are taken. Take one that is watched already, or close a panel"
                    )
            stream = self._streams.get((key.venue, key.symbol))
            if stream is None and len(self._streams) >= self._max_series:
                raise Unavailable(
                    f"all {self._max_series} symbols that may stream at once do; try again later"
                )
            if stream is None:
                stream = self._streams[key.venue, key.symbol] = self._begun(instrument)
            stream.references += 1
            stream.idle_since = None
            self._view_references[key] = self._view_references.get(key, 0) + 1
            place = key.timeframe, key.step
            view = stream.views.get(place)
            if view is None:
                view = stream.views[place] = View(key, stream, self._coalesce_s)
            return view

    def _begun(self, instrument: Instrument) -> SeriesStream:
        link = self._links[instrument.venue]
        history = self._history if link.is_kept else None
        stream = SeriesStream(instrument, link.trades, self._window, history)
        self._begin(stream)
        return stream

    def _begin(self, stream: SeriesStream) -> None:
        link = self._links[stream.instrument.venue]
        if self._history is not None and link.is_kept:
            self._history.begin(stream, link.refetch_ms)
        else:
            stream.begin()

    def _drop(self, key: ViewKey) -> None:
        with self._lock:
            stream = self._streams[key.venue, key.symbol]
            stream.references -= 1
            self._view_references[key] -= 1
            if not self._view_references[key]:
                del self._view_references[key]
                del stream.views[key.timeframe, key.step]
            if not stream.references:
                stream.idle_since = self._clock()

    def _sweep_on(self) -> None:
        while not self.stopping.wait(_SWEEP_S):
            self.sweep()

    def sweep(self) -> None:
        """Release expired leases, then streams that nobody watched for the grace period."""
        now = self._clock()
        with self._lock:
            expired = [holder for holder, lease in self._leases.items() if lease.until < now]
            keys = [self._leases.pop(holder).key for holder in expired]
        for key in keys:
            self._drop(key)
        with self._lock:
            idle = [
                place
                for place, stream in self._streams.items()
                if stream.idle_since is not None and now - stream.idle_since >= self._grace_s
            ]
            ended = [self._streams.pop(place) for place in idle]
            for stream in ended:
                stream.end()  # under the lock: a new watcher must not meet a stream that is about to end
                if self._history is not None:
                    self._history.end(stream)
