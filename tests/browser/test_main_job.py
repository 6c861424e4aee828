"""The main job in a browser: find a symbol, open it, read chart and table."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from urllib.parse import parse_qsl

import pytest
from selenium.webdriver import Chrome
from selenium.webdriver.common.keys import Keys

from orderflow_dash.footprint.candle import Candle
from orderflow_dash.live.view import ViewKey
from orderflow_dash.market import Instrument, Timeframe, Venue
from orderflow_dash.web.text import MINUS, clock
from tests.browser.conftest import Page
from tests.conftest import Served, wait_until


def decimal(text: str) -> Decimal:
    return Decimal(text.replace(",", "").replace(MINUS, "-"))


def candles_of(
    market: Served, symbol: str, timeframe: Timeframe, step: str
) -> tuple[Instrument, list[Candle]]:
    """The hub's candles, by a lease of its own."""
    instrument = market.hub.instrument(Venue.DEMO, symbol)
    key = ViewKey(Venue.DEMO, symbol, timeframe, Decimal(step))
    candles = market.hub.lease("test", key).candles(60)  # the market moves on after the page was read
    market.hub.release("test")
    return instrument, candles


@pytest.fixture(scope="module")
def compact(driver: Chrome, market: Served) -> Callable[[float | None], str]:
    """The browser's own short form of a figure."""
    driver.get(market.url)
    wait_until(lambda: driver.execute_script("return !!window.dashAgGridFunctions"))
    return lambda value: driver.execute_script("return dashAgGridFunctions.compact(arguments[0])", value)


def test_a_clicked_row_opens_its_symbol(page: Page, market: Served) -> None:
    """Chart and table have, for closed candles, exactly the hub's figures."""
    page.open()
    page.click(page.row("demo:BTCUSDT", "last"))
    page.wait(lambda: len(page.footprint()) >= 4 and len(page.chart()[0]) >= 4, "four candles")
    assert page.query == {"exchange": "demo", "symbol": "BTCUSDT", "tf": "1m", "step": "0.5"}
    assert page.text(".panel-symbol") == "BTCUSDT"
    page.wait(lambda: page.text(".feed-status").startswith("Live"), "the panel is live")

    (times, values), rows = page.chart(), page.footprint()
    instrument, candles = candles_of(market, "BTCUSDT", Timeframe.M1, "0.5")
    known = {candle.open_ts: candle for candle in candles}
    for time, value in list(zip(times, values, strict=True))[:-1]:  # the last may have moved since
        assert value == float(instrument.grid.quantity.text(known[time].cvd))
    by_clock = {clock(candle.open_ts): candle for candle in candles}
    text = instrument.grid.quantity.text
    for cells in rows[1:]:
        candle = by_clock[cells[0][:5]]
        assert candle.closed
        assert [decimal(cell) for cell in cells[1:]] == [
            Decimal(text(candle.bid)),
            Decimal(text(candle.ask)),
            Decimal(text(candle.delta)),
            Decimal(text(candle.cvd)),
            len(candle.levels),
        ]
    assert page.texts(".footprint-table th") == ["Time", "Bid Vol", "Ask Vol", "Delta", "CVD", "Levels"]


def test_the_panel_updates_without_input(page: Page) -> None:
    """New trades reach chart, table, price and age."""
    page.open("exchange=demo&symbol=BTCUSDT&tf=1m&step=0.5")
    page.wait(lambda: page.footprint() and page.chart()[0], "a first candle")
    before = page.footprint()[0], page.chart()[1][-1], page.text(".panel-last")
    page.wait(lambda: page.footprint()[0] != before[0], "the table moves")
    page.wait(lambda: page.chart()[1][-1] != before[1], "the chart moves")
    page.wait(lambda: page.text(".panel-last") != before[2], "the price moves")


def test_the_chart_shows_its_current_value_in_color(page: Page) -> None:
    """The figure at the top right equals the newest row's CVD, and the line's color is its sign."""
    page.open("exchange=demo&symbol=ETHUSDT")
    page.wait(lambda: page.chart()[0], "a first candle")
    seen = page.js(
        "const plot = document.querySelector('.cvd-chart .js-plotly-plot');"
        "const now = document.querySelector('.chart-section .cvd-now');"
        "return [plot.data[0].y.at(-1), now.innerText, plot.data[0].line.color, getComputedStyle(now).color]"
    )
    value, text, color, text_color = seen
    assert float(decimal(text)) == value
    assert text_color == ("rgb(54, 196, 143)" if value >= 0 else "rgb(244, 106, 120)")
    assert color == ("#36c48f" if value >= 0 else "#f46a78")


def test_timeframe_and_step_survive_a_reload(page: Page, market: Served) -> None:
    """The address bar always names the view on screen, and opens it again."""
    page.open("exchange=demo&symbol=ETHUSDT")
    page.wait(lambda: page.query.get("tf") == "1m", "the address is completed")
    page.click(".timeframe-choice .form-check:nth-child(2) label")
    page.wait(lambda: page.query["tf"] == "5m", "5m is named")
    page.choose(".control-select", "1")
    page.wait(lambda: page.query["step"] == "1", "the step is named")
    page.wait(lambda: page.footprint() and int(page.footprint()[0][0][3:5]) % 5 == 0, "candles of 5 minutes")
    page.driver.refresh()
    page.wait(lambda: page.footprint(), "the panel is back")
    assert page.query == {"exchange": "demo", "symbol": "ETHUSDT", "tf": "5m", "step": "1"}
    assert page.js("return document.querySelector('.control-select').value") == "1"
    assert page.js("return document.querySelector('.timeframe-choice input:checked').value") == "5m"
    instrument, candles = candles_of(market, "ETHUSDT", Timeframe.M5, "1")
    assert {row[0][:5] for row in page.footprint()} <= {clock(candle.open_ts) for candle in candles}
    assert instrument.symbol == "ETHUSDT"


def test_closing_clears_the_address_and_history_works(page: Page, market: Served) -> None:
    """Escape closes; the browser's own buttons open and close; the lease ends."""
    page.open()
    page.click(page.row("demo:SOLUSDT", "symbol"))
    page.wait(lambda: page.query.get("symbol") == "SOLUSDT" and page.count(".orderflow-panel"), "open")
    page.driver.back()
    page.wait(lambda: not page.count(".orderflow-modal"), "back closes it")
    assert page.query == {}
    page.driver.forward()
    page.wait(lambda: page.count(".orderflow-panel"), "forward opens it")
    page.close_modal()
    page.wait(lambda: page.query == {}, "the address is clear")
    page.wait(lambda: market.hub.health()["leases"] == 0, "no lease is left")


def test_search_and_keyboard_open_a_symbol(page: Page) -> None:
    """Slash searches, Enter opens the focused row, Escape returns to it."""
    page.open()
    page.wait(lambda: page.count(page.row("demo:BTCUSDT", "symbol")), "rows")
    page.press("/")
    page.press("doge demo")
    page.wait(lambda: len(page.texts(".symbol-name")) == 2, "two symbols have doge in them")
    assert set(page.texts(".symbol-name")) == {"DOGEUSDT", "BABYDOGEUSDT"}
    page.click(page.row("demo:DOGEUSDT", "venue_name"))
    page.wait(lambda: page.count(".orderflow-panel"), "open by the mouse")
    page.close_modal()
    page.press(Keys.ENTER)
    page.wait(lambda: page.count(".orderflow-panel"), "open by the keyboard")
    assert page.text(".panel-symbol") == "DOGEUSDT"


def test_rows_tick_and_keep_their_place(page: Page) -> None:
    """Prices change; no row moves unasked, and a click on a header sorts."""
    page.open()
    page.wait(lambda: len(page.texts(".symbol-name")) > 10, "rows")
    names, prices = page.texts(".symbol-name"), page.texts('.ag-row [col-id="last"]')
    page.wait(lambda: page.texts('.ag-row [col-id="last"]') != prices, "a price moves")
    assert page.texts(".symbol-name") == names
    assert names[0] == "BTCUSDT"  # the most turnover
    page.click('.ag-header-cell[col-id="last"]')
    page.wait(
        lambda: (
            (prices := [decimal(text) for text in visual_order(page, "last") if text != "–"])
            == sorted(prices, reverse=True)
        ),
        "sorted by price",
    )


def visual_order(page: Page, column: str) -> list[str]:
    """The texts of a column from the top of the screen down."""
    return page.js(
        'return [...document.querySelectorAll(`.ag-row [col-id="${arguments[0]}"]`)]'
        ".sort((a, b) => a.getBoundingClientRect().top - b.getBoundingClientRect().top)"
        ".map(e => e.innerText.trim())",
        column,
    )


def test_an_impossible_step_is_replaced_with_a_notice(page: Page) -> None:
    """A bookmark may be older than a venue's tick; the address then names the shown step."""
    page.open("exchange=demo&symbol=BTCUSDT&step=0.07")
    page.wait(lambda: "multiple of the tick 0.1" in page.text(".orderflow-panel .notice"), "the notice")
    page.wait(lambda: page.query.get("step") == "0.5", "the address")


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ("exchange=demo&symbol=NOSUCH", "NOSUCH"),
        ("exchange=demo&symbol=BTCUSDT&tf=2m", "1m, 5m, 15m, or 1h"),
        ("exchange=nowhere&symbol=BTCUSDT", "binance, bybit, or demo"),
    ],
)
def test_an_invalid_address_shows_a_notice(page: Page, query: str, said: str) -> None:
    """It names the valid values; the table works."""
    page.open(query)
    page.wait(lambda: said in page.text(".notice"), "the notice")
    assert not page.count(".orderflow-modal")
    assert page.query == dict(parse_qsl(query))
    page.click(page.row("demo:BTCUSDT", "last"))
    page.wait(lambda: page.count(".orderflow-panel"), "open")
    page.wait(lambda: not page.count(".notice"), "the notice is gone")


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "–"),
        (0, "0"),
        (12.345, "12.3"),
        (999.4, "999"),
        (999.6, "1.00k"),
        (1_234, "1.23k"),
        (99_960, "100k"),
        (4_470_000_000, "4.47B"),
        (1.5e12, "1.50T"),
        (-2_500_000, "−2.50M"),
    ],
)
def test_large_figures_have_three_digits(
    compact: Callable[[float | None], str], value: float | None, text: str
) -> None:
    """k, M, B and T, and never four digits or two."""
    assert compact(value) == text
