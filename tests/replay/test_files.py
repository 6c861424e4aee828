"""Files that are damaged, odd or incomplete."""

from __future__ import annotations

import gzip
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import Served, wait_until
from tests.faults.candles import CandleReader
from tests.replay.recordings import (
    MINUTE,
    QUERY,
    START,
    Row,
    assert_is_files_minute,
    binance_file,
    file_minutes,
    invented_rows,
    loaded,
    state,
)


def test_a_truncated_file_plays_up_to_the_damage(tmp_path: Path, replayed: Callable[..., Served]) -> None:
    """The error names file and line, not the folder; all before is played, its last minute a gap."""
    rows = invented_rows(3_000)
    path = binance_file(tmp_path, rows, "8000,1,2,3")
    served = replayed(path)
    state_now = loaded(served)
    assert state_now["files"][0]["error"] == (
        f"{path.name}, line 3002: 4 columns instead of 7; playing everything before it"
    )
    with served.socket(exchange="binance", **QUERY) as socket:
        reader = CandleReader(socket)
        wait_until(lambda: reader.read() or served.health("binance")["trades"] == 3_000)
        reader.drain()
    newest = reader.candles[max(reader.candles)]
    assert (newest["quality"], newest["verified"]) == ("gap", None)


def binance_csv(folder: Path, name: str, rows: list[Row], first_id: int = 5000) -> Path:
    """An aggTrades day file without a header."""
    lines = [
        f"{first_id + i},{price},{quantity},{2 * i},{2 * i + 1},{at},{str(sold).lower()}"
        for i, (at, price, quantity, sold) in enumerate(rows)
    ]
    path = folder / name
    path.write_text("\n".join(lines) + "\n")
    return path


def whole(served: Served, venue: str, symbol: str = "BTCUSDT") -> dict[int, dict[str, Any]]:
    """Every candle of a symbol, once the replay has ended."""
    with served.socket(exchange=venue, **{**QUERY, "symbol": symbol}) as socket:
        reader = CandleReader(socket)
        wait_until(lambda: (reader.read(), state(served)["phase"] == "ended")[1], 20)
        wait_until(lambda: not reader.read(0.4))
    return reader.candles


def test_a_symbol_beyond_ascii_plays(tmp_path: Path, replayed: Callable[..., Served]) -> None:
    """Binance lists such contracts; the file's name gives the symbol."""
    rows = invented_rows(300)
    names = ("币安人生USDT-aggTrades-2025-10-20.csv", "龙虾USDT-aggTrades-2025-10-20.csv")
    served = replayed(*(binance_csv(tmp_path, name, rows) for name in names))
    assert [file["series"] for file in loaded(served)["files"]] == [
        ["binance 币安人生USDT"],
        ["binance 龙虾USDT"],
    ]
    first, late = whole(served, "binance", "币安人生USDT"), whole(served, "binance", "龙虾USDT")
    assert first.keys() == late.keys() == file_minutes(rows).keys()
    assert sum(candle["n"] for candle in late.values()) == 300


def test_a_conflicting_trade_id_leaves_a_gap(tmp_path: Path, replayed: Callable[..., Served]) -> None:
    """The last id of one file is the first of the next: rows left out are reported, their candle marked."""
    rows = invented_rows(400)
    one = binance_csv(tmp_path, "BTCUSDT-aggTrades-a.csv", rows[:200])
    two = binance_csv(tmp_path, "BTCUSDT-aggTrades-b.csv", rows[200:], first_id=5199)
    served = replayed(one, two)
    files = loaded(served)["files"]
    assert [(file["conflicts"], file["repeats"]) for file in files] == [(0, 0), (1, 0)]
    assert files[1]["notes"] == [
        "line 1: id 5199 of BTCUSDT is another trade in line 200 of BTCUSDT-aggTrades-a.csv;"
        " left out, its candle is marked as a gap"
    ]
    candles = whole(served, "binance")
    lost = rows[200][0] - rows[200][0] % MINUTE
    kept = file_minutes(rows[:200] + rows[201:])
    for open_ts, candle in candles.items():
        assert_is_files_minute(candle, kept[open_ts])
        assert (candle["quality"] == "gap") == (open_ts == lost)


def bybit_part(folder: Path, day: int, rows: list[tuple[int, str, str, str]]) -> Path:
    """A day file of (ms, side, size, id)."""
    lines = [
        f"{at // 1000}.{at % 1000:03d},BTCUSDT,{side},{size},100.55,PlusTick,{uuid},1,1,1"
        for at, side, size, uuid in rows
    ]
    names = (
        "timestamp,symbol,side,size,price,tickDirection,trdMatchID,grossValue,homeNotional,foreignNotional"
    )
    path = folder / f"BTCUSDT2026-09-{day}.csv.gz"
    path.write_bytes(gzip.compress("\n".join([names, *lines]).encode()))
    return path


def bybit_minutes(start: int, minutes: int, tag: str) -> list[tuple[int, str, str, str]]:
    """A trade every ten seconds."""
    return [(start + i * 10_000 + 500, "Buy", "1", f"{tag}{i:04d}") for i in range(minutes * 6)]


@pytest.mark.parametrize("second", ["early", "late"])
def test_trades_may_be_missing_between_two_bybit_files(
    tmp_path: Path, replayed: Callable[..., Served], second: str
) -> None:
    """Ids prove nothing: a stretch that no file covers marks the candles at its ends, a seam of days none."""
    midnight = START + 1440 * MINUTE
    one = bybit_part(tmp_path, 15, bybit_minutes(midnight - 4 * MINUTE, 4, "a"))
    start = midnight if second == "early" else midnight + 300 * MINUTE
    two = bybit_part(tmp_path, 16, bybit_minutes(start, 4, "b"))
    served = replayed(one, two)
    loaded(served)
    for opened in ("while it plays", "after the end"):
        candles = whole(served, "bybit")
        marked = {open_ts for open_ts, candle in candles.items() if candle["quality"] == "gap"}
        assert marked == (set() if second == "early" else {midnight - MINUTE, start}), opened
        assert sum(candle["n"] for candle in candles.values()) == 48


@pytest.mark.parametrize("speed", [1.0, 0.0])
@pytest.mark.parametrize("lost", [0, 1_000])
def test_hours_without_a_trade_are_skipped(
    tmp_path: Path, replayed: Callable[..., Served], speed: float, lost: int
) -> None:
    """At the speed of the day as well the next trade comes at once; ids that are missing mark both ends."""
    gap = 275 * MINUTE
    before = [(START + i * 100, "100.55", "1", False) for i in range(20)]
    after = [(START + gap + i * 100, "100.55", "1", True) for i in range(20)]
    served = replayed(
        binance_csv(tmp_path, "BTCUSDT-aggTrades-a.csv", before),
        binance_csv(tmp_path, "BTCUSDT-aggTrades-b.csv", after, first_id=5020 + lost),
        speed=speed,
    )
    assert loaded(served)["silences"] == [{"from_ms": START + 1_900, "to_ms": START + gap}]
    candles = whole(served, "binance")
    assert sum(candle["n"] for candle in candles.values()) == 40
    assert {candle["quality"] == "gap" for candle in candles.values()} == {bool(lost)}


def test_tick_and_lot_are_the_coarsest_that_fit(tmp_path: Path, replayed: Callable[..., Served]) -> None:
    """A day on which the tick changes, written with and without exponents: every figure is exact."""
    rows = [(START + i * 1_000, f"{60_000 + i % 9}.{i % 10}", "0.002", i % 2 == 0) for i in range(60)]
    rows += [(START + (60 + i) * 1_000, f"{60_000 + i % 9}.{i:02d}", "1e-3", i % 3 == 0) for i in range(60)]
    rows += [(START + (120 + i) * 1_000, "6.00005E+4", "5.1e3", i % 3 == 0) for i in range(60)]
    served = replayed(binance_csv(tmp_path, "BTCUSDT-aggTrades-a.csv", rows))
    assert loaded(served)["instruments"] == [
        {"exchange": "binance", "symbol": "BTCUSDT", "tick": "0.01", "lot": "0.001"}
    ]
    minutes = file_minutes(rows)
    candles = whole(served, "binance")
    assert candles.keys() == minutes.keys()
    for open_ts, candle in candles.items():
        assert_is_files_minute(candle, minutes[open_ts])


def test_a_file_that_cannot_be_loaded_is_reported(tmp_path: Path, replayed: Callable[..., Served]) -> None:
    """The server lives and says why there is nothing."""
    served = replayed(tmp_path / "missing.csv")
    wait_until(lambda: state(served)["phase"] == "failed")
    assert "missing.csv" in state(served)["files"][0]["error"]
    wait_until(lambda: any("missing.csv" in venue.detail for venue in served.hub.venues()))


def test_a_file_without_trades_is_reported(tmp_path: Path, replayed: Callable[..., Served]) -> None:
    """A file with rows of quantity 0 alone lists no symbol, and the page says so."""
    served = replayed(binance_file(tmp_path, [], "1,250,0,1,1,1789430400000,true"))
    wait_until(lambda: state(served)["phase"] == "failed")
    wait_until(lambda: any("has no trades" in venue.detail for venue in served.hub.venues()))
    assert not served.hub.instruments()
