"""Stored history: a stream starts with its stored minutes, and the minutes it closes are stored.

The store may be slow or unreachable. Reader threads load the minutes and then start the stream, and minutes
to write are queued in memory, so viewers wait for neither.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from itertools import groupby
from queue import SimpleQueue
from typing import NamedTuple

from orderflow_dash.feeds.sequencing import Known
from orderflow_dash.footprint.candle import Candle
from orderflow_dash.footprint.hourly import KEPT_HOURS, HourLevels, known_ms
from orderflow_dash.footprint.minute import Levels
from orderflow_dash.live.stream import SeriesStream, StoredSeries
from orderflow_dash.market import HOUR_MS, MINUTE_MS, Instrument, Quality, Timeframe
from orderflow_dash.runtime.threads import CRASHES, SupervisedThread
from orderflow_dash.store.candles import stored_candles
from orderflow_dash.store.minutes import StoredHour, StoredMinute, combine, common_grid, restore
from orderflow_dash.store.null import HistoryStore
from orderflow_dash.store.store import EVER

log = logging.getLogger(__name__)

_READERS = 4  # so that one slow read does not block every stream
_SWEEP_S = 0.5
_PORTION_MS = 4 * HOUR_MS  # per read
_READ_TIMEOUT_S = 5.0  # a stream starts without history if reading takes longer


class HistoryLoader:
    """Loads history from the store into streams, and saves what they close. Thread-safe.

    Args:
        store: holds the minutes.
        window: minutes that a stream starts with, at least, if stored.
    """

    def __init__(self, store: HistoryStore, window: int) -> None:
        self._store = store
        self._window_ms = window * MINUTE_MS
        self._lock = threading.Lock()
        self._written: dict[SeriesStream, _WrittenState] = {}
        self._starting: dict[SeriesStream, float] = {}  # when its history was requested, monotonic
        self._wanted: SimpleQueue[Callable[[], None]] = SimpleQueue()
        self._stopping = threading.Event()
        # Daemons: a read that hangs must not hold up the exit.
        self._readers = [
            SupervisedThread(self._read_on, name="store-reader", stopping=self._stopping)
            for _ in range(_READERS)
        ]
        self._keeper = SupervisedThread(self._keep_on, name="history-keeper", stopping=self._stopping)

    def start(self) -> None:
        """Open the store and start to save."""
        self._store.start()
        self._keeper.start()
        for reader in self._readers:
            reader.start()

    def stop(self, flush_s: float) -> None:
        """Save closed minutes; the store has ``flush_s`` seconds to write them."""
        self._stopping.set()
        self._keeper.join()
        self.keep()
        if not self._store.stop(flush_s):
            log.warning("not all minutes could be stored before the end")

    def health(self) -> dict[str, object]:
        """The store's figures for ``/health``."""
        return self._store.health()

    def start_stream(self, stream: SeriesStream, refetch_ms: int) -> None:
        """Start a stream with its stored minutes, and save those it closes; returns at once.

        ``refetch_ms``: how far back the venue returns the trades of a gap.
        """
        with self._lock:
            self._starting[stream] = time.monotonic()
        self._read(lambda: self._load_and_start(stream, refetch_ms), lambda: self._start_without(stream))

    def end_stream(self, stream: SeriesStream) -> None:
        """Save the last minutes of a stream that has ended, if it had started."""
        with self._lock:
            self._starting.pop(stream, None)
            state = self._written.pop(stream, None)
        if state is not None:
            state.keep(self._store)

    def older(
        self, instrument: Instrument, timeframe: Timeframe, step: Decimal, since: int, until: int
    ) -> list[Candle]:
        """Stored candles that open from ``since`` and before ``until`` (ms), old to new. May block."""
        load = self._store.load_hours if timeframe is Timeframe.H1 else self._store.load
        return stored_candles(load(instrument, since, until, include_dropped=True), timeframe, step)

    def read_older(
        self,
        instrument: Instrument,
        timeframe: Timeframe,
        step: Decimal,
        since: int,
        until: int,
        adopt: Callable[[Sequence[Candle]], None],
    ) -> None:
        """Pass ``older`` to ``adopt`` later, or an empty list if it fails; returns at once."""

        def read() -> None:
            adopt(self.older(instrument, timeframe, step, since, until))

        self._read(read, lambda: adopt([]))

    def keep(self) -> None:
        """Pass minutes closed since the last call to the store."""
        with self._lock:
            states = list(self._written.values())
        for state in states:
            state.keep(self._store)

    # -- inside ------------------------------------------------------------------------------

    def _read(self, task: Callable[[], None], instead: Callable[[], None]) -> None:
        def run() -> None:
            try:
                task()
            except Exception as error:  # a stream must start even if its history cannot be read
                CRASHES.record("store-reader", error)
                log.exception("stored history cannot be used")
                instead()

        self._wanted.put(run)

    def _read_on(self) -> None:
        while not self._stopping.is_set():
            self._wanted.get()()

    def _load_and_start(self, stream: SeriesStream, refetch_ms: int) -> None:
        kept, sound = self._kept(stream.instrument, refetch_ms)
        self._start(stream, kept, sound)

    def _start_without(self, stream: SeriesStream) -> None:
        self._start(stream, None, [])

    def _start(self, stream: SeriesStream, kept: StoredSeries | None, stored: Sequence[StoredMinute]) -> None:
        has_started = stream.start(kept)
        with self._lock:
            self._starting.pop(stream, None)
            if not has_started:
                return  # it started without history, or has ended
            self._written[stream] = _WrittenState(stream, stored)
        if stream.ended:
            self.end_stream(stream)

    def _kept(
        self, instrument: Instrument, refetch_ms: int
    ) -> tuple[StoredSeries | None, Sequence[StoredMinute]]:
        """Stored data that a stream starts with, and its minutes in stored form."""
        point = self._store.resume(instrument)
        if point is None:
            return None, []
        window = (point.open_ts - self._window_ms) // HOUR_MS * HOUR_MS  # cuts no derived candle
        hourly = point.open_ts // HOUR_MS * HOUR_MS - KEPT_HOURS * HOUR_MS
        before, ladders = self._before(instrument, hourly, window)
        stored = self._store.load(instrument, window, EVER, include_dropped=True)
        sound = _without_recent_gaps([*before, *map(_mark, stored)], refetch_ms)
        inside = stored[: max(0, len(sound) - len(before))]
        grid = common_grid([*inside, *ladders.values()], instrument.grid)
        minutes = [restore(minute.on(grid)) for minute in inside if not minute.levels_dropped]
        if not minutes:
            return None, []
        gaps = _gaps(sound)
        return StoredSeries(
            grid=grid,
            minutes=minutes,
            gaps=[gap for gap in gaps if gap[1] >= window],
            cvd_from=point.cvd_from,
            hours=_hours(before, {at: hour.on(grid).levels for at, hour in ladders.items()}, window, gaps),
            known=Known(minutes[-1].end_ts, minutes[-1].runs[-1].last_order),
        ), inside

    def _before(
        self, instrument: Instrument, since: int, window: int
    ) -> tuple[list[_Mark], dict[int, StoredHour]]:
        """The minutes before the window, and their hours as ladders; reads a few hours at a time."""
        marks: list[_Mark] = []
        ladders: dict[int, StoredHour] = {}
        for start in range(since, window, _PORTION_MS):
            minutes = self._store.load(
                instrument, start, min(start + _PORTION_MS, window), include_dropped=True
            )
            marks += map(_mark, minutes)
            whole = (minute for minute in minutes if not minute.levels_dropped)
            for open_ts, group in groupby(whole, key=lambda minute: minute.open_ts // HOUR_MS * HOUR_MS):
                ladders[open_ts] = combine(list(group))
        return marks, ladders

    def _keep_on(self) -> None:
        while not self._stopping.wait(_SWEEP_S):
            self.keep()
            self._start_late()

    def _start_late(self) -> None:
        now = time.monotonic()
        with self._lock:
            late = [stream for stream, since in self._starting.items() if now - since > _READ_TIMEOUT_S]
        for stream in late:
            log.warning("%s starts without history: the store does not respond", stream.instrument.symbol)
            self._start_without(stream)


class _WrittenState:
    """Minutes of one stream that were passed to the store."""

    def __init__(self, stream: SeriesStream, stored: Sequence[StoredMinute]) -> None:
        self._stream = stream
        self._lock = threading.Lock()
        self._revision = -1
        self._written = {minute.open_ts: minute for minute in stored}  # by open, stored or queued

    def keep(self, store: HistoryStore) -> None:
        """Pass minutes closed or changed since the last call to the store."""
        closed = self._stream.closed_minutes
        with self._lock:
            if closed.revision == self._revision:
                return
            self._revision, opens = closed.changed(self._revision)
            changed = [
                minute for minute in closed.stored(opens[:-1]) if self._written.get(minute.open_ts) != minute
            ]
            if changed:
                store.put(self._stream.instrument, changed, self._stream.series.first_open)
            self._written.update((minute.open_ts, minute) for minute in changed)
            oldest = closed.oldest()
            for open_ts in [each for each in self._written if each < oldest]:
                del self._written[open_ts]


class _Mark(NamedTuple):
    """A stored minute without its figures."""

    open_ts: int
    quality: Quality
    levels_dropped: bool


def _mark(minute: StoredMinute) -> _Mark:
    return _Mark(minute.open_ts, minute.quality, minute.levels_dropped)


def _without_recent_gaps(stored: Sequence[_Mark], refetch_ms: int) -> Sequence[_Mark]:
    """The minutes before the first gap that can be refetched: everything from there on is."""
    if not refetch_ms or not stored:
        return stored
    since = stored[-1].open_ts - refetch_ms
    for index, minute in enumerate(stored):
        if minute.open_ts >= since and minute.quality is Quality.GAP:
            return stored[:index] if any(not each.levels_dropped for each in stored[:index]) else stored
    return stored


def _gaps(stored: Sequence[_Mark]) -> list[tuple[int, int]]:
    """Spans (ms, both inclusive) whose trades are missing for good.

    Minutes missing before one with a gap belong to its span.
    """
    gaps: list[tuple[int, int]] = []
    end = stored[0].open_ts
    for minute in stored:
        if minute.quality is Quality.GAP:
            after = end
            if gaps and gaps[-1][1] == after - 1:
                after = gaps.pop()[0]
            gaps.append((after, minute.open_ts + MINUTE_MS - 1))
        end = minute.open_ts + MINUTE_MS
    return gaps


def _hours(
    stored: Sequence[_Mark], ladders: Mapping[int, Levels], window: int, gaps: Sequence[tuple[int, int]]
) -> list[HourLevels]:
    """Ladders as hourly levels; ``window`` (ms) is where memory starts."""
    hours = []
    known_from = stored[0].open_ts if stored else window
    for open_ts, levels in ladders.items():
        span = max(open_ts, known_from), min(open_ts + HOUR_MS, window)
        hours.append(HourLevels(open_ts, levels, known_ms(*span, gaps), *span))
    return hours
