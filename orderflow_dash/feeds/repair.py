"""Fetches what a stream lacks: holes in its trades, the trades before its first, the first if it is silent.

One thread per venue takes one request at a time, in turn for all symbols, so that a long history of one
does not keep a short hole of another waiting. Nothing else waits for it.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import Counter, deque
from dataclasses import dataclass
from typing import Protocol

from ..exchanges import binance_rest, bybit_rest
from ..exchanges.protocol import TradeBatch
from ..market import MINUTE_MS, Instrument, Trade
from ..supervised import CRASHES, SupervisedThread
from .backoff import Backoff
from .continuity import Hole, Known
from .rest import RestClient, RestError

log = logging.getLogger(__name__)

_PAGE = 1_000  # the most that both venues give at once
_WINDOW_MS = 3_600_000 - 1  # Binance wants start and end less than an hour apart
_MOST_WEIGHT = 2_000  # of Binance's 2,400 a minute, with whatever else the venue is asked
_SETTLE_S = 0.3  # a hole that was only a matter of order closes by itself
_SILENT_S = 1.0  # most symbols have traded by then; one that has not has a past all the same
_SEEK_AGAIN_S = 30.0


class Fillable(Protocol):
    """A stream as repair sees it."""

    instrument: Instrument
    ended: bool
    trades: int  # that it has passed on
    past_known: bool | None  # whether the past of a silent stream has been asked for

    def begin_with(self, batch: TradeBatch) -> None:
        """Begin with a trade of the past, where none has come by itself."""

    def fill(self, batch: TradeBatch) -> int:
        """Count trades that were fetched, where they were missing; how many were."""

    def expect(self, hole: Hole) -> None:
        """The trades of a hole that continuity did not find itself are about to come."""

    def close(self, hole: Hole) -> None:
        """Nothing is missing there any more."""

    def lose(self, after: int, before: int) -> None:
        """Trades between two times (ms) are missing, and stay so."""


@dataclass(slots=True)
class Job:
    """What is to be fetched: a hole, or (before its extent is known) the history before ``first``.

    ``is_seek``: or the newest trade of a stream that is silent.
    """

    stream: Fillable
    hole: Hole | None
    due: float = 0.0  # monotonic
    since: int = 0  # ms: history is wanted from here
    first: Trade = (0, 0, 0, 0)  # of the stream
    anchor: str | None = None  # the first trade's id, where ids are only unique
    is_seek: bool = False


class RepairMethod(Protocol):
    """How one venue tells past trades."""

    def step(self, job: Job) -> bool:
        """One request. True once nothing more can be done. Raises RestError or ValueError."""

    def newest(self, instrument: Instrument) -> TradeBatch:
        """The newest trade; none where there never was one. One request. Raises RestError or ValueError."""


class BinanceRepair:
    """By id: every hole is known to the last trade, and the venue keeps them for a day and more."""

    def __init__(self, rest: RestClient) -> None:
        self._rest = rest

    def step(self, job: Job) -> bool:
        """Fetch the newest page that is missing."""
        if job.hole is None:
            return self._find_history(job)
        if not job.hole.missing:
            job.stream.close(job.hole)
            return True
        first, last = job.hole.missing[-1]
        start = max(first, last - _PAGE + 1)
        trades = self._page(job.stream.instrument, {"fromId": start, "limit": _PAGE})
        wanted = [trade for trade in trades if start <= trade[1] <= last]
        filled = job.stream.fill(TradeBatch(job.stream.instrument.symbol, wanted))
        if not filled:
            log.warning("%s: the venue no longer has trade %d", job.stream.instrument.symbol, last)
        return not filled or not job.hole.missing

    def newest(self, instrument: Instrument) -> TradeBatch:
        """Without an id or a time the venue gives the newest."""
        return TradeBatch(instrument.symbol, self._page(instrument, {"limit": 1}))

    def _find_history(self, job: Job) -> bool:
        """Find the first id that is wanted; an hour at a time."""
        time_, order, *_ = job.first
        end = min(job.since + _WINDOW_MS, time_)
        rows = self._page(job.stream.instrument, {"startTime": job.since, "endTime": end, "limit": 1})
        if not rows and end < time_:
            job.since = end + 1
            return False
        begin = rows[0][1] if rows else order
        missing = [(begin, order - 1)] if begin < order else []
        job.hole = Hole(job.since, time_, missing, whole_from=job.since)
        job.stream.expect(job.hole)
        if missing:
            return False
        job.stream.close(job.hole)
        return True

    def _page(self, instrument: Instrument, params: dict[str, str | int]) -> list[Trade]:
        if self._rest.used_weight() > _MOST_WEIGHT:
            raise RestError("the venue's weight of this minute is nearly used up")
        query: dict[str, str | int] = {"symbol": instrument.symbol, **params}
        body = self._rest.get(binance_rest.AGG_TRADES_PATH, query)
        return binance_rest.parse_agg_trades(instrument, body)


class BybitRepair:
    """By the one page of recent trades: it closes a hole where it reaches back to a trade that is known."""

    def __init__(self, rest: RestClient) -> None:
        self._rest = rest

    def step(self, job: Job) -> bool:
        """Fetch the page; there is no other."""
        instrument = job.stream.instrument
        batch = self._page(instrument)
        if job.hole is not None and job.hole.resumed:
            self._resume(job.stream, job.hole, batch)
            return True
        anchor = job.anchor if job.hole is None else job.hole.anchor
        if anchor is None or anchor not in (batch.uids or ()):
            log.info("%s: the recent trades do not reach back to the last known one", instrument.symbol)
        elif job.hole is None:
            self._history(job, batch)
        else:
            job.hole.fetched += job.stream.fill(_after(batch, anchor))
            job.stream.close(job.hole)
        return True

    def newest(self, instrument: Instrument) -> TradeBatch:
        """The last of the page: a page of one might be a block trade, which does not count."""
        batch = self._page(instrument)
        return TradeBatch(batch.symbol, batch.trades[-1:], (batch.uids or [])[-1:])

    def _page(self, instrument: Instrument) -> TradeBatch:
        params: dict[str, str | int] = {"category": "linear", "symbol": instrument.symbol, "limit": _PAGE}
        return bybit_rest.parse_recent_trades(
            instrument, self._rest.get(bybit_rest.RECENT_TRADES_PATH, params)
        )

    @staticmethod
    def _resume(stream: Fillable, hole: Hole, batch: TradeBatch) -> None:
        """What the page tells of the time since the last trade that is known from before."""
        if not batch.trades:
            return
        oldest = batch.trades[0][0]
        if oldest >= hole.after:
            log.info("%s: the recent trades do not reach back to what is stored", stream.instrument.symbol)
            stream.lose(hole.after, oldest)
        hole.fetched += stream.fill(batch)
        stream.close(hole)

    @staticmethod
    def _history(job: Job, batch: TradeBatch) -> None:
        """What the page tells of the time before the first trade. Its oldest minute may be cut."""
        oldest = batch.trades[0][0]
        job.hole = Hole(oldest, job.first[0], None, whole_from=oldest - oldest % MINUTE_MS + MINUTE_MS)
        job.stream.expect(job.hole)
        job.hole.fetched += job.stream.fill(batch)
        job.stream.close(job.hole)


def _after(batch: TradeBatch, uid: str) -> TradeBatch:
    """The trades of a batch that follow the one of an id."""
    uids = batch.uids or []
    start = uids.index(uid) + 1
    return TradeBatch(batch.symbol, batch.trades[start:], uids[start:])


class Repairer:
    """Does the jobs of one venue, one request at a time, in turn."""

    def __init__(self, method: RepairMethod, name: str, history_ms: int) -> None:
        self._method = method
        self._history_ms = history_ms
        self._jobs: deque[Job] = deque()
        self._busy: Counter[int] = Counter()  # jobs by stream
        self._lock = threading.Lock()
        self._wake = threading.Event()
        self._stop = threading.Event()
        self._backoff = Backoff(0.5, 30.0)
        self._thread = SupervisedThread(self._run, name=f"{name}-repair", stopping=self._stop)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self) -> None:
        """End; a request under way ends by itself."""
        self._stop.set()
        self._wake.set()

    def begin(self, stream: Fillable, batch: TradeBatch, known: Known | None) -> None:
        """A stream's first trades have come: fetch what came before them, as far as is wanted.

        Where trades are ``known`` from before, what is missing since then is fetched like any hole; if
        that is longer ago than is wanted, the time between is lost.
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
            stream.lose(known.until, since if self._history_ms else first[0])
        if self._history_ms:
            anchor = batch.uids[index] if batch.uids else None
            self._put(Job(stream, None, 0.0, since, first, anchor))

    def _resume(self, stream: Fillable, known: Known, first: Trade, *, by_ids: bool) -> None:
        missing = None
        if by_ids:
            missing = [(known.order + 1, first[1] - 1)] if known.order + 1 < first[1] else []
        hole = Hole(known.until, first[0], missing, whole_from=known.until, resumed=True)
        stream.expect(hole)
        self._put(Job(stream, hole))

    def seek(self, stream: Fillable) -> None:
        """Should a stream stay silent, begin it with the venue's newest trade: its past can be had."""
        if self._history_ms:
            stream.past_known = False
            self._jobs.append(Job(stream, None, time.monotonic() + _SILENT_S, is_seek=True))
            self._wake.set()

    def hole(self, stream: Fillable, hole: Hole) -> None:
        """Trades are missing: fetch them."""
        self._put(Job(stream, hole, time.monotonic() + _SETTLE_S))

    def busy(self, stream: Fillable) -> bool:
        """Whether anything of a stream is being fetched, or waits to be."""
        return self._busy[id(stream)] > 0

    def _put(self, job: Job) -> None:
        with self._lock:
            self._busy[id(job.stream)] += 1
        self._jobs.append(job)
        self._wake.set()

    def _done(self, job: Job) -> None:
        if job.is_seek:
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
                finished = job.stream.ended or self._advanced(job)
            except (RestError, ValueError) as error:
                wait = self._backoff.next()
                log.info("%s: repair waits %.1f s: %s", job.stream.instrument.symbol, wait, error)
                self._stop.wait(wait)
                finished = False
            except Exception as error:  # the job ends with it, or its symbol would be repairing for ever
                CRASHES.note(self._thread.name, error)
                log.exception("%s: repair failed on a defect", job.stream.instrument.symbol)
                finished = True
            if finished:
                self._done(job)
            else:
                self._jobs.append(job)

    def _advanced(self, job: Job) -> bool:
        """One request; whether it was the last one of the job. Raises as the method does."""
        if job.is_seek:
            return self._sought(job)
        finished = self._method.step(job)
        self._backoff.reset()
        return finished

    def _sought(self, job: Job) -> bool:
        """Begin the stream if it is still silent. What fails is tried again, and keeps no repair waiting."""
        if job.stream.trades:
            return True
        try:
            batch = self._method.newest(job.stream.instrument)
        except (RestError, ValueError) as error:
            log.info("%s: its past is not to be had yet: %s", job.stream.instrument.symbol, error)
            job.due = time.monotonic() + _SEEK_AGAIN_S
            return False
        job.stream.begin_with(batch)
        job.stream.past_known = True
        return True

    def _next(self) -> Job | None:
        """The job that is due and has waited longest."""
        now = time.monotonic()
        for _ in range(len(self._jobs)):
            job = self._jobs.popleft()
            if job.due <= now or job.stream.ended:
                return job
            self._jobs.append(job)
        return None
