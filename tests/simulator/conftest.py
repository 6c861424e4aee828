"""A running exchange, clients of it, and the recordings if present."""

from __future__ import annotations

import contextlib
import json
import time
import urllib.error
import urllib.request
from pathlib import Path

import pytest
from websockets.sync.client import connect

from orderflow_dash.simulator import SimulatedExchange, SyntheticMarket

START_MS = 1_790_000_000_000 - 1_790_000_000_000 % 3_600_000
DATA = Path(__file__).parents[2].parent / "shared" / "data"


class JsonClient:
    """A WebSocket client that speaks JSON."""

    def __init__(self, socket):
        self.socket = socket

    def send(self, **message):
        self.socket.send(json.dumps(message))

    def ask(self, **message):
        """Sends a control message and returns the first frame that is not data."""
        self.send(**message)
        return self.until(lambda frame: not {"stream", "e", "topic"} & frame.keys())

    def receive(self, timeout=5):
        return json.loads(self.socket.recv(timeout=timeout))

    def until(self, wanted, timeout=5):
        end = time.monotonic() + timeout
        while True:
            frame = self.receive(max(0.01, end - time.monotonic()))
            if isinstance(frame, dict) and wanted(frame):
                return frame

    def take(self, n):
        return [self.receive() for _ in range(n)]

    def silent(self, timeout=0.25):
        """Whether no frame arrives within the time."""
        try:
            self.socket.recv(timeout=timeout)
        except TimeoutError:
            return True
        return False


@pytest.fixture
def running():
    """Starts exchanges, and stops them after the test."""
    with contextlib.ExitStack() as stack:

        def start(market=None, **options):
            market = SyntheticMarket(7, 20.0, START_MS) if market is None else market
            return stack.enter_context(SimulatedExchange(market, **options))

        yield start


@pytest.fixture
def joined():
    """Opens client connections, and closes them after the test."""
    with contextlib.ExitStack() as stack:

        def join(url):
            return JsonClient(stack.enter_context(connect(url, compression=None, close_timeout=0.1)))

        yield join


@pytest.fixture
def get():
    """GETs a URL; status, headers and the body, parsed if it is JSON."""

    def fetch(url):
        try:
            with urllib.request.urlopen(url, timeout=5) as reply:  # noqa: S310 - loopback
                status, headers, body = reply.status, reply.headers, reply.read()
        except urllib.error.HTTPError as error:
            with error:
                status, headers, body = error.code, error.headers, error.read()
        with contextlib.suppress(ValueError):
            body = json.loads(body)
        return status, headers, body

    return fetch


@pytest.fixture(scope="session")
def data():
    """The folder of recordings; skips the test if it is absent."""
    if not DATA.is_dir():
        pytest.skip("the recorded market data (../shared/data) is not present")
    return DATA
