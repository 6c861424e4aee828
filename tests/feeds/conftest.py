from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from orderflow_dash.feeds.listings import InstrumentProvider
from orderflow_dash.feeds.tickers import TickerCache
from orderflow_dash.market import Venue
from orderflow_dash.runtime.backoff import Backoff


@pytest.fixture
def start_provider() -> Iterator[Callable[..., InstrumentProvider]]:
    """Starts instrument providers, and stops them after the test."""
    made: list[InstrumentProvider] = []

    def start(source, tickers=None, venue=Venue.BINANCE, instruments=None, clock=None) -> InstrumentProvider:
        instruments = {} if instruments is None else instruments
        backoff = Backoff(0.01, 0.02)
        made.append(InstrumentProvider(venue, source, tickers or TickerCache(), instruments, backoff, clock))
        made[-1].start()
        return made[-1]

    yield start
    for provider in made:
        provider.stop()
        provider._thread.join(5)
        assert not provider._thread.is_alive()
