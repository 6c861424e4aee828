"""Fetches what a stream lacks: holes in its trades, and the trades before its first one.

One thread per venue takes one request at a time, in turn for all symbols, so that a long history of one
does not keep a short hole of another waiting. Nothing else waits for it.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from dataclasses import dataclass
from typing import Protocol

from ..exchanges import binance_rest, bybit_rest
from ..exchanges.protocol import TradeBatch
from ..market import MINUTE_MS, Instrument, Trade
from .backoff import Backoff
from .continuity import Hole
from .rest import RestClient, RestError

log = logging.getLogger(__name__)

_PAGE = 1_000  # the most that both venues give at once
_WINDOW_MS = 3_600_000 - 1  # Binance wants start and end less than an hour apart
_SETTLE_S = 0.3  # a hole that was only a matter of order closes by itself


class Fillable(Protocol):
    """A stream as repair sees it."""

    instrument: Instrument
    ended: bool
    repairing: int

    def fill(self, batch: TradeBatch) -> int:
        """Count trades that were fetched, where they were missing; how many were."""

    def open_history(self, hole: Hole) -> None:
        """The trades before the first one are about to come."""

    def close_hole(self, hole: Hole) -> None:
        """Nothing is missing there any more."""


@dataclass(slots=True)
class Job:
    """What is to be fetched: a hole, or (before its extent is known) the history before ``first``."""

    stream: Fillable
    hole: Hole | None
    first: Trade
    due: float = 0.0
    since: int = 0  # ms: history is wanted from here


class RepairMethod(Protocol):
    """How one venue tells past trades."""

    def step(self, job: Job) -> bool:
        """One request. True once nothing more can be done. Raises RestError or ValueError."""


class BinanceRepair:
    """By id: every hole is known to the last trade, and the venue keeps them for a day and more."""

    def __init__(self, rest: RestClient) -> None:
        self._rest = rest

    def step(self, job: Job) -> bool:
        """Fetch the newest page that is missing."""
        if job.hole is None:
            return self._find_history(job)
        if not job.hole.missing:
            return True
        first, last = job.hole.missing[-1]
        start = max(first, last - _PAGE + 1)
        trades = self._page(job, {"fromId": start, "limit": _PAGE})
        wanted = [trade for trade in trades if start <= trade[1] <= last]
        filled = job.stream.fill(TradeBatch(job.stream.instrument.symbol, wanted))
        if not filled:
            log.warning("%s: the venue no longer has trade %d", job.stream.instrument.symbol, last)
        return not filled or not job.hole.missing

    def _find_history(self, job: Job) -> bool:
        """Find the first id that is wanted; an hour at a time."""
        time_, order, *_ = job.first
        end = min(job.since + _WINDOW_MS, time_)
        rows = self._page(job, {"startTime": job.since, "endTime": end, "limit": 1})
        if not rows and end < time_:
            job.since = end + 1
            return False
        begin = rows[0][1] if rows else order
        job.hole = Hole(job.since, time_, [(begin, order - 1)] if begin < order else [], whole_from=job.since)
        job.stream.open_history(job.hole)
        if job.hole.missing:
            return False
        job.stream.close_hole(job.hole)
        return True

    def _page(self, job: Job, params: dict[str, str | int]) -> list[Trade]:
        instrument = job.stream.instrument
        body = self._rest.get(binance_rest.AGG_TRADES_PATH, {"symbol": instrument.symbol, **params})
        return binance_rest.parse_agg_trades(instrument, body)


class BybitRepair:
    """By the one page of recent trades: it closes a hole where it reaches back to a trade that is known."""

    def __init__(self, rest: RestClient) -> None:
        self._rest = rest

    def step(self, job: Job) -> bool:
        """Fetch the page; there is no other."""
        instrument = job.stream.instrument
        params = {"category": "linear", "symbol": instrument.symbol, "limit": _PAGE}
        batch = bybit_rest.parse_recent_trades(instrument, self._rest.get(bybit_rest.RECENT_TRADES_PATH, params))
        if job.hole is None:
            self._history(job, batch)
        elif self._reaches(job.hole, batch):
            job.stream.fill(batch)
            job.stream.close_hole(job.hole)
        else:
            log.warning("%s: the recent trades do not reach back to the last known one", instrument.symbol)
        return True

    @staticmethod
    def _reaches(hole: Hole, batch: TradeBatch) -> bool:
        """Whether the page holds the last trade before the hole, or older ones of a later hole's end."""
        return hole.anchor is not None and hole.anchor in (batch.uids or ())

    @staticmethod
    def _history(job: Job, batch: TradeBatch) -> None:
        """What the page tells of the time before the first trade, where the two meet."""
        times = [trade[0] for trade in batch.trades]
        if not times or not times[0] <= job.first[0] <= times[-1]:
            return
        oldest = times[0]
        # A full page may begin inside a minute; one that is not full is all that there is.
        whole = oldest if len(times) < _PAGE else oldest - oldest % MINUTE_MS + MINUTE_MS
        job.hole = Hole(oldest, job.first[0], None, whole_from=whole - whole % MINUTE_MS)
        job.stream.open_history(job.hole)
        job.stream.fill(batch)
        job.stream.close_hole(job.hole)


class Repairer:
    """Does the jobs of one venue, one request at a time, in turn."""

    def __init__(self, method: RepairMethod, name: str, history_ms: int) -> None:
        self._method = method
        self._history_ms = history_ms
        self._jobs: deque[Job] = deque()
        self._wake = threading.Event()
        self._stop = threading.Event()
        self._backoff = Backoff(0.5, 30.0)
        self._thread = threading.Thread(target=self._run, name=f"{name}-repair", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self) -> None:
        """End; a request under way ends by itself."""
        self._stop.set()
        self._wake.set()

    def begin(self, stream: Fillable, first: Trade) -> None:
        """A stream's first trade has come: fetch what came before it, as far as is wanted."""
        if self._history_ms:
            since = first[0] - self._history_ms
            self._put(Job(stream, None, first, since=since - since % MINUTE_MS))

    def hole(self, stream: Fillable, hole: Hole) -> None:
        """Trades are missing: fetch them."""
        self._put(Job(stream, hole, (hole.before, 0, 0, 0), due=time.monotonic() + _SETTLE_S))

    def _put(self, job: Job) -> None:
        job.stream.repairing += 1
        self._jobs.append(job)
        self._wake.set()

    def _run(self) -> None:
        while not self._stop.is_set():
            job = self._next()
            if job is None:
                self._wake.wait(0.1 if self._jobs else None)
                self._wake.clear()
                continue
            try:
                finished = job.stream.ended or self._method.step(job)
                self._backoff.reset()
            except (RestError, ValueError) as error:
                wait = self._backoff.next()
                log.info("%s: repair waits %.1f s: %s", job.stream.instrument.symbol, wait, error)
                self._stop.wait(wait)
                finished = False
            except Exception:  # a defect must not end all repairs unseen
                log.exception("%s: repair failed on a defect", job.stream.instrument.symbol)
                finished = True
            if finished:
                job.stream.repairing -= 1
            else:
                self._jobs.append(job)

    def _next(self) -> Job | None:
        """The job that is due and has waited longest."""
        now = time.monotonic()
        for _ in range(len(self._jobs)):
            job = self._jobs.popleft()
            if job.due <= now:
                return job
            self._jobs.append(job)
        return None
