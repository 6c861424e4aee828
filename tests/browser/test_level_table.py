"""A click on a row opens that candle's levels."""

from __future__ import annotations

import json
from decimal import Decimal

from selenium.webdriver.common.keys import Keys

from tests.browser.conftest import Page
from tests.conftest import Served

PANEL = "exchange=demo&symbol=BTCUSDT&tf=1m&step=0.5"
ROWS = (
    "return [...document.querySelectorAll('.level-table tbody tr')]"
    ".map(r => [...r.cells].slice(0, 5).map(c => c.textContent.replace(/[▸, ]/g, '').replace('−', '-')))"
)


def levels(page: Page) -> list[list[str]]:
    """Price, bid, ask, delta and n of the rows, high to low."""
    return page.js(ROWS)


def opened(page: Page, row: int, query: str = PANEL) -> str:
    """Open the levels of a row, 0 the newest; its open time."""
    page.open(query)
    page.wait(lambda: len(page.footprint()) > row, "rows")
    page.js(
        "[...document.querySelectorAll('.footprint-rows tr')].filter(r => r.querySelector('td'))"
        "[arguments[0]].click()",
        row,
    )
    page.wait(lambda: levels(page), "levels")
    return page.query["candle"]


def test_a_closed_candle_s_levels_equal_the_socket_s(page: Page, market: Served) -> None:
    """Every level, every figure, and they stay while the market moves."""
    open_ts = opened(page, 1)
    query = {"exchange": "demo", "symbol": "BTCUSDT", "tf": "1m", "step": "0.5", "lookback": 30}
    with market.socket(**query) as client:
        while (message := json.loads(client.recv(10), parse_float=Decimal))["type"] != "snapshot":
            pass
    sent = next(candle for candle in message["candles"] if str(candle["open_ts"]) == open_ts)
    expected = [
        [level["p"], level["bid"], level["ask"], level["ask"] - level["bid"], level["n"]]
        for level in sent["levels"]
    ]
    assert [[Decimal(cell) for cell in row] for row in levels(page)] == expected
    assert Decimal(page.text(".level-table tr.is-poc .level-price").replace(",", "")) == sent["poc"]
    before, newest = levels(page), page.footprint()[0]
    page.wait(lambda: page.footprint()[0] != newest, "the market goes on")
    assert levels(page) == before
    assert "closed" in page.text(".level-note")


def test_the_newest_candle_s_levels_are_live(page: Page) -> None:
    opened(page, 0, PANEL.replace("1m", "1h"))
    before = levels(page)
    page.wait(lambda: levels(page) != before, "a level moves")


def test_the_open_candle_is_in_the_address(page: Page) -> None:
    """A reload and a shared link show the same levels; the row is marked."""
    opened(page, 2)
    before = levels(page)
    page.driver.refresh()
    page.wait(lambda: levels(page), "levels")
    assert levels(page) == before
    page.click(".level-close")
    page.wait(lambda: "candle" not in page.query, "the address forgets it")
    page.wait(lambda: not page.text(".level-table"), "closed")


def test_the_keyboard_opens_and_closes_levels(page: Page) -> None:
    """Enter on a row opens, the arrows go from row to row, Escape closes the levels and then the panel."""
    page.open(PANEL)
    page.wait(lambda: len(page.footprint()) > 3, "rows")
    page.wait(lambda: page.count(".footprint-rows tr[tabindex='0']") > 3, "rows take the focus")
    page.js("document.querySelector(\".footprint-rows tr[tabindex='0']\").focus()")
    page.press(Keys.ARROW_DOWN)
    page.press(Keys.ENTER)
    page.wait(lambda: levels(page), "levels")
    page.press(Keys.ESCAPE)
    page.wait(lambda: not levels(page), "closed")
    assert page.count(".orderflow-panel")
    assert page.js("return document.activeElement.matches('.footprint-rows tr')")
    page.close_modal()


def test_another_timeframe_closes_the_levels(page: Page) -> None:
    """A candle belongs to its timeframe."""
    opened(page, 1)
    page.click(".timeframe-choice .form-check:nth-child(2) label")
    page.wait(lambda: page.query.get("tf") == "5m" and "candle" not in page.query, "the address")
    page.wait(lambda: not levels(page), "closed")
