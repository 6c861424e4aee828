"""The environment's proxies: which one a URL has, and that REST and websockets go through it."""

from __future__ import annotations

import contextlib
import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from orderflow_dash.exchanges.binance.stream import BinanceProtocol
from orderflow_dash.feeds.connection import Connection, Link
from orderflow_dash.feeds.proxies import Proxy, ProxyRefused, proxy_of
from orderflow_dash.feeds.rest import RestClient, RestError
from orderflow_dash.runtime.redaction import redact
from tests.conftest import wait_until
from tests.exchanges.frames import LISTED, aggregate, combined
from tests.feeds.proxies import LoopbackProxy
from tests.feeds.venue_server import QUICK, Owner, VenueServer

VENUE = "192.0.2.7"  # reserved for documentation: no network leads there
SECRET = "s3cret-word"  # noqa: S105 - a test's
VARIABLES = [f"{name}_proxy" for name in ("http", "https", "ws", "wss", "all", "no")]


@pytest.fixture(autouse=True)
def no_variables(monkeypatch) -> None:
    """The environment of the machine does not reach the tests."""
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)


class _Answers(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        body = b'{"path":"' + self.path.encode() + b'"}'
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture
def rest_port() -> Iterator[int]:
    """The port of an HTTP server that returns the requested path."""
    with ThreadingHTTPServer(("127.0.0.1", 0), _Answers) as server:
        server.daemon_threads = True
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield server.server_port
        server.shutdown()
        thread.join()


@pytest.fixture
def stream_port() -> Iterator[int]:
    """The port of a websocket server that sends one trade for each subscription."""

    def obey(server: VenueServer, socket) -> None:
        while True:
            request = server.hear(socket)
            socket.send(json.dumps({"result": None, "id": request["id"]}))
            socket.send(combined(aggregate()))

    with VenueServer(obey) as server:
        yield int(server.url.split(":")[2].split("/")[0])


@contextlib.contextmanager
def connection(url: str) -> Iterator[tuple[Connection, Owner]]:
    """A connection that carries one topic, stopped after the block."""
    owner = Owner()
    made = Connection(url, lambda: BinanceProtocol(LISTED), owner, QUICK, name="test")
    made.add(["btcusdt@aggTrade"])
    made.start()
    try:
        yield made, owner
    finally:
        made.stop()


# -- which proxy a URL has -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("environ", "url", "label"),
    [
        ({}, "https://h.example", None),
        ({"https_proxy": "http://p:1"}, "https://h.example", "p:1"),
        ({"HTTPS_PROXY": "http://p:1"}, "wss://h.example", "p:1"),
        ({"https_proxy": "http://p:1"}, "http://h.example", None),
        ({"http_proxy": "http://p:1"}, "ws://h.example", "p:1"),
        ({"https_proxy": "http://p:1", "wss_proxy": "http://q:2"}, "wss://h.example", "q:2"),
        ({"ws_proxy": "http://q:2", "http_proxy": "http://p:1"}, "ws://h.example", "q:2"),
        ({"all_proxy": "socks5://p:1", "https_proxy": "http://q:2"}, "https://h.example", "q:2"),
        ({"ALL_PROXY": "socks5://p:1"}, "wss://h.example", "p:1"),
        ({"https_proxy": "", "HTTPS_PROXY": "http://p:1"}, "https://h.example", None),
        ({"https_proxy": "http://p:1", "HTTPS_PROXY": "http://q:2"}, "https://h.example", "p:1"),
        ({"HTTP_PROXY": "http://p:1", "REQUEST_METHOD": "GET"}, "http://h.example", None),
        ({"all_proxy": "p:3128"}, "https://h.example", "p:3128"),
        ({"all_proxy": "socks://p/"}, "https://h.example", "p:1080"),
        ({"all_proxy": "http://[::2]:8080"}, "https://h.example", "[::2]:8080"),
    ],
)
def test_a_url_has_the_proxy_of_its_scheme(environ, url, label):
    """The scheme's own variable first, ``all_proxy`` last, lower case before upper case."""
    proxy = proxy_of(url, environ)
    assert (None if proxy is None else proxy.label) == label


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "[::1]", "127.8.8.8"])
def test_loopback_is_reached_directly(host):
    """Whatever the environment says."""
    assert proxy_of(f"http://{host}:80", {"all_proxy": "http://p:1", "http_proxy": "http://p:1"}) is None


@pytest.mark.parametrize(
    ("no_proxy", "is_direct"),
    [
        ("*", True),
        ("h.example", True),
        ("H.EXAMPLE", True),
        ("example", True),
        (".example", True),
        ("*.example", True),
        ("other, h.example", True),
        ("h.example:443", True),
        ("h.example:80", False),
        ("ample", False),
        ("h.example.org", False),
        ("", False),
    ],
)
def test_no_proxy_names_hosts_and_domains(no_proxy, is_direct):
    """A domain covers its hosts; a port narrows an entry."""
    proxy = proxy_of("https://h.example", {"https_proxy": "http://p:1", "NO_PROXY": no_proxy})
    assert (proxy is None) == is_direct


@pytest.mark.parametrize(
    ("no_proxy", "url", "is_direct"),
    [
        ("10.0.0.0/8", "https://10.1.2.3", True),
        ("10.0.0.0/8", "https://11.1.2.3", False),
        ("10.1.2.3", "https://10.1.2.3", True),
        ("fd00::/8", "https://[fd00::5]", True),
        ("[fd00::5]", "https://[fd00::5]", True),
    ],
)
def test_no_proxy_names_networks(no_proxy, url, is_direct):
    """An address is direct where its network is listed."""
    assert (proxy_of(url, {"all_proxy": "http://p:1", "no_proxy": no_proxy}) is None) == is_direct


@pytest.mark.parametrize(
    "value",
    [
        f"ftp://me:{SECRET}@p:21",
        f"socks9://me:{SECRET}@p:21",
        f"http://me:{SECRET}@p:99999",
        f"http://me:{SECRET}@p:0",
        f"http://me:{SECRET}@",
        f"http://me:{SECRET}/x@p:80",
        f"http://me:{SECRET}@p:80/path",
        f"me:{SECRET}@p q",
        "://",
        "http://",
    ],
)
def test_an_invalid_proxy_is_reported_without_its_password(value):
    """The line has the variable, the rest of the value, and the valid forms."""
    with pytest.raises(ProxyRefused) as refusal:
        proxy_of("https://h.example", {"HTTPS_PROXY": value})
    text = str(refusal.value)
    assert text.startswith("HTTPS_PROXY is '")
    assert "socks5h" in text
    assert "\n" not in text
    assert SECRET not in text


def test_credentials_are_decoded_and_kept_off_the_label():
    """A percent sign escapes what an address cannot hold."""
    proxy = proxy_of("https://h.example", {"https_proxy": "socks5://a%40b:c%3Ad@p:1"})
    assert proxy == Proxy("socks5", "p", 1, "a@b", "c:d")
    assert proxy.label == "p:1"
    assert proxy.url == "socks5://a%40b:c%3Ad@p:1"


# -- what goes through it ------------------------------------------------------------------------

SCHEMES = ["http", "socks", "socks4", "socks4a", "socks5", "socks5h"]


@pytest.mark.parametrize("scheme", SCHEMES)
def test_rest_goes_through_the_proxy(rest_port, monkeypatch, scheme):
    """Every kind of proxy carries requests, twice on one connection."""
    with LoopbackProxy(rest_port) as proxy:
        monkeypatch.setenv("all_proxy", f"{scheme}://127.0.0.1:{proxy.port}")
        with contextlib.closing(RestClient(f"http://{VENUE}:8000")) as client:
            for _ in range(2):
                assert client.get("/a", {"b": 1}) == b'{"path":"/a?b=1"}'
        protocol = {"h": "GET", "s": f"socks{'4' if '4' in scheme else '5'}"}[scheme[0]]
        assert proxy.asked[0] == (protocol, VENUE, 8000)


@pytest.mark.parametrize("scheme", SCHEMES)
def test_a_websocket_goes_through_the_proxy(stream_port, monkeypatch, scheme):
    """Every kind of proxy carries trades."""
    with LoopbackProxy(stream_port) as proxy:
        monkeypatch.setenv("all_proxy", f"{scheme}://127.0.0.1:{proxy.port}")
        with connection(f"ws://{VENUE}:9000/market/stream") as (_, owner):
            wait_until(lambda: owner.events)
        protocol = {"h": "CONNECT", "s": f"socks{'4' if '4' in scheme else '5'}"}[scheme[0]]
        assert proxy.asked == [(protocol, VENUE, 9000)]


@pytest.mark.parametrize("scheme", ["socks", "socks5h", "socks4a"])
def test_a_proxy_looks_names_up_where_its_scheme_says_so(rest_port, monkeypatch, scheme):
    """A name that does not resolve here reaches the proxy as it is."""
    with LoopbackProxy(rest_port) as proxy:
        monkeypatch.setenv("all_proxy", f"{scheme}://127.0.0.1:{proxy.port}")
        with contextlib.closing(RestClient("http://venue.invalid")) as client:
            client.get("/")
        assert proxy.asked[0][1:] == ("venue.invalid", 80)


@pytest.mark.parametrize("scheme", ["http", "socks5"])
def test_a_proxy_gets_the_credentials(rest_port, stream_port, monkeypatch, scheme):
    """Both kinds of connection log in."""
    for port in (rest_port, stream_port):
        with LoopbackProxy(port, ("me", SECRET)) as proxy:
            monkeypatch.setenv("all_proxy", f"{scheme}://me:{SECRET}@127.0.0.1:{proxy.port}")
            if port == rest_port:
                with contextlib.closing(RestClient(f"http://{VENUE}")) as client:
                    assert client.get("/") == b'{"path":"/"}'
            else:
                with connection(f"ws://{VENUE}/market/stream") as (_, owner):
                    wait_until(lambda owner=owner: owner.events)


@pytest.mark.parametrize("scheme", ["http", "socks5"])
def test_a_refused_login_names_the_proxy_and_no_password(rest_port, monkeypatch, scheme):
    """REST and websocket alike."""
    with LoopbackProxy(rest_port, ("me", "other")) as proxy:
        monkeypatch.setenv("all_proxy", f"{scheme}://me:{SECRET}@127.0.0.1:{proxy.port}")
        with contextlib.closing(RestClient(f"http://{VENUE}")) as client, pytest.raises(RestError) as failure:
            client.get("/")
        with connection(f"ws://{VENUE}/market/stream") as (made, _):
            wait_until(lambda: made.link is Link.LOST)
            details = [str(failure.value), made.detail]
        for detail in details:
            assert f"{VENUE}: proxy 127.0.0.1:{proxy.port}: " in detail
            assert SECRET not in detail
            assert scheme == "socks5" or detail.endswith("authentication required (HTTP 407)")


@pytest.mark.parametrize("scheme", SCHEMES)
def test_a_dead_proxy_is_named_as_the_cause(monkeypatch, scheme):
    """Nothing listens on the port that the environment names."""
    with LoopbackProxy(1) as proxy:
        port = proxy.port
    monkeypatch.setenv("all_proxy", f"{scheme}://me:{SECRET}@127.0.0.1:{port}")
    expected = f"{VENUE}: proxy 127.0.0.1:{port}: connection refused"
    with contextlib.closing(RestClient(f"https://{VENUE}")) as client, pytest.raises(RestError) as failure:
        client.get("/")
    assert str(failure.value) == expected
    with connection(f"wss://{VENUE}/market/stream") as (made, _):
        wait_until(lambda: made.link is Link.LOST)
        assert made.detail == expected


def test_a_refused_value_is_the_cause_of_every_attempt(monkeypatch):
    """REST and websocket report it on use; neither raises when it is made."""
    monkeypatch.setenv("ALL_PROXY", f"ftp://me:{SECRET}@p")
    with (
        contextlib.closing(RestClient(f"https://{VENUE}")) as client,
        pytest.raises(RestError, match=r"ALL_PROXY is 'ftp://\*\*\*@p', which is not a usable proxy: valid"),
    ):
        client.get("/")
    with connection(f"wss://{VENUE}/market/stream") as (made, _):
        wait_until(lambda: made.link is Link.LOST)
        assert made.detail.startswith("ALL_PROXY is 'ftp://***@p'")


def test_the_log_keeps_the_hint(monkeypatch):
    """It looks like no secret; the value before it loses its login."""
    monkeypatch.setenv("ALL_PROXY", f"ftp://me:{SECRET}@p")
    with pytest.raises(ProxyRefused) as refused:
        proxy_of(f"https://{VENUE}")
    logged = redact(str(refused.value))
    assert "valid is scheme://[login@]host[:port] with the login user:password and" in logged
    assert SECRET not in logged


def test_the_demo_is_served_beside_a_proxy_that_cannot_be_used(serve, monkeypatch):
    """The venues name the variable; the simulated market is on loopback and needs no proxy."""
    monkeypatch.setenv("all_proxy", f"nonsense://me:{SECRET}@p")
    served = serve(
        binance_ws=f"ws://{VENUE}",
        binance_rest=f"http://{VENUE}",
        bybit_ws=f"ws://{VENUE}",
        bybit_rest=f"http://{VENUE}",
        demo=True,
    )
    wait_until(lambda: served.health("demo")["reachable"])
    for venue in ("binance", "bybit"):
        wait_until(
            lambda venue=venue: served.health(venue)["detail"].startswith("all_proxy is 'nonsense://***@p'")
        )
