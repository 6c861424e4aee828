"""History from before the first viewer joins the live trades without a seam."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from orderflow_dash.exchanges.binance.rest import AGG_TRADES_PATH
from orderflow_dash.exchanges.bybit.rest import RECENT_TRADES_PATH
from orderflow_dash.feeds import backfill
from orderflow_dash.market import Venue
from orderflow_dash.simulator import SimulatedExchange, SyntheticMarket
from tests.conftest import Served, venues_at, wait_until
from tests.faults.candles import CandleReader, assert_consistent, assert_equals_truth, parse, truth

MINUTE = 60_000


@pytest.fixture(scope="module")
def exchange() -> Iterator[SimulatedExchange]:
    """A market that has traded for twenty minutes before the first viewer."""
    with SimulatedExchange(SyntheticMarket(seed=5, speed=5, history_ms=20 * MINUTE)) as running:
        yield running


def tick(exchange: SimulatedExchange, symbol: str) -> str:
    """The symbol's finest step."""
    return next(each.price.text(1) for each in exchange.source.listings if each.symbol == symbol)


@pytest.mark.parametrize("symbol", ["YFIUSDT", "BTCUSDT", "ETHUSDT"])
def test_the_first_viewer_gets_history_in_the_first_snapshot(
    exchange: SimulatedExchange, serve: Callable[..., Served], symbol: str
) -> None:
    """Ten minutes are in the first snapshot and equal the market's own; CVD counts from their start."""
    app = serve(**venues_at(exchange), backfill_minutes=10)
    query = {"exchange": "binance", "symbol": symbol, "step": tick(exchange, symbol), "lookback": 500}
    with app.socket(**query, emit_ms=50) as socket:
        reader = CandleReader(socket)
        # A trade makes it live, and this market's quietest symbol may be silent for three market minutes.
        wait_until(lambda: (reader.read(), reader.states[-1:] == ["live"])[1], 90)
        reader.catch_up()
    candles = [reader.candles[open_ts] for open_ts in sorted(reader.candles)]
    minutes = truth(exchange, symbol, Venue.BINANCE)
    assert_consistent(candles)
    known = [candle for candle in candles[:-1] if candle["open_ts"] > min(minutes)]
    assert len(known) >= (9 if symbol != "YFIUSDT" else 1)
    for candle in known:
        assert candle["quality"] in ("repaired", "complete")
        assert_equals_truth(candle, minutes[candle["open_ts"]])
    assert reader.cvd_from == candles[0]["open_ts"]
    assert candles[0]["cvd"] == candles[0]["delta"]
    assert app.health("binance")["gaps"] == 0


def test_a_second_viewer_gets_the_same_candles(
    exchange: SimulatedExchange, serve: Callable[..., Served]
) -> None:
    """Its first message holds the whole history, with the first viewer's candles."""
    app = serve(**venues_at(exchange), backfill_minutes=10)
    query = {"exchange": "binance", "symbol": "BTCUSDT", "step": "0.5", "lookback": 500, "emit_ms": 50}
    with app.socket(**query) as one:
        reader = CandleReader(one)
        wait_until(lambda: (reader.read(), reader.states[-1:] == ["live"])[1], 20)
        with app.socket(**query) as two:
            snapshot = parse(two.recv(timeout=5))
        reader.catch_up()
    for candle in snapshot["candles"][:-1]:
        known = reader.candles[candle["open_ts"]]
        # The verdict of the venue's klines may have arrived in between, and is a revision as well.
        assert candle["rev"] <= known["rev"]
        verdict = {name: known[name] for name in ("rev", "verified")}
        assert {**candle, **verdict} == {**known, **verdict}


def test_bybits_history_is_what_its_recent_trades_hold(
    exchange: SimulatedExchange, serve: Callable[..., Served]
) -> None:
    """One page: the minutes that it holds entirely are complete, the oldest one is partial."""
    app = serve(**venues_at(exchange))
    query = {"exchange": "bybit", "symbol": "ETHUSDT", "step": tick(exchange, "ETHUSDT"), "lookback": 500}
    with app.socket(**query, emit_ms=50) as socket:
        reader = CandleReader(socket)
        wait_until(lambda: (reader.read(), app.health("bybit")["repaired"] > 0)[1], 20)
        reader.catch_up()
    candles = [reader.candles[open_ts] for open_ts in sorted(reader.candles)]
    minutes = truth(exchange, "ETHUSDT", Venue.BYBIT)
    assert_consistent(candles)
    assert candles[0]["quality"] == "partial"
    assert candles[1]["quality"] == "repaired"
    for candle in candles[1:-1]:
        assert_equals_truth(candle, minutes[candle["open_ts"]])


@pytest.mark.parametrize("venue", [Venue.BINANCE, Venue.BYBIT])
def test_a_silent_symbol_shows_its_history_before_it_trades(
    serve: Callable[..., Served], monkeypatch: pytest.MonkeyPatch, venue: Venue
) -> None:
    """Also if the venue returns it only to a retry. A trade lost before the next one is fetched."""
    monkeypatch.setattr(backfill, "_RETRY_SILENT_S", 1.0)
    # The first twenty seconds of this market bring no trade of the symbol.
    with SimulatedExchange(SyntheticMarket(seed=27, speed=0.5, history_ms=20 * MINUTE)) as exchange:
        is_binance = venue is Venue.BINANCE
        exchange.faults.http(503, path=AGG_TRADES_PATH if is_binance else RECENT_TRADES_PATH)
        exchange.faults.drop(1, "yfiusdt@aggTrade" if is_binance else "publicTrade.YFIUSDT")
        app = serve(**venues_at(exchange), backfill_minutes=10)
        query = {"exchange": venue.value, "symbol": "YFIUSDT", "step": tick(exchange, "YFIUSDT")}
        with app.socket(**query, lookback=500, emit_ms=50) as socket:
            reader = CandleReader(socket)
            wait_until(lambda: (reader.read(), len(reader.candles) > 1)[1], 20)
            reader.drain()
            known, stream = dict(reader.candles), app.health(venue.value)["streams"]["YFIUSDT"]
            assert "live" not in reader.states
            assert (stream["detail"], stream["age_ms"]) == ("connected, waiting for a trade", None)
            assert exchange.faults.counts["http"] == 1
            wait_until(lambda: (reader.read(), reader.states[-1:] == ["live"])[1], 60)
            reader.catch_up()
            health = app.health(venue.value)
        minutes = truth(exchange, "YFIUSDT", venue)
    candles = [reader.candles[open_ts] for open_ts in sorted(reader.candles)]
    assert_consistent(candles)
    for candle in [*list(known.values())[1:-1], *candles[1:-1]]:
        assert candle["quality"] in ("repaired", "complete")
        assert_equals_truth(candle, minutes[candle["open_ts"]])
    assert (stream["gaps"], health["gaps"]) == (0, 1)
    assert health["repaired"] == stream["repaired"] + 1


def test_without_history_the_first_candle_is_partial(
    exchange: SimulatedExchange, serve: Callable[..., Served]
) -> None:
    """With a history of 0 the feed makes no request for it."""
    app = serve(**venues_at(exchange), backfill_minutes=0)
    with app.socket(exchange="binance", emit_ms=50) as socket:
        reader = CandleReader(socket)
        wait_until(lambda: (reader.read(), reader.candles)[1], 20)
    assert next(iter(reader.candles.values()))["quality"] == "partial"
    assert app.health("binance")["repaired"] == 0
