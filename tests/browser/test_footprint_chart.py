"""What the footprint chart paints, on a page of the running app."""

from __future__ import annotations

from decimal import Decimal
from itertools import product

import pytest
from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.by import By

from orderflow_dash.market import Quality
from tests.browser.conftest import OPEN_CONNECTIONS, Page
from tests.browser.footprint_page import START, ChartPage, Source, candle, exact, ladder_rows
from tests.candles import MINUTE, Row
from tests.conftest import Served

STAGE = ".footprint-stage"
FIGURES = ["open", "high", "low", "close", "bid", "ask", "delta", "cvd", "n", "poc", "minDelta", "maxDelta"]


def test_the_readout_equals_the_socket_s_figures(chart: ChartPage, market: Served) -> None:
    """Every figure of closed candles and their levels, digit by digit."""
    chart.mount(exchange="demo", symbol="BTCUSDT", tf="1m", step="5")
    chart.page.wait(lambda: chart.visible()["candles"] >= 5, "five candles", 30)
    chart.keys("h", "h")
    shown = []
    for _ in range(3):
        chart.keys("h", "k")
        shown.append(chart.readout())
    with market.socket(exchange="demo", symbol="BTCUSDT", tf="1m", step="5") as socket:
        known = {each["open_ts"]: each for each in exact(socket.recv())["candles"]}
    names = {"minDelta": "min_delta", "maxDelta": "max_delta"}
    for readout in shown:
        said = known[readout["open_ts"]]
        for name in (
            *[
                "open",
                "high",
                "low",
                "close",
                "bid",
                "ask",
                "delta",
                "cvd",
                "n",
                "poc",
                "minDelta",
                "maxDelta",
            ],
        ):
            assert Decimal(readout[name]) == said[names.get(name, name)], name
        level = readout["level"]
        low, high = Decimal(level["p"]), Decimal(level["to"] or level["p"])
        held = [each for each in said["levels"] if low <= each["p"] <= high]
        for name in ("bid", "ask", "n"):
            assert Decimal(level[name]) == sum(each[name] for each in held)
    assert len({readout["open_ts"] for readout in shown}) == 3


def test_a_live_chart_follows_and_describes_itself(chart: ChartPage) -> None:
    """New candles come into sight, and the canvas's label has the last one's figures."""
    chart.mount(exchange="demo", symbol="ETHUSDT", tf="1m")
    chart.page.wait(lambda: chart.readout(), "a candle", 30)
    first = chart.readout()["open_ts"]
    chart.page.wait(lambda: chart.readout()["open_ts"] > first, "the next candle", 30)
    assert chart.visible()["follow"]
    canvas = chart.page.driver.find_element(By.CSS_SELECTOR, ".footprint-cells")
    assert canvas.get_attribute("role") == "img"
    label = canvas.get_attribute("aria-label") or ""
    assert label.startswith(
        "Footprint of ETHUSDT on demo, a simulated market, 1 minute candles. Last candle, "
    )
    assert "CVD" in label


def test_hovering_never_repaints_the_cells(ladder: ChartPage) -> None:
    """The crosshair has a canvas of its own."""
    before = ladder.visible()["painted"]
    for x in (200, 320, 440):
        stage = ladder.page.driver.find_element(By.CSS_SELECTOR, STAGE)
        ActionChains(ladder.page.driver).move_to_element_with_offset(stage, x - 500, 0).perform()
        ladder.settle()
    after = ladder.visible()["painted"]
    assert after["cells"] == before["cells"]
    assert after["crosshair"] > before["crosshair"]
    assert ladder.readout()["level"] is not None


def test_a_changed_candle_repaints_only_its_column(ladder: ChartPage) -> None:
    """A new one repaints the whole plot."""
    source = Source()
    ladder.take(source.delta(candle(19, [(100, 5, 5, 5), *ladder_rows(19)[7:]], rev=2)))
    ladder.take(source.delta(candle(19, [(100, 5, 6, 6)], rev=3)))
    assert ladder.painted("columns") == 1
    ladder.take(source.delta(candle(20, ladder_rows(20))))
    assert ladder.painted("columns") > 1


def test_a_repainted_column_equals_a_full_painting(ladder: ChartPage) -> None:
    changed = [(price, bid + 3, ask, n) for price, bid, ask, n in ladder_rows(19)]
    ladder.take(Source().delta(candle(19, changed, rev=2)))
    assert ladder.painted("columns") == 1
    part = ladder.pixels()
    ladder.set(content="bid-ask")
    assert ladder.painted("columns") > 1
    assert ladder.pixels() == part


def test_an_unchanged_series_is_not_repainted(ladder: ChartPage) -> None:
    """Nor is a repeated candle."""
    before = ladder.painted("cells")
    ladder.settle()
    assert ladder.painted("cells") == before


@pytest.mark.parametrize("coloring", ["delta", "volume", "imbalance"])
def test_content_and_coloring_are_independent(ladder: ChartPage, coloring: str) -> None:
    """Every pair draws, with texts, in both units and at any scale, and looks different."""
    pictures = set()
    contents = ("bid-ask", "delta", "volume", "trades")
    for content, units, scale in product(contents, ("base", "quote"), ("candle", "visible", 2.5)):
        ladder.set(content=content, coloring=coloring, scale=scale, units=units, minNotional=10)
        assert ladder.painted("textSize") >= 8
        pictures.add(ladder.pixels())
    assert len(pictures) >= 7


@pytest.mark.parametrize(
    ("tick", "rows"),
    [
        ("0.1", [[]]),
        ("0.1", [[(100, 0, 1, 1)]]),
        ("0.00000001", [[(1_234, 5, 7, 3), (1_233, 0, 9, 1)]]),
        ("0.1", [[(100, 2**50, 2**50, 10**9), (99, 0, 1, 1)]]),
        ("0.1", [ladder_rows(number) for number in range(500)]),
        ("0.1", [[(1_000_000, 1, 1, 1), (10, 1, 1, 1)]]),
    ],
    ids=["no levels", "one level", "eight decimals", "huge volumes", "500 candles", "a wild price"],
)
def test_odd_candles_are_drawn(chart: ChartPage, tick: str, rows: list[list[Row]]) -> None:
    """At every zoom, with every content."""
    messages = [Source(tick).snapshot(*(candle(number, each) for number, each in enumerate(rows)))]
    chart.mount(messages, lookback=500)
    for content in ("bid-ask", "delta"):
        chart.set(content=content)
        for _ in range(6):
            chart.wheel(400)
        assert chart.visible()["candles"] >= 1
        assert chart.colors() > 3
        chart.keys("r", "h", "f")
    assert chart.visible()["painted"]["milliseconds"] < 1000


def test_a_cut_off_is_full_color_in_any_unit(chart: ChartPage) -> None:
    """A cell of that much quote currency has the full color; a smaller cut-off does not change it."""
    rows: list[Row] = [(100_000, 0, 3_000, 1), (99_999, 0, 30, 1)]  # 30,000 and 300 in quote
    chart.mount([Source().snapshot(candle(0, rows))], content="trades")
    pictures = {}
    for units in ("base", "quote"):
        for scale in (10, 200, 25_000, 3_000_000):
            chart.set(units=units, scale=scale, statistics=False)
            pictures[units, scale] = chart.pixels()
        assert pictures[units, 10] == pictures[units, 200], "both cells are full color"
        assert len({pictures[units, scale] for scale in (200, 25_000, 3_000_000)}) == 3
    assert all(pictures["base", scale] == pictures["quote", scale] for scale in (10, 200, 25_000, 3_000_000))


def test_time_without_candles_stays_empty(chart: ChartPage) -> None:
    """Candles stand at their own times, with empty columns between them; the readout shows that."""
    chart.mount([Source().snapshot(candle(0), candle(4))])
    assert chart.visible()["candles"] == 2
    chart.page.js(
        "place.dispatchEvent(new CustomEvent('orderflow:crosshair', {detail: {open_ts: arguments[0]}}))",
        START + 2 * MINUTE,
    )
    chart.settle()
    assert chart.readout() is None
    assert chart.page.texts(".footprint-readout dd")[0] == "–"


@pytest.mark.parametrize("quality", [Quality.GAP, Quality.PARTIAL, Quality.REPAIRED])
def test_an_incomplete_candle_looks_different(chart: ChartPage, quality: Quality) -> None:
    """Gap, partial and repaired candles have marks, and the readout names them."""
    chart.mount([Source().snapshot(candle(0), candle(1))])
    whole = chart.pixels()
    chart.take(Source().snapshot(candle(0), candle(1, quality=quality)))
    assert chart.pixels() != whole
    word = {Quality.GAP: "Gap", Quality.PARTIAL: "Partial", Quality.REPAIRED: "Backfilled"}[quality]
    assert word in chart.page.texts(".footprint-readout dd")[1]


@pytest.mark.parametrize("ratio", [1, 1.5, 2])
def test_the_canvas_has_the_screen_s_pixels(chart: ChartPage, ratio: float) -> None:
    """Sharp at every device pixel ratio."""
    driver = chart.page.driver
    metrics = {"width": 1400, "height": 900, "deviceScaleFactor": ratio, "mobile": False}
    driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
    try:
        chart.mount([Source().snapshot(candle(0))], size=(801, 601))
        size = chart.page.js(
            "const c = document.querySelector('.footprint-cells'); const b = c.getBoundingClientRect();"
            "return [c.width, c.height, b.width * devicePixelRatio, b.height * devicePixelRatio]"
        )
    finally:
        driver.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})
    assert size[0] == pytest.approx(size[2], abs=1)
    assert size[1] == pytest.approx(size[3], abs=1)


def test_the_theme_is_followed(ladder: ChartPage) -> None:
    """A switch of the page's theme repaints the chart in its colors."""
    dark = ladder.pixels()
    ladder.page.js("document.documentElement.setAttribute('data-bs-theme', 'light')")
    ladder.settle()
    assert ladder.pixels() != dark
    ladder.page.js("document.documentElement.setAttribute('data-bs-theme', 'dark')")


def test_nothing_is_left_of_a_destroyed_chart(chart: ChartPage) -> None:
    """No element, no listener outside of it, no connection, no painting."""
    chart.page.js(
        "window.live = [];"
        "const name = (target, type) => `${target === window ? 'window' : target.className} ${type}`;"
        "const {addEventListener: add, removeEventListener: remove} = EventTarget.prototype;"
        "EventTarget.prototype.addEventListener = function (type, ...rest) {"
        "  if (window.watched) window.live.push([this, type, ...rest]);"
        "  return add.call(this, type, ...rest); };"
        "EventTarget.prototype.removeEventListener = function (type, ...rest) {"
        "  window.live = window.live.filter((l) => l[0] !== this || l[1] !== type || l[2] !== rest[0]);"
        "  return remove.call(this, type, ...rest); };"
        "const isOutside = ([target, , , options]) => !options?.signal?.aborted"
        "  && (!(target instanceof Node) || target.contains(window.place));"
        "window.outside = () => window.live.filter(isOutside).map(([target, type]) => name(target, type));"
        "window.watched = true"
    )
    chart.mount(exchange="demo", symbol="BTCUSDT", tf="1m")
    chart.page.js("window.watched = false")
    assert chart.page.js("return window.outside().sort()") == [
        "orderflow-panel orderflow:crosshair",
        "window online",
        "window pagehide",
        "window pageshow",
    ]
    chart.page.wait(lambda: chart.readout(), "a candle", 30)
    chart.page.js("window.chart.destroy(); window.chart.destroy()")
    assert chart.page.js("return window.outside()") == []
    assert chart.page.js("return window.place.childElementCount") == 0
    assert chart.page.module(*OPEN_CONNECTIONS) == 0
    painted = chart.painted("cells")
    chart.settle()
    assert chart.painted("cells") == painted


def test_the_chart_needs_no_dash(page: Page, market: Served) -> None:
    """Its modules work on any page of the same origin."""
    page.driver.get(f"{market.url}/help")
    shown = page.driver.execute_async_script(
        "const [message, done] = arguments;"
        "const load = (name) => import(`/assets/js/chart/${name}.mjs`);"
        "Promise.all([load('chart'), load('feed')]).then(([{ footprintChart }, { Feed }]) => {"
        "  const feed = new Feed(3); feed.take(message);"
        "  const place = document.body.appendChild(document.createElement('div'));"
        "  place.style.cssText = 'width:600px;height:400px';"
        "  return footprintChart(place, { feed }).readout();"
        "}).then(done, done)",
        Source().snapshot(candle(0)),
    )
    assert shown["close"] == "10.0"
