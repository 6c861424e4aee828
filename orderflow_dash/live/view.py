"""One symbol's live series and the views of it: derived and encoded once per change, for everybody."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import replace
from decimal import Decimal
from typing import NamedTuple, Protocol

from orderflow_dash.feeds.feed import Timeliness
from orderflow_dash.feeds.latency import LagMeter
from orderflow_dash.feeds.sequencing import Gap, Known
from orderflow_dash.feeds.stream import StreamStatus, TradeSink
from orderflow_dash.footprint.candle import Candle, CandleBuilder
from orderflow_dash.footprint.hourly import Shelf, ShelfHour
from orderflow_dash.footprint.minute import Minute
from orderflow_dash.footprint.series import Series
from orderflow_dash.indicators.session_cvd import SessionBegins, session_begins
from orderflow_dash.live.closed_minutes import MinuteBook
from orderflow_dash.live.session_profile import SessionProfiles
from orderflow_dash.market import Grid, Instrument, Quality, Scale, State, Timeframe, Trade, Venue
from orderflow_dash.runtime.telemetry import ENCODE_SECONDS, SNAPSHOT_SECONDS
from orderflow_dash.wire import Encoder, encode_status

_PORTION = 250  # fetched trades that are counted at a stretch
_SENT_KEPT = 32
_ENTRY_BYTES = 930  # of a candle without its levels and texts, as Python holds it


class ViewKey(NamedTuple):
    """What a view shows; ``step`` in quote currency, a whole multiple of the tick."""

    venue: Venue
    symbol: str
    timeframe: Timeframe
    step: Decimal


class TradeSource(Protocol):
    """How the hub gets a venue's trades; how they come about is none of its business."""

    def subscribe(self, symbol: str, sink: TradeSink, known: Known | None = None) -> None:
        """Begin a symbol's trades, after those that are known."""

    def unsubscribe(self, symbol: str) -> None:
        """End them."""

    def status(self, symbol: str) -> StreamStatus:
        """How they are."""

    def timeliness(self, symbol: str) -> Timeliness | None:
        """How late they come; None where that cannot be told."""

    def lags(self) -> LagMeter | None:
        """How late all of them have come; None where that cannot be told."""

    def health(self) -> dict[str, object]:
        """Counters for ``/health``."""


class Kept(NamedTuple):
    """What a stream starts with: as ``Series.restore`` takes it, the hours before, and what is known."""

    grid: Grid  # of minutes and hours
    minutes: Sequence[Minute]
    gaps: Sequence[tuple[int, int]]
    cvd_from: int
    hours: Sequence[ShelfHour]
    known: Known


class Past(Protocol):
    """Where candles are that have left the window, or came before it."""

    def read_older(
        self,
        instrument: Instrument,
        timeframe: Timeframe,
        step: Decimal,
        since: int,
        until: int,
        adopt: Callable[[Sequence[Candle]], None],
    ) -> None:
        """Hand over candles that open from ``since`` and before ``until`` (ms), later; returns at once."""


_READING = StreamStatus(State.CONNECTING, "reading what is stored", None)


class Sent(NamedTuple):
    """A new trade's way out: when it was encoded for the clients, and how old it was then, by our clock."""

    server_ts: int  # ms, as the delta tells it
    age_ms: int  # since the exchange's own time of the trade


class SeriesStream:
    """One symbol's live series, its lock and its views. The sink of its trades."""

    def __init__(
        self,
        instrument: Instrument,
        trades: TradeSource,
        window: int,
        past: Past | None = None,
        on_refine: Callable[[], None] | None = None,
    ) -> None:
        self.instrument = instrument
        self.lock = threading.Lock()
        self.shelf = shelf = Shelf()  # hours that memory does not hold, under the same lock

        def refined(scale: Scale) -> None:  # not a method: the series would keep its stream alive
            shelf.refine(scale)
            if on_refine is not None:
                on_refine()

        self.series = Series(window, on_evict=shelf.take_over, grid=instrument.grid, on_refine=refined)
        self.book = MinuteBook(instrument, self.lock, self.series)
        self.views: dict[tuple[Timeframe, Decimal], View] = {}
        self.references = 0
        self.idle_since: float | None = None
        self.past = past
        self.begun = False  # its trades are subscribed to
        self.ended = False
        self._on_refine = on_refine  # called, under the lock, when a trade needed a finer grid
        self._life = threading.Lock()
        self._trades = trades

    def begin(self, kept: Kept | None = None) -> bool:
        """Subscribe to its trades, after what was ``kept``; False where it has begun or ended already."""
        with self._life:
            if self.begun or self.ended:
                return False
            if kept is not None:
                with self.lock:
                    for hour in kept.hours:
                        self.shelf.put(*hour[:3], span=hour[3:])
                    self.series.restore(kept.minutes, kept.gaps, kept.cvd_from, kept.grid)
            known = None if kept is None else kept.known
            self._trades.subscribe(self.instrument.symbol, self, known)
            self.begun = True
            return True

    def finest(self, grid: Grid) -> Grid:
        """The series' grid, once another one fits it too. OverflowError where that is too fine."""
        with self.lock:
            self.series.refine(grid)
            return self.series.grid

    def end(self) -> None:
        """Unsubscribe, or never subscribe."""
        with self._life:
            self.ended = True
            if self.begun:
                self._trades.unsubscribe(self.instrument.symbol)

    def relist(self, instrument: Instrument) -> None:
        """Take what the venue lists now: steps of its present tick can be shown. OverflowError where not."""
        with self.lock:
            self.series.refine(instrument.grid)
            self.instrument = instrument

    def status(self) -> StreamStatus:
        """How its trades are."""
        return self._trades.status(self.instrument.symbol) if self.begun else _READING

    def timeliness(self) -> Timeliness | None:
        """How late its trades come; None where that cannot be told."""
        return self._trades.timeliness(self.instrument.symbol)

    def begun_anew(self, window: int, coalesce_s: float) -> SeriesStream:
        """The same stream with an empty series, for the same watchers; the views of before are over."""
        stream = SeriesStream(self.instrument, self._trades, window, on_refine=self._on_refine)
        stream.series.revision = self.series.revision + 1  # it never falls: pages tell content by it
        stream.references, stream.idle_since = self.references, self.idle_since
        stream.views = {place: View(view.key, stream, coalesce_s) for place, view in self.views.items()}
        for view in self.views.values():
            view.is_over = True
        return stream

    def on_trades(self, trades: list[Trade], grid: Grid | None = None) -> None:
        """Count them."""
        with self.lock:
            self.series.apply(trades, grid)

    def on_fetched(self, trades: list[Trade], grid: Grid | None = None) -> None:
        """Count them, in portions: a reader never waits for all of them."""
        for start in range(0, len(trades), _PORTION):
            with self.lock:
                late = self.series.late
                self.series.apply(trades[start : start + _PORTION], grid)
                self.series.late = late  # they came by request, not late

    def on_gap(self, gap: Gap) -> None:
        """Mark the minutes."""
        with self.lock:
            self.series.open_gap(gap.after, gap.before, gap.missing_to)

    def on_gap_filled(self, gap: Gap) -> None:
        """The minutes are whole again."""
        with self.lock:
            fetched = gap.fetched > 0
            self.series.close_gap(gap.after, gap.before, fetched=fetched, whole_from=gap.whole_from)


class _Entry:
    """A candle with its encodings, made when first needed."""

    __slots__ = ("candle", "delta", "text")

    def __init__(self, candle: Candle) -> None:
        self.candle = candle
        self.text: str | None = None
        self.delta: str | None = None

    @property
    def held_bytes(self) -> int:
        """About what it takes in memory."""
        arrays = int(self.candle.levels.nbytes) + int(self.candle.turnover.nbytes)
        return _ENTRY_BYTES + arrays + len(self.text or "") + len(self.delta or "")


class View:
    """Candles of one timeframe and step, derived and encoded once per change. Thread-safe."""

    def __init__(self, key: ViewKey, stream: SeriesStream, coalesce_s: float = 0.0) -> None:
        self.key = key
        self._coalesce_s = coalesce_s
        self._next_build = 0.0
        self.is_over = False  # the series was begun anew: nothing more comes here
        self.encodings = 0  # how many candles were encoded, ever
        self.depth = 0  # how often older candles have come: a snapshot tells of them, no delta does
        self.is_reading = False  # older candles are on their way
        self._asked = 0  # most candles that anybody asked for
        self._read = 0  # how many were asked of the past
        self.profiles = SessionProfiles(stream.lock, stream.series, stream.shelf, key.step)
        self._stream = stream
        self._lock = threading.Lock()
        self._builder = CandleBuilder(stream.series, key.timeframe, key.step)
        self._needed = Grid.of(key.step, stream.instrument.lot)  # so that its step is whole units
        self._grid = stream.finest(self._needed)  # of the entries
        self._encoder = Encoder(stream.instrument, key.timeframe, key.step, self._grid)
        self._revision = -1
        self._cvd_from: int | None = None
        self._entries: dict[int, _Entry] = {}  # by open, old to new
        self._last_trade: int | None = None  # time (ms) of the newest trade that is in them
        self._last_sent: int | None = None  # of the newest one that was encoded
        self._sent: deque[Sent] = deque(maxlen=_SENT_KEPT)

    @property
    def instrument(self) -> Instrument:
        """As the venue lists it now."""
        return self._stream.instrument

    def revision(self) -> int:
        """Rises with every change of the candles."""
        return self._stream.series.revision

    @property
    def cvd_from(self) -> int | None:
        """Open (ms) of the first candle known without a break; CVD counts from it."""
        first = self._stream.series.first_open
        return None if first is None else first - first % self.key.timeframe.ms

    @property
    def quote_from(self) -> int | None:
        """The same for CVD in quote; later where the stream began with what was stored."""
        first = self._stream.series.quote_from
        return None if first is None else first - first % self.key.timeframe.ms

    def session_begins(self, candles: Sequence[Candle]) -> SessionBegins:
        """Where the CVD of each UTC session stood at its begin, for as many sessions of these as is known."""
        with self._stream.lock:
            return session_begins(candles, self._stream.series, self._stream.shelf)

    def status(self) -> StreamStatus:
        """How the symbol's trades are."""
        return self._stream.status()

    def held_bytes(self) -> int:
        """About what its candles and their encodings take in memory."""
        return sum(entry.held_bytes for entry in list(self._entries.values()))

    def timeliness(self) -> Timeliness | None:
        """How late the symbol's trades come; None where that cannot be told."""
        return self._stream.timeliness()

    def sent(self, since: int) -> list[Sent]:
        """How old the newest trade was in each of the deltas since a ``server_ts`` (ms), old to new."""
        with self._lock:
            return [each for each in self._sent if each.server_ts >= since]

    def status_message(self, status: StreamStatus) -> str:
        """A status as the socket tells it."""
        return encode_status(self.key.venue, self.key.symbol, status.state, status.detail, _now_ms())

    def candles(self, lookback: int) -> list[Candle]:
        """The newest candles, old to new."""
        with self._lock:
            self._refresh(lookback)
            return [entry.candle for entry in self._newest(lookback)]

    def dated_candles(self, lookback: int) -> tuple[list[Candle], int | None]:
        """The newest candles, old to new, and the ``cvd_from`` (ms) of the same moment."""
        with self._lock:
            self._refresh(lookback)
            first = self._cvd_from
            since = None if first is None else first - first % self.key.timeframe.ms
            return [entry.candle for entry in self._newest(lookback)], since

    def snapshot(self, lookback: int) -> tuple[str, int, int]:
        """The ``snapshot`` message of the newest candles, its revision, and its oldest open (ms)."""
        with self._lock:
            begun = time.perf_counter()
            self._refresh(lookback)
            entries = self._newest(lookback)
            texts = [self._text(entry) for entry in entries]
            oldest = entries[0].candle.open_ts if entries else 0
            text = self._encoder.snapshot(texts, self._cvd_from, _now_ms())
            SNAPSHOT_SECONDS.observe(time.perf_counter() - begun)
            return text, self._revision, oldest

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
            changed, is_news, begun, server_ts = [], False, time.perf_counter(), _now_ms()
            for open_ts in reversed(self._entries):
                entry = self._entries[open_ts]
                if entry.candle.rev <= since or open_ts < oldest:
                    break
                if entry.delta is None:
                    is_news = True
                    entry.delta = self._encoder.delta(self._text(entry), server_ts)
                changed.append(entry.delta)
            if is_news:
                self._note_sending(server_ts)
                ENCODE_SECONDS.observe(time.perf_counter() - begun)
            return changed[::-1], self._revision

    def _note_sending(self, server_ts: int) -> None:
        """Remember how old the newest trade is, unless what is sent tells of no new one."""
        newest, before = self._last_trade, self._last_sent
        self._last_sent = newest
        if newest is not None and before is not None and newest > before:
            self._sent.append(Sent(server_ts, server_ts - newest))

    def _text(self, entry: _Entry) -> str:
        if entry.text is None:
            self.encodings += 1
            entry.text = self._encoder.candle(entry.candle)
        return entry.text

    def _newest(self, lookback: int) -> list[_Entry]:
        return list(self._entries.values())[-lookback:]

    def reach(self, lookback: int) -> None:
        """Ask the past for what is lacking to so many candles; it comes by and by, and raises ``depth``."""
        with self._lock:
            self._refresh(lookback)
            past, tf = self._stream.past, self.key.timeframe.ms
            lacking = lookback > max(len(self._entries), self._read)
            if past is None or self.is_reading or not lacking or not self._stream.begun:
                return
            oldest = next(iter(self._entries), None)
            if oldest is None:
                return  # where nothing was restored, nothing is stored
            self.is_reading, self._read = True, lookback
            since = next(reversed(self._entries)) - (lookback - 1) * tf
        past.read_older(self.instrument, self.key.timeframe, self.key.step, since, oldest, self._adopt)

    def _adopt(self, candles: Sequence[Candle]) -> None:
        """Put stored candles before the ones that are here."""
        with self._lock:
            oldest = next(iter(self._entries.values()), None)
            older: dict[int, _Entry] = {}
            if oldest is not None and candles:
                grid = self._stream.finest(candles[0].grid)
                self._refine_entries(grid)
                candles = [candle.on(self._grid) for candle in candles]
                first = self._entries[oldest.candle.open_ts].candle
                before = self._as_whole_as_known(
                    [candle for candle in candles if candle.open_ts < first.open_ts]
                )
                counted = _with_quote_cvd(before, first.quote_cvd - first.quote_delta)
                older = {candle.open_ts: _Entry(candle) for candle in counted}
            self._entries = {**older, **self._entries}
            self.depth += bool(older)
            self.is_reading = False

    def _as_whole_as_known(self, candles: Sequence[Candle]) -> list[Candle]:
        """Stored candles with what only the series knows: where it begins, and holes up to its minutes."""
        series, tf = self._stream.series, self.key.timeframe.ms
        told = []
        with self._stream.lock:
            for candle in candles:
                span = candle.open_ts, candle.open_ts + tf
                if series.has_gap_between(*span):
                    told.append(candle.no_better_than(Quality.GAP))
                elif series.begins_within(*span):
                    told.append(candle.no_better_than(Quality.PARTIAL))
                else:
                    told.append(candle)
        return told

    def _refine_entries(self, grid: Grid) -> None:
        """Count on the series' grid, where that has become finer."""
        if grid is self._grid:
            return
        self._grid = grid
        self._encoder = Encoder(self.instrument, self.key.timeframe, self.key.step, grid)
        self._entries = {open_ts: _Entry(entry.candle.on(grid)) for open_ts, entry in self._entries.items()}

    def _refresh(self, asked: int = 0) -> None:
        """Derive again what changed since the last time, and drop what is old and not asked for."""
        self._asked = max(self._asked, asked)
        stream, tf = self._stream, self.key.timeframe.ms
        with stream.lock:
            series = stream.series
            try:
                series.refine(self._needed)
            except OverflowError:
                self.is_over = True  # the venue listed a tick that its trades disprove
                return
            self._refine_entries(series.grid)
            changed = series.changed_since(self._revision)
            self._revision, self._cvd_from = series.revision, series.first_open
            if changed is None:
                return
            changed -= changed % tf
            opens = dict.fromkeys(minute.open_ts - minute.open_ts % tf for minute in series.minutes(changed))
            built = [(open_ts, self._builder.build(open_ts)) for open_ts in opens]
            if series.newest is not None:
                self._last_trade = series.newest.runs[-1].last_time
            oldest = series.oldest_open
        newest = next(reversed(self._entries), -1)
        # A late trade may have told of a candle that was not there: the order of the dict is at stake.
        disordered = any(open_ts < newest and open_ts not in self._entries for open_ts, _ in built)
        self._entries.update((open_ts, _Entry(candle)) for open_ts, candle in built)
        if disordered:
            self._entries = dict(sorted(self._entries.items()))
        settled = oldest - oldest % tf
        while len(self._entries) > self._asked and next(iter(self._entries)) < settled:
            del self._entries[next(iter(self._entries))]


def _with_quote_cvd(candles: Sequence[Candle], closing: int) -> list[Candle]:
    """Candles, old to new, whose CVD in quote leads to ``closing``: before ``quote_from`` it counts back."""
    counted = []
    for candle in reversed(candles):
        counted.append(replace(candle, quote_cvd=closing))
        closing -= candle.quote_delta
    return counted[::-1]


def _now_ms() -> int:
    return int(time.time() * 1000)
