"""``/help`` in a real browser."""

from __future__ import annotations

import pytest

from .conftest import Page
from .test_themes import brightness


def size(page: Page, width: int) -> None:
    """Make the view so wide, in px."""
    view = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": False}
    page.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", view)


@pytest.mark.parametrize("theme", ["dark", "light"])
def test_help_wears_the_chosen_theme_and_fits_every_width(page: Page, theme: str) -> None:
    """The theme of the app's own pages, nothing wider than the screen, and no complaint of its policy."""
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


def test_help_holds_without_scripts(page: Page) -> None:
    """With scripts off it is whole, dark, and its links lead to their places."""
    page.driver.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": True})
    try:
        page.driver.get(f"{page.root}/help")
        page.click('.help-contents a[href="#absorption"]')
        assert page.driver.current_url.endswith("/help#absorption")
        assert page.texts("#absorption") == ["Absorption"]
        assert brightness(page.style(".help-page", "backgroundColor")) < 60
    finally:
        page.driver.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": False})
