"""The app behind a real nginx that runs the recipe of ``docs/deploy.md``."""

from __future__ import annotations

import json
import socket
import statistics
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Any, Final

import httpx
import pytest
from selenium.webdriver import Chrome
from websockets.sync.client import ClientConnection, connect

from orderflow_dash.server import PAGE_THREADS
from tests.browser.conftest import Page
from tests.conftest import wait_until
from tests.deploy.conftest import Nginx, trusting
from tests.deploy.recipes import Unit, replaced
from tests.deploy.upstream import Upstream, answer_briefly
from tests.test_commands import Program, running

SLOW_CLIENTS = 200
PROMPT_S = 0.5  # with this machine's other work
NEAR, FAR = "127.0.0.2", "127.0.0.3"  # all of 127.0.0.0/8 is this machine


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Program]:
    """The app as the systemd unit starts it, but on a free port, with a market and few sockets per client."""
    unit, log = Unit(), tmp_path_factory.mktemp("hosted") / "log"
    command = replaced(
        " ".join(unit.command),
        {"/opt/orderflow_dash/.venv/bin": str(Path(sys.executable).parent), "127.0.0.1:8050": "127.0.0.1:0"},
    ).split()
    market = {"ORDERFLOW_DEMO": "on", "ORDERFLOW_DEMO_SPEED": "30", "ORDERFLOW_MAX_SOCKETS_PER_CLIENT": "2"}
    store = {"DATABASE_URL": "off"}
    with running(command, log, **{**unit.environment, **market, **store}) as program:
        wait_until(lambda: program.ready(unit.environment["ORDERFLOW_PREFIX"]), 60)
        yield program


@pytest.fixture(scope="module")
def proxy(app: Program, nginx_before: Callable[[int], Nginx]) -> Nginx:
    """nginx in front of it."""
    return nginx_before(int(app.url.rpartition(":")[2]))


@pytest.fixture
def upstream(nginx_before: Callable[[int], Nginx]) -> Iterator[tuple[Nginx, Upstream]]:
    """nginx in front of a server that keeps what reaches it."""
    behind = Upstream(answer_briefly)
    yield nginx_before(behind.port), behind
    behind.close()


def get(url: str) -> httpx.Response:
    """The answer, redirects not followed."""
    return httpx.get(url, trust_env=False, verify=trusting(), timeout=20)


def client(proxy: Nginx, address: str, **headers: str) -> ClientConnection:
    """A client of the socket from an address."""
    return connect(
        f"wss://127.0.0.1:{proxy.port}/flow/ws/orderflow?exchange=demo",
        ssl=trusting(),
        proxy=None,
        source_address=(address, 0),
        additional_headers=headers,
    )


def first(socket: ClientConnection) -> dict[str, Any]:
    """The first message."""
    message: dict[str, Any] = json.loads(socket.recv(timeout=10))
    return message


def test_the_page_is_live_behind_the_proxy(proxy: Nginx, driver: Chrome) -> None:
    """With prefix and TLS: callbacks update the table, the socket feeds the chart, no console error."""
    page = Page(driver, f"{proxy.url}/flow")
    page.open("exchange=demo&symbol=BTCUSDT&tf=1m&step=0.5")
    page.wait(lambda: len(page.footprint()) > 1, "candles")
    before = page.footprint()[0]
    page.wait(lambda: page.footprint()[0] != before, "it moves")
    chart = "[aria-label^='Footprint of BTCUSDT'][aria-label*='Last candle']"
    page.wait(lambda: page.count(chart), "the chart has its feed")
    page.wait(lambda: page.text(".feed-word") == "Live", "the panel is live")
    link = page.js("return document.querySelector('.share-link input').value")
    assert link.startswith(f"{proxy.url}/flow/?exchange=demo")
    assert page.complaints() == []


def test_a_client_is_known_by_its_own_address(proxy: Nginx) -> None:
    """The limit counts the address that nginx sees, not nginx, and not what a client claims."""
    with ExitStack() as held:
        for _ in range(2):
            assert first(held.enter_context(client(proxy, NEAR)))["type"] == "snapshot"
        with client(proxy, NEAR, **{"X-Forwarded-For": "203.0.113.9", "X-Real-IP": "203.0.113.9"}) as forger:
            refusal = first(forger)
        assert refusal["code"] == "too_many_clients"
        assert "Socket limit per client (2) reached: " in refusal["message"]
        with client(proxy, FAR) as other:
            assert first(other)["type"] == "snapshot"


def test_only_addresses_under_the_prefix_reach_the_app(proxy: Nginx) -> None:
    """The prefix without its slash redirects to the page, and monitors find ``/health``."""
    assert get(f"{proxy.url}/flow").headers["Location"] == f"{proxy.url}/flow/"
    assert get(f"{proxy.url}/").status_code == 404
    assert get(f"{proxy.url}/flow/health").json()["status"] == "ok"
    assert get(f"{proxy.url}/flow/nope").status_code == 404
    answer = get(f"{proxy.url}/flow/api/export.csv?exchange=demo&rows=levels&lookback=30")
    assert answer.text.count("\r\n") > 30
    assert answer.text.startswith("# venue: demo")


def test_the_app_gets_client_host_and_scheme(upstream: tuple[Nginx, Upstream]) -> None:
    """Host with its port, scheme, and the client's address last, whatever the client sends."""
    proxy, behind = upstream
    forged = {
        "X-Forwarded-For": "203.0.113.9",
        "X-Forwarded-Proto": "http",
        "X-Forwarded-Host": "evil.example",
        "X-Forwarded-User": "mallory",
    }
    httpx.get(
        f"{proxy.url}/flow/", headers={**forged, "X-Forwarded-Port": "1"}, verify=trusting(), trust_env=False
    )
    lines = behind.requests[0].decode().split("\r\n")
    assert lines[0] == "GET /flow/ HTTP/1.1"
    headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines[1:])}
    assert headers["host"] == headers["x-forwarded-host"] == f"127.0.0.1:{proxy.port}"
    assert headers["x-forwarded-proto"] == "https"
    assert headers["x-forwarded-for"] == "203.0.113.9, 127.0.0.1"
    assert "x-forwarded-port" not in headers
    assert "x-forwarded-user" not in headers


def test_a_slow_request_reaches_the_app_whole(upstream: tuple[Nginx, Upstream]) -> None:
    """The app gets nothing of it until it is complete, and serves others."""
    proxy, behind = upstream
    body = b"{" + b" " * 2_000 + b"}"
    head = f"POST /flow/_dash-update-component HTTP/1.1\r\nHost: x\r\nContent-Length: {len(body)}\r\n\r\n"
    with closing(proxy.connect()) as slow:
        slow.sendall(head.encode() + body[:1_000])
        for served in range(1, 4):
            assert get(f"{proxy.url}/flow/").text == "ok"
            assert behind.connections == served
        assert not any(b"POST" in each for each in behind.requests)
        slow.sendall(body[1_000:])
        assert slow.recv(4096).startswith(b"HTTP/1.1 200 OK")
    assert behind.requests[-1].endswith(b"\r\n\r\n" + body)


SLOW: Final = {
    "half a head": b"GET /flow/ HTTP/1.1\r\nHost: x\r\nX-a: ",
    "half a body": b"POST /flow/_dash-update-component HTTP/1.1\r\nHost: x\r\nContent-Length: 900\r\n\r\n{",
    "reads no answer": b"GET /flow/assets/vendor/plotly-cartesian.min.js HTTP/1.1\r\nHost: x\r\n\r\n",
}


@pytest.mark.parametrize("sent", SLOW.values(), ids=SLOW)
def test_slow_clients_do_not_delay_others(proxy: Nginx, sent: bytes) -> None:
    """200 of them, several times as many as the app has threads for requests."""
    assert SLOW_CLIENTS > 5 * PAGE_THREADS
    with ExitStack() as stack:
        for _ in range(SLOW_CLIENTS):
            client = stack.enter_context(closing(proxy.connect()))
            client.sendall(sent)
        times = []
        for _ in range(10):
            start = time.monotonic()
            assert get(f"{proxy.url}/flow/health").status_code == 200
            times.append(time.monotonic() - start)
    assert statistics.median(times) < PROMPT_S
    assert max(times) < 5 * PROMPT_S


def test_an_export_streams(nginx_before: Callable[[int], Nginx]) -> None:
    """The client has its first rows before the app has made the last ones."""
    is_read = threading.Event()

    def export(connection: socket.socket) -> None:
        connection.sendall(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n6\r\nfirst\n\r\n")
        assert is_read.wait(10)
        connection.sendall(b"5\r\nlast\n\r\n0\r\n\r\n")

    behind = Upstream(export)
    proxy = nginx_before(behind.port)
    with httpx.stream(
        "GET", f"{proxy.url}/flow/api/export.csv", verify=trusting(), trust_env=False
    ) as answer:
        rows = answer.iter_text()
        assert next(rows) == "first\n"
        is_read.set()
        assert "".join(rows) == "last\n"
    behind.close()
