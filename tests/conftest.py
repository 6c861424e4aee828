"""Fixtures and helpers of all tests."""

from __future__ import annotations

import inspect
import shutil
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import httpx
import pytest
from hypothesis import settings as hypothesis_settings
from selenium.webdriver.chrome.options import Options
from websockets.sync.client import ClientConnection, connect
from werkzeug.serving import make_server

from orderflow_dash.application import Application
from orderflow_dash.live.hub import Hub
from orderflow_dash.settings import load_settings
from orderflow_dash.simulator import SimulatedExchange

# An example's duration depends on the machine's load, so it has no deadline.
hypothesis_settings.register_profile("shared machine", deadline=None)
hypothesis_settings.load_profile("shared machine")

DATA = Path(__file__).parents[2] / "shared" / "data"


def pytest_setup_options() -> Options:
    """Chromium as Debian packages it, at a trader's usual width."""
    options = Options()
    options.binary_location = shutil.which("chromium") or ""
    options.add_argument("--window-size=1400,900")
    options.add_argument("--force-device-scale-factor=1")
    options.add_argument("--hide-scrollbars")
    return options


@pytest.fixture(scope="session")
def recorded_data() -> Path:
    """The folder of real recorded market data, which is not part of the repository."""
    if not DATA.is_dir():
        pytest.skip("the recorded market data is not beside this checkout")
    return DATA


_STOP_POLL_S = 0.02  # werkzeug's default of 0.5 s would delay the end of each test


class Served:
    """The whole application on a free loopback port."""

    def __init__(self, **settings: Any) -> None:
        self.application = Application(load_settings(**settings))
        self._server = make_server("127.0.0.1", 0, self.application.server, threaded=True)
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, args=(_STOP_POLL_S,), daemon=True)
        self.application.start()
        self._thread.start()

    @property
    def hub(self) -> Hub:
        return self.application.hub

    @property
    def url(self) -> str:
        """Its root, without a trailing slash."""
        return f"http://127.0.0.1:{self._server.server_port}"

    def socket(self, **query: object) -> ClientConnection:
        """A client of ``/ws/orderflow``."""
        root = self.url.replace("http", "ws")
        return connect(f"{root}/ws/orderflow?{urlencode(query)}", max_size=1 << 26, proxy=None)

    def health(self, venue: str) -> dict[str, Any]:
        """A venue's feed in ``/health``."""
        body = httpx.get(f"{self.url}/health", trust_env=False).json()
        return body["feeds"][venue]

    def stop(self) -> None:
        self.application.stop()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


UNREACHABLE = {
    "binance_ws": "ws://127.0.0.1:9",
    "binance_rest": "http://127.0.0.1:9",
    "bybit_ws": "ws://127.0.0.1:9/v5/public/linear",
    "bybit_rest": "http://127.0.0.1:9",
}


def venues_at(exchange: SimulatedExchange) -> dict[str, str]:
    """Settings that point both venues at a simulated exchange."""
    return {
        "binance_ws": exchange.ws_root,
        "binance_rest": exchange.rest_root,
        "bybit_ws": exchange.bybit_ws,
        "bybit_rest": exchange.rest_root,
    }


@pytest.fixture
def serve() -> Iterator[Callable[..., Served]]:
    """Starts applications and stops them after the test. Venues are unreachable unless given."""
    running: list[Served] = []

    def start(**settings: Any) -> Served:
        served = Served(
            **{
                **UNREACHABLE,
                "demo": False,
                "database_url": "off",
                "stream_idle_s": 0.5,
                "panel_timeout_s": 3,
                **settings,
            }
        )
        running.append(served)
        return served

    yield start
    for served in running:
        served.stop()


def wait_until(condition: Callable[[], object], seconds: float = 10.0, what: str = "") -> None:
    """Waits until a condition holds; fails after ``seconds``."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, (
            f"not within {seconds} s: {what or inspect.getsource(condition).strip()}"
        )
        threading.Event().wait(0.01)
