"""What a worker may answer without the whole app: no more than the app would, and no longer."""

from __future__ import annotations

import gzip
import json
import time
from collections.abc import Iterator
from typing import Any
from unittest.mock import patch

import httpx
import pytest

from orderflow_dash.access.embed_token import EmbedTokens
from orderflow_dash.market import Venue
from orderflow_dash.runtime.client_limits import Client
from orderflow_dash.server.follow_ups import OFFER, Answer, FollowUps
from tests.conftest import UNREACHABLE, Served, wait_until
from tests.web.http.test_guard import BASIC, KEY, RIGHT

WANTED = {"exchange": "demo", "symbol": "BTCUSDT", "tf": "1m", "step": "0.5"}
RATE = 40  # updates a second


@pytest.fixture(scope="module")
def guarded() -> Iterator[Served]:
    """A guarded app with the simulated market."""
    served = Served(
        **UNREACHABLE, **BASIC, demo=True, database_url="off", backfill_minutes=0, update_rate=RATE
    )
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


def follows(app: Served, given_id: str = "", **request: Any) -> tuple[Any, Answer]:
    """The app's own answer, and one to the same question soon after: what was built is no longer kept."""
    for _ in range(20):
        answer, (follow_up,) = offers(app, **request)
        again = follow_up(request.get("data", question(WANTED)), given_id)
        if again is not None:
            return answer, again
    raise AssertionError("nothing that was built a moment ago is given")


def test_what_follows_is_answered_as_the_app_does(guarded: Served) -> None:
    """The same content, with its own time and id."""
    wait_until(lambda: told(follows(guarded)[1].body)["content"]["rows"], what="a candle")
    answer, again = follows(guarded)
    assert told(again.body).keys() == told(answer.data).keys() == {"status", "content", "profile"}
    assert again.headers.keys() == {"Server-Timing", "X-Request-ID"} <= {*answer.headers.keys()}
    assert again.headers["X-Request-ID"] != answer.headers["X-Request-ID"]


def test_the_lease_is_renewed_and_none_is_begun(guarded: Served) -> None:
    """A panel that is not open, or is open on something else, is opened by the app."""
    _, (follow_up,) = offers(guarded)
    other = question({**WANTED, "tf": "5m"})
    assert follow_up(other, "") is None
    _, again = follows(guarded, data=other)
    assert told(again.body)["content"]["cursor"][2] == "5m"
    guarded.hub.release("panel 0", Client("127.0.0.1"))
    assert follow_up(other, "") is None
    assert guarded.hub.health()["leases"] == 0
    _, (follow_up,) = offers(guarded)
    with patch.object(guarded.hub, "renewed", wraps=guarded.hub.renewed) as renewed:
        follow_up(question(WANTED), "")
    renewed.assert_called_once()


def test_what_is_not_built_is_left_to_the_app(guarded: Served) -> None:
    """Building takes its time, and all who ask the same way would wait."""
    _, (follow_up,) = offers(guarded)
    assert follow_up(json.dumps({**json.loads(question(WANTED)), "theme": "light"}).encode(), "") is None


def test_the_clients_own_id_stays(guarded: Served) -> None:
    """Where it can be one."""
    assert follows(guarded, "mine")[1].headers["X-Request-ID"] == "mine"
    assert follows(guarded, "two words")[1].headers["X-Request-ID"] != "two words"


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
    answered = 0
    while (offer := offers(guarded, address))[0].status_code == 200:
        _, (follow_up,) = offer
        answered += sum(follow_up(question(WANTED), "") is not None for _ in range(RATE))
    assert offer[0].status_code == 429
    assert answered > 10 * RATE / 2
    follows(guarded)
    assert follow_up(question(WANTED), "") is None


def test_a_token_opens_no_more_than_before_and_no_longer(guarded: Served, time_machine: Any) -> None:
    """Other symbols and venues are not shown; and once it has expired the app is asked, which refuses."""
    tokens = EmbedTokens(KEY)
    path = f"/embed/t/{tokens.sign(Venue.DEMO, ['BTCUSDT'], 600)}/api/panels"
    answer, again = follows(guarded, path=path, auth=None)
    assert answer.headers["Referrer-Policy"] == "no-referrer"
    assert "content" in told(again.body)
    _, (follow_up,) = offers(guarded, path=path, auth=None)
    for beyond in ({"symbol": "ETHUSDT"}, {"exchange": "binance"}, {"symbol": ""}):
        other = question({**WANTED, **beyond})
        offers(guarded, data=other)  # it is open, to others
        assert follow_up(other, "") is None
        refused = told(offers(guarded, path=path, auth=None, data=other)[0].data)
        assert refused.keys() == {"status"}
        assert "token is limited to" in refused["status"]["cause"]
    time_machine.move_to(time.time() + 601)
    assert follow_up(question(WANTED), "") is None
    assert offers(guarded, path=path, auth=None)[0].status_code == 403


def test_they_count_as_requests(guarded: Served) -> None:
    """In the metrics."""

    def answered() -> float:
        text = httpx.get(f"{guarded.url}/metrics", auth=("alice", RIGHT), trust_env=False).text
        return float(text.split('orderflow_http_requests_total{status="2xx"} ')[1].split("\n")[0])

    before = answered()
    for _ in range(20):
        follows(guarded, address="127.0.0.3")
    assert answered() - before == 20 + 1, "the client of tests is not counted, the metrics' own request is"


def test_where_each_request_is_logged_none_is_offered() -> None:
    """Each has to pass what writes the line."""
    served = Served(**UNREACHABLE, demo=True, database_url="off", access_log=True)
    try:
        wait_until(served.hub.instruments)
        answer, offered = offers(served)
        assert (answer.status_code, offered) == (200, [])
    finally:
        served.stop()
