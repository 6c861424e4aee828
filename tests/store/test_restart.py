"""The app, restarted on the same database: history and CVD continue."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import pytest

from orderflow_dash.market import Instrument, Venue
from orderflow_dash.simulator import SimulatedExchange, SyntheticMarket
from orderflow_dash.store.minutes import StoredMinute
from orderflow_dash.store.store import Batch, open_store
from tests.conftest import Served, venues_at, wait_until
from tests.faults.candles import CandleReader, assert_consistent, assert_equals_truth, truth
from tests.store.market import minute

SYMBOL = "BTCUSDT"
FIGURES = (
    "open",
    "high",
    "low",
    "close",
    "bid",
    "ask",
    "n",
    "delta",
    "min_delta",
    "max_delta",
    "levels",
    "cvd",
)


@pytest.fixture
def exchange() -> Iterator[SimulatedExchange]:
    """A market twenty-five times as fast as life that has traded for some minutes before anybody looks."""
    with SimulatedExchange(SyntheticMarket(seed=11, speed=25, history_ms=3 * 60_000)) as running:
        yield running


def kept(index: int, open_ts: int) -> StoredMinute:
    """An invented minute at a time."""
    made = minute(index)
    first, last = (open_ts + 5, 4 * index + 1), (open_ts + 59_000, 4 * index + 2)
    return replace(made, open_ts=open_ts, first=first, last=last)


def query(exchange: SimulatedExchange, venue: str, **changes: object) -> dict[str, Any]:
    tick = exchange.source.listings[0].price.text(1)
    return {"exchange": venue, "symbol": SYMBOL, "step": tick, "lookback": 500, "emit_ms": 50, **changes}


def follow(app: Served, asked: dict[str, Any], until: Callable[[CandleReader], object]) -> CandleReader:
    """Follow a view until something holds of it."""
    with app.socket(**asked) as socket:
        reader = CandleReader(socket)
        wait_until(lambda: (reader.read(0.05), until(reader))[1], 45, "the socket's condition")
    return reader


def closed(reader: CandleReader) -> dict[int, dict[str, Any]]:
    return {open_ts: candle for open_ts, candle in reader.candles.items() if candle["closed"]}


def has_news(before: CandleReader) -> Callable[[CandleReader], bool]:
    """Whether a candle that was not there has closed, with nothing being repaired."""
    newest = max(before.candles)
    return lambda reader: reader.states[-1:] == ["live"] and any(ts > newest for ts in closed(reader))


@pytest.mark.parametrize("venue", ["binance", "bybit"])
def test_a_restart_shows_the_same_history_and_counts_on(
    exchange: SimulatedExchange, serve: Callable[..., Served], url: str, venue: str
) -> None:
    """What had closed is there with the first snapshot; what was missed is fetched; CVD never jumps."""
    settings = {**venues_at(exchange), "database_url": url, "backfill_minutes": 2, "verify_interval_s": 0.5}
    first = serve(**settings)
    before = follow(
        first,
        query(exchange, venue),
        lambda reader: reader.states[-1:] == ["live"] and len(set(reader.finals)) >= 2,
    )
    first.stop()
    again = follow(serve(**settings), query(exchange, venue), has_news(before))
    assert again.cvd_from == before.cvd_from
    for open_ts, candle in closed(before).items():
        kept = again.candles[open_ts]
        assert {name: kept[name] for name in FIGURES} == {name: candle[name] for name in FIGURES}
        assert kept["quality"] == candle["quality"]
    whole = [again.candles[open_ts] for open_ts in sorted(again.candles)]
    assert_consistent(whole)
    minutes = truth(exchange, SYMBOL, Venue(venue))
    for candle in whole[:-1]:
        if candle["quality"] in ("complete", "repaired") and candle["open_ts"] > min(minutes):
            assert_equals_truth(candle, minutes[candle["open_ts"]])
    if venue == "binance":
        assert "gap" not in {candle["quality"] for candle in whole}


@pytest.mark.parametrize("url", ["sqlite"], indirect=True)  # backfill does not depend on the database
def test_a_long_absence_is_a_gap_and_not_a_bridge(
    exchange: SimulatedExchange, serve: Callable[..., Served], url: str
) -> None:
    """Trades from before the backfill's reach stay missing, and the first candle after them is marked."""
    settings = {**venues_at(exchange), "database_url": url, "backfill_minutes": 1}
    first = serve(**settings)
    before = follow(first, query(exchange, "binance"), lambda reader: len(set(reader.finals)) >= 1)
    first.stop()
    newest = max(before.candles)
    wait_until(lambda: max(truth(exchange, SYMBOL, Venue.BINANCE)) > newest + 4 * 60_000, 45)
    again = follow(serve(**settings), query(exchange, "binance"), has_news(before))
    later = {open_ts: candle for open_ts, candle in again.candles.items() if open_ts > newest}
    assert later[min(later)]["quality"] == "gap"
    assert min(later) > newest + 60_000
    assert again.cvd_from == before.cvd_from
    assert_consistent(again.candles[open_ts] for open_ts in sorted(again.candles))


def test_longer_candles_reach_further_back_than_memory(
    exchange: SimulatedExchange, serve: Callable[..., Served], url: str
) -> None:
    """A view of a longer timeframe holds what only the store knows, by a second snapshot if need be."""
    listing = exchange.source.listings[0]
    instrument = Instrument(
        Venue.BINANCE, SYMBOL, listing.base, listing.quote, listing.price.value, listing.quantity.value
    )
    end = min(truth(exchange, SYMBOL, Venue.BINANCE))
    before = [kept(index, end + (index - 40 * 60) * 60_000) for index in range(40 * 60)]
    store = open_store(url)
    store.save([Batch(instrument, before)])
    store.close()
    app = serve(**venues_at(exchange), database_url=url, backfill_minutes=5, memory_minutes=60)
    for timeframe, length in (("1h", 3_600_000), ("15m", 900_000)):
        reader = follow(
            app,
            query(exchange, "binance", tf=timeframe, lookback=30),
            lambda reader: len(reader.candles) >= 30 and reader.states[-1:] == ["live"],
        )
        candles = [reader.candles[open_ts] for open_ts in sorted(reader.candles)]
        assert_consistent(candles)
        assert reader.cvd_from == before[0].open_ts // length * length
        for candle in candles:
            inside = [each for each in before if 0 <= each.open_ts - candle["open_ts"] < length]
            if len(inside) * 60_000 == length:
                lots = sum(int(each.levels[:, 1:3].sum()) for each in inside)
                assert candle["bid"] + candle["ask"] == lots * instrument.lot
                assert (
                    candle["cvd"]
                    == sum(m.delta for m in before if m.open_ts <= inside[-1].open_ts) * instrument.lot
                )
