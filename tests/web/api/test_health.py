"""``/health`` and ``/ready``."""

from __future__ import annotations

import json
from collections.abc import Callable

import httpx

from orderflow_dash import __version__
from orderflow_dash.simulator import SimulatedExchange, SyntheticMarket
from tests.conftest import Served, venues_at, wait_until


def test_health_answers_while_no_venue_does(serve: Callable[..., Served]) -> None:
    """The process lives whatever the venues do; it is not ready, and says why."""
    served = serve()
    body = httpx.get(f"{served.url}/health", trust_env=False).raise_for_status().json()
    assert (body["status"], body["version"]) == ("ok", __version__)
    assert body["uptime_s"] >= 0
    wait_until(lambda: "refused" in served.health("binance")["detail"])
    ready = httpx.get(f"{served.url}/ready", trust_env=False)
    assert ready.status_code == 503
    assert ready.json()["ready"] is False
    assert "connection refused" in ready.json()["venues"]["bybit"]


def test_health_reports_each_feed(serve: Callable[..., Served]) -> None:
    """State, age of the last event, reconnects, gaps and repaired trades of each feed."""
    with SimulatedExchange(SyntheticMarket(speed=20)) as exchange:
        served = serve(**venues_at(exchange))
        assert served.health("binance")["state"] == "idle"
        with served.socket(exchange="binance", emit_ms=50) as socket:
            while json.loads(socket.recv(timeout=5))["type"] != "delta":
                pass
            wait_until(lambda: served.health("binance")["streams"]["BTCUSDT"]["state"] == "live")
            feed = served.health("binance")
        assert feed["state"] == "live"
        assert 0 <= feed["age_ms"] < 5_000
        assert {"reconnects", "gaps", "repaired"} <= feed.keys()
        assert feed["streams"]["BTCUSDT"]["state"] == "live"
        assert httpx.get(f"{served.url}/ready", trust_env=False).status_code == 200


def test_ready_says_no_while_the_server_goes_down(serve: Callable[..., Served]) -> None:
    """A load balancer stops sending clients there; the process is still alive."""
    served = serve(demo=True, backfill_minutes=0)
    wait_until(lambda: httpx.get(f"{served.url}/ready", trust_env=False).status_code == 200)
    served.hub.stop()
    ready = httpx.get(f"{served.url}/ready", trust_env=False)
    assert (ready.status_code, ready.json()["ready"]) == (503, False)
    assert ready.json()["detail"] == "server is shutting down"
    assert httpx.get(f"{served.url}/health", trust_env=False).status_code == 200


def test_health_reports_process_and_memory(serve: Callable[..., Served]) -> None:
    """What the process takes, what of it is held for symbols, and which of them take most."""
    served = serve(demo=True, backfill_minutes=0)
    with served.socket(exchange="demo", symbol="BTCUSDT", emit_ms=50) as socket:
        while json.loads(socket.recv(timeout=10))["type"] != "delta":
            pass
        body = httpx.get(f"{served.url}/health", trust_env=False).json()
    process, memory = body["process"], body["memory"]
    assert process["resident_bytes"] > 20e6
    assert process["threads"] >= 5
    assert process["open_files"] > 5
    assert process["sockets"] >= 1
    assert process["exports"] >= 0  # of the process: other tests' clients leave some of theirs half-read
    assert memory["minutes"] >= 1
    assert memory["series_bytes"] > 1_000
    assert memory["views_bytes"] > 1_000
    assert [(each["venue"], each["symbol"]) for each in memory["largest"]] == [("demo", "BTCUSDT")]
    assert body["crashes"].keys() == {"total", "threads", "last"}
