"""``/api/export.csv`` as spreadsheets, programs and strangers meet it."""

from __future__ import annotations

import csv
import json
import re
import socket
import struct
from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal
from typing import Any

import httpx
import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from orderflow_dash.exchanges.binance.rest import AGG_TRADES_PATH
from orderflow_dash.feeds.feed import StreamStatus
from orderflow_dash.live.view import ViewKey
from orderflow_dash.live.watch_limits import WatchLimits
from orderflow_dash.market import MINUTE_MS, State, Ticker
from orderflow_dash.simulator import SimulatedExchange, SyntheticMarket
from orderflow_dash.web import routes
from orderflow_dash.web.api import history_wait
from orderflow_dash.web.api.export import (
    CANDLE_COLUMNS,
    LEVEL_COLUMNS,
    MAX_EXPORT_S,
    MAX_EXPORTS,
    _feed_text,
    register_export,
    within_time,
)
from orderflow_dash.web.query import parse_view_query
from tests.conftest import Served, venues_at, wait_until
from tests.exchanges.frames import instrument
from tests.live.test_hub import BTC, Setting, at

URL = f"/{routes.EXPORT}"
QUERY = {"exchange": "binance", "symbol": "BTCUSDT", "tf": "1m", "step": "0.1"}
TYPES = {"candles": CANDLE_COLUMNS, "levels": LEVEL_COLUMNS}
HOSTILE = "=CMD|'/C CALC'!A0,\r\n@SUM(1);\t+1\"-2"

NUMBER = r"-?\d+(\.\d+)?"
TIME = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ"
WORD = r"complete|repaired|partial|gap|true|false|"


def client_of(setting: Setting) -> FlaskClient:
    """A client of a server that has nothing but the export."""
    server = Flask("export")
    register_export(server, setting.hub)
    return server.test_client()


@pytest.fixture
def setting() -> Setting:
    """A hub whose BTCUSDT streams already, with trades of three minutes."""
    setting = Setting()
    setting.hub.lease("somebody", key_of(setting))
    setting.source.give(at(1), at(2, quantity=-9), at(3, 1, -4, 1_003), at(4, 2, 7, 1_010))
    return setting


def key_of(setting: Setting, **changes: str) -> ViewKey:
    """The view that the query names."""
    return parse_view_query({**QUERY, **changes}, setting.hub, None).key


def parts(text: str) -> tuple[dict[str, str], list[dict[str, str]]]:
    """What the lines above say, and the rows by column."""
    lines = text.split("\r\n")
    above = [line for line in lines if line.startswith("#")]
    about = dict(line.removeprefix("# ").partition(":")[::2] for line in above)
    rows = list(csv.DictReader(lines[len(above) :], strict=True))
    return {name: value.strip() for name, value in about.items()}, rows


def asked(client: FlaskClient, **query: str) -> tuple[dict[str, str], list[dict[str, str]]]:
    """The parts of an answer that is there."""
    answer = client.get(URL, query_string={**QUERY, **query})
    assert answer.status_code == 200, answer.text
    return parts(answer.text)


def test_the_table_equals_the_socket_s_snapshot_to_the_last_digit(serve: Callable[..., Served]) -> None:
    """Same view, same moment: every field and every level is the same text in both."""
    with SimulatedExchange(SyntheticMarket(seed=3, speed=20, history_ms=40 * MINUTE_MS)) as exchange:
        served = serve(**venues_at(exchange), verify_interval_s=0)
        view = {**QUERY, "step": "0.5", "lookback": "60"}
        wait_until(lambda: httpx.get(f"{served.url}/ready", trust_env=False).status_code == 200)
        with served.socket(**view, emit_ms=50) as watcher:
            while len(json.loads(watcher.recv(timeout=5)).get("candles", ())) < 20:
                pass  # until a snapshot tells of the market's past
            exchange.faults.stall()

            def moment() -> tuple[dict[str, Any], dict[str, list[dict[str, str]]]] | None:
                """Snapshot and tables, if nothing changed meanwhile."""
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
        told, tables = found[-1]
    candles, levels = tables["candles"], tables["levels"]
    for ours, theirs in zip(candles, told["candles"], strict=True):
        shared = theirs.keys() - {"levels"}
        words = {True: "true", False: "false", None: ""}
        assert {name: ours[name] for name in shared} == {
            name: words[value] if isinstance(value, bool) or value is None else value
            for name, value in theirs.items()
            if name in shared
        }
        assert ours["levels"] == str(len(theirs["levels"]))
    assert [(row["open_ts"], row["price"], row["bid"], row["ask"], row["n"]) for row in levels] == [
        (candle["open_ts"], level["p"], level["bid"], level["ask"], level["n"])
        for candle in told["candles"]
        for level in candle["levels"]
    ]
    assert all(Decimal(row["delta"]) == Decimal(row["ask"]) - Decimal(row["bid"]) for row in levels)


def test_the_lines_above_say_what_the_table_is(setting: Setting) -> None:
    """Venue, symbol, timeframe, step, units, time zone, origin of the CVD, and what the words mean."""
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


def test_rows_are_exact_and_in_order(setting: Setting) -> None:
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
def test_a_hostile_symbol_begins_no_formula_and_no_row(rows: str) -> None:
    """Whatever a venue calls a symbol: cells are numbers, times and our words, and the rest is one cell."""
    setting = Setting()
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


def test_the_answer_is_a_download_that_nobody_keeps(setting: Setting) -> None:
    """A safe name, no cache, no guess at its type."""
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
def test_what_cannot_be_served_is_told_in_a_line(
    setting: Setting, query: dict[str, str], status: int, said: str
) -> None:
    """The status and one plain line with what is accepted."""
    answer = client_of(setting).get(URL, query_string={**QUERY, **query})
    assert answer.status_code == status
    assert said in answer.text
    assert answer.text.count("\n") == 1
    assert answer.text.count("\n") == 1
    assert answer.mimetype == "text/plain"
    assert ("Retry-After" in answer.headers) == (status == 503)


def test_a_hub_that_is_full_says_so() -> None:
    """Where no symbol more may stream the answer is 503."""
    setting = Setting(limits=WatchLimits(series=1))
    setting.hub.lease("somebody", key_of(setting))
    answer = client_of(setting).get(URL, query_string={**QUERY, "symbol": "ETHUSDT"})
    assert (answer.status_code, "Limit reached: 1 symbols on this server." in answer.text) == (503, True)
    assert f"try again in {answer.headers['Retry-After']} s." in answer.text


def test_exports_have_few_places_and_give_them_back(setting: Setting) -> None:
    """Those beyond are told to come again; one that ends, read or not, makes room and ends its watch."""
    client = client_of(setting)

    def get(last: int, **query: str) -> TestResponse:
        return client.get(
            URL, query_string={**QUERY, **query}, environ_base={"REMOTE_ADDR": f"192.0.2.{last}"}
        )

    seconds = [get(number // 2, tf="5m") for number in range(MAX_EXPORTS)]
    assert setting.counts == (1, 2, 1)
    refused = get(99)
    assert (refused.status_code, refused.headers["Retry-After"]) == (503, "3")
    assert f"Limit reached: {MAX_EXPORTS} exports at a time on this server." in refused.text
    for answer in seconds:
        answer.close()
    assert setting.counts == (1, 1, 1)
    for _ in range(2 * MAX_EXPORTS):
        unread = client.head(URL, query_string=QUERY)
        assert unread.status_code == 200
        unread.close()
        client.get(URL, query_string={"tf": "no"}).close()
    assert setting.counts == (1, 1, 1)


def test_one_client_runs_a_quarter_of_the_exports(setting: Setting) -> None:
    """The next one of its address is refused with the limit."""
    client = client_of(setting)
    held = [client.get(URL, query_string=QUERY) for _ in range(MAX_EXPORTS // 4)]
    refused = client.get(URL, query_string=QUERY)
    assert (refused.status_code, refused.headers["Retry-After"]) == (503, "3")
    assert f"Limit reached: {len(held)} exports at a time per client." in refused.text
    for answer in held:
        answer.close()
    assert client.get(URL, query_string=QUERY).status_code == 200


def test_a_reader_that_takes_nothing_is_given_up(setting: Setting) -> None:
    """While the answer is under way sending is bounded; afterwards the connection is as it was."""

    def seconds(end: socket.socket) -> int:
        return struct.unpack("ll", end.getsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, 16))[0]

    ours, theirs = socket.socketpair()
    with ours, theirs:
        served = {"gunicorn.socket": ours}
        answer = client_of(setting).get(URL, query_string=QUERY, environ_overrides=served)
        assert 0 < seconds(ours) <= 20
        answer.close()
        assert seconds(ours) == 0


def test_rows_come_a_candle_at_a_time(setting: Setting) -> None:
    """The lines above, the columns, and then each candle by itself: nothing is put together first."""
    answer = client_of(setting).get(URL, query_string={**QUERY, "rows": "levels"})
    assert answer.is_streamed
    chunks = list(answer.iter_encoded())
    assert len(chunks) == 2 + 3


def test_a_symbol_that_nobody_watched_gets_a_moment(monkeypatch: pytest.MonkeyPatch) -> None:
    """The stream begins with the export; what comes within the moment is in it."""
    setting = Setting()
    asked_for: list[str] = []

    def status(symbol: str) -> StreamStatus:
        """Connecting at first; at the third look there is a trade."""
        asked_for.append(symbol)
        if len(asked_for) == 3:
            setting.source.give(at(1))
        return StreamStatus(State.CONNECTING if len(asked_for) < 3 else State.LIVE, "", None)

    monkeypatch.setattr(setting.source, "status", status)
    about, rows = asked(client_of(setting))
    assert about["feed"] == "live"
    assert [row["ask"] for row in rows] == ["0.005"]


def test_a_feed_without_trades_is_an_empty_table(setting: Setting) -> None:
    """Where there is nothing to tell, the lines above and the columns say so."""
    client = client_of(setting)
    about, rows = asked(client, symbol="ETHUSDT", step="0.01")
    assert (about["cvd_from"], rows) == ("", [])


def test_simulated_trades_are_called_so(serve: Callable[..., Served]) -> None:
    """The demo's table says that it is simulated, even where no row says it."""
    served = serve(demo=True)
    wait_until(served.hub.instruments)
    answer = httpx.get(served.url + URL, params={"exchange": "demo", "symbol": "BTCUSDT"}, trust_env=False)
    about, _ = parts(answer.text)
    assert about["venue"] == "demo"
    assert "simulated market" in about["source"]


def test_a_reader_that_drips_is_given_up() -> None:
    """It gets what it took in time, and then no end: nobody takes a part for the whole."""
    now = [0.0]
    lines = within_time(["a", "b", "c"], lambda: now[0])
    assert next(lines) == "a"
    now[0] = MAX_EXPORT_S
    assert next(lines) == "b"
    now[0] += 1
    with pytest.raises(ConnectionResetError, match="within 180 s"):
        next(lines)


@pytest.mark.parametrize("venue", ["binance", "bybit"])
def test_the_first_export_of_a_silent_symbol_has_its_past(serve: Callable[..., Served], venue: str) -> None:
    """It is not watched, and the market brings no trade of it meanwhile."""
    with SimulatedExchange(SyntheticMarket(seed=27, speed=0.5, history_ms=20 * MINUTE_MS)) as exchange:
        app = serve(**venues_at(exchange), backfill_minutes=10)
        wait_until(lambda: app.hub.instruments())
        url = f"{app.url}{URL}?exchange={venue}&symbol=YFIUSDT&tf=1m"
        answer = httpx.get(url, timeout=30, trust_env=False)
        feed = app.health(venue)["streams"]["YFIUSDT"]
    assert answer.status_code == 200
    assert feed["age_ms"] is None  # its first trade has not come
    assert len(parts(answer.text)[1]) > 2
    assert "# warning" not in answer.text


def test_an_export_before_the_past_is_known_says_so(
    serve: Callable[..., Served], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where the venue does not give it in time the answer is 503, never an empty table."""
    monkeypatch.setattr(history_wait, "_LONGEST_FETCHING_S", 2.5)
    with SimulatedExchange(SyntheticMarket(seed=27, speed=0.5, history_ms=20 * MINUTE_MS)) as exchange:
        exchange.faults.http(503, path=AGG_TRADES_PATH)
        app = serve(**venues_at(exchange), backfill_minutes=10)
        wait_until(lambda: app.hub.instruments())
        url = f"{app.url}{URL}?exchange=binance&symbol=YFIUSDT&tf=1m"
        answer = httpx.get(url, timeout=30, trust_env=False)
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "3")
    assert "no trade of YFIUSDT has been received yet (connecting, connected" in answer.text


@pytest.mark.parametrize(
    ("state", "past_known", "warning"),
    [
        (State.REPAIRING, None, "history is still being fetched"),
        (State.CONNECTING, False, "history is still being fetched"),
        (State.CONNECTING, True, ""),
        (State.DISCONNECTED, None, "no trades are being received"),
        (State.LIVE, None, ""),
        (State.STALE, None, ""),
    ],
)
def test_rows_that_may_be_old_are_marked(
    setting: Setting, monkeypatch: pytest.MonkeyPatch, state: State, past_known: bool | None, warning: str
) -> None:
    """A comment line says so; the columns are the same."""
    monkeypatch.setattr(history_wait, "_LONGEST_S", 0.1)
    monkeypatch.setattr(history_wait, "_LONGEST_FETCHING_S", 0.1)
    status = StreamStatus(state, "by hand", None, past_known)
    monkeypatch.setattr(setting.source, "status", lambda _symbol: status)
    answer = client_of(setting).get(URL, query_string=QUERY)
    assert answer.status_code == 200
    assert len(parts(answer.text)[1]) == 3
    assert ("# warning: " in answer.text) == bool(warning)
    assert warning in answer.text


@pytest.mark.parametrize("tick", ["1", "100000000000000000", "0.000000000000000001"])
def test_a_tick_beyond_the_price_is_no_failure(tick: str) -> None:
    """A venue lists an absurd tick: the price is less than one of it, and the step is that tick."""
    setting = Setting()
    odd = instrument("ODDUSDT", tick, "0.001")
    setting.listed.instruments["ODDUSDT"] = odd
    setting.board.rows = {(odd.venue, odd.symbol): Ticker(odd.symbol, last=Decimal("0.4"))}
    answer = client_of(setting).get(URL, query_string={"symbol": "ODDUSDT"})
    assert answer.status_code == 200
    assert parts(answer.text)[1] == []
