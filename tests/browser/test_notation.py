"""Short amounts and units: the one notation of the page, in the browser."""

from __future__ import annotations

import re

import pytest

from tests.browser.conftest import Page


def test_money_is_short_in_the_symbol_table(page: Page) -> None:
    """Three significant digits and a letter; a dash without a figure."""
    page.open("")
    table = "return arguments[0].map((value) => window.dashAgGridFunctions.compact(value))"
    assert page.js(table, [1234.5, 2.5e9, 1e12, 0, None]) == ["1.23k", "2.50B", "1.00T", "0", "–"]


def test_the_cvd_axis_has_the_server_s_labels(page: Page) -> None:
    """Plotly adds no letters of its own."""
    page.open("exchange=demo&symbol=1000PEPEUSDT&units=quote")
    page.wait(lambda: page.chart()[0], "a first candle")
    page.wait(lambda: page.count(".cvd-chart .ytick text"), "the axis")
    drawn = "return [...document.querySelectorAll('.cvd-chart .ytick text')].map((each) => each.textContent)"
    for text in page.js(drawn):
        assert re.fullmatch("−?[0-9.,]+[kMBT]?", text)


@pytest.mark.parametrize(("units", "unit"), [("quote", "USDT"), ("base", "BTC")])
def test_all_parts_of_a_panel_have_one_unit(page: Page, units: str, unit: str) -> None:
    """CVD, profile, footprint chart and table name it, and no other."""
    page.open(f"exchange=demo&symbol=BTCUSDT&units={units}")
    page.wait(lambda: page.chart()[0], "a first candle")
    page.wait(lambda: page.count(".footprint-readout dd"), "the readout")
    notes = " | ".join(page.texts(".section-note"))
    assert notes.count(f"in {unit}") == 4
    shown = page.js(
        "const items = document.querySelectorAll('.footprint-readout dl:first-child > div:not([hidden])');"
        "return Object.fromEntries([...items]"
        ".map((item) => [item.querySelector('dt').textContent, item.querySelector('dd').textContent]))"
    )
    path = [shown[name] for name in ("Min delta", "Max delta", "CVD") if name in shown]
    if units == "quote":
        assert path == []
        assert re.fullmatch("[0-9.]+[kMBT]?", shown["Volume"])
    else:
        assert len(path) == 3
        assert "–" not in path
