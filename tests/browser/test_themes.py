"""The dark and the light theme."""

from __future__ import annotations

import re

import pytest

from tests.browser.conftest import Page


def brightness(color: str) -> float:
    """0 for black to 255 for white, of a CSS color as the browser computes it."""
    return sum(float(part) for part in re.findall(r"[\d.]+", color)[:3]) / 3


GROUNDS = (
    "body",
    ".symbol-table .ag-root-wrapper",
    ".symbol-table .ag-header",
    ".modal-content",
    ".page-head",
)


@pytest.mark.parametrize("theme", ["dark", "light"])
def test_every_part_has_the_theme(page: Page, theme: str) -> None:
    """Grounds, texts and the chart's own colors."""
    page.open("exchange=demo&symbol=BTCUSDT")
    page.js("localStorage.setItem('theme', JSON.stringify(arguments[0]))", theme)
    page.driver.refresh()
    page.wait(lambda: page.footprint() and page.chart()[0], "a first candle")
    is_dark = theme == "dark"
    for css in GROUNDS:
        assert (brightness(page.style(css, "backgroundColor")) < 60) == is_dark, css
    for css in (
        ".footprint-table td",
        ".footprint-table th",
        ".symbol-name",
        ".control-select",
        ".panel-last",
    ):
        assert (brightness(page.style(css, "color")) > 128) == is_dark, css
    line = page.js("return document.querySelector('.cvd-chart .js-plotly-plot').data[0].line.color")
    assert line in ({"#36c48f", "#f46a78"} if is_dark else {"#08704a", "#bb2233"})


def test_the_theme_is_stored_and_applied_to_a_live_chart(page: Page) -> None:
    """Dark at first; the switch changes page and chart; a reload keeps it."""
    page.open()
    assert page.js("return document.documentElement.dataset.bsTheme") == "dark"
    page.click("#theme-switch")
    page.wait(lambda: page.js("return document.documentElement.dataset.bsTheme") == "light", "light")
    page.open("exchange=demo&symbol=BTCUSDT")
    assert page.js("return document.documentElement.dataset.bsTheme") == "light"
    page.wait(lambda: page.chart()[0], "a first candle")
    page.js("dash_clientside.set_props('theme', {data: 'dark'})")
    page.wait(
        lambda: (
            page.js("return document.querySelector('.cvd-chart .js-plotly-plot').data[0].line.color")
            in {"#36c48f", "#f46a78"}
        ),
        "the chart follows",
    )
