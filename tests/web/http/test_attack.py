"""Whatever strangers send, on every route: never a 500, never a trace, never data without access.

Routes and callbacks are read from the server itself, so one that is added later is attacked too. The short
form runs with all tests; ``make attack`` asks ten thousand queries on every route.
"""

from __future__ import annotations

import json
import logging
import re
import time
from collections.abc import Callable, Iterator
from typing import Any, Final, NamedTuple
from urllib.parse import quote

import pytest
from flask import Flask
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from werkzeug.test import TestResponse
from werkzeug.wrappers import Response

from orderflow_dash.access.embed_token import EmbedTokens
from orderflow_dash.market import Venue
from orderflow_dash.web.panel.options import NAMES
from tests.conftest import UNREACHABLE, Served, wait_until
from tests.web.http.test_errors import junk
from tests.web.http.test_guard import BASIC, KEY, PROXY, UPGRADE

# The server's threads draw random numbers during a test; Hypothesis blames a strategy for it and warns.
pytestmark = pytest.mark.filterwarnings("ignore::hypothesis.errors.HypothesisWarning")

FEW, MANY = 10, 10_000
MOST_CPU_S: Final = 2.0  # of one request; a pattern that runs away takes minutes
UNLIMITED: Final = dict.fromkeys(("update_rate", "page_rate", "socket_rate", "export_rate"), 1_000_000)
TOKEN: Final = EmbedTokens(KEY).sign(Venue.DEMO, ["BTCUSDT"], 24 * 3600)

SHAPES: Final = (
    # what a pattern that runs away, or a number that is read digit by digit, would be slow on
    *("A" * 4000, "BTC" * 1300 + "!", "a." * 2000, "x-" * 2000, "-" * 4000, "9" * 4000, "0" * 4000 + "."),
    *("(a+)+$", "((a*)*)*b", "1e309", "nan", "0.0000000000000000001", "٣", "Ⅷ", "ß" * 1000, "İ" * 1000),
    # what means something to somebody
    *("\u202e", "\0", "\ud800", "../../etc/passwd", "\r\nX-Injected: 1", "%0d%0aX-Injected:1", "<script>"),
    *("{{7*7}}", "' OR 1=1--", "$(id)", "//evil.example", "https://evil.example", "[", "]", "::", "&&=="),
    *(";", "token=" * 600, TOKEN + "x", TOKEN[:-1]),
)  # fmt: skip
RIGHT: Final = (
    "demo",
    "binance",
    "BTCUSDT",
    "ETHUSDT",
    "1m",
    "0.5",
    "30",
    "levels",
    "demo:BTCUSDT:1m:1",
    "60",
)
NAMED: Final = (
    "exchange",
    "symbol",
    "tf",
    "step",
    "lookback",
    "emit_ms",
    "rows",
    "panel",
    "link",
    "theme",
    "v",
)
HEADERS: Final = (
    *("HOST", "ORIGIN", "REFERER", "COOKIE", "RANGE", "IF_NONE_MATCH", "IF_MODIFIED_SINCE", "IF_RANGE"),
    *("ACCEPT", "ACCEPT_ENCODING", "AUTHORIZATION", "UPGRADE", "CONNECTION", "SEC_FETCH_SITE", "FORWARDED"),
    *("X_FORWARDED_FOR", "X_FORWARDED_HOST", "X_FORWARDED_PROTO", "X_FORWARDED_PORT", "X_FORWARDED_PREFIX"),
    *("X_FORWARDED_USER", "X_REAL_IP", "X_ORIGINAL_URL", "X_REWRITE_URL", "X_REQUEST_ID"),
)  # fmt: skip

HOSTS: Final = {"HTTP_HOST", *(f"HTTP_X_FORWARDED_{name}" for name in ("HOST", "PROTO", "PORT"))}

values = st.one_of(st.sampled_from(SHAPES), st.sampled_from(RIGHT), st.text(max_size=40))
pairs = st.tuples(st.one_of(st.sampled_from((*NAMED, *NAMES)), st.text(max_size=8)), values)
queries = st.one_of(
    st.lists(pairs, max_size=6).map(
        lambda named: "&".join(f"{escaped(name)}={escaped(value)}" for name, value in named)
    ),
    st.binary(max_size=60).map(lambda raw: raw.decode("latin-1")),  # bytes as they are
)
header = st.one_of(st.sampled_from(SHAPES), st.sampled_from(RIGHT), st.text(max_size=40)).map(
    # No server lets control characters through.
    lambda text: re.sub(r"[\0-\x1f\x7f]", "", text.encode("utf-8", "replace").decode("latin-1"))
)
headers = st.dictionaries(st.sampled_from(HEADERS).map("HTTP_{}".format), header, max_size=3)


def escaped(text: str) -> str:
    """A text as an address writes it."""
    return quote(text.encode("utf-8", "surrogatepass"))


class Case(NamedTuple):
    """A request that is sent to every route."""

    query: str
    headers: dict[str, str]
    place: str  # what stands where a route has a variable
    turn: int  # which of a route's methods it is


cases = st.builds(Case, queries, headers, values, st.integers(0, 11))


class Target:
    """A server, and its routes as somebody asks them."""

    def __init__(self, served: Served, token: str | None = None) -> None:
        self.served = served
        self.server: Flask = served.application.server
        self.client = self.server.test_client()
        self._token = token

    def asked(self, case: Case) -> Iterator[tuple[str, str, TestResponse]]:
        """Method, path and answer of each route there is; with a token those alone that it opens."""
        for rule in self.server.url_map.iter_rules():
            if self._token is not None and "<frame_token>" not in rule.rule:
                continue
            path = rule.rule.replace("<frame_token>", self._token or "x")
            path = re.sub(r"<[^>]*>", lambda _: case.place, path)
            methods = sorted(rule.methods or ())
            method = methods[case.turn % len(methods)]
            yield method, path, self.ask(method, path, case, is_socket=bool(rule.websocket))

    def ask(self, method: str, path: str, case: Case, *, is_socket: bool = False) -> TestResponse:
        """The answer, which must be one that any request may get."""
        upgrade = {f"HTTP_{name.upper().replace('-', '_')}": value for name, value in UPGRADE.items()}
        environ = {
            **(upgrade if is_socket else {}),
            **case.headers,
            "PATH_INFO": path.encode("utf-8", "surrogatepass").decode("latin-1"),
            "QUERY_STRING": case.query,
        }
        started = time.thread_time()
        answer = self.client.open("/", method=method, environ_overrides=environ, buffered=True)
        took = time.thread_time() - started
        what = method, path, case, answer.status_code
        assert answer.status_code < 500 or answer.status_code == 503, what
        assert took < MOST_CPU_S, what
        assert b"Traceback" not in answer.data, what
        assert "X-Injected" not in answer.headers, what
        assert "Set-Cookie" not in answer.headers, what
        if not HOSTS & case.headers.keys():  # else it leads to where the client says that it is
            assert not re.match(r"(?!http://localhost/)[a-z]*:?//", answer.headers.get("Location", "")), what
        return answer


@pytest.fixture(autouse=True)
def quiet() -> Iterator[None]:
    """No lines of what is refused, or a long run would keep millions."""
    logging.disable(logging.WARNING)
    yield
    logging.disable(logging.NOTSET)


@pytest.fixture(scope="module")
def start() -> Iterator[Callable[..., Served]]:
    """Starts servers with the simulated market, which set no limits to how often they are asked."""
    running: list[Served] = []

    def start_server(**chosen: Any) -> Served:
        served = Served(**{**UNREACHABLE, **UNLIMITED, "demo": True, "database_url": "off", **chosen})
        running.append(served)
        wait_until(lambda: any(venue.reachable for venue in served.hub.venues()))
        return served

    yield start_server
    for served in running:
        served.stop()


@pytest.fixture(scope="module")
def without_access(start: Callable[..., Served]) -> Target:
    """A server that is open to everybody, under a prefix and behind a proxy."""
    return Target(start(prefix="/desk/flow/", proxy_hops=1, secret_key=KEY))


@pytest.fixture(scope="module")
def by_password(start: Callable[..., Served]) -> Target:
    """One that asks for a login."""
    return Target(start(**BASIC))


@pytest.fixture(scope="module")
def by_proxy(start: Callable[..., Served]) -> Target:
    """One that believes a proxy, which is somewhere else."""
    return Target(start(**{**PROXY, "trusted_proxies": "192.0.2.0/24", "proxy_hops": 1}))


@pytest.fixture(scope="module")
def by_token(by_password: Target) -> Target:
    """The one that asks for a login, for the holder of a token."""
    return Target(by_password.served, TOKEN)


def check_open(target: Target, case: Case) -> None:
    """Every answer is one that any request may get."""
    for _ in target.asked(case):
        pass


def check_closed(target: Target, case: Case) -> None:
    """And there is nothing in it that needs access."""
    for method, path, answer in target.asked(case):
        if path == "/health" and answer.status_code == 200:
            assert answer.data in (b'{"status":"ok"}', b"")
        elif path == "/ready" and answer.status_code in (200, 503):
            assert answer.data in (b'{"ready":true}', b'{"ready":false}', b"")
        elif not (path in ("/health", "/ready") and method == "OPTIONS"):
            assert answer.status_code in (400, 401, 403, 429), (method, path, case, answer.status_code)
            assert len(answer.data) < 2000


def check_held(target: Target, case: Case) -> None:
    """With a token there are no figures of another symbol."""
    for method, path, answer in target.asked(case):
        if path.endswith("/export.csv") and method == "GET" and answer.status_code == 200:
            assert "# venue: demo\r\n# symbol: BTCUSDT\r\n" in answer.text.replace('"', "")


POSTURES: Final = pytest.mark.parametrize(
    ("name", "check"),
    [
        ("without_access", check_open),
        ("by_password", check_closed),
        ("by_proxy", check_closed),
        ("by_token", check_held),
    ],
)


def attack(examples: int, target: Target, check: Callable[[Target, Case], None]) -> None:
    """Send ``examples`` requests and check each answer."""

    @settings(max_examples=examples, database=None, suppress_health_check=list(HealthCheck))
    @given(case=cases)
    @example(case=Case("\n", {}, "//evil.example", 0))  # a redirect of the router's own, with a bare line end
    def ask(case: Case) -> None:
        check(target, case)

    ask()


@POSTURES
def test_any_query_is_answered_on_every_route(
    request: pytest.FixtureRequest, name: str, check: Callable[[Target, Case], None]
) -> None:
    """With any headers, and anything where a path has a variable."""
    attack(FEW, request.getfixturevalue(name), check)


@pytest.mark.long
@pytest.mark.timeout(4 * 3600)
@POSTURES
def test_ten_thousand_queries_are_answered_on_every_route(
    request: pytest.FixtureRequest, name: str, check: Callable[[Target, Case], None]
) -> None:
    """The long form."""
    attack(MANY, request.getfixturevalue(name), check)


@pytest.mark.parametrize("name", ["exchange", "symbol", "tf", "step", "rows", "lookback"])
def test_a_name_of_any_shape_is_refused_quickly(without_access: Target, name: str) -> None:
    """No venue, symbol or number has such a name."""
    for shape in SHAPES:
        named = {"exchange": "demo", name: shape}
        query = "&".join(f"{each}={escaped(value)}" for each, value in named.items())
        answer = without_access.ask("GET", "/desk/flow/api/export.csv", Case(query, {}, "", 0))
        assert answer.status_code in (400, 404), (shape, answer.status_code)


# -- callbacks -------------------------------------------------------------------------------


def part(text: str, value: Any, *, has_value: bool = True) -> Any:
    """An input, state or output as a page sends it; where it stands for several, a list of two."""
    name, _, prop = text.rpartition(".")
    fields = {"property": prop.partition("@")[0], **({"value": value} if has_value else {})}
    if not name.startswith("{"):
        return {"id": name, **fields}
    pattern = json.loads(name)
    many = ["ALL"] in pattern.values()
    each = {"id": {key: "p" if isinstance(kept, list) else kept for key, kept in pattern.items()}, **fields}
    return [each, each] if many else each


def body_of(dependency: dict[str, Any], input_values: list[Any], state: list[Any]) -> dict[str, Any]:
    """The request for a callback, built from its entry in the dependencies."""
    names = dependency["output"].strip(".").split("...")
    outputs = [part(name, None, has_value=False) for name in names]
    inputs = [
        part(f"{each['id']}.{each['property']}", input_values[place % len(input_values)])
        for place, each in enumerate(dependency["inputs"])
    ]
    states = [
        part(f"{each['id']}.{each['property']}", state[place % len(state)])
        for place, each in enumerate(dependency["state"])
    ]
    return {
        "output": dependency["output"],
        "outputs": outputs if dependency["output"].startswith("..") else outputs[0],
        "inputs": inputs,
        "state": states,
        "changedPropIds": [f"{each['id']}.{each['property']}" for each in dependency["inputs"]],
    }


views = st.dictionaries(st.sampled_from((*NAMED, *NAMES)), values, max_size=5).map(
    lambda chosen: {"exchange": "demo", "symbol": "BTCUSDT", **chosen}
)
searches = st.builds(lambda query, again: {"search": f"?{query}", "again": again}, queries, junk)
sent = st.lists(st.one_of(junk, views, searches, values), min_size=1, max_size=6)


@settings(max_examples=40, suppress_health_check=list(HealthCheck))
@given(input_values=sent, state=sent)
@pytest.mark.parametrize(
    ("name", "page"),
    [
        ("without_access", "/desk/flow/"),
        ("without_access", "/desk/flow/embed/"),
        ("without_access", "/desk/flow/compare/"),
        ("by_token", f"/embed/t/{TOKEN}/"),
    ],
    ids=["front", "embed", "compare", "token"],
)
def test_every_callback_survives_any_value(
    request: pytest.FixtureRequest, name: str, page: str, input_values: list[Any], state: list[Any]
) -> None:
    """All that the server registered, with anything in each input and state."""
    client = request.getfixturevalue(name).client
    dependencies = json.loads(client.get(f"{page}_dash-dependencies", buffered=True).data)
    assert dependencies
    for dependency in dependencies:
        if dependency["clientside_function"] is not None:
            continue
        body = json.dumps(body_of(dependency, input_values, state))
        started = time.thread_time()
        answer: Response = client.post(
            f"{page}_dash-update-component", data=body, content_type="application/json", buffered=True
        )
        assert answer.status_code < 500, body
        assert time.thread_time() - started < MOST_CPU_S, body
        assert b"Traceback" not in answer.data
        if name == "by_token":
            assert b"Order flow of ETHUSDT" not in answer.data
