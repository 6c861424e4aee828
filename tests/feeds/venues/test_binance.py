"""Binance's instrument listing, on a real server."""

from __future__ import annotations

import json
import threading

import pytest

from orderflow_dash.feeds.rest import RestError
from orderflow_dash.feeds.tickers import TickerCache
from orderflow_dash.feeds.venues.binance import BinanceListing
from orderflow_dash.market import Ticker, Venue
from tests.conftest import wait_until
from tests.feeds.scripted_listing import BTC
from tests.feeds.venue_server import QUICK, VenueServer


def test_binance_listing_on_a_real_server(exchange, rest, start_provider, monkeypatch):
    """Instruments, 24 h figures, funding and open interest by REST, prices by the array streams."""
    monkeypatch.setattr(BinanceListing, "poll_s", 0.01)
    instruments, tickers = {}, TickerCache()
    listing = BinanceListing(Venue.BINANCE, rest, exchange.ws_root, QUICK, instruments)
    provider = start_provider(listing, tickers, instruments=instruments)
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
    provider._live.interest_until = 0.0
    wait_until(lambda: exchange.connections[0].subscriptions == ("!contractInfo", "btcusdt@markPrice@1s"))
    provider.stop()
    wait_until(lambda: not exchange.connections)


@pytest.mark.parametrize("path", ["*ticker*", "*premiumIndex*"])
def test_a_full_read_that_failed_is_due_again(exchange, rest, path):
    """A first read of the tickers that breaks half-way is made good at the next poll."""
    reported: list[Ticker] = []
    listing = BinanceListing(Venue.BINANCE, rest, exchange.ws_root, QUICK, {"BTCUSDT": BTC})
    exchange.faults.http(503, path=path)
    with pytest.raises(RestError):
        listing.poll(reported.extend)
    listing.poll(reported.extend)
    assert any(ticker.last for ticker in reported)
    assert any(ticker.funding for ticker in reported)
    listing.poll(reported.extend)
    assert reported[-1].open_interest


def test_a_symbol_without_open_interest_does_not_end_the_round(exchange, rest):
    """A 400 for one symbol is skipped; any other refusal is raised."""
    reported: list[Ticker] = []
    listing = BinanceListing(Venue.BINANCE, rest, exchange.ws_root, QUICK, {"BTCUSDT": BTC})
    listing.poll(reported.extend)
    exchange.faults.http(400, path="*openInterest*")
    listing.poll(reported.extend)
    assert reported[-1].open_interest
    exchange.faults.http(451, path="*openInterest*")
    with pytest.raises(RestError, match="location"):
        listing.poll(reported.extend)


def test_frames_without_tickers_do_no_harm(exchange, rest):
    """Refusals, malformed frames and breaks leave the table as it is."""
    listing = BinanceListing(Venue.BINANCE, rest, exchange.ws_root, QUICK, {})
    reported: list[Ticker] = []
    listing.watch(reported.extend)
    wait_until(lambda: exchange.connections)
    wait_until(lambda: reported)
    exchange.faults.server_shutdown()
    exchange.faults.close(Venue.BINANCE)
    wait_until(lambda: listing._connection.reconnects == 1)
    listing.on_malformed("odd")
    listing.on_aged(listing._connection)
    seen = len(reported)
    wait_until(lambda: len(reported) > seen)
    listing.watch(None)
    wait_until(lambda: not exchange.connections)
    listing.watch(None)


def test_the_time_request_returns_the_venues_clock(exchange, rest):
    listing = BinanceListing(Venue.BINANCE, rest, exchange.ws_root, QUICK, {})
    before = exchange.source.now()
    assert before <= listing.time() <= exchange.source.now()


def test_binance_announces_its_listing_on_the_market_route(rest):
    """One connection carries it as long as the provider runs, with and without viewers."""

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


def test_binance_loads_soon_while_a_contract_is_pending():
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
