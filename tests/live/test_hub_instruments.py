"""Instruments as the hub returns them: waiting, errors, changed ticks."""

from __future__ import annotations

import threading
from dataclasses import replace
from decimal import Decimal

import pytest

from orderflow_dash.live.hub import Unavailable, UnknownSymbol
from orderflow_dash.market import Instrument, Ticker, Venue
from orderflow_dash.web.query import QueryError, parse_view_query
from tests.exchanges.frames import instrument
from tests.live.hub_bench import BTC, ETH, HubBench, key


def test_errors_name_what_is_unavailable_and_what_is_not(bench):
    """Unknown symbol, venue out of reach, venue not served: three different answers."""
    hub = bench.hub
    assert hub.instrument(Venue.BINANCE, "BTCUSDT") == BTC
    with pytest.raises(UnknownSymbol, match='Binance lists no perpetual "NOPE"; it lists BTCUSDT'):
        hub.instrument(Venue.BINANCE, "NOPE")
    with pytest.raises(Unavailable, match="Bybit cannot be reached: connection refused"):
        hub.instrument(Venue.BYBIT, "BTCUSDT")
    with pytest.raises(Unavailable, match=r"Demo \(simulated\) is not served here; served: Binance, Bybit"):
        hub.instrument(Venue.DEMO, "BTCUSDT")
    with pytest.raises(UnknownSymbol), hub.watch(key("NOPE")):
        pytest.fail("nothing to watch")
    assert bench.counts == (0, 0, 0)
    assert hub.instruments() == [BTC, ETH]
    assert [(v.venue, v.reachable) for v in hub.venues()] == [(Venue.BINANCE, True), (Venue.BYBIT, False)]


def test_an_unknown_symbol_reloads_the_instruments():
    """It may have been listed a moment ago: then it opens at once."""
    bench = HubBench()
    new = instrument("NEWUSDT", "0.001", "1")
    bench.listed.about_to_list = {"NEWUSDT": new}
    assert bench.hub.instrument(Venue.BINANCE, "NEWUSDT") == new
    assert bench.listed.refreshed == [(2.0, "NEWUSDT")]
    assert bench.hub.instrument(Venue.BINANCE, "NEWUSDT") == new
    assert len(bench.listed.refreshed) == 1


def test_at_once_does_not_wait_for_the_instruments():
    """The next request finds the new instruments."""
    bench = HubBench()
    with pytest.raises(UnknownSymbol):
        bench.hub.instrument(Venue.BINANCE, "NOPE", at_once=True)
    assert bench.listed.refreshed == [(0.0, "NOPE")]


def test_the_error_has_the_status_of_an_unlisted_symbol():
    """Where the venue gives one."""
    bench = HubBench()
    bench.listed.statuses = {"ESUSDT": "SETTLING"}
    with pytest.raises(UnknownSymbol, match=r'"ESUSDT" \(its status is SETTLING\); it lists BTCUSDT'):
        bench.hub.instrument(Venue.BINANCE, "ESUSDT")


def test_a_first_request_waits_for_the_instruments(bench):
    """A request before they have loaded returns when they have."""
    listed = bench.listed
    listed.answered.clear()
    listed.instruments.clear()
    found: list[Instrument] = []
    visitor = threading.Thread(target=lambda: found.append(bench.hub.instrument(Venue.BINANCE, "BTCUSDT")))
    visitor.start()
    listed.instruments["BTCUSDT"] = BTC
    listed.answered.set()
    visitor.join(5)
    assert found == [BTC]


def test_a_running_stream_takes_a_finer_tick(bench):
    """The view of before shows the same values, with the new decimals, and one of the new tick opens."""
    finer = replace(BTC, tick=Decimal("0.01"))
    with bench.hub.watch(key()) as view:
        bench.source.sinks["BTCUSDT"].on_trades([(1_790_000_040_000, 1, 834_344, 5)], BTC.grid)
        before, revision = view.candles(1)[0], view.revision()
        bench.listed.instruments["BTCUSDT"] = finer
        assert bench.hub.instrument(Venue.BINANCE, "BTCUSDT") == view.instrument == finer
        with bench.hub.watch(key()._replace(step=Decimal("0.01"))) as other:
            assert other.candles(1)[0].levels[0, 0] == 8_343_440
        after = view.candles(1)[0]
        assert view.revision() == revision
        assert after.grid.price.decimal(after.close) == before.grid.price.decimal(before.close)
        assert '"close":83434.40' in view.snapshot(1)[0]


def test_an_open_view_outlives_a_coarser_tick(bench):
    """Its query stays good while it is open; another step of the old tick is refused with the new one."""
    args = {"exchange": "binance", "symbol": "BTCUSDT", "step": "0.1"}
    with bench.hub.watch(parse_view_query(args, bench.hub, None).key):
        bench.listed.instruments["BTCUSDT"] = replace(BTC, tick=Decimal(1))
        assert parse_view_query(args, bench.hub, None).key.step == Decimal("0.1")
        with pytest.raises(QueryError, match="whole multiple of the tick 1"):
            parse_view_query({**args, "step": "0.2"}, bench.hub, None)
    bench.later(31)
    with pytest.raises(QueryError, match="whole multiple of the tick 1"):
        parse_view_query(args, bench.hub, None)


def test_a_step_of_a_new_tick_reloads_the_instruments(bench):
    """The tick may have changed a moment ago."""
    bench.listed.about_to_list["BTCUSDT"] = replace(BTC, tick=Decimal("0.01"))
    args = {"exchange": "binance", "symbol": "BTCUSDT", "step": "0.01"}
    assert parse_view_query(args, bench.hub, None).key.step == Decimal("0.01")
    assert bench.listed.refreshed


def test_trades_off_the_tick_reload_the_instruments(bench):
    """What it lists now is taken for the steps that are offered."""
    with bench.hub.watch(key()):
        finer = replace(BTC, tick=Decimal("0.01")).grid
        bench.source.sinks["BTCUSDT"].on_trades([(1_790_000_040_000, 1, 8_343_441, 5)], finer)
    assert bench.listed.refreshed


def test_an_unlisted_symbol_stays_open_while_watched(bench):
    """Its stream goes on in the units that the venue listed last."""
    with bench.hub.watch(key()):
        del bench.listed.instruments["BTCUSDT"]
        assert bench.hub.instrument(Venue.BINANCE, "BTCUSDT") == BTC
    bench.later(31)
    with pytest.raises(UnknownSymbol):
        bench.hub.instrument(Venue.BINANCE, "BTCUSDT")


def test_prices_come_from_the_tickers(bench):
    """In ticks; None if unknown. A request keeps them live."""
    assert bench.hub.price(BTC) is None
    tickers = [Ticker("BTCUSDT", last=Decimal("83434.4")), Ticker("ETHUSDT")]
    bench.board.update(Venue.BINANCE, tickers, bench.listed.instruments)
    assert bench.hub.price(BTC) == Decimal("83434.4")
    assert bench.hub.price(ETH) is None
    assert bench.hub.tickers() is bench.board
    assert bench.listed.looks == 1
