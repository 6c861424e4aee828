"""The writer thread: minutes wait in memory until they are in the database."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Sequence
from typing import TypeVar

from orderflow_dash.market import HOUR_MS, Instrument
from orderflow_dash.runtime.threads import CRASHES, SupervisedThread
from orderflow_dash.store.backlog import Backlog
from orderflow_dash.store.failure import StoreError
from orderflow_dash.store.minutes import StoredHour, StoredMinute, combine, common_grid
from orderflow_dash.store.overlay import overlaid, run_on
from orderflow_dash.store.retention import Retention, retire
from orderflow_dash.store.store import EVER, Batch, ResumePoint, Store

log = logging.getLogger(__name__)

_BATCH = 1_000  # minutes in one transaction
_FIRST_OPENING_S = 10.0  # how long a first reader waits for the database to be opened

_Answer = TypeVar("_Answer")


class StoreWriter:
    """Stores minutes in a database, off the hot path, and in memory while that fails. Thread-safe.

    Args:
        connect: opens the database; retried after a StoreError.
        retention: limits of age and size.
        memory_mb: limit of waiting minutes; beyond it the oldest lose their levels.
        linger_s: how long a minute waits for others, to share a transaction.
        retry_s: first and longest wait after a failure; it doubles.
        retire_s: how often old minutes are dropped.
    """

    def __init__(
        self,
        connect: Callable[[], Store],
        *,
        retention: Retention | None = None,
        memory_mb: float = 64.0,
        linger_s: float = 0.25,
        retry_s: tuple[float, float] = (1.0, 60.0),
        retire_s: float = 600.0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._connect = connect
        self._retention = retention or Retention()
        self._linger_s = linger_s
        self._retry_s = retry_s
        self._retire_s = retire_s
        self._clock = clock
        self._backlog = Backlog(int(memory_mb * 1e6), clock)
        self._store: Store | None = None
        self._state, self._reason = "opening", ""
        self._written = self._refused = self._retired = 0
        self._retire_at = 0.0
        self._tried = threading.Event()
        self._wake = threading.Event()
        self._stopping = threading.Event()
        self._thread = SupervisedThread(
            self._work, name="store-writer", stopping=self._stopping, on_crash=self._crashed
        )

    def start(self) -> None:
        """Open the database, in the writer's own thread."""
        self._thread.start()

    def stop(self, flush_s: float = 5.0) -> bool:
        """Write waiting minutes for up to ``flush_s``; returns whether all were written."""
        self._stopping.set()
        self._wake.set()
        if self._thread.is_alive():
            self._thread.join(flush_s)
        return not len(self._backlog)

    def put(
        self, instrument: Instrument, minutes: Sequence[StoredMinute], cvd_from: int | None = None
    ) -> None:
        """Queue minutes, replacing earlier versions. Never waits for the database, never raises."""
        try:
            self._backlog.add(instrument, minutes, cvd_from)
        except Exception:  # the caller must continue in any case
            log.exception("minutes of %s were not queued", instrument.symbol)
        self._wake.set()

    def health(self) -> dict[str, object]:
        """Figures for ``/health``: ``state`` is opening, saving or memory."""
        return {
            "state": self._state,
            "detail": self._detail(),
            "queued": len(self._backlog),
            "queued_bytes": self._backlog.held_bytes,
            "written": self._written,
            "lag_ms": round(self._backlog.waiting_s() * 1000),
            "dropped": self._backlog.dropped + self._refused,
            "retired": self._retired,
        }

    # -- reading, waiting minutes included ---------------------------------------------------

    def load(
        self, instrument: Instrument, since: int = 0, until: int = EVER, *, include_dropped: bool = False
    ) -> list[StoredMinute]:
        """Minutes with ``since <= open_ts < until`` (ms), old to new, each with its CVD.

        ``include_dropped``: also those without levels. Never raises: if the database fails, returns what
        waits in memory.
        """
        waiting, _ = self._backlog.of(instrument)  # first: minutes written since are then in both
        start = min([since, *(minute.open_ts for minute in waiting[:1])])
        kept = self._read(lambda store: store.load(instrument, start, until, include_dropped=True)) or []
        merged = run_on(overlaid(kept, waiting, until), kept)
        return [
            minute
            for minute in merged
            if minute.open_ts >= since and (include_dropped or not minute.levels_dropped)
        ]

    def load_hours(
        self, instrument: Instrument, since: int = 0, until: int = EVER, *, include_dropped: bool = False
    ) -> list[StoredHour]:
        """Hours that open at ``since`` (ms, floored to an hour) or later and before ``until``, old to new."""
        since = since // HOUR_MS * HOUR_MS
        waiting, _ = self._backlog.of(instrument)
        changed = sorted({minute.open_ts // HOUR_MS * HOUR_MS for minute in waiting})
        start = min([since, *changed[:1]])
        kept = (
            self._read(lambda store: store.load_hours(instrument, start, until, include_dropped=True)) or []
        )
        hours = {hour.open_ts: hour for hour in kept}
        for open_ts in changed:
            if open_ts < until:
                hours[open_ts] = self._hour(instrument, open_ts, waiting)
        grid = common_grid(hours.values(), instrument.grid)
        merged = run_on([hours[open_ts].on(grid) for open_ts in sorted(hours)], kept)
        return [
            hour for hour in merged if hour.open_ts >= since and (include_dropped or not hour.levels_dropped)
        ]

    def resume(self, instrument: Instrument) -> ResumePoint | None:
        """The end of a series; None if none is stored or readable."""
        waiting, cvd_from = self._backlog.of(instrument)
        point = self._read(lambda store: store.resume(instrument))
        if not waiting or (point is not None and point.open_ts > waiting[-1].open_ts):
            return point
        newest = waiting[-1]
        if cvd_from is None:
            cvd_from = point.cvd_from if point is not None else waiting[0].open_ts
        return ResumePoint(newest.open_ts, newest.last, cvd_from)

    def _hour(self, instrument: Instrument, open_ts: int, waiting: list[StoredMinute]) -> StoredHour:
        end = open_ts + HOUR_MS
        kept = self._read(lambda store: store.load(instrument, open_ts, end, include_dropped=True)) or []
        inside = [minute for minute in waiting if open_ts <= minute.open_ts]
        return combine(overlaid(kept, inside, end))

    def _read(self, read: Callable[[Store], _Answer]) -> _Answer | None:
        self._tried.wait(_FIRST_OPENING_S)
        if self._store is None:
            return None
        try:
            return read(self._store)
        except StoreError as error:
            log.warning("stored history cannot be read: %s", error)
            return None

    # -- the thread --------------------------------------------------------------------------

    def _work(self) -> None:
        failures = 0
        while not self._stopping.is_set():
            if self._attempt():
                failures = 0
                self._wake.wait(max(0.0, self._retire_at - self._clock()))
                self._wake.clear()
                if len(self._backlog):
                    self._stopping.wait(self._linger_s)
            else:
                floor, ceiling = self._retry_s
                self._stopping.wait(min(ceiling, floor * 2**failures))
                failures = min(failures + 1, 32)
        self._attempt()
        if self._store is not None:
            self._store.close()

    def _attempt(self) -> bool:
        """Write waiting minutes and drop old ones; returns whether it succeeded."""
        try:
            if self._store is None:
                self._store = self._connect()
            elif self._state == "memory":
                self._store.database.reconnect()
                self._store.prepare()
            self._write()
            if not self._stopping.is_set():
                self._retire()
        except StoreError as error:
            self._degrade(error.reason, str(error))
            return False
        except Exception as error:  # waiting minutes are written once it works again
            CRASHES.record(self._thread.name, error)
            log.exception("the store crashed")
            self._degrade(f"{type(error).__name__} in the store", str(error))
            return False
        finally:
            self._tried.set()
        if self._state == "memory":
            log.info("history is being stored again")
        self._state, self._reason = "saving", ""
        return True

    def _write(self) -> None:
        store = self._store
        while store is not None and (batches := self._backlog.batches(_BATCH)):
            try:
                store.save(batches)
            except ValueError:
                batches = self._without_broken(batches)
                store.save(batches)
            self._backlog.written(batches)
            self._written += sum(len(batch.minutes) for batch in batches)

    def _without_broken(self, batches: Sequence[Batch]) -> list[Batch]:
        """Drop minutes that can never be written, so that the others can."""
        sound = []
        for batch in batches:
            broken = [minute for minute in batch.minutes if not Store.accepts(minute)]
            for minute in broken:
                log.error(
                    "the minute at %d of %s has invalid levels", minute.open_ts, batch.instrument.symbol
                )
            self._refused += len(broken)
            self._backlog.written([batch._replace(minutes=broken)])
            sound.append(batch._replace(minutes=[m for m in batch.minutes if Store.accepts(m)]))
        return [batch for batch in sound if batch.minutes]

    def _retire(self) -> None:
        if self._store is not None and self._clock() >= self._retire_at:
            self._retired += retire(self._store, self._retention, int(time.time() * 1000))
            self._retire_at = self._clock() + self._retire_s

    def _crashed(self, error: BaseException, _wait: float) -> None:
        self._degrade(f"{type(error).__name__} in the store", str(error))

    def _degrade(self, reason: str, line: str) -> None:
        if self._state != "memory" or self._reason != reason:
            log.warning("history is kept in memory only: %s", line)
        self._state, self._reason = "memory", reason

    def _detail(self) -> str:
        if self._state != "memory":
            return ""
        return f"history is kept in memory only: {self._reason}"
