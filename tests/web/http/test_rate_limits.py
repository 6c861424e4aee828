"""Requests that come too often from one address, and those that never do."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable
from typing import Any

import httpx
import pytest
from flask import Flask

from orderflow_dash.settings import load_settings
from orderflow_dash.web.http.rate_counters import RateCounters
from orderflow_dash.web.http.rate_limits import limit_rates
from tests.conftest import Served

NEAR, FAR = "192.0.2.1", "192.0.2.2"
TIGHT = {"update_rate": 1, "page_rate": 2, "socket_rate": 3, "export_rate": 4}
TICK = json.dumps(
    {
        "output": "page-interval.disabled",
        "outputs": {"id": "page-interval", "property": "disabled"},
        "inputs": [],
        "changedPropIds": [],
    }
)


@pytest.fixture
def app(serve: Callable[..., Served]) -> Served:
    """The app with tight limits, under a prefix, behind a proxy that forwards client addresses."""
    return serve(proxy_hops=1, prefix="/flow/", **TIGHT)


class Client:
    """Somebody at an address."""

    def __init__(self, app: Served, address: str = NEAR) -> None:
        self._http = httpx.Client(
            base_url=f"{app.url}/flow/", headers={"X-Forwarded-For": address}, trust_env=False, timeout=20
        )

    def ask(self, path: str, method: str = "GET", **options: Any) -> httpx.Response:
        """The answer."""
        return self._http.request(method, path, **options)

    def until_refused(self, path: str, method: str = "GET", **options: Any) -> tuple[int, httpx.Response]:
        """How many requests were let in, and the refusal of the one after them."""
        for served in range(100):
            answer = self.ask(path, method, **options)
            if answer.status_code == 429:
                return served, answer
        raise AssertionError(f"{path} is never refused")


@pytest.mark.parametrize(
    ("path", "method", "served", "words"),
    [
        ("_dash-update-component", "POST", 10, "1 page updates per second"),
        ("compare/_dash-update-component", "POST", 10, "1 page updates per second"),
        ("api/replay", "GET", 10, "1 page updates per second"),
        ("", "GET", 2, "2 pages per minute"),
        ("help", "GET", 2, "2 pages per minute"),
        ("embed", "GET", 2, "2 pages per minute"),
        ("_dash-layout", "GET", 8, "8 page parts per minute"),
        ("ws/orderflow", "GET", 3, "3 socket connections per minute"),
        ("api/export.csv", "GET", 4, "4 exports per minute"),
    ],
)
def test_beyond_the_rate_a_request_is_refused_with_when_to_come_again(
    app: Served, path: str, method: str, served: int, words: str
) -> None:
    """429, Retry-After, one plain line that names the address; another address is still served."""
    client = Client(app)
    options = {"content": TICK, "headers": {"Content-Type": "application/json"}} if method == "POST" else {}
    count, refusal = client.until_refused(path, method, **options)
    assert count == served
    wait_s = int(refusal.headers["Retry-After"])
    assert 1 <= wait_s <= 60
    assert refusal.text == (
        f"Rate limit exceeded: {words} from your address ({NEAR}). Try again in {wait_s} s.\n"
    )
    assert refusal.headers["Content-Type"].startswith("text/plain")
    assert refusal.headers["Cache-Control"] == "no-store"
    assert Client(app, FAR).ask(path, method, **options).status_code != 429


def test_pages_share_their_rate_and_kinds_do_not(app: Served) -> None:
    """A page more is refused whichever it is; an export is still served."""
    client = Client(app)
    assert [client.ask(page).status_code for page in ("", "compare", "embed", "help", "")] == [
        200, 200, 429, 429, 429,
    ]  # fmt: skip
    assert client.ask("api/export.csv").status_code != 429


@pytest.mark.parametrize("path", ["health", "ready", "metrics", "assets/js/main.mjs", "nope"])
def test_what_monitors_and_pages_need_is_never_refused(app: Served, path: str) -> None:
    """However often it is asked for, and although everything else is refused by now."""
    client = Client(app)
    client.until_refused("")
    assert 429 not in {client.ask(path).status_code for _ in range(50)}


def test_refusals_do_not_fill_the_log(app: Served, caplog: pytest.LogCaptureFixture) -> None:
    """One line a minute for each address and kind, with both."""
    with caplog.at_level(logging.INFO):
        client = Client(app)
        for _ in range(20):
            client.ask("help")
        Client(app, FAR).until_refused("help")
    lines = [record.getMessage() for record in caplog.records if "limit" in record.name]
    assert lines == [f"rate limit exceeded: 2 pages per minute from {address}" for address in (NEAR, FAR)]


def test_a_team_behind_one_address_is_served_by_default() -> None:
    """A hundred viewers load a page at once, and each has a panel that asks twice a second."""
    server = Flask("limited")
    limit_rates(server, load_settings())
    for rule in ("/", "/_dash-layout", "/_dash-dependencies", "/ws/orderflow"):
        server.add_url_rule(rule, endpoint=rule, view_func=lambda: "")
    server.add_url_rule("/_dash-update-component", view_func=lambda: "", methods=["POST"])
    client = server.test_client()
    for _ in range(100):
        for path in ("/", "/_dash-layout", "/_dash-dependencies", "/ws/orderflow"):
            assert client.get(path).status_code == 200
        for _ in range(2 * 10):
            assert client.post("/_dash-update-component").status_code == 200


@pytest.fixture
def counters() -> tuple[RateCounters, list[float]]:
    """Counters and their clock."""
    now = [100.0]
    return RateCounters(clock=lambda: now[0]), now


def test_a_count_restarts_when_its_window_ends(counters: tuple[RateCounters, list[float]]) -> None:
    """Each key is counted on its own until then."""
    count, now = counters
    assert [count.incr("a", 10), count.incr("a", 10), count.incr("b", 10)] == [1, 2, 1]
    now[0] += 9.9
    assert (count.incr("a", 10), count.get("a"), count.get("b"), count.get("c")) == (3, 3, 1, 0)
    now[0] += 0.1
    assert (count.get("a"), count.incr("a", 10)) == (0, 1)


def test_counters_that_ended_are_let_go(counters: tuple[RateCounters, list[float]]) -> None:
    """However many addresses come by, only those of the last window are remembered."""
    count, now = counters
    for number in range(1_000):
        count.incr(f"client {number}", 10)
    now[0] += 20
    count.incr("another", 10)
    assert len(count) == 1
