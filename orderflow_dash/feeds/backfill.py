"""Fetches what a stream lacks: holes in its trades, the trades before its first, the first if it is silent.

One thread per venue takes one request at a time, in turn for all symbols, so that a long history of one
does not keep a short hole of another waiting. Nothing else waits for it.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import Counter, deque
from dataclasses import dataclass, field
from typing import Protocol

import httpx

from orderflow_dash.exchanges.binance import rest as binance_rest
from orderflow_dash.exchanges.bybit import rest as bybit_rest
from orderflow_dash.exchanges.protocol import TradeBatch
from orderflow_dash.feeds.rest import RestClient, RestError
from orderflow_dash.feeds.sequencing import Hole, Known
from orderflow_dash.market import MINUTE_MS, Instrument, Trade
from orderflow_dash.runtime.backoff import Backoff
from orderflow_dash.runtime.threads import CRASHES, SupervisedThread

log = logging.getLogger(__name__)

_PAGE = 1_000  # the most that both venues give at once
_WINDOW_MS = 3_600_000 - 1  # Binance wants start and end less than an hour apart
_MOST_WEIGHT = 2_000  # of Binance's 2,400 a minute, with whatever else the venue is asked
_SETTLE_S = 0.3  # a hole that was only a matter of order closes by itself
_SILENT_S = 1.0  # most symbols have traded by then; one that has not has a past all the same
_SEEK_AGAIN_S = 30.0
_BACKOFF_S = 0.5, 30.0
_MOST_REFUSALS = 4
_MOST_JOBS = 100  # of one stream at a time


class Fillable(Protocol):
    """A stream as repair sees it."""

    instrument: Instrument
    ended: bool
    trades: int  # that it has passed on
    past_known: bool | None  # whether the past of a silent stream has been asked for

    def begin_with(self, batch: TradeBatch) -> None:
        """Start with a trade of the past, where none has come from the stream."""

    def fill(self, batch: TradeBatch) -> int:
        """Count trades that were fetched, where they were missing; returns how many were."""

    def expect(self, hole: Hole) -> None:
        """The trades of a hole that continuity did not find itself are about to come."""

    def close(self, hole: Hole) -> None:
        """Nothing is missing there any more, but for what was lost."""

    def lose(self, after: int, before: int) -> None:
        """Trades between two times (ms) are missing, and stay so."""

    def mark(self, hole: Hole) -> None:
        """Mark a hole until its extent is known."""

    def unmark(self, hole: Hole) -> None:
        """Take back such a mark."""


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
    known: Known | None = None  # what was known before the stream, where history does not reach back to it
    mark: Hole | None = None  # from there to the first trade, until it is known what is missing
    is_seek: bool = False
    proof: int | None = None  # the id before the first trade of history, while it is to be looked for
    refusals: int = 0  # requests in a row that the venue refused
    times: dict[int, int] = field(
        default_factory=dict
    )  # by id: those beside what is lost or was not fetched yet
    backoff: Backoff = field(default_factory=lambda: Backoff(*_BACKOFF_S))


class RepairMethod(Protocol):
    """How one venue serves past trades."""

    def step(self, job: Job) -> bool:
        """One request. True once nothing more can be done. Raises RestError or ValueError."""

    def give_up(self, job: Job) -> None:
        """The venue refuses what is still to be fetched: mark it."""

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
        if not job.hole.missing and job.proof is None:
            return self._finish(job, job.hole)
        first, last = job.hole.missing[-1] if job.hole.missing else (job.first[1], job.first[1] - 1)
        start = max(first, last - _PAGE + 1)
        if job.proof == start - 1:
            if last - start + 1 == _PAGE:  # the page has no room for it
                self._prove(job, self._page(job.stream.instrument, {"fromId": job.proof, "limit": 1}))
                return False
            start = job.proof
        page = self._page(job.stream.instrument, {"fromId": start, "limit": last - start + 1})
        if start == job.proof:
            self._prove(job, page)
        if job.hole.missing:
            self._fill(job, job.hole, page, start, last)
        return self._finish(job, job.hole) if not job.hole.missing else False

    def give_up(self, job: Job) -> None:
        """The venue refuses: what is still missing is lost."""
        if job.hole is not None and job.hole.missing is not None:
            for first, last in list(job.hole.missing):
                job.hole.lose(first, last)
            self._finish(job, job.hole)

    @staticmethod
    def _prove(job: Job, page: TradeBatch) -> None:
        """Where the venue has the id before the first one, that one is the first of its time."""
        if job.hole is not None and job.proof in _places(page):
            job.hole.whole_from = job.since
        job.proof = None

    def newest(self, instrument: Instrument) -> TradeBatch:
        """Without an id or a time the venue gives the newest."""
        return self._page(instrument, {"limit": 1})

    @staticmethod
    def _fill(job: Job, hole: Hole, page: TradeBatch, start: int, last: int) -> None:
        """Count a page; what it should have and does not have is lost."""
        places = _places(page)
        if not places:
            raise RestError("the venue returned no trades", httpx.codes.BAD_REQUEST)
        for time_, order in page.lost:
            if start <= int(order) <= last:
                job.stream.lose(time_, time_)
        wanted = [trade for trade in page.trades if start <= trade[1] <= last]
        job.stream.fill(TradeBatch(page.symbol, wanted, grid=page.grid, lost=page.lost))
        # Where the page starts after what was asked for, the venue has nothing older either.
        beyond = 0 if min(places) > last else start
        gone = [(max(first, beyond), min(end, last)) for first, end in hole.missing or () if end >= beyond]
        for first, end in gone:
            log.warning("%s: the venue no longer has ids %d to %d", page.symbol, first, end)
            hole.lose(first, end)
        edges = {min(places), max(places), *(first - 1 for first, _ in gone), *(end + 1 for _, end in gone)}
        job.times |= {order: places[order] for order in edges & places.keys()}

    @staticmethod
    def _finish(job: Job, hole: Hole) -> bool:
        """Mark what is lost, from the trade before to the one after, and close the rest."""
        for first, last in _joined(hole.lost):
            job.stream.lose(job.times.get(first - 1, hole.after), job.times.get(last + 1, hole.before))
        hole.lost.clear()
        job.stream.close(hole)
        return True

    def _find_history(self, job: Job) -> bool:
        """Find the first id that is wanted; an hour at a time."""
        time_, order, *_ = job.first
        end = min(job.since + _WINDOW_MS, time_)
        page = self._page(job.stream.instrument, {"startTime": job.since, "endTime": end, "limit": 1})
        places = sorted((time_, order) for order, time_ in _places(page).items())
        if not places and end < time_:
            job.since = end + 1
            return False
        found, begin = min(places, default=(time_, order))
        begin = min(begin, order)
        self._mark_between(job, found, begin)
        missing = [(begin, order - 1)] if begin < order else []
        whole_from = job.since
        if job.known is None or job.known.order + 1 != begin:
            # Until it is proved that the first trade is the first of its minute.
            job.proof, whole_from = begin - 1, found - found % MINUTE_MS + MINUTE_MS
        job.hole = Hole(job.since, time_, missing, whole_from=whole_from)
        job.stream.expect(job.hole)
        return False

    @staticmethod
    def _mark_between(job: Job, found: int, begin: int) -> None:
        """Mark what is missing between what is known from before and the first trade that can be had."""
        if job.known is not None and begin > job.known.order + 1:
            job.stream.lose(job.known.until, found)
        if job.mark is not None:
            job.stream.unmark(job.mark)
            job.mark = None

    def _page(self, instrument: Instrument, params: dict[str, str | int]) -> TradeBatch:
        if self._rest.used_weight() > _MOST_WEIGHT:
            raise RestError("the venue's weight of this minute is nearly used up")
        query: dict[str, str | int] = {"symbol": instrument.symbol, **params}
        body = self._rest.get(binance_rest.AGG_TRADES_PATH, query)
        return binance_rest.parse_agg_trades(instrument, body)


def _places(page: TradeBatch) -> dict[int, int]:
    """Times (ms) of a page's rows by id, also of those that cannot be counted."""
    return {trade[1]: trade[0] for trade in page.trades} | {int(order): time_ for time_, order in page.lost}


def _joined(ranges: list[tuple[int, int]]) -> list[tuple[int, int]]:
    """Ranges of ids, low to high, those that follow each other as one."""
    joined: list[tuple[int, int]] = []
    for first, last in sorted(ranges):
        if joined and joined[-1][1] + 1 >= first:
            joined[-1] = joined[-1][0], max(last, joined[-1][1])
        else:
            joined.append((first, last))
    return joined


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
        has_anchor = anchor is not None and anchor in (batch.uids or ())
        if job.hole is None:
            if has_anchor:
                self._history(job, batch)
        elif anchor is not None and has_anchor:
            self._fill(job.stream, job.hole, _after(batch, anchor))
        elif batch.trades and batch.trades[0][0] > job.hole.after:
            self._resume(job.stream, job.hole, batch)
        elif anchor is not None:
            log.info("%s: the recent trades do not have the last known one", instrument.symbol)
        return True

    def give_up(self, job: Job) -> None:
        """The hole stays open."""

    def newest(self, instrument: Instrument) -> TradeBatch:
        """The last of the page: a page of one might be a block trade, which does not count."""
        batch = self._page(instrument)
        return TradeBatch(batch.symbol, batch.trades[-1:], (batch.uids or [])[-1:], grid=batch.grid)

    def _page(self, instrument: Instrument) -> TradeBatch:
        params: dict[str, str | int] = {"category": "linear", "symbol": instrument.symbol, "limit": _PAGE}
        return bybit_rest.parse_recent_trades(
            instrument, self._rest.get(bybit_rest.RECENT_TRADES_PATH, params)
        )

    @staticmethod
    def _resume(stream: Fillable, hole: Hole, batch: TradeBatch) -> None:
        """Count what the page has since the last trade that is known from before."""
        if not batch.trades:
            return
        oldest = batch.trades[0][0]
        if oldest >= hole.after:
            log.info("%s: the recent trades do not reach back to what is known", stream.instrument.symbol)
            stream.lose(hole.after, oldest)
        BybitRepair._fill(stream, hole, batch)

    @staticmethod
    def _history(job: Job, batch: TradeBatch) -> None:
        """Count what the page has of the time before the first trade. Its oldest minute may be cut."""
        oldest = batch.trades[0][0]
        job.hole = Hole(oldest, job.first[0], None, whole_from=oldest - oldest % MINUTE_MS + MINUTE_MS)
        job.stream.expect(job.hole)
        BybitRepair._fill(job.stream, job.hole, batch)

    @staticmethod
    def _fill(stream: Fillable, hole: Hole, batch: TradeBatch) -> None:
        """Count what a hole lacks and close it; rows that cannot be counted mark their minutes."""
        for time_, _ in batch.lost:
            if hole.after <= time_ <= hole.before:
                stream.lose(time_, time_)
        hole.fetched += stream.fill(_until(batch, hole.before))
        stream.close(hole)


def _after(batch: TradeBatch, uid: str) -> TradeBatch:
    """The trades of a batch that follow the one of an id."""
    uids = batch.uids or []
    start = uids.index(uid) + 1
    return TradeBatch(batch.symbol, batch.trades[start:], uids[start:], grid=batch.grid, lost=batch.lost)


def _until(batch: TradeBatch, time_ms: int) -> TradeBatch:
    """The trades of a batch that are not later than a time: later ones come live."""
    pairs = [pair for pair in zip(batch.trades, batch.uids or (), strict=True) if pair[0][0] <= time_ms]
    trades, uids = [trade for trade, _ in pairs], [uid for _, uid in pairs]
    return TradeBatch(batch.symbol, trades, uids, batch.grid)


def _is_closed(job: Job) -> bool:
    return job.hole is not None and job.hole.is_closed


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

        Where trades are ``known`` from before, what is missing since then is fetched like any hole. If that
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
            mark = Hole(known.until, first[0], None)
            stream.mark(mark)
            self._put(Job(stream, None, 0.0, since, first, known=known, mark=mark))
        elif self._history_ms:
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
        """Trades are missing: fetch them. Where one page is all there is, too many holes stay marked."""
        if hole.missing is not None or self._busy[id(stream)] < _MOST_JOBS:
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
                finished = job.stream.ended or _is_closed(job) or self._advanced(job)
            except (RestError, ValueError) as error:
                wait = job.backoff.next()  # of its own: another symbol's repair goes on
                log.info("%s: repair waits %.1f s: %s", job.stream.instrument.symbol, wait, error)
                job.due = time.monotonic() + wait
                finished = self._is_refused(job, error)
            except Exception as error:  # the job ends with it, or its symbol would be repairing for ever
                CRASHES.record(self._thread.name, error)
                log.exception("%s: repair failed on a defect", job.stream.instrument.symbol)
                finished = True
            if finished:
                self._done(job)
            else:
                self._jobs.append(job)

    def _is_refused(self, job: Job, error: RestError | ValueError) -> bool:
        """Whether the venue refuses a job for good: then it ends."""
        is_refusal = isinstance(error, RestError) and error.status == httpx.codes.BAD_REQUEST
        job.refusals = job.refusals + 1 if is_refusal else 0
        if job.is_seek or job.refusals < _MOST_REFUSALS:
            return False
        self._method.give_up(job)
        return True

    def _advanced(self, job: Job) -> bool:
        """One request; whether it was the last one of the job. Raises as the method does."""
        if job.is_seek:
            return self._sought(job)
        finished = self._method.step(job)
        job.backoff.reset()
        job.refusals = 0
        return finished

    def _sought(self, job: Job) -> bool:
        """Begin the stream if it is still silent. What fails is tried again, and keeps no repair waiting."""
        if job.stream.trades:
            return True
        try:
            batch = self._method.newest(job.stream.instrument)
        except (RestError, ValueError) as error:
            log.info("%s: history not available yet: %s", job.stream.instrument.symbol, error)
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
