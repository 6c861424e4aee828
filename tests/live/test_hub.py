"""The hub: streams on demand, references, leases and shared views."""

from __future__ import annotations

import contextlib
import threading

import pytest

from orderflow_dash.exchanges.binance.stream import BinanceProtocol, market_stream_url
from orderflow_dash.feeds.feed import Feed
from orderflow_dash.feeds.sequencing import SequenceTracker
from orderflow_dash.feeds.tickers import TickerCache
from orderflow_dash.live.hub import Hub, UnknownSymbol, VenueLink
from orderflow_dash.live.limits import HubLimits
from orderflow_dash.live.view import View
from orderflow_dash.market import Instrument, Timeframe, Venue
from orderflow_dash.simulator import SimulatedExchange, SyntheticMarket
from tests.conftest import wait_until
from tests.feeds.venue_server import QUICK
from tests.live.hub_bench import BTC, FixedInstruments, ManualFeed, at, key


def test_a_stream_runs_until_the_grace_period_ends(bench):
    """It starts with the first watcher and ends only so long after the last."""
    with bench.hub.watch(key()), bench.hub.watch(key()):
        assert bench.source.started == ["BTCUSDT"]
        bench.later(1_000)
    assert bench.counts == (1, 0, 0)
    bench.later(29)
    assert not bench.source.ended
    bench.later(2)
    assert bench.source.ended == ["BTCUSDT"]
    assert bench.counts == (0, 0, 0)


def test_the_series_survives_within_the_grace_period(bench):
    """The series goes on, and its idle time starts over."""
    with bench.hub.watch(key()):
        bench.source.give(at(1))
    bench.later(25)
    with bench.hub.watch(key()) as view:
        assert view.candles(10)[0].n == 1
        bench.later(100)
    bench.later(29)
    assert not bench.source.ended


def test_a_released_stream_restarts_empty(bench):
    """Nothing of the old one is shown."""
    with bench.hub.watch(key()):
        bench.source.give(at(1))
    bench.later(31)
    with bench.hub.watch(key()) as view:
        assert bench.source.started == ["BTCUSDT"] * 2
        assert view.candles(10) == []
        assert view.cvd_from is None


def test_a_failing_viewer_releases_its_reference(bench):
    """Whatever happens inside."""
    with contextlib.suppress(ZeroDivisionError), bench.hub.watch(key()):
        raise ZeroDivisionError
    assert bench.counts == (1, 0, 0)
    bench.later(31)
    assert bench.source.ended == ["BTCUSDT"]


def test_a_lease_expires_unless_it_is_renewed(bench):
    """A closed tab is forgotten after the lease, its stream after the grace period."""
    view = bench.hub.lease("tab", key())
    for _ in range(5):
        bench.later(14)
        assert bench.hub.lease("tab", key()) is view
        bench.later(14)
        assert bench.hub.renewed("tab", key()) is view
    assert bench.counts == (1, 1, 1)
    bench.later(16)
    assert bench.hub.renewed("tab", key()) is None
    assert bench.counts == (1, 0, 0)
    bench.later(31)
    assert bench.source.ended == ["BTCUSDT"]
    assert bench.source.started == ["BTCUSDT"]


def test_a_panel_has_one_lease(bench):
    """Asking for another view gives the old one back; a release is idempotent."""
    bench.hub.lease("tab", key())
    bench.hub.lease("tab", key("ETHUSDT"))
    assert bench.counts == (2, 1, 1)
    bench.later(14)
    assert bench.hub.renewed("tab", key("ETHUSDT", step=2)) is None
    bench.hub.lease("tab", key("ETHUSDT", step=2))
    bench.later(14)
    assert bench.counts == (2, 1, 1)
    bench.later(3)
    assert bench.source.ended == ["BTCUSDT"]
    bench.hub.release("tab")
    bench.hub.release("tab")
    bench.hub.release("unknown")
    assert bench.counts == (1, 0, 0)


def test_a_lease_that_is_refused_keeps_the_old_one(bench):
    """An unknown symbol changes nothing for its holder."""
    view = bench.hub.lease("tab", key())
    with pytest.raises(UnknownSymbol):
        bench.hub.lease("tab", key("NOPEUSDT"))
    assert bench.hub.lease("tab", key()) is view
    assert bench.counts == (1, 1, 1)


def test_equal_keys_share_one_view(bench):
    """By reference or by lease; another step or timeframe is another view of the same series."""
    with bench.hub.watch(key()) as one, bench.hub.watch(key()) as two:
        assert one is two is bench.hub.lease("tab", key())
        with bench.hub.watch(key(step=5)) as other:
            assert other is not one
            assert bench.counts == (1, 2, 1)
        assert bench.counts == (1, 1, 1)
    assert bench.counts == (1, 1, 1)


def test_a_symbol_streams_until_the_grace_period_ends(bench):
    """A symbol counts once, however many views it has."""
    assert bench.hub.streamed() == frozenset()
    with bench.hub.watch(key()), bench.hub.watch(key(timeframe=Timeframe.M5)):
        assert bench.hub.streamed() == {(Venue.BINANCE, "BTCUSDT")}
    bench.later(29)
    assert bench.hub.streamed() == {(Venue.BINANCE, "BTCUSDT")}
    bench.later(2)
    assert bench.hub.streamed() == frozenset()


def test_health_reports_each_venue(bench):
    """Reachability, listing and the feed's own figures."""
    health = bench.hub.health()
    assert (health["feeds"]["binance"]["reachable"], health["feeds"]["binance"]["symbols"]) == (True, 2)
    assert health["feeds"]["bybit"]["detail"] == "connection refused"
    assert health["feeds"]["binance"]["state"] == "live"


def test_the_sweeper_survives_a_crash(caplog):
    """With a real clock, in its own thread; an exception is logged and the next round comes."""
    source, listed = ManualFeed(), FixedInstruments(BTC)
    hub = Hub({Venue.BINANCE: VenueLink(listed, source)}, TickerCache(), HubLimits(grace_s=0, lease_s=0))
    sweep, rounds = hub.sweep, []

    def failing() -> None:
        rounds.append(1)
        if len(rounds) == 1:
            raise ZeroDivisionError
        sweep()

    hub.sweep = failing
    hub.start()
    hub.lease("tab", key())
    wait_until(lambda: source.ended == ["BTCUSDT"])
    hub.stop()
    hub._sweeper.join(5)
    assert not hub._sweeper.is_alive()
    assert "hub-sweeper crashed" in caplog.text


def test_concurrent_viewers_leave_nothing_behind():
    """No deadlock, no reference left behind, and every reader sees whole candles."""
    with SimulatedExchange(SyntheticMarket(3, 50.0)) as exchange:
        listed = FixedInstruments(
            *(
                Instrument(Venue.BINANCE, x.symbol, x.base, x.quote, x.price.value, x.quantity.value)
                for x in exchange.source.listings
                if Venue.BINANCE in x.venues
            )
        )
        url = market_stream_url(exchange.ws_root)
        feed = Feed(Venue.BINANCE, url, BinanceProtocol, SequenceTracker, listed.instruments, QUICK)
        hub = Hub({Venue.BINANCE: VenueLink(listed, feed)}, TickerCache(), HubLimits(grace_s=0, lease_s=60))
        symbols = ["BTCUSDT", "ETHUSDT", "SOLUSDT"]
        failures: list[BaseException] = []
        seen: list[int] = []

        def read(view: View) -> None:
            _, revision, oldest = view.snapshot(30)
            view.deltas(revision, oldest)
            for candle in view.candles(30):
                bid, ask, n = candle.levels[:, 1:].sum(axis=0).tolist()
                assert (bid, ask, n) == (candle.bid, candle.ask, candle.n)
            seen.append(revision)

        def work(number: int) -> None:
            try:
                for turn in range(40):
                    symbol = symbols[(number + turn) % 3]
                    if number % 3 == 0:
                        with hub.watch(key(symbol, step=1 + turn % 2)) as view:
                            read(view)
                    elif number % 3 == 1:
                        read(hub.lease(f"tab{number % 2}", key(symbol, Timeframe.M5)))
                        if turn % 5 == 0:
                            hub.release(f"tab{number % 2}")
                    else:
                        hub.sweep()
                        hub.health()
            except BaseException as error:  # noqa: BLE001 - the test reports it
                failures.append(error)

        threads = [threading.Thread(target=work, args=(number,)) for number in range(9)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(30)
        assert not any(thread.is_alive() for thread in threads)
        assert not failures
        for number in range(9):
            hub.release(f"tab{number % 2}")
        hub.sweep()
        assert (hub.health()["series"], hub.health()["views"], hub.health()["leases"]) == (0, 0, 0)
        assert [len(each) for each in vars(hub._held).values()] == [0, 0, 0, 0]
        wait_until(lambda: not exchange.connections)
        feed.stop()
    assert seen


def test_viewers_of_a_feed_share_its_connection():
    """The whole way from a server's frames to equal messages, and back to no connection."""
    with SimulatedExchange(SyntheticMarket(3, 50.0)) as exchange:
        listed = FixedInstruments(BTC)
        url = market_stream_url(exchange.ws_root)
        feed = Feed(Venue.BINANCE, url, BinanceProtocol, SequenceTracker, listed.instruments, QUICK)
        hub = Hub({Venue.BINANCE: VenueLink(listed, feed)}, TickerCache(), HubLimits(grace_s=0))
        with hub.watch(key()) as one, hub.watch(key()) as two:
            wait_until(lambda: len(one.candles(9)) > 1)
            closed = one.candles(9)[0]
            assert closed.closed
            assert two.candles(9)[0].levels.tolist() == closed.levels.tolist()
            assert len(exchange.connections) == 1
        hub.sweep()
        wait_until(lambda: not exchange.connections)
        feed.stop()
