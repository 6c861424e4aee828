"""Bybit linear perpetuals: their instrument listing, klines and backfill."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping

from orderflow_dash.exchanges.bybit import rest as bybit_rest
from orderflow_dash.exchanges.bybit.stream import BybitProtocol
from orderflow_dash.exchanges.protocol import Instruments, TradeBatch
from orderflow_dash.feeds.backfill import PAGE_TRADES, BackfillJob, BackfillTarget
from orderflow_dash.feeds.clock import TIME_DEADLINE_S
from orderflow_dash.feeds.kline_rules import difference_in, first_difference
from orderflow_dash.feeds.klines import Basis
from orderflow_dash.feeds.listings import Report
from orderflow_dash.feeds.rest import RestClient
from orderflow_dash.feeds.sequencing import Deduplicator, Gap
from orderflow_dash.feeds.venues.runtime import VenueOptions, VenueParts, VenueRuntime, assemble
from orderflow_dash.market import MINUTE_MS, Difference, Instrument, Kline, Venue

log = logging.getLogger(__name__)

_MAX_PAGES = 20  # of the instrument listing


def build(ws_url: str, rest_root: str, options: VenueOptions) -> VenueRuntime:
    """Everything that runs for Bybit."""
    rest = RestClient(rest_root)
    parts = VenueParts(
        url=ws_url,
        protocol=BybitProtocol,
        sequencer=Deduplicator,
        listing=BybitListing(Venue.BYBIT, rest),
        klines=BybitKlines(rest),
        backfill=BybitBackfill(rest),
        refetches_gaps=False,
    )
    return assemble(Venue.BYBIT, {}, parts, options)


def kline_difference(ours: Kline, theirs: Kline, before: Kline | None = None) -> Difference | None:
    """Volume and close; open, high and low as far as the venue's way of opening lets them be compared.

    A live kline of this venue opens at the close of the minute before, not at its own first trade. So
    where it opens elsewhere than our first trade did:

    - the open is held against that close alone, and not at all where the minute before was not served;
    - a high that is the open itself may be above every trade, and a low that is the open below: then
      it is enough that ours lies inside.

    Everything else must be equal. A minute that lacks trades differs in volume, whatever its open; and
    as this venue's ids cannot tell that nothing is missing, a kline with more volume tells that some is.
    """
    difference = first_difference(ours, theirs, ("volume", "close"))
    if difference is not None:
        return difference._replace(trades_missing=theirs.volume > ours.volume)
    if theirs.open == ours.open:
        return first_difference(ours, theirs, ("high", "low"))
    if before is not None and theirs.open != before.close:
        return difference_in(ours, theirs, "open")
    if not (theirs.high == ours.high or theirs.high == theirs.open > ours.high):
        return difference_in(ours, theirs, "high")
    if not (theirs.low == ours.low or theirs.low == theirs.open < ours.low):
        return difference_in(ours, theirs, "low")
    return None


class BybitKlines:
    """Klines of Bybit linear perpetuals. Its trades tell one volume, with RPI fills."""

    most = 999
    proves_loss = True
    differs = staticmethod(kline_difference)
    basis: Basis | None = None

    def __init__(self, rest: RestClient) -> None:
        self._rest = rest

    def is_busy(self) -> bool:
        """Never: the venue counts requests, 600 in 5 s, and this asks a few a second at most."""
        return False

    def fetch(self, instrument: Instrument, first: int, last: int) -> list[Kline]:
        """One request."""
        query = bybit_rest.klines_query(instrument.symbol, first, last)
        return bybit_rest.parse_klines(self._rest.get(bybit_rest.KLINES_PATH, query), instrument)

    def hours(self, instrument: Instrument, count: int) -> list[Kline]:
        """The newest hours, at most 1,000, old to new; the last is under way. One request."""
        query = bybit_rest.hours_query(instrument.symbol, count)
        return bybit_rest.parse_klines(self._rest.get(bybit_rest.KLINES_PATH, query), instrument)

    def learn_basis(self, instrument: Instrument, kline: Kline) -> None:
        """Nothing to learn."""


class BybitListing:
    """Instruments page by page; one request tells the tickers of all symbols."""

    poll_s = 2.0
    reload_s = 40.0  # no stream announces a change
    # The plain request gives what trades; the rest has to be asked for by its status.
    _ENDED = "", "Delivering", "Closed", bybit_rest.PRE_LAUNCH

    def __init__(self, venue: Venue, rest: RestClient) -> None:
        self._venue = venue
        self._rest = rest
        self._absent: Mapping[str, str] = {}

    @property
    def absent(self) -> Mapping[str, str]:
        """Status by symbol."""
        return self._absent

    def load(self) -> dict[str, Instrument]:
        """From instruments-info, all pages, and those of contracts before their launch."""
        found = self._pages()
        try:
            early = self._pages(status=bybit_rest.PRE_LAUNCH)
        except ValueError as error:  # a server that does not know the status
            log.info("%s: no contracts before their launch: %s", self._venue, error)
            early = Instruments({}, {})
        self._absent = {**early.absent, **found.absent}
        return {**early.listed, **found.listed}

    def _pages(self, **more: str) -> Instruments:
        found = Instruments({}, {})
        cursor = ""
        for _ in range(_MAX_PAGES):
            query: dict[str, str | int] = {"category": "linear", "limit": 1000, "cursor": cursor, **more}
            body = self._rest.get(bybit_rest.INSTRUMENTS_PATH, query)
            page = bybit_rest.parse_instruments(self._venue, body)
            found.listed.update(page.listed)
            found.absent.update(page.absent)
            cursor = page.cursor
            if not cursor:
                break
        return found

    def poll(self, report: Report) -> None:
        """All tickers."""
        report(bybit_rest.parse_tickers(self._rest.get(bybit_rest.TICKERS_PATH, {"category": "linear"})))

    def watch(self, report: Report | None) -> None:
        """Polling is live enough."""

    def attend(self, changed: Callable[[], None]) -> None:
        """Nothing announces a change."""

    def status_of(self, symbol: str) -> str:
        """One request for each status that a contract can have, until one gives it."""
        if symbol in self._absent:
            return self._absent[symbol]
        for status in self._ENDED:
            query: dict[str, str | int] = {"category": "linear", "symbol": symbol}
            if status:
                query["status"] = status
            try:
                page = bybit_rest.parse_instruments(
                    self._venue, self._rest.get(bybit_rest.INSTRUMENTS_PATH, query)
                )
            except ValueError:  # the venue refuses a symbol that it does not know
                continue
            if symbol in page.absent:
                return page.absent[symbol]
        return ""

    def time(self) -> int:
        """One request."""
        return bybit_rest.parse_time(self._rest.get(bybit_rest.TIME_PATH, deadline=TIME_DEADLINE_S))

    def close(self) -> None:
        """End the REST client."""
        self._rest.close()


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
        params: dict[str, str | int] = {
            "category": "linear",
            "symbol": instrument.symbol,
            "limit": PAGE_TRADES,
        }
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
