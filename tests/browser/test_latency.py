"""The age of figures when they reach the page."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator

import pytest
from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.by import By

from orderflow_dash.simulator import SimulatedExchange, SyntheticMarket
from tests.browser.conftest import Page
from tests.conftest import UNREACHABLE, Served, venues_at

BTC = "exchange=demo&symbol=BTCUSDT&tf=1m&step=10"
HERE = re.compile(r"exchange→here (-?[\d.]+ m?s) \(p99 ([\d.]+(?: m?s)?)\)")
PLACE = ".feed-latency .latency-button"


@pytest.fixture(scope="module")
def calm() -> Iterator[Served]:
    """A market at real speed: its trades have an age."""
    served = Served(**UNREACHABLE, demo=True, lease=10, grace=1, history=0, database_url="off")
    yield served
    served.stop()


@pytest.fixture
def opened(calm: Served, page: Page) -> Page:
    """A page of that app."""
    page.root = calm.url
    return page


def ms(text: str) -> float:
    """A duration of the page."""
    figure, unit = text.split()
    return float(figure) * (1000 if unit == "s" else 1)


def shown(page: Page, place: str = "") -> float:
    """The median in the status line, ms."""
    page.wait(lambda: HERE.fullmatch(page.text(f"{place} {PLACE}")), "the latency", 30)
    found = HERE.fullmatch(page.text(f"{place} {PLACE}"))
    assert found is not None
    return ms(found[1])


def details(page: Page) -> dict[str, str]:
    """The parts, by name."""
    return page.js(
        "return Object.fromEntries([...document.querySelectorAll('[data-latency]')]"
        ".map(e => [e.dataset.latency, e.textContent]))"
    )


def point_at(page: Page) -> None:
    """Rest the pointer on the figure."""
    place = page.driver.find_element(By.CSS_SELECTOR, PLACE)
    ActionChains(page.driver).move_to_element(place).perform()


def test_a_live_panel_shows_the_age_of_its_trades(opened: Page) -> None:
    """Median and p99 in the status line; each part of the way in its details."""
    opened.open(BTC)
    assert 0 <= shown(opened) < 10_000
    opened.wait(lambda: "–" not in details(opened).values(), "all parts")
    parts = details(opened)
    for name in ("received", "sent", "here"):
        assert 0 <= ms(parts[f"{name}-p50"]) <= ms(parts[f"{name}-p99"]) < 20_000
    assert parts["venue-clock"].startswith("The clock of Demo")
    assert parts["browser-clock"].startswith("This browser’s clock")
    assert opened.style(".latency-details", "display") == "none"
    point_at(opened)
    opened.wait(lambda: opened.style(".latency-details", "display") == "block", "the details")


def test_a_wrong_browser_clock_changes_no_figure(opened: Page) -> None:
    """An hour behind: measured, shown, and corrected."""
    shift = "const now = Date.now; Date.now = () => now() - 3600000;"
    added = opened.driver.execute_cdp_cmd("Page.addScriptToEvaluateOnNewDocument", {"source": shift})
    opened.open(BTC)
    assert 0 <= shown(opened) < 10_000
    assert "is 3600 s behind the server’s" in details(opened)["browser-clock"]
    opened.driver.execute_cdp_cmd("Page.removeScriptToEvaluateOnNewDocument", added)


def test_a_wrong_exchange_clock_is_named(page: Page, serve) -> None:
    """The figure includes it and is marked; the details show by how much."""
    behind = SyntheticMarket(seed=3, start_ms=int(time.time() * 1000) - 5_000)
    with SimulatedExchange(behind) as exchange:
        page.root = serve(**venues_at(exchange), history=0).url
        page.open("exchange=binance&symbol=BTCUSDT&tf=1m&step=10")
        assert 4_500 < shown(page) < 15_000
        page.wait(lambda: page.count(".feed-latency[data-skewed]"), "the mark")
        found = re.search(r"The clock of Binance is ([\d.]+) s behind", details(page)["venue-clock"])
        assert found is not None
        assert 4.5 < float(found[1]) < 8
        page.driver.get("about:blank")


def test_latency_changes_once_a_second_and_shifts_nothing(opened: Page) -> None:
    """Neither as it appears nor as it gains a digit."""
    opened.open(BTC)
    opened.wait(lambda: opened.text(".feed-word") == "Live", "live")
    places = (
        "return [...document.querySelectorAll("
        "'.panel-title, .panel-last, .feed-word, .feed-age, .panel-controls')]"
        ".map(e => e.getBoundingClientRect()).map(r => [r.left, r.top, r.width, r.height])"
    )
    opened.wait(lambda: opened.text(".panel-last") != "–", "a price")
    shown(opened)
    opened.js(
        "window.changes = [];"
        "new MutationObserver(() => window.changes.push(performance.now()))"
        ".observe(document.querySelector(arguments[0]),"
        " {childList: true, characterData: true, subtree: true});",
        PLACE,
    )
    before = opened.js(places)
    opened.wait(lambda: len(opened.js("return window.changes")) >= 3, "three other figures", 60)
    assert opened.js(places) == before
    changes = opened.js("return window.changes")
    assert changes[-1] - changes[0] > 600 * (len(changes) - 1)


def test_latency_fits_a_phone_a_frame_and_a_comparison(opened: Page) -> None:
    """At 420 px nothing scrolls sideways, with its details open as well."""
    size = {"width": 420, "height": 860, "deviceScaleFactor": 1, "mobile": False}
    opened.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
    for address in (f"?{BTC}", f"embed?{BTC}", "compare?panel=demo:BTCUSDT:1m:10&panel=demo:ETHUSDT:1m:1"):
        opened.driver.get(f"{opened.root}/{address}")
        shown(opened)
        point_at(opened)
        opened.wait(lambda: opened.style(".latency-details", "display") == "block", "the details")
        box = opened.js(
            "const r = document.querySelector('.latency-details').getBoundingClientRect();"
            "return [r.left, r.right]"
        )
        assert box[0] >= 0
        assert box[1] <= 420
        assert opened.js("return document.documentElement.scrollWidth") <= 420
    assert opened.count(PLACE) == 2
    opened.driver.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})


def test_an_accelerated_market_has_no_latency(page: Page) -> None:
    """Its trades are not current: no figure is shown."""
    page.open("exchange=demo&symbol=BTCUSDT")
    page.wait(lambda: len(page.footprint()) >= 2, "candles")
    assert page.js("return document.querySelector('.feed-latency').hidden")
