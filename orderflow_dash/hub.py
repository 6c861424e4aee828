"""Who watches what: streams on demand, shared views, references and leases.

A stream starts with its first watcher and ends a grace period after its last. Everybody who asks for the
same venue, symbol, timeframe and step shares one view, and each change of it is derived and encoded
once, by whoever needs it first.
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
from .feeds.continuity import Hole, TradeSink
from .feeds.feed import StreamStatus
from .footprint.candle import Candle, CandleBuilder
from .footprint.series import Series
from .market import Instrument, Timeframe, Trade, Venue
from .wire import Encoder, encode_status

log = logging.getLogger(__name__)

_FIRST_ANSWER_S = 3.0  # how long a first visitor waits for a venue's first answer
_SWEEP_S = 0.5


class Unavailable(Exception):
    """The venue cannot be reached, or is not served here; the text says why."""


class UnknownSymbol(Exception):
    """The venue does not list the symbol; the text says so."""


class ViewKey(NamedTuple):
    """What a view shows; ``step`` in ticks."""

    venue: Venue
    symbol: str
    timeframe: Timeframe
    step: int


@dataclass(frozen=True, slots=True)
class VenueStatus:
    """Whether a venue answers; ``detail`` tells why not, in plain words."""

    venue: Venue
    reachable: bool
    detail: str


class TradeSource(Protocol):
    """How the hub gets a venue's trades; how they come about is none of its business."""

    def subscribe(self, symbol: str, sink: TradeSink) -> None:
        """Begin a symbol's trades."""

    def unsubscribe(self, symbol: str) -> None:
        """End them."""

    def status(self, symbol: str) -> StreamStatus:
        """How they are."""

    def health(self) -> dict[str, object]:
        """Counters for ``/health``."""


class Listing(Protocol):
    """What a venue lists."""

    instruments: dict[str, Instrument]
    reachable: bool
    detail: str
    answered: threading.Event

    def look(self) -> None:
        """Somebody looks at its tickers."""


@dataclass(frozen=True, slots=True)
class VenueLink:
    """One venue as the hub sees it."""

    listing: Listing
    trades: TradeSource


class SeriesStream:
    """One symbol's live series, its lock and its views. The sink of its trades."""

    def __init__(self, instrument: Instrument, trades: TradeSource, window: int) -> None:
        self.instrument = instrument
        self.lock = threading.Lock()
        self.series = Series(window)
        self.views: dict[tuple[Timeframe, int], View] = {}
        self.references = 0
        self.idle_since: float | None = None
        self._trades = trades

    def status(self) -> StreamStatus:
        """How its trades are."""
        return self._trades.status(self.instrument.symbol)

    def on_trades(self, trades: list[Trade]) -> None:
        """Count them."""
        with self.lock:
            self.series.apply(trades)

    def on_hole(self, hole: Hole) -> None:
        """Mark the minutes. Fetching what is missing starts here."""
        with self.lock:
            missing_to = hole.missing[-1][1] if hole.missing else None
            self.series.open_hole(hole.after, hole.before, missing_to)

    def on_filled(self, hole: Hole) -> None:
        """The minutes are whole again."""
        with self.lock:
            self.series.close_hole(hole.after, hole.before, fetched=False)


class _Entry:
    """A candle with its encodings, made when first needed."""

    __slots__ = ("candle", "delta", "text")

    def __init__(self, candle: Candle) -> None:
        self.candle = candle
        self.text: str | None = None
        self.delta: str | None = None


class View:
    """Candles of one timeframe and step, derived and encoded once per change. Thread-safe."""

    def __init__(self, key: ViewKey, stream: SeriesStream, coalesce_s: float = 0.0) -> None:
        self.key = key
        self._coalesce_s = coalesce_s
        self._next_build = 0.0
        self.instrument = stream.instrument
        self.encodings = 0  # how many candles were encoded, ever
        self._stream = stream
        self._lock = threading.Lock()
        self._builder = CandleBuilder(stream.series, key.timeframe, key.step)
        self._encoder = Encoder(stream.instrument, key.timeframe, key.step)
        self._revision = -1
        self._cvd_from: int | None = None
        self._entries: dict[int, _Entry] = {}  # by open, old to new

    def revision(self) -> int:
        """Rises with every change of the candles."""
        return self._stream.series.revision

    @property
    def cvd_from(self) -> int | None:
        """Open (ms) of the first candle known without a break; CVD counts from it."""
        first = self._stream.series.first_open
        return None if first is None else first - first % self.key.timeframe.ms

    def status(self) -> StreamStatus:
        """How the symbol's trades are."""
        return self._stream.status()

    def status_message(self, status: StreamStatus) -> str:
        """A status as the socket tells it."""
        return encode_status(self.key.venue, self.key.symbol, status.state, status.detail, _now_ms())

    def candles(self, lookback: int) -> list[Candle]:
        """The newest candles, old to new."""
        with self._lock:
            self._refresh()
            return [entry.candle for entry in self._newest(lookback)]

    def snapshot(self, lookback: int) -> tuple[str, int, int]:
        """The ``snapshot`` message of the newest candles, its revision, and its oldest open (ms)."""
        with self._lock:
            self._refresh()
            entries = self._newest(lookback)
            texts = [self._text(entry) for entry in entries]
            oldest = entries[0].candle.open_ts if entries else 0
            return self._encoder.snapshot(texts, self._cvd_from, _now_ms()), self._revision, oldest

    def deltas(self, since: int, oldest: int) -> tuple[list[str], int]:
        """The ``delta`` messages of what changed after a revision, old to new, and the new revision.

        Candles that open before ``oldest`` (ms) are left out: the client was never told of them.
        """
        if self._stream.series.revision == since:
            return [], since
        with self._lock:
            # However many clients ask, and however fast trades come, a view is built so often and no more.
            now = time.monotonic()
            if now >= self._next_build:
                self._next_build = now + self._coalesce_s
                self._refresh()
            changed = []
            for open_ts in reversed(self._entries):
                entry = self._entries[open_ts]
                if entry.candle.rev <= since or open_ts < oldest:
                    break
                if entry.delta is None:
                    entry.delta = self._encoder.delta(self._text(entry), _now_ms())
                changed.append(entry.delta)
            return changed[::-1], self._revision

    def _text(self, entry: _Entry) -> str:
        if entry.text is None:
            self.encodings += 1
            entry.text = self._encoder.candle(entry.candle)
        return entry.text

    def _newest(self, lookback: int) -> list[_Entry]:
        return list(self._entries.values())[-lookback:]

    def _refresh(self) -> None:
        """Derive again what changed since the last time."""
        stream, tf = self._stream, self.key.timeframe.ms
        with stream.lock:
            series = stream.series
            changed = series.changed_since(self._revision)
            self._revision, self._cvd_from = series.revision, series.first_open
            if changed is None:
                return
            changed -= changed % tf
            opens = dict.fromkeys(minute.open_ts - minute.open_ts % tf for minute in series.minutes(changed))
            built = [(open_ts, self._builder.build(open_ts)) for open_ts in opens]
            oldest = series.oldest_open
        newest = next(reversed(self._entries), -1)
        # A late trade may have told of a candle that was not there: the order of the dict is at stake.
        disordered = any(open_ts < newest and open_ts not in self._entries for open_ts, _ in built)
        self._entries.update((open_ts, _Entry(candle)) for open_ts, candle in built)
        if disordered:
            self._entries = dict(sorted(self._entries.items()))
        while next(iter(self._entries)) < oldest - oldest % tf:
            del self._entries[next(iter(self._entries))]


class _Lease(NamedTuple):
    key: ViewKey
    until: float


class Hub:
    """Streams and views of all venues, by reference and by lease. Thread-safe."""

    def __init__(
        self,
        links: Mapping[Venue, VenueLink],
        board: TickerBoard,
        *,
        window: int = 500,
        grace_s: float = 30.0,
        lease_s: float = 15.0,
        coalesce_s: float = 0.0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._links = dict(links)
        self._board = board
        self._window = window
        self._grace_s = grace_s
        self._lease_s = lease_s
        self._coalesce_s = coalesce_s
        self._clock = clock
        self._lock = threading.Lock()
        self._streams: dict[tuple[Venue, str], SeriesStream] = {}
        self._view_references: dict[ViewKey, int] = {}
        self._leases: dict[str, _Lease] = {}
        self.stopping = threading.Event()
        self._sweeper = threading.Thread(target=self._sweep_on, name="hub-sweeper", daemon=True)

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

    def instruments(self) -> list[Instrument]:
        """Everything listed by the venues that have answered."""
        return [each for link in self._links.values() for each in list(link.listing.instruments.values())]

    def instrument(self, venue: Venue, symbol: str) -> Instrument:
        """One instrument. Waits for the venue's first answer, some seconds at most.

        Raises Unavailable where the venue has not answered, UnknownSymbol where it does not list it.
        """
        link = self._links.get(venue)
        if link is None:
            raise Unavailable(f"{venue} is not served here; served: {', '.join(self._links)}")
        with self._lock:
            stream = self._streams.get((venue, symbol))
        if stream is not None:
            return stream.instrument  # its tick and lot stand while it streams, whatever the venue lists now
        listing = link.listing
        if symbol not in listing.instruments:
            listing.answered.wait(_FIRST_ANSWER_S)
        instrument = listing.instruments.get(symbol)
        if instrument is None and not listing.instruments:
            raise Unavailable(f"{venue} cannot be reached: {listing.detail}")
        if instrument is None:
            raise UnknownSymbol(f"{venue} lists no perpetual {symbol[:40]!r}")
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

    # -- watching ----------------------------------------------------------------------------

    @contextmanager
    def watch(self, key: ViewKey) -> Iterator[View]:
        """A reference for as long as the block runs. Raises as ``instrument`` does."""
        view = self._acquire(key)
        try:
            yield view
        finally:
            self._drop(key)

    def lease(self, holder: str, key: ViewKey) -> View:
        """Begin or renew a holder's lease: without a renewal it ends by itself.

        A holder has one lease; asking for another key gives the old one back. Raises as ``instrument``
        does.
        """
        until = self._clock() + self._lease_s
        with self._lock:
            held = self._leases.get(holder)
            if held is not None and held.key == key:
                self._leases[holder] = _Lease(key, until)
                return self._streams[key.venue, key.symbol].views[key.timeframe, key.step]
        view = self._acquire(key)
        with self._lock:
            held = self._leases.get(holder)
            self._leases[holder] = _Lease(key, until)
        if held is not None:
            self._drop(held.key)
        return view

    def release(self, holder: str) -> None:
        """Give a lease back; one that is not there is no error."""
        with self._lock:
            held = self._leases.pop(holder, None)
        if held is not None:
            self._drop(held.key)

    def health(self) -> dict[str, object]:
        """What is watched, and each venue's feed, for ``/health``."""
        with self._lock:
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
            }
            for venue, link in self._links.items()
        }
        return {**watched, "feeds": feeds}

    # -- inside ------------------------------------------------------------------------------

    def _acquire(self, key: ViewKey) -> View:
        instrument = self.instrument(key.venue, key.symbol)
        with self._lock:
            stream = self._streams.get((key.venue, key.symbol))
            if stream is None:
                trades = self._links[key.venue].trades
                stream = SeriesStream(instrument, trades, self._window)
                trades.subscribe(key.symbol, stream)
                self._streams[key.venue, key.symbol] = stream
            stream.references += 1
            stream.idle_since = None
            self._view_references[key] = self._view_references.get(key, 0) + 1
            place = key.timeframe, key.step
            view = stream.views.get(place)
            if view is None:
                view = stream.views[place] = View(key, stream, self._coalesce_s)
            return view

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
            try:
                self.sweep()
            except Exception:  # a defect must not keep streams alive unseen
                log.exception("releasing idle streams failed")

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
            for venue, symbol in idle:
                del self._streams[venue, symbol]
                # Under the lock: a new watcher must not meet a stream that is about to end.
                self._links[venue].trades.unsubscribe(symbol)


def _now_ms() -> int:
    return int(time.time() * 1000)
