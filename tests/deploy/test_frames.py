"""A portal of another origin that shows the app in a frame, in a real browser."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from selenium.webdriver import Chrome
from selenium.webdriver.common.by import By

from tests.browser.conftest import SPEED, Page
from tests.conftest import Served

QUERY = "exchange=demo&symbol=BTCUSDT&tf=1m&step=0.5&theme=light"


class Portal:
    """Another site, with one page that the test sets."""

    def __init__(self) -> None:
        self.page = ""
        portal = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                body = portal.page.encode() if self.path == "/" else b""
                self.send_response(200)
                self.send_header("Content-Type", "text/html")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the library's name
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.origin = f"http://127.0.0.1:{self._server.server_port}"
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()

    def stop(self) -> None:
        """Stop it."""
        self._server.shutdown()
        self._server.server_close()


@pytest.fixture
def portal() -> Iterator[Portal]:
    """A site of another origin: another port."""
    site = Portal()
    yield site
    site.stop()


def shown_in_a_frame(page: Page, portal: Portal, root: str) -> None:
    """Open the portal's page, which frames a panel and keeps the frame's messages."""
    portal.page = (
        "<!doctype html><title>Portal</title><link rel='icon' href='data:,'>"
        "<script>messages = []; addEventListener('message', e => messages.push([e.origin, e.data]))</script>"
        f"<iframe src='{root}/embed?{QUERY}' width='1200' height='900'></iframe>"
    )
    page.driver.get(portal.origin)


def test_an_allowed_portal_shows_the_panel(
    portal: Portal, serve: Callable[..., Served], driver: Chrome
) -> None:
    """It is live in the frame, and posts its state and height to the portal."""
    allowed = f"'self' {portal.origin}"
    root = serve(demo=True, demo_speed=SPEED, history=0, frame_ancestors=allowed).url
    page = Page(driver, root)
    shown_in_a_frame(page, portal, root)
    for kind in ("state", "size"):
        page.wait(
            lambda kind=kind: page.js(
                "return messages.some(([o, m]) => o === arguments[0] && m.type === arguments[1])", root, kind
            ),
            f"its {kind}",
        )
    driver.switch_to.frame(driver.find_element(By.TAG_NAME, "iframe"))
    page.wait(lambda: len(page.footprint()) > 1, "candles")
    before = page.footprint()[0]
    page.wait(lambda: page.footprint()[0] != before, "it moves")
    driver.switch_to.default_content()
    assert page.complaints() == []


@pytest.mark.parametrize("ancestors", ["'self'", "'none'", "https://portal.example"])
def test_another_portal_shows_nothing(
    portal: Portal, serve: Callable[..., Served], driver: Chrome, ancestors: str
) -> None:
    """The browser refuses the frame, with the cause in its console."""
    root = serve(demo=True, frame_ancestors=ancestors).url
    page = Page(driver, root)
    shown_in_a_frame(page, portal, root)
    console: list[str] = []

    def is_refused() -> bool:
        console.extend(entry["message"] for entry in driver.get_log("browser"))
        return any("frame-ancestors" in message for message in console)

    page.wait(is_refused, "the browser refuses it")
    driver.switch_to.frame(driver.find_element(By.TAG_NAME, "iframe"))
    assert page.js("return document.location.href").startswith("chrome-error:")
    driver.switch_to.default_content()
    assert page.js("return messages") == []
