"""Frames for holders of a token: what a token opens, what it does not, and how it ends."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

import httpx
import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import connect

from benchmarks.page_client import PATH, panel_poll
from orderflow_dash.access.embed_token import EmbedTokens
from orderflow_dash.market import Venue
from orderflow_dash.runtime.redaction import redact
from orderflow_dash.simulator import SimulatedExchange, SyntheticMarket
from tests.conftest import UNREACHABLE, Served, venues_at, wait_until
from tests.replay.recordings import binance_file, invented_rows
from tests.web.http.test_errors import JSON, callback
from tests.web.http.test_guard import BASIC, KEY, client, login, routes

TOKENS: Final = EmbedTokens(KEY)


@pytest.fixture(scope="module")
def market() -> Iterator[Served]:
    """A guarded app with the simulated market."""
    served = Served(**UNREACHABLE, **BASIC, demo=True, demo_speed=20, database_url="off", backfill_minutes=0)
    with client(served) as asking:
        wait_until(lambda: asking.get("/ready").status_code == 200)
    yield served
    served.stop()


@pytest.fixture
def token() -> str:
    """A token for two symbols of the simulated market."""
    return TOKENS.sign(Venue.DEMO, ["BTCUSDT", "ETHUSDT"], 3600)


def opened(asking: httpx.Client, token: str, search: str) -> str:
    """What the page's own callback answers where its address has this search."""
    view = {"id": {"panel": "p", "type": "panel-view"}, "property": "id", "value": None}
    theme = {"id": "theme", "property": "data", "value": "dark"}
    wish = [{"id": "address", "property": "data", "value": {"search": search}}]
    body = callback("..embed-panel.children...embed-retry.disabled..", wish, [[view], theme])
    answer = asking.post(f"/embed/t/{token}/_dash-update-component", content=body, headers=JSON)
    assert answer.status_code == 200
    return answer.text


def test_the_address_with_a_token_leads_to_the_page_of_that_token(market: Served, token: str) -> None:
    """The rest of the query goes along; the page asks for everything by its token or by the pass."""
    with client(market) as asking:
        way = asking.get(f"/embed?token={token}&theme=light&symbol=ETHUSDT")
        assert (way.status_code, way.headers["Location"]) == (
            302,
            f"embed/t/{token}/?theme=light&symbol=ETHUSDT",
        )
        page = asking.get(f"/embed/?token={token}", follow_redirects=True)
        assert page.url.path == f"/embed/t/{token}/"
        assert page.status_code == 200
        addresses = re.findall(r'(?:src|href)="([^"]+)"', page.text)
        assert len(addresses) > 40
        for address in addresses:
            assert address.startswith(f"/embed/f/{TOKENS.files_pass}/")
        config = json.loads(re.findall(r'id="_dash-config"[^>]*>(.*?)</script>', page.text)[0])
        assert config["requests_pathname_prefix"] == f"/embed/t/{token}/"
        for address in [addresses[0], addresses[-1], f"/embed/t/{token}/_dash-layout"]:
            assert asking.get(address).status_code == 200


def test_a_token_opens_its_symbols_in_callbacks_socket_and_export(market: Served, token: str) -> None:
    """And where none is named, the first of them."""
    with client(market) as asking:
        for search, shown in (
            ("", "BTCUSDT"),
            ("?symbol=ETHUSDT", "ETHUSDT"),
            ("?symbol=ethusdt", "ETHUSDT"),
        ):
            assert f'"aria-label":"Order flow of {shown}' in opened(asking, token, search)
            for root in (f"/embed/t/{token}/api/export.csv", f"/api/export.csv?token={token}"):
                table = asking.get(f"{root}{'&' if '?' in root else '?'}{search.lstrip('?')}")
                assert f"# symbol: {shown}" in table.text
    root = market.url.replace("http", "ws")
    for url in (f"{root}/embed/t/{token}/ws/orderflow", f"{root}/ws/orderflow?token={token}"):
        with connect(url, proxy=None) as socket:
            first = json.loads(socket.recv(timeout=10))
            assert (first["type"], first["exchange"], first["symbol"]) == ("snapshot", "demo", "BTCUSDT")


BEYOND: Final = (
    "symbol=SOLUSDT",
    "exchange=binance",
    "exchange=bybit&symbol=BTCUSDT",
    "symbol=",
    "symbol=BTCUSDT%00",
)


@pytest.mark.parametrize("query", BEYOND)
def test_a_token_opens_no_other_symbol_or_venue(market: Served, token: str, query: str) -> None:
    """Whatever the page, its address, its callbacks, the socket or a program asks for."""
    with client(market) as asking:
        assert "token is limited to" in opened(asking, token, f"?{query}")
        for path in (f"/embed/t/{token}/?{query}", f"/embed?token={token}&{query}"):
            answer = asking.get(path)
            assert answer.status_code == 403
            assert "token is limited to" in answer.text
        for path in (f"/embed/t/{token}/api/export.csv?{query}", f"/api/export.csv?token={token}&{query}"):
            assert asking.get(path).status_code == 403
    url = f"{market.url.replace('http', 'ws')}/embed/t/{token}/ws/orderflow?{query}"
    with pytest.raises(InvalidStatus) as refusal:
        connect(url, proxy=None)
    assert refusal.value.response.status_code == 403


def refreshed(asking: httpx.Client, token: str, wanted: dict[str, str]) -> str:
    """What a panel gets to show whose view in the browser's store is this."""
    answer = asking.post(f"/embed/t/{token}/{PATH}", json=panel_poll([wanted], ["p"]))
    assert answer.status_code == 200
    return answer.text


@pytest.mark.parametrize(
    ("exchange", "symbol", "is_shown"),
    [("demo", "ETHUSDT", True), ("demo", "SOLUSDT", False), ("binance", "BTCUSDT", False)],
)
def test_a_refreshed_panel_is_held_by_the_token_too(
    market: Served, token: str, exchange: str, symbol: str, is_shown: bool
) -> None:
    """The view in the browser's store is the browser's word; the token's is the server's."""
    with client(market) as asking:
        answer = refreshed(asking, token, {"exchange": exchange, "symbol": symbol, "tf": "1m"})
    assert ("figure" in answer) is is_shown
    assert ("token is limited to" in answer) is not is_shown


def test_a_token_opens_nothing_else(market: Served, token: str) -> None:
    """Not as a query of any other route, and under its path there are its panel's routes alone."""
    own = re.compile(r"/embed/?|/ws/orderflow|/api/export\.csv|/embed/t/.*|/embed/f/.*")
    server = market.application.server
    with client(market) as asking:
        for method, path, upgrade in routes(server):
            if own.fullmatch(path) or path in ("/health", "/ready"):
                continue
            answer = asking.request(method, path, params={"token": token}, headers=upgrade)
            assert answer.status_code == 401, (method, path)
        others = (
            "metrics",
            "health",
            "compare",
            "help",
            "api/replay",
            "_reload-hash",
            "../metrics",
            "t/x/",
            "x",
        )
        for path in others:
            assert asking.get(f"/embed/t/{token}/{path}").status_code in (401, 404), path
        assert asking.get(f"/embed/t/{token}//metrics", follow_redirects=True).status_code in (401, 404)
    paths = {rule.rule for rule in server.url_map.iter_rules() if "<frame_" in rule.rule}
    names = {re.sub(r"^/embed/[tf]/<frame_\w+>/|/<.*", "", path) for path in paths}
    assert names == {
        "", "_dash-layout", "_dash-dependencies", "_dash-update-component",
        "_dash-component-suites", "assets", "ws/orderflow", "api/export.csv",
    }  # fmt: skip


def test_a_frame_says_that_it_shows_a_replay_and_cannot_steer_it(
    serve: Callable[..., Served], tmp_path: Path
) -> None:
    """A viewer of one panel must not move the market for all others."""
    token = TOKENS.sign(Venue.BINANCE, ["BTCUSDT"], 60)
    served = serve(**BASIC, replay=str(binance_file(tmp_path, invented_rows(200))))
    with client(served) as asking:
        layout = asking.get(f"/embed/t/{token}/_dash-layout").text
        assert "recorded trades" in layout
        assert "replay-controls" not in layout
        assert asking.post(f"/embed/t/{token}/api/replay", json={"paused": True}).status_code == 401
        assert "replay-controls" in asking.get("/embed/_dash-layout", headers=login()).text


def test_the_pass_for_files_opens_files_alone(market: Served) -> None:
    """Scripts and styles, and neither page nor figures."""
    with client(market) as asking:
        root = f"/embed/f/{TOKENS.files_pass}"
        assert asking.get(f"{root}/assets/js/main.mjs").status_code == 200
        for path in ("/", "/_dash-layout", "/ws/orderflow", "/api/export.csv"):
            assert asking.get(root + path).status_code == 401
        assert asking.get(f"/embed/t/{TOKENS.files_pass}/_dash-layout").status_code == 403
        assert asking.get(f"/embed/f/{'0' * 64}/assets/js/main.mjs").status_code == 403


def test_a_token_that_was_touched_opens_nothing(market: Served, token: str) -> None:
    """Any changed character, another key, or text that is not a token."""
    with client(market) as asking:
        for at in range(len(token)):
            other = "B" if token[at] == "A" else "A"
            touched = token[:at] + other + token[at + 1 :]
            assert asking.get(f"/embed/t/{touched}/_dash-layout").status_code == 403
        foreign = EmbedTokens(KEY + "!").sign(Venue.DEMO, ["BTCUSDT"], 60)
        for bad in (foreign, "x", "%00", "..", "é", "a" * 5000, "%0d%0aSet-Cookie:x=y", "<script>"):
            for path in (f"/embed?token={bad}", f"/embed/t/{bad}/", f"/api/export.csv?token={bad}"):
                answer = asking.get(path)
                assert answer.status_code in (401, 403, 404), (bad, path)
                assert "Location" not in answer.headers
                assert "x=y" not in str(answer.headers)
                assert "<script>\n" not in answer.text


def test_a_login_does_not_widen_a_token(market: Served, token: str) -> None:
    """A frame shows the same to every viewer."""
    with client(market, **login()) as asking:
        assert asking.get(f"/embed/t/{token}/api/export.csv?symbol=SOLUSDT").status_code == 403
        assert asking.get("/api/export.csv?exchange=demo&symbol=SOLUSDT").status_code == 200


def test_an_address_that_names_nothing_opens_the_tokens_own_venue(serve: Callable[..., Served]) -> None:
    """Also where another venue can be reached and would come first."""
    with SimulatedExchange(SyntheticMarket(seed=3)) as exchange:
        served = serve(**BASIC, **venues_at(exchange))
        wait_until(lambda: all(venue.reachable for venue in served.hub.venues()))
        with client(served) as asking:
            answer = opened(asking, TOKENS.sign(Venue.BYBIT, ["ETHUSDT"], 60), "?tf=5m")
    assert '"aria-label":"Order flow of ETHUSDT on Bybit"' in answer


def test_an_expired_token_is_reported_in_the_frame_and_its_page(market: Served) -> None:
    """403 everywhere; the page says so in words, and by a script that its policy names."""
    token = TOKENS.sign(Venue.DEMO, ["BTCUSDT"], 2)
    with client(market) as asking:
        page, layout = f"/embed/t/{token}/", f"/embed/t/{token}/_dash-layout"
        assert asking.get(layout).status_code == 200
        wait_until(lambda: asking.get(layout).status_code == 403)
        for path in (page, f"/embed?token={token}"):
            answer = asking.get(path)
            assert answer.status_code == 403
            assert answer.headers["X-Orderflow-Embed"] == "expired"
            assert 'data-state="expired"' in answer.text
            assert "This view has expired" in answer.text
            assert "postMessage" in answer.text
            assert "WWW-Authenticate" not in answer.headers  # a frame must not ask for a password
        for path in (layout, f"/embed/t/{token}/api/export.csv", f"/api/export.csv?token={token}"):
            assert (asking.get(path).status_code, asking.get(path).text) == (403, "access has expired\n")


def test_an_open_socket_ends_with_its_token(market: Served) -> None:
    """1008 at that moment, and no new one after it."""
    token = TOKENS.sign(Venue.DEMO, ["BTCUSDT"], 3)
    url = f"{market.url.replace('http', 'ws')}/embed/t/{token}/ws/orderflow?emit_ms=50"
    started = time.time()
    with connect(url, proxy=None) as socket, pytest.raises(ConnectionClosed) as closed:  # noqa: PT012
        while True:
            socket.recv(timeout=10)
    assert closed.value.rcvd is not None
    assert (closed.value.rcvd.code, closed.value.rcvd.reason) == (1008, "access has expired")
    assert 1 <= time.time() - started < 6
    with pytest.raises(InvalidStatus) as refusal:
        connect(url, proxy=None)
    assert refusal.value.response.status_code == 403


def test_addresses_with_a_token_go_nowhere(market: Served, token: str) -> None:
    """No referrer, nothing kept; scripts and styles may be, by the browser alone."""
    with client(market) as asking:
        page = asking.get(f"/embed/t/{token}/")
        for answer in (page, asking.get(f"/embed?token={token}"), asking.get("/embed?token=x")):
            assert answer.headers["Referrer-Policy"] == "no-referrer"
            assert answer.headers["Cache-Control"] == "no-store"
        script = re.findall(r'src="([^"]+dash_renderer[^"]+)"', page.text)[0]
        assert "private" in asking.get(script).headers["Cache-Control"]
        assert "max-age=31536000" in asking.get(script).headers["Cache-Control"]


def test_without_a_key_of_its_own_a_server_says_why_no_token_is_good(
    serve: Callable[..., Served], caplog: pytest.LogCaptureFixture, token: str
) -> None:
    """Once."""
    with client(serve()) as asking:
        for _ in range(3):
            assert asking.get(f"/embed?token={token}").status_code == 403
    said = [record.getMessage() for record in caplog.records if "ORDERFLOW_SECRET_KEY" in record.getMessage()]
    assert len(said) == 1


def test_no_token_is_logged(market: Served, token: str, caplog: pytest.LogCaptureFixture) -> None:
    """Neither by a malformed request under its path, nor by what makes lines of addresses."""
    with client(market) as asking:
        caplog.clear()
        answer = asking.post(f"/embed/t/{token}/_dash-update-component", content=b"{", headers=JSON)
        assert answer.status_code == 400
        asking.get(f"/embed/t/{token}/_dash-component-suites/os/x.py")
    app_lines = [record.getMessage() for record in caplog.records if record.name.startswith("orderflow_dash")]
    assert app_lines
    assert not any(token in line for line in app_lines)
    line = (
        f'"GET /embed/t/{token}/?a=b HTTP/1.1" 200 "https://x/embed?a=b&token={token}&c=d" "/x?token={token}"'
    )
    expected = '"GET /embed/t/***/?a=b HTTP/1.1" 200 "https://x/embed?a=b&token=***&c=d" "/x?token=***"'
    assert redact(line) == expected
