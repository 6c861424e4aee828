"""Rows of the footprint chart: readable at the default step, with exact sums."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from tests.browser.conftest import Page
from tests.browser.footprint_page import ChartPage, Source, candle
from tests.candles import Row

TALL: list[Row] = [(1_000 - level, 1 + level % 7, 2 + level % 5, 3) for level in range(200)]
TICK = Decimal("0.1")

_HOVER = """
const stage = document.querySelector('.footprint-stage');
const {left, top} = stage.getBoundingClientRect();
const [x, y] = arguments;
stage.dispatchEvent(new PointerEvent('pointermove', {clientX: left + x, clientY: top + y, bubbles: true}));
return window.chart.readout()
"""


@pytest.fixture
def tall(chart: ChartPage) -> ChartPage:
    """A chart of three candles with 200 levels each: two pixels a level."""
    chart.mount([Source().snapshot(*(candle(number, TALL) for number in range(3)))])
    return chart


def rows_word(chart: ChartPage) -> str:
    """The chart's label of its rows."""
    return chart.page.text(".footprint-rows-held:not([hidden])")


def ladder(low: Decimal, high: Decimal) -> dict[str, int]:
    """Sums of the levels from low to high, in lots and trades."""
    held = [row for row in TALL if low <= row[0] * TICK <= high]
    return {name: sum(row[place] for row in held) for place, name in enumerate(("bid", "ask", "n"), 1)}


def test_the_default_step_opens_readable_with_all_in_sight(page: Page) -> None:
    """BTC at step 0.5: figures are readable, and the rows are labeled."""
    page.open("exchange=demo&symbol=BTCUSDT")
    page.wait(lambda: page.query.get("step") == "0.5", "the default step")
    page.wait(lambda: len(page.footprint()) >= 3, "candles")
    page.wait(lambda: "Rows of" in page.text(".footprint-rows-held"), "rows hold several levels")
    assert page.text(".footprint-rows-held").endswith("× 0.5")
    assert page.query == {"exchange": "demo", "symbol": "BTCUSDT", "tf": "1m", "step": "0.5"}
    page.click(".footprint-rows-held")
    page.wait(lambda: page.query.get("group") == "0", "every level is a choice that the address names")
    page.wait(lambda: page.text(".footprint-rows-held") == "Group rows", "and the way back")


def test_rows_fit_text_and_name_their_levels(tall: ChartPage) -> None:
    """With as few levels as possible; a key shows every level, and the same key groups them again."""
    shown = tall.visible()
    assert shown["levelsPerRow"] == 10
    assert rows_word(tall) == "Rows of 1 = 10 × 0.1"
    assert shown["painted"]["textSize"] >= 8
    assert (shown["price"], shown["candles"]) == ("fit", 3)
    assert Decimal(shown["highest"]) >= TALL[0][0] * TICK
    assert Decimal(shown["lowest"]) <= TALL[-1][0] * TICK
    tall.keys("e")
    assert (tall.visible()["levelsPerRow"], tall.painted("textSize")) == (1, 0)
    assert rows_word(tall) == "Group rows"
    tall.keys("e")
    assert rows_word(tall) == "Rows of 1 = 10 × 0.1"


def test_a_hovered_row_is_the_sum_of_its_levels(tall: ChartPage) -> None:
    """At every height the readout names the row and its sums; the candle's figures stay."""
    shown = tall.visible()
    highest, lowest = Decimal(shown["highest"]), Decimal(shown["lowest"])
    seen: dict[str, Any] = {}
    for y in range(5, 400, 10):
        readout = tall.page.js(_HOVER, 700, y)
        level = readout and readout["level"]
        if not level:
            break
        low, high = Decimal(level["p"]), Decimal(level["to"])
        assert high - low == 9 * TICK
        assert low % 1 == 0
        sums = ladder(low, high)
        assert {name: Decimal(level[name]) for name in ("bid", "ask")} == {
            name: sums[name] * Decimal("0.001") for name in ("bid", "ask")
        }
        assert level["n"] == sums["n"]
        seen[level["p"]] = low
        assert (readout["poc"], readout["high"], readout["low"]) == ("100.0", "100.0", "80.1")
    assert len(seen) >= 15
    assert list(seen.values()) == sorted(seen.values(), reverse=True)
    assert all(lowest - 1 <= low <= highest for low in seen.values())


def test_the_pointer_s_price_is_the_axis_price(tall: ChartPage) -> None:
    """The row under the pointer holds the price at that height, wherever rows start."""
    for _ in range(3):
        shown = tall.visible()
        height = tall.page.js(
            "return document.querySelector('.footprint-stage').clientHeight - 20 - 8 * 15"
        )  # the axis of time and eight rows of statistics
        top, bottom = Decimal(shown["highest"]), Decimal(shown["lowest"])
        for y in (60, 150, 260, 333):
            level = tall.page.js(_HOVER, 700, y)["level"]
            price = top - (top - bottom) * Decimal(y) / Decimal(height)
            low, high = Decimal(level["p"]), Decimal(level["to"] or level["p"])
            assert low - 2 * TICK <= price <= high + 2 * TICK
        tall.keys("]")


def test_zooming_in_ends_at_single_levels(tall: ChartPage) -> None:
    """Rows hold fewer levels step by step; one key fits all prices again."""
    held = [tall.visible()["levelsPerRow"]]
    while held[-1] > 1:
        tall.keys("]")
        held.append(tall.visible()["levelsPerRow"])
    assert sorted(set(held)) == [1, 2, 5, 10]
    assert held == sorted(held, reverse=True)
    assert rows_word(tall) == ""
    assert tall.page.text(".footprint-readable:not([hidden])") == "Fit"
    tall.keys("a")
    assert tall.visible()["levelsPerRow"] == 10


def test_the_crosshair_moves_from_row_to_row(tall: ChartPage) -> None:
    """One key, one row, whatever its number of levels."""
    tall.keys("h")
    first = Decimal(tall.readout()["level"]["p"])
    tall.keys("k", "k")
    assert Decimal(tall.readout()["level"]["p"]) == first + 20 * TICK


def test_columns_without_room_for_text_show_every_level(tall: ChartPage) -> None:
    """Narrow candles show the shape: nothing is grouped for text that does not fit."""
    tall.keys(*"-----")
    assert tall.visible()["columnWidth"] < 40
    assert tall.visible()["levelsPerRow"] == 1
