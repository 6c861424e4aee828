"""Rare symbols that are watched, left and watched again: every lost trade is marked."""

from __future__ import annotations

import contextlib
import random
from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from orderflow_dash.live.hub import Unavailable
from orderflow_dash.market import MINUTE_MS, Timeframe, Venue
from orderflow_dash.simulator import SimulatedExchange, SyntheticMarket
from orderflow_dash.simulator.binance.trades import BinanceTradeRoutes
from tests.conftest import Served, venues_at, wait_until
from tests.faults.candles import CandleReader, Truth, truth

SYMBOLS = "YFIUSDT", "BABYDOGEUSDT", "1INCHUSDT", "NEARUSDT"
SPEED = 30  # a minute of the market in two seconds
SURE = "complete", "repaired"


@pytest.fixture
def exchange() -> Iterator[SimulatedExchange]:
    """A market thirty times as fast as real time."""
    market = SyntheticMarket(seed=11, speed=SPEED, history_ms=20 * MINUTE_MS)
    with SimulatedExchange(market) as running:
        yield running


def market_now(exchange: SimulatedExchange) -> int:
    """Market time, ms."""
    return exchange.source.now()


class Watcher:
    """Watches symbols for a while, on an app that it restarts."""

    def __init__(self, start: Callable[..., Served], exchange: SimulatedExchange, store: str) -> None:
        self._start = start
        self._settings = {
            **venues_at(exchange),
            "database_url": store,
            "backfill_minutes": 2,
            "stream_idle_s": 0.1,
            "verify_interval_s": 0.3,
        }
        self._exchange = exchange
        self.app = self._started()
        self.looked = 0

    def restart(self) -> None:
        """Starts another app on the same store."""
        self.app.stop()
        self.app = self._started()

    def _started(self) -> Served:
        """An app with both listings loaded, so that it rejects no socket."""
        app = self._start(**self._settings)
        wait_until(lambda: all(is_listed(app, venue) for venue in (Venue.BINANCE, Venue.BYBIT)), 30)
        return app

    def look(self, venue: Venue, symbol: str, seconds: float) -> None:
        """Watches a symbol, then compares every timeframe of it with the market."""
        tick = next(each.price.text(1) for each in self._exchange.source.listings if each.symbol == symbol)
        query = {"exchange": venue.value, "symbol": symbol, "step": tick, "lookback": 500, "emit_ms": 50}
        with contextlib.ExitStack() as sockets:
            readers = [
                (each, CandleReader(sockets.enter_context(self.app.socket(**query, tf=each.value))))
                for each in Timeframe
            ]
            until = market_now(self._exchange) + seconds * 1000 * SPEED
            while market_now(self._exchange) < until:
                for _, reader in readers:
                    reader.read(0.02)
            for _, reader in readers:
                reader.catch_up()
        for timeframe, reader in readers:
            self._compare(venue, symbol, timeframe, reader)

    def _compare(self, venue: Venue, symbol: str, timeframe: Timeframe, reader: CandleReader) -> None:
        minutes = truth(self._exchange, symbol, venue)
        candles = [reader.candles[open_ts] for open_ts in sorted(reader.candles)]
        where = f"{venue} {symbol} {timeframe}"
        for candle in candles[:-1]:
            self.looked += 1
            assert is_marked(candle) or sums(candle) == true_sums(minutes, candle["open_ts"], timeframe), (
                f"{where} {candle['open_ts']}: {candle['quality']}, verified {candle['verified']}"
            )
        for before, after in pairwise(candles[:-1]):
            unseen = [ts for ts in minutes if before["open_ts"] + timeframe.ms <= ts < after["open_ts"]]
            assert not unseen or is_marked(after), f"{where}: CVD runs over trades before {after['open_ts']}"


def is_listed(app: Served, venue: Venue) -> bool:
    """Whether the app knows the venue's symbols."""
    with contextlib.suppress(Unavailable):
        app.hub.instrument(venue, SYMBOLS[0])
        return True
    return False


def is_marked(candle: dict[str, Any]) -> bool:
    """Whether a candle is marked as incomplete or wrong."""
    return candle["quality"] not in SURE or candle["verified"] is False


def sums(candle: dict[str, Any]) -> tuple[Any, ...]:
    """The figures to compare."""
    return candle["bid"], candle["ask"], candle["n"], candle["high"], candle["low"]


def true_sums(minutes: Truth, open_ts: int, timeframe: Timeframe) -> tuple[Any, ...]:
    """The same figures from all trades of the market."""
    inside = [minutes[ts] for ts in minutes if open_ts <= ts < open_ts + timeframe.ms]
    totals = (sum(minute[name] for minute in inside) for name in ("bid", "ask", "n"))
    return (*totals, max(minute["high"] for minute in inside), min(minute["low"] for minute in inside))


@pytest.mark.parametrize("kept_minutes", [2_880, 3], ids=["whole past", "a venue that forgets"])
def test_no_lost_trade_is_unmarked(
    exchange: SimulatedExchange,
    serve: Callable[..., Served],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    kept_minutes: int,
) -> None:
    """Half an hour of watching, leaving and restarting, on rare symbols of each venue."""
    monkeypatch.setattr(BinanceTradeRoutes, "kept_ms", kept_minutes * MINUTE_MS)
    chance = random.Random(kept_minutes)
    watcher = Watcher(serve, exchange, f"sqlite:///{tmp_path / 'absences.sqlite3'}")
    end = market_now(exchange) + 30 * MINUTE_MS
    turn = 0
    while market_now(exchange) < end:
        turn += 1
        venue, symbol = chance.choice((Venue.BINANCE, Venue.BYBIT)), chance.choice(SYMBOLS[:2])
        watcher.look(venue, symbol, chance.uniform(1.5, 5))
        if turn % 4 == 0:
            watcher.restart()
    for venue in (Venue.BINANCE, Venue.BYBIT):
        for symbol in SYMBOLS[:2]:
            watcher.look(venue, symbol, 3)
    assert watcher.looked > 100
    wait_until(lambda: watcher.app.hub.streamed() == frozenset(), 10)
