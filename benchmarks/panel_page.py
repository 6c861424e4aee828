"""``make bench-browser``: the cost of the page in a browser: first load, opening a panel, open panels.

In a headless Chromium, on the simulated market in real time. Opening is from the click on a row to the frame
that paints the first candles of the footprint chart, on a stream that runs already. The main thread's share
is the processor time that Chromium counts for tasks while one panel, or six on ``/compare``, are open with
all of their charts. Exits with 1 if a bar is not met.
"""

from __future__ import annotations

import statistics
import sys
import time

from selenium.webdriver import Chrome

from benchmarks.footprint_chart import app, chrome

LOAD_BAR_MB = 2.2
OPEN_BAR_MS = 500.0
BUSY_BAR = 0.075
BUSY_BAR_OF_SIX = 0.28
_OPENINGS = 7
_WATCH_S = 60.0  # a full minute: a closing candle and a redraw of the profile cost most
_VIEW = "?exchange=demo&symbol=BTCUSDT&tf=1m&step=10"
_SIX = "compare?" + "&".join(
    f"panel=demo:{symbol}USDT:1m" for symbol in ("BTC", "ETH", "SOL", "XRP", "BNB", "DOGE")
)

# From the click to the first picture of the chart.
_OPEN = """
const done = arguments[0];
const row = document.querySelector('.symbol-table .ag-row[row-id="demo:BTCUSDT"] [col-id="symbol"]');
const start = performance.now();
row.click();
const look = () => {
  const candle = document.querySelector('.footprint-readout dd');
  const canvas = document.querySelector('.footprint-mount canvas');
  if (canvas && canvas.width && candle && /[0-9]/.test(candle.textContent)) {
    requestAnimationFrame(() => done(performance.now() - start));
  } else requestAnimationFrame(look);
};
look();
"""


def loaded_mb(driver: Chrome, root: str) -> float:
    """Bytes over the wire of the first load of ``/``, nothing cached."""
    driver.execute_cdp_cmd("Network.enable", {})
    driver.execute_cdp_cmd("Network.clearBrowserCache", {})
    driver.get(root)
    _wait(driver, ".symbol-table .ag-row")
    time.sleep(2)
    script = (
        "return [...performance.getEntriesByType('resource'), ...performance.getEntriesByType('navigation')]"
        ".reduce((sum, each) => sum + each.transferSize, 0)"
    )
    # Reporting network events is work of the main thread that no user has.
    driver.execute_cdp_cmd("Network.disable", {})
    return float(driver.execute_script(script)) / 1e6


def opening_ms(driver: Chrome, root: str) -> list[float]:
    """From the click on a row to the first painted candles, time after time."""
    driver.set_script_timeout(30)
    driver.get(f"{root}/{_VIEW}")  # starts the stream
    _wait(driver, ".footprint-readout")
    times = []
    for _ in range(_OPENINGS):
        driver.get(root)
        _wait(driver, '.symbol-table .ag-row[row-id="demo:BTCUSDT"]')
        time.sleep(1)
        times.append(float(driver.execute_async_script(_OPEN)))
    return times


def busy_share(driver: Chrome, root: str, page: str, panels: int) -> float:
    """The share of the time that the main thread works while the panels of a page are open."""
    driver.get(f"{root}/{page}")
    _wait(driver, ".footprint-readout", panels)
    time.sleep(5)
    # Processor time of the thread: other load of this machine does not count.
    driver.execute_cdp_cmd("Performance.enable", {"timeDomain": "threadTicks"})
    before, start = _task_s(driver), time.monotonic()
    time.sleep(_WATCH_S)
    return (_task_s(driver) - before) / (time.monotonic() - start)


def _task_s(driver: Chrome) -> float:
    metrics = driver.execute_cdp_cmd("Performance.getMetrics", {})["metrics"]
    return float(next(each["value"] for each in metrics if each["name"] == "TaskDuration"))


def _wait(driver: Chrome, css: str, count: int = 1) -> None:
    deadline = time.monotonic() + 30
    while driver.execute_script("return document.querySelectorAll(arguments[0]).length", css) < count:
        if time.monotonic() > deadline:
            raise TimeoutError(f"no {css} within 30 s")
        time.sleep(0.05)


def main() -> None:
    """Print the figures."""
    with app(speed=1) as root, chrome() as driver:
        driver.execute_cdp_cmd(
            "Emulation.setDeviceMetricsOverride",
            {"width": 1400, "height": 1000, "deviceScaleFactor": 1, "mobile": False},
        )
        load = loaded_mb(driver, root)
        opening = statistics.median(opening_ms(driver, root))
        busy = busy_share(driver, root, _VIEW, 1)
        busy_with_six = busy_share(driver, root, _SIX, 6)
    print(f"first load over the wire                  {load:6.2f} MB   bar {LOAD_BAR_MB} MB")
    print(f"click on a row to first painted candles   {opening:6.0f} ms   bar {OPEN_BAR_MS:.0f} ms")
    print(f"main thread with a panel open             {busy:6.1%}      bar {BUSY_BAR:.1%}")
    print(f"main thread with six panels open          {busy_with_six:6.1%}      bar {BUSY_BAR_OF_SIX:.0%}")
    sys.exit(
        load > LOAD_BAR_MB or opening > OPEN_BAR_MS or busy > BUSY_BAR or busy_with_six > BUSY_BAR_OF_SIX
    )


if __name__ == "__main__":
    main()
