"""The app on recorded trades: candles are the file's own, HTTP steers it, and what is wrong is told."""

from __future__ import annotations

import gzip
import json
import os
import random
import subprocess
import sys
import time
import zipfile
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import httpx
import pytest
from flask.testing import FlaskClient
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from websockets.exceptions import ConnectionClosed

from orderflow_dash.application import Application
from orderflow_dash.market import Venue
from orderflow_dash.settings import load_settings
from tests.conftest import Served, wait_until
from tests.faults.candles import CandleReader, assert_consistent
from tests.test_commands import ROOT, running

MINUTE = 60_000
START = 1_789_430_400_000  # 15 Sep 2026, 00:00 UTC
MINUTES = 8
Row = tuple[int, str, str, bool]  # time, price, quantity, whether the aggressor sold


def invented_rows(count: int = 2_400, seed: int = 3) -> list[Row]:
    """Trades over the minutes, some at the same time, with the zeros behind the point lost."""
    chance = random.Random(seed)
    times = sorted(START + chance.randrange(MINUTES * MINUTE) for _ in range(count))
    price, rows = 250_00, []
    for at in times:
        price += chance.randrange(-9, 10)
        text = f"{price // 100}.{price % 100:02d}".rstrip("0").rstrip(".")
        rows.append((at, text, f"{chance.randrange(1, 5_000) / 1000:g}", chance.random() < 0.5))
    return rows


def binance_file(folder: Path, rows: list[Row], *extra: str) -> Path:
    """A zipped aggTrades day file with a header."""
    lines = ["agg_trade_id,price,quantity,first_trade_id,last_trade_id,transact_time,is_buyer_maker"]
    lines += [
        f"{5000 + i},{price},{quantity},{9000 + 2 * i},{9001 + 2 * i},{at},{str(sold).lower()}"
        for i, (at, price, quantity, sold) in enumerate(rows)
    ]
    path = folder / "BTCUSDT-aggTrades-2026-09-15.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("BTCUSDT-aggTrades-2026-09-15.csv", "\n".join([*lines, *extra]) + "\n")
    return path


def matches_file(folder: Path, rows: list[Row]) -> Path:
    """A trades day file, which the exchange joins to aggregates."""
    lines = ["id,price,qty,quote_qty,time,is_buyer_maker"]
    lines += [
        f"{7000 + i},{price},{quantity},1.5e+3,{at},{str(sold).lower()}"
        for i, (at, price, quantity, sold) in enumerate(rows)
    ]
    path = folder / "BTCUSDT-trades-2026-09-15.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("BTCUSDT-trades-2026-09-15.csv", "\n".join(lines) + "\n")
    return path


FORMATS = {"aggregates": binance_file, "matches": matches_file, "bybit": lambda *given: bybit_file(*given)}


def bybit_file(folder: Path, rows: list[Row]) -> Path:
    """A gzipped day file, the newest row first."""
    lines = [
        f"{at // 1000}.{at % 1000:03d}5,BTCUSDT,{'Sell' if sold else 'Buy'},{quantity},{price},PlusTick"
        f",7b1f0f26-3f2e-5a3e-9df5-{i:012d},1e+10,1,1"
        for i, (at, price, quantity, sold) in enumerate(rows)
    ]
    names = (
        "timestamp,symbol,side,size,price,tickDirection,trdMatchID,grossValue,homeNotional,foreignNotional"
    )
    path = folder / "BTCUSDT2026-09-15.csv.gz"
    path.write_bytes(gzip.compress("\n".join([names, *lines[::-1]]).encode()))
    return path


def file_minutes(rows: list[Row]) -> dict[int, dict[str, Any]]:
    """The file's own minutes, in decimals."""
    minutes: dict[int, dict[str, Any]] = {}
    for at, price_text, quantity_text, sold in rows:
        price, quantity = Decimal(price_text), Decimal(quantity_text)
        minute = minutes.setdefault(
            at - at % MINUTE,
            {"open": price, "prices": [], "bid": Decimal(0), "ask": Decimal(0), "n": 0, "levels": {}},
        )
        minute["prices"].append(price)
        minute["bid" if sold else "ask"] += quantity
        minute["n"] += 1
        level = minute["levels"].setdefault(price, [Decimal(0), Decimal(0), 0])
        level[0 if sold else 1] += quantity
        level[2] += 1
    return minutes


def assert_is_files_minute(candle: dict[str, Any], minute: dict[str, Any], *, counts: bool = True) -> None:
    """Every figure of a candle at the finest step is the file's, to the last digit.

    Without ``counts`` the numbers of trades are left out: the exchange joins matches.
    """
    prices = minute["prices"]
    figures = [candle[name] for name in ("open", "high", "low", "close", "bid", "ask")]
    assert figures == [prices[0], max(prices), min(prices), prices[-1], minute["bid"], minute["ask"]]
    levels = {level["p"]: [level["bid"], level["ask"]] for level in candle["levels"]}
    assert levels == {price: level[:2] for price, level in minute["levels"].items()}
    if counts:
        assert candle["n"] == minute["n"]
        assert {level["p"]: level["n"] for level in candle["levels"]} == {
            price: level[2] for price, level in minute["levels"].items()
        }


def state(served: Served) -> dict[str, Any]:
    """What ``/api/replay`` tells."""
    answer = httpx.get(f"{served.url}/api/replay", trust_env=False)
    assert answer.status_code == 200
    return answer.json()


def steer(served: Served, **wish: object) -> dict[str, Any]:
    """What it tells after a wish that must be granted."""
    answer = httpx.post(f"{served.url}/api/replay", json=wish, trust_env=False)
    assert answer.status_code == 200, answer.text
    return answer.json()


def loaded(served: Served) -> dict[str, Any]:
    """The state once the files are loaded and listed."""
    wait_until(lambda: state(served)["phase"] not in ("loading", "failed"))
    wait_until(lambda: served.hub.instruments())
    return state(served)


@pytest.fixture
def replayed(serve: Callable[..., Served]) -> Callable[..., Served]:
    """Starts the app on files, as the command does."""

    def start(*files: Path, speed: float = 0.0) -> Served:
        return serve(replay=json.dumps([str(file) for file in files]), replay_speed=speed, demo=False)

    return start


QUERY = {"symbol": "BTCUSDT", "step": "0.01", "emit_ms": 50, "lookback": 500}


@pytest.mark.parametrize("venue", ["binance", "bybit"])
def test_candles_are_the_files_own_minutes(
    tmp_path: Path, replayed: Callable[..., Served], venue: str
) -> None:
    """From the file over exchange, feed and socket: each figure of each minute, to the last digit."""
    rows = invented_rows()
    served = replayed((binance_file if venue == "binance" else bybit_file)(tmp_path, rows))
    told = loaded(served)
    assert (told["rows"], told["files"][0]["series"]) == (len(rows), [f"{venue} BTCUSDT"])
    with served.socket(exchange=venue, **QUERY) as socket:
        reader = CandleReader(socket)
        wait_until(lambda: reader.read() or served.health(venue)["trades"] == len(rows))
        reader.drain()
    minutes = file_minutes(rows)
    assert_consistent(reader.candles.values())
    assert reader.candles.keys() == minutes.keys()
    for open_ts, candle in reader.candles.items():
        assert_is_files_minute(candle, minutes[open_ts])
        assert candle["quality"] == ("partial" if open_ts == START else "complete")
    assert state(served)["phase"] == "ended"
    assert state(served)["clock_ms"] == rows[-1][0]


def test_zero_quantities_break_nothing(tmp_path: Path, replayed: Callable[..., Served]) -> None:
    """They are counted, trade nothing and leave no gap."""
    rows = invented_rows(300)
    extra = [f"{5300 + i},0,0,1,1,{rows[-1][0] + i},true" for i in range(3)]
    extra.append(f"5303,250.01,0.5,1,1,{START + (MINUTES - 1) * MINUTE + 59_999},false")
    served = replayed(binance_file(tmp_path, rows, *extra))
    assert loaded(served)["files"][0]["zero_quantities"] == 3
    with served.socket(exchange="binance", **QUERY) as socket:
        reader = CandleReader(socket)
        wait_until(lambda: reader.read() or served.health("binance")["trades"] >= 301)
        reader.drain()
    assert sum(candle["n"] for candle in reader.candles.values()) == 301
    assert {candle["quality"] for candle in list(reader.candles.values())[1:]} == {"complete"}
    assert served.health("binance")["gaps"] == 0


def test_both_venues_play_at_once_under_their_own_names(
    tmp_path: Path, replayed: Callable[..., Served]
) -> None:
    """A file of each: the venues that the files hold are served, and no other."""
    rows = invented_rows(200)
    served = replayed(binance_file(tmp_path, rows), bybit_file(tmp_path, rows))
    loaded(served)
    wait_until(lambda: len(served.hub.instruments()) == 2)
    assert {each.venue for each in served.hub.instruments()} == {Venue.BINANCE, Venue.BYBIT}
    one = replayed(binance_file(tmp_path, rows))
    loaded(one)
    assert [status.venue for status in one.hub.venues()] == [Venue.BINANCE]


def test_figures_that_were_not_recorded_are_not_made_up(
    tmp_path: Path, replayed: Callable[..., Served]
) -> None:
    """The table knows the last price, and neither funding nor open interest nor 24 h figures."""
    served = replayed(binance_file(tmp_path, invented_rows(200)))
    loaded(served)
    wait_until(lambda: served.hub.tickers().rows)
    (ticker,) = served.hub.tickers().rows.values()
    assert ticker.last is not None
    assert [ticker.funding, ticker.open_interest, ticker.change_24h, ticker.volume_24h] == [None] * 4


def test_pause_stops_deltas_and_resume_goes_on(tmp_path: Path, replayed: Callable[..., Served]) -> None:
    """In a pause nothing comes and the status says so; after it every trade of the file has come once."""
    rows = invented_rows()
    served = replayed(binance_file(tmp_path, rows), speed=60)
    loaded(served)
    with served.socket(exchange="binance", **QUERY) as socket:
        reader = CandleReader(socket)
        wait_until(lambda: reader.read() and "delta" in reader.messages)
        paused = steer(served, paused=True)
        assert (paused["phase"], paused["paused"]) == ("paused", True)
        wait_until(lambda: reader.read() and reader.states[-1] == "stale")
        reader.drain()
        count, clock = len(reader.messages), state(served)["clock_ms"]
        assert not reader.read(0.5)
        assert state(served)["clock_ms"] == clock
        health = served.health("binance")
        assert health["streams"]["BTCUSDT"]["detail"] == "the replay is paused"
        assert health["trades"] < len(rows)
        steer(served, paused=False, speed=0)
        wait_until(lambda: reader.read() or served.health("binance")["trades"] == len(rows))
        reader.drain()
    assert len(reader.messages) > count
    assert sum(candle["n"] for candle in reader.candles.values()) == len(rows)


@pytest.mark.parametrize("venue", ["binance", "bybit"])
def test_a_seek_closes_sockets_and_shows_what_came_before(
    tmp_path: Path, replayed: Callable[..., Served], venue: str
) -> None:
    """Back and forth: 1012 with the reason, then the recording's candles up to there and what follows."""
    rows = invented_rows()
    served = replayed((binance_file if venue == "binance" else bybit_file)(tmp_path, rows))
    loaded(served)
    minutes = file_minutes(rows)
    for target in (5, 2):
        with served.socket(exchange=venue, **QUERY) as socket:
            reader = CandleReader(socket)
            wait_until(lambda reader=reader: reader.read() and reader.candles)
            steer(served, seek_ms=START + target * MINUTE + 17_000)
            with pytest.raises(ConnectionClosed) as closed:  # noqa: PT012 - reads until it comes
                while True:
                    socket.recv(timeout=5)
        assert closed.value.rcvd is not None
        assert (closed.value.rcvd.code, closed.value.rcvd.reason) == (1012, "replay position changed")
        with served.socket(exchange=venue, **QUERY) as socket:
            reader = CandleReader(socket)
            last = START + (MINUTES - 1) * MINUTE
            wait_until(lambda reader=reader, last=last: reader.read() and last in reader.candles)
            wait_until(lambda: state(served)["phase"] == "ended")
            reader.drain()
        assert sorted(reader.candles) == sorted(minutes)
        assert_consistent(reader.candles[open_ts] for open_ts in sorted(minutes))
        for open_ts, candle in reader.candles.items():
            assert_is_files_minute(candle, minutes[open_ts])
            assert candle["quality"] == ("partial" if open_ts == START else "complete")


@pytest.mark.parametrize("form", FORMATS)
def test_after_a_seek_nothing_is_shown_that_is_still_to_be_played(
    tmp_path: Path, replayed: Callable[..., Served], form: str
) -> None:
    """In a pause the candles end where the clock stands."""
    rows, venue = invented_rows(), "bybit" if form == "bybit" else "binance"
    served = replayed(FORMATS[form](tmp_path, rows))
    loaded(served)
    steer(served, paused=True, seek_ms=START + 5 * MINUTE)
    with served.socket(exchange=venue, **QUERY) as socket:
        reader = CandleReader(socket)
        wait_until(lambda: reader.read() and START + 4 * MINUTE in reader.candles)
        reader.drain()
    minutes = file_minutes(rows)
    assert sorted(reader.candles) == [START + minute * MINUTE for minute in range(5)]
    for open_ts, candle in reader.candles.items():
        assert_is_files_minute(candle, minutes[open_ts], counts=form != "matches")


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
def test_a_symbol_that_is_opened_after_the_end_shows_its_candles(
    tmp_path: Path, replayed: Callable[..., Served], form: str, speed: float
) -> None:
    """It was played beside the first one: the same minutes, to the last digit, its CVD from the begin on."""
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
def test_candles_that_left_the_window_come_out_of_the_recording(
    tmp_path: Path, serve: Callable[..., Served], venue: str
) -> None:
    """Hours that memory does not hold are whole, and their CVD goes on from the recording's begin."""
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
def test_a_symbol_that_is_opened_while_another_plays_catches_up(
    tmp_path: Path, replayed: Callable[..., Served], form: str
) -> None:
    """What was played before it was opened is there, the rest follows, and no trade is lost between."""
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
def test_a_symbol_that_is_opened_in_a_pause_shows_what_was_played(
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


def test_speed_changes_while_it_plays(tmp_path: Path, replayed: Callable[..., Served]) -> None:
    """At speed 1 the minutes would take minutes; at another they are over at once."""
    served = replayed(binance_file(tmp_path, invented_rows()), speed=1)
    loaded(served)
    with served.socket(exchange="binance", **QUERY) as socket:
        reader = CandleReader(socket)
        wait_until(lambda: state(served)["phase"] == "playing")
        assert state(served)["clock_ms"] < START + MINUTE
        assert steer(served, speed=1000)["speed"] == 1000
        wait_until(lambda: reader.read() and state(served)["phase"] == "ended", 5)
        reader.drain()


def test_a_file_that_breaks_off_is_served_up_to_there(
    tmp_path: Path, replayed: Callable[..., Served]
) -> None:
    """The error names file and line, not the folder; all before is played, its last minute a gap."""
    rows = invented_rows(3_000)
    path = binance_file(tmp_path, rows, "8000,1,2,3")
    served = replayed(path)
    told = loaded(served)
    assert told["files"][0]["error"] == (
        f"{path.name}, line 3002: 4 columns instead of 7; everything before it is played"
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


def test_a_symbol_beyond_ascii_plays_and_is_opened_late(
    tmp_path: Path, replayed: Callable[..., Served]
) -> None:
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


def test_another_trade_with_a_known_id_is_reported_and_leaves_a_gap(
    tmp_path: Path, replayed: Callable[..., Served]
) -> None:
    """The last id of one file is the first of the next: what is left out is named, its candle marked."""
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
def test_between_two_bybit_files_trades_may_lack(
    tmp_path: Path, replayed: Callable[..., Served], second: str
) -> None:
    """Ids prove nothing: a stretch that no file covers marks the candles at its ends, a seam of days none."""
    midnight = START + 1440 * MINUTE
    one = bybit_part(tmp_path, 15, bybit_minutes(midnight - 4 * MINUTE, 4, "a"))
    begin = midnight if second == "early" else midnight + 300 * MINUTE
    two = bybit_part(tmp_path, 16, bybit_minutes(begin, 4, "b"))
    served = replayed(one, two)
    loaded(served)
    for opened in ("while it plays", "after the end"):
        candles = whole(served, "bybit")
        marked = {open_ts for open_ts, candle in candles.items() if candle["quality"] == "gap"}
        assert marked == (set() if second == "early" else {midnight - MINUTE, begin}), opened
        assert sum(candle["n"] for candle in candles.values()) == 48


@pytest.mark.parametrize("speed", [1.0, 0.0])
@pytest.mark.parametrize("lost", [0, 1_000])
def test_hours_without_a_trade_are_skipped(
    tmp_path: Path, replayed: Callable[..., Served], speed: float, lost: int
) -> None:
    """At the speed of the day as well the next trade comes at once; ids that are missing mark both ends."""
    hole = 275 * MINUTE
    before = [(START + i * 100, "100.55", "1", False) for i in range(20)]
    after = [(START + hole + i * 100, "100.55", "1", True) for i in range(20)]
    served = replayed(
        binance_csv(tmp_path, "BTCUSDT-aggTrades-a.csv", before),
        binance_csv(tmp_path, "BTCUSDT-aggTrades-b.csv", after, first_id=5020 + lost),
        speed=speed,
    )
    assert loaded(served)["silences"] == [{"from_ms": START + 1_900, "to_ms": START + hole}]
    candles = whole(served, "binance")
    assert sum(candle["n"] for candle in candles.values()) == 40
    assert {candle["quality"] == "gap" for candle in candles.values()} == {bool(lost)}


def test_tick_and_lot_are_the_finest_that_the_rows_need(
    tmp_path: Path, replayed: Callable[..., Served]
) -> None:
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


def test_what_cannot_be_loaded_at_all_is_told(tmp_path: Path, replayed: Callable[..., Served]) -> None:
    """The server lives and says why there is nothing."""
    served = replayed(tmp_path / "missing.csv")
    wait_until(lambda: state(served)["phase"] == "failed")
    assert "missing.csv" in state(served)["files"][0]["error"]
    wait_until(lambda: any("missing.csv" in venue.detail for venue in served.hub.venues()))


def test_a_file_that_trades_nothing_is_told(tmp_path: Path, replayed: Callable[..., Served]) -> None:
    """Rows of quantity 0 alone are no recording: nothing is listed, and the page says so."""
    served = replayed(binance_file(tmp_path, [], "1,250,0,1,1,1789430400000,true"))
    wait_until(lambda: state(served)["phase"] == "failed")
    wait_until(lambda: any("holds no trade" in venue.detail for venue in served.hub.venues()))
    assert not served.hub.instruments()


def test_without_a_replay_there_is_nothing_to_steer(serve: Callable[..., Served]) -> None:
    """404, and no bar on the page."""
    served = serve()
    for method in ("GET", "POST"):
        answer = httpx.request(method, f"{served.url}/api/replay", json={"paused": True}, trust_env=False)
        assert answer.status_code == 404
        assert "replay" in answer.json()["error"]
    assert "replay-bar" not in httpx.get(f"{served.url}/_dash-layout", trust_env=False).text


@pytest.fixture(scope="module")
def loading(tmp_path_factory: pytest.TempPathFactory) -> FlaskClient:
    """A client of a replay that has not begun to load."""
    folder = tmp_path_factory.mktemp("replay")
    path = binance_file(folder, invented_rows(10))
    application = Application(load_settings(replay=str(path), demo=False))
    application.exchange = application.replay.exchange if application.replay else None
    return application.server.test_client()


def test_before_it_is_loaded_a_seek_is_too_early(loading: FlaskClient) -> None:
    """409; speed and pause can be chosen already, and progress is told."""
    told = loading.get("/api/replay").json
    assert (told["phase"], told["clock_ms"], told["loaded_bytes"]) == ("loading", None, 0)
    assert told["total_bytes"] > 0
    assert loading.post("/api/replay", json={"seek_ms": START}).status_code == 409
    assert loading.post("/api/replay", json={"paused": True, "speed": 7.5}).json["speed"] == 7.5


anything = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=5)),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)
wishes = st.dictionaries(st.sampled_from(["paused", "speed", "seek_ms", "x"]), anything, max_size=3)


@given(st.one_of(st.binary(max_size=60), wishes.map(lambda wish: json.dumps(wish).encode())))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_hostile_bodies_are_refused(loading: FlaskClient, body: bytes) -> None:
    """Whatever is sent, the answer is JSON and never a 500; what is refused names what is accepted."""
    answer = loading.post("/api/replay", data=body, content_type="application/json")
    assert answer.status_code in (200, 400, 409)
    assert answer.status_code == 200 or answer.json["error"]


@pytest.mark.parametrize(
    ("body", "kind", "status"),
    [
        (b'{"paused":1}', "application/json", 400),
        (b'{"speed":true}', "application/json", 400),
        (b'{"speed":1001}', "application/json", 400),
        (b'{"speed":-0.001}', "application/json", 400),
        (b'{"speed":1e400}', "application/json", 400),
        (b'{"seek_ms":1.5}', "application/json", 400),
        (b'{"seek_ms":"1"}', "application/json", 400),
        (b"{}", "application/json", 400),
        (b'{"paused":true,"volume":11}', "application/json", 400),
        (b"[" * 1000, "application/json", 400),
        (b"[" * 5000, "application/json", 413),
        (b'{"paused":true}', "text/plain", 415),
        (b"paused=true", "application/x-www-form-urlencoded", 415),
    ],
)
def test_a_refusal_says_why(loading: FlaskClient, body: bytes, kind: str, status: int) -> None:
    """Each bad body has its status and an error in words."""
    answer = loading.post("/api/replay", data=body, content_type=kind)
    assert answer.status_code == status
    assert len(answer.json["error"]) > 10


def command(*arguments: str) -> list[str]:
    """The command as a person types it."""
    return [sys.executable, "-m", "orderflow_dash", "replay", *arguments]


def test_the_command_serves_a_file_at_once(tmp_path: Path) -> None:
    """The server is up within five seconds whatever the file's size, and has loaded it soon after."""
    path = binance_file(tmp_path, invented_rows(120_000))
    begun = time.monotonic()
    with running(command("--port", "0", str(path)), tmp_path / "log") as program:

        def told() -> dict[str, Any]:
            return httpx.get(f"{program.url}/api/replay", trust_env=False).json()

        wait_until(lambda: "Listening" in program.output and program.url)
        told()
        assert time.monotonic() - begun < 5
        wait_until(lambda: told()["rows"] == 120_000)
        wait_until(program.ready)
        assert told()["files"][0]["name"] == path.name
    assert "Traceback" not in program.output


@pytest.mark.parametrize("kind", ["a pipe", "a folder", "a device"])
def test_the_command_refuses_what_is_no_file(tmp_path: Path, kind: str) -> None:
    """One line at once: nothing waits for a pipe's writer."""
    path = tmp_path / "BTCUSDT-aggTrades-x.csv"
    if kind == "a pipe":
        os.mkfifo(path)
    elif kind == "a folder":
        path.mkdir()
    else:
        path = Path("/dev/zero")
    done = subprocess.run(
        command("--port", "0", str(path)), cwd=ROOT, capture_output=True, text=True, timeout=20
    )
    assert (done.returncode, done.stderr) == (1, f"Error: {path}: it is {kind}, not a regular file\n")


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (None, "No such file"),
        ("what is this", "line 1: not a recording of trades that is known here"),
        (
            "agg_trade_id,price,quantity,first_trade_id,last_trade_id,transact_time,is_buyer_maker\n",
            "no trade in it",
        ),
        (
            "1,y,1,1,1,1790000000000,true\n2,x,1,1,1,1790000000000,true\n",
            "line 1: not a plain decimal number",
        ),
    ],
)
def test_the_command_refuses_what_it_can_see_at_once(tmp_path: Path, content: str | None, said: str) -> None:
    """One line that names the file, and no server."""
    path = tmp_path / "BTCUSDT-aggTrades-x.csv"
    if content is not None:
        path.write_text(content)
    done = subprocess.run(
        command("--port", "0", str(path)), cwd=ROOT, capture_output=True, text=True, timeout=20
    )
    assert done.returncode == 1
    assert str(path) in done.stderr
    assert said in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1
