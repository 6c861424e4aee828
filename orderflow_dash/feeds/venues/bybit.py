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


def kline_difference(candle: Kline, kline: Kline, before: Kline | None = None) -> Difference | None:
    """Compare volume and close; open, high and low as far as the venue's opening rule allows.

    A live kline of this venue opens at the close of the minute before, not at its own first trade. So
    if it opens elsewhere than the first trade:

    - the open is compared with that close only, and not at all if the minute before was not returned;
    - a high that equals the open may be above every trade, and a low that equals it below: then it is
      enough that the candle lies inside.

    Everything else must be equal. A minute that lacks trades differs in volume, whatever its open; and as
    this venue's ids cannot prove that no trade is missing, a kline with more volume proves that one is.
    """
    difference = first_difference(candle, kline, ("volume", "close"))
    if difference is not None:
        return difference._replace(trades_missing=kline.volume > candle.volume)
    if kline.open == candle.open:
        return first_difference(candle, kline, ("high", "low"))
    if before is not None and kline.open != before.close:
        return difference_in(candle, kline, "open")
    if not (kline.high == candle.high or kline.high == kline.open > candle.high):
        return difference_in(candle, kline, "high")
    if not (kline.low == candle.low or kline.low == kline.open < candle.low):
        return difference_in(candle, kline, "low")
    return None


class BybitKlines:
    """Klines of Bybit linear perpetuals. Trades have one volume, with RPI fills."""

    most = 999
    proves_loss = True
    differs = staticmethod(kline_difference)
    basis: Basis | None = None

    def __init__(self, rest: RestClient) -> None:
        self._rest = rest

    def is_busy(self) -> bool:
        """Never: the venue allows 600 requests in 5 s, and this sends a few a second at most."""
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
    """Instruments page by page; one request returns the tickers of all symbols."""

    poll_s = 2.0
    reload_s = 40.0  # no stream announces a change
    # A plain request returns trading contracts; the others are requested by their status.
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
        """Nothing to do: polling is live enough."""

    def attend(self, changed: Callable[[], None]) -> None:
        """Nothing to do: the venue announces no change."""

    def status_of(self, symbol: str) -> str:
        """One request for each possible status, until one returns the symbol."""
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
    """Backfill by the one page of recent trades: it closes gaps that it reaches back to."""

    def __init__(self, rest: RestClient) -> None:
        self._rest = rest

    def step(self, job: BackfillJob) -> bool:
        """Fetch the page; there are no older ones."""
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
        """The last trade of a page: a page of one might be a block trade, which does not count."""
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
        """Count the page's trades since the last one known from before."""
        if not batch.trades:
            return
        oldest = batch.trades[0][0]
        if oldest >= gap.after:
            log.info("%s: the recent trades do not reach back to what is known", stream.instrument.symbol)
            stream.lose(gap.after, oldest)
        BybitBackfill._fill(stream, gap, batch)

    @staticmethod
    def _history(job: BackfillJob, batch: TradeBatch) -> None:
        """Count the page's trades before the first live one. Its oldest minute may be incomplete."""
        oldest = batch.trades[0][0]
        job.gap = Gap(oldest, job.first[0], None, whole_from=oldest - oldest % MINUTE_MS + MINUTE_MS)
        job.stream.expect(job.gap)
        BybitBackfill._fill(job.stream, job.gap, batch)

    @staticmethod
    def _fill(stream: BackfillTarget, gap: Gap, batch: TradeBatch) -> None:
        """Count the missing trades and close the gap; rows that cannot be counted mark their minutes."""
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
    """The trades of a batch up to a time: later ones come live."""
    pairs = [pair for pair in zip(batch.trades, batch.uids or (), strict=True) if pair[0][0] <= time_ms]
    trades, uids = [trade for trade, _ in pairs], [uid for _, uid in pairs]
    return TradeBatch(batch.symbol, trades, uids, batch.grid)
