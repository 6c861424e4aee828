"""Symbols opened late, and candles from before the window."""

from __future__ import annotations

import gzip
import json
import random
import zipfile
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import Served, wait_until
from tests.faults.candles import CandleReader
from tests.replay.recordings import (
    FORMATS,
    MINUTE,
    MINUTES,
    QUERY,
    START,
    assert_is_files_minute,
    binance_file,
    bybit_file,
    file_minutes,
    invented_rows,
    loaded,
    state,
    steer,
)


def of_symbol(path: Path, symbol: str) -> Path:
    """A copy of a day file for another symbol."""
    content = (
        zipfile.ZipFile(path).read(zipfile.ZipFile(path).namelist()[0]) if path.suffix == ".zip" else None
    )
    if content is None:
        text = gzip.decompress(path.read_bytes()).decode().replace("BTCUSDT", symbol)
        other = path.with_name(path.name.replace("BTCUSDT", symbol))
        other.write_bytes(gzip.compress(text.encode()))
        return other
    other = path.with_name(path.name.replace("BTCUSDT", symbol)).with_suffix(".csv")
    other.write_bytes(content)
    return other


def candles_of(served: Served, venue: str, symbol: str, newest: int) -> dict[int, dict[str, Any]]:
    """A symbol's candles, once the one that opens at a time is there."""
    with served.socket(exchange=venue, **{**QUERY, "symbol": symbol}) as socket:
        reader = CandleReader(socket)
        wait_until(lambda: reader.read() and newest in reader.candles)
        reader.drain()
    return reader.candles


@pytest.mark.parametrize("form", FORMATS)
@pytest.mark.parametrize("speed", [0.0, 1000.0])
def test_a_symbol_opened_after_the_end_has_its_candles(
    tmp_path: Path, replayed: Callable[..., Served], form: str, speed: float
) -> None:
    """It was played beside the first one: the same minutes, to the last digit, its CVD from the start."""
    rows, venue = invented_rows(), "bybit" if form == "bybit" else "binance"
    first = FORMATS[form](tmp_path, rows)
    served = replayed(first, of_symbol(first, "ETHUSDT"), speed=speed)
    loaded(served)
    last = START + (MINUTES - 1) * MINUTE
    watched = candles_of(served, venue, "BTCUSDT", last)
    wait_until(lambda: state(served)["phase"] == "ended")
    watched = candles_of(served, venue, "BTCUSDT", last)
    later = candles_of(served, venue, "ETHUSDT", last)
    minutes = file_minutes(rows)
    names = ("cvd", "min_delta", "max_delta", "quality", "n", "levels")
    assert later.keys() == watched.keys() == minutes.keys()
    for open_ts, candle in later.items():
        assert_is_files_minute(candle, minutes[open_ts], counts=form != "matches")
        figures = [candle[name] for name in names]
        assert figures == [watched[open_ts][name] for name in names]


@pytest.mark.parametrize("venue", ["binance", "bybit"])
def test_candles_before_the_window_come_from_the_recording(
    tmp_path: Path, serve: Callable[..., Served], venue: str
) -> None:
    """Hours that memory does not hold are whole, and their CVD counts from the recording's start."""
    chance = random.Random(5)
    rows = [
        (START + i * 20_000, f"250.{chance.randrange(10, 99)}", "1.5", chance.random() < 0.4)
        for i in range(12 * 180)
    ]
    path = (binance_file if venue == "binance" else bybit_file)(tmp_path, rows)
    served = serve(replay=json.dumps([str(path)]), replay_speed=0, demo=False, memory_minutes=60)
    loaded(served)
    query = {**QUERY, "tf": "1h", "lookback": 30}
    with served.socket(exchange=venue, **query) as socket:
        reader = CandleReader(socket)
        wait_until(lambda: (reader.read(), state(served)["phase"] == "ended")[1], 20)
    wait_until(lambda: len(snapshot(served, venue, query)) == 12)
    total = Decimal(0)
    for hour, candle in enumerate(snapshot(served, venue, query)):
        part = rows[hour * 180 : (hour + 1) * 180]
        assert candle["bid"] == sum(Decimal(row[2]) for row in part if row[3])
        total += candle["delta"]
        assert (candle["n"], candle["cvd"]) == (180, total)
        assert candle["quality"] == ("partial" if hour == 0 else "complete")


def snapshot(served: Served, venue: str, query: dict[str, object]) -> list[dict[str, Any]]:
    """The candles of a socket's first message."""
    with served.socket(exchange=venue, **query) as socket:
        while True:
            message = json.loads(socket.recv(timeout=5), parse_float=Decimal)
            if message["type"] == "snapshot":
                return message["candles"]


@pytest.mark.parametrize("form", FORMATS)
def test_a_symbol_opened_during_playback_catches_up(
    tmp_path: Path, replayed: Callable[..., Served], form: str
) -> None:
    """Its played part is there, the rest follows, and no trade is lost in between."""
    rows, venue = invented_rows(), "bybit" if form == "bybit" else "binance"
    first = FORMATS[form](tmp_path, rows)
    served = replayed(first, of_symbol(first, "ETHUSDT"), speed=100)
    loaded(served)
    with served.socket(exchange=venue, **QUERY) as socket:
        reader = CandleReader(socket)
        wait_until(lambda: reader.read() and START + 3 * MINUTE in reader.candles)
        with served.socket(exchange=venue, **{**QUERY, "symbol": "ETHUSDT"}) as other:
            late = CandleReader(other)
            wait_until(lambda: late.read() and START + 2 * MINUTE in late.candles)
            assert state(served)["phase"] == "playing"
            wait_until(lambda: (late.read(), reader.read()) and state(served)["phase"] == "ended")
            wait_until(lambda: "repairing" not in late.states[-1:] and not late.read(0.5))
    minutes = file_minutes(rows)
    assert late.candles.keys() == minutes.keys()
    for open_ts, candle in late.candles.items():
        assert_is_files_minute(candle, minutes[open_ts], counts=form != "matches")
        assert candle["quality"] in ("complete", "repaired") or open_ts == START


@pytest.mark.parametrize("form", FORMATS)
def test_a_symbol_opened_in_a_pause_has_its_candles(
    tmp_path: Path, replayed: Callable[..., Served], form: str
) -> None:
    """Up to the replay's clock, the open minute included."""
    rows, venue = invented_rows(), "bybit" if form == "bybit" else "binance"
    first = FORMATS[form](tmp_path, rows)
    served = replayed(first, of_symbol(first, "ETHUSDT"), speed=100)
    loaded(served)
    with served.socket(exchange=venue, **QUERY) as socket:
        reader = CandleReader(socket)
        wait_until(lambda: reader.read() and START + 3 * MINUTE in reader.candles)
        steer(served, paused=True)
        wait_until(lambda: reader.read() and reader.states[-1] == "stale")
        reader.drain()
        with served.socket(exchange=venue, **{**QUERY, "symbol": "ETHUSDT"}) as other:
            late = CandleReader(other)
            wait_until(lambda: late.read() and late.candles.keys() == reader.candles.keys(), 15)
            late.drain()
    assert len(reader.candles) < MINUTES
    for open_ts, candle in late.candles.items():
        watched = reader.candles[open_ts]
        assert [candle[name] for name in ("levels", "cvd", "close", "n")] == [
            watched[name] for name in ("levels", "cvd", "close", "n")
        ]
