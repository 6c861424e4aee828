"""Recordings made for tests, and the state of an app that replays them."""

from __future__ import annotations

import gzip
import random
import zipfile
from decimal import Decimal
from pathlib import Path
from typing import Any

import httpx

from tests.conftest import Served, wait_until

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
    """The response of ``/api/replay``."""
    answer = httpx.get(f"{served.url}/api/replay", trust_env=False)
    assert answer.status_code == 200
    return answer.json()


def steer(served: Served, **wish: object) -> dict[str, Any]:
    """The response after a valid change."""
    answer = httpx.post(f"{served.url}/api/replay", json=wish, trust_env=False)
    assert answer.status_code == 200, answer.text
    return answer.json()


def loaded(served: Served) -> dict[str, Any]:
    """The state once the files are loaded and listed."""
    wait_until(lambda: state(served)["phase"] not in ("loading", "failed"))
    wait_until(lambda: served.hub.instruments())
    return state(served)


QUERY = {"symbol": "BTCUSDT", "step": "0.01", "emit_ms": 50, "lookback": 500}
