"""Instruments as a client of the app sees them: new, early, delisted, or with a wrong clock."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from websockets.sync.client import ClientConnection

from orderflow_dash.feeds import staleness
from orderflow_dash.market import Venue
from tests.conftest import wait_until
from tests.feeds.scripted_venue import ScriptedVenue

VENUES = [Venue.BINANCE, Venue.BYBIT]
TOPICS = {Venue.BINANCE: "{}@aggTrade", Venue.BYBIT: "publicTrade.{}"}
DAY = 86_400_000


@pytest.fixture
def venue_server() -> Iterator[ScriptedVenue]:
    """Both venues, each with one perpetual."""
    with ScriptedVenue() as running:
        for venue in VENUES:
            running.list(venue, "BTCUSDT")
        yield running


def topic(venue: Venue, symbol: str) -> str:
    """The topic of a symbol's trades."""
    return TOPICS[venue].format(symbol.lower() if venue is Venue.BINANCE else symbol)


@contextmanager
def watching(served, venue: Venue, symbol: str) -> Iterator[ClientConnection]:
    """A client of a symbol."""
    with served.socket(exchange=venue.value, symbol=symbol, emit_ms=50) as socket:
        yield socket


def message(socket: ClientConnection, *kinds: str) -> dict[str, Any]:
    """The next message of one of these types."""
    while True:
        received = json.loads(socket.recv(timeout=10))
        if received["type"] in kinds:
            return received


def status(socket: ClientConnection, detail: str) -> dict[str, Any]:
    """The next status with this detail."""
    while True:
        received = message(socket, "status")
        if received["detail"] == detail:
            return received


def reachable(served, venue: Venue) -> bool:
    return served.health(venue.value)["reachable"]


def traded(venue_server: ScriptedVenue, socket: ClientConnection, venue: Venue, symbol: str) -> None:
    """Two trades pass from the venue to a client."""
    wait_until(lambda: venue_server.has_subscriber(topic(venue, symbol)))
    venue_server.trade(venue, symbol)
    venue_server.trade(venue, symbol)
    while True:
        received = message(socket, "snapshot", "delta", "error")
        assert received["type"] != "error", received
        candles = received.get("candles", [received.get("candle")])
        if sum(float(each["bid"]) + float(each["ask"]) for each in candles) == 2:
            return


@pytest.mark.parametrize("venue", VENUES)
def test_a_new_listing_opens_at_once(serve, venue_server, venue):
    """A request for it reloads the instruments."""
    served = serve(**venue_server.settings)
    wait_until(lambda: reachable(served, venue))
    venue_server.list(venue, "NEWUSDT")
    with watching(served, venue, "NEWUSDT") as socket:
        traded(venue_server, socket, venue, "NEWUSDT")


def test_an_announced_listing_is_there_before_anybody_asks(serve, venue_server):
    """Binance announces it on a stream."""
    served = serve(**venue_server.settings)
    wait_until(lambda: venue_server.has_subscriber("!contractInfo"))
    venue_server.list(Venue.BINANCE, "NEWUSDT")
    venue_server.announce("NEWUSDT")
    wait_until(lambda: served.health("binance")["symbols"] == 2)


@pytest.mark.parametrize(("venue", "state"), [(Venue.BINANCE, "PENDING_TRADING"), (Venue.BYBIT, "PreLaunch")])
def test_a_contract_that_does_not_trade_yet_opens_once_it_does(serve, venue_server, venue, state):
    """Until then the error has its status."""
    venue_server.list(venue, "NEWUSDT", state)
    served = serve(**venue_server.settings)
    wait_until(lambda: reachable(served, venue))
    with watching(served, venue, "NEWUSDT") as socket:
        received = message(socket, "error")
        assert received["code"] == "unknown_symbol"
        assert f'lists no perpetual "NEWUSDT" (its status is {state})' in received["message"]
    venue_server.list(venue, "NEWUSDT")
    with watching(served, venue, "NEWUSDT") as socket:
        traded(venue_server, socket, venue, "NEWUSDT")


@pytest.mark.parametrize(
    ("venue", "row"),
    [
        (Venue.BINANCE, {"underlyingType": "PREMARKET"}),
        (Venue.BYBIT, {"status": "PreLaunch", "preListingInfo": {"curAuctionPhase": "ContinuousTrading"}}),
    ],
)
def test_a_pre_market_contract_is_streamed(serve, venue_server, venue, row):
    """It is marked in the table."""
    venue_server.list(venue, "BPUSDT", **row)
    served = serve(**venue_server.settings)
    wait_until(lambda: reachable(served, venue))
    assert served.hub.instrument(venue, "BPUSDT").is_pre_market
    with watching(served, venue, "BPUSDT") as socket:
        traded(venue_server, socket, venue, "BPUSDT")


@pytest.mark.parametrize(
    ("venue", "state"),
    [(Venue.BINANCE, "SETTLING"), (Venue.BYBIT, "Closed"), (Venue.BYBIT, "Delivering")],
)
def test_a_watched_contract_that_is_delisted_says_so(serve, venue_server, monkeypatch, venue, state):
    """Its silence reloads the instruments; later clients get the same status."""
    monkeypatch.setattr(staleness, "_UNKNOWN_S", 0.5)
    venue_server.list(venue, "ESUSDT")
    served = serve(**venue_server.settings)
    wait_until(lambda: reachable(served, venue))
    with watching(served, venue, "ESUSDT") as socket:
        traded(venue_server, socket, venue, "ESUSDT")
        venue_server.list(venue, "ESUSDT", state)
        sentence = f"{venue.label} no longer lists ESUSDT: {state}"
        while status(socket, sentence)["state"] != "stale":
            pass
        with watching(served, venue, "ESUSDT") as later:
            assert status(later, sentence)["state"] == "stale"
    wait_until(lambda: not served.health(venue.value)["streams"])
    with watching(served, venue, "ESUSDT") as socket:
        assert f"(its status is {state})" in message(socket, "error")["message"]


@pytest.mark.parametrize("venue", VENUES)
def test_a_venue_whose_clock_is_days_ahead_is_followed(serve, venue_server, venue):
    """Candles carry its time; the state names the difference."""
    venue_server.ahead = 2 * DAY
    served = serve(**venue_server.settings)
    wait_until(lambda: reachable(served, venue))
    with watching(served, venue, "BTCUSDT") as socket:
        traded(venue_server, socket, venue, "BTCUSDT")
        received = status(socket, "the venue's clock is 2 d 0 h ahead of this server's")
        assert received["state"] == "live"
    assert served.health(venue.value)["malformed"] == 0
