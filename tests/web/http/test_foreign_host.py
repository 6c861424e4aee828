"""A page that leads its own name to this server: refused, where nothing else controls access."""

from __future__ import annotations

from collections.abc import Iterator

import httpx
import pytest
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect

from benchmarks.page_client import PATH, panel_poll
from orderflow_dash.access.embed_token import EmbedTokens
from orderflow_dash.market import Venue
from tests.conftest import UNREACHABLE, Served, wait_until
from tests.web.http.test_guard import BASIC, RIGHT

KEY = "a-key-for-tests-and-nothing-else"
FOREIGN = "evil.example"
PATHS = ("/", "/embed", "/compare", "/help", "/metrics", "/api/export.csv", "/assets/favicon.svg", "/nowhere")


@pytest.fixture(scope="module")
def app() -> Iterator[Served]:
    """Without access control, behind one proxy that is believed, with one name of its own."""
    served = Served(
        **UNREACHABLE,
        demo=True,
        database_url="off",
        history=0,
        proxy_hops=1,
        allowed_hosts="flow.lan",
        allowed_origins="https://portal.example",
        secret_key=KEY,
    )
    wait_until(served.hub.instruments)
    yield served
    served.stop()


def get(app: Served, path: str, host: str, **headers: str) -> httpx.Response:
    """An answer to a request that names a host."""
    return httpx.get(app.url + path, headers={"Host": host, **headers}, trust_env=False, timeout=20)


@pytest.mark.parametrize("path", PATHS)
def test_a_foreign_name_gets_no_page(app: Served, path: str) -> None:
    """403 with the name and what to do, whatever the path, also where there is none."""
    answer = get(app, path, f"{FOREIGN}:8050")
    assert answer.status_code == 403
    assert f"does not answer to '{FOREIGN}:8050'" in answer.text
    assert "ORDERFLOW_ALLOWED_HOSTS" in answer.text


def test_a_foreign_name_changes_nothing(app: Served) -> None:
    """A request whose Origin equals its Host is refused all the same."""
    headers = {"Host": FOREIGN, "Origin": f"http://{FOREIGN}"}
    for path, body in (("/api/replay", {"paused": True}), (f"/{PATH}", panel_poll([], []))):
        answer = httpx.post(app.url + path, json=body, headers=headers, trust_env=False)
        assert answer.status_code == 403


def test_a_foreign_name_opens_no_socket(app: Served) -> None:
    """403 at the handshake."""
    uri = f"ws://{FOREIGN}/ws/orderflow?exchange=demo"
    port = int(app.url.rpartition(":")[2])
    with pytest.raises(InvalidStatus) as refused:
        connect(uri, address=("127.0.0.1", port), origin=f"http://{FOREIGN}", proxy=None)
    assert refused.value.response.status_code == 403


def test_a_token_does_not_help_a_foreign_name(app: Served) -> None:
    """A token is for a frame under a name of this server."""
    token = EmbedTokens(KEY).sign(Venue.DEMO, ["BTCUSDT"], 600)
    assert get(app, f"/embed/t/{token}/", FOREIGN).status_code == 403
    assert get(app, f"/embed/t/{token}/", "localhost").status_code == 200


@pytest.mark.parametrize("path", ["/health", "/ready"])
def test_probes_name_what_they_like_and_learn_little(app: Served, path: str) -> None:
    """A load balancer names any host; it learns no more than a stranger does elsewhere."""
    answer = get(app, path, FOREIGN)
    assert answer.status_code == 200
    assert set(answer.json()) <= {"status", "ready"}
    assert len(get(app, "/health", "localhost").json()) > 2


@pytest.mark.parametrize(
    "host", ["localhost", "127.0.0.1:80", "[::1]", "192.0.2.7", "flow.lan", "portal.example"]
)
def test_names_of_the_server_are_served(app: Served, host: str) -> None:
    """Loopback, addresses, and the names that settings give."""
    assert get(app, "/", host).status_code == 200


def test_tls_names_the_host(app: Served) -> None:
    """A believed proxy says that the request came by TLS: its certificate is for that name."""
    assert get(app, "/", "flow.example.com", **{"X-Forwarded-Proto": "https"}).status_code == 200


def test_a_forwarded_name_does_not_hide_the_foreign_one(app: Served) -> None:
    """A page can set that header, but not the Host of its own connection."""
    assert get(app, "/", FOREIGN, **{"X-Forwarded-Host": "localhost"}).status_code == 403
    assert get(app, "/", "localhost", **{"X-Forwarded-Host": FOREIGN}).status_code == 403


def test_with_access_control_any_name_is_served() -> None:
    """The login protects: a browser has none for a foreign name."""
    served = Served(**UNREACHABLE, **BASIC, demo=False, database_url="off")
    try:
        assert get(served, "/", FOREIGN).status_code == 401
        auth = httpx.BasicAuth("alice", RIGHT.encode())
        answer = httpx.get(served.url, headers={"Host": FOREIGN}, auth=auth, trust_env=False, timeout=20)
        assert answer.status_code == 200
    finally:
        served.stop()


@pytest.mark.parametrize(
    "path", ["/embed/t/x", "/embed/", "/compare/", "/help/", "//embed", "//x.example/embed/"]
)
def test_redirects_stay_on_the_host_that_was_asked(app: Served, path: str) -> None:
    """They repeat no Host: behind a proxy it is another one, and the path may hold a token."""
    answer = get(app, path, "flow.lan")
    place = answer.headers.get("Location", "/")
    assert place.startswith("/")
    assert not place.startswith("//")
    assert "flow.lan" not in answer.text
