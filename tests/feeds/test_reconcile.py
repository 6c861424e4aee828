"""Reconciliation turn by turn: a real series, and a venue that answers what the test says."""

from __future__ import annotations

import threading
from dataclasses import replace
from decimal import Decimal
from itertools import pairwise

import orjson
import pytest

from orderflow_dash.exchanges.binance.rest import KLINES_PATH
from orderflow_dash.feeds.klines import REQUESTS_TO_LEARN
from orderflow_dash.feeds.reconcile import ReconcilePolicy, Reconciler
from orderflow_dash.feeds.rest import RestError
from orderflow_dash.feeds.venues.binance import BinanceKlines
from orderflow_dash.feeds.venues.bybit import BybitKlines
from orderflow_dash.footprint.series import Series
from orderflow_dash.live.closed_minutes import ClosedMinutes
from orderflow_dash.market import MINUTE_MS, Difference, Instrument, Kline, Quality, Venue

START = 1_790_000_040_000 // MINUTE_MS * MINUTE_MS
INSTRUMENT = Instrument(Venue.BINANCE, "BTCUSDT", "BTC", "USDT", Decimal("0.1"), Decimal("0.001"))
POLICY = ReconcilePolicy(every=10, settle=3, learn_every=60)


def trades(minutes: range, each: int = 3) -> list[tuple[int, int, int, int]]:
    """Some trades in each minute, bought and sold, in the venue's order."""
    return [
        (START + minute * MINUTE_MS + 1000 * number, 100 * minute + number, 1000 + number, 5 - 3 * number)
        for minute in minutes
        for number in range(each)
    ]


class Rest:
    """A venue that serves klines and aggregate trades from dicts, or fails."""

    def __init__(self) -> None:
        self.klines: dict[int, Kline] = {}
        self.volumes: list[dict[str, object]] = []
        self.failure: Exception | None = None
        self.body: bytes | None = None
        self.weight = 0
        self.asked: list[str] = []
        self.ranges: list[tuple[int, int]] = []

    def used_weight(self) -> int:
        return self.weight

    def get(self, path: str, params: dict[str, int]) -> bytes:
        self.asked.append(path)
        if self.failure is not None:
            raise self.failure
        if path.endswith("aggTrades"):
            first = params.get("fromId", 0)
            found = [row for row in self.volumes if row["a"] >= first]
            return orjson.dumps(found[: params["limit"]])
        if self.body is not None:
            return self.body
        self.ranges.append((params["startTime"], params["endTime"]))
        return orjson.dumps([row(kline) for kline in self.klines.values() if self._covers(params, kline)])

    @staticmethod
    def _covers(params: dict[str, int], kline: Kline) -> bool:
        return params["startTime"] <= kline.open_ts <= params["endTime"]


def row(kline: Kline) -> list[object]:
    """A kline as Binance sends it."""
    price, lots = INSTRUMENT.grid.price.text, INSTRUMENT.grid.quantity.text
    prices = [price(figure) for figure in (kline.open, kline.high, kline.low, kline.close)]
    ends = [lots(kline.volume), 0, "0", 5, lots(kline.buy_volume or 0), "0", "0"]
    return [kline.open_ts, *prices, *ends]


class Bench:
    """A series of so many minutes, whose first is partial, and its reconciler with a clock of the test's."""

    def __init__(self, minutes: int = 6) -> None:
        self.series = Series(window=2_000, grid=INSTRUMENT.grid)
        self.book = ClosedMinutes(INSTRUMENT, threading.Lock(), self.series)
        self.rest = Rest()
        self.source = BinanceKlines(self.rest)  # type: ignore[arg-type]
        self.reconciler = Reconciler(Venue.BINANCE, self.source, POLICY)
        self.now = 1000.0
        self.wall = START
        self.series.apply(trades(range(minutes)))
        self.serve()

    def serve(self) -> None:
        """The venue has seen exactly what we have, and a trade more in the first minute, before we came."""
        self.rest.klines = {minute.open_ts: minute.kline(INSTRUMENT.grid) for minute in self.series.minutes()}
        first = self.rest.klines[START]
        self.rest.klines[START] = replace(first, volume=first.volume + 1)

    def pass_time(self, seconds: float) -> int:
        """Turns while time passes; how many requests for klines were made."""
        before = self.rest.asked.count(KLINES_PATH)
        for _ in range(int(seconds * 4)):
            self.now += 0.25
            self.reconciler.turn([self.book], self.now, self.wall)
        return self.rest.asked.count(KLINES_PATH) - before

    def verified(self) -> list[bool | None]:
        """Of every minute, old to new."""
        return [minute.verified for minute in self.series.minutes()]

    def counts(self) -> tuple[object, ...]:
        """Verified, differing, unverifiable."""
        health = self.reconciler.health()
        return health["verified"], health["differing"], health["unverifiable"]


@pytest.fixture
def bench() -> Bench:
    """Six minutes of which the first is partial and the last is open."""
    return Bench()


def open_of(minute: int) -> int:
    """Open of a minute, ms."""
    return START + minute * MINUTE_MS


def test_every_whole_closed_minute_is_verified_with_one_request(bench):
    """All that wait are in it; the partial one is counted as unverifiable, the open one not at all."""
    assert bench.pass_time(2) == 0  # it rests first
    assert bench.pass_time(30) == 1
    assert bench.verified() == [None, True, True, True, True, None]
    assert bench.counts() == (4, 0, 1)
    assert bench.rest.ranges == [(open_of(-1), open_of(4))]


def test_a_partial_minute_can_only_be_true(bench):
    """One that equals the kline is proved whole; one that does not is no difference."""
    bench.rest.klines[START] = bench.series.minutes()[0].kline()
    bench.pass_time(5)
    assert bench.verified()[0] is True
    assert bench.counts() == (5, 0, 0)


def test_a_new_minute_is_asked_for_after_a_while_and_alone(bench):
    """A symbol is asked for at most once in the policy's time, and nothing is compared twice."""
    bench.pass_time(5)
    bench.series.apply(trades(range(6, 9)))
    bench.serve()
    assert bench.pass_time(4) == 0
    assert bench.pass_time(8) == 1
    assert bench.verified()[5:] == [True, True, True, None]
    assert bench.rest.ranges[-1] == (open_of(4), open_of(7))


def test_a_difference_is_told_with_both_figures_once_it_is_confirmed(bench):
    """One request is not enough; the second one with the same figures is."""
    theirs = bench.rest.klines[open_of(2)]
    bench.rest.klines[open_of(2)] = replace(theirs, volume=theirs.volume + 4)
    bench.pass_time(5)
    assert bench.verified() == [None, True, None, True, True, None]
    assert bench.pass_time(12) == 1
    assert bench.verified() == [None, True, False, True, True, None]
    decimal = INSTRUMENT.grid.quantity.decimal
    assert bench.series.differences == {
        open_of(2): Difference(open_of(2), "volume", decimal(theirs.volume), decimal(theirs.volume + 4))
    }
    assert bench.counts() == (3, 1, 1)
    assert bench.pass_time(60) == 0


def test_a_kline_that_was_not_final_yet_is_no_difference(bench):
    """What differs once and equals later was never false."""
    theirs = bench.rest.klines[open_of(4)]
    bench.rest.klines[open_of(4)] = replace(theirs, volume=theirs.volume - 1, buy_volume=theirs.buy_volume)
    seen = {bench.verified()[4]}
    bench.pass_time(5)
    bench.rest.klines[open_of(4)] = replace(theirs, volume=theirs.volume + 3)
    bench.pass_time(10)
    seen.add(bench.verified()[4])
    bench.serve()
    bench.pass_time(12)
    assert seen == {None}
    assert bench.verified()[4] is True
    assert bench.counts() == (4, 0, 1)


def test_a_minute_that_changes_is_compared_again(bench):
    """A late trade takes the verdict back at once, and the next comparison tells anew."""
    bench.pass_time(5)
    late = open_of(2) + 30_000, 250, 1001, 7
    bench.series.apply([late])
    assert bench.verified() == [None, True, None, True, True, None]
    bench.pass_time(100)
    assert bench.verified()[2] is False  # the venue knows of no such trade
    bench.serve()
    bench.series.apply([late])
    bench.serve()
    bench.pass_time(30)
    assert bench.verified()[2] is True
    assert bench.series.differences == {}
    assert bench.counts() == (4, 0, 1)


def test_a_gap_is_not_compared_and_its_repair_is(bench):
    """A minute that lacks trades is unverifiable, even one that was verified; whole again it is compared."""
    bench.pass_time(5)
    gap = open_of(2) + 1500, open_of(3) + 500
    bench.series.open_gap(*gap)
    assert bench.verified() == [None, True, None, None, True, None]
    bench.pass_time(20)
    assert bench.verified() == [None, True, None, None, True, None]
    assert bench.counts() == (2, 0, 3)
    bench.series.close_gap(*gap, fetched=True)
    bench.pass_time(20)
    assert bench.verified() == [None, True, True, True, True, None]
    assert bench.counts() == (4, 0, 1)


def test_a_minute_that_the_venue_does_not_serve_is_unverifiable(bench):
    """It is asked for a few times, then left alone; the others do not wait for it."""
    del bench.rest.klines[open_of(3)]
    bench.pass_time(5)
    assert bench.verified() == [None, True, True, None, True, None]
    assert 2 <= bench.pass_time(120) <= 5
    assert bench.counts() == (3, 0, 2)
    assert bench.pass_time(300) == 0


def test_the_newest_minute_counts_as_over_once_the_clock_says_so_and_it_rests(bench):
    """A symbol that falls silent is verified to its last minute; a trade that still comes takes it back."""
    bench.pass_time(5)
    bench.wall = open_of(5) + MINUTE_MS + 2_000
    bench.pass_time(20)
    assert bench.verified()[5] is None
    bench.wall += 1_000
    bench.pass_time(20)
    assert bench.verified()[5] is True
    runs = len(bench.series.minutes()[5].runs)
    bench.series.apply([(open_of(5) + 59_000, 503, 1001, 2), (open_of(5) + 59_001, 504, 1001, 2)])
    assert bench.verified()[5] is None
    assert len(bench.series.minutes()[5].runs) == runs + 1
    bench.serve()
    bench.pass_time(20)
    assert bench.verified()[5] is True


@pytest.mark.parametrize("status", [429, 418, 403, 503, None])
def test_a_venue_that_refuses_delays_and_nothing_is_told(bench, status):
    """While it fails every verdict stays open, requests thin out, and afterwards all is verified."""
    bench.rest.failure = RestError("asked too often", status)
    assert 2 <= bench.pass_time(120) <= 12
    assert bench.verified() == [None] * 6
    assert bench.counts() == (0, 0, 0)
    assert bench.reconciler.health()["detail"] == "asked too often"
    bench.rest.failure = None
    bench.pass_time(320)
    assert bench.verified() == [None, True, True, True, True, None]
    assert bench.reconciler.health()["detail"] == ""


@pytest.mark.parametrize("body", [b"", b"<html>busy</html>", b"{}", b'[null,[1,"x"],{}]'])
def test_garbage_for_klines_is_no_verdict(bench, body):
    """A body that cannot be read delays; rows that cannot be read are as if not served."""
    bench.rest.body = body
    bench.pass_time(30)
    assert bench.verified() == [None] * 6
    bench.rest.body = None
    bench.pass_time(400)
    assert bench.verified() == [None, True, True, True, True, None]


def test_most_of_the_weight_is_left_to_others(bench):
    """Above half of the venue's budget nothing is asked."""
    bench.rest.weight = 1_201
    assert bench.pass_time(60) == 0
    bench.rest.weight = 1_200
    assert bench.pass_time(1) == 1


def test_a_symbol_that_was_delisted_does_not_hold_up_the_others():
    """A refusal of one symbol is its own."""
    bench, other = Bench(), Bench()
    refusals = 0

    def get(path, params, fine=other.rest.get):
        nonlocal refusals
        if params["symbol"] == "GONEUSDT":
            refusals += 1
            raise RestError("HTTP 400", 400)
        return fine(path, params)

    other.rest.get = get
    bench.book.instrument = replace(INSTRUMENT, symbol="GONEUSDT")
    for _ in range(40):
        other.now += 0.25
        other.reconciler.turn([bench.book, other.book], other.now, START)
    assert refusals == 1
    assert other.verified() == [None, True, True, True, True, None]


def rpi(kline: Kline, plain: int, number: int = 1) -> list[dict[str, object]]:
    """Aggregate trades of a minute whose volumes sum to the kline's with RPI fills, and less without."""
    lots = INSTRUMENT.grid.quantity.text
    sold = kline.volume - (kline.buy_volume or 0)
    return [
        {"a": number, "q": lots(kline.buy_volume or 0), "nq": lots(plain), "m": False, "T": kline.open_ts},
        {"a": number + 1, "q": lots(sold), "nq": lots(sold), "m": True, "T": kline.open_ts + 5},
    ]


def test_klines_that_count_rpi_fills_are_known_as_such(bench):
    """A verified minute whose two volumes differ tells that klines sum q."""
    largest = bench.rest.klines[open_of(1)]
    bench.rest.volumes = rpi(largest, plain=1)
    assert bench.reconciler.health()["basis"] == "unknown"
    bench.pass_time(5)
    assert bench.reconciler.health()["basis"] == "q"
    assert bench.rest.asked.count("/fapi/v1/aggTrades") == 1


def test_a_minute_without_rpi_fills_tells_nothing(bench):
    """Then it stays unknown, and is asked for again only after a while."""
    bench.rest.volumes = rpi(bench.rest.klines[open_of(1)], plain=bench.rest.klines[open_of(1)].buy_volume)
    bench.pass_time(5)
    assert bench.reconciler.health()["basis"] == "unknown"
    bench.series.apply(trades(range(6, 9)))
    bench.serve()
    bench.pass_time(20)
    assert bench.rest.asked.count("/fapi/v1/aggTrades") == 1


def test_klines_without_rpi_fills_are_never_called_a_difference(bench):
    """Where q differs and nq matches, that is told, and the minutes are not comparable rather than false."""
    whole = bench.rest.klines[open_of(2)]
    bench.rest.volumes = rpi(whole, plain=whole.buy_volume - 2)
    bench.rest.klines[open_of(2)] = replace(
        whole, volume=whole.volume - 2, buy_volume=whole.buy_volume - 2, high=whole.high - 1, close=whole.low
    )
    seen = set()
    for _ in range(40):
        bench.pass_time(2)
        seen.add(bench.verified()[2])
    assert bench.reconciler.health()["basis"] == "nq"
    assert seen == {None}
    assert bench.verified() == [None, True, None, True, True, None]
    assert bench.counts() == (3, 0, 2)


def test_less_than_ours_is_a_difference_where_rpi_fills_do_not_explain_it(bench):
    """The single trades of the minute were asked, and their q does not fit either."""
    whole = bench.rest.klines[open_of(2)]
    bench.rest.volumes = rpi(whole, plain=whole.buy_volume)
    bench.rest.klines[open_of(2)] = replace(whole, volume=whole.volume - 1)
    bench.pass_time(100)
    assert bench.verified()[2] is False


def test_learning_has_a_bound(bench):
    """A minute with too many trades is given up after so many pages."""
    lots = {"q": "1", "nq": "0.5", "m": True, "T": open_of(1)}
    bench.rest.volumes = [{"a": number, **lots} for number in range(1000 * REQUESTS_TO_LEARN + 5)]
    bench.source.learn_basis(INSTRUMENT, bench.rest.klines[open_of(1)])
    assert bench.source.basis == "unknown"
    assert len(bench.rest.asked) == REQUESTS_TO_LEARN


def test_bybit_knows_one_volume_and_asks_with_the_minute_before():
    """There is no basis to learn, and an open that is the close before does not differ."""
    asked = []

    class BybitRest:
        def get(self, path, params):
            asked.append(path)
            rows = [
                [str(k.open_ts), *(INSTRUMENT.grid.price.text(p) for p in (k.open, k.high, k.low, k.close)),
                 INSTRUMENT.grid.quantity.text(k.volume), "0"]
                for k in klines if params["start"] <= k.open_ts <= params["end"]
            ]  # fmt: skip
            return orjson.dumps({"retCode": 0, "result": {"symbol": "BTCUSDT", "list": rows[::-1]}})

    bench = Bench()
    served = list(bench.rest.klines.values())
    # As on the venue: each opens at the close before.
    klines = [served[0]] + [
        replace(k, open=b.close, high=max(k.high, b.close), low=min(k.low, b.close))
        for b, k in pairwise(served)
    ]
    assert all(k.open != s.open for k, s in zip(klines[1:], served[1:], strict=True))
    source = BybitKlines(BybitRest())  # type: ignore[arg-type]
    bench.reconciler = Reconciler(Venue.BYBIT, source, POLICY)
    bench.pass_time(20)
    assert bench.verified() == [None, True, True, True, True, None]
    assert bench.reconciler.health()["basis"] is None
    assert asked == ["/v5/market/kline"]


def test_a_long_backlog_is_asked_for_piece_by_piece():
    """More minutes than one request carries take several."""
    bench = Bench(minutes=700)
    bench.pass_time(5)
    assert bench.verified().count(True) == 497
    bench.pass_time(12)
    assert bench.verified().count(True) == 698
    assert len(bench.rest.ranges) == 2


@pytest.mark.parametrize(
    ("proves_loss", "lots", "marked"), [(True, 7, True), (True, 0, False), (False, 7, False)]
)
def test_a_minute_that_never_came_is_lost_where_only_klines_can_tell(proves_loss, lots, marked):
    """Its neighbours are marked once two requests have told of its trades; where ids tell, never."""
    bench = Bench(minutes=3)
    bench.source.proves_loss = proves_loss
    bench.series.apply(trades(range(5, 8)))
    bench.serve()
    for minute in (3, 4):
        open_ts = open_of(minute)
        bench.rest.klines[open_ts] = Kline(open_ts, 1000, 1000, 1000, 1000, lots, 0, grid=INSTRUMENT.grid)
    bench.pass_time(5)
    assert [bench.series.quality(minute) for minute in bench.series.minutes()[1:]] == [Quality.COMPLETE] * 5
    bench.pass_time(20)
    qualities = [bench.series.quality(minute) for minute in bench.series.minutes()[1:]]
    told = Quality.GAP if marked else Quality.COMPLETE
    assert qualities == [Quality.COMPLETE, told, told, Quality.COMPLETE, Quality.COMPLETE]
    assert bench.series.gaps == ([(open_of(2) + 2000, open_of(5))] if marked else [])


def test_a_mark_stays_while_the_minute_beside_it_is_found_to_have_never_come():
    """What was known to lack trades is never shown as whole in between."""
    bench = Bench(minutes=3)
    bench.source = BybitKlines(bench.rest)  # type: ignore[arg-type]
    bench.wall = START + 10 * MINUTE_MS
    lacking = bench.series.minutes()[2]
    klines = [bench.rest.klines[minute.open_ts] for minute in bench.series.minutes()]
    klines[2] = replace(klines[2], volume=klines[2].volume + 1)
    bench.source.fetch = lambda _, first, last: [k for k in klines if first <= k.open_ts <= last]
    bench.reconciler = Reconciler(Venue.BYBIT, bench.source, POLICY)
    bench.pass_time(30)
    assert lacking.verified is False
    assert bench.series.gaps == []
    bench.series.apply(trades(range(4, 6)))
    klines.append(replace(klines[2], open_ts=open_of(3)))
    klines += [minute.kline(INSTRUMENT.grid) for minute in bench.series.minutes()[3:]]
    qualities = set()
    for _ in range(30):
        bench.pass_time(0.5)
        qualities.add(bench.series.quality(lacking))
    assert qualities == {Quality.GAP}
    assert bench.series.gaps == [(open_of(2) + 2000, open_of(4))]
