"""The guard: who may come in, by which way, from which page; on every route there is."""

from __future__ import annotations

import base64
import json
import re
import socket
from collections.abc import Callable, Iterator
from typing import Any, Final
from urllib.parse import urlsplit

import httpx
import pytest
from flask import Flask
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect
from werkzeug.middleware.proxy_fix import ProxyFix

from orderflow_dash.access.attempts import MAX_PER_CLIENT
from orderflow_dash.access.embed_token import EmbedTokens
from orderflow_dash.access.logins import hash_password
from orderflow_dash.access.users import format_entry
from orderflow_dash.market import Venue
from tests.conftest import UNREACHABLE, Served

RIGHT: Final = "correct horse: ünïcode"
KEY: Final = "a-key-for-tests-and-nothing-else"
BASIC: Final = {
    "auth": "basic",
    "users": format_entry("alice", hash_password(RIGHT)),
    "secret_key": KEY,
}
PROXY: Final = {"auth": "proxy", "trusted_proxies": "127.0.0.1", "secret_key": KEY}
UPGRADE: Final = {
    "Connection": "Upgrade",
    "Upgrade": "websocket",
    "Sec-WebSocket-Key": "x3JJHMbDL1EzLkh9GBhXDw==",
    "Sec-WebSocket-Version": "13",
}


def login(name: str = "alice", password: str = RIGHT) -> dict[str, str]:
    """The header of a login."""
    return {"Authorization": "Basic " + base64.b64encode(f"{name}:{password}".encode()).decode()}


def client(served: Served, **headers: str) -> httpx.Client:
    """A client with headers of its own."""
    return httpx.Client(base_url=served.url, headers=headers, trust_env=False, timeout=20)


def routes(server: Flask) -> Iterator[tuple[str, str, dict[str, str]]]:
    """Every method and path of every route there is, and what an upgrade takes."""
    for rule in server.url_map.iter_rules():
        path = re.sub(r"<[^>]*>", "x", rule.rule)
        for method in sorted(rule.methods or ()):
            yield method, path, UPGRADE if rule.websocket else {}


def refused_routes(served: Served, **headers: str) -> dict[tuple[str, str], int]:
    """The statuses of every route but the open ones, asked with some headers."""
    statuses = {}
    with client(served, **headers) as asking:
        for method, path, upgrade in routes(served.application.server):
            statuses[method, path] = asking.request(method, path, headers=upgrade).status_code
    for path in ("/health", "/ready"):
        for method in ("GET", "HEAD", "OPTIONS"):
            statuses.pop((method, path))
    return statuses


def test_every_route_is_closed_without_access(serve: Callable[..., Served]) -> None:
    """Read from the server's own map of routes: one that is added later cannot be forgotten."""
    for access in (BASIC, PROXY):
        statuses = refused_routes(serve(**access))
        assert len(statuses) > 70
        for (method, path), status in statuses.items():
            expected = 403 if path.startswith(("/embed/t/", "/embed/f/")) else 401
            assert status == expected, (access["auth"], method, path)


def test_a_wrong_login_opens_no_route_either(serve: Callable[..., Served]) -> None:
    """401 as long as it is looked at, then 429; a page that is not there is refused like one that is."""
    served = serve(**BASIC)
    assert set(refused_routes(served, **login(password="wrong")).values()) <= {401, 403, 429}  # noqa: S106
    with client(serve(**BASIC), **login("bob")) as asking:
        assert asking.get("/nosuch").status_code == 401
        assert asking.post("/health").status_code == 401


def test_the_right_login_opens_every_page(serve: Callable[..., Served]) -> None:
    """Pages, assets, exports, metrics and replays answer as without a guard."""
    with client(serve(**BASIC, demo=True), **login()) as asking:
        for path in ("/", "/embed", "/compare", "/help", "/metrics", "/assets/js/main.mjs", "/_dash-layout"):
            assert asking.get(path).status_code == 200, path
        assert asking.get("/api/export.csv?exchange=demo").status_code == 200
        assert asking.get("/api/replay").status_code == 404
        assert asking.get("/nosuch").status_code == 404


def test_the_challenge_is_one_that_browsers_ask_for(serve: Callable[..., Served]) -> None:
    """Basic, in UTF-8; the refusal reveals nothing."""
    with client(serve(**BASIC)) as asking:
        answer = asking.get("/")
    assert answer.headers["WWW-Authenticate"] == 'Basic realm="orderflow_dash", charset="UTF-8"'
    assert answer.text == "user name and password required\n"


def test_health_and_ready_are_open_but_hide_details(serve: Callable[..., Served]) -> None:
    """Load balancers have no login; versions, venues and causes require one."""
    served = serve(**BASIC)
    with client(served) as asking:
        assert asking.get("/health").json() == {"status": "ok"}
        assert asking.get("/ready").json() == {"ready": False}
        assert asking.get("/health", headers=login()).json().keys() > {"version", "feeds", "store"}
        assert "venues" in asking.get("/ready", headers=login()).json()
        # 200 would let strangers test logins.
        assert asking.get("/health", headers=login("bob")).status_code == 401
    with client(serve()) as asking:
        assert asking.get("/health").json().keys() > {"version", "feeds", "store"}


def test_a_flood_of_wrong_passwords_is_429_and_spares_users(
    serve: Callable[..., Served],
) -> None:
    """On every path, ``/health`` too, with Retry-After; a user already logged in is still served."""
    with client(serve(**BASIC)) as asking:
        assert asking.get("/help", headers=login()).status_code == 200
        paths = ["/", "/health", "/nosuch", "/ws/orderflow", "/api/export.csv"] * 4
        answers = [asking.get(path, headers=login("alice", f"guess {path}")) for path in paths]
        assert [each.status_code for each in answers] == [401] * MAX_PER_CLIENT + [429] * 10
        assert 1 <= int(answers[-1].headers["Retry-After"]) <= 300
        assert asking.get("/help", headers=login()).status_code == 200
        assert asking.get("/health").status_code == 200


JUNK = st.one_of(
    st.text(st.characters(min_codepoint=0x20, max_codepoint=0x7E), max_size=60),
    st.binary(max_size=40).map(lambda raw: "Basic " + base64.b64encode(raw).decode()),
    st.text(max_size=10).map(lambda text: "Basic " + base64.b64encode(f"\0:{text}".encode()).decode()),
)


@pytest.fixture
def flooded(serve: Callable[..., Served]) -> Iterator[httpx.Client]:
    """A client of an app whose chances to log in may be used up."""
    with client(serve(**BASIC)) as asking:
        yield asking


@pytest.fixture(scope="module")
def guarded() -> Iterator[Served]:
    """One app for refusals that leave nothing behind."""
    served = Served(**UNREACHABLE, **BASIC, demo=False, database_url="off")
    yield served
    served.stop()


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(value=JUNK)
def test_any_login_is_answered(flooded: httpx.Client, value: str) -> None:
    """Whatever stands in the header, it is a refusal and no defect."""
    assert flooded.get("/", headers={"Authorization": value.strip()}).status_code in (401, 429)


def test_the_socket_is_refused_at_the_handshake(serve: Callable[..., Served]) -> None:
    """401 in place of an accepted socket; with a login it opens."""
    served = serve(**BASIC, demo=True)
    url = served.url.replace("http", "ws") + "/ws/orderflow?exchange=demo"
    for headers in ({}, login("bob")):
        with pytest.raises(InvalidStatus) as refusal:
            connect(url, proxy=None, additional_headers=headers)
        assert refusal.value.response.status_code == 401
    with connect(url, proxy=None, additional_headers=login()) as opened:
        assert json.loads(opened.recv(timeout=10))["type"] == "snapshot"


# -- a proxy's word --------------------------------------------------------------------------


def test_only_a_trusted_proxy_may_name_the_user(serve: Callable[..., Served]) -> None:
    """The same header from any other peer is forged."""
    user = {"X-Forwarded-User": "alice"}
    assert client(serve(**PROXY)).get("/help", headers=user).status_code == 200
    elsewhere = serve(**{**PROXY, "trusted_proxies": "10.0.0.0/8"})
    for headers in (user, {**user, "X-Forwarded-For": "10.0.0.1"}, {**user, "X-Real-IP": "10.0.0.1"}):
        assert client(elsewhere).get("/help", headers=headers).status_code == 401


def test_a_forwarded_address_does_not_make_a_trusted_proxy(serve: Callable[..., Served]) -> None:
    """Behind ProxyFix too, the peer is the host that connected, not the forwarded address."""
    user = {"X-Forwarded-User": "alice", "X-Forwarded-For": "10.0.0.1"}
    for proxies, status in (("10.0.0.0/8", 401), ("127.0.0.1", 200)):
        served = serve(**{**PROXY, "trusted_proxies": proxies})
        server = served.application.server
        server.wsgi_app = ProxyFix(server.wsgi_app, x_for=1)  # type: ignore[method-assign]
        assert client(served).get("/help", headers=user).status_code == status


@pytest.mark.parametrize("user", ["", " ", "alice,mallory", "mallory, alice", "a" * 256, "\t", "al\x00ice"])
def test_a_name_that_no_proxy_would_send_is_refused(serve: Callable[..., Served], user: str) -> None:
    """A header that came twice is joined by a comma: one of them is the client's."""
    served = serve(**PROXY)
    request = f"GET /help HTTP/1.1\r\nHost: x\r\nX-Forwarded-User: {user}\r\nConnection: close\r\n\r\n"
    assert raw(served, request.encode()).split(b" ")[1] in (b"400", b"401")


def test_a_header_that_stands_twice_is_refused(serve: Callable[..., Served]) -> None:
    """A proxy that adds its own behind the client's does not let the client choose."""
    headers = [("X-Forwarded-User", "mallory"), ("X-Forwarded-User", "alice")]
    assert httpx.get(f"{serve(**PROXY).url}/help", headers=headers, trust_env=False).status_code == 401


def test_the_header_of_the_setting_is_the_only_one(serve: Callable[..., Served]) -> None:
    """Another one's name, or its look-alike with underscores, is nothing."""
    with client(serve(**PROXY, user_header="X-Auth-Request-Email")) as asking:
        assert asking.get("/help", headers={"X-Auth-Request-Email": "a@b.example"}).status_code == 200
        for name in ("X-Forwarded-User", "X_Auth_Request_Email", "X-Auth-Request-User"):
            assert asking.get("/help", headers={name: "a@b.example"}).status_code == 401


def raw(served: Served, request: bytes) -> bytes:
    """The answer to bytes as they are."""
    parts = urlsplit(served.url)
    with socket.create_connection((parts.hostname or "", parts.port or 0), timeout=10) as connection:
        connection.sendall(request)
        return connection.recv(65536)


# -- other pages -----------------------------------------------------------------------------

EVIL: Final = ("https://evil.example", "null", "http://127.0.0.1:1", "http://127.0.0.1", "file://", "x")


@pytest.mark.parametrize("origin", EVIL)
def test_a_page_of_another_origin_opens_no_socket(guarded: Served, origin: str) -> None:
    """403 before the upgrade, whatever login the browser adds."""
    url = guarded.url.replace("http", "ws") + "/ws/orderflow"
    with pytest.raises(InvalidStatus) as refusal:
        connect(url, proxy=None, origin=origin, additional_headers=login())  # type: ignore[arg-type]
    assert refusal.value.response.status_code == 403


def test_our_own_pages_and_programs_open_it(serve: Callable[..., Served]) -> None:
    """By the host of the address bar, with TLS in front or without; so do those that are allowed."""
    served = serve(demo=True, allowed_origins="https://portal.example null")
    url = served.url.replace("http", "ws") + "/ws/orderflow?exchange=demo"
    own = served.url, served.url.replace("http:", "https:"), "https://portal.example", "null", None
    for origin in own:
        with connect(url, proxy=None, origin=origin) as opened:  # type: ignore[arg-type]
            assert json.loads(opened.recv(timeout=10))["type"] == "snapshot"


CALLS: Final = ("/_dash-update-component", "/embed/_dash-update-component", "/api/replay", "/nosuch")


@pytest.mark.parametrize("path", CALLS)
def test_another_page_cannot_use_the_login_of_a_browser(guarded: Served, path: str) -> None:
    """A request that does something is refused by where it comes from, and by its site where that is all."""
    with client(guarded, **login()) as asking:
        for origin in EVIL:
            assert asking.post(path, json={}, headers={"Origin": origin}).status_code == 403
        for site in ("cross-site", "same-site"):
            assert asking.post(path, json={}, headers={"Sec-Fetch-Site": site}).status_code == 403
        for headers in ({}, {"Origin": guarded.url}, {"Sec-Fetch-Site": "same-origin"}):
            assert asking.post(path, json={}, headers=headers).status_code in (400, 404, 405)


def test_no_other_page_may_read_an_answer(guarded: Served) -> None:
    """No CORS header, not even where it is asked for."""
    asked = {"Origin": EVIL[0], "Access-Control-Request-Method": "POST", **login()}
    with client(guarded, **asked) as asking:
        for method in ("GET", "OPTIONS"):
            answer = asking.request(method, "/_dash-layout")
            assert not [name for name in answer.headers if name.startswith("access-control")]


# -- no cookie, nothing left on --------------------------------------------------------------


def test_nothing_sets_a_cookie(guarded: Served) -> None:
    """On any route, with access or without."""
    with client(guarded) as asking:
        for method, path, upgrade in routes(guarded.application.server):
            for headers in [upgrade] if upgrade else [{}, login()]:
                answer = asking.request(method, path, headers=headers)
                assert "Set-Cookie" not in answer.headers
                assert answer.status_code != 500, (method, path)


def test_nothing_for_developers_is_on(monkeypatch: pytest.MonkeyPatch, serve: Callable[..., Served]) -> None:
    """No debugger, no reloader, no protocol for models, whatever the environment says of Dash."""
    monkeypatch.setenv("DASH_MCP_ENABLED", "true")
    monkeypatch.setenv("DASH_DEBUG", "true")
    monkeypatch.setenv("FLASK_DEBUG", "1")
    served = serve()
    server = served.application.server
    assert not any("mcp" in rule.rule for rule in server.url_map.iter_rules())
    with client(served) as asking:
        for page in ("/", "/embed", "/compare"):
            text = asking.get(page).text
            found = re.search(r'<script id="_dash-config"[^>]*>(.*?)</script>', text)
            assert found is not None
            config: dict[str, Any] = json.loads(found[1])
            assert (config["ui"], config["props_check"]) == (False, False)
            assert "hot_reload" not in config
        assert "Traceback" not in asking.post("/_dash-update-component", content=b"{").text
        assert asking.get("/?__debugger__=yes&cmd=resource&f=debugger.js").text.startswith("<!DOCTYPE")


def test_a_token_needs_no_login_and_a_login_no_token(serve: Callable[..., Served]) -> None:
    """The two ways in beside each other."""
    token = EmbedTokens(KEY).sign(Venue.DEMO, ["BTCUSDT"], 60)
    for access in (BASIC, PROXY, {"secret_key": KEY}):
        with client(serve(**access, demo=True)) as asking:
            assert asking.get(f"/embed/t/{token}/").status_code == 200
            assert asking.get("/embed").status_code == (200 if access == {"secret_key": KEY} else 401)
