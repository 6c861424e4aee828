"""Planned handovers from a connection to its successor."""

from __future__ import annotations

from dataclasses import replace

import pytest

from orderflow_dash.exchanges.protocol import ReconnectAsked
from orderflow_dash.feeds import pool
from orderflow_dash.feeds.connection import Link
from orderflow_dash.market import State
from tests.conftest import wait_until
from tests.exchanges.frames import LISTED
from tests.feeds.feed_bench import Sink, binance, bybit, look_again, obey, send_trade, subscribed
from tests.feeds.venue_server import QUICK, VenueServer


@pytest.fixture
def handover(feeds, monkeypatch):
    """A feed in the middle of a handover, on a server that the test speaks for."""
    monkeypatch.setattr(pool, "_SETTLE_S", 0.0)
    with VenueServer(obey) as server:
        feed = feeds(server.url, LISTED, replace(QUICK, backoff_floor=0.3, backoff_ceiling=0.4))
        sink = Sink()
        feed.subscribe("BTCUSDT", sink)
        wait_until(subscribed(server, 2))
        send_trade(server, 0, 1)
        wait_until(lambda: sink.trades)
        (old,) = feed._pool.connections
        feed.on_event(old, ReconnectAsked("test"))
        feed.on_event(old, ReconnectAsked("test"))  # once is enough
        wait_until(lambda: len(server.sockets) == 2)
        wait_until(subscribed(server, 4))
        assert len(feed._pool.connections) == 2
        yield server, feed, sink, old


@pytest.mark.parametrize("side", [binance, bybit])
def test_a_planned_renewal_loses_and_doubles_nothing(exchange, feeds, side, monkeypatch):
    """Several successors in a row: every trade of the venue exactly once, and no gap."""
    monkeypatch.setattr(pool, "_SETTLE_S", 0.2)
    feed, sink = side(feeds, exchange, replace(QUICK, life=0.8)), Sink()
    feed.subscribe("BTCUSDT", sink)
    wait_until(lambda: feed.health()["handovers"] >= 2, 20)
    feed.unsubscribe("BTCUSDT")
    (listing,) = [x for x in exchange.source.listings if x.symbol == "BTCUSDT" and feed.venue in x.venues]
    made = exchange.source.tape(listing).prints(0, 10**6)
    mine = [p for p in made if sink.trades[0][0] <= p.time <= sink.trades[-1][0] and p.quantity]
    counted = sorted((time, price, quantity) for time, _, price, quantity in sink.trades)
    expected = sorted((p.time, p.price, p.quantity) for p in mine)
    assert [t for t in counted if counted[0][0] < t[0] < counted[-1][0]] == [
        t for t in expected if counted[0][0] < t[0] < counted[-1][0]
    ]
    assert len(sink.gaps) == len(sink.filled)
    assert feed.health()["gaps"] == 0
    assert feed.health()["reconnects"] == 0


def test_an_announced_shutdown_leads_to_a_successor(exchange, feeds):
    """The venue's notice is enough; the stream does not break."""
    feed, sink = binance(feeds, exchange), Sink()
    feed.subscribe("BTCUSDT", sink)
    wait_until(lambda: sink.trades)
    exchange.faults.server_shutdown()
    wait_until(lambda: feed.health()["handovers"] == 1)
    wait_until(lambda: len(exchange.connections) == 1)
    assert feed.status("BTCUSDT").state is State.LIVE
    assert feed.health()["gaps"] == 0


def test_the_old_connection_stays_until_all_symbols_are_shown(handover):
    """Trades come over both, each counts once, and what only the old one has is not lost."""
    server, feed, sink, old = handover
    send_trade(server, 0, 2)
    wait_until(lambda: sink.ids == [1, 2])
    look_again(feed)
    send_trade(server, 1, 4)
    wait_until(lambda: 4 in sink.ids)
    assert sink.gaps
    send_trade(server, 0, 3)
    wait_until(lambda: sink.filled)
    look_again(feed)
    send_trade(server, 1, 5)
    look_again(feed)
    send_trade(server, 1, 6)
    wait_until(lambda: feed.health()["handovers"] == 1 and 6 in sink.ids)
    assert sink.ids == [1, 2, 4, 3, 5, 6]
    wait_until(lambda: not old._thread.is_alive())
    assert feed.health()["gaps"] == 0
    assert feed._pool.connections == [feed._streams["BTCUSDT"].subscription.connection]


def test_a_stream_that_starts_during_a_handover_outlives_it(handover):
    """It is put on a connection that stays."""
    server, feed, sink, old = handover
    late = Sink()
    feed.subscribe("ETHUSDT", late)
    assert feed._streams["ETHUSDT"].subscription.connection is not old
    wait_until(subscribed(server, 5))
    for number in (2, 3):
        look_again(feed)
        send_trade(server, 1, number)
        wait_until(lambda number=number: number in sink.ids)
    wait_until(lambda: feed.health()["handovers"] == 1)
    send_trade(server, 1, 77, "ETHUSDT")
    wait_until(lambda: late.trades)


def test_a_successor_that_breaks_shows_all_symbols_again(handover):
    """The old connection is not given up for one that has only just come back."""
    server, feed, sink, _ = handover
    send_trade(server, 1, 2)
    wait_until(lambda: 2 in sink.ids)
    ((successor, started),) = feed._pool.handovers.items()
    assert not started.waiting
    server.sockets[1].close()
    wait_until(lambda: successor.link is Link.LOST)
    wait_until(lambda: feed._pool.handovers[successor].waiting == {"BTCUSDT"})
    look_again(feed)
    send_trade(server, 0, 3)
    wait_until(lambda: 3 in sink.ids)
    wait_until(lambda: len(server.sockets) == 3)
    wait_until(subscribed(server, 6))
    assert feed.health()["handovers"] == 0
    for number in (4, 5):
        look_again(feed)
        send_trade(server, 2, number)
        wait_until(lambda number=number: number in sink.ids)
    wait_until(lambda: feed.health()["handovers"] == 1)
    assert sink.ids == [1, 2, 3, 4, 5]
    assert not sink.gaps


def test_unsubscribing_in_a_handover_ends_both_connections(handover):
    """Nothing is left behind, and nothing fails when the handover would have ended."""
    _, feed, _, old = handover
    connections = list(feed._pool.connections)
    feed.unsubscribe("BTCUSDT")
    assert (feed._pool.connections, feed._pool.handovers) == ([], {})
    wait_until(lambda: not any(connection._thread.is_alive() for connection in connections))
    feed.on_aged(old)
    assert not feed._pool.connections


def test_an_old_connection_that_ends_first_ends_the_handover(handover):
    """The successor goes on as an ordinary connection."""
    server, feed, _, old = handover
    late = Sink()
    feed.subscribe("ETHUSDT", late)
    feed.unsubscribe("BTCUSDT")
    assert feed._pool.handovers == {}
    assert feed._pool.connections == [feed._streams["ETHUSDT"].subscription.connection]
    wait_until(lambda: not old._thread.is_alive())
    wait_until(subscribed(server, 5))
    look_again(feed)
    send_trade(server, 1, 5, "ETHUSDT")
    wait_until(lambda: late.trades)
    assert feed.health()["handovers"] == 0


def test_a_quiet_symbol_does_not_hold_a_handover_up_for_ever(handover, monkeypatch):
    """After the longest overlap the old connection goes, shown or not."""
    server, feed, _, old = handover
    feed.subscribe("ETHUSDT", other := Sink())
    wait_until(subscribed(server, 5))
    monkeypatch.setattr(pool, "_HANDOVER_S", 0.0)
    for number in (1, 2, 3):
        look_again(feed)
        send_trade(server, 1, number, "ETHUSDT")
        wait_until(lambda number=number: number in other.ids)
    wait_until(lambda: not old._thread.is_alive())
    assert feed.health()["handovers"] == 1
