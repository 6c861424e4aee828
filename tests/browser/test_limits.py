"""What the page says, and does, where a limit is reached."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tests.browser.conftest import SPEED, Page
from tests.conftest import Served

QUERY = "exchange=demo&symbol=BTCUSDT&tf=1m&step=0.5"
REFUSED = "429 (TOO MANY REQUESTS)"


@pytest.fixture
def limited(serve: Callable[..., Served]) -> Callable[..., str]:
    """Starts an app with limits of its own; where it is. Named before ``page``, it outlives the tab."""

    def start(**limits: Any) -> str:
        return serve(demo=True, demo_speed=SPEED, history=0, lease=3, **limits).url

    return start


def complaints(page: Page) -> list[str]:
    """What the console was told, but for the refusals, which the browser itself tells."""
    page.console_may_complain = False
    return [each for each in page.complaints() if REFUSED not in each]


def test_a_page_that_asks_too_often_says_so_and_goes_on(limited: Callable[..., str], page: Page) -> None:
    """It does not look live meanwhile, and nobody has to reload it."""
    page.open(QUERY, limited(callback_rate=1))
    page.wait(lambda: "Too many requests from your network" in page.text("#server-lost"), "the notice")
    content = "return getComputedStyle(document.querySelector('.feed-word'), '::before').content"
    assert page.js(content) == '"Paused"'
    assert float(page.style(".orderflow-panel", "opacity")) < 1
    before = page.footprint()
    page.wait(lambda: not page.text("#server-lost"), "it goes on")
    page.wait(lambda: page.footprint() != before, "new figures")
    assert complaints(page) == []
    page.console_may_complain = True


def test_what_a_person_does_meanwhile_is_done_later(limited: Callable[..., str], page: Page) -> None:
    """A panel that is opened while the page is refused opens when it may."""
    page.open("", limited(callback_rate=1))
    page.wait(lambda: page.count(page.row("demo:BTCUSDT", "last")), "rows")
    page.js(
        "for (let n = 0; n < 12; n += 1) dash_clientside.set_props('page-interval', {n_intervals: 900 + n})"
    )
    page.wait(lambda: page.text("#server-lost"), "the notice")
    page.click(page.row("demo:BTCUSDT", "last"))
    page.wait(lambda: page.count(".orderflow-panel"), "it opens", 25)
    assert complaints(page) == []
    page.console_may_complain = True


def test_a_page_whose_parts_are_refused_comes_later(limited: Callable[..., str], page: Page) -> None:
    """The document is there, its layout is asked for again."""
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


def test_a_panel_too_many_says_what_to_do_and_opens_once_it_may(
    limited: Callable[..., str], page: Page
) -> None:
    """The page names the bound; closing another panel lets it open by itself."""
    url = limited(max_panels_per_client=1)
    page.open(QUERY, url)
    page.wait(lambda: page.footprint(), "the first panel")
    first = page.driver.current_window_handle
    page.driver.switch_to.new_window("tab")
    page.open("exchange=demo&symbol=ETHUSDT", url)
    page.wait(lambda: "Limit reached: 1 panels per client." in page.text(".notice"), "why")
    assert "Close one" in page.text(".notice")
    second = page.driver.current_window_handle
    page.driver.switch_to.window(first)
    page.close_modal()
    page.driver.switch_to.window(second)
    page.wait(lambda: page.count(".orderflow-panel"), "it opens by itself")
    assert not page.count(".notice")
    page.driver.close()
    page.driver.switch_to.window(first)


def test_a_step_too_many_says_what_to_do(limited: Callable[..., str], page: Page) -> None:
    """The panel that asks for a view beyond the bound says so in its status, and lives again with another."""
    url = limited(max_views=1)
    page.driver.get(f"{url}/compare?panel=demo:BTCUSDT:1m:0.5&panel=demo:BTCUSDT:1m:0.5")
    page.wait(lambda: len(page.texts(".orderflow-panel .feed-word")) == 2, "two panels of one view")
    page.wait(lambda: page.texts(".feed-word") == ["Live", "Live"], "live")
    page.click(".timeframe-choice .form-check:nth-child(2) label")
    page.wait(lambda: "Limit reached: 1 views" in page.text(".feed-detail"), "why")
    assert page.texts(".feed-word") == ["Disconnected", "Live"]
    page.click(".timeframe-choice .form-check:nth-child(1) label")
    page.wait(lambda: page.texts(".feed-word") == ["Live", "Live"], "live again")


def test_a_chart_without_a_place_on_the_socket_says_so(limited: Callable[..., str], page: Page) -> None:
    """Its notice names the bound; the rest of the panel lives, for it needs no socket."""
    url = limited(max_sockets=2)
    page.driver.get(f"{url}/compare?panel=demo:BTCUSDT:1m:0.5&panel=demo:ETHUSDT:1m:0.1")
    page.wait(lambda: page.texts(".feed-word") == ["Live", "Live"], "live")
    page.wait(
        lambda: "Limit reached: 1 sockets per client." in " ".join(page.texts(".footprint-mount")),
        "the notice",
    )
