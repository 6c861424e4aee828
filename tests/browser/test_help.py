"""``/help`` in a real browser, and the labels that link it."""

from __future__ import annotations

import pytest
from selenium.webdriver.common.keys import Keys

from tests.browser.conftest import Page
from tests.browser.test_themes import brightness


def size(page: Page, width: int) -> None:
    """Set the width of the view, px."""
    view = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": False}
    page.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", view)


@pytest.mark.parametrize("theme", ["dark", "light"])
def test_help_has_the_chosen_theme_and_fits_every_width(page: Page, theme: str) -> None:
    """The theme of the app's pages, nothing wider than the screen, and no violation of its policy."""
    page.open()
    page.js("localStorage.setItem('theme', JSON.stringify(arguments[0]))", theme)
    page.driver.get(f"{page.root}/help#value-area")
    for css, is_ground in ((".help-page", True), (".help-head", True), ("#value-area", False)):
        name = "backgroundColor" if is_ground else "color"
        assert (brightness(page.style(css, name)) < 128) == (is_ground == (theme == "dark")), css
    for width in (1400, 420, 320):
        size(page, width)
        assert page.js("return document.documentElement.scrollWidth") <= width
    size(page, 1400)
    top = page.js("return document.querySelector('#value-area').getBoundingClientRect().top")
    assert 0 <= top <= 900


def test_help_works_without_scripts(page: Page) -> None:
    """It is complete and dark, and its links lead to their places."""
    page.driver.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": True})
    try:
        page.driver.get(f"{page.root}/help")
        page.click('.help-contents a[href="#absorption"]')
        assert page.driver.current_url.endswith("/help#absorption")
        assert page.texts("#absorption") == ["Absorption"]
        assert brightness(page.style(".help-page", "backgroundColor")) < 60
    finally:
        page.driver.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": False})


LABELS = {
    *("Step", "Units", "Imbalance ratio", "Imbalance from", "Zero opposite", "Value area by", "CVD from"),
    *("Sides", "Colors", "Lookback", "Table rows", "Cells", "Color by", "Scale", "Rows"),
    *("POC", "VAH", "VAL", "VWAP", "Bid", "Ask", "Delta", "CVD", "Min delta", "Max delta", "Imbalance"),
    *("Quality", "Price", "Level", "Volume", "n"),
    *("missing trades", "partial (started mid-candle)", "backfilled"),
    *("Help on Bid Vol", "Help on Ask Vol", "Help on Delta", "Help on CVD", "Help on Levels", "Help on Time"),
}

_LINKS = """
const panel = document.querySelector('.orderflow-panel');
return [...panel.querySelectorAll('a[href*="help#"]')].map((link) => [
  (link.getAttribute('aria-label') || link.innerText).replace(' (opens in a new tab)', '').trim(),
  link.getAttribute('href').split('#')[1],
])
"""


def test_every_label_of_a_panel_links_its_help(page: Page) -> None:
    """Settings, heads of both tables, profile, readout and marks, each to an existing place."""
    page.open("exchange=demo&symbol=BTCUSDT&tf=1m&step=0.5")
    page.wait(lambda: len(page.footprint()) > 1 and page.count(".footprint-readout"), "rows and chart")
    page.js(
        "document.querySelector('.panel-settings').open = true;"
        "[...document.querySelectorAll('.footprint-rows tr')].filter(r => r.querySelector('td'))[1].click()"
    )
    page.wait(lambda: page.count(".level-table td"), "levels")
    page.wait(lambda: page.count(".footprint-table th .help-over") == 6, "heads")
    links = page.js(_LINKS)
    assert {label for label, _ in links} >= LABELS
    page.driver.get(f"{page.root}/help")
    ids = set(page.js("return [...document.querySelectorAll('[id]')].map(e => e.id)"))
    assert {anchor for _, anchor in links} <= ids


def test_tab_moves_through_the_table(page: Page) -> None:
    """From a row to the next, and from the last row to whatever follows the table."""
    page.open("exchange=demo&symbol=BTCUSDT&rows=2")
    page.wait(lambda: page.count(".footprint-rows tr[tabindex]") == 2, "rows")
    page.js("document.querySelector('.footprint-rows tr[tabindex]').focus()")
    page.press(Keys.TAB)
    assert page.js("return document.activeElement.matches('.footprint-rows tr:last-child')")
    page.press(Keys.TAB)
    assert page.js("return !document.activeElement.closest('.footprint-rows')")


def test_a_table_head_s_link_follows_its_column(page: Page) -> None:
    """By the keyboard too; swapped sides keep their help."""
    page.open("exchange=demo&symbol=BTCUSDT&swap=1")
    page.wait(lambda: page.count(".footprint-table th .help-over") == 6, "heads")
    named = "return [...document.querySelectorAll('.help-over')].map(e => [e.ariaLabel, e.hash])"
    page.wait(lambda: page.js(named)[1][0].startswith("Help on Ask Vol"), "ask first")
    page.js("document.querySelector('.footprint-table th').parentElement.querySelector('a').focus()")
    page.press(Keys.TAB)
    assert page.js("return document.activeElement.ariaLabel").startswith("Help on Ask Vol")
    panel = page.js("return document.querySelector('.orderflow-panel').dataset.panel")
    swap = {"type": "panel-option", "panel": panel, "option": "swap"}
    page.js("dash_clientside.set_props(arguments[0], {value: '0'})", swap)
    page.wait(lambda: page.js(named)[1][0].startswith("Help on Bid Vol"), "and back")
