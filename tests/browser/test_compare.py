"""The page ``/compare``: panels side by side."""

from __future__ import annotations

from urllib.parse import parse_qsl, urlsplit

from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys

from orderflow_dash.live.hub import Unavailable
from orderflow_dash.market import Instrument, Venue
from tests.browser.conftest import Page
from tests.conftest import Served

TWO = "panel=demo:BTCUSDT:1m:0.5:units=quote&panel=demo:ETHUSDT:5m:0.5"


def compared(page: Page, query: str = TWO) -> None:
    """Load the page and wait for candles in every panel."""
    page.driver.get(f"{page.root}/compare?{query}")
    page.wait(lambda: symbols(page), "panels")
    page.wait(
        lambda: all(page.chart(f".compare-cell:nth-child({n})")[0] for n in range(1, len(symbols(page)) + 1)),
        "candles",
    )


def symbols(page: Page) -> list[str]:
    """The panels from first to last."""
    return page.texts(".panel-symbol")


def named(page: Page, name: str = "panel") -> list[str]:
    """The parameters of the address."""
    return [value for each, value in parse_qsl(urlsplit(page.driver.current_url).query) if each == name]


def test_each_panel_has_its_own_settings_and_is_live(page: Page) -> None:
    """The address names both with their options; a change of one leaves the other; a reload restores both."""
    compared(page)
    assert symbols(page) == ["BTCUSDT", "ETHUSDT"]
    page.wait(lambda: "volumes in USDT" in page.text(".compare-cell:nth-child(1) .table-section"))
    assert "volumes in ETH" in page.text(".compare-cell:nth-child(2) .table-section")
    page.click(".compare-cell:nth-child(2) .timeframe-choice .form-check:nth-child(1) label")
    page.wait(lambda: named(page)[1].startswith("demo:ETHUSDT:1m"), "the address follows")
    assert named(page)[0] == "demo:BTCUSDT:1m:0.5:units=quote"
    before = [page.footprint(f".compare-cell:nth-child({n})") for n in (1, 2)]
    for n in (1, 2):
        page.wait(lambda n=n: page.footprint(f".compare-cell:nth-child({n})") != before[n - 1], "it moves")
    page.driver.refresh()
    page.wait(lambda: symbols(page) == ["BTCUSDT", "ETHUSDT"], "both are back")
    assert named(page)[1].startswith("demo:ETHUSDT:1m")


def test_a_page_without_panels_raises_no_alarm(page: Page) -> None:
    """It sends no requests, so no answer is missing."""
    page.driver.get(f"{page.root}/compare")
    page.wait(lambda: page.count("#compare-add"), "the page")
    page.js(
        "window.alarms = []; const place = document.getElementById('server-lost');"
        " window.setInterval(() => window.alarms.push(place.textContent), 100);"
    )
    page.wait(lambda: page.js("return window.alarms.length") > 70, "seven seconds")
    assert set(page.js("return window.alarms")) == {""}
    page.driver.find_element(By.ID, "compare-add").send_keys("solusdt", Keys.ENTER)
    page.wait(lambda: symbols(page) == ["SOLUSDT"], "added")
    page.wait(lambda: page.chart()[0], "candles")


def test_adding_and_removing_panels_is_in_the_history(page: Page, market: Served) -> None:
    """A symbol is enough; the back button restores a removed panel; leases end."""
    compared(page)
    page.driver.find_element(By.ID, "compare-add").send_keys("solusdt", Keys.ENTER)
    page.wait(lambda: symbols(page) == ["BTCUSDT", "ETHUSDT", "SOLUSDT"], "added")
    page.wait(lambda: len(named(page)) == 3, "named")
    page.wait(lambda: market.hub.health()["leases"] == 3, "three leases")
    page.click(".compare-cell:nth-child(1) .compare-remove")
    page.wait(lambda: symbols(page) == ["ETHUSDT", "SOLUSDT"], "removed")
    page.wait(lambda: len(named(page)) == 2, "forgotten")
    before = page.footprint(".compare-cell:nth-child(1)")
    page.wait(lambda: page.footprint(".compare-cell:nth-child(1)") != before, "the others go on")
    page.driver.back()
    page.wait(lambda: symbols(page) == ["BTCUSDT", "ETHUSDT", "SOLUSDT"], "back")
    page.driver.find_element(By.ID, "compare-add").send_keys("nosuch", Keys.ENTER)
    page.wait(lambda: "nosuch" in page.text(".notice"), "the notice")


def test_one_request_refreshes_all_panels(page: Page) -> None:
    """Whatever their number."""
    compared(page, TWO + "&panel=demo:SOLUSDT&panel=demo:XRPUSDT")
    seconds = 3
    page.js("performance.clearResourceTimings()")
    polls = "performance.getEntriesByType('resource').filter(e => e.name.includes('_dash-update-component'))"
    page.wait(lambda: page.js(f"return {polls}.length") >= seconds, "some seconds pass")
    started = page.js(f"return {polls}.map(e => e.startTime)")
    assert max(started) - min(started) > 1000 * (seconds - 1) * 0.7


def test_a_panel_that_cannot_open_keeps_its_place(page: Page) -> None:
    """It shows the cause, the address names all in the order of the cells, and it can be removed."""
    first, second = TWO.split("&")
    page.driver.get(f"{page.root}/compare?panel=::::&{first}&panel=demo:NOSUCH:1m&{second}")
    page.wait(lambda: len(symbols(page)) == 2, "panels")
    assert "“::::” names no panel" in page.text(".compare-cell:nth-child(1) .notice")
    assert "NOSUCH" in page.text(".compare-cell:nth-child(3) .notice")
    order = ["::::", "demo:BTCUSDT:1m:0.5:units=quote", "demo:NOSUCH:1m", "demo:ETHUSDT:5m:0.5"]
    page.click(".compare-cell:nth-child(4) .timeframe-choice .form-check:nth-child(3) label")
    page.wait(lambda: named(page) == [*order[:3], "demo:ETHUSDT:15m:0.5"], "the address in the cells' order")
    heights = page.js("return [...document.querySelectorAll('.compare-cell')].map(e => e.offsetHeight)")
    assert heights[0] < 120 < heights[1], "a cell with only an error is not stretched"
    page.js("window.scrollTo(0, 0)")
    page.click(".compare-cell:nth-child(1) .compare-remove")
    page.wait(lambda: named(page)[0] == order[1], "removed")
    assert len(named(page)) == 3


def test_a_late_panel_keeps_its_place(page: Page, market: Served, monkeypatch) -> None:
    """A venue that answers late fills the waiting cell, and the address keeps the cells' order."""
    waiting, known = {"ADAUSDT"}, market.hub.instrument

    def instrument(venue: Venue, symbol: str, **how: bool) -> Instrument:
        if symbol in waiting:
            raise Unavailable("not yet")
        return known(venue, symbol, **how)

    monkeypatch.setattr(market.hub, "instrument", instrument)
    page.driver.get(f"{page.root}/compare?panel=demo:ADAUSDT&panel=demo:ETHUSDT")
    page.wait(lambda: symbols(page) == ["ETHUSDT"], "the other one")
    assert page.text(".compare-cell:nth-child(1) .notice") == "not yet"
    waiting.clear()
    page.wait(lambda: symbols(page) == ["ADAUSDT", "ETHUSDT"], "it came")
    page.wait(lambda: named(page)[0].startswith("demo:ADAUSDT:1m:"), "named in its place")


def test_the_head_links_front_page_and_help(page: Page) -> None:
    page.driver.get(f"{page.root}/compare")
    page.wait(lambda: page.count(".page-head .head-link"), "the head")
    assert (
        page.driver.find_element(By.CSS_SELECTOR, ".head-link").get_attribute("href") == f"{page.root}/help"
    )


def test_the_crosshair_is_linked_on_demand(page: Page) -> None:
    """Each chart shows a line at its own pointer; linked, at another chart's."""
    compared(page, "panel=demo:BTCUSDT:1m:0.5&panel=demo:ETHUSDT:1m:0.5")
    lines = "return [...document.querySelectorAll('.crosshair-line')].filter(line => !line.hidden).length"
    chart = page.driver.find_element(By.CSS_SELECTOR, ".compare-cell:nth-child(1) .cvd-chart")
    ActionChains(page.driver).move_to_element(chart).perform()
    page.wait(lambda: page.js(lines) == 1, "a line where the pointer is")
    page.click("#compare-link .form-check:nth-child(1) input")
    page.wait(lambda: named(page, "link") == ["crosshair"], "the address says so")
    ActionChains(page.driver).move_to_element(chart).perform()
    page.wait(lambda: page.js(lines) == 2, "and in the other chart")
    assert page.text(".compare-cell:nth-child(2) .crosshair-line")
    ActionChains(page.driver).move_to_element(
        page.driver.find_element(By.CSS_SELECTOR, ".product-name")
    ).perform()
    page.wait(lambda: page.js(lines) == 0, "gone with the pointer")


def test_an_event_moves_the_crosshair(page: Page) -> None:
    """Any chart of a panel may send it; the CVD chart shows it with its value."""
    compared(page)
    page.js(
        "const panel = document.querySelector('.orderflow-panel');"
        "const opens = panel.querySelector('.js-plotly-plot').data[0].x;"
        "panel.dispatchEvent(new CustomEvent('orderflow:crosshair',"
        " {detail: {open_ts: opens.at(-1), source: {}}}))"
    )
    page.wait(lambda: page.text(".crosshair-line span"), "the value stands at the line")


def test_time_is_linked_on_demand(page: Page) -> None:
    """All panels take the first one's timeframe and lookback; then the changed one leads."""
    compared(page)
    page.click("#compare-link .form-check:nth-child(2) input")
    page.wait(lambda: [text.split(":")[2] for text in named(page)] == ["1m", "1m"], "the first leads")
    page.click(".compare-cell:nth-child(2) .timeframe-choice .form-check:nth-child(3) label")
    page.wait(lambda: [text.split(":")[2] for text in named(page)] == ["15m", "15m"], "the changed one leads")
    page.driver.refresh()
    page.wait(lambda: page.count("#compare-link .form-check:nth-child(2) input:checked"), "restored")
