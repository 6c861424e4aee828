"""Access in a browser: a login, a frame on another origin's page, and blocked scripts."""

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
    """A page of another origin with a frame, which records its messages."""

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
            "<!DOCTYPE html><script>messages=[];addEventListener('message',e=>messages.push(e.data))</script>"
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


def received(page: Page, state: str) -> Callable[[], bool]:
    """Whether the page around the frame has received a state."""
    return lambda: page.js("return messages.some(m => m.type === 'state' && m.state === arguments[0])", state)


def test_a_login_opens_pages_callbacks_and_socket(page: Page, guarded: Served) -> None:
    """The browser sends it with every request; the console stays silent."""
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
    page.wait(lambda: page.count(".feed-status.is-live"), "it is live")


def test_a_frame_with_a_token_is_live_on_another_origin(page: Page, guarded: Served, portal: Portal) -> None:
    """Without a login or cookie, without console messages, and without links that leave it."""
    token = TOKENS.sign(Venue.DEMO, ["BTCUSDT"], 600)
    portal.frame = f"{guarded.url}/embed?token={token}&theme=light&rows=4"
    page.driver.get(portal.url)
    page.wait(received(page, "live"), "it is live")
    page.driver.switch_to.frame(0)
    page.wait(lambda: len(page.footprint()) > 1 and page.chart()[0], "candles")
    page.wait(lambda: page.count(".feed-status.is-live"), "it is live")
    page.wait(lambda: page.module(*OPEN_CONNECTIONS) == 1, "the socket")
    assert page.js("return location.pathname") == f"/embed/t/{token}/"
    assert page.js("return new URLSearchParams(location.search).get('rows')") == "4"
    assert page.style(".help-link", "display") == "none"
    assert page.js("return document.cookie") == ""
    assert not page.count("[data-title*=loud], [data-title*=lotly]")
    before = page.footprint()[0]
    page.wait(lambda: page.footprint()[0] != before, "it moves")
    page.driver.switch_to.default_content()


def test_a_frame_reports_an_expired_token(page: Page, guarded: Served, portal: Portal) -> None:
    """In text, and to the page around it, which may then provide a new one."""
    token = TOKENS.sign(Venue.DEMO, ["BTCUSDT"], 8)
    portal.frame = f"{guarded.url}/embed?token={token}"
    page.console_may_complain = True  # about the refused answer
    page.driver.get(portal.url)
    page.wait(received(page, "live"), "it is live")
    page.wait(received(page, "expired"), "the notice", 20)
    page.driver.switch_to.frame(0)
    assert page.text("h1") == "This view has expired"
    page.driver.switch_to.default_content()
    fresh = TOKENS.sign(Venue.DEMO, ["BTCUSDT"], 600)
    page.js(
        "messages = []; document.querySelector('iframe').src = arguments[0]",
        f"{guarded.url}/embed?token={fresh}",
    )
    page.wait(received(page, "live"), "it is live again")


def test_an_unlisted_origin_cannot_frame_the_app(page: Page, market: Served, portal: Portal) -> None:
    """The browser refuses, with or without a token."""
    portal.frame = f"{market.url}/embed?{QUERY}"
    page.console_may_complain = True
    page.driver.get(portal.url)
    page.driver.switch_to.frame(0)
    page.wait(lambda: page.js("return location.href").startswith("chrome-error:"), "the refusal")
    page.driver.switch_to.default_content()
    assert page.js("return messages.length") == 0


def test_injected_scripts_do_not_run(page: Page) -> None:
    """Neither an element, nor an attribute, nor an evaluated text."""
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


def test_no_chart_offers_an_upload(page: Page) -> None:
    """No link leads to a cloud service."""
    page.open(QUERY)
    page.wait(lambda: page.count(".cvd-chart .js-plotly-plot"), "the chart")
    assert not page.count("[data-title*=loud], [data-title*=lotly], .plotlyjsicon")
