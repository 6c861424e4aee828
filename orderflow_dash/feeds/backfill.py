"""Fetches what a stream lacks: gaps in its trades, the trades before its first, the first if it is silent.

One thread per venue takes one request at a time, in turn for all symbols, so that a long history of one
does not keep a short gap of another waiting. Nothing else waits for it.
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

PAGE_TRADES = 1_000  # the most that both venues give at once
_WINDOW_MS = 3_600_000 - 1  # Binance wants start and end less than an hour apart
_MOST_WEIGHT = 2_000  # of Binance's 2,400 a minute, with whatever else the venue is asked
_SETTLE_S = 0.3  # a gap that was only a matter of order closes by itself
_SILENT_S = 1.0  # most symbols have traded by then; one that has not has a past all the same
_SEEK_AGAIN_S = 30.0
_BACKOFF_S = 0.5, 30.0
_MOST_REFUSALS = 4
_MOST_JOBS = 100  # of one stream at a time


class BackfillTarget(Protocol):
    """A stream as repair sees it."""

    instrument: Instrument
    ended: bool
    past_known: bool | None  # whether the past of a silent stream has been asked for

    @property
    def has_traded(self) -> bool:
        """Whether any trade has counted."""

    def start_from(self, batch: TradeBatch) -> None:
        """Start with a trade of the past, where none has come from the stream."""

    def fill(self, batch: TradeBatch) -> int:
        """Count trades that were fetched, where they were missing; returns how many were."""

    def expect(self, gap: Gap) -> None:
        """The trades of a gap that continuity did not find itself are about to come."""

    def close(self, gap: Gap) -> None:
        """Nothing is missing there any more, but for what was lost."""

    def lose(self, after: int, before: int) -> None:
        """Trades between two times (ms) are missing, and stay so."""

    def mark(self, gap: Gap) -> None:
        """Mark a gap until its extent is known."""

    def unmark(self, gap: Gap) -> None:
        """Take back such a mark."""


@dataclass(slots=True)
class BackfillJob:
    """What is to be fetched: a gap, or (before its extent is known) the history before ``first``.

    ``is_silent_start``: or the newest trade of a stream that is silent.
    """

    stream: BackfillTarget
    gap: Gap | None
    due: float = 0.0  # monotonic
    since: int = 0  # ms: history is wanted from here
    first: Trade = (0, 0, 0, 0)  # of the stream
    anchor: str | None = None  # the first trade's id, where ids are only unique
    known: Known | None = None  # what was known before the stream, where history does not reach back to it
    mark: Gap | None = None  # from there to the first trade, until it is known what is missing
    is_silent_start: bool = False
    proof: int | None = None  # the id before the first trade of history, while it is to be looked for
    refusals: int = 0  # requests in a row that the venue refused
    times: dict[int, int] = field(
        default_factory=dict
    )  # by id: those beside what is lost or was not fetched yet
    backoff: Backoff = field(default_factory=lambda: Backoff(*_BACKOFF_S))


class BackfillMethod(Protocol):
    """How one venue serves past trades."""

    def step(self, job: BackfillJob) -> bool:
        """One request. True once nothing more can be done. Raises RestError or ValueError."""

    def give_up(self, job: BackfillJob) -> None:
        """The venue refuses what is still to be fetched: mark it."""

    def newest(self, instrument: Instrument) -> TradeBatch:
        """The newest trade; none where there never was one. One request. Raises RestError or ValueError."""


def _is_closed(job: BackfillJob) -> bool:
    return job.gap is not None and job.gap.is_closed


class Backfiller:
    """Does the jobs of one venue, one request at a time, in turn."""

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
        """Begin."""
        self._thread.start()

    def stop(self) -> None:
        """End; a request under way ends by itself."""
        self._stop.set()
        self._wake.set()

    def fetch_history(self, stream: BackfillTarget, batch: TradeBatch, known: Known | None) -> None:
        """A stream's first trades have come: fetch what came before them, as far as is wanted.

        Where trades are ``known`` from before, what is missing since then is fetched like any gap. If that
        is longer ago than is wanted, the time between is lost, up to the first trade that is fetched.
        """
        since_known = 0 if known is None else known.until
        index, first = next(pair for pair in enumerate(batch.trades) if pair[1][0] >= since_known)
        since = max(since_known, (first[0] - self._history_ms) // MINUTE_MS * MINUTE_MS)
        if known is not None:
            # By ids all of it can be fetched, however long ago it is; otherwise there is one page anyway.
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
        """Should a stream stay silent, begin it with the venue's newest trade: its past can be had."""
        if self._history_ms:
            stream.past_known = False
            self._jobs.append(BackfillJob(stream, None, time.monotonic() + _SILENT_S, is_silent_start=True))
            self._wake.set()

    def fetch_gap(self, stream: BackfillTarget, gap: Gap) -> None:
        """Trades are missing: fetch them. Where one page is all there is, too many gaps stay marked."""
        if gap.missing is not None or self._busy[id(stream)] < _MOST_JOBS:
            self._put(BackfillJob(stream, gap, time.monotonic() + _SETTLE_S))

    def is_busy(self, stream: BackfillTarget) -> bool:
        """Whether anything of a stream is being fetched, or waits to be."""
        return self._busy[id(stream)] > 0

    def _put(self, job: BackfillJob) -> None:
        with self._lock:
            self._busy[id(job.stream)] += 1
        self._jobs.append(job)
        self._wake.set()

    def _done(self, job: BackfillJob) -> None:
        if job.is_silent_start:
            return  # nobody waits for it
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
                finished = job.stream.ended or _is_closed(job) or self._advanced(job)
            except (RestError, ValueError) as error:
                wait = job.backoff.next()  # of its own: another symbol's repair goes on
                log.info("%s: repair waits %.1f s: %s", job.stream.instrument.symbol, wait, error)
                job.due = time.monotonic() + wait
                finished = self._is_refused(job, error)
            except Exception as error:  # the job ends with it, or its symbol would be repairing for ever
                CRASHES.note(self._thread.name, error)
                log.exception("%s: repair failed on a defect", job.stream.instrument.symbol)
                finished = True
            if finished:
                self._done(job)
            else:
                self._jobs.append(job)

    def _is_refused(self, job: BackfillJob, error: RestError | ValueError) -> bool:
        """Whether the venue refuses a job for good: then it ends."""
        is_refusal = isinstance(error, RestError) and error.status == httpx.codes.BAD_REQUEST
        job.refusals = job.refusals + 1 if is_refusal else 0
        if job.is_silent_start or job.refusals < _MOST_REFUSALS:
            return False
        self._method.give_up(job)
        return True

    def _advanced(self, job: BackfillJob) -> bool:
        """One request; whether it was the last one of the job. Raises as the method does."""
        if job.is_silent_start:
            return self._sought(job)
        finished = self._method.step(job)
        job.backoff.reset()
        job.refusals = 0
        return finished

    def _sought(self, job: BackfillJob) -> bool:
        """Begin the stream if it is still silent. What fails is tried again, and keeps no repair waiting."""
        if job.stream.has_traded:
            return True
        try:
            batch = self._method.newest(job.stream.instrument)
        except (RestError, ValueError) as error:
            log.info("%s: history not available yet: %s", job.stream.instrument.symbol, error)
            job.due = time.monotonic() + _SEEK_AGAIN_S
            return False
        job.stream.start_from(batch)
        job.stream.past_known = True
        return True

    def _next(self) -> BackfillJob | None:
        """The job that is due and has waited longest."""
        now = time.monotonic()
        for _ in range(len(self._jobs)):
            job = self._jobs.popleft()
            if job.due <= now or job.stream.ended:
                return job
            self._jobs.append(job)
        return None
