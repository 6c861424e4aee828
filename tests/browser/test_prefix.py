"""The pages and their links under a path prefix."""

from __future__ import annotations

from collections.abc import Iterator
from urllib.parse import urlsplit

import pytest

from tests.browser.conftest import SPEED, Page
from tests.conftest import UNREACHABLE, Served

QUERY = "exchange=demo&symbol=BTCUSDT&tf=1m&step=0.5"


@pytest.fixture(scope="module")
def root() -> Iterator[str]:
    """The root of an app under ``/flow``."""
    served = Served(**UNREACHABLE, prefix="/flow/", demo=True, demo_speed=SPEED, lease=3, history=0)
    yield f"{served.url}/flow"
    served.stop()


def test_a_panel_is_live_under_the_prefix(page: Page, root: str) -> None:
    """Callbacks refresh it, the socket feeds its footprint chart, and the address bar keeps the prefix."""
    page.open(QUERY, root)
    page.wait(lambda: len(page.footprint()) > 1, "candles")
    before = page.footprint()[0]
    page.wait(lambda: page.footprint()[0] != before, "it moves")
    chart = ".footprint-mount [aria-label^='Footprint of BTCUSDT']"
    page.wait(
        lambda: "Last candle" in page.js(
            "const chart = document.querySelector(arguments[0]); return chart ? chart.ariaLabel : ''", chart
        ),
        "the chart has its feed",
    )  # fmt: skip
    assert urlsplit(page.driver.current_url).path == "/flow/"


def test_shared_links_have_the_prefix(page: Page, root: str) -> None:
    """Link, snippet, comparison and exports, on each page that has the menu."""
    for path in (f"?{QUERY}", "compare?panel=demo:BTCUSDT:1m:0.5"):
        page.driver.get(f"{root}/{path}")
        page.wait(lambda: page.count(".panel-share"), "a panel")
        link, snippet = page.js(
            "return ['.share-link input', '.share-embed textarea'].map(e => document.querySelector(e).value)"
        )
        assert link.startswith(f"{root}/?exchange=demo")
        assert f'src="{root}/embed?exchange=demo' in snippet
        hrefs = page.js("return [...document.querySelectorAll('.share-links a')].map(a => a.href)")
        assert [href.partition("?")[0] for href in hrefs] == [
            f"{root}/compare",
            *[f"{root}/api/export.csv"] * 2,
        ]


def test_links_stay_under_the_prefix(page: Page, root: str) -> None:
    """Help, comparison and front page, from each page; a trailing slash does no harm."""
    page.open("", root)
    links = "return [...document.querySelectorAll('a.head-link, a.home-link, a.help-link')].map(a => a.href)"
    assert {f"{root}/help", f"{root}/compare"} <= set(page.js(links))
    page.driver.get(f"{root}/compare/?panel=demo:BTCUSDT:1m:0.5")
    page.wait(lambda: page.count(".orderflow-panel .help-link"), "a panel")
    found = set(page.js(links))
    assert f"{root}/" in found
    assert f"{root}/help#cvd" in found
    page.click(".home-link")
    page.wait(lambda: page.count(".symbol-table"), "the front page")
    assert page.driver.current_url == f"{root}/"
    page.driver.get(f"{root}/help")
    page.click(".help-home")
    page.wait(lambda: page.count(".symbol-table"), "the front page")
