"""Pre-market contracts are marked wherever they are named."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from orderflow_dash.market import Venue
from tests.browser.conftest import Page
from tests.conftest import Served, wait_until
from tests.feeds.scripted_venue import ScriptedVenue

AUDIT = (Path(__file__).parent / "page_audit.js").read_text()
AUCTION = {"curAuctionPhase": "ContinuousTrading"}


@pytest.fixture
def early(page: Page, serve: Callable[..., Served]) -> Iterator[Served]:
    """The application on Bybit with a regular and a pre-market contract."""
    with ScriptedVenue() as venue:
        venue.list(Venue.BYBIT, "BTCUSDT")
        venue.list(Venue.BYBIT, "BPUSDT", "PreLaunch", preListingInfo=AUCTION)
        served = serve(**{name: value for name, value in venue.settings.items() if "bybit" in name})
        wait_until(lambda: served.health("bybit")["reachable"])
        yield served
        page.driver.get("about:blank")  # an open page would miss its server


@pytest.mark.parametrize("theme", ["dark", "light"])
def test_a_pre_market_contract_is_marked_in_row_and_panel(page: Page, early: Served, theme: str) -> None:
    """By words, not only a color, with enough contrast."""
    page.open(root=early.url)
    page.js("localStorage.setItem('theme', JSON.stringify(arguments[0]))", theme)
    page.open(root=early.url)
    page.wait(lambda: page.count(page.row("bybit:BPUSDT", "symbol")), "rows")
    assert page.text(f"{page.row('bybit:BPUSDT', 'venue_name')} .pre-market-badge") == "Pre-market"
    assert page.count(".symbol-table .pre-market-badge") == 1
    page.click(page.row("bybit:BPUSDT", "last"))
    page.wait(lambda: page.count(".orderflow-panel"), "open")
    assert page.text(".panel-title .pre-market-badge") == "Pre-market"
    page.js(AUDIT)
    assert page.js("return document.documentElement.dataset.bsTheme") == theme
    assert page.js("return window.audit.faintTexts()") == []


def test_a_regular_contract_is_not_marked(page: Page, early: Served) -> None:
    """Neither in its row nor in its panel."""
    page.open("exchange=bybit&symbol=BTCUSDT", root=early.url)
    page.wait(lambda: page.count(".orderflow-panel"), "open")
    assert page.count(".panel-title .pre-market-badge") == 0


def test_the_search_finds_pre_market_contracts(page: Page, early: Served) -> None:
    """By the word on the badge."""
    page.open(root=early.url)
    page.wait(lambda: page.count(page.row("bybit:BTCUSDT", "symbol")), "rows")
    page.click("#symbol-search")
    page.press("pre-market")
    page.wait(lambda: not page.count(page.row("bybit:BTCUSDT", "symbol")), "the search")
    assert page.count(page.row("bybit:BPUSDT", "symbol"))
