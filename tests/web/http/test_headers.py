"""The headers of every answer."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Final

import httpx
import pytest

from tests.conftest import UNREACHABLE, Served
from tests.web.http.test_guard import BASIC, client, login, routes

ANCESTORS: Final = "'self' https://portal.example"
PAGES: Final = ("/", "/embed", "/embed/", "/compare")


@pytest.fixture(scope="module")
def app() -> Iterator[Served]:
    """An app that is open to everybody, and may be framed."""
    served = Served(**UNREACHABLE, demo=False, database_url="off", frame_ancestors=ANCESTORS)
    yield served
    served.stop()


def policy(answer: httpx.Response) -> dict[str, list[str]]:
    """The directives of an answer's policy: sources by name."""
    directives = [each.split() for each in answer.headers["Content-Security-Policy"].split(";")]
    names = [name for name, *_ in directives]
    assert len(names) == len(set(names))
    return {name: sources for name, *sources in directives}


def test_every_answer_has_them(app: Served) -> None:
    """On every route there is, found or refused."""
    with client(app) as asking:
        for method, path, upgrade in [*routes(app.application.server), ("GET", "/nosuch/x", {})]:
            if upgrade:
                continue
            answer = asking.request(method, path)
            headers = answer.headers
            assert headers["X-Content-Type-Options"] == "nosniff", path
            assert headers["Referrer-Policy"] in ("same-origin", "no-referrer")
            assert headers["Cross-Origin-Opener-Policy"] == "same-origin"
            assert headers["Cross-Origin-Resource-Policy"] == "same-origin"
            assert "camera=()" in headers["Permissions-Policy"]
            assert "Strict-Transport-Security" not in headers
            assert policy(answer)["frame-ancestors"] == ANCESTORS.split()
            assert len(headers.get_list("Content-Security-Policy")) == 1


def test_pages_run_scripts_of_our_own_alone(app: Served) -> None:
    """From this server, or the one that Dash writes into the page, by its hash; nothing is evaluated."""
    with client(app) as asking:
        for page in PAGES:
            rules = policy(asking.get(page))
            own, *hashes = rules["script-src"]
            assert own == "'self'"
            assert hashes
            assert all(re.fullmatch(r"'sha256-[A-Za-z0-9+/]{43}='", each) for each in hashes)
            assert rules["default-src"] == rules["connect-src"] == ["'self'"]
            assert rules["object-src"] == rules["base-uri"] == rules["form-action"] == ["'none'"]
            assert not re.search("unsafe-eval|https?:|[*]", str({**rules, "frame-ancestors": []}))
        assert "'none'" in policy(asking.get("/help"))["default-src"]
        for path in ("/health", "/metrics", "/api/export.csv", "/assets/js/main.mjs", "/_dash-layout"):
            assert policy(asking.get(path))["default-src"] == ["'none'"]


def test_browsers_are_bound_to_tls_where_it_was_used(app: Served) -> None:
    """A promise that must not be made over plain HTTP."""
    answer = app.application.server.test_client().get("/help", base_url="https://flow.example", buffered=True)
    assert answer.headers["Strict-Transport-Security"] == "max-age=31536000"


def test_responses_that_require_access_are_not_cached(serve: Callable[..., Served]) -> None:
    """Only the browser caches scripts and styles, which are the same for all users."""
    with client(serve(**BASIC), **login()) as asking:
        for path in ("/", "/help", "/metrics", "/api/export.csv", "/nosuch", "/_dash-layout"):
            assert asking.get(path).headers["Cache-Control"] == "no-store", path
        scripts = re.findall(r'src="([^"]+)"', asking.get("/").text)
        for path in scripts:
            assert "private" in asking.get(path).headers["Cache-Control"], path
            assert "no-store" not in asking.get(path).headers["Cache-Control"], path
    with client(serve(**BASIC)) as asking:
        for path in ("/", "/assets/js/main.mjs"):
            assert asking.get(path).headers["Cache-Control"] == "no-store"


INJECTED: Final = (
    "a\r\nSet-Cookie: x=y",
    "a\nX-Injected: 1",
    "%0d%0aX-Injected: 1",
    "é",
    "a" * 3000,
    "\0",
    "a;b,c",
)


@pytest.mark.parametrize("value", INJECTED)
def test_nothing_that_is_asked_becomes_a_header(app: Served, value: str) -> None:
    """Paths, queries and names of files stay what they are."""
    with client(app) as asking:
        for path in ("/", "/embed", "/compare", "/help", "/api/export.csv", "/api/replay", "/ws/orderflow"):
            for name in ("symbol", "exchange", "token", "rows", "x"):
                answer = asking.get(path, params={name: value})
                assert answer.status_code < 500 or answer.status_code == 503
                assert "x-injected" not in answer.headers
                assert "set-cookie" not in answer.headers
