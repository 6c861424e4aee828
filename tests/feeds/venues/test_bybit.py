"""Bybit's instrument listing."""

from __future__ import annotations

import json

import pytest

from orderflow_dash.feeds.tickers import TickerCache
from orderflow_dash.feeds.venues.bybit import BybitListing
from orderflow_dash.market import Venue
from tests.conftest import wait_until


def test_bybit_listing_on_a_real_server(rest, start_provider, monkeypatch):
    """Instruments page by page; one request returns every ticker."""
    monkeypatch.setattr(BybitListing, "poll_s", 0.01)
    tickers = TickerCache()
    provider = start_provider(BybitListing(Venue.BYBIT, rest), tickers, Venue.BYBIT)
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
    """Each page is requested with the cursor of the one before."""
    pages = Pages("a", "b", "")
    assert set(BybitListing(Venue.BYBIT, pages).load()) == {"S1", "S2", "S3"}
    assert pages.asked == ["", "a", "b"]


def test_cursors_that_never_end_are_given_up():
    """A venue whose cursors repeat does not hang the provider."""
    pages = Pages("again")
    assert len(BybitListing(Venue.BYBIT, pages).load()) == len(pages.asked) == 20


def test_the_time_request_returns_the_venues_clock(exchange, rest):
    before = exchange.source.now()
    assert before <= BybitListing(Venue.BYBIT, rest).time() <= exchange.source.now()


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


def test_bybit_pre_launch_contracts_are_listed_once_they_trade():
    """They are requested by their status; those in an auction are absent."""
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
    """A refusal of the second request does not fail the first."""
    bodies = Bodies(bybit_row("BTCUSDT", "Trading"))
    bodies.refuses_status = True
    assert set(BybitListing(Venue.BYBIT, bodies).load()) == {"BTCUSDT"}


@pytest.mark.parametrize("status", ["Closed", "Delivering"])
def test_bybit_returns_the_status_of_an_unlisted_symbol(status):
    """The plain listing leaves it out; a request by its status gives it."""
    listing = BybitListing(Venue.BYBIT, Bodies(bybit_row("ESUSDT", status)))
    assert listing.status_of("ESUSDT") == status
    assert listing.status_of("NOPEUSDT") == ""
