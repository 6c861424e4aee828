"""All streams of a venue: who is on which connection, and how each of them is."""

from __future__ import annotations

import contextlib
import json
import socket as sockets
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from decimal import Decimal

import pytest

from orderflow_dash.exchanges.binance import rest as binance_rest
from orderflow_dash.exchanges.binance.stream import BinanceProtocol, market_stream_url
from orderflow_dash.exchanges.bybit.stream import BybitProtocol
from orderflow_dash.exchanges.protocol import ReconnectAsked, Rejected, TradeBatch
from orderflow_dash.feeds import feed as feed_module
from orderflow_dash.feeds import pool
from orderflow_dash.feeds.clock import VenueClock
from orderflow_dash.feeds.connection import ConnectionPolicy, Link
from orderflow_dash.feeds.feed import Feed
from orderflow_dash.feeds.rest import RestClient
from orderflow_dash.feeds.sequencing import Deduplicator, Gap, SequenceTracker
from orderflow_dash.market import Grid, Instrument, State, Trade, Venue
from orderflow_dash.simulator import SimulatedExchange, SyntheticMarket
from tests.conftest import wait_until
from tests.exchanges.frames import LISTED, aggregate, combined, instrument
from tests.feeds.venue_server import QUICK, VenueServer


class Sink:
    """What a stream gave."""

    def __init__(self) -> None:
        self.trades: list[Trade] = []
        self.grids: list[Grid | None] = []
        self.gaps: list[Gap] = []
        self.filled: list[Gap] = []

    def on_trades(self, trades: list[Trade], grid: Grid | None = None) -> None:
        self.trades += trades
        self.grids += [grid] * len(trades)

    def on_gap(self, gap: Gap) -> None:
        self.gaps.append(gap)

    def on_gap_filled(self, gap: Gap) -> None:
        self.filled.append(gap)

    @property
    def ids(self) -> list[int]:
        return [order for _, order, _, _ in self.trades]

    @property
    def prices(self) -> list[Decimal]:
        return [grid.price.decimal(trade[2]) for trade, grid in zip(self.trades, self.grids, strict=True)]


@pytest.fixture
def feeds() -> Iterator[Callable[..., Feed]]:
    """Makes feeds, and stops them after the test; no thread of theirs outlives it.

    To be asked for after an exchange, so that they end before it.
    """
    before = set(threading.enumerate())
    made: list[Feed] = []

    def make(url, listed, policy=QUICK, protocol=BinanceProtocol, sequencer=SequenceTracker, clock=None):
        venue = Venue.BYBIT if issubclass(protocol, BybitProtocol) else Venue.BINANCE
        made.append(Feed(venue, url, protocol, sequencer, dict(listed), policy, clock=clock))
        return made[-1]

    yield make
    for feed in made:
        feed.stop()
    wait_until(
        lambda: not [t for t in threading.enumerate() if t not in before and t.name.endswith("-trades")]
    )


@pytest.fixture
def exchange() -> Iterator[SimulatedExchange]:
    """A market that runs 20 times as fast as a clock."""
    with SimulatedExchange(SyntheticMarket(3, 20.0)) as running:
        yield running


def listed_on(exchange: SimulatedExchange, venue: Venue) -> dict[str, Instrument]:
    """What the exchange lists, as a directory would tell it."""
    return {
        each.symbol: Instrument(
            venue, each.symbol, each.base, each.quote, each.price.value, each.quantity.value
        )
        for each in exchange.source.listings
        if venue in each.venues
    }


def clock_of(exchange: SimulatedExchange) -> VenueClock:
    """The clock of a market that is faster than this one."""
    clock, rest = VenueClock(), RestClient(exchange.rest_root)
    clock.ask = lambda: binance_rest.parse_time(rest.get(binance_rest.TIME_PATH))
    clock.measure()
    return clock


def binance(feeds, exchange, policy: ConnectionPolicy = QUICK) -> Feed:
    """A feed of the exchange's Binance side."""
    url, clock = market_stream_url(exchange.ws_root), clock_of(exchange)
    return feeds(url, listed_on(exchange, Venue.BINANCE), policy, clock=clock)


def bybit(feeds, exchange, policy: ConnectionPolicy = QUICK) -> Feed:
    """A feed of the exchange's Bybit side."""
    listed, clock = listed_on(exchange, Venue.BYBIT), clock_of(exchange)
    return feeds(exchange.bybit_ws, listed, policy, BybitProtocol, Deduplicator, clock)


def obey(server: VenueServer, socket) -> None:
    """Acknowledge everything, send nothing else."""
    while True:
        request = server.hear(socket)
        socket.send(json.dumps({"result": None, "id": request["id"]}))


def told(server: VenueServer, socket_number: int, number: int, symbol: str = "BTCUSDT") -> None:
    """The venue sends one trade."""
    price = "100.00" if symbol != "DOGEUSDT" else "0.10000"
    server.sockets[socket_number].send(combined(aggregate(s=symbol, p=price, q="1", a=number)))


def subscribed(server: VenueServer, count: int) -> Callable[[], bool]:
    """Whether so many topics were asked for, pulse included."""
    return lambda: sum(len(r["params"]) for r in server.requests if r["method"] == "SUBSCRIBE") >= count


def test_a_stream_runs_from_its_subscription_to_its_end(exchange, feeds):
    """Trades flow, the state tells it, and the connection ends with its last stream."""
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
    """At most 200 topics on a connection, the pulse included, each asked for once."""
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


def test_a_given_back_stream_gets_nothing_more(feeds):
    """Its topic is given back, the others live on, and what was in flight goes nowhere."""
    with VenueServer(obey) as server:
        feed, kept, given = feeds(server.url, LISTED), Sink(), Sink()
        feed.subscribe("BTCUSDT", kept)
        feed.subscribe("ETHUSDT", given)
        wait_until(subscribed(server, 3))
        feed.unsubscribe("ETHUSDT")
        wait_until(lambda: server.requests[-1]["method"] == "UNSUBSCRIBE")
        assert server.requests[-1]["params"] == ["ethusdt@aggTrade"]
        told(server, 0, 1, "ETHUSDT")
        told(server, 0, 2)
        wait_until(lambda: kept.trades)
        assert not given.trades


def test_a_stream_given_back_and_taken_again_at_once_begins_anew(exchange, feeds):
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
def test_a_cut_is_told_and_survived(exchange, feeds, side):
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


@pytest.fixture
def handover(feeds, monkeypatch):
    """A feed in the middle of a handover, on a server that the test speaks for."""
    monkeypatch.setattr(pool, "_SETTLE_S", 0.0)
    with VenueServer(obey) as server:
        feed = feeds(server.url, LISTED, replace(QUICK, backoff_floor=0.3, backoff_ceiling=0.4))
        sink = Sink()
        feed.subscribe("BTCUSDT", sink)
        wait_until(subscribed(server, 2))
        told(server, 0, 1)
        wait_until(lambda: sink.trades)
        (old,) = feed._pool.connections
        feed.on_event(old, ReconnectAsked("test"))
        feed.on_event(old, ReconnectAsked("test"))  # once is enough
        wait_until(lambda: len(server.sockets) == 2)
        wait_until(subscribed(server, 4))
        assert len(feed._pool.connections) == 2
        yield server, feed, sink, old


def look_again(feed: Feed) -> None:
    """Let the next event look after handovers at once, not within a second."""
    feed._next_check = 0.0


def test_the_old_connection_stays_until_the_new_one_has_shown_its_symbols(handover):
    """Trades come over both, each counts once, and what only the old one has is not lost."""
    server, feed, sink, old = handover
    told(server, 0, 2)
    wait_until(lambda: sink.ids == [1, 2])
    look_again(feed)
    told(server, 1, 4)
    wait_until(lambda: 4 in sink.ids)
    assert sink.gaps
    told(server, 0, 3)
    wait_until(lambda: sink.filled)
    look_again(feed)
    told(server, 1, 5)
    look_again(feed)
    told(server, 1, 6)
    wait_until(lambda: feed.health()["handovers"] == 1 and 6 in sink.ids)
    assert sink.ids == [1, 2, 4, 3, 5, 6]
    wait_until(lambda: not old._thread.is_alive())
    assert feed.health()["gaps"] == 0
    assert feed._pool.connections == [feed._streams["BTCUSDT"].subscription.connection]


def test_a_stream_that_begins_during_a_handover_outlives_it(handover):
    """It is put on a connection that stays."""
    server, feed, sink, old = handover
    late = Sink()
    feed.subscribe("ETHUSDT", late)
    assert feed._streams["ETHUSDT"].subscription.connection is not old
    wait_until(subscribed(server, 5))
    for number in (2, 3):
        look_again(feed)
        told(server, 1, number)
        wait_until(lambda number=number: number in sink.ids)
    wait_until(lambda: feed.health()["handovers"] == 1)
    told(server, 1, 77, "ETHUSDT")
    wait_until(lambda: late.trades)


def test_a_successor_that_breaks_has_to_show_everything_anew(handover):
    """The old connection is not given up for one that has only just come back."""
    server, feed, sink, _ = handover
    told(server, 1, 2)
    wait_until(lambda: 2 in sink.ids)
    ((successor, begun),) = feed._pool.handovers.items()
    assert not begun.waiting
    server.sockets[1].close()
    wait_until(lambda: successor.link is Link.LOST)
    wait_until(lambda: feed._pool.handovers[successor].waiting == {"BTCUSDT"})
    look_again(feed)
    told(server, 0, 3)
    wait_until(lambda: 3 in sink.ids)
    wait_until(lambda: len(server.sockets) == 3)
    wait_until(subscribed(server, 6))
    assert feed.health()["handovers"] == 0
    for number in (4, 5):
        look_again(feed)
        told(server, 2, number)
        wait_until(lambda number=number: number in sink.ids)
    wait_until(lambda: feed.health()["handovers"] == 1)
    assert sink.ids == [1, 2, 3, 4, 5]
    assert not sink.gaps


def test_streams_given_back_during_a_handover_end_both_connections(handover):
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
    told(server, 1, 5, "ETHUSDT")
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
        told(server, 1, number, "ETHUSDT")
        wait_until(lambda number=number: number in other.ids)
    wait_until(lambda: not old._thread.is_alive())
    assert feed.health()["handovers"] == 1


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


def test_a_refusal_without_topics_blames_nobody(exchange, feeds):
    """It is counted."""
    feed = binance(feeds, exchange)
    feed.subscribe("BTCUSDT", sink := Sink())
    wait_until(lambda: sink.trades)
    feed.on_event(feed._pool.connections[0], Rejected([], "what?"))
    assert feed.health()["refused"] == 1
    assert feed.status("BTCUSDT").state is State.LIVE


def test_silence_out_of_rhythm_is_stale_and_asked_about(feeds, monkeypatch):
    """A topic that went silent on a living connection is asked for again, once per patience."""
    monkeypatch.setattr(feed_module, "_RENEW_AFTER_S", 0.1)
    with VenueServer(obey) as server:
        feed, sink = feeds(server.url, LISTED), Sink()
        feed.subscribe("BTCUSDT", sink)
        feed.subscribe("ETHUSDT", Sink())
        wait_until(subscribed(server, 3))
        told(server, 0, 1)
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
            told(server, 0, number, "ETHUSDT")
        wait_until(lambda: server.requests[-1]["params"] == ["btcusdt@aggTrade"])
        assert (
            len(server.requests) == 3
            or sum(r["params"] == ["btcusdt@aggTrade"] for r in server.requests) <= 2
        )


def test_a_lost_connection_collects_no_requests(feeds, monkeypatch):
    """While it is down, silence is no reason to ask: it asks for everything when it is back."""
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


def test_a_frame_without_a_readable_trade_is_no_sign_of_life(feeds):
    """A stream of which every row is malformed does not look live."""
    with VenueServer(obey) as server:
        feed = feeds(server.url, LISTED)
        feed.subscribe("BTCUSDT", sink := Sink())
        (connection,) = feed._pool.connections
        feed.on_event(connection, TradeBatch("BTCUSDT", [], [], malformed=1))
        assert feed._streams["BTCUSDT"].stale.last is None
        assert not sink.trades


def test_trades_of_a_changed_tick_come_with_a_finer_grid(feeds):
    """No connection ends for it, and a symbol that is no longer listed is read to its end."""
    with VenueServer(obey) as server:
        feed, before = feeds(server.url, LISTED), Sink()
        feed.subscribe("DOGEUSDT", Sink())
        feed.subscribe("BTCUSDT", before)
        wait_until(subscribed(server, 3))
        told(server, 0, 1)
        wait_until(lambda: before.trades)
        feed._listed["BTCUSDT"] = replace(LISTED["BTCUSDT"], tick=Decimal("0.01"))
        told(server, 0, 2)
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
        begun = time.monotonic()
        feed.stop()
        assert time.monotonic() - begun < 2
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
        except BaseException as error:  # noqa: BLE001 - the test tells it
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
