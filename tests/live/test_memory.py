"""Estimated memory is close to the memory in use."""

from __future__ import annotations

import gc
import random
import tracemalloc
import weakref
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from orderflow_dash.footprint.series import Series
from orderflow_dash.live.memory import held_memory
from orderflow_dash.live.stream import SeriesStream
from orderflow_dash.live.view import View, ViewKey
from orderflow_dash.market import MINUTE_MS, Timeframe, Trade, Venue
from orderflow_dash.simulator import SimulatedExchange, SyntheticMarket
from tests.conftest import Served, venues_at, wait_until
from tests.exchanges.frames import instrument
from tests.footprint.reference import START

BTC = instrument("BTCUSDT", "0.1", "0.001")


def minutes(count: int, levels: int) -> Iterator[list[Trade]]:
    """Trades of ``count`` minutes, a list for each, with ``levels`` levels in each."""
    chance, order = random.Random(1), 1_000_000_000
    for minute in range(count):
        trades = []
        for number in range(levels * 2):
            order += 1
            time = START + minute * MINUTE_MS + number * (MINUTE_MS - 1) // (levels * 2)
            trades.append((time, order, 834_344 + number % levels, chance.randint(1, 5_000)))
        yield trades


def taken(make: Callable[[], object]) -> tuple[int, object]:
    """Bytes that something takes, and the thing."""
    gc.collect()
    tracemalloc.start()
    try:
        made = make()
        gc.collect()
        return tracemalloc.get_traced_memory()[0], made
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("levels", [10, 60, 250])
def test_series_memory_is_estimated_within_a_tenth(levels: int) -> None:
    """Minutes that are closed and the open one."""

    def filled() -> Series:
        series = Series(500)
        for trades in minutes(120, levels):
            series.apply(trades)
        return series

    true, series = taken(filled)
    assert isinstance(series, Series)
    assert series.held_bytes() == pytest.approx(true, rel=0.1)
    closed = series._minutes[series._opens[0]].held_bytes
    assert closed == 1_120 + 32 * levels  # the formula of the runbook


def test_view_memory_is_estimated_within_a_tenth() -> None:
    """Its candles, and the texts of those that were sent."""
    stream = SeriesStream(BTC, None, 500)  # type: ignore[arg-type]
    for trades in minutes(120, 60):
        stream.on_trades(trades)
    key = ViewKey(Venue.BINANCE, "BTCUSDT", Timeframe.M1, BTC.tick)

    def watched() -> View:
        view = View(key, stream)
        view.snapshot(60)
        return view

    true, view = taken(watched)
    assert isinstance(view, View)
    assert view.held_bytes() == pytest.approx(true, rel=0.1)


def test_the_largest_symbols_are_named() -> None:
    """With the sums of all."""
    streams = {}
    for number, levels in enumerate((5, 50, 20, 1)):
        stream = SeriesStream(BTC, None, 500)  # type: ignore[arg-type]
        for trades in minutes(3, levels):
            stream.on_trades(trades)
        streams[Venue.BINANCE, f"S{number}"] = stream
    held = held_memory(streams, {})
    assert [each["symbol"] for each in held["largest"]] == ["S1", "S2", "S0"]
    assert held["minutes"] == 12
    assert held["series_bytes"] == sum(stream.series.held_bytes() for stream in streams.values())
    assert held["views_bytes"] == held["shelves_bytes"] == 0


@pytest.mark.parametrize("venue", [Venue.BINANCE, Venue.BYBIT])
def test_an_ended_stream_is_freed_without_the_collector(
    serve: Callable[..., Served], tmp_path: Path, venue: Venue
) -> None:
    """A symbol's minutes and hours go with its last watcher: cycles would keep them until a full round."""
    with SimulatedExchange(SyntheticMarket(seed=7, speed=40, history_ms=10 * MINUTE_MS)) as exchange:
        settings = {
            "database_url": f"sqlite:///{tmp_path}/history.sqlite3",
            "verify_interval_s": 1,
            "stream_idle_s": 0,
        }
        app = serve(**venues_at(exchange), **settings)
        app.hub.instrument(venue, "BTCUSDT")  # waits for the venue's list
        gc.collect()
        gc.disable()
        try:
            with app.socket(exchange=venue.value, symbol="BTCUSDT", tf="1m", emit_ms=50) as socket:
                socket.recv(timeout=20)  # the handshake alone starts no stream
                stream = weakref.ref(app.hub._streams[venue, "BTCUSDT"])
                wait_until(lambda: '"verified":true' in socket.recv(timeout=20), 60)
            wait_until(lambda: stream() is None, 10)
        finally:
            gc.enable()
