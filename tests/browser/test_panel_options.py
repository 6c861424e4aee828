"""Every option of a panel by its control: the panel follows, the address names and restores it."""

from __future__ import annotations

import re

import pytest
from selenium.webdriver.common.keys import Keys

from tests.browser.conftest import Page

PANEL = "exchange=demo&symbol=BTCUSDT&tf=1m&step=0.5"


def opened(page: Page, more: str = "", root: str | None = None) -> None:
    """Open the panel and wait for some candles; settings are unfolded."""
    page.open(PANEL + more, root)
    page.wait(lambda: len(page.footprint()) >= 3 and page.chart()[0], "candles")
    page.js("document.querySelector('.panel-settings').open = true")


def press_button(page: Page, name: str, value: str) -> None:
    """Click the button of an option's value."""
    page.js(
        "[...document.querySelectorAll(`.option-${arguments[0]} input`)]"
        ".find(input => input.value === arguments[1]).closest('.form-check').querySelector('label').click()",
        name,
        value,
    )


def pressed(page: Page, name: str) -> str:
    """The value of an option's control."""
    return page.js(
        "const place = document.querySelector(`.option-${arguments[0]}`);"
        "return (place.matches('select') ? place : place.querySelector('input:checked')).value",
        name,
    )


def restored(page: Page, name: str, value: str) -> None:
    """The address names the option, and a reload restores its control."""
    page.wait(lambda: page.query.get(name) == value, f"the address says {name}={value}")
    page.driver.refresh()
    page.wait(lambda: page.footprint() and page.chart()[0], "the panel is back")
    assert pressed(page, name) == value
    assert page.query[name] == value


def test_table_rows_and_lookback_follow_their_controls(page: Page) -> None:
    """Fewer rows in the table, more candles in the chart."""
    opened(page)
    page.wait(lambda: len(page.footprint()) > 4, "more than four rows")
    page.choose("select.option-rows", "4")
    page.wait(lambda: len(page.footprint()) == 4, "four rows")
    page.choose("select.option-lookback", "60")
    restored(page, "lookback", "60")
    restored(page, "rows", "4")
    assert len(page.footprint()) == 4


def test_quote_units_are_named_and_shown(page: Page) -> None:
    """Volumes, tooltips and CVD are in quote: about price times base."""
    opened(page)
    base = float(page.footprint()[1][1].replace(",", ""))
    press_button(page, "units", "quote")
    page.wait(lambda: "volumes in USDT" in page.text(".table-section"), "the unit is said")
    quote = float(page.footprint()[1][1].replace(",", ""))
    assert quote > 1000 * base
    assert "." not in page.footprint()[1][1]
    tip = page.js("return document.querySelector('.cvd-chart .js-plotly-plot').data[0].hovertemplate")
    assert "USDT" in tip
    restored(page, "units", "quote")


def test_imbalance_ratio_and_minimum_set_the_fire_mark(page: Page) -> None:
    """A ratio of 1 marks nearly all; an unreachable minimum marks none."""
    opened(page, "&ratio=1")
    page.wait(lambda: any("🔥" in row[0] for row in page.footprint()), "a mark")
    assert "one side over 1×" in page.text(".legend")
    page.choose("select.option-min", "1000000")
    page.wait(lambda: "from 1,000,000 USDT" in page.text(".legend"), "the minimum is said")
    opened(page, "&ratio=1&min=999999999999")
    assert not any("🔥" in row[0] for row in page.footprint())
    assert "from 999,999,999,999 USDT" in page.text(".legend")
    page.choose("select.option-ratio", "5")
    restored(page, "ratio", "5")
    restored(page, "min", "999999999999")


def test_cvd_can_start_at_the_session(page: Page) -> None:
    """The chart names it, and the newest value is the session's."""
    opened(page)
    press_button(page, "anchor", "session")
    page.wait(lambda: re.match(r"UTC session, since \d\d:\d\d", page.text(".chart-section .section-note")))
    restored(page, "anchor", "session")


def test_sides_swap_places(page: Page) -> None:
    """Ask before bid, with its own color and figures."""
    opened(page)
    press_button(page, "swap", "1")
    heads = ["Time", "Ask Vol", "Bid Vol", "Delta", "CVD", "Levels"]
    page.wait(lambda: page.texts(".footprint-table th") == heads, "the columns are swapped")
    restored(page, "swap", "1")
    assert page.texts(".footprint-table th") == heads
    press_button(page, "swap", "0")
    page.wait(lambda: page.texts(".footprint-table th")[1] == "Bid Vol", "and back")
    page.wait(lambda: "swap" not in page.query, "a default needs no name")


def test_the_palette_colors_table_and_chart(page: Page) -> None:
    """Blue and orange on the panel only."""
    opened(page)
    press_button(page, "palette", "blue-orange")
    line = "return document.querySelector('.cvd-chart .js-plotly-plot').data[0].line.color"
    page.wait(lambda: page.js(line) in {"#58b0ff", "#ff8a4c"}, "the chart")
    assert page.style('.footprint-table td[data-dash-column="bid"]', "color") == "rgb(255, 138, 76)"
    assert page.style('.footprint-table td[data-dash-column="ask"]', "color") == "rgb(88, 176, 255)"
    restored(page, "palette", "blue-orange")


@pytest.mark.parametrize(("name", "value"), [("zero", "1"), ("va", "1"), ("profile", "24h")])
def test_the_other_options_are_named_and_restored(page: Page, name: str, value: str) -> None:
    """They change the level table and the profile."""
    opened(page)
    press_button(page, name, value)
    restored(page, name, value)


def test_an_invalid_option_falls_back_with_a_notice(page: Page) -> None:
    """The panel opens with the default, and the address names it."""
    opened(page, "&rows=many&palette=pink&units=quote")
    assert page.texts(".orderflow-panel > .notice")[0].startswith('Invalid rows "many": use ')
    assert "red-green or blue-orange" in page.texts(".orderflow-panel > .notice")[1]
    page.wait(lambda: "rows" not in page.query and "palette" not in page.query, "the address is right")
    assert page.query["units"] == "quote"
    page.click(".orderflow-panel > .notice .btn-close")
    page.wait(lambda: page.count(".orderflow-panel > .notice") == 1, "one is dismissed")


def test_settings_open_by_keyboard_and_cover_nothing(page: Page) -> None:
    """Enter unfolds them; the chart moves down and stays whole."""
    page.open(PANEL)
    page.wait(lambda: page.chart()[0], "a candle")
    page.js("document.querySelector('.panel-settings summary').focus()")
    page.press("\ue007")
    page.wait(lambda: page.js("return document.querySelector('.panel-settings').open"), "unfolded")
    edges = page.js(
        "return ['.settings-grid', '.cvd-chart'].map(css => {"
        "const box = document.querySelector(css).getBoundingClientRect(); return [box.top, box.bottom]; })"
    )
    assert edges[0][1] <= edges[1][0]


SELECT = "document.querySelector('.panel-controls > .control > select')"
STEPS = f"return [...{SELECT}.options].map((each) => each.value).filter(Boolean)"  # one is a placeholder


def shows_the_menu_of_another_tick(page: Page) -> list[str]:
    """Show the step menu of a tick of 0.01; returns the steps of the venue's tick."""
    offered: list[str] = page.js(STEPS)
    page.js(
        "const panel = document.querySelector('.orderflow-panel');"
        "const id = { type: 'panel-step', panel: panel.dataset.panel };"
        "const options = ['0.01', '0.5'].map((value) => ({ label: value, value }));"
        "window.dash_clientside.set_props(id, { options });"
        "const shown = { [panel.dataset.panel]: { tick: '0.01' } };"
        "window.dash_clientside.set_props('panel-updates', { shown });"
    )
    return offered


def test_the_step_menu_follows_the_tick(page: Page) -> None:
    """Without a reload, and the chosen step stays chosen."""
    opened(page)
    offered = shows_the_menu_of_another_tick(page)
    page.wait(lambda: page.js(STEPS) == offered, "the steps of the venue's tick")
    assert page.js(f"return {SELECT}.value") == "0.5"
    assert page.query["step"] == "0.5"


def test_a_focused_step_menu_changes_after_it_is_left(page: Page) -> None:
    """It may be open, and would close."""
    opened(page)
    page.js(f"{SELECT}.focus()")
    page.js("window.menuCame = false")
    page.js(
        "document.querySelector('.orderflow-panel').addEventListener('orderflow:update',"
        " ({ detail }) => { window.menuCame ||= Boolean(detail.steps); })"
    )
    offered = shows_the_menu_of_another_tick(page)
    page.wait(lambda: page.js("return window.menuCame"), "the answer")
    assert page.js(STEPS) == ["0.01", "0.5"]
    page.press(Keys.TAB)
    page.wait(lambda: page.js(STEPS) == offered, "the steps of the venue's tick")
