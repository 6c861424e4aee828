"""Trade times that cannot be, and clocks that are apart, on feeds of both venues against real servers."""

from __future__ import annotations

import contextlib
import itertools
import json
import time
from collections.abc import Callable, Iterator
from uuid import uuid4

import pytest

from orderflow_dash.exchanges.binance.stream import BinanceProtocol
from orderflow_dash.exchanges.bybit.stream import BybitProtocol
from orderflow_dash.feeds.clock import VenueClock
from orderflow_dash.feeds.feed import Feed
from orderflow_dash.feeds.rest import RestError
from orderflow_dash.feeds.sequencing import Deduplicator, SequenceTracker
from orderflow_dash.market import Grid, State, Trade, Venue
from tests.conftest import wait_until
from tests.exchanges.frames import LISTED, aggregate, combined, print_row, public_trade
from tests.feeds.venue_server import QUICK, VenueServer

HOUR, DAY = 3_600_000, 86_400_000
VENUES = [Venue.BINANCE, Venue.BYBIT]


class Sink:
    """What a stream gave."""

    def __init__(self) -> None:
        self.trades: list[Trade] = []
        self.gaps = 0

    def on_trades(self, trades: list[Trade], grid: Grid | None = None) -> None:
        self.trades += trades

    def on_gap(self, gap: object) -> None:
        self.gaps += 1

    def on_gap_filled(self, gap: object) -> None:
        self.gaps -= 1


class Market:
    """A venue of one symbol: its clock, and the trades that a test makes."""

    def __init__(self, venue: Venue, server: VenueServer) -> None:
        self.venue = venue
        self.server = server
        self.ahead = 0  # ms, of the venue's clock
        self.answers = True
        self.sent = 0
        self._ids = itertools.count(1)
        self.clock = VenueClock()
        self.clock.ask = self.time
        self.sink = Sink()
        binance = venue is Venue.BINANCE
        self.feed = Feed(
            venue,
            server.url,
            BinanceProtocol if binance else BybitProtocol,
            SequenceTracker if binance else Deduplicator,
            dict(LISTED),
            QUICK,
            clock=self.clock,
        )

    def time(self) -> int:
        if not self.answers:
            raise RestError("HTTP 503", 503)
        return self.now

    @property
    def now(self) -> int:
        return int(time.time() * 1000) + self.ahead

    def trade(self, *wrong: int) -> None:
        """One frame with one current trade, or one trade per offset in ``wrong`` (ms)."""
        for off in wrong or (0,):
            at = self.now + off
            if self.venue is Venue.BINANCE:
                frame = combined(aggregate(a=next(self._ids), T=at, E=at, p="100.0", q="1"))
            else:
                frame = public_trade(print_row(i=str(uuid4()), T=at, p="100.0", v="1"), ts=at)
            self.server.sockets[-1].send(frame)
            self.sent += 1

    def trade_on(self, count: int, every: float = 0.02) -> None:
        """``count`` current trades."""
        for _ in range(count):
            self.trade()
            self.server.stopping.wait(every)


def _obey(server: VenueServer, socket) -> None:
    while True:
        request = server.hear(socket)
        reply = (
            {"result": None, "id": request["id"]} if "id" in request else {"op": "subscribe", "success": True}
        )
        socket.send(json.dumps(reply))


@pytest.fixture
def market() -> Iterator[Callable[[Venue], Market]]:
    """Makes venues whose symbol streams."""
    with contextlib.ExitStack() as stack:

        def make(venue: Venue) -> Market:
            made = Market(venue, stack.enter_context(VenueServer(_obey)))
            stack.callback(made.feed.stop)
            made.feed.subscribe("BTCUSDT", made.sink)
            wait_until(lambda: made.server.requests)
            return made

        yield make


@pytest.mark.parametrize("venue", VENUES)
@pytest.mark.parametrize("answers", [True, False])
@pytest.mark.parametrize("wrong", [61_000, HOUR, 23 * HOUR, 400 * DAY])
def test_one_frame_with_a_wrong_time_harms_nothing(market, venue, answers, wrong):
    """Event and trade time agree with each other, and the frame is refused alone."""
    venue_market = market(venue)
    venue_market.answers = answers
    venue_market.trade_on(3)
    venue_market.trade(wrong)
    venue_market.trade_on(20)
    sink = venue_market.sink
    wait_until(lambda: len(sink.trades) == 23)
    assert max(trade[0] for trade in sink.trades) <= venue_market.now
    health = venue_market.feed.health()
    assert (health["malformed"], health["state"]) == (1, "live")
    assert sink.gaps == 1  # the refused trade is missing


@pytest.mark.parametrize("venue", VENUES)
@pytest.mark.parametrize("apart", [-2 * DAY, -HOUR, HOUR, 2 * DAY, 40 * DAY])
def test_candles_follow_a_venue_whose_clock_is_apart(market, venue, apart):
    """The first trade counts, at the venue's time; the state names the difference."""
    venue_market = market(venue)
    venue_market.ahead = apart
    venue_market.trade_on(5)
    wait_until(lambda: len(venue_market.sink.trades) == 5)
    assert abs(venue_market.sink.trades[0][0] - venue_market.now) < 30_000
    venue_market.clock.measure()
    status = venue_market.feed.status("BTCUSDT")
    assert status.state is State.LIVE
    assert status.detail.startswith("the venue's clock is ")
    reading = venue_market.feed.health()["clock"]
    assert abs(reading["skew_ms"] - apart) < 5_000


@pytest.mark.parametrize("venue", VENUES)
def test_trades_that_agree_are_followed_without_a_time_request(market, venue):
    """The venue's clock jumps and it has no time request: after two seconds its trades count."""
    venue_market = market(venue)
    venue_market.clock.measure()
    venue_market.trade_on(3)
    venue_market.answers = False
    venue_market.ahead = 2 * DAY
    wait_until(lambda: len(venue_market.sink.trades) == 3)
    venue_market.trade_on(40, every=0.1)
    wait_until(lambda: len(venue_market.sink.trades) > 10)
    seen = len(venue_market.sink.trades)
    venue_market.trade_on(5)
    wait_until(lambda: len(venue_market.sink.trades) == seen + 5)
    assert abs(venue_market.sink.trades[-1][0] - venue_market.now) < 30_000


@pytest.mark.parametrize("venue", VENUES)
def test_a_stream_goes_on_after_the_venues_clock_went_back(market, venue):
    """No trade of the earlier time is lost."""
    venue_market = market(venue)
    venue_market.ahead = 3 * HOUR
    venue_market.trade_on(3)
    wait_until(lambda: len(venue_market.sink.trades) == 3)
    venue_market.ahead = 0
    venue_market.trade_on(10)
    wait_until(lambda: len(venue_market.sink.trades) == 13)
    assert venue_market.feed.health()["malformed"] == 0


@pytest.mark.parametrize("venue", VENUES)
def test_refused_times_are_the_cause_of_a_silence(market, venue):
    """Every trade is hours ahead of the rest: the state says why nothing is shown."""
    venue_market = market(venue)
    venue_market.clock.measure()
    venue_market.trade(23 * HOUR)
    wait_until(lambda: venue_market.feed.health()["malformed"])
    status = venue_market.feed.status("BTCUSDT")
    assert status.state is State.CONNECTING
    expected = (
        "waiting for a trade; a trade's time is 23 h 0 min ahead of the venue's clock and is not believed"
    )
    assert status.detail == f"connected, {expected}"


def test_a_bybit_frame_keeps_its_good_rows(market):
    """Rows of a wrong time are refused one by one and counted."""
    bybit = market(Venue.BYBIT)
    rows = [print_row(i=str(uuid4()), T=bybit.now + off, p="100.0", v="1") for off in (0, 5 * HOUR, 0)]
    bybit.server.sockets[-1].send(public_trade(*rows, ts=bybit.now))
    wait_until(lambda: len(bybit.sink.trades) == 2)
    assert bybit.feed.health()["malformed"] == 1
