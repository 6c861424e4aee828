"""``/metrics``."""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Callable, Iterator
from decimal import Decimal
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import httpx
import pytest
from flask import Flask
from prometheus_client.parser import text_string_to_metric_families

from benchmarks.page_client import panel_poll
from orderflow_dash.live.view import ViewKey
from orderflow_dash.market import Timeframe, Venue
from orderflow_dash.simulator import SimulatedExchange, SyntheticMarket
from orderflow_dash.web.api import socket as socket_module
from orderflow_dash.web.query import ViewQuery
from tests.conftest import Served, venues_at, wait_until

BTC = ViewKey(Venue.DEMO, "BTCUSDT", Timeframe.M1, Decimal(1))


def scraped(app: Served) -> dict[tuple[str, ...], float]:
    """Every sample by name and label values."""
    text = httpx.get(f"{app.url}/metrics", trust_env=False).raise_for_status().text
    return {
        (sample.name, *sample.labels.values()): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def test_names_have_base_units_alone(serve: Callable[..., Served], tmp_path: Path) -> None:
    """As promtool wants it: seconds and bytes, and no name that reads as another unit."""
    app = serve(demo=True, backfill_minutes=0, database_url=f"sqlite:///{tmp_path}/minutes.sqlite3")
    text = httpx.get(f"{app.url}/metrics", trust_env=False).raise_for_status().text
    names = {family.name for family in text_string_to_metric_families(text)}
    assert "orderflow_store_lag_seconds" in names
    others = {"ms", "milliseconds", "minutes", "hours", "days", "us", "ns", "kb", "mb", "percent", "bits"}
    assert not {name for name in names if others & set(name.split("_"))}


def test_metrics_report_the_figures_of_health(serve: Callable[..., Served]) -> None:
    """Trades, repaired and verified minutes of each venue, and how the store stands."""
    with SimulatedExchange(SyntheticMarket(seed=3, speed=20, history_ms=180_000)) as exchange:
        app = serve(**venues_at(exchange), backfill_minutes=2, verify_interval_s=0.3)
        with app.socket(exchange="binance", symbol="BTCUSDT", emit_ms=50):
            wait_until(lambda: scraped(app)["orderflow_compared_candles", "verified", "binance"] > 0, 40)
            found, health = scraped(app), app.health("binance")
    assert 0 < found["orderflow_trades_total", "binance"] <= health["trades"]
    assert 0 < found["orderflow_repaired_total", "binance"] <= health["repaired"]
    assert found["orderflow_event_age_seconds", "binance"] < 10
    assert found["orderflow_gaps", "binance"] == 0
    assert found["orderflow_reachable", "bybit"] == 1
    assert found["orderflow_series",] == 1
    assert found["orderflow_store_failing",] == 0


def test_a_venue_that_never_answered_has_no_age(serve: Callable[..., Served]) -> None:
    """Unknown values are left out, not shown as zero."""
    found = scraped(serve())
    assert ("orderflow_event_age_seconds", "binance") not in found
    assert found["orderflow_reachable", "binance"] == 0


# -- what the process measures of itself ------------------------------------------------------------


@pytest.fixture(scope="module")
def demo() -> Iterator[Served]:
    """The simulated market at the pace of life, so that lags are lags."""
    served = Served(
        binance_rest="http://127.0.0.1:9", binance_ws="ws://127.0.0.1:9", bybit_rest="http://127.0.0.1:9",
        bybit_ws="ws://127.0.0.1:9/v5/public/linear", demo=True, backfill_minutes=0, database_url="off",
        panel_timeout_s=60,
    )  # fmt: skip
    wait_until(lambda: httpx.get(f"{served.url}/ready", trust_env=False).status_code == 200)
    yield served
    served.stop()


def grown(app: Served, *names: tuple[str, ...]) -> Callable[[], list[float]]:
    """How much samples have grown since now."""
    before = scraped(app)

    def growth() -> list[float]:
        now = scraped(app)
        return [now.get(name, 0) - before.get(name, 0) for name in names]

    return growth


def test_the_lag_of_trades_and_the_clock_offset_are_separate(demo: Served) -> None:
    """A histogram of trade lag, and the offset of the venue's clock, each by venue."""
    with demo.socket(exchange="demo", symbol="BTCUSDT", emit_ms=50):
        wait_until(lambda: scraped(demo).get(("orderflow_feed_lag_seconds_count", "demo"), 0) > 20, 20)
        wait_until(lambda: ("orderflow_clock_skew_seconds", "demo") in scraped(demo))
        wait_until(lambda: scraped(demo)["orderflow_streams", "live", "demo"] == 1)
        found, health = scraped(demo), demo.health("demo")
    count, total = (found[f"orderflow_feed_lag_seconds_{part}", "demo"] for part in ("count", "sum"))
    assert found["orderflow_feed_lag_seconds_bucket", "+Inf", "demo"] == count
    assert 0 <= total / count < 2
    assert found["orderflow_feed_lag_seconds_bucket", "10.0", "demo"] == count
    assert abs(found["orderflow_clock_skew_seconds", "demo"]) < 0.5
    assert found["orderflow_clock_skew_within_seconds", "demo"] < 0.5
    assert 0 <= health["lag"]["p50_ms"] <= health["lag"]["p99_ms"] < 5_000
    assert health["clock"].keys() == {"skew_ms", "within_ms"}
    assert found["orderflow_streams", "live", "demo"] == 1
    assert found["orderflow_streams", "stale", "demo"] == 0


def test_a_market_that_runs_faster_has_no_lag(serve: Callable[..., Served]) -> None:
    """Its trade times do not match the wall clock, so no lag is reported."""
    app = serve(demo=True, demo_speed=20, backfill_minutes=0)
    with app.socket(exchange="demo", symbol="BTCUSDT", emit_ms=50) as socket:
        while json.loads(socket.recv(timeout=10))["type"] != "delta":
            pass
        assert ("orderflow_feed_lag_seconds_count", "demo") not in scraped(app)
        assert app.health("demo")["lag"] is None


def test_sockets_are_counted_from_open_to_close(demo: Served) -> None:
    """Open ones, what they were sent, what was encoded for them, and who was refused."""
    growth = grown(
        demo,
        ("orderflow_sockets",),
        ("orderflow_deltas_sent_total",),
        ("orderflow_snapshots_sent_total",),
        ("orderflow_encode_seconds_count",),
        ("orderflow_snapshot_seconds_count",),
        ("orderflow_socket_refusals_total", "unknown_symbol"),
    )
    with demo.socket(exchange="demo", symbol="ETHUSDT", emit_ms=50), demo.socket(
        exchange="demo", symbol="ETHUSDT", emit_ms=50
    ):  # fmt: skip
        wait_until(lambda: growth()[1] >= 4)
        sockets, deltas, snapshots, encoded, built, _ = growth()
        assert (sockets, snapshots, built) == (2, 2, 2)
        assert 0 < encoded <= deltas
    wait_until(lambda: growth()[0] == 0)
    with demo.socket(exchange="demo", symbol="NOSUCH") as socket:
        assert json.loads(socket.recv(timeout=5))["code"] == "unknown_symbol"
    assert growth()[5] == 1


def test_requests_are_counted_by_class_of_status(demo: Served) -> None:
    """Whatever was asked for."""
    growth = grown(demo, ("orderflow_http_requests_total", "4xx"), ("orderflow_http_requests_total", "2xx"))
    for path in ("nowhere", "nowhere/else", "api/export.csv?tf=2m"):
        httpx.get(f"{demo.url}/{path}", trust_env=False)
    assert growth()[0] == 3
    assert growth()[1] >= 1


def test_an_export_is_counted_while_it_runs(demo: Served) -> None:
    """From its place to its end."""
    growth = grown(demo, ("orderflow_exports",))
    with demo.hub.watch(BTC) as view:
        wait_until(lambda: view.candles(1))
        address = f"{demo.url}/api/export.csv?exchange=demo&symbol=BTCUSDT&step=1&rows=levels"
        with httpx.stream("GET", address, trust_env=False, timeout=20) as answer:
            assert answer.status_code == 200
            answer.read()
    wait_until(lambda: growth() == [0])


def test_the_process_reports_memory_threads_and_files(demo: Served) -> None:
    """The figures that reveal a leak."""
    found = scraped(demo)
    assert found["process_resident_memory_bytes",] > 20e6
    assert found["orderflow_threads",] >= 5
    assert found["process_open_fds",] > 5
    assert found["process_cpu_seconds_total",] > 0


# -- callbacks --------------------------------------------------------------------------------------


def tick(output: str) -> dict[str, Any]:
    """A request of the front page's interval."""
    return {
        "output": output,
        "outputs": [
            dict(zip(("id", "property"), part.split("."), strict=True))
            for part in output.strip(".").split("...")
        ],
        "inputs": [{"id": "page-interval", "property": "n_intervals", "value": 1}],
        "state": [
            {"id": "table-cursor", "property": "data", "value": None},
            {"id": "rows-in-view", "property": "data", "value": None},
        ],
        "changedPropIds": ["page-interval.n_intervals"],
    }


def tick_output(app: Served) -> str:
    """As the page's own list of callbacks has it."""
    callbacks = httpx.get(f"{app.url}/_dash-dependencies", trust_env=False).json()
    return next(each["output"] for each in callbacks if "table-cursor.data" in each["output"])


def test_a_callback_is_timed_under_its_name(demo: Served) -> None:
    """The function's, not that of its outputs; what is new in panels is timed as they are."""
    growth = grown(
        demo,
        ("orderflow_callback_seconds_count", "pages.front.tick"),
        ("orderflow_callback_seconds_count", "api.panel_updates.panel_updates"),
    )
    answer = httpx.post(f"{demo.url}/_dash-update-component", json=tick(tick_output(demo)), trust_env=False)
    assert answer.status_code == 200
    httpx.post(f"{demo.url}/_dash-update-component", json=panel_poll([], []), trust_env=False)
    assert growth() == [1, 1]


def test_what_strangers_send_makes_no_series_of_its_own(demo: Served) -> None:
    """Unregistered outputs, unknown symbols and unknown paths add no series."""

    def ask(name: str) -> None:
        httpx.post(f"{demo.url}/_dash-update-component", json=tick(f"{name}.data"), trust_env=False)
        httpx.get(f"{demo.url}/{name}?symbol={name}", trust_env=False)
        with demo.socket(exchange="demo", symbol=name.upper()) as socket:
            socket.recv(timeout=5)

    ask("first")
    series = set(scraped(demo))
    for number in range(10):
        ask(f"stranger{number}")
    assert set(scraped(demo)) == series
    assert len(series) < 600


def test_no_series_has_a_symbol(demo: Served) -> None:
    """Hundreds of symbols by a dozen figures would be a monitor's ruin."""
    text = httpx.get(f"{demo.url}/metrics", trust_env=False).text
    assert not re.search(r'[{,](symbol|request_id|path|client)="', text)
    assert "USDT" not in text


# -- a slow client ----------------------------------------------------------------------------------


class SlowClient:
    """Takes each delta only after three emission periods."""

    def __init__(self) -> None:
        self.deltas = 0
        self.sock = SimpleNamespace(is_flooding=False)

    def send(self, text: str) -> None:
        if text.startswith('{"type":"delta"'):
            self.deltas += 1
            threading.Event().wait(0.15)

    def receive(self, timeout: float) -> None:
        threading.Event().wait(timeout)


def test_a_slow_client_is_counted_where_it_makes_emissions_late(demo: Served) -> None:
    """It skips states, and the number of skips is reported."""
    growth = grown(demo, ("orderflow_conflations_total",))
    client, query = SlowClient(), ViewQuery(BTC, 2, 50)
    with Flask("test").test_request_context(), demo.hub.watch(BTC) as view:
        served = threading.Thread(target=socket_module._stream, args=(client, demo.hub, view, query))
        served.start()
        wait_until(lambda: growth()[0] >= 2)
        view.is_closed = True
        served.join(5)
    assert client.deltas >= 2
