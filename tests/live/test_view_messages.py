"""Snapshots and deltas of a view."""

from __future__ import annotations

import json
from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from orderflow_dash.feeds.stream import StreamStatus
from orderflow_dash.live.stream import SeriesStream
from orderflow_dash.live.view import View, ViewKey
from orderflow_dash.market import MINUTE_MS, State, Timeframe, Venue
from tests.footprint.reference import START, ordered_trades, plain_candles, poc_of, wild_trades
from tests.live.hub_bench import BTC, HubBench, ManualFeed, at, key, parsed


def test_each_change_is_encoded_once(bench):
    """Snapshots and deltas of all clients are made of the same texts."""
    with bench.hub.watch(key()) as view:
        bench.source.give(at(1), at(2, 1), at(3, 2))
        first = [view.snapshot(30) for _ in range(5)]
        assert view.encodings == 3
        bench.source.give(at(4, 2))
        sent = [view.deltas(revision, oldest) for _, revision, oldest in first]
        assert view.encodings == 4
        assert len({messages[0] for messages, _ in sent}) == 1
        assert all(message is sent[0][0][0] for messages, _ in sent for message in messages)
        view.snapshot(30)
        view.candles(30)
        assert view.encodings == 4


def test_nothing_is_sent_when_nothing_changed(bench):
    """The same revision gives no message."""
    with bench.hub.watch(key()) as view:
        bench.source.give(at(1))
        _, revision, oldest = view.snapshot(30)
        assert view.deltas(revision, oldest) == ([], revision)
        assert view.revision() == revision
        bench.source.give(at(1))  # a repeat
        assert view.deltas(revision, oldest) == ([], revision)


def test_the_closing_candle_comes_final_before_the_next(bench):
    """Old to new, the just-closed one with ``closed`` true."""
    with bench.hub.watch(key()) as view:
        bench.source.give(at(1))
        _, revision, oldest = view.snapshot(30)
        bench.source.give(at(2), at(3, 1))
        messages, revision = view.deltas(revision, oldest)
        assert [(c["open_ts"], c["closed"], c["n"]) for c in parsed(messages)] == [
            (START, True, 2),
            (START + MINUTE_MS, False, 1),
        ]
        bench.source.give(at(4, 1))
        assert [c["open_ts"] for c in parsed(view.deltas(revision, oldest)[0])] == [START + MINUTE_MS]


def test_deltas_leave_out_candles_before_the_snapshot(bench):
    """A late trade in an older candle sends only those within the client's own range."""
    with bench.hub.watch(key()) as view:
        bench.source.give(*[at(10 * n, n) for n in range(1, 6)])
        _, revision, oldest = view.snapshot(2)
        assert oldest == START + 4 * MINUTE_MS
        bench.source.give(at(11, 1))
        messages, _ = view.deltas(revision, oldest)
        assert [c["open_ts"] for c in parsed(messages)] == [START + 4 * MINUTE_MS, START + 5 * MINUTE_MS]


def test_late_trades_keep_candles_in_order(bench):
    """Between two looks: one late trade in a known candle, another in a minute that was empty."""
    with bench.hub.watch(key()) as view:
        give = bench.source.sinks["BTCUSDT"].on_trades
        give([at(1, 1), at(5, 5)])
        text, revision, _ = view.snapshot(30)
        give([at(2, 1)])
        give([at(3, 3)])
        messages, _ = view.deltas(revision, 0)
        assert [c["open_ts"] // MINUTE_MS - START // MINUTE_MS for c in parsed(messages)] == [1, 3, 5]
        opens = [candle.open_ts for candle in view.candles(30)]
        assert opens == sorted(opens)
        assert text != view.snapshot(30)[0]


def test_coalesced_deltas_lose_nothing():
    """Within the coalescing time deltas wait; the next one holds them all."""
    bench = HubBench(coalesce_s=1_000.0)
    with bench.hub.watch(key()) as view:
        bench.source.give(at(1))
        _, revision, oldest = view.snapshot(30)
        bench.source.give(at(2))
        messages, revision = view.deltas(revision, oldest)
        assert [c["n"] for c in parsed(messages)] == [2]
        bench.source.give(at(3), at(4, 1))
        assert view.deltas(revision, oldest) == ([], revision)
        view._next_refresh = 0.0
        messages, _ = view.deltas(revision, oldest)
        assert [(c["n"], c["closed"]) for c in parsed(messages)] == [(3, True), (1, False)]


@given(wild_trades, st.sampled_from(Timeframe), st.sampled_from([1, 3]), st.data())
def test_snapshot_plus_deltas_equals_a_later_snapshot(trades, timeframe, step, data):
    """Snapshot plus deltas, whenever they are asked for, equal a snapshot taken at the end."""
    source = ManualFeed()
    stream = SeriesStream(BTC, source, window=data.draw(st.sampled_from([1, 500])))
    view = View(ViewKey(Venue.BINANCE, "BTCUSDT", timeframe, step * BTC.tick), stream)
    following: dict[int, dict] = {}
    revision, oldest, joined = 0, 0, False
    for trade in trades:
        stream.on_trades([trade])
        action = data.draw(st.sampled_from(["nothing", "deltas", "deltas", "gap"]))
        if not joined and data.draw(st.booleans()):
            text, revision, _ = view.snapshot(500)
            following = {c["open_ts"]: c for c in json.loads(text, parse_float=Decimal)["candles"]}
            joined = True
        elif joined and action == "deltas":
            messages, revision = view.deltas(revision, oldest)
            following.update({c["open_ts"]: c for c in parsed(messages)})
        elif action == "gap":
            with stream.lock:
                stream.series.open_gap(trade[0], trade[0])
    messages, _ = view.deltas(revision, oldest)
    following.update({c["open_ts"]: c for c in parsed(messages)})
    late = View(view.key, stream)
    end = json.loads(late.snapshot(500)[0], parse_float=Decimal)
    opens = [c["open_ts"] for c in end["candles"]]
    assert opens == sorted(opens)
    assert end["candles"] == [following[open_ts] for open_ts in opens]
    assert json.loads(view.snapshot(500)[0], parse_float=Decimal)["candles"] == end["candles"]


@given(ordered_trades(most=30), st.sampled_from([1, 4, 5]))
def test_messages_match_the_definitions(trades, step):
    """From raw trades to the numbers in the message, in decimal arithmetic."""
    stream = SeriesStream(BTC, ManualFeed(), 500)
    stream.on_trades(trades)
    view = View(ViewKey(Venue.BINANCE, "BTCUSDT", Timeframe.M5, step * BTC.tick), stream)
    message = json.loads(view.snapshot(500)[0], parse_float=Decimal)
    plain = plain_candles(trades, Timeframe.M5.ms, step)
    assert message["cvd_from"] == next(iter(plain))
    cvd = 0
    for candle, (open_ts, expected) in zip(message["candles"], plain.items(), strict=True):
        cvd += expected.running[-1]
        assert candle["open_ts"] == open_ts
        assert candle["delta"] == expected.running[-1] * BTC.lot == candle["ask"] - candle["bid"]
        assert candle["cvd"] == cvd * BTC.lot
        assert candle["min_delta"] == min(expected.running) * BTC.lot
        assert candle["max_delta"] == max(expected.running) * BTC.lot
        assert candle["poc"] == poc_of(expected.levels) * BTC.tick
        assert candle["high"] == max(expected.prices) * BTC.tick
        assert [(level["p"], level["bid"], level["ask"], level["n"]) for level in candle["levels"]] == [
            (price * BTC.tick, bid * BTC.lot, ask * BTC.lot, n)
            for price, (bid, ask, n) in sorted(expected.levels.items(), reverse=True)
        ]


def test_holes_are_marked_and_unmarked(bench):
    """A candle is a gap while trades are missing."""
    with bench.hub.watch(key()) as view:
        bench.source.give(at(1), at(2, 1), at(4, 1))
        assert [c.quality.value for c in view.candles(9)] == ["partial", "gap"]
        _, revision, oldest = view.snapshot(9)
        bench.source.give(at(3, 1))
        messages, _ = view.deltas(revision, oldest)
        assert [(c["quality"], c["n"]) for c in parsed(messages)] == [("complete", 3)]
        assert bench.hub.health()["feeds"]["binance"]["late"] == 1


def test_old_candles_leave_the_view_with_the_window():
    """Memory holds the newest candles only, in every view."""
    bench = HubBench(window=60)
    with bench.hub.watch(key()) as view, bench.hub.watch(key(timeframe=Timeframe.H1)) as hours:
        for n in range(300):
            bench.source.give(at(n, n))
            view.candles(1)
            hours.candles(1)
        assert len(view.candles(500)) == len(view._candles) == 60
        assert [c.open_ts for c in hours.candles(500)] == [START + 240 * MINUTE_MS]
        assert view.cvd_from == START
        assert view.candles(1)[0].cvd == 300 * 5


def test_the_status_message_is_the_streams_status(bench):
    """The view encodes it for the socket."""
    with bench.hub.watch(key()) as view:
        status = view.status()
        assert status == StreamStatus(State.LIVE, "by hand", 5)
        message = json.loads(view.status_message(status))
        assert (message["type"], message["state"], message["detail"]) == ("status", "live", "by hand")
