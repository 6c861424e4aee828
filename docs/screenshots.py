"""``make screenshots``: the pictures of the README, taken of the app as it is, on the simulated market."""

from __future__ import annotations

import base64
import shutil
import threading
import time
from pathlib import Path
from typing import Final

from selenium.webdriver import Chrome
from selenium.webdriver.chrome.options import Options
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.support.ui import WebDriverWait
from werkzeug.serving import make_server

from orderflow_dash.application import Application
from orderflow_dash.settings import load_settings

IMAGES: Final = Path(__file__).parent / "images"
THEMES: Final = ("dark", "light")
_NOWHERE: Final = "127.0.0.1:9"
_BTC: Final = "exchange=demo&symbol=BTCUSDT&tf=1m&step=10"

# name: address, what must be there, what is cut out (else all of it), width and height
SHOTS: Final = {
    "table": ("/", ".ag-row", None, 1200, 640),
    "panel": (f"/?{_BTC}", ".footprint-readout", ".orderflow-modal .modal-content", 1200, 1500),
    "chart": (f"/?{_BTC}", ".footprint-readout", ".footprint-section", 1200, 1500),
    "compare": (
        "/compare?panel=demo:BTCUSDT:1m:10&panel=demo:ETHUSDT:1m:1",
        ".footprint-readout",
        None,
        1600,
        1100,
    ),
    "embed": (f"/embed?{_BTC}&theme={{theme}}", ".footprint-readout", None, 800, 1200),
}


def main() -> None:
    """Serve the app, open each page in both themes, and write the pictures."""
    application = Application(
        load_settings(
            demo=True,
            database_url="off",
            binance_ws=f"ws://{_NOWHERE}",
            binance_rest=f"http://{_NOWHERE}",
            bybit_ws=f"ws://{_NOWHERE}/v5/public/linear",
            bybit_rest=f"http://{_NOWHERE}",
        )
    )
    server = make_server("127.0.0.1", 0, application.server, threaded=True)
    server.daemon_threads = True
    application.start()
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        with _browser() as browser:
            for theme in THEMES:
                for name in SHOTS:
                    _take(browser, f"http://127.0.0.1:{server.server_port}", name, theme)
    finally:
        application.stop()
        server.shutdown()


def _browser() -> Chrome:
    options = Options()
    options.binary_location = shutil.which("chromium") or ""
    for argument in ("--headless=new", "--no-sandbox", "--disable-gpu", "--hide-scrollbars"):
        options.add_argument(argument)
    return Chrome(options=options, service=Service(shutil.which("chromedriver")))


def _take(browser: Chrome, root: str, name: str, theme: str) -> None:
    address, needed, part, width, height = SHOTS[name]
    size = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": False}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
    browser.get(f"{root}/help")
    browser.execute_script("localStorage.setItem('theme', JSON.stringify(arguments[0]))", theme)
    browser.get(root + address.format(theme=theme))
    WebDriverWait(browser, 20).until(
        lambda it: it.execute_script("return document.querySelector(arguments[0])", needed)
    )
    time.sleep(3)  # a market that has moved a little, fonts and charts in place
    shot = {"format": "webp", "quality": 82}
    if part:
        box = browser.execute_script(
            "const b = document.querySelector(arguments[0]).getBoundingClientRect();"
            "return {x: b.x, y: b.y, width: b.width, height: b.height, scale: 1}",
            part,
        )
        shot["clip"] = box
    image = browser.execute_cdp_cmd("Page.captureScreenshot", shot)["data"]
    (IMAGES / f"{name}-{theme}.webp").write_bytes(base64.b64decode(image))


if __name__ == "__main__":
    main()
