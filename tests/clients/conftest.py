"""One simulated exchange and one application on it, shared by all clients of a test run."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator

import pytest

from orderflow_dash.simulator import SimulatedExchange, SyntheticMarket
from tests.clients.ledger import ServedCandles
from tests.conftest import Served, venues_at

SPEED = 30.0


@pytest.fixture(scope="session")
def exchange() -> Iterator[SimulatedExchange]:
    """A market thirty times as fast as real time, after ten minutes of trades."""
    market = SyntheticMarket(seed=19, speed=SPEED, history_ms=600_000)
    with SimulatedExchange(market) as running:
        yield running


@pytest.fixture(scope="session")
def application(exchange: SimulatedExchange) -> Iterator[Served]:
    """The whole app, with both venues at the exchange."""
    running = Served(demo=False, database_url="off", stream_idle_s=30, **venues_at(exchange))
    yield running
    running.stop()


@pytest.fixture
def served(application: Served) -> Iterator[Callable[..., ServedCandles]]:
    """The app's minute candles of a symbol, in the instrument's own ticks."""
    with contextlib.ExitStack() as stack:

        def watch(exchange: str, symbol: str, step: str) -> ServedCandles:
            socket = application.socket(exchange=exchange, symbol=symbol, tf="1m", step=step, emit_ms=50)
            return ServedCandles(stack.enter_context(socket))

        yield watch
