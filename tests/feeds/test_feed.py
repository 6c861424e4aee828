"""A venue's streams: which connection carries a symbol, and its status."""

from __future__ import annotations

import contextlib
import socket as sockets
import threading
import time
from dataclasses import replace
from decimal import Decimal

import pytest

from orderflow_dash.exchanges.protocol import Rejected, TradeBatch
from orderflow_dash.feeds import feed as feed_module
from orderflow_dash.feeds.connection import Link
from orderflow_dash.market import State, Venue
from tests.conftest import wait_until
from tests.exchanges.frames import LISTED, aggregate, combined, instrument
from tests.feeds.feed_bench import Sink, binance, bybit, look_again, obey, send_trade, subscribed
from tests.feeds.venue_server import QUICK, VenueServer


def test_a_stream_runs_from_its_subscription_to_its_end(exchange, feeds):
    """Trades flow, the state is live, and the connection ends with its last stream."""
    feed, sink = binance(feeds, exchange), Sink()
    assert feed.status("BTCUSDT").state is State.DISCONNECTED
    assert feed.health()["state"] == "idle"
    feed.subscribe("BTCUSDT", sink)
    assert feed.status("BTCUSDT").state is State.CONNECTING
    wait_until(lambda: len(sink.trades) > 20)
    status = feed.status("BTCUSDT")
    assert (status.state, status.detail) == (State.LIVE, "")
    assert 0 <= status.age_ms < 5_000
    health = feed.health()
    assert (health["state"], health["connections"], health["gaps"]) == ("live", 1, 0)
    assert health["trades"] == health["streams"]["BTCUSDT"]["trades"] > 0
    assert health["age_ms"] is not None
    feed.unsubscribe("BTCUSDT")
    wait_until(lambda: not exchange.connections)
    assert feed.health()["connections"] == 0
    assert feed.health()["trades"] == len(sink.trades)
    assert sink.ids == list(range(sink.ids[0], sink.ids[0] + len(sink.ids)))


def test_a_symbol_streams_once(feeds):
    """A second subscription is a defect of the caller; an unlisted symbol is one too."""
    feed = feeds("ws://127.0.0.1:9", LISTED)
    feed.subscribe("BTCUSDT", Sink())
    with pytest.raises(ValueError, match="already"):
        feed.subscribe("BTCUSDT", Sink())
    with pytest.raises(KeyError):
        feed.subscribe("NOPEUSDT", Sink())
    assert set(feed.health()["streams"]) == {"BTCUSDT"}


@pytest.mark.parametrize("side", [binance, bybit])
def test_many_symbols_share_one_connection(exchange, feeds, side):
    """Every symbol's trades reach its own sink, none another's."""
    feed = side(feeds, exchange)
    venue = feed.venue
    symbols = ["BTCUSDT", "ETHUSDT", "SOLUSDT", "XRPUSDT", "DOGEUSDT", "BCHUSDT"]
    sinks = {symbol: Sink() for symbol in symbols}
    for symbol, sink in sinks.items():
        feed.subscribe(symbol, sink)
    wait_until(lambda: all(len(sink.trades) > 3 for sink in sinks.values()))
    assert len([each for each in exchange.connections if each.venue is venue]) == 1
    for listing in exchange.source.listings:
        if listing.symbol in sinks:
            prices = {p.price for p in exchange.source.tape(listing).prints(0, 10**6)}
            assert {trade[2] for trade in sinks[listing.symbol].trades} <= prices


def test_streams_beyond_a_connections_limit_get_another(feeds):
    """At most 200 topics on a connection, pulse included, each subscribed to once."""
    listed = {f"S{n}USDT": instrument(f"S{n}USDT", "0.1", "1") for n in range(250)} | LISTED
    with VenueServer(obey) as server:
        feed = feeds(server.url, listed)
        for n in range(250):
            feed.subscribe(f"S{n}USDT", Sink())
        wait_until(subscribed(server, 252))
        asked = [topic for request in server.requests for topic in request["params"]]
        assert asked.count("btcusdt@markPrice@1s") == 2
        assert sorted(t for t in asked if "aggTrade" in t) == sorted(f"s{n}usdt@aggTrade" for n in range(250))
        assert [len(connection.topics) for connection in feed._pool.connections] == [199, 51]
        assert max(len(request["params"]) for request in server.requests) <= 50


def test_an_unsubscribed_stream_gets_no_trades(feeds):
    """Its topic is given back, the others live on, and what was in flight goes nowhere."""
    with VenueServer(obey) as server:
        feed, kept, given = feeds(server.url, LISTED), Sink(), Sink()
        feed.subscribe("BTCUSDT", kept)
        feed.subscribe("ETHUSDT", given)
        wait_until(subscribed(server, 3))
        feed.unsubscribe("ETHUSDT")
        wait_until(lambda: server.requests[-1]["method"] == "UNSUBSCRIBE")
        assert server.requests[-1]["params"] == ["ethusdt@aggTrade"]
        send_trade(server, 0, 1, "ETHUSDT")
        send_trade(server, 0, 2)
        wait_until(lambda: kept.trades)
        assert not given.trades


def test_a_stream_subscribed_again_at_once_starts_empty(exchange, feeds):
    """Nothing of the old stream is left in the new one, and its trades flow without a gap."""
    feed, first, second = bybit(feeds, exchange), Sink(), Sink()
    feed.subscribe("ETHUSDT", Sink())
    feed.subscribe("BTCUSDT", first)
    wait_until(lambda: first.trades)
    feed.unsubscribe("BTCUSDT")
    feed.subscribe("BTCUSDT", second)
    wait_until(lambda: len(second.trades) > 20)
    assert not second.gaps
    assert feed.health()["connections"] == 1
    assert len(exchange.connections) == 1


@pytest.mark.parametrize("side", [binance, bybit])
def test_a_cut_is_reported_and_survived(exchange, feeds, side):
    """The state names the cause, the stream comes back, and the break is a gap unless ids prove better."""
    feed, sink = side(feeds, exchange, replace(QUICK, backoff_floor=0.3, backoff_ceiling=0.4)), Sink()
    feed.subscribe("BTCUSDT", sink)
    wait_until(lambda: len(sink.trades) > 5)
    exchange.faults.close(feed.venue, 1001)
    wait_until(lambda: feed.status("BTCUSDT").state is State.DISCONNECTED)
    assert "closed the connection (code 1001); next attempt in" in feed.status("BTCUSDT").detail
    seen = len(sink.trades)
    wait_until(lambda: len(sink.trades) > seen + 20 and feed.status("BTCUSDT").state is State.LIVE)
    assert len(sink.gaps) == 1
    assert feed.health()["gaps"] == 1
    assert feed.health()["reconnects"] == 1
    if feed.venue is Venue.BINANCE:
        ((first, last),) = sink.gaps[0].missing
        assert sorted([*sink.ids, *range(first, last + 1)]) == list(range(sink.ids[0], sink.ids[-1] + 1))
        assert len(set(sink.ids)) == len(sink.ids)


def test_a_refused_symbol_says_so_until_it_has_trades(exchange, feeds):
    """One bad topic takes no other with it; a topic that the venue takes later is live again."""
    exchange.faults.reject("publicTrade.ETHUSDT")
    feed, good, bad = bybit(feeds, exchange), Sink(), Sink()
    feed.subscribe("ETHUSDT", bad)
    feed.subscribe("BTCUSDT", good)
    wait_until(lambda: feed.status("ETHUSDT").detail and good.trades)
    wait_until(lambda: "refuses" in feed.status("ETHUSDT").detail)
    assert feed.status("ETHUSDT").state is State.DISCONNECTED
    assert feed.status("BTCUSDT").state is State.LIVE
    assert feed.health()["refused"] == 1
    exchange.faults.clear("reject")
    feed._streams["ETHUSDT"].subscription.connection.renew("publicTrade.ETHUSDT")
    wait_until(lambda: bad.trades)
    assert feed.status("ETHUSDT").state is State.LIVE


def test_a_refusal_without_topics_affects_no_stream(exchange, feeds):
    """It is counted."""
    feed = binance(feeds, exchange)
    feed.subscribe("BTCUSDT", sink := Sink())
    wait_until(lambda: sink.trades)
    feed.on_event(feed._pool.connections[0], Rejected([], "what?"))
    assert feed.health()["refused"] == 1
    assert feed.status("BTCUSDT").state is State.LIVE


def test_a_silent_symbol_is_stale_and_subscribed_again(feeds, monkeypatch):
    """A silent topic on a live connection is subscribed to again, once per threshold."""
    monkeypatch.setattr(feed_module, "_RENEW_AFTER_S", 0.1)
    with VenueServer(obey) as server:
        feed, sink = feeds(server.url, LISTED), Sink()
        feed.subscribe("BTCUSDT", sink)
        feed.subscribe("ETHUSDT", Sink())
        wait_until(subscribed(server, 3))
        send_trade(server, 0, 1)
        wait_until(lambda: sink.trades)
        assert feed.status("ETHUSDT").detail == "connected, waiting for a trade"
        stream = feed._streams["BTCUSDT"]
        stream.stale.last -= 500
        stream.subscription.requested_at -= 500
        status = feed.status("BTCUSDT")
        assert status.state is State.STALE
        assert "no trade for 500 s; more than 30 s is unusual for BTCUSDT" in status.detail
        for number in (1, 2):
            look_again(feed)
            send_trade(server, 0, number, "ETHUSDT")
        wait_until(lambda: server.requests[-1]["params"] == ["btcusdt@aggTrade"])
        assert (
            len(server.requests) == 3
            or sum(r["params"] == ["btcusdt@aggTrade"] for r in server.requests) <= 2
        )


def test_a_lost_connection_collects_no_requests(feeds, monkeypatch):
    """While it is down nothing is requested: it subscribes to everything once it is back."""
    monkeypatch.setattr(feed_module, "_RENEW_AFTER_S", 0.0)
    with VenueServer(lambda _, socket: socket.close()) as server:
        feed = feeds(server.url, LISTED, replace(QUICK, backoff_floor=30, backoff_ceiling=30))
        feed.subscribe("BTCUSDT", Sink())
        (connection,) = feed._pool.connections
        wait_until(lambda: connection.link is Link.LOST)
        feed._streams["BTCUSDT"].subscription.requested_at -= 1e6
        for _ in range(5):
            look_again(feed)
            feed.on_event(connection, TradeBatch("OTHER", []))
        assert connection._silent == []


def test_malformed_frames_are_counted_and_logged_once_a_minute(feeds, caplog):
    """Rows and frames alike; the log names the last."""
    feed = feeds("ws://127.0.0.1:9", LISTED)
    for _ in range(3):
        feed.on_malformed("odd")
    feed.on_event(None, TradeBatch("BTCUSDT", [], [], malformed=4))
    assert feed.health()["malformed"] == 7
    assert len([record for record in caplog.records if "malformed" in record.message]) == 1
    feed._health._logged_at -= 61
    feed.on_event(None, TradeBatch("BTCUSDT", [], [], malformed=1, excluded=2))
    assert "skipped 7 malformed, the last: rows of BTCUSDT" in caplog.records[-1].message
    assert feed.health()["excluded"] == 2


def test_a_frame_without_a_readable_trade_shows_no_life(feeds):
    """A stream of which every row is malformed does not look live."""
    with VenueServer(obey) as server:
        feed = feeds(server.url, LISTED)
        feed.subscribe("BTCUSDT", sink := Sink())
        (connection,) = feed._pool.connections
        feed.on_event(connection, TradeBatch("BTCUSDT", [], [], malformed=1))
        assert feed._streams["BTCUSDT"].stale.last is None
        assert not sink.trades


def test_trades_of_a_changed_tick_come_with_a_finer_grid(feeds):
    """No connection ends for it, and a delisted symbol is read to its end."""
    with VenueServer(obey) as server:
        feed, before = feeds(server.url, LISTED), Sink()
        feed.subscribe("DOGEUSDT", Sink())
        feed.subscribe("BTCUSDT", before)
        wait_until(subscribed(server, 3))
        send_trade(server, 0, 1)
        wait_until(lambda: before.trades)
        feed._listed["BTCUSDT"] = replace(LISTED["BTCUSDT"], tick=Decimal("0.01"))
        send_trade(server, 0, 2)
        server.sockets[0].send(combined(aggregate(p="100.05", q="2", a=3)))  # a text not seen before
        server.sockets[0].send(combined(aggregate(p="100.20", q="2", a=4)))
        wait_until(lambda: 4 in before.ids)
        del feed._listed["BTCUSDT"]
        server.sockets[0].send(combined(aggregate(p="100.07", q="3", a=5)))
        wait_until(lambda: 5 in before.ids)
        prices = [Decimal("100.0")] * 2 + [Decimal("100.05"), Decimal("100.20"), Decimal("100.07")]
        assert before.prices == prices
        assert not before.gaps
        assert len(server.sockets) == 1


def test_a_stop_ends_all_within_about_a_second(feeds):
    """Many connections, some in a handshake that never ends, wait together and not in turn."""
    hold = threading.Event()
    listed = {f"S{n}USDT": instrument(f"S{n}USDT", "0.1", "1") for n in range(900)}
    with contextlib.ExitStack() as stack:
        stack.callback(hold.set)
        listener = stack.enter_context(sockets.create_server(("127.0.0.1", 0)))
        feed = feeds(f"ws://127.0.0.1:{listener.getsockname()[1]}", listed)
        for symbol in listed:
            feed.subscribe(symbol, Sink())
        assert len(feed._pool.connections) == 5
        started = time.monotonic()
        feed.stop()
        assert time.monotonic() - started < 2
        assert feed.health()["state"] == "idle"


def test_threads_that_subscribe_and_give_back_while_trades_flow(exchange, feeds):
    """No lock is taken in two orders, nothing is left when all are done."""
    feed = binance(feeds, exchange, replace(QUICK, life=0.3))
    symbols = ["BTCUSDT", "ETHUSDT", "SOLUSDT", "XRPUSDT"]
    failures: list[BaseException] = []

    def work(symbol: str) -> None:
        try:
            for _ in range(25):
                feed.subscribe(symbol, Sink())
                feed.health()
                feed.status(symbol)
                feed.unsubscribe(symbol)
        except BaseException as error:  # noqa: BLE001 - the test reports it
            failures.append(error)

    threads = [threading.Thread(target=work, args=(symbol,)) for symbol in symbols]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert not any(thread.is_alive() for thread in threads)
    assert not failures
    assert (feed._streams, feed._pool.connections, feed._pool.handovers) == ({}, [], {})
    wait_until(lambda: not exchange.connections)
