"""Binance USD-M futures: its instrument listing, klines and backfill."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Mapping
from decimal import Decimal

import httpx

from orderflow_dash.exchanges.binance import rest as binance_rest
from orderflow_dash.exchanges.binance.stream import BinanceProtocol, market_stream_url
from orderflow_dash.exchanges.protocol import Event, ListingChanged, TickerBatch, TradeBatch
from orderflow_dash.feeds.backfill import PAGE_TRADES, BackfillJob
from orderflow_dash.feeds.clock import TIME_DEADLINE_S
from orderflow_dash.feeds.connection import Connection, ConnectionPolicy
from orderflow_dash.feeds.kline_rules import first_difference
from orderflow_dash.feeds.klines import REQUESTS_TO_LEARN, TRADES_OF_A_REQUEST, Basis
from orderflow_dash.feeds.listings import Report
from orderflow_dash.feeds.rest import RestClient, RestError
from orderflow_dash.feeds.sequencing import Gap, SequenceTracker
from orderflow_dash.feeds.venues.runtime import VenueOptions, VenueParts, VenueRuntime, assemble
from orderflow_dash.market import MINUTE_MS, Difference, Instrument, Kline, Venue

log = logging.getLogger(__name__)

_COMPARED_FIELDS = ("volume", "buy_volume", "open", "high", "low", "close")
_KLINE_WEIGHT_LIMIT = 1_200  # of 2,400 a minute: the rest is for backfills
_BACKFILL_WEIGHT_LIMIT = 2_000  # of 2,400 a minute, with everything else that is requested
_HISTORY_WINDOW_MS = 3_600_000 - 1  # the venue wants start and end less than an hour apart


def build(venue: Venue, ws_root: str, rest_root: str, options: VenueOptions) -> VenueRuntime:
    """Everything that runs for Binance, or for a server that speaks its protocol as ``venue``."""
    rest = RestClient(rest_root)
    instruments: dict[str, Instrument] = {}
    parts = VenueParts(
        url=market_stream_url(ws_root),
        protocol=BinanceProtocol,
        sequencer=SequenceTracker,
        listing=BinanceListing(venue, rest, ws_root, options.policy, instruments),
        klines=BinanceKlines(rest),
        backfill=BinanceBackfill(rest),
        refetches_gaps=True,
    )
    return assemble(venue, instruments, parts, options)


def kline_difference(candle: Kline, kline: Kline, before: Kline | None = None) -> Difference | None:  # noqa: ARG001
    """Compare OHLC, volume and taker-buy volume; not the count: klines count fills, candles aggregates."""
    return first_difference(candle, kline, _COMPARED_FIELDS)


class BinanceKlines:
    """Klines of Binance USD-M.

    An aggregate trade has two volumes: ``q`` with RPI fills, which candles count, and ``nq`` without. The
    venue does not document which of them klines sum, so it is detected from a minute with RPI fills.
    """

    most = 499  # weight 2
    proves_loss = False
    differs = staticmethod(kline_difference)

    def __init__(self, rest: RestClient) -> None:
        self.basis: Basis | None = "unknown"
        self._rest = rest

    def is_busy(self) -> bool:
        """Whether half of the venue's weight is used up."""
        return self._rest.used_weight() > _KLINE_WEIGHT_LIMIT

    def fetch(self, instrument: Instrument, first: int, last: int) -> list[Kline]:
        """One request of weight 1 or 2."""
        query = binance_rest.klines_query(instrument.symbol, first, last)
        return binance_rest.parse_klines(self._rest.get(binance_rest.KLINES_PATH, query), instrument)

    def hours(self, instrument: Instrument, count: int) -> list[Kline]:
        """The newest hours, at most 99, old to new; the last is under way. One request of weight 1."""
        query = binance_rest.hours_query(instrument.symbol, count)
        return binance_rest.parse_klines(self._rest.get(binance_rest.KLINES_PATH, query), instrument)

    def learn_basis(self, instrument: Instrument, kline: Kline) -> None:
        """Sum both volumes of the minute's trades, with up to 5 requests of weight 20.

        A minute without RPI fills, or with more trades than that, shows nothing.
        """
        trades = self._trades(instrument, kline.open_ts)
        if trades is None or any(trade.plain is None for trade in trades):
            return
        with_rpi = _sums((trade.volume, trade.bought) for trade in trades)
        without = _sums((trade.plain or Decimal(0), trade.bought) for trade in trades)
        if with_rpi == without:
            return
        quantity = kline.grid.quantity.decimal
        of_kline = quantity(kline.volume), quantity(kline.buy_volume or 0)
        if of_kline == with_rpi:
            self.basis = "q"
        elif of_kline == without:
            self.basis = "nq"

    def _trades(self, instrument: Instrument, open_ts: int) -> list[binance_rest.AggVolume] | None:
        """All aggregate trades of a minute; None where there are too many."""
        end = open_ts + MINUTE_MS
        query: dict[str, str | int] = {"startTime": open_ts, "endTime": end - 1}
        found: list[binance_rest.AggVolume] = []
        for _ in range(REQUESTS_TO_LEARN):
            query |= {"symbol": instrument.symbol, "limit": TRADES_OF_A_REQUEST}
            page = binance_rest.parse_agg_volumes(self._rest.get(binance_rest.AGG_TRADES_PATH, query))
            found += [trade for trade in page if trade.time < end]
            if len(page) < TRADES_OF_A_REQUEST or page[-1].time >= end:
                return found
            query = {"fromId": page[-1].id + 1}
        return None


def _sums(volumes: Iterable[tuple[Decimal, bool]]) -> tuple[Decimal, Decimal]:
    """Volume, and volume whose aggressor bought."""
    total = bought = Decimal(0)
    for volume, is_buy in volumes:
        total += volume
        bought += volume if is_buy else 0
    return total, bought


class BinanceListing:
    """Instruments, funding and first tickers by REST, live tickers by the array streams.

    Open interest takes one request per symbol, so it comes in rounds. One connection carries the
    announcements of the listing, and the array streams while the symbol table has viewers.
    """

    poll_s = 1.0
    _RELOAD_S = 300.0  # beside the announcements
    _PENDING_S = 40.0  # while a contract waits for its first trade
    _FULL_EVERY = 60  # polls between two full reads: 40 + 10 of 2,400 weight a minute
    _OPEN_INTEREST_A_POLL = 4

    def __init__(
        self,
        venue: Venue,
        rest: RestClient,
        ws_root: str,
        policy: ConnectionPolicy,
        instruments: dict[str, Instrument],
    ) -> None:
        self._venue = venue
        self._rest = rest
        self._url = market_stream_url(ws_root)
        self._policy = policy
        self._instruments = instruments
        self._connection: Connection | None = None
        self._changed: Callable[[], None] | None = None
        self._absent: Mapping[str, str] = {}
        self._report: Report | None = None
        self._polls = 0
        self._round: list[str] = []

    @property
    def reload_s(self) -> float:
        """Shorter while a contract is about to trade, because its announcement may be missed."""
        return self._PENDING_S if binance_rest.PENDING in self._absent.values() else self._RELOAD_S

    @property
    def absent(self) -> Mapping[str, str]:
        """Status by symbol."""
        return self._absent

    def load(self) -> dict[str, Instrument]:
        """From exchangeInfo."""
        page = binance_rest.parse_instruments(self._venue, self._rest.get(binance_rest.INSTRUMENTS_PATH))
        self._absent = page.absent
        if page.listed.keys() - self._instruments.keys():
            self._polls = 0  # a new symbol has no price yet
        return page.listed

    def poll(self, report: Report) -> None:
        """A full read at first and once a minute, else the open interest of the next few symbols."""
        if self._polls % self._FULL_EVERY == 0:
            report(binance_rest.parse_tickers(self._rest.get(binance_rest.TICKERS_PATH)))
            report(binance_rest.parse_funding(self._rest.get(binance_rest.FUNDING_PATH)))
            self._polls += 1  # after the requests: a full read that failed is due again
            return
        self._polls += 1
        for _ in range(self._OPEN_INTEREST_A_POLL):
            if not self._round:
                self._round = list(self._instruments)
            if self._round:
                self._poll_open_interest(self._round.pop(), report)

    def _poll_open_interest(self, symbol: str, report: Report) -> None:
        try:
            body = self._rest.get(binance_rest.OPEN_INTEREST_PATH, {"symbol": symbol})
        except RestError as error:
            if error.status == httpx.codes.BAD_REQUEST:
                return  # the symbol was delisted since the last load
            raise
        report(binance_rest.parse_open_interest(body))

    def watch(self, report: Report | None) -> None:
        """The ``!ticker@arr`` and ``!markPrice@arr`` streams."""
        self._report = report
        if report is not None:
            self._open().add(BinanceProtocol.ticker_topics)
        elif self._connection is not None:
            self._connection.remove(BinanceProtocol.ticker_topics)
            if not self._connection.topics:
                self._close_connection()

    def attend(self, changed: Callable[[], None]) -> None:
        """The ``!contractInfo`` stream."""
        self._changed = changed
        self._open().add([BinanceProtocol.listing_topic])

    def status_of(self, symbol: str) -> str:
        """From the last exchangeInfo, which names every known contract."""
        return self._absent.get(symbol, "")

    def _open(self) -> Connection:
        if self._connection is None:
            name = f"{self._venue}-tickers"
            self._connection = Connection(self._url, self._protocol, self, self._policy, name=name)
            self._connection.start()
        return self._connection

    def _close_connection(self) -> None:
        if self._connection is not None:
            self._connection.stop(wait=0)
            self._connection = None

    def time(self) -> int:
        """One request of weight 1."""
        return binance_rest.parse_time(self._rest.get(binance_rest.TIME_PATH, deadline=TIME_DEADLINE_S))

    def close(self) -> None:
        """End the connection and the REST client."""
        self._report = None
        self._close_connection()
        self._rest.close()

    def _protocol(self) -> BinanceProtocol:
        return BinanceProtocol(self._instruments)

    # ConnectionHandler

    def on_event(self, connection: Connection, event: Event) -> None:  # noqa: ARG002
        """Report tickers; an announcement makes the listing load."""
        if isinstance(event, ListingChanged) and self._changed is not None:
            self._changed()
        if isinstance(event, TickerBatch) and self._report is not None:
            self._report(event.tickers)

    def on_malformed(self, reason: str) -> None:
        """Skip it: the symbol table keeps the last ticker."""
        log.debug("%s: skipped a ticker frame: %s", self._venue, reason)

    def on_lost(self, connection: Connection) -> None:
        """The symbol table keeps the last tickers."""

    def on_aged(self, connection: Connection) -> None:
        """Nothing to do: a short break of the tickers does no harm."""


class BinanceBackfill:
    """Backfill by id: every missing id is known, and the venue keeps trades for more than a day."""

    def __init__(self, rest: RestClient) -> None:
        self._rest = rest

    def step(self, job: BackfillJob) -> bool:
        """Fetch the newest missing page."""
        if job.gap is None:
            return self._find_history(job)
        if not job.gap.missing and job.proof is None:
            return self._finish(job, job.gap)
        first, last = job.gap.missing[-1] if job.gap.missing else (job.first[1], job.first[1] - 1)
        start = max(first, last - PAGE_TRADES + 1)
        if job.proof == start - 1:
            if last - start + 1 == PAGE_TRADES:  # the page has no room for it
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
        """Mark all missing trades as lost: the venue refuses them."""
        if job.gap is not None and job.gap.missing is not None:
            for first, last in list(job.gap.missing):
                job.gap.lose(first, last)
            self._finish(job, job.gap)

    @staticmethod
    def _prove(job: BackfillJob, page: TradeBatch) -> None:
        """If the venue has the id before the first one, no earlier trade of that time is missing."""
        if job.gap is not None and job.proof in _places(page):
            job.gap.whole_from = job.since
        job.proof = None

    def newest(self, instrument: Instrument) -> TradeBatch:
        """One request: without an id or a time the venue returns the newest trade."""
        return self._page(instrument, {"limit": 1})

    @staticmethod
    def _fill(job: BackfillJob, gap: Gap, page: TradeBatch, start: int, last: int) -> None:
        """Count a page; the ids that it lacks are lost."""
        places = _places(page)
        if not places:
            raise RestError("the venue returned no trades", httpx.codes.BAD_REQUEST)
        for time_, order in page.lost:
            if start <= int(order) <= last:
                job.stream.lose(time_, time_)
        wanted = [trade for trade in page.trades if start <= trade[1] <= last]
        job.stream.fill(TradeBatch(page.symbol, wanted, grid=page.grid, lost=page.lost))
        # If the page starts after the requested ids, the venue has nothing older either.
        beyond = 0 if min(places) > last else start
        gone = [(max(first, beyond), min(end, last)) for first, end in gap.missing or () if end >= beyond]
        for first, end in gone:
            log.warning("%s: the venue no longer has ids %d to %d", page.symbol, first, end)
            gap.lose(first, end)
        edges = {min(places), max(places), *(first - 1 for first, _ in gone), *(end + 1 for _, end in gone)}
        job.times |= {order: places[order] for order in edges & places.keys()}

    @staticmethod
    def _finish(job: BackfillJob, gap: Gap) -> bool:
        """Mark lost trades, from the trade before to the one after, and close the gap."""
        for first, last in _joined(gap.lost):
            job.stream.lose(job.times.get(first - 1, gap.after), job.times.get(last + 1, gap.before))
        gap.lost.clear()
        job.stream.close(gap)
        return True

    def _find_history(self, job: BackfillJob) -> bool:
        """Find the first id of the wanted history, an hour at a time."""
        time_, order, *_ = job.first
        end = min(job.since + _HISTORY_WINDOW_MS, time_)
        page = self._page(job.stream.instrument, {"startTime": job.since, "endTime": end, "limit": 1})
        places = sorted((time_, order) for order, time_ in _places(page).items())
        if not places and end < time_:
            job.since = end + 1
            return False
        found, start = min(places, default=(time_, order))
        start = min(start, order)
        self._mark_between(job, found, start)
        missing = [(start, order - 1)] if start < order else []
        whole_from = job.since
        if job.known is None or job.known.order + 1 != start:
            # Until the id before it proves that the first trade is the first of its minute.
            job.proof, whole_from = start - 1, found - found % MINUTE_MS + MINUTE_MS
        job.gap = Gap(job.since, time_, missing, whole_from=whole_from)
        job.stream.expect(job.gap)
        return False

    @staticmethod
    def _mark_between(job: BackfillJob, found: int, start: int) -> None:
        """Mark the gap between the trades known from before and the first one that the venue has."""
        if job.known is not None and start > job.known.order + 1:
            job.stream.lose(job.known.until, found)
        if job.mark is not None:
            job.stream.unmark(job.mark)
            job.mark = None

    def _page(self, instrument: Instrument, params: dict[str, str | int]) -> TradeBatch:
        if self._rest.used_weight() > _BACKFILL_WEIGHT_LIMIT:
            raise RestError("the request weight of this minute is nearly used up")
        query: dict[str, str | int] = {"symbol": instrument.symbol, **params}
        body = self._rest.get(binance_rest.AGG_TRADES_PATH, query)
        return binance_rest.parse_agg_trades(instrument, body)


def _places(page: TradeBatch) -> dict[int, int]:
    """Times (ms) of a page's rows by id, including rows that cannot be counted."""
    return {trade[1]: trade[0] for trade in page.trades} | {int(order): time_ for time_, order in page.lost}


def _joined(ranges: list[tuple[int, int]]) -> list[tuple[int, int]]:
    """Ranges of ids, low to high, with adjacent ones joined."""
    joined: list[tuple[int, int]] = []
    for first, last in sorted(ranges):
        if joined and joined[-1][1] + 1 >= first:
            joined[-1] = joined[-1][0], max(last, joined[-1][1])
        else:
            joined.append((first, last))
    return joined
