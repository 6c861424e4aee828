"""No text of the page is cut, on a wide screen or on a narrow one."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import pytest

from orderflow_dash.market import Quality
from tests.browser.conftest import Page
from tests.browser.footprint_page import ChartPage, Source, candle

pytestmark = pytest.mark.long

PANEL = "exchange=demo&symbol=BTCUSDT&tf=1m&step=0.5"
PARTS = (
    ".panel-head *",
    ".section-head *",
    ".footprint-readout div",
    ".footprint-readout dd",
    ".level-head *",
    ".level-table th",
    ".level-table td",
    ".footprint-table th",
    ".footprint-table td",
    ".profile-figures *",
)

# Texts of elements that are cut at their own edge.
_CUT = """
const hides = (e) => ['hidden', 'clip', 'auto', 'scroll'].includes(getComputedStyle(e).overflowX);
const isCut = (e) => e.offsetParent && e.innerText.trim() && e.scrollWidth > e.clientWidth + 1 && hides(e);
return [...document.querySelectorAll(arguments[0])].filter(isCut).map((e) => `${e.className}: ${e.innerText}`)
"""


@pytest.fixture(params=[1400, 420])
def sized(page: Page, request: pytest.FixtureRequest) -> Iterator[Page]:
    """A page of a width in px."""
    metrics = {"width": request.param, "height": 1600, "deviceScaleFactor": 1, "mobile": False}
    page.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
    yield page
    page.driver.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})


def cut(page: Page, parts: Sequence[str]) -> list[str]:
    """The texts that are cut."""
    texts: list[str] = page.js(_CUT, ", ".join(parts))
    return texts


def test_no_figure_or_heading_of_the_panel_is_cut(sized: Page) -> None:
    """With the levels of a candle open."""
    sized.open(PANEL)
    sized.wait(lambda: len(sized.footprint()) > 1 and sized.count(".footprint-readout"), "rows and chart")
    sized.js(
        "[...document.querySelectorAll('.footprint-rows tr')].filter(r => r.querySelector('td'))[1].click()"
    )
    sized.wait(lambda: sized.count(".level-table td"), "levels")
    assert cut(sized, PARTS) == []
    assert sized.js("return document.querySelector('.orderflow-panel').scrollWidth") <= sized.js(
        "return document.querySelector('.orderflow-panel').clientWidth"
    )


@pytest.mark.parametrize("quality", list(Quality))
def test_the_readout_s_texts_fit_their_places(page: Page, quality: Quality) -> None:
    """A word for the open candle, whatever its quality, and a row with both its prices."""
    chart = ChartPage(page)
    levels = [(1_234_567 - level, 123_456, 654_321, 12_345) for level in range(300)]
    chart.mount([Source().snapshot(candle(0, levels, quality=quality, closed=False))], size=(398, 560))
    chart.keys("h", "k")
    assert page.texts(".footprint-readout dd")[0].endswith(" open")
    assert " to " in page.texts(".footprint-readout dl + dl dd")[0]
    assert cut(page, (".footprint-readout div", ".footprint-readout dd")) == []
    page.js("window.chart.destroy()")


@pytest.mark.parametrize("width", [1366, 420])
def test_long_figures_have_room_in_the_readout(page: Page, width: int) -> None:
    """Deltas of millions to the last thousandth."""
    chart = ChartPage(page)
    levels = [(1_234_567, 3_754_380_123, 1_000, 12_345)]
    chart.mount([Source().snapshot(candle(0, levels))], size=(width, 700))
    assert "−3,754,379.123" in page.texts(".footprint-readout dd")
    assert cut(page, (".footprint-readout div", ".footprint-readout dd")) == []
    page.js("window.chart.destroy()")


def test_symbols_and_their_pairs_are_not_cut(sized: Page) -> None:
    """The longest names too."""
    sized.open()
    sized.wait(lambda: "BABYDOGEUSDT" in sized.texts(".symbol-name"), "rows")
    sized.wait(
        lambda: cut(sized, (".symbol-name", ".symbol-pair", ".symbol-link")) == [],
        "the column is wide enough",
    )


def test_negative_figures_have_one_sign_everywhere(page: Page) -> None:
    """A minus as wide as the plus, in tables, chart and readout; never a hyphen."""
    page.open(PANEL)
    page.wait(lambda: len(page.footprint()) > 4 and page.count(".footprint-readout"), "rows and chart")
    page.wait(lambda: any("−" in cell for row in page.footprint() for cell in row), "a figure below zero")
    shown = page.js(
        "const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT); const texts = [];"
        "while (walker.nextNode()) texts.push(walker.currentNode.data);"
        "return texts.filter((text) => /(^|[^\\\\d\\\\w:-])-\\\\d/.test(text))"
    )
    assert shown == []
