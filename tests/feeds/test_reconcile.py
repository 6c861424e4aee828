"""Reconciliation turn by turn: which minutes are compared, and with what result."""

from __future__ import annotations

from dataclasses import replace

import pytest

from orderflow_dash.feeds.reconcile import Reconciler
from orderflow_dash.feeds.rest import RestError
from orderflow_dash.feeds.venues.bybit import BybitKlines
from orderflow_dash.market import MINUTE_MS, Difference, Kline, Quality, Venue
from tests.feeds.reconcile_bench import INSTRUMENT, POLICY, START, Bench, open_of, trades


def test_every_whole_closed_minute_is_verified_with_one_request(bench):
    """All that wait are in it; the partial one is counted as unverifiable, the open one not at all."""
    assert bench.pass_time(2) == 0  # it rests first
    assert bench.pass_time(30) == 1
    assert bench.verified() == [None, True, True, True, True, None]
    assert bench.counts() == (4, 0, 1)
    assert bench.rest.ranges == [(open_of(-1), open_of(4))]


def test_a_partial_minute_can_only_be_verified(bench):
    """If it equals the kline it is verified; otherwise it gets no verdict."""
    bench.rest.klines[START] = bench.series.minutes()[0].kline()
    bench.pass_time(5)
    assert bench.verified()[0] is True
    assert bench.counts() == (5, 0, 0)


def test_a_new_minute_is_requested_later_and_alone(bench):
    """A symbol is requested at most once per interval, and no minute is compared twice."""
    bench.pass_time(5)
    bench.series.apply(trades(range(6, 9)))
    bench.serve()
    assert bench.pass_time(4) == 0
    assert bench.pass_time(8) == 1
    assert bench.verified()[5:] == [True, True, True, None]
    assert bench.rest.ranges[-1] == (open_of(4), open_of(7))


def test_a_confirmed_difference_has_both_figures(bench):
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


def test_a_kline_that_was_not_final_yet_is_not_a_difference(bench):
    """A minute that differs once and equals later is verified."""
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
    """A late trade resets the verdict at once, and the minute is compared again."""
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
    """It is requested a few times, then no more; the others do not wait for it."""
    del bench.rest.klines[open_of(3)]
    bench.pass_time(5)
    assert bench.verified() == [None, True, True, None, True, None]
    assert 2 <= bench.pass_time(120) <= 5
    assert bench.counts() == (3, 0, 2)
    assert bench.pass_time(300) == 0


def test_the_newest_minute_ends_by_the_venues_clock(bench):
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
def test_a_venue_that_refuses_only_delays(bench, status):
    """While it fails every verdict stays open, requests thin out, and afterwards all is verified."""
    bench.rest.failure = RestError("rate-limited", status)
    assert 2 <= bench.pass_time(120) <= 12
    assert bench.verified() == [None] * 6
    assert bench.counts() == (0, 0, 0)
    assert bench.reconciler.health()["detail"] == "rate-limited"
    bench.rest.failure = None
    bench.pass_time(320)
    assert bench.verified() == [None, True, True, True, True, None]
    assert bench.reconciler.health()["detail"] == ""


@pytest.mark.parametrize("body", [b"", b"<html>busy</html>", b"{}", b'[null,[1,"x"],{}]'])
def test_garbage_for_klines_gives_no_verdict(bench, body):
    """An unreadable body only delays; unreadable rows count as not served."""
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


def test_a_long_backlog_takes_several_requests():
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
def test_only_klines_show_a_minute_whose_trades_never_came(proves_loss, lots, marked):
    """Its neighbors are marked after two requests; never where ids prove it."""
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
    expected = Quality.GAP if marked else Quality.COMPLETE
    assert qualities == [Quality.COMPLETE, expected, expected, Quality.COMPLETE, Quality.COMPLETE]
    assert bench.series.gaps == ([(open_of(2) + 2000, open_of(5))] if marked else [])


def test_a_mark_stays_while_the_next_minute_turns_out_lost():
    """A minute known to lack trades is never shown as whole in between."""
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
