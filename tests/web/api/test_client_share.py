"""One client of many takes its part of what all share, and no more: over HTTP and sockets."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import httpx
import pytest
from websockets.sync.client import ClientConnection, connect

from benchmarks.page_client import PATH, panel_poll, panels_of
from orderflow_dash.access.embed_token import EmbedTokens
from orderflow_dash.market import Venue
from tests.conftest import UNREACHABLE, Served, wait_until

KEY = "a-key-for-tests-and-nothing-else"
NEAR, FAR = "127.0.0.1", "127.0.0.2"  # both reach the server, each as an address of its own
VIEWS = 300  # the default


@pytest.fixture
def app() -> Iterator[Served]:
    """The simulated market with the limits that are the default; leases live as long as a test."""
    served = Served(
        **UNREACHABLE, demo=True, database_url="off", history=0, lease=60, grace=0, secret_key=KEY
    )
    wait_until(served.hub.instruments)
    yield served
    served.stop()


def client(app: Served, address: str) -> httpx.Client:
    """An HTTP client at an address."""
    transport = httpx.HTTPTransport(local_address=address)
    return httpx.Client(base_url=app.url, transport=transport, timeout=20)


def socket(app: Served, address: str, path: str = "/ws/orderflow", **query: str) -> ClientConnection:
    """A websocket client at an address."""
    url = httpx.URL(app.url.replace("http", "ws") + path, params={"exchange": "demo", **query})
    return connect(str(url), source_address=(address, 0), proxy=None)


def first(connection: ClientConnection) -> dict[str, Any]:
    """The first message."""
    message: dict[str, Any] = json.loads(connection.recv(timeout=20))
    return message


def polled(
    asking: httpx.Client, views: list[dict[str, str]], ids: list[str], path: str = f"/{PATH}"
) -> list[dict[str, Any]]:
    """The answer for panels that show nothing yet."""
    answer = asking.post(path, json=panel_poll(views, ids))
    assert answer.status_code == 200
    return [panel for panel in panels_of(answer.content) if panel is not None]


def take_panels(asking: httpx.Client, path: str = f"/{PATH}", posts: int = 51) -> list[str]:
    """Poll for six panels a post, each with a step of its own; the causes of those that were refused."""
    causes = []
    for post in range(posts):
        steps = [f"{(6 * post + number + 1) / 10:.1f}" for number in range(6)]
        views = [{"exchange": "demo", "symbol": "BTCUSDT", "tf": "1m", "step": step} for step in steps]
        panels = polled(asking, views, [f"k{post}-{number}" for number in range(6)], path)
        causes += [each["status"]["cause"] for each in panels if "content" not in each]
    return causes


def test_one_address_takes_a_quarter_of_the_views(app: Served) -> None:
    """Panels ask for 306 views; others still get any symbol on a panel, on the socket and as an export."""
    with client(app, NEAR) as greedy, client(app, FAR) as other:
        causes = take_panels(greedy)
        assert app.hub.health()["views"] == VIEWS // 4
        assert len(causes) == 306 - VIEWS // 4
        assert f"Limit reached: {VIEWS // 4} views per client." in causes[-1]
        assert "Close a panel" in causes[-1]
        assert take_panels(other, posts=1) == []
        assert other.get("/api/export.csv?exchange=demo&symbol=ETHUSDT").status_code == 200
        with socket(app, FAR, symbol="SOLUSDT") as served:
            assert first(served)["type"] == "snapshot"


def test_panels_sockets_and_exports_count_together(app: Served) -> None:
    """An address whose panels hold its views gets no further view by a socket or an export."""
    with client(app, NEAR) as greedy:
        take_panels(greedy, posts=13)
        refused = greedy.get("/api/export.csv?exchange=demo&symbol=ETHUSDT")
        assert (refused.status_code, "views per client" in refused.text) == (503, True)
        with socket(app, NEAR, symbol="SOLUSDT") as asking:
            message = first(asking)
            assert (message["type"], message["code"]) == ("error", "unavailable")
            assert "views per client" in message["message"]


def test_many_requests_at_once_take_no_more(app: Served) -> None:
    """Eight threads of one address ask for the same number of views as one does."""

    def ask() -> None:
        with client(app, NEAR) as greedy:
            take_panels(greedy, posts=20)

    threads = [threading.Thread(target=ask) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert app.hub.health()["views"] <= VIEWS // 4


def test_one_token_takes_a_quarter_of_the_views_from_any_addresses(app: Served) -> None:
    """What the token took counts against it elsewhere; that address has its own part without the token."""
    token = EmbedTokens(KEY).sign(Venue.DEMO, ["BTCUSDT"], 600)
    way = f"/embed/t/{token}/{PATH}"
    with client(app, NEAR) as near, client(app, FAR) as far:
        take_panels(near, way)
        assert app.hub.health()["views"] == VIEWS // 4
        assert take_panels(far, way, posts=1) == []  # six views that the token holds already
        held = {"exchange": "demo", "symbol": "BTCUSDT", "tf": "5m", "step": "0.1"}
        (panel,) = polled(far, [held], ["x"], way)
        assert f"Limit reached: {VIEWS // 4} views per embed token." in panel["status"]["cause"]
        (panel,) = polled(far, [held], ["x"])
        assert "content" in panel


def test_tokens_do_not_add_to_the_part_of_an_address(app: Served) -> None:
    """Two tokens at one address share what that address may have."""
    tokens = [EmbedTokens(KEY).sign(Venue.DEMO, ["BTCUSDT"], 600 + number) for number in range(2)]
    with client(app, NEAR) as greedy:
        take_panels(greedy, f"/embed/t/{tokens[0]}/{PATH}", posts=13)
        view = {"exchange": "demo", "symbol": "BTCUSDT", "tf": "5m", "step": "0.1"}
        (panel,) = polled(greedy, [view], ["x"], f"/embed/t/{tokens[1]}/{PATH}")
        assert "views per client" in panel["status"]["cause"]


def test_one_address_takes_a_quarter_of_the_sockets(app: Served) -> None:
    """The 21st of 80 is refused, also with a token; another address is served."""
    token = EmbedTokens(KEY).sign(Venue.DEMO, ["BTCUSDT"], 600)
    with ExitStack() as held:
        for _ in range(20):
            assert first(held.enter_context(socket(app, NEAR)))["type"] == "snapshot"
        for path in ("/ws/orderflow", f"/embed/t/{token}/ws/orderflow"):
            with socket(app, NEAR, path) as refused:
                assert "Limit reached: 20 sockets per client." in first(refused)["message"]
        with socket(app, FAR) as served:
            assert first(served)["type"] == "snapshot"


def test_one_address_takes_a_quarter_of_the_symbols(serve: Callable[..., Served]) -> None:
    """Open or just left, they are two of eight; another address streams further ones."""
    app = serve(demo=True, history=0, max_series=8, grace=30)
    wait_until(app.hub.instruments)
    with socket(app, NEAR, symbol="ETHUSDT") as one:
        assert first(one)["type"] == "snapshot"
        with socket(app, NEAR, symbol="SOLUSDT") as two:
            assert first(two)["type"] == "snapshot"
        with socket(app, NEAR, symbol="XRPUSDT") as refused:
            message = first(refused)["message"]
            assert "Limit reached: 2 symbols per client." in message
        with socket(app, FAR, symbol="XRPUSDT") as served:
            assert first(served)["type"] == "snapshot"
