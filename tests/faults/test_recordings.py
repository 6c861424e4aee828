"""Real recorded trades, served over the venues' protocols, equal the venues' own klines."""

from __future__ import annotations

import csv
import io
import json
import subprocess
import sys
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import httpx
import pytest
import zstandard
from websockets.sync.client import connect

from orderflow_dash.market import Venue
from orderflow_dash.simulator import RecordedMarket, SimulatedExchange
from orderflow_dash.simulator.market.tape import Print
from tests.conftest import Served, venues_at, wait_until
from tests.faults.candles import CandleReader, assert_consistent, assert_equals_truth, truth
from tests.test_commands import ROOT, running

CAPTURE = Path("cryptofeed") / "BYBIT.jsonl.zst"


def read_klines(path: Path) -> dict[int, dict[str, Decimal]]:
    """Rows of a Binance kline file, by open."""
    names = ("open", "high", "low", "close", "volume")
    with path.open() as lines:
        return {
            int(row[0]): dict(zip(names, map(Decimal, row[1:6]), strict=True))
            | {"taker_buy": Decimal(row[9])}
            for row in csv.reader(lines)
        }


def follow(served: Served, symbol: str, exchange: SimulatedExchange, trades: int) -> CandleReader:
    """Every candle of a Binance recording at its finest step, once the app has seen all its trades."""
    query = {"exchange": "binance", "symbol": symbol, "step": tick(exchange, symbol), "lookback": 500}
    with served.socket(**query, emit_ms=50) as socket:
        reader = CandleReader(socket)
        wait_until(lambda: served.health("binance")["trades"] >= trades, 40)
        reader.drain()
    return reader


def tick(exchange: SimulatedExchange, symbol: str) -> str:
    """The tick that the recording's prices show."""
    return next(each.price.text(1) for each in exchange.source.listings if each.symbol == symbol)


@pytest.mark.parametrize(
    ("recording", "klines", "symbol", "whole", "root"),
    [
        ("hftbacktest/usdm/btcusdt_20240808.gz", "BTCUSDT-1m-2024-08", "BTCUSDT", slice(1, 6), ""),
        ("hftbacktest/usdm/btcusdt_20240808.gz", "BTCUSDT-1m-2024-08", "BTCUSDT", slice(1, 6), "/stream"),
        # It holds an INSURANCE_FUND print two per cent off the market, which must not count.
        ("hftbacktest/usdm/btcusdt_20230405.dat.gz", "BTCUSDT-1m-2023-04", "BTCUSDT", slice(0, 6), ""),
        # It holds an NA print of price 0.
        (
            "danlasota-trxusdt/test_positive_binance_trade_stream_usd_m_futures_trxusdt_04-03-2025.csv",
            "TRXUSDT-1m-2025-03",
            "TRXUSDT",
            slice(0, 16),
            "",
        ),
    ],
    ids=["BTCUSDT-2024-08", "BTCUSDT-2024-08-retired-root", "BTCUSDT-2023-04", "TRXUSDT-2025-03"],
)
def test_binance_recordings_give_the_venues_klines(
    recorded_data: Path,
    serve: Callable[..., Served],
    recording: str,
    klines: str,
    symbol: str,
    whole: slice,
    root: str,
) -> None:
    """OHLC, volume and taker-buy volume of each whole minute equal the venue's kline to the last digit."""
    with SimulatedExchange(RecordedMarket([recorded_data / recording], speed=0)) as exchange:
        settings = venues_at(exchange)
        settings["binance_ws"] += root
        served = serve(**settings)
        reader = follow(served, symbol, exchange, len(whole_tape(recorded_data / recording)))
    candles = list(reader.candles.values())
    assert_consistent(candles)
    rows = read_klines(recorded_data / "isda-klines" / f"{klines}.excerpt.csv")
    minutes = candles[whole]
    assert len(minutes) == whole.stop - whole.start
    for candle in minutes:
        row = rows[candle["open_ts"]]
        for name in ("open", "high", "low", "close"):
            assert candle[name] == row[name]
        assert candle["bid"] + candle["ask"] == row["volume"]
        assert candle["ask"] == row["taker_buy"]


CORRUPTED = (
    Path("danlasota-trxusdt") / "test_negative_binance_trade_stream_usd_m_futures_trxusdt_04-03-2025.csv"
)


@pytest.mark.parametrize("command", ["exchange", "replay"])
def test_a_corrupted_recording_is_reported_with_its_line(
    recorded_data: Path, tmp_path: Path, command: str
) -> None:
    """A price of -1: each command names file, line and cause; the page leaves out the folder."""
    path = (recorded_data / CORRUPTED).resolve()
    cause = "line 2: not a plain decimal number: '-1'"
    logged, reason = f"{path}, {cause}", f"{path.name}, {cause}"
    program = [sys.executable, "-m", "orderflow_dash", command, "--port", "0", str(path)]
    if command == "exchange":
        done = subprocess.run(program, cwd=ROOT, capture_output=True, text=True, timeout=30)
        assert (done.returncode, done.stderr) == (1, f"Error: {logged}\n")
        return
    with running(program, tmp_path / "log") as server:  # the page is up and shows the reason

        def fetched(path: str) -> Any:
            return httpx.get(f"{server.url}/{path}", trust_env=False).json()

        wait_until(lambda: fetched("api/replay")["phase"] == "failed", 20)
        (file,) = fetched("api/replay")["files"]
        assert (file["error"], file["rows"]) == (reason, 0)
        wait_until(lambda: fetched("health")["feeds"]["binance"]["detail"] == reason, 20)
        root = server.url.replace("http", "ws")
        with connect(f"{root}/ws/orderflow?symbol=TRXUSDT", proxy=None) as socket:
            assert reason in json.loads(socket.recv(timeout=10))["message"]
    assert server.output.count(f'level=error logger=orderflow_dash.replay.replay msg="{logged}"') == 1
    assert "Traceback" not in server.output


def whole_tape(path: Path, symbol: str | None = None) -> list[Print]:
    """All trades that a recording holds of a symbol, or of its only one."""
    market = RecordedMarket([path], speed=0)
    listing = next(each for each in market.listings if symbol in (None, each.symbol))
    while market.due_in({listing}) == 0:
        market.poll({listing})
    tape = market.tape(listing)
    return tape.prints(0, len(tape))


def bybit_kline(path: Path, symbol: str) -> dict[str, Any]:
    """The newest ``kline.1`` row that the capture itself holds of a symbol."""
    topic = f"kline.1.{symbol}"
    with path.open("rb") as file:
        lines = io.TextIOWrapper(zstandard.ZstdDecompressor().stream_reader(file))
        linear = (line for line in lines if '"BYBIT.ws.2"' in line and f'{topic}\\"' in line)
        frames = (json.loads(line)["data"] for line in linear)
        rows = [row for frame in frames for row in json.loads(frame).get("data", ())]
    return rows[-1]


@pytest.mark.parametrize("symbol", ["BTCUSDT", "ETHUSDT", "SOLUSDT"])
def test_bybit_recording_gives_the_captures_own_klines(
    recorded_data: Path, serve: Callable[..., Served], symbol: str
) -> None:
    """The minute that the capture shows whole has its kline's volume to the last digit."""
    capture = recorded_data / CAPTURE
    with SimulatedExchange(RecordedMarket([capture], speed=0)) as exchange:
        served = serve(**venues_at(exchange))
        query = {"exchange": "bybit", "symbol": symbol, "step": tick(exchange, symbol), "emit_ms": 50}
        with served.socket(**query) as socket:
            reader = CandleReader(socket)
            expected = len(whole_tape(capture, symbol))
            wait_until(lambda: served.health("bybit")["trades"] >= expected, 20)
            reader.drain()
        minutes = truth(exchange, symbol, Venue.BYBIT)
    assert_consistent(reader.candles.values())
    for candle in reader.candles.values():
        assert_equals_truth(candle, minutes[candle["open_ts"]])
    kline = bybit_kline(capture, symbol)
    candle = reader.candles[kline["start"]]
    assert candle["bid"] + candle["ask"] == Decimal(kline["volume"])
    assert candle["close"] == Decimal(kline["close"])  # its open is the close of the minute before
