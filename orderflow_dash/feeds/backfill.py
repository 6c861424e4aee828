"""Schedules backfills: gaps in a stream's trades, its history, and the first trade of a silent stream.

One thread per venue makes one request at a time, in turn for all symbols, so that the long history of one
does not delay the short gap of another. Nothing waits for that thread.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import Counter, deque
from dataclasses import dataclass, field
from typing import Protocol

import httpx

from orderflow_dash.exchanges.protocol import TradeBatch
from orderflow_dash.feeds.rest import RestError
from orderflow_dash.feeds.sequencing import Gap, Known
from orderflow_dash.market import MINUTE_MS, Instrument, Trade
from orderflow_dash.runtime.backoff import Backoff
from orderflow_dash.runtime.threads import CRASHES, SupervisedThread

log = logging.getLogger(__name__)

PAGE_TRADES = 1_000  # the limit of one request on both venues
_SETTLE_S = 0.3  # trades out of order close a gap without a request
_SILENT_S = 1.0  # most symbols have traded by then; the others have history too
_RETRY_SILENT_S = 30.0
_BACKOFF_S = 0.5, 30.0
_MAX_REFUSALS = 4
_MAX_JOBS = 100  # of one stream, where its ids have no order


class BackfillTarget(Protocol):
    """A stream as backfills see it."""

    instrument: Instrument
    ended: bool
    past_known: bool | None  # whether the history of a silent stream was requested

    @property
    def has_traded(self) -> bool:
        """Whether any trade has counted."""

    def start_from(self, batch: TradeBatch) -> None:
        """Start with a trade of the past, if no live one has come."""

    def fill(self, batch: TradeBatch) -> int:
        """Count backfilled trades where they were missing; returns how many were."""

    def expect(self, gap: Gap) -> None:
        """Wait for the trades of a gap that the sequencer did not detect itself."""

    def close(self, gap: Gap) -> None:
        """Nothing is missing there any more, except what was lost."""

    def lose(self, after: int, before: int) -> None:
        """Trades between two times (ms) are missing for good."""

    def mark(self, gap: Gap) -> None:
        """Mark a gap until its extent is known."""

    def unmark(self, gap: Gap) -> None:
        """Remove such a mark."""


@dataclass(slots=True)
class BackfillJob:
    """One backfill: a gap, or the history before ``first`` while its extent is not known yet.

    ``is_silent_start``: it fetches the newest trade of a silent stream instead.
    """

    stream: BackfillTarget
    gap: Gap | None
    due: float = 0.0  # monotonic
    since: int = 0  # ms: start of the wanted history
    first: Trade = (0, 0, 0, 0)  # of the stream
    anchor: str | None = None  # the first trade's id, where ids are only unique
    known: Known | None = None  # trades known from before, where the wanted history starts after them
    mark: Gap | None = None  # from the known trades to the first one, until it is clear what is missing
    is_silent_start: bool = False
    proof: int | None = None  # the id before the first trade of history, until it is looked up
    refusals: int = 0  # consecutive requests that the venue refused
    times: dict[int, int] = field(default_factory=dict)  # ms by id, of the trades next to missing ones
    backoff: Backoff = field(default_factory=lambda: Backoff(*_BACKOFF_S))


class BackfillMethod(Protocol):
    """How one venue serves past trades."""

    def step(self, job: BackfillJob) -> bool:
        """Make one request; returns whether the job is done. Raises RestError or ValueError."""

    def give_up(self, job: BackfillJob) -> None:
        """Mark what is still missing: the venue refuses it."""

    def newest(self, instrument: Instrument) -> TradeBatch:
        """The newest trade, or an empty batch. Makes one request. Raises RestError or ValueError."""


def _is_closed(job: BackfillJob) -> bool:
    return job.gap is not None and job.gap.is_closed


class Backfiller:
    """Runs the backfills of one venue, one request at a time, in turn."""

    def __init__(self, method: BackfillMethod, name: str, history_ms: int) -> None:
        self._method = method
        self._history_ms = history_ms
        self._jobs: deque[BackfillJob] = deque()
        self._busy: Counter[int] = Counter()  # jobs by stream
        self._lock = threading.Lock()
        self._wake = threading.Event()
        self._stop = threading.Event()
        self._thread = SupervisedThread(self._run, name=f"{name}-repair", stopping=self._stop)

    def start(self) -> None:
        """Start its thread."""
        self._thread.start()

    def stop(self) -> None:
        """Stop without waiting for a request under way."""
        self._stop.set()
        self._wake.set()

    def fetch_history(self, stream: BackfillTarget, batch: TradeBatch, known: Known | None) -> None:
        """Fetch the wanted history before a stream's first trades.

        Where trades are ``known`` from before, the ones since then are fetched like any gap. If the wanted
        history starts later than that, the time between is lost.
        """
        since_known = 0 if known is None else known.until
        index, first = next(pair for pair in enumerate(batch.trades) if pair[1][0] >= since_known)
        since = max(since_known, (first[0] - self._history_ms) // MINUTE_MS * MINUTE_MS)
        if known is not None:
            # By ids all of it can be fetched, however old; otherwise there is only one page.
            is_near = since == known.until and known.order < first[1]
            if self._history_ms and (is_near or batch.uids):
                self._resume(stream, known, first, by_ids=not batch.uids)
                return
            if not self._history_ms:
                stream.lose(known.until, first[0])
                return
            mark = Gap(known.until, first[0], None)
            stream.mark(mark)
            self._put(BackfillJob(stream, None, 0.0, since, first, known=known, mark=mark))
        elif self._history_ms:
            anchor = batch.uids[index] if batch.uids else None
            self._put(BackfillJob(stream, None, 0.0, since, first, anchor))

    def _resume(self, stream: BackfillTarget, known: Known, first: Trade, *, by_ids: bool) -> None:
        missing = None
        if by_ids:
            missing = [(known.order + 1, first[1] - 1)] if known.order + 1 < first[1] else []
        gap = Gap(known.until, first[0], missing, whole_from=known.until, resumed=True)
        stream.expect(gap)
        self._put(BackfillJob(stream, gap))

    def start_silent(self, stream: BackfillTarget) -> None:
        """If a stream stays silent, start it with the venue's newest trade, so that its history shows."""
        if self._history_ms:
            stream.past_known = False
            self._jobs.append(BackfillJob(stream, None, time.monotonic() + _SILENT_S, is_silent_start=True))
            self._wake.set()

    def fetch_gap(self, stream: BackfillTarget, gap: Gap) -> None:
        """Fetch the trades of a gap; where ids have no order, the gaps beyond 100 stay open."""
        if gap.missing is not None or self._busy[id(stream)] < _MAX_JOBS:
            self._put(BackfillJob(stream, gap, time.monotonic() + _SETTLE_S))

    def is_busy(self, stream: BackfillTarget) -> bool:
        """Whether a stream has backfills that run or wait."""
        return self._busy[id(stream)] > 0

    def _put(self, job: BackfillJob) -> None:
        with self._lock:
            self._busy[id(job.stream)] += 1
        self._jobs.append(job)
        self._wake.set()

    def _done(self, job: BackfillJob) -> None:
        if job.is_silent_start:
            return  # it does not count as busy
        with self._lock:
            self._busy[id(job.stream)] -= 1
            if not self._busy[id(job.stream)]:
                del self._busy[id(job.stream)]

    def _run(self) -> None:
        while not self._stop.is_set():
            job = self._next()
            if job is None:
                self._wake.wait(0.1 if self._jobs else None)
                self._wake.clear()
                continue
            try:
                finished = job.stream.ended or _is_closed(job) or self._advance(job)
            except (RestError, ValueError) as error:
                wait = job.backoff.next()  # of this job: the backfills of other symbols go on
                log.info("%s: backfill retries in %.1f s: %s", job.stream.instrument.symbol, wait, error)
                job.due = time.monotonic() + wait
                finished = self._is_refused(job, error)
            except Exception as error:  # without the job its symbol would stay in repair
                CRASHES.record(self._thread.name, error)
                log.exception("%s: backfill crashed; the job is dropped", job.stream.instrument.symbol)
                finished = True
            if finished:
                self._done(job)
            else:
                self._jobs.append(job)

    def _is_refused(self, job: BackfillJob, error: RestError | ValueError) -> bool:
        """Whether the venue refuses a job for good, which ends it."""
        is_refusal = isinstance(error, RestError) and error.status == httpx.codes.BAD_REQUEST
        job.refusals = job.refusals + 1 if is_refusal else 0
        if job.is_silent_start or job.refusals < _MAX_REFUSALS:
            return False
        self._method.give_up(job)
        return True

    def _advance(self, job: BackfillJob) -> bool:
        """Make one request; returns whether the job is done. Raises as the method does."""
        if job.is_silent_start:
            return self._start_silent(job)
        finished = self._method.step(job)
        job.backoff.reset()
        job.refusals = 0
        return finished

    def _start_silent(self, job: BackfillJob) -> bool:
        """Start a stream that is still silent. A failure is retried and delays no other backfill."""
        if job.stream.has_traded:
            return True
        try:
            batch = self._method.newest(job.stream.instrument)
        except (RestError, ValueError) as error:
            log.info("%s: history not available yet: %s", job.stream.instrument.symbol, error)
            job.due = time.monotonic() + _RETRY_SILENT_S
            return False
        job.stream.start_from(batch)
        job.stream.past_known = True
        return True

    def _next(self) -> BackfillJob | None:
        """The due job that has waited longest."""
        now = time.monotonic()
        for _ in range(len(self._jobs)):
            job = self._jobs.popleft()
            if job.due <= now or job.stream.ended:
                return job
            self._jobs.append(job)
        return None
