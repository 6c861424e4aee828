"""Backfills of pages that lack trades, rows that cannot be counted, and a venue that refuses."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import orjson
import pytest

from orderflow_dash.exchanges.protocol import TradeBatch
from orderflow_dash.feeds.backfill import Backfiller, BackfillJob
from orderflow_dash.feeds.rest import RestError
from orderflow_dash.feeds.sequencing import Deduplicator, Gap, Known, SequenceTracker
from orderflow_dash.feeds.stream import TradeStream
from orderflow_dash.feeds.venues.binance import BinanceBackfill
from orderflow_dash.feeds.venues.bybit import BybitBackfill
from orderflow_dash.live.stream import SeriesStream
from orderflow_dash.live.view import View, ViewKey
from orderflow_dash.market import HOUR_MS, MINUTE_MS, Instrument, Quality, Timeframe, Venue
from tests.conftest import wait_until

START = 1_790_002_800_000  # a full hour
A_MINUTE = 100  # trades
TICK = Decimal("0.1")


def instrument(symbol: str = "BTCUSDT", venue: Venue = Venue.BINANCE) -> Instrument:
    """A perpetual of tick 0.1 and lot 1."""
    return Instrument(venue, symbol, "BTC", "USDT", TICK, Decimal(1))


def time_of(number: int) -> int:
    """Trades come evenly; the first of a minute at its open."""
    return START + number * MINUTE_MS // A_MINUTE


class Rest:
    """Binance's REST on trades 0, 1, 2, ...; ``first`` is the oldest that is kept."""

    def __init__(self) -> None:
        self.first = 0
        self.gone: set[int] = set()
        self.bad: set[int] = set()
        self.newest = 10_000
        self.errors: dict[str, RestError] = {}
        self.asked: list[dict[str, Any]] = []

    def used_weight(self) -> int:
        return 0

    def get(self, path: str, params: dict[str, Any]) -> bytes:
        self.asked.append(params)
        if params["symbol"] in self.errors:
            raise self.errors[params["symbol"]]
        first = params.get("fromId", 0)
        start, end = params.get("startTime", 0), params.get("endTime", 1 << 62)
        kept = (n for n in range(max(first, self.first), self.newest) if n not in self.gone)
        wanted = [n for n in kept if start <= time_of(n) <= end][: params["limit"]]
        return orjson.dumps([self._row(n) for n in wanted])

    def _row(self, number: int) -> dict[str, Any]:
        price = "x" if number in self.bad else "100.0"
        return {"a": number, "T": time_of(number), "p": price, "q": "1", "m": False}


class Inline(list[BackfillJob]):
    """Backfills without a thread."""

    def fetch_gap(self, stream: TradeStream, gap: Gap) -> None:
        self.append(BackfillJob(stream, gap))

    def fetch_history(self, stream: TradeStream, batch: TradeBatch, known: Known | None) -> None:
        """The test requests history itself."""


class Bench:
    """A stream of one symbol and its venue's backfill."""

    def __init__(self) -> None:
        self.rest = Rest()
        self.method = BinanceBackfill(self.rest)  # type: ignore[arg-type]
        self.sink = SeriesStream(instrument(), None, 500)  # type: ignore[arg-type]
        self.series = self.sink.series
        self.jobs = Inline()
        self.stream = TradeStream(instrument(), "", self.sink, SequenceTracker, self.jobs)  # type: ignore[arg-type]

    def live(self, *numbers: int) -> None:
        """Trades come."""
        for number in numbers:
            trade = (time_of(number), number, 1_000, 1)
            self.stream.receive(TradeBatch("BTCUSDT", [trade], grid=instrument().grid), 0.0, 0)

    def history(self, minutes: int, number: int, known: Known | None = None) -> None:
        """Fetch what came before a first trade."""
        backfiller = Backfiller(self.method, "test", minutes * MINUTE_MS)
        batch = TradeBatch("BTCUSDT", [(time_of(number), number, 1_000, 1)])
        backfiller.fetch_history(self.stream, batch, known)
        self.jobs += backfiller._jobs
        self.run()

    def run(self) -> None:
        """Run all jobs."""
        while self.jobs:
            job = self.jobs.pop(0)
            while not self.method.step(job):
                pass

    def qualities(self) -> dict[int, Quality]:
        """By number of the minute."""
        return {
            (minute.open_ts - START) // MINUTE_MS: self.series.quality(minute)
            for minute in self.series.minutes()
        }


@pytest.fixture
def bench() -> Bench:
    return Bench()


def test_only_the_stretch_that_is_gone_stays_a_gap(bench: Bench) -> None:
    """A venue that has forgotten the older part of a gap: what it still has is whole."""
    bench.live(*range(100))
    bench.rest.first = 1_510
    bench.live(3_000)
    bench.run()
    found = bench.qualities()
    assert [minute for minute, quality in found.items() if quality is Quality.GAP] == [0, 15]
    assert {found[minute] for minute in range(16, 30)} == {Quality.REPAIRED}
    assert bench.series.has_gap_between(START + 5 * MINUTE_MS, START + 10 * MINUTE_MS)
    assert not bench.series.has_gap_between(START + 16 * MINUTE_MS, START + 30 * MINUTE_MS)


def test_ids_that_a_page_lacks_mark_the_minutes_around_them(bench: Bench) -> None:
    """The rest of the page and all other pages are whole."""
    bench.live(*range(100))
    bench.rest.gone = {1_250, 1_251, 2_799, 2_800}
    bench.live(3_000)
    bench.run()
    found = bench.qualities()
    assert [minute for minute, quality in found.items() if quality is Quality.GAP] == [12, 27, 28]


def test_an_uncountable_row_marks_its_minute_only(bench: Bench) -> None:
    """Everything else of the page counts."""
    bench.live(*range(100))
    bench.rest.bad = {1_250}
    bench.live(3_000)
    bench.run()
    found = bench.qualities()
    assert [minute for minute, quality in found.items() if quality is Quality.GAP] == [12]
    assert bench.series.minutes(START + 12 * MINUTE_MS)[0].volume == A_MINUTE - 1
    assert bench.stream.sequencer.repeats == 0


@pytest.mark.parametrize(("first", "quality"), [(0, Quality.REPAIRED), (1_500, Quality.PARTIAL)])
def test_the_first_minute_of_history_needs_a_proof(bench: Bench, first: int, quality: Quality) -> None:
    """The venue must still have the trade before it."""
    bench.rest.first = first
    bench.live(3_000)
    bench.history(15, 3_000)
    assert min(bench.qualities()) == 15
    assert bench.qualities()[15] is quality
    assert {bench.qualities()[minute] for minute in range(16, 30)} == {Quality.REPAIRED}


def test_a_symbol_that_has_not_traded_since_is_whole(bench: Bench) -> None:
    """Its first trade is the only one of the time that is wanted, and the one before it is older."""
    bench.rest.newest = 3_001
    bench.rest.gone = set(range(1_000, 3_000))
    bench.live(3_000)
    bench.rest.gone = set()
    bench.rest.first = 2_999
    bench.history(0, 3_000)
    bench.jobs.append(
        BackfillJob(bench.stream, None, since=time_of(3_000), first=(time_of(3_000), 3_000, 1_000, 1))
    )
    bench.run()
    assert bench.qualities() == {30: Quality.COMPLETE}


def test_nothing_is_lost_where_the_ids_go_on(bench: Bench) -> None:
    """However long ago the last trade was that is known from before."""
    bench.rest.gone = set(range(1_000, 2_990))
    known = Known(time_of(1_000), 2_989)
    bench.live(3_000)
    bench.history(2, 3_000, known)
    assert bench.series.gaps == []


def test_a_stretch_before_history_marks_the_first_minute_after_it(bench: Bench) -> None:
    """Also where no minute lies in it, and until the venue has answered."""
    bench.live(3_000)
    known = Known(time_of(1_000), 999)
    bench.rest.errors["BTCUSDT"] = RestError("no answer in time")
    with pytest.raises(RestError):
        bench.history(2, 3_000, known)
    assert bench.qualities() == {30: Quality.GAP}
    del bench.rest.errors["BTCUSDT"]
    bench.jobs.clear()
    bench = Bench()
    bench.rest.gone = set(range(2_750, 2_950))  # nothing is traded for two minutes
    bench.live(3_000)
    bench.history(2, 3_000, known)
    assert bench.qualities() == {29: Quality.GAP, 30: Quality.REPAIRED}
    key = ViewKey(Venue.BINANCE, "BTCUSDT", Timeframe.M15, TICK)
    assert [candle.quality for candle in View(key, bench.sink).candles(9)] == [Quality.GAP, Quality.REPAIRED]


def test_trades_that_the_venue_refuses_are_marked() -> None:
    """After some refusals in a row the job ends; what it had fetched is whole."""
    bench = Bench()
    backfiller = Backfiller(bench.method, "test", HOUR_MS)
    bench.live(*range(100))
    bench.live(3_000)
    (job,) = bench.jobs
    bench.method.step(job)
    for _ in range(3):
        assert not backfiller._is_refused(job, RestError("HTTP 400", 400))
    assert backfiller._is_refused(job, RestError("HTTP 400", 400))
    found = bench.qualities()
    assert [minute for minute, quality in found.items() if quality is Quality.GAP] == [0, 20]
    assert bench.stream.sequencer._gaps == []


@pytest.fixture
def backfiller() -> Iterator[tuple[Backfiller, Rest]]:
    """A repairer that runs, and the REST that it asks."""
    rest = Rest()
    running = Backfiller(BinanceBackfill(rest), "test", HOUR_MS)  # type: ignore[arg-type]
    running.start()
    yield running, rest
    running.stop()


def test_one_symbols_trouble_delays_no_other(backfiller: tuple[Backfiller, Rest]) -> None:
    """Refused again and again, while the gap of another closes."""
    running, rest = backfiller
    rest.errors["BADUSDT"] = RestError("HTTP 500", 500)
    streams = {}
    for symbol in ("BADUSDT", "BTCUSDT"):
        sink = SeriesStream(instrument(symbol), None, 500)  # type: ignore[arg-type]
        streams[symbol] = TradeStream(instrument(symbol), "", sink, SequenceTracker, running)
        for number in (0, 5_000):
            streams[symbol].receive(TradeBatch(symbol, [(time_of(number), number, 1_000, 1)]), 0.0, 0)
    wait_until(lambda: sum(asked["symbol"] == "BADUSDT" for asked in rest.asked) > 1)
    wait_until(lambda: streams["BTCUSDT"].counts.repaired == 4_999, 5)
    assert streams["BADUSDT"].counts.repaired == 0
    assert threading.active_count() > 1


class Page:
    """Bybit's one page of recent trades."""

    def __init__(self, *numbers: int, bad: int = -1) -> None:
        rows = [self._row(number, "x" if number == bad else "100.0") for number in numbers]
        self._body = orjson.dumps({"retCode": 0, "result": {"list": rows[::-1]}})

    @staticmethod
    def _row(number: int, price: str) -> dict[str, str]:
        ids = {"execId": str(number), "seq": str(number), "time": str(time_of(number))}
        return {**ids, "price": price, "size": "1", "side": "Buy"}

    def get(self, path: str, params: dict[str, Any]) -> bytes:
        return self._body


def bybit(page: Page) -> tuple[TradeStream, SeriesStream, BybitBackfill, Inline]:
    """A stream whose venue has one page."""
    listed = instrument(venue=Venue.BYBIT)
    sink, jobs = SeriesStream(listed, None, 500), Inline()  # type: ignore[arg-type]
    stream = TradeStream(listed, "", sink, Deduplicator, jobs)  # type: ignore[arg-type]
    return stream, sink, BybitBackfill(page), jobs  # type: ignore[arg-type]


def prints(*numbers: int, **fields: Any) -> TradeBatch:
    """Trades as Bybit sends them."""
    trades = [(time_of(number), number, 1_000, 1) for number in numbers]
    return TradeBatch("BTCUSDT", trades, [str(number) for number in numbers], **fields)


def test_a_page_that_does_not_reach_back_fills_what_it_has() -> None:
    """Only the stretch before it is a gap."""
    stream, sink, method, jobs = bybit(Page(*range(1_510, 3_000)))
    stream.receive(prints(*range(100)), 0.0, 0)
    stream.on_disconnect()
    stream.receive(prints(3_000), 0.0, 0)
    assert method.step(jobs.pop())
    series = sink.series
    assert [minute for minute in range(16, 30) if series.has_gap_between(*span(minute))] == []
    assert series.has_gap_between(*span(15))
    assert series.quality(series.minutes(span(20)[0])[0]) is Quality.REPAIRED


def span(minute: int) -> tuple[int, int]:
    """Start and end of a minute, ms."""
    return START + minute * MINUTE_MS, START + (minute + 1) * MINUTE_MS


@pytest.mark.parametrize(("bad", "quality"), [(-1, Quality.REPAIRED), (250, Quality.GAP)])
def test_a_row_that_was_lost_live_is_fetched_or_marks_its_minute(bad: int, quality: Quality) -> None:
    """The venue may have it whole in its recent trades, or may not."""
    stream, sink, method, jobs = bybit(Page(*range(400), bad=bad))
    stream.receive(prints(*range(250)), 0.0, 0)
    stream.receive(prints(*range(251, 400), malformed=1, lost=[(time_of(250), "")]), 0.0, 0)
    series = sink.series
    assert series.quality(series.minutes(span(2)[0])[0]) is Quality.GAP
    assert method.step(jobs.pop())
    minute = series.minutes(span(2)[0])[0]
    assert series.quality(minute) is quality
    assert minute.volume == A_MINUTE - (bad == 250)
