"""The page reports simulated data, unreachable venues, a lost server and missing trades."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from decimal import Decimal

import pytest
from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.by import By
from werkzeug.serving import make_server

from orderflow_dash.live.hub import Unavailable
from orderflow_dash.market import Difference, Instrument, Venue
from orderflow_dash.settings import load_settings
from orderflow_dash.web import create_server
from orderflow_dash.web.text import clock
from tests.browser.conftest import Page
from tests.conftest import Served


@pytest.fixture
def short_lived(market: Served) -> Iterator[tuple[str, threading.Event]]:
    """A second server over the same hub, which stops when its event is set."""
    server = make_server("127.0.0.1", 0, create_server(market.hub, load_settings()), threaded=True)
    server.daemon_threads = True
    end = threading.Event()

    def serve() -> None:
        server.timeout = 0.05
        while not end.is_set():
            server.handle_request()
        server.server_close()

    thread = threading.Thread(target=serve)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}", end
    end.set()
    thread.join()


def test_simulated_data_is_marked_in_row_and_panel(page: Page) -> None:
    page.open()
    page.wait(lambda: page.count(page.row("demo:BTCUSDT", "symbol")), "rows")
    venues = page.texts('.ag-row [col-id="venue_name"]')
    assert venues
    assert all("simulated" in venue for venue in venues)
    page.click(page.row("demo:BTCUSDT", "last"))
    page.wait(lambda: page.count(".orderflow-panel"), "open")
    assert page.text(".panel-title .simulated-badge") == "simulated"
    assert "not real prices" in page.text(".simulated-banner")


def test_unreachable_venues_are_named_with_the_cause(page: Page) -> None:
    """Both real venues are shown as unreachable, with the cause, and as being retried."""
    page.open()
    page.wait(lambda: page.count(".venue-down") == 2, "two venues are down")
    for name, line in zip(("Binance", "Bybit"), page.texts(".venue-down"), strict=True):
        assert line.startswith(name)
        assert "refused" in line
        assert line.endswith("Retrying.")
    assert "simulated market" in page.text(".venue-simulated")


def test_an_incomplete_candle_is_explained(page: Page) -> None:
    """The first candle of a feed has its mark, and a tooltip with the cause."""
    page.open("exchange=demo&symbol=AVAXUSDT&tf=1h")
    page.wait(lambda: page.footprint() and "◐" in page.footprint()[-1][0], "a partial candle")
    cell = page.driver.find_element(By.CSS_SELECTOR, ".footprint-table tr:last-child td:first-child")
    ActionChains(page.driver).move_to_element(cell).perform()
    page.wait(lambda: "Partial: the feed began inside" in page.text(".dash-tooltip"), "the explanation")
    assert "feed began inside" in page.text(".legend")


def test_a_verified_candle_is_marked_and_explained(page: Page) -> None:
    """Closed candles get a mark after their comparison, and a tooltip about it."""
    page.open("exchange=demo&symbol=BTCUSDT")
    page.wait(lambda: any("✓" in row[0] for row in page.footprint()), "a verified candle", 30)
    page.wait(lambda: explained(page, "✓", "Verified: equals the exchange's own"), "the explanation")
    assert "equals the exchange's kline" in page.text(".legend")


def test_a_deviating_candle_shows_both_figures(page: Page, market: Served) -> None:
    """With another mark, and both figures in its tooltip."""
    page.open("exchange=demo&symbol=ETHUSDT")
    page.wait(lambda: any("✓" in row[0] for row in page.footprint()), "a verified candle", 30)
    stream = market.hub._streams[Venue.DEMO, "ETHUSDT"]
    with stream.lock:
        newest = max(minute.open_ts for minute in stream.series.minutes() if minute.verified)
        stream.series.verify({newest: Difference(newest, "volume", Decimal("10.00"), Decimal("10.01"))})
    page.wait(lambda: any("≠" in row[0] for row in page.footprint()), "the mark")
    both = f"volume of {clock(newest)} is 10.00 here, 10.01 there"
    page.wait(lambda: explained(page, "≠", both), "both figures")


def test_missing_trades_are_a_band_and_break_the_line(page: Page, market: Served) -> None:
    """The chart has a band over the gap and no line through it; the table marks its row."""
    page.open("exchange=demo&symbol=SOLUSDT")
    page.wait(lambda: len(page.footprint()) >= 3, "candles")
    assert market.application.exchange is not None
    faults = market.application.exchange.faults
    faults.http(503, n=-1, path="*aggTrades*")  # or the gap would be filled before anybody sees it
    faults.drop(20, "solusdt@aggTrade")
    page.wait(lambda: any("⚠" in row[0] for row in page.footprint()), "the gap is marked", 30)
    newest = page.footprint()[0][0][:5]
    page.wait(lambda: page.footprint()[0][0][:5] != newest, "a newer candle", 30)
    page.wait(lambda: "⚠" not in page.footprint()[1][0], "the gap is over", 30)
    chart = "document.querySelector('.cvd-chart .js-plotly-plot')"
    assert page.js(f"return {chart}.layout.shapes.length") == 1
    assert page.js(f"return {chart}.data.map(t => t.mode)")[:3] == ["markers", "lines", "lines"]
    assert page.js(
        "return [...document.querySelectorAll('.footprint-table td')]"
        ".some(c => c.innerText.includes('⚠') && getComputedStyle(c).backgroundImage.includes('repeating'))"
    )
    faults.clear("http")


def explained(page: Page, mark: str, text: str) -> bool:
    """Rest the mouse on the first row with a mark; whether the tooltip says a text."""
    rows = page.footprint()
    place = next((number for number, row in enumerate(rows) if mark in row[0]), None)
    if place is None:
        return False
    cells = page.driver.find_elements(By.CSS_SELECTOR, ".footprint-table td:first-child")
    ActionChains(page.driver).move_to_element(cells[place]).perform()
    return text in page.text(".dash-tooltip")


def test_an_address_waits_for_its_venue(page: Page, market: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    """A link to an unreachable venue shows that, and opens once the venue answers."""

    def out_of_reach(venue: Venue, _symbol: str, **_how: bool) -> Instrument:
        raise Unavailable(f"{venue} cannot be reached: connection refused")

    with monkeypatch.context() as out:
        out.setattr(market.hub, "instrument", out_of_reach)
        page.open("exchange=demo&symbol=BTCUSDT")
        page.wait(lambda: "cannot be reached" in page.text(".notice"), "the notice")
        assert not page.count(".orderflow-panel")
    page.wait(lambda: page.count(".orderflow-panel"), "it opens")
    assert not page.count(".notice")


@pytest.mark.parametrize("place", ["/?symbol=ETHUSDT", "/embed?symbol=ETHUSDT", "/embed"])
def test_an_address_without_a_venue_opens_a_reachable_one(page: Page, place: str) -> None:
    """The demo if nothing else answers, with a notice; the address then names it."""
    page.driver.get(page.root + place)
    page.wait(lambda: page.count(".orderflow-panel"), "a panel")
    assert "Binance cannot be reached: 127.0.0.1: connection refused" in page.text(
        ".orderflow-panel > .notice"
    )
    page.wait(lambda: page.query.get("exchange") == "demo", "the address")
    assert page.query["symbol"] == ("ETHUSDT" if "ETHUSDT" in place else "BTCUSDT")


def test_a_panel_that_lost_its_server_shows_a_banner(page: Page, short_lived) -> None:
    """Frozen figures do not look live."""
    url, end = short_lived
    page.console_may_complain = True  # of the requests that fail
    page.open("exchange=demo&symbol=BTCUSDT", url)
    page.wait(lambda: page.text(".feed-word") == "Live", "live")
    assert page.text("#server-lost") == ""
    end.set()
    page.wait(lambda: "No answer from the server since" in page.text("#server-lost"), "the banner")
    assert (
        page.js("return getComputedStyle(document.querySelector('.feed-word'), '::before').content")
        == '"Server lost"'
    )
    assert float(page.style(".orderflow-panel", "opacity")) < 1


def test_a_table_that_lost_its_server_shows_a_banner(page: Page, short_lived) -> None:
    """Without an open panel too: the table polls every second."""
    url, end = short_lived
    page.console_may_complain = True
    page.open("", url)
    page.wait(lambda: page.count(page.row("demo:BTCUSDT", "last")), "rows")
    end.set()
    page.wait(
        lambda: "No answer from the server since" in page.text("#server-lost"), "the page reports the loss"
    )


def test_changing_figures_shift_no_element(page: Page) -> None:
    page.open("exchange=demo&symbol=BTCUSDT")
    page.wait(lambda: len(page.footprint()) >= 3, "three candles")
    page.js(
        "window.shifts = [];"
        "new PerformanceObserver(list => list.getEntries().forEach(e => window.shifts.push(e.value)))"
        ".observe({type: 'layout-shift'});"
    )
    parts = ".panel-last, .feed-status, .panel-controls, .cvd-chart, .footprint-rows, .legend"
    places = (
        f"return [...document.querySelectorAll('.orderflow-panel :is({parts})')]"
        ".map(e => e.getBoundingClientRect()).map(r => [r.top, r.height])"
    )
    before, rows = page.js(places), page.footprint()
    page.wait(lambda: page.footprint()[0][0][:5] != rows[0][0][:5], "a new candle")
    page.wait(lambda: page.footprint()[0][1] != rows[0][1], "its figures")
    after = page.js(places)
    assert after == before
    assert sum(page.js("return window.shifts")) < 0.005


def test_a_panel_fits_a_phone(page: Page) -> None:
    """At 420 px nothing is cut off and the page does not scroll sideways."""
    page.driver.execute_cdp_cmd(
        "Emulation.setDeviceMetricsOverride",
        {"width": 420, "height": 860, "deviceScaleFactor": 1, "mobile": False},
    )
    page.open()
    page.wait(lambda: page.count(page.row("demo:BTCUSDT", "last")), "rows")
    page.wait(lambda: not page.count('.ag-row [col-id="venue_name"]'), "the venue column gives way")
    assert "simulated" in page.text(page.row("demo:BTCUSDT", "symbol"))
    page.click(page.row("demo:BTCUSDT", "last"))
    page.wait(lambda: page.footprint(), "open")
    assert page.js("return document.documentElement.scrollWidth") <= 420
    assert page.js("return document.querySelector('.orderflow-panel').scrollWidth") <= 420
    widths = page.js(
        "return [...document.querySelectorAll('.footprint-table th, .footprint-table td')]"
        ".map(c => [c.scrollWidth, c.clientWidth])"
    )
    assert all(needed <= given + 1 for needed, given in widths)
