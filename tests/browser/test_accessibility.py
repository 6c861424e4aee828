"""Contrast, names, focus and motion, measured in the browser."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from selenium.webdriver.common.keys import Keys

from tests.browser.conftest import Page

pytestmark = pytest.mark.long

AUDIT = (Path(__file__).parent / "page_audit.js").read_text()
CONTRAST = "return window.audit.chartContrast(module.readColors, arguments[0])"
VIEW = "exchange=demo&symbol=BTCUSDT&tf=1m&step=0.5"
PAGES = {
    "front": "/",
    "modal": f"/?{VIEW}&rows=many",
    "embed": f"/embed?{VIEW}&palette=blue-orange&theme={{theme}}",
    "compare": "/compare?panel=demo:BTCUSDT:1m:0.5&panel=demo:NOSUCH&panel=::::",
    "compare, empty": "/compare",
    "help": "/help",
}
CONTROLS = {
    *("button", "link", "textbox", "searchbox", "combobox", "checkbox", "radio", "spinbutton", "slider"),
    *("dialog", "menuitem", "tab", "switch", "listbox", "DisclosureTriangle"),
}
STOPS = 100  # more than any page has

_UNFOLDED = """
for (const panel of document.querySelectorAll('.orderflow-panel')) {
  for (const part of panel.querySelectorAll('details')) part.open = true;
  [...panel.querySelectorAll('.footprint-rows tr')].find((row) => row.querySelector('td')).click();
}
"""


def visited(page: Page, name: str, theme: str = "dark") -> None:
    """Load a page in a theme, unfolded, with the audit's script."""
    page.driver.get(f"{page.root}/help")
    page.js("localStorage.setItem('theme', JSON.stringify(arguments[0]))", theme)
    page.driver.get(page.root + PAGES[name].format(theme=theme))
    page.wait(lambda: page.count("h1"), "the page")
    if name == "front":
        page.wait(lambda: page.count(".symbol-name") > 5, "rows")
    if name in ("modal", "embed", "compare"):
        page.wait(lambda: page.footprint() and page.chart()[0], "a candle")
        page.wait(lambda: page.count(".footprint-rows tr[tabindex] td") and page.count(".footprint-readout"))
        page.js(_UNFOLDED)
        page.wait(lambda: page.count(".level-table td"), "levels")
        page.wait(lambda: page.count(".export-candles[href]"), "links to share")
    page.js(AUDIT)


@pytest.fixture
def at_ease(page: Page) -> Iterator[Page]:
    """A page of a browser that prefers reduced motion."""
    feature = {"name": "prefers-reduced-motion", "value": "reduce"}
    page.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [feature]})
    yield page
    page.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": []})


@pytest.mark.parametrize("theme", ["dark", "light"])
@pytest.mark.parametrize("name", PAGES)
def test_every_text_has_enough_contrast(page: Page, name: str, theme: str) -> None:
    """WCAG AA: 4.5 to 1, or 3 to 1 for large text, in the colors that the browser computed."""
    visited(page, name, theme)
    assert page.js("return document.documentElement.dataset.bsTheme") == theme
    assert page.js("return window.audit.faintTexts()") == []


@pytest.mark.parametrize("theme", ["dark", "light"])
def test_the_chart_s_texts_have_enough_contrast(page: Page, theme: str) -> None:
    """On every shade and ground, in both palettes."""
    visited(page, "modal", theme)
    for palette in ("red-green", "blue-orange"):
        assert page.module("chart/paint/colors.mjs", CONTRAST, palette) >= 4.5


@pytest.mark.parametrize("name", PAGES)
def test_every_control_has_a_name(page: Page, name: str) -> None:
    """As the browser exposes it to a screen reader; dialogs too."""
    visited(page, name)
    tree = page.driver.execute_cdp_cmd("Accessibility.getFullAXTree", {})["nodes"]
    roles = [node["role"]["value"] for node in tree if not node["ignored"]]
    assert set(roles) & CONTROLS
    unnamed = [
        (node["role"]["value"], [each["name"] for each in node.get("properties", [])])
        for node in tree
        if not node["ignored"]
        and node["role"]["value"] in CONTROLS
        and not node.get("name", {}).get("value", "").strip()
    ]
    assert unnamed == []


def stops(page: Page, most: int = STOPS) -> list[dict[str, Any]]:
    """The tab stops from the focus on, until it leaves the page."""
    found = []
    for _ in range(most):
        page.press(Keys.TAB)
        stop = page.js("return window.audit.focused()")
        if stop is None:
            return found
        found.append(stop)
    return found


@pytest.mark.parametrize("name", PAGES)
def test_the_focus_is_visible_and_moves_in_order(page: Page, name: str) -> None:
    """Each tab stop is marked, and follows the one before it on the page."""
    visited(page, name)
    found = stops(page)
    assert found
    assert [stop["name"] for stop in found if not stop["mark"]] == []
    assert [stop["name"] for stop in found if not stop["isAfter"]] == []


def test_the_modal_traps_and_restores_the_focus(page: Page) -> None:
    """Opened by the keyboard, it keeps Tab inside; closed, the row has the focus again."""
    visited(page, "front")
    page.press("/", Keys.ARROW_DOWN)
    at = "const e = document.activeElement.closest('.ag-row'); return e && e.getAttribute('row-id')"
    page.wait(lambda: page.js(at), "a row")
    row = page.js(at)
    page.press(Keys.ENTER)
    page.wait(lambda: page.count(".footprint-rows tr[tabindex]"), "the modal")
    page.wait(lambda: page.js("return !!document.activeElement.closest('.modal')"), "it has the focus")
    found = stops(page)
    assert len(found) > 20
    assert all(stop["inModal"] for stop in found)
    page.press(Keys.TAB)  # from the end of the page into it again
    page.wait(lambda: page.js("return !!document.activeElement.closest('.modal')"), "back in the modal")
    page.close_modal()
    page.wait(lambda: page.js(at) == row, "the row has the focus again")


def test_timeframes_are_one_tab_stop_with_arrow_keys(page: Page) -> None:
    """As in every radio group."""
    visited(page, "modal")
    page.js("document.querySelector('.timeframe-choice input:checked').focus()")
    page.press(Keys.ARROW_RIGHT)
    page.wait(lambda: page.query["tf"] == "5m", "the next one")
    page.press(Keys.TAB)
    assert not page.js("return !!document.activeElement.closest('.timeframe-choice')")


@pytest.mark.parametrize("name", PAGES)
def test_reduced_motion_stops_all_motion(at_ease: Page, name: str) -> None:
    """No animation and no transition of any element."""
    visited(at_ease, name)
    assert at_ease.js("return window.audit.moving()") == []
