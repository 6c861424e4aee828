"""What a worker may answer without the whole app: no more than the app would, and no longer."""

from __future__ import annotations

import gzip
import json
import time
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from orderflow_dash.access.embed_token import EmbedTokens
from orderflow_dash.follow_ups import OFFER, FollowUps
from orderflow_dash.market import Venue
from tests.conftest import UNREACHABLE, Served, wait_until

from .test_access import BASIC, KEY, RIGHT

WANTED = {"exchange": "demo", "symbol": "BTCUSDT", "tf": "1m", "step": "0.5"}
RATE = 40  # updates a second


@pytest.fixture(scope="module")
def guarded() -> Iterator[Served]:
    """A guarded app with the simulated market."""
    served = Served(**UNREACHABLE, **BASIC, demo=True, database_url="off", history=0, callback_rate=RATE)
    wait_until(served.hub.instruments)
    yield served
    served.stop()


def question(*views: dict[str, str]) -> bytes:
    """A body that names so many panels."""
    panels = [
        {"id": f"panel {n}", "view": view, "cursor": None, "profile": None} for n, view in enumerate(views)
    ]
    return json.dumps({"theme": "dark", "panels": panels}).encode()


def offers(app: Served, address: str = "127.0.0.1", **request: Any) -> tuple[Any, list[FollowUps]]:
    """The app's own answer to a question, and what it offers with it."""
    offered: list[FollowUps] = []
    request = {
        "path": "/api/panels",
        "auth": ("alice", RIGHT),
        "data": question(WANTED),
        "headers": {"Accept-Encoding": "gzip"},
        **request,
    }
    overrides = {OFFER: offered.append, "REMOTE_ADDR": address}
    return app.application.server.test_client().post(**request, environ_overrides=overrides), offered


def told(body: bytes) -> dict[str, Any]:
    """What one panel is told."""
    (panel,) = json.loads(gzip.decompress(body))
    return panel


def test_what_follows_is_answered_as_the_app_does(guarded: Served) -> None:
    """The same content; its own time and id; and the panel's lease is renewed."""
    answer, (follow_up,) = offers(guarded)
    wait_until(lambda: told(follow_up(question(WANTED), "").body)["content"]["rows"], what="a candle")
    guarded.hub.release("panel 0")
    again = follow_up(question(WANTED), "")
    assert told(again.body).keys() == told(answer.data).keys() == {"status", "content", "profile"}
    assert guarded.hub.health()["leases"] == 1
    assert again.headers.keys() == {"Server-Timing", "X-Request-ID"} <= {*answer.headers.keys()}
    assert again.headers["X-Request-ID"] != answer.headers["X-Request-ID"]
    assert told(follow_up(question({**WANTED, "tf": "5m"}), "").body)["content"]["cursor"][2] == "5m"


def test_the_clients_own_id_stays(guarded: Served) -> None:
    """Where it can be one."""
    _, (follow_up,) = offers(guarded)
    assert follow_up(question(WANTED), "mine").headers["X-Request-ID"] == "mine"
    assert follow_up(question(WANTED), "two words").headers["X-Request-ID"] != "two words"


@pytest.mark.parametrize(
    "request_",
    [
        {"auth": ("alice", "wrong")},
        {"auth": None},
        {"headers": {"Accept-Encoding": "identity"}},
        {"headers": {"Accept-Encoding": "gzip", "Origin": "https://elsewhere.example"}},
        {"data": question(WANTED, WANTED)},
        {"data": b"{"},
        {"path": "/api/panels/"},
    ],
)
def test_nothing_is_offered_to_who_is_refused_or_asks_otherwise(guarded: Served, request_: Any) -> None:
    """Who may not come in, from another page, in another form."""
    _, offered = offers(guarded, address="127.0.0.9", **request_)
    assert not offered


@pytest.mark.parametrize("body", [b"", b"{", b"[]", question(), question(WANTED, WANTED), b"\xff" * 100])
def test_what_is_no_such_question_is_left_to_the_app(guarded: Served, body: bytes) -> None:
    """Which says what is wrong."""
    _, (follow_up,) = offers(guarded)
    assert follow_up(body, "") is None


def test_too_many_are_left_to_the_app(guarded: Served) -> None:
    """They count like all others, by the address of who asks; the app then says when to come again."""
    address = "127.0.0.2"
    _, (follow_up,) = offers(guarded, address)
    answers = [follow_up(question(WANTED), "") for _ in range(10 * RATE + 10)]
    assert answers[0] is not None
    assert answers[-1] is None
    assert offers(guarded, address)[0].status_code == 429
    assert offers(guarded)[0].status_code == 200


def test_a_token_opens_no_more_than_before_and_no_longer(guarded: Served, time_machine: Any) -> None:
    """Other symbols and venues are not shown; and once it has expired the app is asked, which refuses."""
    tokens = EmbedTokens(KEY)
    path = f"/embed/t/{tokens.sign(Venue.DEMO, ['BTCUSDT'], 600)}/api/panels"
    answer, (follow_up,) = offers(guarded, path=path, auth=None)
    assert answer.headers["Referrer-Policy"] == "no-referrer"
    assert "content" in told(follow_up(question(WANTED), "").body)
    for beyond in ({"symbol": "ETHUSDT"}, {"exchange": "binance"}, {"symbol": ""}):
        refused = told(follow_up(question({**WANTED, **beyond}), "").body)
        assert refused.keys() == {"status"}
        assert "this access is for" in refused["status"]["cause"]
    time_machine.move_to(time.time() + 601)
    assert follow_up(question(WANTED), "") is None
    assert offers(guarded, path=path, auth=None)[0].status_code == 403


def test_they_count_as_requests(guarded: Served) -> None:
    """In the metrics."""

    def answered() -> float:
        text = httpx.get(f"{guarded.url}/metrics", auth=("alice", RIGHT), trust_env=False).text
        return float(text.split('orderflow_http_requests_total{status="2xx"} ')[1].split("\n")[0])

    _, (follow_up,) = offers(guarded, "127.0.0.3")
    before = answered()
    for _ in range(20):
        follow_up(question(WANTED), "")
    assert answered() - before >= 20


def test_where_each_request_is_logged_none_is_offered() -> None:
    """Each has to pass what writes the line."""
    served = Served(**UNREACHABLE, demo=True, database_url="off", access_log=True)
    try:
        wait_until(served.hub.instruments)
        answer, offered = offers(served)
        assert (answer.status_code, offered) == (200, [])
    finally:
        served.stop()
