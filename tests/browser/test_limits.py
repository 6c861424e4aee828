"""The page at its limits."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tests.browser.conftest import SPEED, Page
from tests.conftest import Served

QUERY = "exchange=demo&symbol=BTCUSDT&tf=1m&step=0.5"
REFUSED = "429 (TOO MANY REQUESTS)"
POLLS = "for (let n = 0; n < 12; n += 1) dash_clientside.set_props('page-interval', {n_intervals: 900 + n})"


@pytest.fixture
def limited(serve: Callable[..., Served]) -> Callable[..., str]:
    """Starts an app with limits and returns its root. Named before ``page``, it outlives the tab."""

    def start(**limits: Any) -> str:
        return serve(demo=True, demo_speed=SPEED, backfill_minutes=0, panel_timeout_s=3, **limits).url

    return start


def complaints(page: Page) -> list[str]:
    """The console's messages without those of refused requests, which the browser logs."""
    page.console_may_complain = False
    return [each for each in page.complaints() if REFUSED not in each]


def test_a_limited_page_shows_a_banner_and_resumes(limited: Callable[..., str], page: Page) -> None:
    """It does not look live in between, and needs no reload."""
    page.open(QUERY, limited(update_rate=1))
    page.js(POLLS)
    page.wait(lambda: "Too many requests from your network" in page.text("#server-lost"), "the notice")
    content = "return getComputedStyle(document.querySelector('.feed-word'), '::before').content"
    assert page.js(content) == '"Paused"'
    assert float(page.style(".orderflow-panel", "opacity")) < 1
    before = page.footprint()
    page.wait(lambda: not page.text("#server-lost"), "it goes on")
    page.wait(lambda: page.footprint() != before, "new figures")
    assert complaints(page) == []
    page.console_may_complain = True


def test_a_click_on_a_limited_page_is_repeated(limited: Callable[..., str], page: Page) -> None:
    """A panel that is opened in the pause opens after it."""
    page.open("", limited(update_rate=1))
    page.wait(lambda: page.count(page.row("demo:BTCUSDT", "last")), "rows")
    page.js(POLLS)
    page.wait(lambda: page.text("#server-lost"), "the notice")
    page.click(page.row("demo:BTCUSDT", "last"))
    page.wait(lambda: page.count(".orderflow-panel"), "it opens", 25)
    assert complaints(page) == []
    page.console_may_complain = True


def test_a_limited_layout_is_retried(limited: Callable[..., str], page: Page) -> None:
    """The document is there, and requests its layout again."""
    url = limited()
    page.driver.execute_cdp_cmd(
        "Page.addScriptToEvaluateOnNewDocument",
        {
            "source": "const own = window.fetch; let refused = 0; window.fetch = (url, options) =>"
            " String(url).includes('_dash-layout') && !refused++"
            " ? Promise.resolve(new Response('', {status: 429, headers: {'Retry-After': '1'}}))"
            " : own(url, options); window.refusedParts = () => refused;"
        },
    )
    page.open("", url)
    page.wait(lambda: page.count(page.row("demo:BTCUSDT", "last")), "rows")
    assert page.js("return window.refusedParts()") == 2


def test_a_panel_over_the_limit_opens_when_another_closes(limited: Callable[..., str], page: Page) -> None:
    """The page names the limit before."""
    url = limited(max_panels_per_client=1)
    page.open(QUERY, url)
    page.wait(lambda: page.footprint(), "the first panel")
    first = page.driver.current_window_handle
    page.driver.switch_to.new_window("tab")
    page.open("exchange=demo&symbol=ETHUSDT", url)
    page.wait(lambda: "Panel limit per client (1) reached: " in page.text(".notice"), "why")
    assert "close one" in page.text(".notice")
    second = page.driver.current_window_handle
    page.driver.switch_to.window(first)
    page.close_modal()
    page.driver.switch_to.window(second)
    page.wait(lambda: page.count(".orderflow-panel"), "it opens")
    assert not page.count(".notice")
    page.driver.close()
    page.driver.switch_to.window(first)


def test_a_step_over_the_limit_shows_what_to_do(limited: Callable[..., str], page: Page) -> None:
    """The panel names the limit in its status, and is live again with another step."""
    url = limited(max_views=1)
    page.driver.get(f"{url}/compare?panel=demo:BTCUSDT:1m:0.5&panel=demo:BTCUSDT:1m:0.5")
    page.wait(lambda: len(page.texts(".orderflow-panel .feed-word")) == 2, "two panels of one view")
    page.wait(lambda: page.texts(".feed-word") == ["Live", "Live"], "live")
    page.click(".timeframe-choice .form-check:nth-child(2) label")
    page.wait(lambda: "View limit" in page.text(".feed-detail"), "why")
    page.wait(lambda: page.texts(".feed-word") == ["Disconnected", "Live"], "the other panel is live")
    page.click(".timeframe-choice .form-check:nth-child(1) label")
    page.wait(lambda: page.texts(".feed-word") == ["Live", "Live"], "live again")


def test_a_chart_over_the_socket_limit_names_it(limited: Callable[..., str], page: Page) -> None:
    """The rest of the panel is live, since it needs no socket."""
    url = limited(max_sockets=2)
    page.driver.get(f"{url}/compare?panel=demo:BTCUSDT:1m:0.5&panel=demo:ETHUSDT:1m:0.1")
    page.wait(lambda: page.texts(".feed-word") == ["Live", "Live"], "live")
    page.wait(
        lambda: "Socket limit per client (1) reached: " in " ".join(page.texts(".footprint-mount")),
        "the notice",
    )
