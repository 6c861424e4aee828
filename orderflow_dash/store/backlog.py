"""A bounded queue of minutes to write, with the newest version of each."""

from __future__ import annotations

import heapq
import threading
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

from orderflow_dash.market import Instrument, Venue
from orderflow_dash.store.minutes import StoredMinute, without_levels
from orderflow_dash.store.store import Batch

_MINUTE_BYTES = 600  # of a minute without its levels, as Python holds it


_Key = tuple[Venue, str]


@dataclass(slots=True)
class _Series:
    instrument: Instrument
    cvd_from: int | None = None
    minutes: dict[int, StoredMinute] = field(default_factory=dict)  # by open
    since: dict[int, float] = field(default_factory=dict)  # when each was added, on the clock


class Backlog:
    """Waiting minutes. Thread-safe. Beyond its limit the oldest lose their levels; CVD stays correct."""

    def __init__(self, bound_bytes: int, clock: Callable[[], float]) -> None:
        self.dropped = 0  # minutes that lost their levels
        self._bound = bound_bytes
        self._clock = clock
        self._lock = threading.Lock()
        self._series: dict[_Key, _Series] = {}  # independent of tick and lot
        self._bytes = 0
        self._oldest: list[tuple[int, int, _Key]] = []  # heap of (open, tie, series)
        self._tie = 0

    def add(self, instrument: Instrument, minutes: Iterable[StoredMinute], cvd_from: int | None) -> None:
        """Add minutes, replacing waiting ones."""
        now = self._clock()
        with self._lock:
            key = _key(instrument)
            series = self._series.setdefault(key, _Series(instrument))
            series.instrument = instrument
            if cvd_from is not None:
                series.cvd_from = cvd_from
            for minute in minutes:
                before = series.minutes.get(minute.open_ts)
                self._bytes += _size(minute) - (_size(before) if before is not None else 0)
                series.minutes[minute.open_ts] = minute
                series.since.setdefault(minute.open_ts, now)
                if before is None:
                    self._tie += 1
                    heapq.heappush(self._oldest, (minute.open_ts, self._tie, key))
            while self._bytes > self._bound and self._oldest:
                self._drop_oldest_levels()

    def batches(self, limit: int) -> list[Batch]:
        """Up to ``limit`` minutes, the oldest of each series first; they stay until ``written``."""
        taken: list[Batch] = []
        with self._lock:
            for series in self._series.values():
                if limit <= 0:
                    break
                chosen = sorted(series.minutes)[:limit]
                if chosen:
                    minutes = [series.minutes[open_ts] for open_ts in chosen]
                    taken.append(Batch(series.instrument, minutes, series.cvd_from))
                    limit -= len(chosen)
        return taken

    def written(self, batches: Sequence[Batch]) -> None:
        """Remove written minutes, except those replaced since."""
        with self._lock:
            for batch in batches:
                series = self._series[_key(batch.instrument)]
                for minute in batch.minutes:
                    if series.minutes.get(minute.open_ts) is minute:
                        del series.minutes[minute.open_ts], series.since[minute.open_ts]
                        self._bytes -= _size(minute)
                if not series.minutes:
                    del self._series[_key(batch.instrument)]
            if not self._series:
                self._oldest.clear()

    def of(self, instrument: Instrument) -> tuple[list[StoredMinute], int | None]:
        """Waiting minutes of one series, old to new, and its ``cvd_from`` if known."""
        with self._lock:
            series = self._series.get(_key(instrument))
            if series is None:
                return [], None
            return [series.minutes[open_ts] for open_ts in sorted(series.minutes)], series.cvd_from

    def __len__(self) -> int:
        with self._lock:
            return sum(len(series.minutes) for series in self._series.values())

    @property
    def held_bytes(self) -> int:
        """Size of waiting minutes, as the limit counts it."""
        return self._bytes

    def waiting_s(self) -> float:
        """How long the oldest minute has waited."""
        with self._lock:
            since = [min(series.since.values()) for series in self._series.values() if series.since]
            return self._clock() - min(since) if since else 0.0

    def _drop_oldest_levels(self) -> None:
        open_ts, _, key = heapq.heappop(self._oldest)
        series = self._series.get(key)
        minute = series.minutes.get(open_ts) if series is not None else None
        if series is not None and minute is not None and not minute.levels_dropped:
            series.minutes[open_ts] = dropped = without_levels(minute)
            self._bytes += _size(dropped) - _size(minute)
            self.dropped += 1


def _size(minute: StoredMinute) -> int:
    return _MINUTE_BYTES + int(minute.levels.nbytes)


def _key(instrument: Instrument) -> _Key:
    return instrument.venue, instrument.symbol
