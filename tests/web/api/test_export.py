"""``/api/export.csv``: the table, its header and its errors."""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal
from typing import Any

import httpx
import pytest

from orderflow_dash.feeds.stream import StreamStatus
from orderflow_dash.market import MINUTE_MS, State, Ticker
from orderflow_dash.simulator import SimulatedExchange, SyntheticMarket
from orderflow_dash.web.api.export import (
    CANDLE_COLUMNS,
    LEVEL_COLUMNS,
    _feed_text,
)
from tests.conftest import Served, venues_at, wait_until
from tests.exchanges.frames import instrument
from tests.live.hub_bench import BTC, HubBench, at
from tests.web.api.export_client import QUERY, URL, asked, client_of, key_of, parts

TYPES = {"candles": CANDLE_COLUMNS, "levels": LEVEL_COLUMNS}
HOSTILE = "=CMD|'/C CALC'!A0,\r\n@SUM(1);\t+1\"-2"

NUMBER = r"-?\d+(\.\d+)?"
TIME = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ"
WORD = r"complete|repaired|partial|gap|true|false|"


def test_the_table_equals_the_snapshot_of_the_socket(serve: Callable[..., Served]) -> None:
    """Same view, same moment: every field and every level is the same text in both."""
    with SimulatedExchange(SyntheticMarket(seed=3, speed=20, history_ms=40 * MINUTE_MS)) as exchange:
        served = serve(**venues_at(exchange), verify_interval_s=0)
        view = {**QUERY, "step": "0.5", "lookback": "60"}
        wait_until(lambda: httpx.get(f"{served.url}/ready", trust_env=False).status_code == 200)
        with served.socket(**view, emit_ms=50) as watcher:
            while len(json.loads(watcher.recv(timeout=5)).get("candles", ())) < 20:
                pass  # until a snapshot has the market's history
            exchange.faults.stall()

            def moment() -> tuple[dict[str, Any], dict[str, list[dict[str, str]]]] | None:
                """Snapshot and tables, if nothing changed between them."""
                before, tables = snapshot(), {rows: table(rows) for rows in TYPES}
                return (before, tables) if snapshot()["candles"] == before["candles"] else None

            def snapshot() -> dict[str, Any]:
                with served.socket(**view) as other:
                    return json.loads(other.recv(timeout=5), parse_float=str, parse_int=str)

            def table(rows: str) -> list[dict[str, str]]:
                answer = httpx.get(served.url + URL, params={**view, "rows": rows}, trust_env=False)
                about, found = parts(answer.text)
                assert about["step"] == "0.5"
                return found

            found: list[Any] = []
            wait_until(lambda: found.append(moment()) or found[-1])
        sent, tables = found[-1]
    candles, levels = tables["candles"], tables["levels"]
    for exported, sent_candle in zip(candles, sent["candles"], strict=True):
        shared = sent_candle.keys() - {"levels"}
        words = {True: "true", False: "false", None: ""}
        assert {name: exported[name] for name in shared} == {
            name: words[value] if isinstance(value, bool) or value is None else value
            for name, value in sent_candle.items()
            if name in shared
        }
        assert exported["levels"] == str(len(sent_candle["levels"]))
    assert [(row["open_ts"], row["price"], row["bid"], row["ask"], row["n"]) for row in levels] == [
        (candle["open_ts"], level["p"], level["bid"], level["ask"], level["n"])
        for candle in sent["candles"]
        for level in candle["levels"]
    ]
    assert all(Decimal(row["delta"]) == Decimal(row["ask"]) - Decimal(row["bid"]) for row in levels)


def test_the_header_describes_the_table(setting: HubBench) -> None:
    """Venue, symbol, timeframe, step, units, time zone, origin of the CVD, and the meaning of the words."""
    about, rows = asked(client_of(setting))
    assert list(rows[0]) == list(CANDLE_COLUMNS)
    assert {name: about[name] for name in ("venue", "symbol", "timeframe", "step", "time zone")} == {
        "venue": "binance",
        "symbol": "BTCUSDT",
        "timeframe": "1m",
        "step": "0.1",
        "time zone": "UTC",
    }
    assert (about["prices in"], about["volumes in"], about["source"]) == (BTC.quote, BTC.base, "live trades")
    assert (about["cvd_from"], about["cvd_from_ts"]) == (rows[0]["open_time"], rows[0]["open_ts"])
    assert re.fullmatch(TIME, about["generated at"])
    assert about["feed"] == "live: by hand"
    assert {f"quality {word}" for word in ("complete", "repaired", "partial", "gap")} <= about.keys()


@pytest.mark.parametrize(
    ("state", "detail", "text"),
    [
        (State.CONNECTING, "connected, waiting for a trade", "connecting: connected - waiting for a trade"),
        (State.DISCONNECTED, 'HTTP 451 (not, "here"); =1+1', "disconnected: HTTP 451 - not - _here_ - _1_1"),
        (State.LIVE, "", "live"),
    ],
)
def test_the_feed_is_its_state_and_cause(state: State, detail: str, text: str) -> None:
    """One cell of plain words in any spreadsheet."""
    assert _feed_text(StreamStatus(state, detail, None)) == text


def test_rows_are_exact_and_in_order(setting: HubBench) -> None:
    """Candles from old to new with figures by hand; a level's row stands under its candle's time."""
    _, rows = asked(client_of(setting))
    assert [row["delta"] for row in rows] == ["-0.004", "-0.004", "0.007"]
    assert [row["cvd"] for row in rows] == ["-0.004", "-0.008", "-0.001"]
    assert [row["closed"] for row in rows] == ["true", "true", "false"]
    assert rows[0] | {"rev": ""} == {
        "open_time": "2026-09-21T14:00:00Z",
        "open_ts": "1789999200000",
        **dict.fromkeys(("open", "high", "low", "close", "poc"), "100.0"),
        "bid": "0.009",
        "ask": "0.005",
        "delta": "-0.004",
        "cvd": "-0.004",
        "min_delta": "-0.004",
        "max_delta": "0.005",
        "n": "2",
        "levels": "1",
        "closed": "true",
        "quality": "partial",
        "verified": "",
        "rev": "",
    }
    _, levels = asked(client_of(setting), rows="levels", tf="5m", lookback="1")
    assert [(row["price"], row["bid"], row["ask"], row["n"]) for row in levels] == [
        ("101.0", "0.000", "0.007", "1"),
        ("100.3", "0.004", "0.000", "1"),
        ("100.0", "0.009", "0.005", "2"),
    ]


@pytest.mark.parametrize("rows", TYPES)
def test_a_hostile_symbol_starts_no_formula_and_no_row(rows: str) -> None:
    """Cells are numbers, times and fixed words; each header line is one cell."""
    setting = HubBench()
    setting.listed.instruments[HOSTILE] = replace(BTC, symbol=HOSTILE, base="=1+1", quote="@A\n,-2")
    setting.hub.lease("somebody", key_of(setting, symbol=HOSTILE))
    setting.source.give(at(1), at(2, quantity=-9), symbol=HOSTILE)
    answer = client_of(setting).get(URL, query_string={**QUERY, "symbol": HOSTILE, "rows": rows})
    above, _, table = answer.text.partition("open_time")
    assert above.isascii()
    assert all(re.fullmatch(r'# [^,;"\t\r\n]*', line) for line in above.strip().split("\r\n"))
    cells = [cell for row in csv.reader(("open_time" + table).splitlines()) for cell in row]
    assert len(cells) % len(TYPES[rows]) == 0
    assert set(cells[: len(TYPES[rows])]) == set(TYPES[rows])
    assert all(re.fullmatch(f"{NUMBER}|{TIME}|{WORD}", cell) for cell in cells[len(TYPES[rows]) :])
    assert any(cell.startswith("-") for cell in cells)
    name = answer.headers["Content-Disposition"]
    assert re.fullmatch(r'attachment; filename="[A-Za-z0-9_]+\.csv"', name), name


def test_the_response_is_an_uncached_download(setting: HubBench) -> None:
    """A safe name, no cache, an explicit type."""
    answer = client_of(setting).get(URL, query_string=QUERY)
    assert answer.headers["Content-Type"] == "text/csv; charset=utf-8"
    assert answer.headers["Cache-Control"] == "no-store"
    name = r'attachment; filename="orderflow_binance_BTCUSDT_1m_candles_\d{8}T\d{6}Z\.csv"'
    assert re.fullmatch(name, answer.headers["Content-Disposition"])


@pytest.mark.parametrize(
    ("query", "status", "said"),
    [
        ({"rows": "ticks"}, 400, "candles or levels"),
        ({"tf": "2m"}, 400, "1m, 5m, 15m, or 1h"),
        ({"step": "0.07"}, 400, "multiple of the tick 0.1"),
        ({"lookback": "501"}, 400, "1 to 500"),
        ({"exchange": "nowhere"}, 400, "binance or bybit"),
        ({"symbol": "NOSUCH\r\nX"}, 404, "lists no perpetual"),
        ({"exchange": "bybit"}, 503, "cannot be reached: connection refused"),
    ],
)
def test_an_error_is_one_line(setting: HubBench, query: dict[str, str], status: int, said: str) -> None:
    """The status and one plain line with what is valid."""
    answer = client_of(setting).get(URL, query_string={**QUERY, **query})
    assert answer.status_code == status
    assert said in answer.text
    assert answer.text.count("\n") == 1
    assert answer.mimetype == "text/plain"
    assert ("Retry-After" in answer.headers) == (status == 503)


def test_rows_are_streamed_by_candle(setting: HubBench) -> None:
    """The header, the columns, then each candle: the response is streamed."""
    answer = client_of(setting).get(URL, query_string={**QUERY, "rows": "levels"})
    assert answer.is_streamed
    chunks = list(answer.iter_encoded())
    assert len(chunks) == 2 + 3


def test_simulated_trades_are_named(serve: Callable[..., Served]) -> None:
    """The header of the demo's table says that it is simulated."""
    served = serve(demo=True)
    wait_until(served.hub.instruments)
    query = {"exchange": "demo", "symbol": "BTCUSDT"}
    answer = httpx.get(served.url + URL, params=query, timeout=30, trust_env=False)
    about, _ = parts(answer.text)
    assert about["venue"] == "demo"
    assert "simulated market" in about["source"]


@pytest.mark.parametrize("tick", ["1", "100000000000000000", "0.000000000000000001"])
def test_a_tick_above_the_price_is_an_empty_table(tick: str) -> None:
    """The venue lists an absurd tick, which becomes the step."""
    setting = HubBench()
    odd = instrument("ODDUSDT", tick, "0.001")
    setting.listed.instruments["ODDUSDT"] = odd
    setting.board.rows = {(odd.venue, odd.symbol): Ticker(odd.symbol, last=Decimal("0.4"))}
    answer = client_of(setting).get(URL, query_string={"symbol": "ODDUSDT"})
    assert answer.status_code == 200
    assert parts(answer.text)[1] == []
