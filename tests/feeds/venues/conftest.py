from __future__ import annotations

import contextlib
from collections.abc import Iterator

import pytest

from orderflow_dash.feeds.rest import RestClient
from orderflow_dash.simulator import SimulatedExchange, SyntheticMarket


@pytest.fixture
def exchange() -> Iterator[SimulatedExchange]:
    """A simulated exchange on loopback."""
    with SimulatedExchange(SyntheticMarket(3, 20.0, history_ms=60_000)) as running:
        yield running


@pytest.fixture
def rest(exchange) -> Iterator[RestClient]:
    """A client of the exchange's REST API."""
    with contextlib.closing(RestClient(exchange.rest_root)) as client:
        yield client
