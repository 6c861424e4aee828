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

from orderflow_dash.exchanges.binance import rest as binance_rest
from orderflow_dash.exchanges.bybit import rest as bybit_rest
from orderflow_dash.exchanges.protocol import TradeBatch
from orderflow_dash.feeds.rest import RestClient, RestError
from orderflow_dash.feeds.sequencing import Gap, Known
from orderflow_dash.market import MINUTE_MS, Instrument, Trade
from orderflow_dash.runtime.backoff import Backoff
from orderflow_dash.runtime.threads import CRASHES, SupervisedThread

log = logging.getLogger(__name__)

_PAGE = 1_000  # the most that both venues give at once
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
    trades: int  # that it has passed on
    past_known: bool | None  # whether the past of a silent stream has been asked for

    def begin_with(self, batch: TradeBatch) -> None:
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


class BinanceBackfill:
    """By id: every gap is known to the last trade, and the venue keeps them for a day and more."""

    def __init__(self, rest: RestClient) -> None:
        self._rest = rest

    def step(self, job: BackfillJob) -> bool:
        """Fetch the newest page that is missing."""
        if job.gap is None:
            return self._find_history(job)
        if not job.gap.missing and job.proof is None:
            return self._finish(job, job.gap)
        first, last = job.gap.missing[-1] if job.gap.missing else (job.first[1], job.first[1] - 1)
        start = max(first, last - _PAGE + 1)
        if job.proof == start - 1:
            if last - start + 1 == _PAGE:  # the page has no room for it
                self._prove(job, self._page(job.stream.instrument, {"fromId": job.proof, "limit": 1}))
                return False
            start = job.proof
        page = self._page(job.stream.instrument, {"fromId": start, "limit": last - start + 1})
        if start == job.proof:
            self._prove(job, page)
        if job.gap.missing:
            self._fill(job, job.gap, page, start, last)
        return self._finish(job, job.gap) if not job.gap.missing else False

    def give_up(self, job: BackfillJob) -> None:
        """The venue refuses: what is still missing is lost."""
        if job.gap is not None and job.gap.missing is not None:
            for first, last in list(job.gap.missing):
                job.gap.lose(first, last)
            self._finish(job, job.gap)

    @staticmethod
    def _prove(job: BackfillJob, page: TradeBatch) -> None:
        """Where the venue has the id before the first one, that one is the first of its time."""
        if job.gap is not None and job.proof in _places(page):
            job.gap.whole_from = job.since
        job.proof = None

    def newest(self, instrument: Instrument) -> TradeBatch:
        """Without an id or a time the venue gives the newest."""
        return self._page(instrument, {"limit": 1})

    @staticmethod
    def _fill(job: BackfillJob, gap: Gap, page: TradeBatch, start: int, last: int) -> None:
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
        gone = [(max(first, beyond), min(end, last)) for first, end in gap.missing or () if end >= beyond]
        for first, end in gone:
            log.warning("%s: the venue no longer has ids %d to %d", page.symbol, first, end)
            gap.lose(first, end)
        edges = {min(places), max(places), *(first - 1 for first, _ in gone), *(end + 1 for _, end in gone)}
        job.times |= {order: places[order] for order in edges & places.keys()}

    @staticmethod
    def _finish(job: BackfillJob, gap: Gap) -> bool:
        """Mark what is lost, from the trade before to the one after, and close the rest."""
        for first, last in _joined(gap.lost):
            job.stream.lose(job.times.get(first - 1, gap.after), job.times.get(last + 1, gap.before))
        gap.lost.clear()
        job.stream.close(gap)
        return True

    def _find_history(self, job: BackfillJob) -> bool:
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
        job.gap = Gap(job.since, time_, missing, whole_from=whole_from)
        job.stream.expect(job.gap)
        return False

    @staticmethod
    def _mark_between(job: BackfillJob, found: int, begin: int) -> None:
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


class BybitBackfill:
    """By the one page of recent trades: it closes a gap where it reaches back to a trade that is known."""

    def __init__(self, rest: RestClient) -> None:
        self._rest = rest

    def step(self, job: BackfillJob) -> bool:
        """Fetch the page; there is no other."""
        instrument = job.stream.instrument
        batch = self._page(instrument)
        if job.gap is not None and job.gap.resumed:
            self._resume(job.stream, job.gap, batch)
            return True
        anchor = job.anchor if job.gap is None else job.gap.anchor
        has_anchor = anchor is not None and anchor in (batch.uids or ())
        if job.gap is None:
            if has_anchor:
                self._history(job, batch)
        elif anchor is not None and has_anchor:
            self._fill(job.stream, job.gap, _after(batch, anchor))
        elif batch.trades and batch.trades[0][0] > job.gap.after:
            self._resume(job.stream, job.gap, batch)
        elif anchor is not None:
            log.info("%s: the recent trades do not have the last known one", instrument.symbol)
        return True

    def give_up(self, job: BackfillJob) -> None:
        """The gap stays open."""

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
    def _resume(stream: BackfillTarget, gap: Gap, batch: TradeBatch) -> None:
        """Count what the page has since the last trade that is known from before."""
        if not batch.trades:
            return
        oldest = batch.trades[0][0]
        if oldest >= gap.after:
            log.info("%s: the recent trades do not reach back to what is known", stream.instrument.symbol)
            stream.lose(gap.after, oldest)
        BybitBackfill._fill(stream, gap, batch)

    @staticmethod
    def _history(job: BackfillJob, batch: TradeBatch) -> None:
        """Count what the page has of the time before the first trade. Its oldest minute may be cut."""
        oldest = batch.trades[0][0]
        job.gap = Gap(oldest, job.first[0], None, whole_from=oldest - oldest % MINUTE_MS + MINUTE_MS)
        job.stream.expect(job.gap)
        BybitBackfill._fill(job.stream, job.gap, batch)

    @staticmethod
    def _fill(stream: BackfillTarget, gap: Gap, batch: TradeBatch) -> None:
        """Count what a gap lacks and close it; rows that cannot be counted mark their minutes."""
        for time_, _ in batch.lost:
            if gap.after <= time_ <= gap.before:
                stream.lose(time_, time_)
        gap.fetched += stream.fill(_until(batch, gap.before))
        stream.close(gap)


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

    def begin(self, stream: BackfillTarget, batch: TradeBatch, known: Known | None) -> None:
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

    def gap(self, stream: BackfillTarget, gap: Gap) -> None:
        """Trades are missing: fetch them. Where one page is all there is, too many gaps stay marked."""
        if gap.missing is not None or self._busy[id(stream)] < _MOST_JOBS:
            self._put(BackfillJob(stream, gap, time.monotonic() + _SETTLE_S))

    def busy(self, stream: BackfillTarget) -> bool:
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

    def _next(self) -> BackfillJob | None:
        """The job that is due and has waited longest."""
        now = time.monotonic()
        for _ in range(len(self._jobs)):
            job = self._jobs.popleft()
            if job.due <= now or job.stream.ended:
                return job
            self._jobs.append(job)
        return None
