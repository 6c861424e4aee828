"""``make bench-browser``: the cost of the footprint chart in a headless Chromium.

A redraw is timed from the start of the frame in which a changed candle arrives to the start of the frame
after the one that paints it. Two frames, 33 ms, are the floor; the first line of the output shows their time
with nothing to paint. Of three batches the quietest one's median counts, since the machine does other things
too. The heap is read after garbage collection, typed arrays included, while the demo market runs fast. Exits
with 1 if a figure is over its bar.
"""

from __future__ import annotations

import argparse
import os
import shutil
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple
from urllib.error import URLError
from urllib.request import urlopen

from selenium.webdriver import Chrome
from selenium.webdriver.chrome.options import Options
from selenium.webdriver.chrome.service import Service

from benchmarks.footprints import Footprints

PORT = 18_051
BATCHES = 3
ROUNDS = 20  # of each batch
SAMPLE_S = 5.0
HEAP_BAR = 0.10
LOOKBACK = 30  # candles

# candles, levels, width and height of the chart in px, bar in ms
SIZES = (
    (30, 100, 1400, 860, 35.0),
    (120, 200, 1400, 860, 50.0),
    (30, 100, 2560, 1800, None),  # a large screen, on which every text fits
)

_MOUNT = """
const [options, width, height, snapshot] = arguments;
if (window.chart) window.chart.destroy();
const place = document.createElement('div');
place.style.cssText = `width:${width}px;height:${height}px`;
document.body.replaceChildren(place);
if (snapshot) {
  options.feed = window.feed = new window.Feed(500);
  window.feed.take(snapshot);
}
window.chart = window.footprintChart(place, options);
"""

_ZOOM_OUT = """
const done = arguments[1];
const stage = document.querySelector('.footprint-stage');
const step = () => {
  if (window.chart.visible().candles >= arguments[0]) return done(window.chart.visible());
  stage.dispatchEvent(new WheelEvent('wheel', {deltaY: 12, cancelable: true}));
  requestAnimationFrame(step);
};
requestAnimationFrame(step);
"""

# A changed candle (a message), a small move of the view, which repaints everything, or neither.
_REDRAW = """
const [message, direction, done] = arguments;
const stage = document.querySelector('.footprint-stage');
requestAnimationFrame(() => {
  const start = performance.now();
  if (message) window.feed.take(message);
  else if (direction) stage.dispatchEvent(new WheelEvent('wheel', {deltaY: direction, cancelable: true}));
  requestAnimationFrame(() => requestAnimationFrame(() => {
    done([performance.now() - start, window.chart.visible().painted]);
  }));
});
"""

_STYLE = """
const [file, done] = arguments;
const link = Object.assign(document.createElement('link'), {rel: 'stylesheet', href: file});
link.onload = link.onerror = ({type}) => done(type === 'load');
document.head.append(link);
"""
_MODULE = """
const [file, done] = arguments;
import(file).then((module) => done(Boolean(Object.assign(window, module))), () => done(false));
"""

_NEWEST = "const shown = window.chart.readout(); return shown ? shown.open_ts : 0"


@contextmanager
def app(speed: int) -> Iterator[str]:
    """The app with a simulated market at a speed, as a process of its own; its root."""
    command = [sys.executable, "-m", "orderflow_dash", "serve", "--demo", "--port", str(PORT)]
    environment = {**os.environ, "ORDERFLOW_DEMO_SPEED": str(speed), "DATABASE_URL": "off"}
    server = subprocess.Popen(command, stderr=subprocess.DEVNULL, env=environment)  # noqa: S603
    root = f"http://127.0.0.1:{PORT}"
    try:
        deadline = time.monotonic() + 30
        while True:
            try:
                urlopen(f"{root}/ready", timeout=1).close()  # noqa: S310 - our own address
                break
            except (URLError, OSError):
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.1)
        yield root
    finally:
        server.terminate()
        server.wait(10)


@contextmanager
def chrome() -> Iterator[Chrome]:
    """A headless browser."""
    chromedriver = shutil.which("chromedriver")
    if chromedriver is None:
        sys.exit("chromedriver is not on PATH: install the packages chromium and chromium-driver")
    options = Options()
    options.binary_location = shutil.which("chromium") or ""
    for argument in ("--headless=new", "--no-sandbox", "--disable-dev-shm-usage", "--disable-gpu"):
        options.add_argument(argument)
    options.add_argument("--window-size=2600,2000")
    with Chrome(options=options, service=Service(chromedriver)) as driver:
        yield driver


@contextmanager
def _chart_page(root: str) -> Iterator[Chrome]:
    """A browser on an empty page of the app's own origin that has the chart's files and no others."""
    with chrome() as driver:
        driver.set_script_timeout(60)
        driver.execute_cdp_cmd("Page.enable", {})
        # The policy of a response that is not a page blocks every load.
        driver.execute_cdp_cmd("Page.setBypassCSP", {"enabled": True})
        driver.get(f"{root}/health")
        for name in ("css/tokens.css", "css/chart.css"):
            _load(driver, _STYLE, name)
        for name in ("js/chart/chart.mjs", "js/chart/feed.mjs"):
            _load(driver, _MODULE, name)
        yield driver


def _load(driver: Chrome, script: str, name: str) -> None:
    if not driver.execute_async_script(script, f"/assets/{name}"):
        sys.exit(f"{name} cannot be loaded")


class Redraws(NamedTuple):
    """Times in ms of one kind of redraw."""

    median: float  # of the quietest batch
    worst: float
    script: float  # median of what the page's own code took
    text: int  # px of the texts, 0 where none fits


def _redraws(driver: Chrome, causes: list[tuple[str | None, int]]) -> Redraws:
    whole: list[float] = []
    script: list[float] = []
    painted: dict[str, Any] = {}
    for message, direction in causes:
        elapsed, painted = driver.execute_async_script(_REDRAW, message, direction)
        whole.append(elapsed)
        script.append(painted["milliseconds"])
    batches = [whole[start : start + ROUNDS] for start in range(0, len(whole), ROUNDS)]
    quietest = min(map(statistics.median, batches))
    return Redraws(quietest, max(whole), statistics.median(script), painted["textSize"])


def _measure(driver: Chrome, candles: int, levels: int, width: int, height: int) -> dict[str, Redraws]:
    """Redraws of a changed candle and of a moved view, with so much in sight."""
    footprints = Footprints(candles, levels)
    driver.execute_script(_MOUNT, {}, width, height, footprints.snapshot())
    driver.execute_async_script(_ZOOM_OUT, candles)
    count = BATCHES * ROUNDS
    return {
        "nothing": _redraws(driver, [(None, 0)] * count),
        "a changed candle": _redraws(driver, [(footprints.delta(number + 2), 0) for number in range(count)]),
        "a moved view": _redraws(driver, [(None, -1 if number % 2 else 1) for number in range(count)]),
    }


def _heap_mb(driver: Chrome) -> float:
    for _ in range(2):
        driver.execute_cdp_cmd("HeapProfiler.collectGarbage", {})
    usage = driver.execute_cdp_cmd("Runtime.getHeapUsage", {})
    return float(usage["usedSize"] + usage.get("backingStorageSize", 0)) / 1e6


def _warm_up(driver: Chrome) -> None:
    """Wait until every candle of the window is a new one, and let every way of drawing happen once."""
    deadline = time.monotonic() + 120
    while not (first := driver.execute_script(_NEWEST)):
        if time.monotonic() > deadline:
            sys.exit("the market's candles do not arrive")
        time.sleep(0.1)
    for key in "[" * 12 + "f":
        driver.execute_script(
            "const event = new KeyboardEvent('keydown', {key: arguments[0]});"
            "document.querySelector('.footprint-stage').dispatchEvent(event);",
            key,
        )
        driver.execute_async_script("requestAnimationFrame(() => requestAnimationFrame(arguments[0]))")
    while driver.execute_script(_NEWEST) - first < LOOKBACK * 60_000 and time.monotonic() < deadline:
        time.sleep(0.5)


def _heap(driver: Chrome, minutes: float) -> tuple[float, float, int]:
    """Megabytes in the first and in the last third of a run, and the candles that went by."""
    view = {
        "exchange": "demo",
        "symbol": "BTCUSDT",
        "tf": "1m",
        "step": "5",
        "lookback": LOOKBACK,
        "emitMs": 100,
    }
    driver.execute_script(_MOUNT, view, 1400, 860, None)
    _warm_up(driver)
    first = driver.execute_script(_NEWEST)
    samples: list[float] = []
    end = time.monotonic() + minutes * 60
    while time.monotonic() < end:
        time.sleep(SAMPLE_S)
        samples.append(_heap_mb(driver))
    passed = driver.execute_script(_NEWEST) - first
    third = max(1, len(samples) // 3)
    return statistics.median(samples[:third]), statistics.median(samples[-third:]), passed // 60_000


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--minutes", type=float, default=1.0, help="of wall time for the heap (1)")
    parser.add_argument("--speed", type=int, default=60, help="market seconds per second (60)")
    asked = parser.parse_args()
    failed = False
    with app(asked.speed) as root, _chart_page(root) as driver:
        for candles, levels, width, height, bar in SIZES:
            for cause, figures in _measure(driver, candles, levels, width, height).items():
                failed = failed or (bar is not None and figures.median > bar)
                print(
                    f"redraw {candles:>3} x {levels} at {width} x {height}, {cause:<16}"
                    f"  median {figures.median:5.1f} ms  worst {figures.worst:5.1f} ms"
                    f"  script {figures.script:5.1f} ms  text {figures.text:>2} px"
                    f"  {'' if bar is None else f'bar {bar:.0f} ms'}",
                    flush=True,
                )
        if asked.minutes:
            before, after, candles = _heap(driver, asked.minutes)
            growth = after / before - 1
            failed = failed or growth > HEAP_BAR
            print(
                f"heap over {asked.minutes:g} min at {asked.speed} x, {candles} candles:"
                f"  {before:.2f} MB, then {after:.2f} MB ({growth:+.1%})  bar +{HEAP_BAR:.0%}"
            )
    sys.exit(failed)


if __name__ == "__main__":
    main()
