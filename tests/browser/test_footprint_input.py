"""The footprint chart under mouse, fingers and keys, on a page of the running app."""

from __future__ import annotations

from typing import Any

import pytest
from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys

from tests.browser.footprint_page import START, ChartPage, Source, candle, ladder_rows
from tests.candles import MINUTE

STAGE = ".footprint-stage"
FIGURES = ["open", "high", "low", "close", "bid", "ask", "delta", "cvd", "n", "poc", "minDelta", "maxDelta"]


def drag(chart: ChartPage, dx: int, dy: int) -> None:
    """Drag the picture with the mouse."""
    stage = chart.page.driver.find_element(By.CSS_SELECTOR, STAGE)
    ActionChains(chart.page.driver, duration=20).move_to_element(stage).click_and_hold().move_by_offset(
        dx, dy
    ).release().perform()
    chart.settle()


def fingers(chart: ChartPage, *touches: tuple[str, int, int, int]) -> None:
    """Touch with fingers: (event, id, x, y) in turn."""
    for kind, number, x, y in touches:
        chart.page.js(
            "const [kind, pointerId, clientX, clientY] = arguments;"
            "const stage = document.querySelector('.footprint-stage');"
            "stage.setPointerCapture = () => {};"
            "stage.dispatchEvent(new PointerEvent(kind,"
            "{pointerId, clientX, clientY, pointerType: 'touch', button: 0, bubbles: true}))",
            f"pointer{kind}",
            number,
            x,
            y,
        )
    chart.settle()


def test_the_wheel_zooms_time_or_with_a_key_price(ladder: ChartPage) -> None:
    """Each leaves the other axis as it is."""
    before = ladder.visible()
    ladder.wheel(200)
    wider = ladder.visible()
    assert wider["columnWidth"] < before["columnWidth"]
    assert wider["candles"] > before["candles"]
    assert wider["follow"]
    for key in ("ctrlKey", "shiftKey"):
        before = ladder.visible()
        ladder.wheel(-200, **{key: True})
        after = ladder.visible()
        assert after["rowHeight"] > before["rowHeight"]
        assert after["columnWidth"] == before["columnWidth"]
        assert after["price"] == "free"


def test_a_drag_pans_and_a_double_click_follows(ladder: ChartPage) -> None:
    """A drag along time leaves the price fitted; a slanted one frees it; a double click resets both."""
    start = ladder.visible()
    drag(ladder, 250, 0)
    aside = ladder.visible()
    assert not aside["follow"]
    assert aside["to"] < start["to"]
    assert aside["price"] == "fit"
    drag(ladder, 30, 80)
    assert ladder.visible()["price"] == "free"
    stage = ladder.page.driver.find_element(By.CSS_SELECTOR, STAGE)
    ActionChains(ladder.page.driver).double_click(stage).perform()
    ladder.settle()
    back = ladder.visible()
    assert (back["follow"], back["price"], back["to"]) == (True, "fit", start["to"])


def test_new_candles_do_not_move_a_panned_view(ladder: ChartPage) -> None:
    ladder.keys(Keys.HOME)
    held = ladder.visible()
    assert held["from"] == START
    ladder.take(Source().delta(candle(20, ladder_rows(20))))
    after = ladder.visible()
    assert (after["from"], after["to"]) == (held["from"], held["to"])


def test_one_finger_pans_and_two_zoom(ladder: ChartPage) -> None:
    before = ladder.visible()
    fingers(ladder, ("down", 1, 300, 300), ("move", 1, 500, 300), ("up", 1, 500, 300))
    panned = ladder.visible()
    assert panned["to"] < before["to"]
    fingers(
        ladder,
        ("down", 1, 300, 300),
        ("down", 2, 400, 300),
        ("move", 2, 500, 300),
        ("up", 2, 500, 300),
        ("up", 1, 300, 300),
    )
    zoomed = ladder.visible()
    assert zoomed["columnWidth"] == pytest.approx(2 * panned["columnWidth"])
    assert zoomed["rowHeight"] == panned["rowHeight"]


def test_keys_change_options_and_report_them(ladder: ChartPage) -> None:
    """Letters change options, and an event names them."""
    ladder.page.js(
        "window.changes = [];"
        "document.addEventListener('orderflow:footprint-options', (event) => changes.push(event.detail))"
    )
    ladder.keys("c", "g", "u", "w", "b", "x", "p", "v", "i", "z", "s")
    assert ladder.page.js("return window.changes") == [
        {"content": "delta"},
        {"coloring": "volume"},
        {"units": "quote"},
        {"valueAreaRows": 1},
        {"palette": "blue-orange"},
        {"sideSwap": True},
        {"profile": False},
        {"valueArea": False},
        {"imbalances": False},
        {"zeroOpposite": True},
        {"scale": "visible"},
    ]


def test_keys_move_and_zoom(ladder: ChartPage) -> None:
    """Arrows pan, plus and minus zoom, f follows, r makes rows readable."""
    start = ladder.visible()
    ladder.keys(Keys.ARROW_LEFT)
    assert not ladder.visible()["follow"]
    ladder.keys("f", "+")
    assert ladder.visible()["follow"]
    assert ladder.visible()["columnWidth"] > start["columnWidth"]
    ladder.keys("[")
    assert ladder.visible()["price"] == "free"
    ladder.keys("r")
    assert ladder.visible()["price"] == "readable"
    assert ladder.visible()["rowHeight"] >= 15


def test_question_mark_and_escape_toggle_the_keys(ladder: ChartPage) -> None:
    """The overlay names every key; Escape reaches nothing behind it."""
    ladder.page.js("window.escaped = 0; document.addEventListener('keydown', () => window.escaped++)")
    ladder.keys("?")
    overlay = ladder.page.text(".footprint-keys:not([hidden])")
    for words in ("Follow the last candle", "Coloring", "Zoom price", "POC"):
        assert words in overlay
    ladder.keys(Keys.ESCAPE)
    assert not ladder.page.count(".footprint-keys:not([hidden])")
    assert ladder.page.js("return window.escaped") == 0


def test_the_crosshair_is_shared_with_the_panel(ladder: ChartPage) -> None:
    """It sends each hovered candle once, and follows another chart's."""
    ladder.page.js(
        "window.heard = [];"
        "place.addEventListener('orderflow:crosshair', (event) => heard.push(event.detail.open_ts))"
    )
    ladder.keys("h", "h", "k")
    newest = START + 19 * MINUTE
    assert ladder.page.js("return window.heard") == [newest, newest - MINUTE]
    ladder.page.js(
        "place.dispatchEvent(new CustomEvent('orderflow:crosshair', {detail: {open_ts: arguments[0]}}))",
        START + 15 * MINUTE,
    )
    ladder.settle()
    assert ladder.readout()["open_ts"] == START + 15 * MINUTE
    assert ladder.readout()["level"] is None
    ladder.page.js("place.dispatchEvent(new CustomEvent('orderflow:crosshair', {detail: {open_ts: null}}))")
    assert ladder.readout()["open_ts"] == newest


def test_an_invalid_option_is_refused(ladder: ChartPage) -> None:
    """By name, and the chart stays as it was."""
    before = ladder.pixels()
    wrong: list[dict[str, Any]] = [
        {"content": "bids"},
        {"ratio": 0.5},
        {"scale": 0},
        {"valueAreaRows": 3},
        {"minNotional": None},
        {"colour": "red"},
    ]
    for changes in wrong:
        refusal = ladder.page.js(
            "try { window.chart.set(arguments[0]) } catch (error) { return `${error.name} ${error}` }",
            changes,
        )
        assert refusal.startswith("RangeError")
        assert next(iter(changes)) in refusal
    ladder.settle()
    assert ladder.pixels() == before
