"""Access as a browser lives with it: a login, a frame on another origin's page, and what no script may."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from orderflow_dash.access.embed_token import EmbedTokens
from orderflow_dash.market import Venue
from tests.browser.conftest import OPEN_CONNECTIONS, SPEED, Page
from tests.conftest import UNREACHABLE, Served
from tests.web.http.test_guard import BASIC, KEY

QUERY = "exchange=demo&symbol=BTCUSDT&tf=1m&step=0.5"
TOKENS = EmbedTokens(KEY)


class Portal:
    """Somebody else's page: another origin, with a frame in it that says what it hears."""

    def __init__(self) -> None:
        portal = self
        self.frame = ""

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                is_page = self.path == "/"
                self.send_response(200 if is_page else 204)
                self.send_header("Content-Type", "text/html")
                self.end_headers()
                if is_page:
                    self.wfile.write(portal._page().encode())

            def log_message(self, *_: Any) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"

    def _page(self) -> str:
        return (
            "<!DOCTYPE html><script>told=[];addEventListener('message',e=>told.push(e.data))</script>"
            f'<iframe src="{self.frame}" width="1200" height="900"></iframe>'
        )


@contextmanager
def running(server: ThreadingHTTPServer) -> Iterator[None]:
    """Serve in another thread."""
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@pytest.fixture(scope="module")
def portal() -> Iterator[Portal]:
    """The page around the frame."""
    portal = Portal()
    with running(portal.server):
        yield portal


@pytest.fixture(scope="module")
def guarded(portal: Portal) -> Iterator[Served]:
    """The application behind a password, which that page may frame."""
    served = Served(
        **UNREACHABLE,
        **BASIC,
        demo=True,
        demo_speed=SPEED,
        history=0,
        database_url="off",
        frame_ancestors=portal.url,
    )
    yield served
    served.stop()


def told(page: Page, state: str) -> Callable[[], bool]:
    """Whether the page around the frame has heard of a state."""
    return lambda: page.js("return told.some(m => m.type === 'state' && m.state === arguments[0])", state)


def test_a_login_opens_pages_callbacks_and_socket(page: Page, guarded: Served) -> None:
    """The browser adds it to everything by itself; the console stays silent."""
    name, password = "alice", "correct%20horse%3A%20%C3%BCn%C3%AFcode"
    page.driver.get(guarded.url.replace("//", f"//{name}:{password}@") + "/help")
    for path in (
        "/help",
        "/health",
        "/compare?panel=demo:BTCUSDT:1m:0.5&panel=demo:ETHUSDT",
        f"/embed?{QUERY}",
    ):
        page.driver.get(guarded.url + path)
    page.open(QUERY, guarded.url)
    page.wait(lambda: page.footprint() and page.chart()[0], "a first candle")
    page.wait(lambda: page.module(*OPEN_CONNECTIONS) == 1, "the socket")
    page.wait(lambda: page.count(".feed-status.is-live"), "it lives")


def test_a_frame_with_a_token_lives_on_another_origins_page(
    page: Page, guarded: Served, portal: Portal
) -> None:
    """Without login or cookie; silently, and without links that would lead out of it."""
    token = TOKENS.sign(Venue.DEMO, ["BTCUSDT"], 600)
    portal.frame = f"{guarded.url}/embed?token={token}&theme=light&rows=4"
    page.driver.get(portal.url)
    page.wait(told(page, "live"), "it lives")
    page.driver.switch_to.frame(0)
    page.wait(lambda: len(page.footprint()) > 1 and page.chart()[0], "candles")
    page.wait(lambda: page.count(".feed-status.is-live"), "it lives")
    page.wait(lambda: page.module(*OPEN_CONNECTIONS) == 1, "the socket")
    assert page.js("return location.pathname") == f"/embed/t/{token}/"
    assert page.js("return new URLSearchParams(location.search).get('rows')") == "4"
    assert page.style(".help-link", "display") == "none"
    assert page.js("return document.cookie") == ""
    assert not page.count("[data-title*=loud], [data-title*=lotly]")
    before = page.footprint()[0]
    page.wait(lambda: page.footprint()[0] != before, "it moves")
    page.driver.switch_to.default_content()


def test_a_frame_says_that_its_token_has_expired(page: Page, guarded: Served, portal: Portal) -> None:
    """In words, and to the page around it, which may then give it a new one."""
    token = TOKENS.sign(Venue.DEMO, ["BTCUSDT"], 8)
    portal.frame = f"{guarded.url}/embed?token={token}"
    page.console_may_complain = True  # of the answer that told it
    page.driver.get(portal.url)
    page.wait(told(page, "live"), "it lives")
    page.wait(told(page, "expired"), "it says so", 20)
    page.driver.switch_to.frame(0)
    assert page.text("h1") == "This view has expired"
    page.driver.switch_to.default_content()
    fresh = TOKENS.sign(Venue.DEMO, ["BTCUSDT"], 600)
    page.js(
        "told = []; document.querySelector('iframe').src = arguments[0]", f"{guarded.url}/embed?token={fresh}"
    )
    page.wait(told(page, "live"), "it lives again")


def test_a_page_that_may_not_frame_it_shows_nothing(page: Page, market: Served, portal: Portal) -> None:
    """The browser refuses, token or not."""
    portal.frame = f"{market.url}/embed?{QUERY}"
    page.console_may_complain = True
    page.driver.get(portal.url)
    page.driver.switch_to.frame(0)
    page.wait(lambda: page.js("return location.href").startswith("chrome-error:"), "the refusal")
    page.driver.switch_to.default_content()
    assert page.js("return told.length") == 0


def test_no_script_runs_that_was_written_into_a_page(page: Page) -> None:
    """Neither as an element, nor as an attribute, nor as a text that is evaluated."""
    page.open(QUERY)
    page.wait(lambda: page.footprint(), "rows")
    page.console_may_complain = True
    page.js(
        "const s = document.createElement('script'); s.textContent = 'window.ran = 1';"
        "document.body.append(s);"
        "const b = document.createElement('button'); b.setAttribute('onclick', 'window.ran = 2');"
        "document.body.append(b); b.click();"
        "setTimeout('window.ran = 3', 0);"
    )
    assert page.driver.execute_async_script("setTimeout(() => arguments[0](window.ran ?? null), 100)") is None


def test_no_chart_offers_to_send_itself_away(page: Page) -> None:
    """Nothing leads to a cloud."""
    page.open(QUERY)
    page.wait(lambda: page.count(".cvd-chart .js-plotly-plot"), "the chart")
    assert not page.count("[data-title*=loud], [data-title*=lotly], .plotlyjsicon")
