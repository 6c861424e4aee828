"""One view of a live series: candles of one timeframe and step, shared by all clients that watch it."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Sequence
from decimal import Decimal
from typing import Final, NamedTuple

from orderflow_dash.feeds.feed import Timeliness
from orderflow_dash.feeds.stream import StreamStatus
from orderflow_dash.footprint.candle import Candle, CandleBuilder
from orderflow_dash.indicators.session_cvd import SessionStarts, session_starts
from orderflow_dash.live.encoded_candles import EncodedCandles
from orderflow_dash.live.history import HistoryLoader
from orderflow_dash.live.older_candles import OlderCandles
from orderflow_dash.live.session_profile import SessionProfiles
from orderflow_dash.live.stream import SeriesStream
from orderflow_dash.market import Grid, Instrument, Timeframe, Venue
from orderflow_dash.runtime.telemetry import ENCODE_SECONDS, SNAPSHOT_SECONDS
from orderflow_dash.wire import encode_status

_SENT_KEPT: Final = 32


class ViewKey(NamedTuple):
    """The series, timeframe and step of a view; ``step`` in quote currency, a whole multiple of the tick."""

    venue: Venue
    symbol: str
    timeframe: Timeframe
    step: Decimal


class Sent(NamedTuple):
    """When a new trade was encoded for the clients, and its age at that moment, by the local clock."""

    server_ts: int  # ms, as in the delta
    age_ms: int  # since the exchange's time of the trade


class _SentLog:
    """Ages of the newest trades that were encoded."""

    def __init__(self) -> None:
        self.newest_trade: int | None = None  # time (ms) of the newest trade in the candles
        self._last_sent: int | None = None  # of the newest one that was encoded
        self._sent: deque[Sent] = deque(maxlen=_SENT_KEPT)

    def record(self, server_ts: int) -> None:
        """Record the age of the newest trade, unless it was sent before."""
        newest, before = self.newest_trade, self._last_sent
        self._last_sent = newest
        if newest is not None and before is not None and newest > before:
            self._sent.append(Sent(server_ts, server_ts - newest))

    def since(self, server_ts: int) -> list[Sent]:
        """Records from a ``server_ts`` (ms) on, old to new."""
        return [each for each in self._sent if each.server_ts >= server_ts]


class View:
    """Candles of one timeframe and step, derived and encoded once per change. Thread-safe."""

    def __init__(
        self,
        key: ViewKey,
        stream: SeriesStream,
        history: HistoryLoader | None = None,
        coalesce_s: float = 0.0,
    ) -> None:
        """``coalesce_s``: shortest time between two refreshes for deltas, however many clients ask."""
        self.key = key
        self.is_closed = False  # the series was reset: no more changes
        self.profiles = SessionProfiles(stream.lock, stream.series, stream.hourly, key.step)
        self._stream = stream
        self._lock = threading.Lock()
        self._builder = CandleBuilder(stream.series, key.timeframe, key.step)
        self._step_grid = Grid.of(key.step, stream.instrument.lot)  # makes the step whole units
        grid = stream.finest(self._step_grid)
        self._candles = EncodedCandles(stream.instrument, key.timeframe, key.step, grid)
        self._older = OlderCandles(stream, key.timeframe, key.step, history)
        self._sent = _SentLog()
        self._revision = -1
        self._lookback = 0  # most candles requested by any client
        self._coalesce_s = coalesce_s
        self._next_refresh = 0.0

    @property
    def instrument(self) -> Instrument:
        """The instrument as the venue lists it now."""
        return self._stream.instrument

    @property
    def cvd_from(self) -> int | None:
        """Open (ms) of the first candle known without a break; CVD counts from it."""
        first = self._stream.series.first_open
        return None if first is None else first - first % self.key.timeframe.ms

    @property
    def quote_from(self) -> int | None:
        """The same for CVD in quote; later if the stream started with stored minutes."""
        first = self._stream.series.quote_from
        return None if first is None else first - first % self.key.timeframe.ms

    @property
    def encodings(self) -> int:
        """Candles encoded so far."""
        return self._candles.encodings

    @property
    def history_version(self) -> int:
        """Rises whenever older candles arrive; a snapshot has them, no delta does."""
        return self._older.version

    @property
    def is_reading(self) -> bool:
        """Whether older candles are being read."""
        return self._older.is_reading

    def revision(self) -> int:
        """Rises with every change of the candles."""
        return self._stream.series.revision

    def status(self) -> StreamStatus:
        """State of the symbol's trades."""
        return self._stream.status()

    def status_message(self, status: StreamStatus) -> str:
        """The ``status`` message of a status."""
        return encode_status(self.key.venue, self.key.symbol, status.state, status.detail, _now_ms())

    def timeliness(self) -> Timeliness | None:
        """The delay of the symbol's trades; None if unknown."""
        return self._stream.timeliness()

    def sent_since(self, server_ts: int) -> list[Sent]:
        """Age of the newest trade in each delta from a ``server_ts`` (ms) on, old to new."""
        with self._lock:
            return self._sent.since(server_ts)

    def held_bytes(self) -> int:
        """Estimated size of its candles and their encodings in memory."""
        return self._candles.held_bytes()

    def session_starts(self, candles: Sequence[Candle]) -> SessionStarts:
        """CVD at the start of each UTC session of these candles, as far as known."""
        with self._stream.lock:
            return session_starts(candles, self._stream.series, self._stream.hourly)

    def candles(self, lookback: int) -> list[Candle]:
        """The newest candles, old to new."""
        with self._lock:
            self._refresh(lookback)
            return self._candles.newest(lookback)

    def dated_candles(self, lookback: int) -> tuple[list[Candle], int | None]:
        """The newest candles, old to new, and the ``cvd_from`` (ms) of the same moment."""
        with self._lock:
            self._refresh(lookback)
            first = self._candles.cvd_from
            since = None if first is None else first - first % self.key.timeframe.ms
            return self._candles.newest(lookback), since

    def snapshot(self, lookback: int) -> tuple[str, int, int]:
        """The ``snapshot`` message of the newest candles, its revision, and its oldest open (ms)."""
        with self._lock:
            started = time.perf_counter()
            self._refresh(lookback)
            text, oldest = self._candles.snapshot(lookback, _now_ms())
            SNAPSHOT_SECONDS.observe(time.perf_counter() - started)
            return text, self._revision, oldest

    def deltas(self, since: int, oldest: int) -> tuple[list[str], int]:
        """The ``delta`` messages of changes after a revision, old to new, and the new revision.

        Candles that open before ``oldest`` (ms) are left out: the client never received them.
        """
        if self._stream.series.revision == since:
            return [], since
        with self._lock:
            now = time.monotonic()
            if now >= self._next_refresh:
                self._next_refresh = now + self._coalesce_s
                self._refresh()
            started, server_ts = time.perf_counter(), _now_ms()
            messages, is_new = self._candles.deltas(since, oldest, server_ts)
            if is_new:
                self._sent.record(server_ts)
                ENCODE_SECONDS.observe(time.perf_counter() - started)
            return messages, self._revision

    def request_older(self, lookback: int) -> None:
        """Start to read candles that a lookback lacks; their arrival raises ``history_version``."""
        with self._lock:
            self._refresh(lookback)
            span = self._older.missing(lookback, self._candles)
        if span is not None:
            self._older.read(span, self._prepend)

    def _prepend(self, older: Sequence[Candle]) -> None:
        with self._lock:
            self._older.prepend(older, self._candles)

    def _refresh(self, lookback: int = 0) -> None:
        """Rebuild the candles changed since the last refresh; drop old ones beyond the largest lookback."""
        self._lookback = max(self._lookback, lookback)
        candles, stream, tf = self._candles, self._stream, self.key.timeframe.ms
        with stream.lock:
            series = stream.series
            try:
                series.refine(self._step_grid)
            except OverflowError:
                self.is_closed = True  # the venue listed a tick that its trades disprove
                return
            candles.refine(series.grid)
            changed = series.changed_since(self._revision)
            self._revision, candles.cvd_from = series.revision, series.first_open
            if changed is None:
                return
            changed -= changed % tf
            opens = dict.fromkeys(minute.open_ts - minute.open_ts % tf for minute in series.minutes(changed))
            built = [self._builder.build(open_ts) for open_ts in opens]
            if series.newest is not None:
                self._sent.newest_trade = series.newest.runs[-1].last_time
            oldest = series.oldest_open
        candles.update(built)
        candles.trim(self._lookback, oldest - oldest % tf)


def _now_ms() -> int:
    return int(time.time() * 1000)
