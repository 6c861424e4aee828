"""A real browser on the real application, whose market is the simulated one."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest
from selenium.webdriver import Chrome
from selenium.webdriver.chrome.options import Options
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys

from tests.browser.footprint_page import ChartPage, Source, candle, ladder_rows
from tests.conftest import UNREACHABLE, Served, wait_until

OPEN_CONNECTIONS = ("chart/feed.mjs", "return module.openConnections()")  # for Page.module
SPEED = 30  # simulated seconds a second: a candle of a minute closes every two seconds


class Page:
    """One tab of the browser."""

    def __init__(self, driver: Chrome, root: str) -> None:
        self.driver = driver
        self.root = root
        self.console_may_complain = False

    def open(self, query: str = "", root: str | None = None) -> None:
        """Load the page with a query and wait for it to stand."""
        self.driver.get(f"{root or self.root}/{query and '?'}{query}")
        self.wait(lambda: self.count("#theme-switch, .orderflow-panel"), "the page")

    def js(self, script: str, *arguments: Any) -> Any:
        """The result of a piece of JavaScript."""
        return self.driver.execute_script(script, *arguments)

    def module(self, name: str, script: str, *arguments: Any) -> Any:
        """The result of a piece of JavaScript that has one of the page's modules as ``module``."""
        return self.driver.execute_async_script(
            "const done = arguments[arguments.length - 1];"
            f"import(new URL({json.dumps(name)}, document.querySelector('script[type=module]').src))"
            f".then((module) => {{ {script} }}).then(done, done)",
            *arguments,
        )

    def count(self, css: str) -> int:
        """How many elements match."""
        return self.js("return document.querySelectorAll(arguments[0]).length", css)

    def texts(self, css: str) -> list[str]:
        """The visible texts of all elements that match, in the order of the document."""
        return self.js(
            "return [...document.querySelectorAll(arguments[0])].map(e => e.innerText.trim())", css
        )

    def text(self, css: str) -> str:
        """The visible text of the first element that matches, else nothing."""
        return next(iter(self.texts(css)), "")

    def style(self, css: str, name: str) -> str:
        """A computed style of the first element that matches."""
        return self.js(
            "return getComputedStyle(document.querySelector(arguments[0]))[arguments[1]]", css, name
        )

    def click(self, css: str) -> None:
        """Click the first element that matches, once there is one."""
        self.wait(lambda: self.count(css), css)
        self.driver.find_element(By.CSS_SELECTOR, css).click()

    def press(self, *keys: str) -> None:
        """Press keys where the focus is."""
        ActionChains(self.driver).send_keys(*keys).perform()

    def choose(self, css: str, value: str) -> None:
        """Choose an option of a selector as a keyboard would."""
        self.driver.find_element(By.CSS_SELECTOR, f'{css} option[value="{value}"]').click()

    def close_modal(self) -> None:
        """Leave the modal by the keyboard."""
        self.press(Keys.ESCAPE)
        self.wait(lambda: not self.count(".orderflow-modal"), "the modal is gone")

    @property
    def query(self) -> dict[str, str]:
        """What the address bar names."""
        return dict(parse_qsl(urlsplit(self.driver.current_url).query))

    def wait(self, condition: Callable[[], object], what: str = "", seconds: float = 15) -> None:
        """Wait until a condition holds."""
        wait_until(condition, seconds, what)

    def row(self, row_id: str, column: str) -> str:
        """The selector of a cell of the symbol table."""
        return f'.symbol-table .ag-row[row-id="{row_id}"] [col-id="{column}"]'

    def chart(self, place: str = "") -> tuple[list[int], list[float]]:
        """Times and values of the CVD chart's line as Plotly holds them."""
        traces = self.js(
            "const plot = document.querySelector(arguments[0]);"
            "return plot && plot.data ? plot.data.map(t => [t.x, t.y]) : []",
            f"{place} .cvd-chart .js-plotly-plot",
        )
        return tuple(traces[0]) if traces else ([], [])

    def footprint(self, place: str = "") -> list[list[str]]:
        """The cells of the footprint table, newest row first."""
        return self.js(
            "return [...document.querySelectorAll(arguments[0])]"
            ".map(r => [...r.querySelectorAll('td')].map(c => c.innerText.trim())).filter(r => r.length)",
            f"{place} .footprint-table tr",
        )

    def complaints(self) -> list[str]:
        """Messages of the console, and requests to other hosts."""
        console = [entry["message"] for entry in self.driver.get_log("browser")]
        hosts = set()
        for entry in self.driver.get_log("performance"):
            message = json.loads(entry["message"])["message"]
            if message["method"] == "Network.requestWillBeSent":
                hosts.add(urlsplit(message["params"]["request"]["url"]).hostname)
        strangers = [f"asked {host}" for host in hosts - {"127.0.0.1", None}]
        return strangers + ([] if self.console_may_complain else console)


def chrome(*, accepts_any_certificate: bool = False, has_scroll_bars: bool = False) -> Iterator[Chrome]:
    """A browser as wide as a trader's screen, closed when the iteration continues."""
    chromedriver = shutil.which("chromedriver")
    if chromedriver is None:
        pytest.fail("chromedriver is not on PATH: install the packages chromium and chromium-driver")
    options = Options()
    options.binary_location = shutil.which("chromium") or ""
    for argument in (
        "--headless=new",
        "--no-sandbox",
        "--disable-dev-shm-usage",
        "--disable-gpu",
        *([] if has_scroll_bars else ["--hide-scrollbars"]),
        "--window-size=1400,900",
    ):
        options.add_argument(argument)
    options.accept_insecure_certs = accepts_any_certificate
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    with Chrome(options=options, service=Service(chromedriver)) as running:
        yield running


@pytest.fixture(scope="session")
def driver() -> Iterator[Chrome]:
    """One browser for all tests."""
    yield from chrome()


@pytest.fixture(scope="session")
def market() -> Iterator[Served]:
    """The application with a fast simulated market and both real venues out of reach."""
    served = Served(
        **UNREACHABLE, demo=True, demo_speed=SPEED, panel_timeout_s=3, stream_idle_s=1, backfill_minutes=0
    )
    yield served
    served.stop()


@pytest.fixture
def page(driver: Chrome, market: Served) -> Iterator[Page]:
    """A fresh tab, which must log nothing and send no request to another host."""
    driver.switch_to.new_window("tab")
    page = Page(driver, market.url)
    page.complaints()
    yield page
    if urlsplit(driver.current_url).scheme == "http":
        page.js("localStorage.clear()")
    complaints = page.complaints()
    driver.close()
    driver.switch_to.window(driver.window_handles[0])
    assert complaints == [], complaints


@pytest.fixture
def chart(page: Page) -> Iterator[ChartPage]:
    """A page that has the chart's code; any error fails the test."""
    yield ChartPage(page)
    page.js("window.chart && window.chart.destroy()")


@pytest.fixture
def ladder(chart: ChartPage) -> ChartPage:
    """A chart of twenty candles with eight levels each."""
    chart.mount([Source().snapshot(*(candle(number, ladder_rows(number)) for number in range(20)))])
    return chart
