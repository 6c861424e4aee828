from __future__ import annotations

import threading
from collections.abc import Callable, Iterator

import pytest

from orderflow_dash.exchanges.binance.stream import BinanceProtocol
from orderflow_dash.exchanges.bybit.stream import BybitProtocol
from orderflow_dash.feeds.feed import Feed
from orderflow_dash.feeds.listings import InstrumentProvider
from orderflow_dash.feeds.sequencing import SequenceTracker
from orderflow_dash.feeds.tickers import TickerCache
from orderflow_dash.market import Venue
from orderflow_dash.runtime.backoff import Backoff
from orderflow_dash.simulator import SimulatedExchange, SyntheticMarket
from tests.conftest import wait_until
from tests.feeds.reconcile_bench import Bench
from tests.feeds.venue_server import QUICK


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


@pytest.fixture
def bench() -> Bench:
    """Six minutes of which the first is partial and the last is open."""
    return Bench()


@pytest.fixture
def feeds() -> Iterator[Callable[..., Feed]]:
    """Makes feeds, and stops them and their threads after the test.

    Request it after an exchange, so that feeds end before it.
    """
    before = set(threading.enumerate())
    made: list[Feed] = []

    def make(url, listed, policy=QUICK, protocol=BinanceProtocol, sequencer=SequenceTracker, clock=None):
        venue = Venue.BYBIT if issubclass(protocol, BybitProtocol) else Venue.BINANCE
        made.append(Feed(venue, url, protocol, sequencer, dict(listed), policy, clock=clock))
        return made[-1]

    yield make
    for feed in made:
        feed.stop()
    wait_until(
        lambda: not [t for t in threading.enumerate() if t not in before and t.name.endswith("-trades")]
    )


@pytest.fixture
def exchange() -> Iterator[SimulatedExchange]:
    """A market that runs 20 times as fast as a clock."""
    with SimulatedExchange(SyntheticMarket(3, 20.0)) as running:
        yield running
