"""What a venue lists, whether it can be reached, and its tickers."""

from __future__ import annotations

import contextlib
import json
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from decimal import Decimal

import pytest

from orderflow_dash.feeds import listings as directory_module
from orderflow_dash.feeds.clock import VenueClock
from orderflow_dash.feeds.listing_sources import BinanceListing, BybitListing
from orderflow_dash.feeds.listings import InstrumentProvider
from orderflow_dash.feeds.rest import RestClient, RestError
from orderflow_dash.feeds.tickers import TickerCache
from orderflow_dash.market import Instrument, Ticker, Venue
from orderflow_dash.runtime.backoff import Backoff
from orderflow_dash.simulator import SimulatedExchange, SyntheticMarket
from tests.conftest import wait_until
from tests.exchanges.frames import instrument
from tests.feeds.venue_server import QUICK, VenueServer

BTC, ETH = instrument("BTCUSDT", "0.1", "0.001"), instrument("ETHUSDT", "0.01", "0.001")


class ListingByHand:
    """A venue whose answers a test sets."""

    poll_s = 0.01
    reload_s = 60.0

    def __init__(self) -> None:
        self.absent: dict[str, str] = {}
        self.statuses: dict[str, str] = {}
        self.asked_for: list[str] = []
        self.loads = 0
        self.changed: Callable[[], None] | None = None
        self.slow = threading.Event()  # while set, a load waits
        self.listed: dict[str, Instrument] = {"BTCUSDT": BTC}
        self.failure: Exception | None = None
        self.polls = 0
        self.watched: list[bool] = []
        self.closed = False
        self.times = 0
        self.clock_ahead: int | None = 0  # ms

    def load(self) -> dict[str, Instrument]:
        self.loads += 1
        while self.slow.is_set():
            time.sleep(0.01)
        if self.failure is not None:
            raise self.failure
        return dict(self.listed)

    def poll(self, report) -> None:
        if self.failure is not None:
            raise self.failure
        self.polls += 1
        report([Ticker("BTCUSDT", last=Decimal(self.polls)), Ticker("UNLISTED", last=Decimal(1))])

    def time(self) -> int:
        self.times += 1
        if self.clock_ahead is None:
            raise RestError("HTTP 404", 404)
        return int(time.time() * 1000) + self.clock_ahead

    def attend(self, changed: Callable[[], None]) -> None:
        self.changed = changed

    def status_of(self, symbol: str) -> str:
        self.asked_for.append(symbol)
        if symbol == "BROKEN":
            raise RestError("HTTP 500", 500)
        return self.absent.get(symbol) or self.statuses.get(symbol, "")

    def watch(self, report) -> None:
        self.watched.append(report is not None)

    def close(self) -> None:
        self.closed = True


@pytest.fixture
def start() -> Iterator[Callable[..., InstrumentProvider]]:
    """Starts directories, and stops them after the test."""
    made: list[InstrumentProvider] = []

    def begin(listing, tickers=None, venue=Venue.BINANCE, instruments=None, clock=None) -> InstrumentProvider:
        instruments = {} if instruments is None else instruments
        backoff = Backoff(0.01, 0.02)
        made.append(InstrumentProvider(venue, listing, tickers or TickerCache(), instruments, backoff, clock))
        made[-1].start()
        return made[-1]

    yield begin
    for provider in made:
        provider.stop()
        provider._thread.join(5)
        assert not provider._thread.is_alive()


def test_a_venue_that_answers_is_reachable(start):
    """Its instruments and first tickers are there with the first answer."""
    listing, tickers = ListingByHand(), TickerCache()
    provider = start(listing, tickers)
    assert provider.answered.wait(5)
    assert (provider.reachable, provider.detail) == (True, "")
    assert provider.instruments == {"BTCUSDT": BTC}
    assert set(tickers.rows) == {(Venue.BINANCE, "BTCUSDT")}
    assert listing.watched == []


@pytest.mark.parametrize(
    ("failure", "detail"),
    [
        (RestError("h: asked too often (HTTP 429)"), "h: asked too often (HTTP 429)"),
        (ValueError("a body without symbols"), "a body without symbols"),
        (KeyError("a defect of ours"), "internal error"),
    ],
)
def test_a_venue_that_fails_says_why_and_is_tried_again(start, failure, detail):
    """Whatever went wrong is told, answers the wait, and ends with the first success."""
    listing = ListingByHand()
    listing.failure = failure
    provider = start(listing)
    assert provider.answered.wait(5)
    assert (provider.reachable, provider.detail, provider.instruments) == (False, detail, {})
    listing.failure = None
    wait_until(lambda: provider.reachable)
    assert provider.detail == ""
    listing.failure = RestError("gone")
    provider.look()
    wait_until(lambda: not provider.reachable)
    assert provider.instruments == {"BTCUSDT": BTC}  # what was listed still counts


def test_a_stop_closes_the_listing(start):
    """What it holds is released by its own thread, after the last request."""
    listing = ListingByHand()
    provider = start(listing)
    assert provider.answered.wait(5)
    provider.stop()
    wait_until(lambda: listing.closed)


def test_a_venue_that_lists_nothing_counts_as_failed(start):
    """An empty list is no answer."""
    listing = ListingByHand()
    listing.listed = {}
    provider = start(listing)
    assert provider.answered.wait(5)
    assert provider.detail == "the venue lists no tradable perpetual"


def test_new_listings_arrive_in_the_same_dict(start, monkeypatch):
    """Whoever holds the instruments sees what is listed and what is gone."""
    monkeypatch.setattr(ListingByHand, "reload_s", 0.0)
    listing, held = ListingByHand(), {}
    provider = start(listing, instruments=held)
    wait_until(lambda: provider.reachable)
    listing.listed = {"ETHUSDT": ETH}
    wait_until(lambda: held == {"ETHUSDT": ETH})
    assert provider.instruments is held


def test_tickers_are_live_only_while_somebody_looks(start, monkeypatch):
    """A look keeps them live for a while; after that the venue is left in peace."""
    monkeypatch.setattr(directory_module, "_INTEREST_S", 0.1)
    listing = ListingByHand()
    provider = start(listing)
    wait_until(lambda: provider.reachable)
    assert listing.polls == 1
    provider.look()
    wait_until(lambda: listing.watched == [True, False])
    polls = listing.polls
    assert polls > 1
    provider.look()
    wait_until(lambda: listing.polls > polls)


@pytest.fixture
def exchange() -> Iterator[SimulatedExchange]:
    """A market on loopback."""
    with SimulatedExchange(SyntheticMarket(3, 20.0, history_ms=60_000)) as running:
        yield running


@pytest.fixture
def rest(exchange) -> Iterator[RestClient]:
    """A client of its REST side."""
    with contextlib.closing(RestClient(exchange.rest_root)) as client:
        yield client


def test_binance_listing_on_a_real_server(exchange, rest, start, monkeypatch):
    """Instruments, 24 h figures, funding and open interest by REST, prices by the array streams."""
    monkeypatch.setattr(BinanceListing, "poll_s", 0.01)
    instruments, tickers = {}, TickerCache()
    listing = BinanceListing(Venue.BINANCE, rest, exchange.ws_root, QUICK, instruments)
    provider = start(listing, tickers, instruments=instruments)
    wait_until(lambda: provider.reachable)
    first = tickers.rows[Venue.BINANCE, "BTCUSDT"]
    assert None not in (first.last, first.change_24h, first.volume_24h, first.funding)
    provider.look()
    wait_until(lambda: exchange.connections)
    wait_until(lambda: all(row.open_interest for row in list(tickers.rows.values())), 20)
    assert len(tickers.rows) == len(instruments) > 5
    wait_until(lambda: "!ticker@arr" in exchange.connections[0].subscriptions)
    moved = tickers.rows[Venue.BINANCE, "BTCUSDT"].time
    wait_until(lambda: tickers.rows[Venue.BINANCE, "BTCUSDT"].time > moved)
    provider._interest_until = 0.0
    wait_until(lambda: exchange.connections[0].subscriptions == ("!contractInfo", "btcusdt@markPrice@1s"))
    provider.stop()
    wait_until(lambda: not exchange.connections)


@pytest.mark.parametrize("path", ["*ticker*", "*premiumIndex*"])
def test_a_full_read_that_failed_is_due_again(exchange, rest, path):
    """A first read of the tickers that breaks half-way is made good at the next poll."""
    told: list[Ticker] = []
    listing = BinanceListing(Venue.BINANCE, rest, exchange.ws_root, QUICK, {"BTCUSDT": BTC})
    exchange.faults.http(503, path=path)
    with pytest.raises(RestError):
        listing.poll(told.extend)
    listing.poll(told.extend)
    assert any(ticker.last for ticker in told)
    assert any(ticker.funding for ticker in told)
    listing.poll(told.extend)
    assert told[-1].open_interest


def test_a_symbol_without_open_interest_is_no_fault_of_the_venue(exchange, rest):
    """A 400 for one symbol is passed over and the round goes on; any other refusal is told."""
    told: list[Ticker] = []
    listing = BinanceListing(Venue.BINANCE, rest, exchange.ws_root, QUICK, {"BTCUSDT": BTC})
    listing.poll(told.extend)
    exchange.faults.http(400, path="*openInterest*")
    listing.poll(told.extend)
    assert told[-1].open_interest
    exchange.faults.http(451, path="*openInterest*")
    with pytest.raises(RestError, match="location"):
        listing.poll(told.extend)


def test_frames_without_tickers_do_no_harm(exchange, rest):
    """Refusals, malformed frames and breaks leave the table as it is."""
    listing = BinanceListing(Venue.BINANCE, rest, exchange.ws_root, QUICK, {})
    told: list[Ticker] = []
    listing.watch(told.extend)
    wait_until(lambda: exchange.connections)
    wait_until(lambda: told)
    exchange.faults.server_shutdown()
    exchange.faults.close(Venue.BINANCE)
    wait_until(lambda: listing._connection.reconnects == 1)
    listing.on_malformed("odd")
    listing.on_aged(listing._connection)
    seen = len(told)
    wait_until(lambda: len(told) > seen)
    listing.watch(None)
    wait_until(lambda: not exchange.connections)
    listing.watch(None)


def test_bybit_listing_on_a_real_server(rest, start, monkeypatch):
    """Instruments page by page; one request tells every ticker."""
    monkeypatch.setattr(BybitListing, "poll_s", 0.01)
    tickers = TickerCache()
    provider = start(BybitListing(Venue.BYBIT, rest), tickers, Venue.BYBIT)
    wait_until(lambda: provider.reachable)
    provider.look()
    revision = tickers.revision
    wait_until(lambda: tickers.revision > revision + 2)
    row = tickers.rows[Venue.BYBIT, "BTCUSDT"]
    assert None not in (row.last, row.change_24h, row.volume_24h, row.funding, row.open_interest)


class Pages:
    """A REST side that answers with these bodies, one after another."""

    def __init__(self, *cursors: str) -> None:
        self.cursors = list(cursors)
        self.asked: list[object] = []
        self.statuses: list[object] = []

    def get(self, path, params=None) -> bytes:
        if "status" in params:
            self.statuses.append(params["status"])
            return b'{"retCode":0,"result":{"list":[]}}'
        self.asked.append(params["cursor"])
        number = len(self.asked)
        cursor = self.cursors[min(number, len(self.cursors)) - 1]
        row = (
            f'{{"symbol":"S{number}","contractType":"LinearPerpetual","status":"Trading","baseCoin":"S",'
            '"quoteCoin":"USDT","priceFilter":{"tickSize":"0.1"},"lotSizeFilter":{"qtyStep":"1"}}'
        )
        return f'{{"retCode":0,"result":{{"list":[{row}],"nextPageCursor":"{cursor}"}}}}'.encode()


def test_bybit_pages_are_followed_to_the_last_one():
    """Each page is asked for with the cursor of the one before."""
    pages = Pages("a", "b", "")
    assert set(BybitListing(Venue.BYBIT, pages).load()) == {"S1", "S2", "S3"}
    assert pages.asked == ["", "a", "b"]


def test_cursors_that_never_end_are_given_up():
    """A venue that goes round in circles does not hang the directory."""
    pages = Pages("again")
    assert len(BybitListing(Venue.BYBIT, pages).load()) == len(pages.asked) == 20


@pytest.mark.parametrize("listing_of", [BinanceListing, BybitListing])
def test_a_venues_time_is_asked_for(exchange, rest, listing_of):
    """The simulated venues' clock is the machine's own: they differ by no more than is told."""
    if listing_of is BybitListing:
        listing = BybitListing(Venue.BYBIT, rest)
    else:
        listing = BinanceListing(Venue.BINANCE, rest, exchange.ws_root, QUICK, {})
    before = exchange.source.now()
    assert before <= listing.time() <= exchange.source.now()


def test_a_directory_measures_the_venues_clock(start):
    """Once a minute, by the second of two questions."""
    listing, clock = ListingByHand(), VenueClock()
    listing.clock_ahead = 7_000
    start(listing, clock=clock)
    wait_until(clock.reading)
    assert listing.times == 2
    reading = clock.reading()
    assert reading is not None
    assert abs(reading.skew_ms - 7_000) <= reading.within_ms + 2


def test_a_venue_without_a_clock_is_reachable_even_so(start):
    """What cannot be told is not known, and that is all."""
    listing, clock = ListingByHand(), VenueClock()
    listing.clock_ahead = None
    provider = start(listing, clock=clock)
    wait_until(lambda: listing.times)
    provider.look()
    wait_until(lambda: listing.polls > 3)
    assert provider.reachable
    assert clock.reading() is None


# -- what is new, and what is gone ----------------------------------------------------------------


def test_a_listing_is_loaded_again_on_demand(start):
    """Whoever waits sees what the venue lists now."""
    listing = ListingByHand()
    provider = start(listing)
    wait_until(lambda: provider.reachable)
    listing.listed["ETHUSDT"] = ETH
    provider.refresh(5.0)
    assert provider.instruments["ETHUSDT"] == ETH


def test_a_tick_that_changes_is_there_with_the_next_load(start):
    """The dict holds the venue's present tick and lot."""
    listing = ListingByHand()
    provider = start(listing)
    wait_until(lambda: provider.reachable)
    listing.listed["BTCUSDT"] = finer = replace(BTC, tick=Decimal("0.01"))
    provider.refresh(5.0)
    assert provider.instruments["BTCUSDT"] == finer


def test_loads_on_demand_are_limited(start, monkeypatch):
    """A few at once, then one by one; who comes too soon does not wait, and its load comes later."""
    monkeypatch.setattr(directory_module, "_SPACING_S", 0.5)
    listing = ListingByHand()
    provider = start(listing)
    wait_until(lambda: provider.reachable)
    begun = time.monotonic()
    for _ in range(50):
        provider.refresh(0.3)
    assert listing.loads <= 2 + directory_module._AT_ONCE + (time.monotonic() - begun) / 0.5
    loads = listing.loads
    wait_until(lambda: listing.loads > loads)


def test_waiting_for_a_load_is_bounded(start):
    """In time and in how many wait: a venue that hangs keeps no page's threads."""
    listing = ListingByHand()
    provider = start(listing)
    wait_until(lambda: provider.reachable)
    listing.slow.set()
    waiting = [threading.Thread(target=provider.refresh, args=(1.0,)) for _ in range(4)]
    for thread in waiting:
        thread.start()
    wait_until(lambda: provider._waiting._value == 0)
    begun = time.monotonic()
    provider.refresh(1.0)
    assert time.monotonic() - begun < 0.5
    for thread in waiting:
        thread.join(5)
    assert not any(thread.is_alive() for thread in waiting)
    listing.slow.clear()


def test_a_load_that_fails_keeps_what_was_listed(start):
    """Whoever waits for it goes on."""
    listing = ListingByHand()
    provider = start(listing)
    wait_until(lambda: provider.reachable)
    listing.failure = ValueError("half a body")
    begun = time.monotonic()
    provider.refresh(5.0)
    assert time.monotonic() - begun < 4
    assert provider.instruments == {"BTCUSDT": BTC}
    provider.refresh(5.0)  # out of reach: left to its own retries
    assert time.monotonic() - begun < 4


def test_an_announced_change_makes_it_load(start):
    """Where the venue announces one."""
    listing = ListingByHand()
    provider = start(listing)
    wait_until(lambda: listing.changed)
    listing.listed["ETHUSDT"] = ETH
    listing.changed()
    wait_until(lambda: "ETHUSDT" in provider.instruments)


def test_what_is_announced_is_loaded_once_more(start, monkeypatch):
    """The venue's REST side may be behind its announcement."""
    monkeypatch.setattr(directory_module, "_ANNOUNCED_S", 0.3)
    listing = ListingByHand()
    provider = start(listing)
    wait_until(lambda: listing.changed)
    loads = listing.loads
    listing.changed()
    wait_until(lambda: listing.loads > loads)
    listing.listed["ETHUSDT"] = ETH
    wait_until(lambda: "ETHUSDT" in provider.instruments)


@pytest.mark.parametrize(("status", "told"), [("SETTLING", ": SETTLING"), ("", "")])
def test_a_symbol_that_is_no_longer_listed_says_so(start, status, told):
    """With the venue's status where there is one; listed again it says nothing."""
    listing = ListingByHand()
    listing.listed["ETHUSDT"] = ETH
    provider = start(listing)
    wait_until(lambda: provider.reachable)
    assert provider.absence("ETHUSDT") == provider.absence("NEVER") == ""
    del listing.listed["ETHUSDT"]
    listing.statuses["ETHUSDT"] = status
    provider.refresh(5.0)
    assert provider.absence("ETHUSDT") == f"Binance no longer lists ETHUSDT{told}"
    assert provider.status_of("ETHUSDT") == status
    listing.listed["ETHUSDT"] = ETH
    provider.refresh(5.0)
    assert provider.absence("ETHUSDT") == provider.status_of("ETHUSDT") == ""


def test_the_status_of_a_symbol_that_was_never_listed_is_asked_for(start):
    """Of the one that somebody asks for; a request that fails costs nothing else."""
    listing = ListingByHand()
    listing.statuses["OLDUSDT"] = "Closed"
    provider = start(listing)
    wait_until(lambda: provider.reachable)
    provider.refresh(5.0, "OLDUSDT")
    assert provider.status_of("OLDUSDT") == "Closed"
    provider.refresh(5.0, "BROKEN")
    assert provider.status_of("BROKEN") == ""
    assert provider.reachable


def test_doubts_are_limited(start):
    """A silent symbol makes it load once, however often its state is asked for."""
    listing = ListingByHand()
    provider = start(listing)
    wait_until(lambda: provider.reachable)
    loads = listing.loads
    for _ in range(100):
        provider.doubt("BTCUSDT")
        provider.doubt("ETHUSDT")
    wait_until(lambda: listing.loads > loads)
    wait_until(lambda: listing.loads == loads + 1)


def test_binance_announces_its_listing_on_the_market_route(rest):
    """One connection carries it for as long as the directory runs, looked at or not."""

    def announce(server: VenueServer, socket) -> None:
        while True:
            request = server.hear(socket)
            socket.send(json.dumps({"result": None, "id": request["id"]}))
            if "!contractInfo" in request["params"]:
                change = {"e": "contractInfo", "E": 1, "s": "NEWUSDT", "cs": "TRADING", "st": 1}
                socket.send(json.dumps({"stream": "!contractInfo", "data": change}))

    changes = threading.Event()
    with VenueServer(announce) as server:
        root = server.url.removesuffix("/market/stream")
        listing = BinanceListing(Venue.BINANCE, rest, root, QUICK, {})
        listing.attend(changes.set)
        assert changes.wait(5)
        listing.watch([].extend)
        wait_until(lambda: "!ticker@arr" in str(server.requests))
        listing.watch(None)
        wait_until(lambda: server.requests[-1]["method"] == "UNSUBSCRIBE")
        assert len(server.sockets) == 1
        listing._close_connection()


class Bodies:
    """A REST side of Bybit that answers by symbol and status."""

    def __init__(self, *rows: dict[str, object]) -> None:
        self.rows = rows
        self.refuses_status = False

    def get(self, path, params=None) -> bytes:
        status, symbol = params.get("status"), params.get("symbol")
        if status == "PreLaunch" and self.refuses_status:
            return b'{"retCode":10001,"retMsg":"params error: status invalid"}'
        rows = [
            row
            for row in self.rows
            if row["status"] == (status or "Trading") and symbol in (None, row["symbol"])
        ]
        return json.dumps({"retCode": 0, "result": {"list": rows}}).encode()


def bybit_row(symbol: str, status: str, phase: str | None = None) -> dict[str, object]:
    """A row of instruments-info."""
    return {
        "symbol": symbol, "contractType": "LinearPerpetual", "status": status, "baseCoin": symbol[:-4],
        "quoteCoin": "USDT", "priceFilter": {"tickSize": "0.1"}, "lotSizeFilter": {"qtyStep": "1"},
        "preListingInfo": {"curAuctionPhase": phase} if phase else None,
    }  # fmt: skip


def test_bybit_contracts_before_their_launch_are_listed_once_they_trade():
    """They are asked for by their status; those in an auction are absent."""
    bodies = Bodies(
        bybit_row("BTCUSDT", "Trading"),
        bybit_row("BPUSDT", "PreLaunch", "ContinuousTrading"),
        bybit_row("CPUSDT", "PreLaunch", "CallAuction"),
    )
    listing = BybitListing(Venue.BYBIT, bodies)
    listed = listing.load()
    assert {symbol: each.is_pre_market for symbol, each in listed.items()} == {
        "BTCUSDT": False,
        "BPUSDT": True,
    }
    assert listing.absent == {"CPUSDT": "PreLaunch, CallAuction"}


def test_a_server_without_that_status_lists_what_trades():
    """A refusal of the second request is no failure of the first."""
    bodies = Bodies(bybit_row("BTCUSDT", "Trading"))
    bodies.refuses_status = True
    assert set(BybitListing(Venue.BYBIT, bodies).load()) == {"BTCUSDT"}


@pytest.mark.parametrize("status", ["Closed", "Delivering"])
def test_bybit_tells_what_became_of_a_symbol(status):
    """The plain listing leaves it out; a request by its status gives it."""
    listing = BybitListing(Venue.BYBIT, Bodies(bybit_row("ESUSDT", status)))
    assert listing.status_of("ESUSDT") == status
    assert listing.status_of("NOPEUSDT") == ""


def test_binance_loads_soon_while_a_contract_waits_for_its_first_trade():
    """Within a minute of trading it is listed, announced or not."""

    class Body:
        status = "PENDING_TRADING"

        def get(self, path, params=None) -> bytes:
            filters = [
                {"filterType": "PRICE_FILTER", "tickSize": "0.1"},
                {"filterType": "LOT_SIZE", "stepSize": "1"},
            ]
            row = {
                "symbol": "NEWUSDT",
                "contractType": "PERPETUAL",
                "status": self.status,
                "filters": filters,
            }
            return json.dumps({"symbols": [{**row, "baseAsset": "NEW", "quoteAsset": "USDT"}]}).encode()

    body = Body()
    listing = BinanceListing(Venue.BINANCE, body, "ws://127.0.0.1:9", QUICK, {})
    assert (listing.load(), listing.absent) == ({}, {"NEWUSDT": "PENDING_TRADING"})
    assert listing.reload_s < 60
    body.status = "TRADING"
    assert set(listing.load()) == {"NEWUSDT"}
    assert listing.reload_s > 60
